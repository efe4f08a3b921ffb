//! The organisations that came with each user.

use std::collections::{BTreeMap, BTreeSet};

use directory::{imported, inserted, roles, several};
use silo::{Pk, Silo, StoreError};
use uuid::Uuid;

/// The slugs of imported organisations, as they are now, by member.
pub(crate) struct Slugs(BTreeMap<Pk, BTreeSet<String>>);

impl Slugs {
    /// Reads the imported organisations and memberships.
    pub(crate) async fn read(cell: &impl Silo, import: Uuid) -> Result<Self, StoreError> {
        let roles = roles(cell)?;
        let organizations = inserted(cell, import, roles.organizations()).await?;
        let rows = several(cell, roles.organizations(), &organizations).await?;
        let slug = |stored: silo::Stored| Some((stored.row.pk, roles.slug(&stored.row)?.to_owned()));
        let slugs: BTreeMap<Pk, String> = rows.into_iter().flatten().filter_map(slug).collect();

        let members = imported(cell, import, roles.members()).await?;
        let members: Vec<Pk> = members.into_iter().map(|row| row.pk).collect();
        let rows = several(cell, roles.members(), &members).await?;
        let mut by_user: BTreeMap<Pk, BTreeSet<String>> = BTreeMap::new();
        for row in rows.into_iter().flatten().map(|stored| stored.row) {
            let Some((user, organization)) = roles.membership(&row) else { continue };
            if let Some(slug) = slugs.get(&organization) {
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
