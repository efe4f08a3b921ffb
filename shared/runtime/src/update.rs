use pipeline::commit::Commit;
use pipeline::ids::RelocationId;
use pipeline::port::{CommitError, CommitRelocations, PortError, ReadRelocations};
use pipeline::relocation::Relocation;

/// How often a commit is decided anew because the record changed under it. A conflict is rare, and a second
/// one in a row rarer.
pub(crate) const MAX_CONFLICTS: usize = 8;

/// Reads a relocation, lets a transition decide, and commits what it decided; anew when the record changed
/// meanwhile. The relocation as it is then, which is as it was when `decide` wants no change; `None` when
/// there is none.
///
/// # Errors
/// What `decide` refuses with; what the store says, other than a conflict that passed.
pub async fn update<S, E>(
    store: &S,
    id: RelocationId,
    decide: impl Fn(&Relocation) -> Result<Option<Commit>, E> + Send,
) -> Result<Option<Relocation>, E>
where
    S: ReadRelocations + CommitRelocations,
    E: From<CommitError>,
{
    for _ in 0..MAX_CONFLICTS {
        let read = store.relocation(id).await.map_err(CommitError::from)?;
        let Some(relocation) = read else { return Ok(None) };
        let Some(commit) = decide(&relocation)? else { return Ok(Some(relocation)) };
        let after = commit.relocation.clone();
        match store.commit(commit).await {
            Ok(()) => return Ok(Some(after)),
            Err(CommitError::Conflict(_)) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Err(CommitError::Port(too_many_conflicts()).into())
}

pub(crate) fn too_many_conflicts() -> PortError {
    PortError::transient("commit a change of a relocation", "the record kept changing")
}
