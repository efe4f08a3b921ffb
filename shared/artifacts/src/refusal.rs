//! What a file that cannot be used comes to: a verdict with its own code, or another try.

use pipeline::code::ErrorCode;
use pipeline::port::PortError;
use pipeline::relocation::Failure;
use runtime::TaskError;
use runtime::blocking::port_error_in;
use seal::SealError;
use transfer::rows::ReadError;

/// A sealed file that cannot be opened. What is wrong with it is a verdict (SPEC, "The sealed export"); a store
/// that does not answer is not.
#[must_use]
pub fn refused_file(error: SealError) -> TaskError {
    match code(&error) {
        Some(code) => verdict(code, &error),
        None => {
            let by_port = port_error_in(&error).map(PortError::retryable);
            TaskError::Broken { retryable: by_port.unwrap_or(error.retryable()), source: error.into() }
        }
    }
}

/// An export whose rows cannot be read. The verdict says which row, by position and offset, and nothing of
/// what stands in it.
#[must_use]
pub fn refused_rows(error: ReadError) -> TaskError {
    match error {
        ReadError::Io { source, .. } => refused_file(source.into()),
        ReadError::NotAnArray { .. }
        | ReadError::NotARow { .. }
        | ReadError::RowTooLong { .. }
        | ReadError::TooDeep { .. } => verdict(ErrorCode::InvalidJson, &error),
    }
}

/// The code's sentence, and what was found: neither quotes content.
fn verdict(code: ErrorCode, error: &impl std::fmt::Display) -> TaskError {
    TaskError::Verdict(Failure::new(code, format!("{} ({error})", code.sentence())))
}

/// The code of an error that is the file's fault; none for errors of ours and of the world.
const fn code(error: &SealError) -> Option<ErrorCode> {
    match error {
        SealError::NotATarball
        | SealError::CorruptHeader { .. }
        | SealError::Truncated { .. }
        | SealError::TrailingData { .. }
        | SealError::UnsupportedMember { .. }
        | SealError::UnsafePath { .. }
        | SealError::TooLarge { .. } => Some(ErrorCode::InvalidTarball),
        SealError::UnknownMember { .. } => Some(ErrorCode::UnknownMember),
        SealError::DuplicateMember(_) => Some(ErrorCode::DuplicateMember),
        SealError::MissingMember(_) => Some(ErrorCode::MissingMember),
        SealError::BadPublicKey(_) | SealError::ForeignPublicKey => Some(ErrorCode::ForeignPublicKey),
        SealError::WrongKey => Some(ErrorCode::WrongKey),
        // The data key came out, but it is none: whoever wrapped it wrote something else.
        SealError::BadDataKey | SealError::BadToken(_) => Some(ErrorCode::BadToken),
        SealError::Io(_)
        | SealError::BadPrivateKey(_)
        | SealError::KeyService(_)
        | SealError::NotVerified
        | SealError::OffsetPastEnd { .. }
        | SealError::WrongLength { .. }
        | SealError::Crypto(_) => None,
    }
}
