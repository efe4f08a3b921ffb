//! Users, who live in control.

use pipeline::ids::UserId;
use serde_json::Value;
use silo::{Fields, Pk, Silo, StoreError, Stored};

use crate::{by_unique, roles, several};

/// A user, as far as a relocation has to do with one.
#[derive(Clone, PartialEq, Eq)]
pub struct User {
    /// Primary key.
    pub id: UserId,
    /// The name to sign in with.
    pub username: String,
    /// The address; may be empty.
    pub email: String,
    /// Whether the account waits to be claimed.
    pub is_unclaimed: bool,
}

// An address has no place in logs.
impl std::fmt::Debug for User {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "User({})", self.id)
    }
}

/// The users with these ids, in the same order; none where there is no such user.
///
/// # Errors
/// The store's.
pub async fn users(control: &impl Silo, ids: &[UserId]) -> Result<Vec<Option<User>>, StoreError> {
    // An id beyond what a primary key can be is nobody's, and neither is a negative primary key.
    let pks: Vec<Pk> = ids.iter().map(|id| Pk::try_from(id.0).unwrap_or(-1)).collect();
    let roles = roles(control)?;
    let rows = several(control, roles.users(), &pks).await?;
    Ok(rows.into_iter().map(|row| row.map(|stored| roles.user(&stored.row))).collect())
}

/// The user with this name. Names that differ only in case are the same name.
///
/// # Errors
/// The store's.
pub async fn user_named(control: &impl Silo, username: &str) -> Result<Option<User>, StoreError> {
    let roles = roles(control)?;
    let (users, field) = (roles.users(), roles.username());
    let name = Fields::from_iter([(field.to_owned(), Value::from(username))]);
    let Some(pk) = by_unique(control, users, &[field], &[name]).await?.pop().flatten() else {
        return Ok(None);
    };
    Ok(control.get(users, &[pk]).await?.pop().flatten().map(|stored| roles.user(&stored.row)))
}

/// What lets these users claim their accounts, in the same order; none where a user has nothing.
///
/// # Errors
/// The store's.
pub async fn claims(control: &impl Silo, users: &[Pk]) -> Result<Vec<Option<Stored>>, StoreError> {
    let roles = roles(control)?;
    let (claims, field) = (roles.claims(), roles.claim().user.as_str());
    let of = |user: &Pk| Fields::from_iter([(field.to_owned(), Value::from(*user))]);
    let keys: Vec<Fields> = users.iter().map(of).collect();
    let pks = by_unique(control, claims, &[field], &keys).await?;
    let there: Vec<Pk> = pks.iter().flatten().copied().collect();
    let mut rows = several(control, claims, &there).await?.into_iter();
    Ok(pks.into_iter().map(|pk| pk.and_then(|_| rows.next().flatten())).collect())
}
