//! Sends a file in parts, and what is missing of it after an interruption (SPEC §6).

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use pipeline::api::{CompleteRequest, MissingPart, PartView, UploadView};
use pipeline::code::ErrorCode;
use pipeline::ids::RelocationId;
use pipeline::kinds::Status;
use pipeline::relocation::Failure;
use ureq::SendBody;
use ureq::http::header::{CONTENT_LENGTH, ETAG};

use super::error::Said;
use super::patience::RETRIES;
use super::{ApiClient, ApiError, Patience, Record};
use crate::progress::Progress;

/// An upload of a file. Each part is read while it is sent, so that memory does not grow with the file.
pub(crate) struct Upload<'a> {
    /// The API.
    pub(crate) api: &'a ApiClient,
    /// The relocation that waits for the file.
    pub(crate) relocation: RelocationId,
    /// The file as it is uploaded.
    pub(crate) path: &'a Path,
    /// Shows how far it is.
    pub(crate) progress: Progress,
    /// How long to wait before a part is sent again.
    pub(crate) patience: Patience,
}

/// Why a file did not arrive.
#[derive(Debug, thiserror::Error)]
pub(crate) enum UploadError {
    /// The API refused something.
    #[error(transparent)]
    Api(#[from] ApiError),
    /// A part did not arrive.
    #[error("part {number} did not arrive")]
    Part {
        /// The part's number, from 1.
        number: u32,
        /// Why.
        #[source]
        source: ApiError,
    },
    /// The file cannot be read.
    #[error("{} cannot be read", .path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The relocation waits for a file of another size.
    #[error("the relocation waits for a file of {declared} bytes, and this one has {actual}")]
    OtherFile {
        /// The size that the relocation was asked for with.
        declared: u64,
        /// The size of the file.
        actual: u64,
    },
    /// Somebody stopped it.
    #[error("it was stopped")]
    Interrupted,
    /// The relocation waits no longer.
    #[error("the relocation has ended: {} ({})", .0.detail, .0.code)]
    Ended(Failure),
}

impl UploadError {
    fn can_retry(&self) -> bool {
        match self {
            Self::Api(error) => error.can_retry(),
            // Whatever the store says of one URL, a fresh one may do: the API tells what became of the upload.
            Self::Part { .. } => true,
            Self::File { .. } | Self::OtherFile { .. } | Self::Interrupted | Self::Ended(_) => false,
        }
    }

