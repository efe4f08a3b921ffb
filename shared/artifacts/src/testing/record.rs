use pipeline::artifact;
use pipeline::commit::{Commit, Lock};
use pipeline::ids::RelocationId;
use pipeline::kinds::FileKind;
use pipeline::memory::{MemoryObjects, MemoryRelocations};
use pipeline::port::{CommitRelocations, ReadRelocations};
use pipeline::relocation::{Place, Relocation, RelocationFile};

/// The kind of the file that was handed in.
pub const RAW_DATA: FileKind = FileKind::RawUserData;

/// Stores an object, and says what a record has of its version.
pub fn stored(
    objects: &MemoryObjects,
    kind: FileKind,
    (place, key): (Place, &str),
    content: Vec<u8>,
) -> RelocationFile {
    let bytes = content.len() as u64;
    let pinned = Some(objects.insert(place, key, content).pinned);
    RelocationFile { kind, place, key: key.to_owned(), bytes, pinned, upload: None, proof: None }
}

/// Stores an input of the validation where it belongs.
pub fn input(objects: &MemoryObjects, id: RelocationId, kind: FileKind, content: Vec<u8>) -> RelocationFile {
    stored(objects, kind, (Place::Artifacts, &artifact::input(id, kind)), content)
}

/// Changes a record past all transitions, and gives it files.
///
/// # Panics
/// There is no such relocation.
pub async fn amend(
    store: &MemoryRelocations,
    id: RelocationId,
    files: Vec<RelocationFile>,
    change: impl FnOnce(&mut Relocation),
) {
    let mut relocation = store.relocation(id).await.expect("a read").expect("a relocation");
    let expected = relocation.version;
    relocation.version = expected.next();
    change(&mut relocation);
    let commit = Commit {
        expected,
        relocation,
        lock: Lock::Keep,
        files,
        outcome: None,
        outbox: Vec::new(),
        audit: None,
        counted: None,
    };
    store.commit(commit).await.expect("a commit");
}
