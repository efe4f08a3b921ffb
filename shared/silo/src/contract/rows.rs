//! Reading rows by primary key, one by one and in pages.

use serde_json::json;

use super::support::{
    NONE, Outcome, all_pks, ensure_eq, fill, insert, model, organization, read, row, write,
};
use crate::{Pk, Silo};

/// Rows come in the order asked for, with nothing where no row is, also when asked for twice.
pub async fn reads_rows_in_the_order_asked_for(silo: &impl Silo) -> Outcome {
    let model = model(silo, "sentry.organization")?;
    fill(silo, model, [organization(3, "three"), organization(1, "one")]).await?;
    let found = silo.get(model, &[1, 2, 3, 1]).await?;
    let found: Vec<Option<Pk>> =
        found.iter().map(|found| found.as_ref().map(|stored| stored.row.pk)).collect();
    ensure_eq!(found, [Some(1), None, Some(3), Some(1)], "rows by primary key");
    ensure_eq!(silo.get(model, &[]).await?, [], "no primary keys");
    ensure_eq!(read(silo, model, 3).await?.row, organization(3, "three"), "a row as it was written");
    Ok(())
}

/// No number of primary keys is too many.
pub async fn reads_any_number_of_rows(silo: &impl Silo) -> Outcome {
    let model = model(silo, "sentry.organization")?;
    fill(silo, model, (1..=120).map(|pk| organization(pk, &format!("o-{pk}")))).await?;
    let pks: Vec<Pk> = (1..=260).rev().collect();
    let found = silo.get(model, &pks).await?;
    let found: Vec<Option<Pk>> =
        found.iter().map(|found| found.as_ref().map(|stored| stored.row.pk)).collect();
    let wanted: Vec<Option<Pk>> = pks.iter().map(|pk| (*pk <= 120).then_some(*pk)).collect();
    ensure_eq!(found, wanted, "260 primary keys, 120 rows");
    Ok(())
}

/// Pages of any size give every row once, by primary key.
pub async fn pages_in_order_whatever_the_limit(silo: &impl Silo) -> Outcome {
    let model = model(silo, "sentry.organization")?;
    ensure_eq!(all_pks(silo, model, 10).await?, NONE, "a model without rows");
    // On both sides of 256 and of a change in the number of digits.
    let pks = [1, 2, 9, 10, 11, 99, 100, 254, 255, 256, 257, 999, 1_000];
    fill(silo, model, pks.iter().rev().map(|pk| organization(*pk, &format!("o-{pk}")))).await?;
    for limit in [1, 2, 3, 5, 12, 13, 14, 1_000] {
        ensure_eq!(all_pks(silo, model, limit).await?, pks, "pages of {limit}");
    }
    let behind = silo.page(model, Some(100), 2).await?;
    let behind: Vec<Pk> = behind.items.iter().map(|stored| stored.row.pk).collect();
    ensure_eq!(behind, [254, 255], "a page above 100");
    Ok(())
}

/// Gaps of any width between primary keys cost no answer.
pub async fn pages_over_wide_gaps(silo: &impl Silo) -> Outcome {
    let model = model(silo, "sentry.project")?;
    let pks = [1, 70_000, 4_505_281_472_692_224, Pk::MAX - 1];
    for pk in pks {
        let fields = json!({ "organization": 1, "slug": format!("p-{pk}"), "name": "A project" });
        write(silo, [insert(model, row(pk, fields))]).await?;
    }
    for limit in [1, 3, 100] {
        ensure_eq!(all_pks(silo, model, limit).await?, pks, "pages of {limit}");
    }
    Ok(())
}

/// Models have primary keys of their own.
pub async fn pages_of_one_model_only(silo: &impl Silo) -> Outcome {
    let organizations = model(silo, "sentry.organization")?;
    let relays = model(silo, "sentry.relay")?;
    fill(silo, organizations, [organization(1, "one"), organization(2, "two")]).await?;
    fill(silo, relays, [row(2, json!({ "relay_id": "r" })), row(3, json!({ "relay_id": "s" }))]).await?;
    ensure_eq!(all_pks(silo, organizations, 10).await?, [1, 2], "organisations");
    ensure_eq!(all_pks(silo, relays, 10).await?, [2, 3], "relays");
    ensure_eq!(read(silo, relays, 2).await?.row, row(2, json!({ "relay_id": "r" })), "the relay");
    Ok(())
}
