use std::fs::File;
use std::io::{self, BufReader, BufWriter, Seek};
use std::path::Path;

use jiff::Timestamp;
use pipeline::port::{Entropy, ObjectInfo, WriteObjects};
use pipeline::relocation::Place;
use runtime::TaskError;
use seal::{DataKey, PublicKey, SealError, SealOptions};
use silo::{Silo, Silos};
use transfer::export::{ExportError, ExportRequest, export};
use transfer::rows::RowReader;

use crate::{blocking, refused_file};

/// An export in a nameless temporary file, because a tarball says how long a member is before its content, and
/// an export knows its length only at its end.
#[derive(Debug)]
pub struct Spool(File);

impl Spool {
    /// Exports into a temporary file in `folder`.
    ///
    /// # Errors
    /// A silo or the file system failed.
    pub async fn export<S: Silo>(
        silos: Silos<'_, S>,
        request: &ExportRequest,
        folder: &Path,
    ) -> Result<Self, TaskError> {
        let exported = async {
            let sink = BufWriter::new(tempfile::tempfile_in(folder)?);
            let (sink, _) = export(silos, request, sink).await?;
            Ok(Self(sink.into_inner().map_err(io::IntoInnerError::into_error)?))
        };
        let broken =
            |error: ExportError| TaskError::Broken { retryable: error.retryable(), source: error.into() };
        exported.await.map_err(broken)
    }

    /// Reads the export's rows. One reading at a time: they share the file's position.
    ///
    /// # Errors
    /// The file system's.
    pub fn rows(&self) -> io::Result<RowReader<File>> {
        Ok(RowReader::new(self.rewound()?))
    }

    /// Seals the export and streams it into an artifact.
    ///
    /// # Errors
    /// The store's and the file system's.
    pub async fn store(
        &self,
        objects: &impl WriteObjects,
        key: &str,
        sealing: Sealing,
    ) -> Result<ObjectInfo, TaskError> {
        let file = self.rewound().map_err(TaskError::transient)?;
        let (writer, stream) = runtime::blocking::writer();
        let sealed = blocking(move || {
            let seal = || -> Result<(), SealError> {
                let length = file.metadata()?.len();
                let writer = seal::seal(BufReader::new(file), writer, &sealing.options(length))?;
                Ok(writer.finish()?)
            };
            seal().map_err(refused_file)
        });
        let (stored, sealed) = tokio::join!(objects.put(Place::Artifacts, key, stream), sealed);
        // When the store fails, sealing fails after it; when sealing fails, the store says only that the
        // stream broke off.
        let stored = stored?;
        sealed?;
        Ok(stored)
    }

    fn rewound(&self) -> io::Result<File> {
        let mut file = self.0.try_clone()?;
        file.rewind()?;
        Ok(file)
    }
}

/// What goes into a sealed export beside its rows.
pub struct Sealing {
    public_key: PublicKey,
    data_key: DataKey,
    iv: [u8; 16],
    created_at: u64,
}

impl Sealing {
    /// Sealing for the holder of a key, with a fresh data key.
    pub fn new(public_key: PublicKey, entropy: &dyn Entropy, now: Timestamp) -> Self {
        Self {
            public_key,
            data_key: DataKey::from_bytes(&entropy.bytes()),
            iv: entropy.bytes().first_chunk().copied().unwrap_or_default(),
            created_at: now.as_second().try_into().unwrap_or_default(),
        }
    }

    pub(crate) const fn options(&self, plaintext_len: u64) -> SealOptions<'_> {
        let Self { public_key, data_key, iv, created_at } = self;
        SealOptions { public_key, data_key, iv: *iv, created_at: *created_at, plaintext_len }
    }
}
