use pipeline::ids::RelocationId;
use pipeline::kinds::FileKind;
use pipeline::port::{ObjectInfo, ReadRelocations};
use pipeline::relocation::{Place, RelocationFile};
use runtime::TaskError;

/// One version of an object, which never changes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Located {
    /// The bucket that holds it.
    pub place: Place,
    /// Its key.
    pub key: String,
    /// Its version.
    pub version: String,
    /// Its size.
    pub bytes: u64,
    /// The proof that the sealed export in it was verified, if it was; see [`crate::SealedFile::proof`].
    pub proof: Option<String>,
}

impl Located {
    /// Where a relocation's file lies.
    ///
    /// # Errors
    /// No version of it is pinned yet. The order of tasks rules that out, so a retry cannot help.
    pub fn of(file: &RelocationFile) -> Result<Self, TaskError> {
        let RelocationFile { place, key, bytes, pinned, proof, .. } = file.clone();
        let pinned = pinned.ok_or_else(|| TaskError::permanent(format!("no version of {key} is pinned")))?;
        Ok(Self { place, key, version: pinned.version, bytes, proof })
    }
}

/// What the record says of a relocation's file.
///
/// # Errors
/// The store's. A file that the record does not have yet is transient.
pub async fn file(
    store: &impl ReadRelocations,
    id: RelocationId,
    kind: FileKind,
) -> Result<RelocationFile, TaskError> {
    let file = store.file(id, kind).await?;
    file.ok_or_else(|| TaskError::transient(format!("the relocation has no {kind} yet")))
}

/// What the record is to say of an artifact that was stored as a relocation's file.
#[must_use]
pub fn recorded(kind: FileKind, stored: ObjectInfo) -> RelocationFile {
    let ObjectInfo { key, bytes, pinned } = stored;
    let (pinned, upload, proof) = (Some(pinned), None, None);
    RelocationFile { kind, place: Place::Artifacts, key, bytes, pinned, upload, proof }
}
