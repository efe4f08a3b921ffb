//! `uploading_complete`, the second ordered task (SPEC §3, 2): the raw file is there, whole and readable.
//!
//! It pins the version that it found so, because customers can write to that bucket: whatever they upload from
//! now on, every later task reads this version (DESIGN §3, "Reading"). What is in the file, the scan looks at.

use std::sync::Arc;

use artifacts::{Located, file};
use futures::TryStreamExt;
use pipeline::code::ErrorCode;
use pipeline::kinds::FileKind;
use pipeline::port::{ReadObjects, ReadRelocations};
use pipeline::relocation::{Failure, RelocationFile};
use pipeline::task::OrderedTask;
use pipeline::transition::{Changes, Finished};
use runtime::{Task, TaskContext, TaskError};

/// The task.
pub struct UploadingComplete<R, O> {
    /// Where relocations are.
    pub store: Arc<R>,
    /// Where the upload is.
    pub objects: Arc<O>,
}

impl<R, O> Task for UploadingComplete<R, O>
where
    R: ReadRelocations,
    O: ReadObjects,
{
    const TASK: OrderedTask = OrderedTask::UploadingComplete;

    async fn run(&self, context: &TaskContext) -> Result<Finished, TaskError> {
        let mut file = file(&*self.store, context.relocation.id, FileKind::RawUserData).await?;
        // A file that came from elsewhere (a retried relocation's, another cell's) is pinned already.
        if file.pinned.is_none() {
            file = self.pin(file).await?;
        }
        self.read_last_byte(&Located::of(&file)?).await?;
        Ok(Finished::next().with(Changes { files: vec![file], ..Changes::default() }))
    }
}

impl<R: ReadRelocations, O: ReadObjects> UploadingComplete<R, O> {
    /// Pins the latest version, if it is as large as was declared.
    async fn pin(&self, file: RelocationFile) -> Result<RelocationFile, TaskError> {
        let found = self.objects.head(file.place, &file.key).await?;
        let found = found.ok_or_else(|| TaskError::transient(format!("{} is not there yet", file.key)))?;
        if found.bytes != file.bytes {
            let code = ErrorCode::UploadIncomplete;
            let (sentence, declared, arrived) = (code.sentence(), file.bytes, found.bytes);
            let detail = format!("{sentence} ({declared} bytes were declared, {arrived} arrived)");
            return Err(TaskError::Verdict(Failure::new(code, detail)));
        }
        Ok(RelocationFile { pinned: Some(found.pinned), ..file })
    }

    /// Reads the pinned version's last byte: it can be read, and reaches to its end.
    async fn read_last_byte(&self, at: &Located) -> Result<(), TaskError> {
        let Some(last) = at.bytes.checked_sub(1) else { return Ok(()) };
        let stream = self.objects.get(at.place, &at.key, Some(&at.version), last).await?;
        let unreadable = || TaskError::transient(format!("{} cannot be read to its end yet", at.key));
        let mut stream = stream.ok_or_else(unreadable)?;
        stream.try_next().await?.filter(|bytes| !bytes.is_empty()).map(drop).ok_or_else(unreadable)
    }
}
