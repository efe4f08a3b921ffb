//! The organisations that came with each user.

use std::collections::{BTreeMap, BTreeSet};

use directory::{MEMBER, ORGANIZATION, imported, inserted, model, several};
use serde_json::Value;
use silo::{Pk, Silo, StoreError};
use uuid::Uuid;

/// The slugs of imported organisations, as they are now, by member.
pub(crate) struct Slugs(BTreeMap<Pk, BTreeSet<String>>);

impl Slugs {
    /// Reads the imported organisations and memberships.
    pub(crate) async fn read(cell: &impl Silo, import: Uuid) -> Result<Self, StoreError> {
        let organizations = inserted(cell, import, ORGANIZATION).await?;
        let rows = several(cell, model(cell, ORGANIZATION)?, &organizations).await?;
        let slug = |stored: silo::Stored| {
            let slug = stored.row.fields.get("slug").and_then(Value::as_str)?.to_owned();
            Some((stored.row.pk, slug))
        };
        let slugs: BTreeMap<Pk, String> = rows.into_iter().flatten().filter_map(slug).collect();

        let members: Vec<Pk> = imported(cell, import, MEMBER).await?.into_iter().map(|row| row.pk).collect();
        let rows = several(cell, model(cell, MEMBER)?, &members).await?;
        let mut by_user: BTreeMap<Pk, BTreeSet<String>> = BTreeMap::new();
        for row in rows.into_iter().flatten().map(|stored| stored.row) {
            let slug = row.key("organization").and_then(|pk| slugs.get(&pk));
            if let (Some(user), Some(slug)) = (row.key("user_id"), slug) {
                by_user.entry(user).or_default().insert(slug.clone());
            }
        }
        Ok(Self(by_user))
    }

    /// The slugs of one user's organisations.
    pub(crate) fn of_user(&self, user: Pk) -> Vec<String> {
        self.0.get(&user).into_iter().flatten().cloned().collect()
    }
}
