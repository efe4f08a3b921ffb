//! Watermarks move as they were read, and stay beneath rows that may still appear.

use std::collections::BTreeMap;

use futures::future::join_all;
use jiff::Timestamp;

use super::imports::plan;
use super::support::{Fallible, Outcome, ensure, ensure_eq, import};
use crate::{CascadeRun, Pass, Pk, PkRange, Reconcile, Silos, Watermark, WatermarkKey};

fn key(field: &str, pass: Pass) -> WatermarkKey {
    WatermarkKey { model: "sentry.organizationmember".to_owned(), field: field.to_owned(), pass }
}

async fn watermark(silo: &impl Reconcile, key: &WatermarkKey) -> Fallible<Option<Watermark>> {
    Ok(silo.watermarks(std::slice::from_ref(key)).await?.into_iter().flatten().next())
}

/// Each key and pass has its own, and a move needs the one that was read: value and transaction.
pub async fn moves_as_they_were_read(silo: &impl Reconcile) -> Outcome {
    let (rows, tombstones) = (key("user_id", Pass::Rows), key("user_id", Pass::Tombstones));
    let (fresh, other) = (Watermark::fresh("one"), Watermark::fresh("two"));
    ensure_eq!(watermark(silo, &rows).await?, None, "before the first move");
    ensure!(
        !silo.move_watermark(&rows, Some(&fresh), &fresh.moved_to(5)).await?,
        "one was moved that is not"
    );
    ensure!(silo.move_watermark(&rows, None, &fresh).await?, "the first move");
    ensure!(!silo.move_watermark(&rows, None, &other).await?, "a second first move");
    let second = fresh.moved_to(5);
    ensure!(silo.move_watermark(&rows, Some(&fresh), &second).await?, "the second move");
    for stale in [&fresh, &fresh.moved_to(6), &Watermark { value: 5, transaction: "one".to_owned() }] {
        ensure!(!silo.move_watermark(&rows, Some(stale), &stale.moved_to(9)).await?, "a stale move");
    }
    let back = second.moved_to(2);
    ensure!(silo.move_watermark(&rows, Some(&second), &back).await?, "a move back");
    ensure!(silo.move_watermark(&tombstones, None, &other).await?, "the first move of the other pass");
    let all = silo.watermarks(&[tombstones, key("inviter_id", Pass::Rows), rows]).await?;
    ensure_eq!(all, [Some(other), None, Some(back)], "all of them");
    Ok(())
}

/// Of those who move at once, one does.
pub async fn one_of_many_moves(silo: &impl Reconcile) -> Outcome {
    let key = key("user_id", Pass::Tombstones);
    let fresh = Watermark::fresh("one");
    let moves: Vec<Watermark> = (1..=8).map(|value| fresh.moved_to(value)).collect();
    let moved = join_all(moves.iter().map(|to| silo.move_watermark(&key, None, to))).await;
    let mut winners = Vec::new();
    for (moved, to) in moved.into_iter().zip(moves) {
        if moved? {
            winners.push(to);
        }
    }
    ensure_eq!(winners.len(), 1, "those who moved it");
    ensure_eq!(watermark(silo, &key).await?, winners.pop(), "where it is");
    Ok(())
}

/// An import is open from the note that it is to the note that it is not, however often either comes.
pub async fn knows_open_imports(silo: &impl Reconcile) -> Outcome {
    for _ in 0..2 {
        silo.note_open(import(1), true).await?;
        silo.note_open(import(2), true).await?;
        ensure_eq!(silo.open_imports().await?, [import(1), import(2)], "open imports");
    }
    for _ in 0..2 {
        silo.note_open(import(1), false).await?;
        ensure_eq!(silo.open_imports().await?, [import(2)], "what is left");
    }
    Ok(())
}

/// To open an import moves the watermarks back that have passed it, and every job under way has to read anew.
pub async fn opening_an_import_holds_watermarks_back(silo: &impl Reconcile) -> Outcome {
    let mut opened = plan(import(1), 1)?;
    let range = |start: Pk| PkRange { start, rows: 5, automatic: 0 };
    opened.ranges = BTreeMap::from([
        ("sentry.organizationmember".to_owned(), range(100)),
        ("sentry.option".to_owned(), range(1)),
    ]);
    let (passed, beneath, fresh) =
        (key("user_id", Pass::Rows), key("inviter_id", Pass::Rows), Watermark::fresh("one"));
    let by_tombstones = key("user_id", Pass::Tombstones);
    silo.move_watermark(&passed, None, &fresh.moved_to(300)).await?;
    silo.move_watermark(&beneath, None, &fresh.moved_to(50)).await?;
    silo.move_watermark(&by_tombstones, None, &fresh.moved_to(300)).await?;
    let silos = Silos { cell: silo, control: silo };
    silos.open_import(&opened).await?;
    ensure_eq!(silo.open_imports().await?, [import(1)], "open imports");
    let value = async |key: &WatermarkKey| {
        Ok::<_, crate::StoreError>(
            silo.watermarks(std::slice::from_ref(key))
                .await?
                .into_iter()
                .flatten()
                .next()
                .map(|found| found.value),
        )
    };
    ensure_eq!(value(&passed).await?, Some(99), "the one that had passed");
    ensure_eq!(value(&beneath).await?, Some(50), "the one that had not");
    ensure_eq!(value(&by_tombstones).await?, Some(300), "the one of tombstones");
    let stale = fresh.moved_to(50);
    ensure!(!silo.move_watermark(&beneath, Some(&stale), &stale.moved_to(51)).await?, "a job went on");
    silos.open_import(&opened).await?;
    ensure_eq!(value(&passed).await?, Some(99), "opened once more");
    silos.close_import(import(1)).await?;
    ensure!(silo.open_imports().await?.is_empty(), "an import stays open");
    Ok(())
}

/// The last run of each key is kept.
pub async fn keeps_the_last_run(silo: &impl Reconcile) -> Outcome {
    let run = |field: &str, pending| CascadeRun {
        model: "sentry.organizationmember".to_owned(),
        field: field.to_owned(),
        ended: Timestamp::UNIX_EPOCH,
        has_more: true,
        pending,
        lag_millis: Some(17),
        error: None,
    };
    ensure_eq!(silo.runs().await?, [], "before the first");
    for (field, pending) in [("user_id", 3), ("inviter_id", 1), ("user_id", 2)] {
        silo.note_run(&run(field, pending)).await?;
    }
    ensure_eq!(silo.runs().await?, [run("inviter_id", 1), run("user_id", 2)], "the last of each");
    Ok(())
}
