//! `postprocessing` (SPEC §3, 12): the imported organisations are handed to their owner, and whoever
//! subscribes to events is told.

mod membership;

use std::sync::Arc;

use directory::{Roles, broken, inserted, plan, roles, several};
use pipeline::code::ErrorCode;
use pipeline::event::{Event, OrganizationImported, PromotionRequested, Relocated};
use pipeline::relocation::{Failure, Relocation};
use pipeline::task::OrderedTask;
use pipeline::transition::{Changes, Finished};
use runtime::{Task, TaskContext, TaskError};
use silo::{Pk, Row, Silo};

/// The task.
#[derive(Debug)]
pub struct Postprocessing<S> {
    /// Where organisations and memberships are.
    pub cell: Arc<S>,
    /// Where the owner is.
    pub control: Arc<S>,
}

/// An organisation that the import inserted.
struct Organization {
    pk: Pk,
    slug: String,
}

impl<S: Silo> Task for Postprocessing<S> {
    const TASK: OrderedTask = OrderedTask::Postprocessing;

    async fn run(&self, context: &TaskContext) -> Result<Finished, TaskError> {
        let relocation = &context.relocation;
        let organizations = self.organizations(relocation).await?;
        let cell = self.cell.as_ref();
        check_slugs(roles(cell).map_err(broken)?, relocation, &organizations)?;
        let owner = self.owner(relocation).await?.ok_or_else(|| TaskError::verdict(ErrorCode::OwnerGone))?;
        let plan = plan(cell, relocation.id.uuid()).await.map_err(broken)?;
        for organization in &organizations {
            context.fence.check().await?;
            membership::make_owner(cell, &plan, organization.pk, &owner, context.now)
                .await
                .map_err(broken)?;
        }
        let events = events(relocation, &organizations);
        Ok(Finished::next().with(Changes { events, ..Changes::default() }))
    }
}

impl<S: Silo> Postprocessing<S> {
    /// The organisations that the import inserted and that nobody has deleted since.
    async fn organizations(&self, relocation: &Relocation) -> Result<Vec<Organization>, TaskError> {
        let cell = self.cell.as_ref();
        let roles = roles(cell).map_err(broken)?;
        let pks = inserted(cell, relocation.id.uuid(), roles.organizations()).await.map_err(broken)?;
        let rows = several(cell, roles.organizations(), &pks).await.map_err(broken)?;
        let organization = |stored: silo::Stored| {
            let slug = roles.slug(&stored.row).unwrap_or_default().to_owned();
            Organization { pk: stored.row.pk, slug }
        };
        Ok(rows.into_iter().flatten().map(organization).collect())
    }

    /// The relocation's owner as a row: a membership repeats some of it.
    async fn owner(&self, relocation: &Relocation) -> Result<Option<Row>, TaskError> {
        let control = self.control.as_ref();
        let users = roles(control).map_err(broken)?.users();
        // An id beyond what a primary key can be is nobody's, and neither is a negative primary key.
        let pk = Pk::try_from(relocation.owner.0).unwrap_or(-1);
        let rows = control.get(users, &[pk]).await.map_err(broken)?;
        Ok(rows.into_iter().flatten().next().map(|stored| stored.row))
    }
}

/// Nobody is to be handed what was not asked for: neither another organisation nor, from a file that has a
/// slug more than once, more of them.
fn check_slugs(
    roles: Roles<'_>,
    relocation: &Relocation,
    organizations: &[Organization],
) -> Result<(), TaskError> {
    let wanted = roles.wanted_slugs(relocation.want_org_slugs.iter().cloned());
    let unexpected = organizations.iter().find(|organization| !wanted.covers(&organization.slug));
    let detail = match unexpected {
        Some(Organization { slug, .. }) => {
            format!("The organization `{slug}` was imported, for which nobody asked.")
        }
        None if organizations.len() > relocation.want_org_slugs.len() => {
            "More organizations were imported than were asked for.".to_owned()
        }
        None => return Ok(()),
    };
    let detail = format!("{detail} Support has to look at it before it is released.");
    Err(TaskError::Verdict(Failure::new(ErrorCode::UnexpectedOrganization, detail)))
}

/// What happened, in the order in which SPEC §3 tells it. There is one event for each organisation, of which
/// the scan admits 20, so that they fit one commit.
fn events(relocation: &Relocation, organizations: &[Organization]) -> Vec<Event> {
    let owner_id = relocation.owner;
    let organization_ids: Vec<u64> = organizations.iter().map(|one| one.pk.unsigned_abs()).collect();
    let promotion = relocation.promo_code.clone().map(|promo_code| {
        let organization_ids = organization_ids.clone();
        Event::PromotionRequested(PromotionRequested { promo_code, owner_id, organization_ids })
    });
    let imported = organizations.iter().map(|organization| {
        Event::OrganizationImported(OrganizationImported {
            organization_id: organization.pk.unsigned_abs(),
            import_uuid: relocation.id.uuid(),
            slug: organization.slug.clone(),
            owner_id,
        })
    });
    let relocated = Event::Relocated(Relocated { owner_id, organization_ids });
    std::iter::once(relocated).chain(promotion).chain(imported).collect()
}
