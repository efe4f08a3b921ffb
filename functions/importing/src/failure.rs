use pipeline::code::ErrorCode;
use pipeline::relocation::Failure;
use runtime::TaskError;
use transfer::import::ImportError;

/// What an import's error means for the relocation. A row that cannot be imported is a verdict, which names its
/// model, ordinal and primary key, and nothing of what stands in it.
pub(crate) fn task_error(error: ImportError) -> TaskError {
    match error {
        ImportError::Row { .. } => {
            let detail = format!("{} ({error})", ErrorCode::ImportRejected.sentence());
            TaskError::Verdict(Failure::new(ErrorCode::ImportRejected, detail))
        }
        ImportError::Read(error) => artifacts::refused_rows(error),
        ImportError::Open(error) => artifacts::refused_file(error.into()),
        ImportError::Store { .. } | ImportError::Request { .. } | ImportError::NotEmpty { .. } => {
            TaskError::Broken { retryable: error.retryable(), source: error.into() }
        }
    }
}
