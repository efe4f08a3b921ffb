//! Primary keys that are given away once.

use std::collections::BTreeSet;

use futures::future::join_all;

use super::support::{Outcome, ensure, ensure_eq, fill, insert, model, organization, write};
use crate::{Pk, Silo, StoreErrorKind};

/// A reservation is a run of primary keys, and the next one follows it.
pub async fn reserves_consecutive_keys(silo: &impl Silo) -> Outcome {
    let model = model(silo, "sentry.organization")?;
    let first = silo.reserve(model, 3).await?;
    ensure!(first >= 1, "primary keys begin at 1, not at {first}");
    let second = silo.reserve(model, 1_000).await?;
    let third = silo.reserve(model, 1).await?;
    ensure!(second >= first + 3, "{second} is part of the first reservation, from {first}");
    ensure!(third >= second + 1_000, "{third} is part of the second reservation, from {second}");
    write(
        silo,
        [insert(model, organization(first + 2, "one")), insert(model, organization(second + 999, "two"))],
    )
    .await
}

/// What one model uses up, another one still has.
pub async fn reserves_for_each_model(silo: &impl Silo) -> Outcome {
    let (organizations, users) = (model(silo, "sentry.organization")?, model(silo, "sentry.user")?);
    let first = silo.reserve(users, 1).await?;
    silo.reserve(organizations, 500).await?;
    ensure_eq!(silo.reserve(users, 1).await?, first + 1, "the next user");
    Ok(())
}

/// No two callers get the same primary key.
pub async fn racing_reservations_are_disjoint(silo: &impl Silo) -> Outcome {
    let model = model(silo, "sentry.organization")?;
    let counts: Vec<u32> = (1..=12).collect();
    let reserved = join_all(counts.iter().map(|count| silo.reserve(model, u64::from(*count)))).await;
    let mut seen = BTreeSet::new();
    for (count, start) in counts.iter().zip(reserved) {
        let start = start?;
        for pk in start..start + Pk::from(*count) {
            ensure!(seen.insert(pk), "{pk} was given away twice");
        }
    }
    Ok(())
}

/// Rows that brought their own primary keys are not in the way of reserved ones.
pub async fn reserves_above_rows_that_are_there(silo: &impl Silo) -> Outcome {
    let model = model(silo, "sentry.organization")?;
    let rows = [1, 3, 40, 300, 301, 900].map(|pk| organization(pk, &format!("o-{pk}")));
    fill(silo, model, rows).await?;
    for (number, count) in [2_u64, 100, 300].into_iter().enumerate() {
        let start = silo.reserve(model, count).await?;
        let end = start + Pk::try_from(count)? - 1;
        let pks: Vec<Pk> = (start..=end).collect();
        ensure!(
            silo.get(model, &pks).await?.iter().all(Option::is_none),
            "{start} to {end} has a row already"
        );
        write(silo, [insert(model, organization(end, &format!("new-{number}")))]).await?;
    }
    Ok(())
}

/// There are no primary keys beyond 64 bits.
pub async fn reserves_no_more_keys_than_there_are(silo: &impl Silo) -> Outcome {
    let model = model(silo, "sentry.organization")?;
    let first = silo.reserve(model, 1).await?;
    for count in [u64::MAX, i64::MAX as u64] {
        let refused = silo.reserve(model, count).await.err().map(|error| error.kind);
        ensure_eq!(refused, Some(StoreErrorKind::Refused), "reserving {count}");
    }
    ensure_eq!(silo.reserve(model, 1).await?, first + 1, "the next one after refusals");
    Ok(())
}
