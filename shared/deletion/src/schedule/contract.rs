//! What every store of scheduled deletions promises, as a suite that every adapter passes.
//!
//! A case is an `async fn` over an empty store. [`schedules_contract!`] makes a test of each:
//!
//! ```text
//! async fn empty() -> Option<MySchedules> { … } // none skips the test
//! deletion::schedules_contract!(empty);
//! ```
//!
//! [`schedules_contract!`]: crate::schedules_contract

use std::error::Error;

use catalog::SiloKind;
use futures::future::join_all;
use jiff::Timestamp;
use serde_json::json;
use uuid::Uuid;

use super::{Failure, ScheduledDeletion, Schedules, Standing};
use crate::{DeletionJob, RowId};

/// A case ends well, or with what went wrong.
pub type Outcome = Result<(), Box<dyn Error + Send + Sync>>;

/// Makes a test of every case of the contract, on an empty store of its own.
///
/// The argument is the name of an `async fn() -> Option<impl Schedules>` beside the call. The crate needs `tokio` with
/// `macros` and a runtime among its dependencies.
#[macro_export]
macro_rules! schedules_contract {
    ($empty:ident) => {
        $crate::schedules_contract! { @cases $empty;
            keeps_a_record_whole
            changes_only_what_was_read
            one_of_many_changes_it
            what_comes_anew_is_another
            pages_in_order_over_one_silo
        }
    };
    (@cases $empty:ident; $($case:ident)+) => {
        $(#[tokio::test]
        async fn $case() -> $crate::schedule::contract::Outcome {
            match $empty().await {
                Some(schedules) => $crate::schedule::contract::$case(&schedules).await,
                None => Ok(()),
            }
        })+
    };
}

fn job(silo: SiloKind, model: &str, object: i64) -> DeletionJob {
    DeletionJob { silo, model: model.to_owned(), object }
}

fn record(job: &DeletionJob, id: u128, revision: u64) -> ScheduledDeletion {
    let mut record = ScheduledDeletion::new(job, Uuid::from_u128(id), Timestamp::UNIX_EPOCH);
    record.revision = revision;
    record
}

/// Fails the case unless both are equal.
fn same<T: PartialEq + std::fmt::Debug>(is: &T, should: &T, what: &str) -> Outcome {
    if is == should { Ok(()) } else { Err(format!("{what}\n  is     {is:?}\n  should {should:?}").into()) }
}

/// What was put there comes back, whatever is in it.
pub async fn keeps_a_record_whole(schedules: &impl Schedules) -> Outcome {
    let job = job(SiloKind::Control, "sentry.apiapplication", i64::MAX);
    same(&schedules.get(&job).await?, &None, "before the first")?;
    let whole = ScheduledDeletion {
        asked_by: u64::MAX,
        due: "2026-01-02T03:04:05.123456789Z".parse()?,
        standing: Standing::GivenUp { since: Timestamp::UNIX_EPOCH },
        attempts: 6,
        announced: Some(Timestamp::UNIX_EPOCH),
        rows: 1_000,
        keys: 7,
        failure: Some(Failure {
            error: "rows stand in the way".to_owned(),
            rows: vec![RowId { model: "sentry.monitor".to_owned(), pk: 5 }],
        }),
        restores: Some(json!(0)),
        ..record(&job, 1, 17)
    };
    same(&schedules.change(&job, None, Some(&whole)).await?, &true, "the first change")?;
    same(&schedules.get(&job).await?, &Some(whole), "what is there")
}

/// A change needs what was read; nothing else is changed.
pub async fn changes_only_what_was_read(schedules: &impl Schedules) -> Outcome {
    let job = job(SiloKind::Cell, "sentry.organization", 5);
    let (one, two, three) = (record(&job, 1, 1), record(&job, 1, 2), record(&job, 1, 3));
    same(&schedules.change(&job, Some(&one), Some(&two)).await?, &false, "a change of what is not there")?;
    same(&schedules.change(&job, Some(&one), None).await?, &false, "a removal of what is not there")?;
    same(&schedules.change(&job, None, Some(&one)).await?, &true, "the first change")?;
    same(&schedules.change(&job, None, Some(&one)).await?, &false, "a second first change")?;
    same(&schedules.change(&job, Some(&one), Some(&two)).await?, &true, "the second change")?;
    same(&schedules.change(&job, Some(&one), Some(&three)).await?, &false, "a stale change")?;
    same(&schedules.change(&job, Some(&one), None).await?, &false, "a stale removal")?;
    same(&schedules.get(&job).await?, &Some(two.clone()), "what is there")?;
    same(&schedules.change(&job, Some(&two), None).await?, &true, "the removal")?;
    same(&schedules.get(&job).await?, &None, "behind the removal")
}

/// Of those who change it at once, one does.
pub async fn one_of_many_changes_it(schedules: &impl Schedules) -> Outcome {
    let job = job(SiloKind::Cell, "sentry.organization", 5);
    let records: Vec<ScheduledDeletion> = (1..=8).map(|id| record(&job, id, 1)).collect();
    let changed = join_all(records.iter().map(|record| schedules.change(&job, None, Some(record)))).await;
    let changed = changed.into_iter().collect::<Result<Vec<bool>, _>>()?;
    let winners = changed.iter().zip(&records).filter(|(changed, _)| **changed);
    let winners: Vec<ScheduledDeletion> = winners.map(|(_, record)| record.clone()).collect();
    same(&winners, &schedules.get(&job).await?.into_iter().collect(), "who changed it")
}

/// A deletion that is scheduled anew is not mistaken for one of the same object and revision that is gone.
pub async fn what_comes_anew_is_another(schedules: &impl Schedules) -> Outcome {
    let job = job(SiloKind::Cell, "sentry.organization", 5);
    let (before, anew) = (record(&job, 1, 1), record(&job, 2, 1));
    schedules.change(&job, None, Some(&before)).await?;
    schedules.change(&job, Some(&before), None).await?;
    schedules.change(&job, None, Some(&anew)).await?;
    same(&schedules.change(&job, Some(&before), None).await?, &false, "a removal of the one before")?;
    same(&schedules.get(&job).await?, &Some(anew), "what is there")
}

/// Pages have a silo's records by model and object, however long they are.
pub async fn pages_in_order_over_one_silo(schedules: &impl Schedules) -> Outcome {
    let cell = [
        job(SiloKind::Cell, "sentry.organization", 2),
        job(SiloKind::Cell, "sentry.organization", 10),
        job(SiloKind::Cell, "sentry.repository", 1),
    ];
    let control = [job(SiloKind::Control, "sentry.user", 1)];
    for job in cell.iter().chain(&control).rev() {
        schedules.change(job, None, Some(&record(job, 1, 1))).await?;
    }
    for limit in 1..=4 {
        for (silo, wanted) in [(SiloKind::Cell, &cell[..]), (SiloKind::Control, &control)] {
            let mut found = Vec::new();
            let mut after = None;
            loop {
                let page = schedules.page(silo, after.as_ref(), limit).await?;
                same(&(page.items.len() <= limit), &true, "a page is no longer than asked for")?;
                found.extend(page.items.into_iter().map(|record| record.job));
                match page.next {
                    Some(next) => after = Some(next),
                    None => break,
                }
            }
            same(&found, &wanted.to_vec(), &format!("{silo}, {limit} at a time"))?;
        }
    }
    Ok(())
}
