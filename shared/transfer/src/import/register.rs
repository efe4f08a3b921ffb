//! Names that are unique across cells (SPEC §7, "Slugs across cells").
//!
//! The other silo keeps the names; a row is written only once its name is registered there. A name that is
//! taken there counts as taken, and one that turns out to be taken here is registered anew with its next
//! suffix. So the row, its registrations and its chunk agree as soon as the row is there; registrations have
//! the primary keys of the plan, so that a run which resumes finds those of the one before it.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use catalog::{Model, ModelId};
use silo::{
    Conflict, Fields, ImportChunk, ImportKind, Pk, Row, Silo, StoreError, StoreErrorKind, Transaction, Write,
    WriteError,
};

use super::automatic::automatic_fields;
use super::batch_writer::{BatchWriter, SETTLE_ATTEMPTS_MAX};
use super::context::ImportContext;
use super::error::ImportError;
use super::fields::Defaults;
use super::row::Candidate;
use super::settle::Settler;
use super::store_error;

impl<'a> ImportContext<'a> {
    /// The rows by which the other silo knows a row of the file under the name it has now.
    pub(crate) fn registrations(
        &self,
        model: &Model,
        ordinal: u64,
        fields: &Fields,
    ) -> Vec<(&'a Model, Row)> {
        if model.registered.is_empty() {
            return Vec::new();
        }
        let pks = self.pks();
        let Some(pk) = pks.row(model, ordinal) else { return Vec::new() };
        let registration = |registered: &catalog::Automatic| {
            let made = self.catalog.model(registered.model);
            let defaults = Defaults { now: self.now, random: self.random_of_made(made, model, ordinal) };
            let fields = automatic_fields(made, registered, (pk, fields), defaults);
            Some((made, Row::new(pks.automatic(made, model, ordinal)?, fields)))
        };
        model.registered.iter().filter_map(registration).collect()
    }
}

impl<S: Silo> BatchWriter<'_, S> {
    /// Registers the names of a batch; false when one of them is taken, or when registrations of an earlier
    /// run were found: with that known now, the batch is to be settled anew.
    pub(super) async fn register(&mut self, registrations: &[(ModelId, Row)]) -> Result<bool, ImportError> {
        let Some((first, _)) = registrations.first() else { return Ok(true) };
        let model = self.context.catalog.model(*first);
        let writes: Vec<Write> =
            registrations.iter().filter_map(|(model, row)| self.registration(*model, row)).collect();
        if writes.is_empty() {
            return Ok(true);
        }
        let transaction = self.context.plan.transaction(self.context.catalog, writes, None);
        match self.silos.of(model).write(&transaction).await {
            Ok(()) => {
                self.forget_rows(&transaction);
                Ok(true)
            }
            Err(WriteError::Conflict(conflict)) => {
                let learnt = self.learn_registrations(&transaction, &conflict).await;
                learnt.map_err(|source| store_error(&model.name, source))?;
                Ok(false)
            }
            Err(WriteError::Store(source)) => Err(store_error(&model.name, source)),
            Err(WriteError::RowTooLarge { .. }) => {
                let action = "writing a registration that is larger than the store can keep";
                Err(store_error(&model.name, StoreError::new(StoreErrorKind::Refused, action)))
            }
        }
    }

    /// What has to be written so that this row is there; none if it is known to be.
    fn registration(&self, model: ModelId, row: &Row) -> Option<Write> {
        let model = self.context.catalog.model(model);
        match self.known.rows.get(&(model.id, row.pk)) {
            None => Some(Write::insert(model, row.clone())),
            Some(stored) if stored.row == *row => None,
            Some(stored) => Some(Write::replace(model, stored.clone(), Arc::clone(&row.fields))),
        }
    }

    async fn learn_registrations(
        &mut self,
        transaction: &Transaction,
        conflict: &Conflict,
    ) -> Result<(), StoreError> {
        self.learn_taken(transaction, conflict);
        let changed = conflict.changed.iter().filter_map(|position| transaction.writes.get(*position));
        for (model, pk) in changed.map(|write| (write.model(), write.row().pk)).collect::<Vec<_>>() {
            self.read_rows(self.context.catalog.model(model), vec![pk]).await?;
        }
        Ok(())
    }

    /// Makes the registrations of a batch say what its rows say: a run that was overtaken by another run of the same
    /// import may have registered other names after that one did, and died before it found out. What somebody else made
    /// of a registration, no name that the import gives, stays.
    pub(super) async fn agree(
        &mut self,
        chunk: &ImportChunk,
        candidates: &[Candidate],
    ) -> Result<(), ImportError> {
        let model = self.model;
        if model.registered.is_empty() {
            return Ok(());
        }
        let failed = |source| store_error(&model.name, source);
        let inserted = chunk.mapped.iter().filter(|row| row.kind == ImportKind::Inserted);
        let pks: Vec<Pk> = inserted.map(|row| row.pk).collect();
        let rows = self.silos.of(model).get(model, &pks).await.map_err(failed)?;
        let rows: HashMap<Pk, Row> =
            rows.into_iter().flatten().map(|stored| (stored.row.pk, stored.row)).collect();
        let planned = self.context.pks();
        let written: Vec<(&Candidate, &Fields)> = candidates
            .iter()
            .filter_map(|candidate| {
                let row = rows.get(&planned.row(model, candidate.ordinal)?)?;
                Some((candidate, row.fields.as_ref()))
            })
            .collect();
        for _ in 0..SETTLE_ATTEMPTS_MAX {
            self.read_registrations(&written).await.map_err(failed)?;
            let registrations: Vec<(ModelId, Row)> =
                written.iter().flat_map(|(candidate, fields)| self.outdated(candidate, fields)).collect();
            if self.register(&registrations).await? {
                return Ok(());
            }
        }
        let action = format!("registering what the rows of {} are named", model.name);
        Err(failed(StoreError::new(StoreErrorKind::Contention, action)))
    }

    async fn read_registrations(&mut self, rows: &[(&Candidate, &Fields)]) -> Result<(), StoreError> {
        let mut pks: BTreeMap<ModelId, Vec<Pk>> = BTreeMap::new();
        for (candidate, fields) in rows {
            for (registered, row) in self.context.registrations(self.model, candidate.ordinal, fields) {
                pks.entry(registered.id).or_default().push(row.pk);
            }
        }
        for (registered, pks) in pks {
            self.read_rows(self.context.catalog.model(registered), pks).await?;
        }
        Ok(())
    }

    /// The registrations of a row that know it by another of the names which it might have got.
    fn outdated(&self, candidate: &Candidate, fields: &Fields) -> Vec<(ModelId, Row)> {
        let of = |fields: &Fields| self.context.registrations(self.model, candidate.ordinal, fields);
        let is_there = |(registered, row): &(&Model, Row)| {
            self.known.rows.get(&(registered.id, row.pk)).is_some_and(|stored| stored.row == *row)
        };
        let current = of(fields);
        if current.iter().all(is_there) {
            return Vec::new();
        }
        let variants = Settler::new(self.context, self.model, &self.known).variants(candidate, fields);
        let ours: Vec<(ModelId, Pk)> = variants
            .iter()
            .flat_map(of)
            .filter(is_there)
            .map(|(registered, row)| (registered.id, row.pk))
            .collect();
        let current = current.into_iter().map(|(registered, row)| (registered.id, row));
        current.filter(|(registered, row)| ours.contains(&(*registered, row.pk))).collect()
    }
}
