//! `departure-relay`: tells of rows that are gone (SPEC §10). A store keeps who went in the transaction of the deletion;
//! here it becomes `row.deleted` on the bus, once or more often, and every silo with keys to that table gets a
//! tombstone.
//!
//! A silo's stream brings departures within moments. A sweep by schedule tells what the stream did not; and when
//! indexes have settled, it looks once more for rows of the same silo that depend on who is gone, and forgets the
//! departure.

mod batch;

use std::sync::Arc;
use std::time::Duration;

use catalog::{Catalog, KeyKind};
use deletion::{DeletionError, look_after};
use pipeline::event::{Event, Recorded, RowDeleted};
use pipeline::port::{Clock, PortError, PublishEvents};
use runtime::config::Config;
use runtime::telemetry::{self, Chain};
use silo::{Departed, Departure, PendingDeparture, Reconcile, StoreError};
use tokio::time::Instant;
use tracing::{Instrument, error, info, warn};

pub use batch::{BatchResponse, FailedItem, Invocation, Record};

/// How many departures of a silo a sweep looks at.
const DEPARTURES_PER_SWEEP: usize = 1_000;

/// What a sweep leaves of the function's time for its last step.
const MARGIN: Duration = Duration::from_secs(15);

/// A silo whose departures are told here.
#[derive(Debug)]
pub struct Home<S> {
    /// What it is called in events: the cell's name, or `control`.
    pub name: String,
    /// The table that it is kept in.
    pub table: String,
    /// The silo.
    pub silo: Arc<S>,
}

/// The silos whose departures a stack tells: its cell, and control if that is here.
pub fn homes<S>(config: &Config, cell: S, control: S) -> Vec<Home<S>> {
    let home = |name: &str, table: &str, silo| Home {
        name: name.to_owned(),
        table: table.to_owned(),
        silo: Arc::new(silo),
    };
    let mut homes = vec![home(&config.cell, &config.cell_table, cell)];
    if config.holds_control {
        homes.push(home("control", &config.control_table, control));
    }
    homes
}

/// The function.
pub struct DepartureRelay<S, E> {
    /// The cell's name: the source of events.
    pub cell: String,
    /// The silos of this stack.
    pub homes: Vec<Home<S>>,
    /// Where events go.
    pub events: E,
    /// Tells the time.
    pub clock: Box<dyn Clock>,
    /// How long after a departure indexes show all rows that were there then.
    pub settling: Duration,
}

/// Why a departure is not dealt with. It stays where it is.
#[derive(Debug, thiserror::Error)]
pub enum RelayError {
    /// A call failed.
    #[error("a call failed")]
    Port(#[from] PortError),
    /// The silo failed.
    #[error("the silo could not be used")]
    Silo(#[from] StoreError),
    /// What depended on it could not be dealt with.
    #[error("what is left behind could not be looked after")]
    Deletion(#[from] DeletionError),
    /// What is to be told cannot be written.
    #[error("the event cannot be written as JSON")]
    Json(#[from] serde_json::Error),
    /// The record is of no silo of this stack.
    #[error("table {0} is none of this stack's silos")]
    UnknownTable(String),
    /// Departures stay behind a sweep although their time had come.
    #[error("{0} departures could not be dealt with")]
    LeftBehind(usize),
}

impl<S: Reconcile, E: PublishEvents> DepartureRelay<S, E> {
    /// Handles an invocation; `read` says what the store's records hold. `time_left` is the function's.
    ///
    /// # Errors
    /// The sweep could not read departures, or could not deal with some: nobody else will, so that an alarm is due.
    pub async fn handle<T>(
        &self,
        invocation: &Invocation<T>,
        read: impl Fn(&T) -> Record,
        time_left: Duration,
    ) -> Result<BatchResponse, RelayError> {
        let span = telemetry::span("departure-relay", None);
        let ends = Instant::now() + time_left.saturating_sub(MARGIN);
        async {
            if invocation.sweep {
                self.sweep(ends).await?;
            }
            let mut batch_item_failures = Vec::new();
            for Record { name, table, departure } in invocation.records.iter().map(&read) {
                if let Err(error) = self.relay(&table, departure).await {
                    warn!(error = %Chain(&error), "a departure was not told");
                    batch_item_failures.push(FailedItem { item_identifier: name });
                }
            }
            Ok(BatchResponse { batch_item_failures })
        }
        .instrument(span)
        .await
    }

    async fn relay(&self, table: &str, departure: Result<Departure, PortError>) -> Result<(), RelayError> {
        let home = self.homes.iter().find(|home| home.table == table);
        let home = home.ok_or_else(|| RelayError::UnknownTable(table.to_owned()))?;
        self.tell(home, &departure?).await
    }

    /// Tells what is not told, and looks after what has settled.
    async fn sweep(&self, ends: Instant) -> Result<(), RelayError> {
        let (mut done, mut failed) = (0_usize, 0_usize);
        for home in &self.homes {
            for pending in home.silo.departures(DEPARTURES_PER_SWEEP).await? {
                if Instant::now() >= ends {
                    break;
                }
                match self.settle(home, &pending, ends).await {
                    Ok(()) => done += 1,
                    Err(error) => {
                        error!(error = %Chain(&error), "a departure stays behind");
                        failed += 1;
                    }
                }
            }
        }
        info!(done, failed, "departures were swept");
        if failed == 0 { Ok(()) } else { Err(RelayError::LeftBehind(failed)) }
    }

    async fn settle(
        &self,
        home: &Home<S>,
        pending: &PendingDeparture,
        ends: Instant,
    ) -> Result<(), RelayError> {
        let PendingDeparture { departure, told } = pending;
        let Some(told) = told else { return self.tell(home, departure).await };
        let age = self.clock.now().duration_since(*told);
        if age < self.settling.try_into().unwrap_or_default() {
            return Ok(());
        }
        let done = look_after(&*home.silo, departure, &mut || Instant::now() < ends).await?;
        if done.rows() > 0 || done.keys() > 0 {
            info!(rows = done.rows(), keys = done.keys(), "rows were left behind, and dealt with");
        }
        // One that was stopped goes on with the next sweep.
        if !done.was_stopped {
            home.silo.forget(departure).await?;
        }
        Ok(())
    }

    /// Publishes who is gone, as far as keys across silos may lead there, and notes it.
    async fn tell(&self, home: &Home<S>, departure: &Departure) -> Result<(), RelayError> {
        let now = self.clock.now();
        let missed = departure
            .departed
            .iter()
            .zip(1_u32..)
            .filter(|(departed, _)| is_missed_across(home.silo.catalog(), departed));
        let events = missed.map(|(departed, number)| {
            Recorded {
                id: format!("{}-{number}", departure.id()),
                time: now,
                subject: format!("{}/{}", departed.table, departed.object),
                sequence: 1,
                causation: "deletion".to_owned(),
                trace: None,
                event: Event::RowDeleted(RowDeleted {
                    silo: home.name.clone(),
                    table: departed.table.clone(),
                    object_id: departed.object.unsigned_abs(),
                }),
            }
            .into_envelope(&self.cell)
        });
        let events = events.collect::<Result<Vec<_>, _>>()?;
        for published in self.events.publish(&events).await {
            published?;
        }
        Ok(home.silo.note_told(departure, now).await?)
    }
}

fn is_missed_across(catalog: &Catalog, departed: &Departed) -> bool {
    let mut keys = catalog.models().iter().flat_map(|model| &model.keys);
    keys.any(|key| {
        let leads_there = key.target.is_some_and(|target| catalog.model(target).table == departed.table);
        key.kind == KeyKind::CrossSilo && leads_there
    })
}
