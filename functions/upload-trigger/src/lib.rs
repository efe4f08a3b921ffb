//! `upload-trigger`: an upload has arrived, so the relocation's first run starts. S3 tells EventBridge, and
//! EventBridge tells this function, once or more often.

use std::sync::Arc;

use pipeline::artifact::relocation_of_upload;
use pipeline::code::ErrorCode;
use pipeline::commit::Commit;
use pipeline::ids::RelocationId;
use pipeline::kinds::FileKind;
use pipeline::port::{Clock, CommitError, CommitRelocations, ReadRelocations};
use pipeline::relocation::{Relocation, RelocationFile};
use pipeline::transition::lifecycle::{awaits_upload, upload_completed};
use pipeline::transition::{Cause, fail};
use runtime::{telemetry, update};
use serde::Deserialize;
use tracing::{Instrument, Span, field, info, warn};

/// S3's event "Object Created", as far as it is needed.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct ObjectCreated {
    /// What it is about.
    pub detail: Detail,
}

/// What an event is about.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Detail {
    /// The new object.
    pub object: Object,
}

/// An object that is there now.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Object {
    /// Its key.
    pub key: String,
    /// Its size in bytes.
    pub size: u64,
}

/// The function.
pub struct UploadTrigger<R> {
    /// Where relocations are.
    pub store: Arc<R>,
    /// Tells the time.
    pub clock: Box<dyn Clock>,
}

impl<R: ReadRelocations + CommitRelocations> UploadTrigger<R> {
    /// Starts the run that an upload was awaited for; fails the relocation if the file is not as large as was
    /// declared. Anything else changes nothing: a repeated event, one that comes too late, an object that is no
    /// upload of ours.
    ///
    /// # Errors
    /// The store failed; trying again can help.
    pub async fn handle(&self, event: &ObjectCreated) -> Result<(), CommitError> {
        let Object { key, size } = &event.detail.object;
        let Some(id) = relocation_of_upload(key) else {
            warn!(key, "an object that is no upload was created among the uploads");
            return Ok(());
        };
        let span = telemetry::span("upload-trigger", None);
        span.record("relocation", field::display(id));
        self.arrived(id, *size).instrument(span).await
    }

    /// The upload of a relocation has arrived.
    async fn arrived(&self, id: RelocationId, size: u64) -> Result<(), CommitError> {
        let Some(file) = self.store.file(id, FileKind::RawUserData).await? else {
            warn!("an upload belongs to no relocation");
            return Ok(());
        };
        let decide = |relocation: &Relocation| Ok::<_, CommitError>(self.decide(relocation, &file, size));
        let after = update(self.store.as_ref(), id, decide).await?;
        after.inspect(|relocation| telemetry::join(&Span::current(), relocation.trace()));
        info!("the upload has arrived");
        Ok(())
    }

    fn decide(&self, relocation: &Relocation, file: &RelocationFile, size: u64) -> Option<Commit> {
        let now = self.clock.now();
        if awaits_upload(relocation) && size != file.bytes {
            let failure = ErrorCode::UploadIncomplete.into();
            return fail(relocation, failure, &Cause::Pipeline("upload"), now);
        }
        upload_completed(relocation, now)
    }
}
