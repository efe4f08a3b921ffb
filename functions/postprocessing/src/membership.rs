//! The relocation's owner becomes an owner of each imported organisation.

use catalog::Condition;
use directory::{amend, by_unique, roles};
use jiff::Timestamp;
use silo::{Fields, ImportPlan, Pk, Row, Silo, StoreError, StoreErrorKind, Write, WriteError};

/// How often it is tried anew because memberships came into being or went meanwhile.
const ATTEMPTS_MAX: usize = 20;

/// Makes a user an owner of an organisation. One who is a member already gets the role; nothing else of the
/// row changes (SPEC §3). There is one membership for each organisation and user, so that doing this twice, or
/// two at once, makes no second one. The journal of the import tells what it was before.
pub(crate) async fn make_owner(
    cell: &impl Silo,
    plan: &ImportPlan,
    organization: Pk,
    user: &Row,
    now: Timestamp,
) -> Result<(), StoreError> {
    let roles = roles(cell)?;
    let members = roles.members();
    let fields = roles.new_owner(organization, user, now);
    for _ in 0..ATTEMPTS_MAX {
        let key = std::slice::from_ref(&fields);
        let present = by_unique(cell, members, &roles.member_keys(), key).await?.pop().flatten();
        if let Some(pk) = present {
            return amend(cell, plan, members, pk, |fields| promoted(roles.owner(), fields)).await;
        }
        // Whoever reconciles memberships goes by their primary keys: no row may appear beneath one that is there.
        let row = Row::new(cell.next_pk(members).await?, fields.clone());
        let write = Write::insert_next(members, row);
        match cell.write(&plan.transaction(cell.catalog(), vec![write], None)).await {
            Ok(()) => return Ok(()),
            Err(WriteError::Conflict(_)) => {}
            // Somebody else takes a primary key right now.
            Err(WriteError::Store(error)) if error.kind == StoreErrorKind::Contention => {}
            Err(WriteError::Store(error)) => return Err(error),
            Err(error @ WriteError::RowTooLarge { .. }) => {
                return Err(StoreError::with_source(StoreErrorKind::Refused, "writing a membership", error));
            }
        }
    }
    Err(StoreError::new(StoreErrorKind::Contention, "making a membership that keeps coming and going"))
}

/// A membership that is an owner's; none if it is already.
fn promoted(owner: &Condition, fields: &Fields) -> Option<Fields> {
    (!owner.holds(fields)).then(|| {
        let mut fields = fields.clone();
        fields.insert(owner.field.clone(), owner.value.clone());
        fields
    })
}
