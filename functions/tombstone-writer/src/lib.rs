//! `tombstone-writer`: takes `row.deleted` from the bus and writes a tombstone into every silo whose models have keys to
//! that table (SPEC §10). However often an event comes, and in whatever order, there is one for each table and object.

use std::sync::Arc;

use catalog::SiloKind;
use pipeline::event::{Envelope, Event, RowDeleted};
use pipeline::port::Clock;
use runtime::telemetry::{self, Chain};
use runtime::{Handled, Received};
use silo::{Departed, Pk, Reconcile, StoreError, cross_silo_keys};
use tracing::{Instrument, debug, error};

/// The function.
pub struct TombstoneWriter<S> {
    /// The cell's silo.
    pub cell: Arc<S>,
    /// Control's silo.
    pub control: Arc<S>,
    /// Tells the time.
    pub clock: Box<dyn Clock>,
}

/// Why a tombstone was not written. Its message comes again.
#[derive(Debug, thiserror::Error)]
enum WriterError {
    #[error("the message is no event")]
    Message(#[from] serde_json::Error),
    #[error("the event is `{0}`, which leaves no tombstone")]
    OtherEvent(String),
    #[error("{0} is no primary key")]
    NoPrimaryKey(u64),
    #[error("a silo could not be written")]
    Silo(#[from] StoreError),
}

impl<S: Reconcile> TombstoneWriter<S> {
    /// Writes the tombstones that a message asks for.
    pub async fn handle(&self, received: &Received) -> Handled {
        let span = telemetry::span("tombstone-writer", Some(received.deliveries));
        async {
            match self.bury(&received.body).await {
                Ok(()) => Handled::Done,
                Err(error) => {
                    error!(error = %Chain(&error), "a tombstone was not written");
                    Handled::Failed
                }
            }
        }
        .instrument(span)
        .await
    }

    async fn bury(&self, body: &str) -> Result<(), WriterError> {
        let envelope: Envelope = serde_json::from_str(body)?;
        let kind = envelope.kind.clone();
        let Event::RowDeleted(RowDeleted { table, object_id, .. }) = envelope.event()? else {
            return Err(WriterError::OtherEvent(kind));
        };
        let object = Pk::try_from(object_id).map_err(|_| WriterError::NoPrimaryKey(object_id))?;
        let departed = Departed { table, object };
        for (silo, kind) in [(&self.cell, SiloKind::Cell), (&self.control, SiloKind::Control)] {
            let catalog = silo.catalog();
            let mut targets = cross_silo_keys(catalog, kind).filter_map(|(_, key)| key.target);
            if targets.any(|target| catalog.model(target).table == departed.table) {
                silo.bury(std::slice::from_ref(&departed), self.clock.now()).await?;
                debug!(silo = %kind, table = departed.table, object, "a tombstone is written");
            }
        }
        Ok(())
    }
}