    /// Whether the same upload can be continued later.
    pub(crate) fn can_continue(&self) -> bool {
        !matches!(self, Self::OtherFile { .. } | Self::Ended(_))
    }
}

impl Upload<'_> {
    /// Sends the parts that are missing and completes the upload. After each failure the API is asked anew: it gives
    /// fresh URLs, and knows the parts that arrived although nobody was told.
    pub(crate) fn send(&self) -> Result<Record, UploadError> {
        let mut file = File::open(self.path).map_err(|source| self.unread(source))?;
        let bytes = file.metadata().map_err(|source| self.unread(source))?.len();
        let mut failures = 0;
        loop {
            match self.send_missing(&mut file, bytes, &mut failures) {
                Ok(Some(record)) => return Ok(record),
                Ok(None) => {}
                Err(UploadError::Api(error)) if error.code() == ErrorCode::NotUploading.as_str() => {
                    return self.arrived();
                }
                Err(error) if failures < RETRIES && error.can_retry() => {
                    failures += 1;
                    std::thread::sleep(self.patience.after_failures(failures));
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// Sends the parts that one answer names; none when there may be more, or their URLs have expired.
    fn send_missing(
        &self,
        file: &mut File,
        bytes: u64,
        failures: &mut u32,
    ) -> Result<Option<Record>, UploadError> {
        let mut upload = self.api.upload(self.relocation)?;
        if upload.file_size != bytes {
            return Err(UploadError::OtherFile { declared: upload.file_size, actual: bytes });
        }
        let missing: u64 = upload.missing.iter().map(|part| length(&upload, part)).sum();
        let unnamed =
            u64::from(upload.part_count).saturating_sub((upload.parts.len() + upload.missing.len()) as u64);
        let there = bytes.saturating_sub(missing).saturating_sub(unnamed * upload.part_size);
        self.progress.set(there, bytes);
        let mut parts = std::mem::take(&mut upload.parts);
        for (index, part) in upload.missing.iter().enumerate() {
            // A clock that is fast must not keep the first part from being sent.
            if index > 0 && part.expires_at <= Timestamp::now() {
                return Ok(None);
            }
            parts.push(self.send_part(file, &upload, part)?);
            *failures = 0;
        }
        if unnamed > 0 && !upload.missing.is_empty() {
            return Ok(None);
        }
        parts.sort_by_key(|part| part.part_number);
        Ok(Some(self.api.complete_upload(self.relocation, &CompleteRequest { parts })?))
    }

    fn send_part(
        &self,
        file: &mut File,
        upload: &UploadView,
        part: &MissingPart,
    ) -> Result<PartView, UploadError> {
        let offset = u64::from(part.part_number.saturating_sub(1)) * upload.part_size;
        let length = length(upload, part);
        file.seek(SeekFrom::Start(offset)).map_err(|source| self.unread(source))?;
        let mut body = PartBody { file, left: length, upload: self, broken: None };
        let mut request = self.api.store.put(&part.url).header(CONTENT_LENGTH, length);
        for (name, value) in
            part.headers.iter().filter(|(name, _)| !CONTENT_LENGTH.as_str().eq_ignore_ascii_case(name))
        {
            request = request.header(name, value);
        }
        let answer = request.send(SendBody::from_reader(&mut body));
        if let Some(error) = body.broken {
            return Err(error);
        }
        let number = part.part_number;
        let what = "sending it";
        let answer = answer.map_err(|source| ApiError::unsent(what, source)).and_then(|answer| {
            let etag = answer.headers().get(ETAG).and_then(|value| value.to_str().ok()).map(str::to_owned);
            match etag {
                _ if !answer.status().is_success() => Err(ApiError::refused(what, answer)),
                Some(etag) => Ok(PartView { part_number: number, etag }),
                None => {
                    let source = Said("there is no entity tag".to_owned()).into();
                    Err(ApiError::Unexpected { what: what.to_owned(), source })
                }
            }
        });
        answer.map_err(|source| UploadError::Part { number, source })
    }

    /// What became of an upload that is over, unless the relocation failed without it.
    fn arrived(&self) -> Result<Record, UploadError> {
        let record = self.api.relocation(self.relocation)?;
        match &record.view.failure_reason {
            Some(failure) if record.view.status == Status::Failure => {
                Err(UploadError::Ended(failure.clone()))
            }
            _ => Ok(record),
        }
    }

    fn unread(&self, source: io::Error) -> UploadError {
        UploadError::File { path: self.path.to_owned(), source }
    }
}

/// How many bytes a part has.
fn length(upload: &UploadView, part: &MissingPart) -> u64 {
    let offset = u64::from(part.part_number.saturating_sub(1)) * upload.part_size;
    upload.part_size.min(upload.file_size.saturating_sub(offset))
}

/// The bytes of a part on their way.
struct PartBody<'a> {
    file: &'a mut File,
    left: u64,
    upload: &'a Upload<'a>,
    /// Why it cannot go on, which is no fault of the other side.
    broken: Option<UploadError>,
}

impl Read for PartBody<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = match self.file.take(self.left).read(buffer) {
            Ok(0) if self.left > 0 && !buffer.is_empty() => Err(io::ErrorKind::UnexpectedEof.into()),
            read => read,
        };
        match read {
            Ok(read) => {
                self.left -= read as u64;
                self.upload.progress.advance(read as u64);
                Ok(read)
            }
            Err(error) => {
                let kind = error.kind();
                self.broken = Some(self.upload.unread(error));
                Err(kind.into())
            }
        }
    }
}
