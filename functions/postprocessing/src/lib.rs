//! `postprocessing` (SPEC §3, 12): the imported organisations are handed to their owner, and whoever
//! subscribes to events is told.

mod membership;

use std::sync::Arc;

use directory::{ORGANIZATION, Wanted, broken, inserted, model, several, users};
use pipeline::code::ErrorCode;
use pipeline::event::{Event, OrganizationImported, PromotionRequested, Relocated};
use pipeline::relocation::{Failure, Relocation};
use pipeline::task::OrderedTask;
use pipeline::transition::{Changes, Finished};
use runtime::{Task, TaskContext, TaskError};
use serde_json::Value;
use silo::{Pk, Silo};

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
        check_slugs(relocation, &organizations)?;
        let owner = users(self.control.as_ref(), &[relocation.owner]).await.map_err(broken)?.pop().flatten();
        let owner = owner.ok_or_else(|| TaskError::verdict(ErrorCode::OwnerGone))?;
        for organization in &organizations {
            context.fence.check().await?;
            membership::make_owner(self.cell.as_ref(), organization.pk, &owner, context.now)
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
        let pks = inserted(cell, relocation.id.uuid(), ORGANIZATION).await.map_err(broken)?;
        let rows = several(cell, model(cell, ORGANIZATION).map_err(broken)?, &pks).await.map_err(broken)?;
        let organization = |stored: silo::Stored| {
            let slug = stored.row.fields.get("slug").and_then(Value::as_str).unwrap_or_default();
            Organization { pk: stored.row.pk, slug: slug.to_owned() }
        };
        Ok(rows.into_iter().flatten().map(organization).collect())
    }
}

/// Nobody is to be handed what was not asked for: neither another organisation nor, from a file that has a
/// slug more than once, more of them.
fn check_slugs(relocation: &Relocation, organizations: &[Organization]) -> Result<(), TaskError> {
    let wanted = Wanted::slugs(relocation.want_org_slugs.iter().cloned());
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
