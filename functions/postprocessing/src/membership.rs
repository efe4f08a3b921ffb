//! The relocation's owner becomes an owner of each imported organisation.

use directory::{MEMBER, User, amend, by_unique, model};
use jiff::Timestamp;
use serde_json::{Value, json};
use silo::{Fields, Pk, Row, Silo, StoreError, StoreErrorKind, Transaction, Write, WriteError};

/// The role of an owner.
const OWNER: &str = "owner";

/// The longest address that a membership keeps.
const ADDRESS_LENGTH_MAX: usize = 75;

/// How often it is tried anew because a membership came into being or went meanwhile.
const ATTEMPTS_MAX: usize = 4;

/// Makes a user an owner of an organisation. One who is a member already gets the role; nothing else of the
/// row changes (SPEC §3). There is one membership for each organisation and user, so that doing this twice, or
/// two at once, makes no second one.
pub(crate) async fn make_owner(
    cell: &impl Silo,
    organization: Pk,
    user: &User,
    now: Timestamp,
) -> Result<(), StoreError> {
    let members = model(cell, MEMBER)?;
    let fields = membership(organization, user, now);
    for _ in 0..ATTEMPTS_MAX {
        let key = std::slice::from_ref(&fields);
        let present = by_unique(cell, members, &["organization", "user_id"], key).await?.pop().flatten();
        if let Some(pk) = present {
            return amend(cell, members, pk, promoted).await;
        }
        let row = Row::new(cell.reserve(members, 1).await?, fields.clone());
        let write = Write::insert(members, row);
        match cell.write(&Transaction { writes: vec![write], chunk: None }).await {
            Ok(()) => return Ok(()),
            Err(WriteError::Conflict(_)) => {}
            Err(WriteError::Store(error)) => return Err(error),
            Err(error @ WriteError::RowTooLarge { .. }) => {
                return Err(StoreError::with_source(StoreErrorKind::Refused, "writing a membership", error));
            }
        }
    }
    Err(StoreError::new(StoreErrorKind::Contention, "making a membership that keeps coming and going"))
}

fn promoted(fields: &Fields) -> Option<Fields> {
    let is_owner = fields.get("role").and_then(Value::as_str) == Some(OWNER);
    (!is_owner).then(|| {
        let mut fields = fields.clone();
        fields.insert("role".to_owned(), OWNER.into());
        fields
    })
}

/// A new membership. What says nothing about the user has the value that the application gives it.
fn membership(organization: Pk, user: &User, now: Timestamp) -> Fields {
    let address = Some(&user.email).filter(|address| address.chars().count() <= ADDRESS_LENGTH_MAX);
    let fields = json!({
        "organization": organization,
        "user_id": user.id,
        "email": null,
        "role": OWNER,
        "token": null,
        "date_added": format!("{now:.3}"),
        "token_expires_at": null,
        "has_global_access": true,
        "inviter_id": null,
        "invite_status": 0,
        "type": 50,
        "user_is_active": user.is_active,
        "user_email": address,
        "flags": "0",
    });
    match fields {
        Value::Object(fields) => fields,
        _ => Fields::new(),
    }
}
