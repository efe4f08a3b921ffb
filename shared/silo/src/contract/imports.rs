//! What is remembered of imports.

use std::collections::BTreeMap;

use catalog::ImportScope;
use futures::future::join_all;
use jiff::Timestamp;
use uuid::Uuid;

use super::support::{Fallible, Outcome, chunk, collect, ensure, ensure_eq, import};
use crate::{
    ChunkPosition, Filter, ImportChunk, ImportFlags, ImportPlan, PkRange, Silo, Transaction, WriteError,
};

pub(super) fn plan(import: Uuid, seed: u8) -> Fallible<ImportPlan> {
    let ranges = [
        ("sentry.organization".to_owned(), PkRange { start: 1, rows: 20, automatic: 0 }),
        ("sentry.project".to_owned(), PkRange { start: 9_007_199_254_740_993, rows: 2, automatic: 4 }),
    ];
    Ok(ImportPlan {
        import,
        scope: ImportScope::Organization,
        flags: ImportFlags { merge_users: true, overwrite_configs: false, hide_organizations: true },
        filter: Filter::OrganizationSlugs(vec!["one".to_owned(), String::new()]),
        source_version: format!("version-{seed}"),
        now: "2026-01-02T03:04:05.678901Z".parse::<Timestamp>()?,
        key: [seed; 32],
        transaction_items: 100,
        ranges: BTreeMap::from(ranges),
    })
}

/// A plan is recorded once; whoever comes later gets the first one.
pub async fn the_first_plan_stays(silo: &impl Silo) -> Outcome {
    ensure_eq!(silo.plan(import(1)).await?, None, "the plan of an import that has not begun");
    let first = plan(import(1), 1)?;
    ensure_eq!(silo.record_plan(&first).await?, first, "the plan as recorded");
    ensure_eq!(silo.record_plan(&plan(import(1), 2)?).await?, first, "the plan when recorded again");
    ensure_eq!(silo.plan(import(1)).await?, Some(first), "the plan as read");
    ensure_eq!(silo.plan(import(2)).await?, None, "the plan of another import");
    Ok(())
}

/// Racing runs of one import work by one plan.
pub async fn racing_plans_agree(silo: &impl Silo) -> Outcome {
    let plans = (0..6).map(|seed| plan(import(1), seed)).collect::<Fallible<Vec<_>>>()?;
    let recorded = join_all(plans.iter().map(|plan| silo.record_plan(plan))).await;
    let recorded = recorded.into_iter().collect::<Result<Vec<_>, _>>()?;
    let kept = silo.plan(import(1)).await?;
    ensure!(recorded.iter().all(|plan| Some(plan) == kept.as_ref()), "two runs got two plans");
    Ok(())
}

/// A plan with as many names as a relocation may have, each as long as may be.
pub async fn keeps_plans_whole(silo: &impl Silo) -> Outcome {
    let mut large = plan(import(1), 1)?;
    large.filter = Filter::Usernames((0..2_000).map(|number| format!("{number:0>128}")).collect());
    large.key = std::array::from_fn(|index| u8::try_from(index * 8).unwrap_or_default());
    ensure_eq!(silo.record_plan(&large).await?, large, "a large plan");
    ensure_eq!(silo.plan(import(1)).await?.as_ref(), Some(&large), "a large plan, read");
    let mut unfiltered = plan(import(2), 1)?;
    unfiltered.filter = Filter::All;
    unfiltered.ranges.clear();
    silo.record_plan(&unfiltered).await?;
    ensure_eq!(silo.plan(import(2)).await?, Some(unfiltered), "a plan without filter and rows");
    Ok(())
}

/// A chunk comes back whole, and only at its own position.
pub async fn reads_a_chunk_back(silo: &impl Silo) -> Outcome {
    let written = chunk(import(1), "sentry.project", 100, 99);
    let batch = Transaction { writes: Vec::new(), chunk: Some(written.clone()) };
    silo.write(&batch).await?;
    ensure_eq!(silo.chunk(import(1), &written.position()).await?.as_ref(), Some(&written), "the chunk");
    let beside = ChunkPosition { min_ordinal: 99, ..written.position() };
    ensure_eq!(silo.chunk(import(1), &beside).await?, None, "the position before");
    ensure_eq!(silo.chunk(import(2), &written.position()).await?, None, "another import");
    match silo.write(&batch).await {
        Err(WriteError::Conflict(conflict)) => ensure!(conflict.chunk_exists, "the chunk is there already"),
        other => ensure!(false, "the second chunk was answered with {other:?}"),
    }
    Ok(())
}

/// Pages of any size give every chunk of an import once: by model name, then by ordinal.
pub async fn pages_over_chunks_in_order(silo: &impl Silo) -> Outcome {
    let mut chunks = Vec::new();
    for model in ["sentry.alertrule", "sentry.organization", "sentry.organizationmember", "sentry.project"] {
        chunks.extend([1, 2, 10, 100, 20_000_000_000].map(|ordinal| chunk(import(1), model, ordinal, 3)));
    }
    for chunk in chunks.iter().rev() {
        silo.write(&Transaction { writes: Vec::new(), chunk: Some(chunk.clone()) }).await?;
    }
    // Neither the plan nor another import's chunks are among them.
    silo.record_plan(&plan(import(1), 1)?).await?;
    silo.replicate_chunks(&[chunk(import(2), "sentry.project", 5, 1)]).await?;
    for limit in [1, 2, 3, 19, 20, 21] {
        let found: Vec<ImportChunk> =
            collect(limit, async |after| Ok(silo.chunks(import(1), after, limit).await?)).await?;
        ensure_eq!(found, chunks, "pages of {limit}");
    }
    let none: Vec<ImportChunk> =
        collect(9, async |after| Ok(silo.chunks(import(3), after, 9).await?)).await?;
    ensure_eq!(none, [], "an import without chunks");
    Ok(())
}

/// Chunks that another silo wrote are kept beside its own, any number at a time and as often as they come.
pub async fn keeps_replicas_however_often_they_come(silo: &impl Silo) -> Outcome {
    let own = chunk(import(1), "sentry.project", 1, 2);
    silo.write(&Transaction { writes: Vec::new(), chunk: Some(own.clone()) }).await?;
    let replicas: Vec<ImportChunk> =
        (1..=60).map(|ordinal| chunk(import(1), "sentry.user", ordinal, 2)).collect();
    silo.replicate_chunks(&replicas).await?;
    silo.replicate_chunks(replicas.get(20..40).unwrap_or_default()).await?;
    silo.replicate_chunks(&[]).await?;
    let kept: Vec<ImportChunk> =
        collect(100, async |after| Ok(silo.chunks(import(1), after, 100).await?)).await?;
    ensure_eq!(kept, [vec![own], replicas].concat(), "chunks and replicas");
    Ok(())
}
