//! The decisions that an import rests on (DESIGN §3, "Import plan").

use std::collections::BTreeMap;

use catalog::{Catalog, ImportScope, Model, ModelId, Rule};
use jiff::Timestamp;
use silo::{Filter, ImportFlags, ImportPlan, PACKED_LIMIT, Pk, PkRange, Silo, Silos, StoreError};
use uuid::Uuid;

use super::census::Census;
use super::foresight::Foresight;

/// What is asked of an import.
#[derive(Debug, Clone)]
pub struct ImportRequest {
    /// Which import this is; the same one resumes.
    pub import: Uuid,
    /// What it admits.
    pub scope: ImportScope,
    /// How it treats what is there already.
    pub flags: ImportFlags,
    /// What it leaves out.
    pub filter: Filter,
    /// Whether an import in Global scope, which starts from empty tables, empties them; otherwise it refuses an
    /// instance that has rows. One that has begun never does so again.
    /// They are emptied before the first row is checked, so that an import which then fails leaves the instance with
    /// as much of the copy as came before: who cannot afford that rehearses it first.
    pub clear: bool,
    /// Tells one content of the file from another.
    pub source_version: String,
    /// The time of the import; a resumed one keeps the time of its first start.
    pub now: Timestamp,
    /// The key of its random values: 256 random bits; a resumed one keeps its first.
    pub key: [u8; 32],
}

/// The most items that a DynamoDB transaction of an import touches: its limit is 100 (DESIGN §3).
pub const TRANSACTION_ITEMS_MAX: usize = 99;

/// The plan of an import: the one that was recorded before, or a new one, recorded now.
pub(crate) async fn plan<S: Silo>(
    silos: Silos<'_, S>,
    (census, foresight): (&Census, &Foresight),
    request: &ImportRequest,
) -> Result<ImportPlan, StoreError> {
    // The cell's record decides between two that start at once; control keeps a copy, so that its own
    // watermarks know which primary keys may still appear.
    let recorded = match silos.cell.plan(request.import).await? {
        Some(plan) => plan,
        None => silos.cell.record_plan(&new_plan(silos, (census, foresight), request).await?).await?,
    };
    silos.control.record_plan(&recorded).await
}

async fn new_plan<S: Silo>(
    silos: Silos<'_, S>,
    (census, foresight): (&Census, &Foresight),
    request: &ImportRequest,
) -> Result<ImportPlan, StoreError> {
    let catalog = silos.cell.catalog();
    let mut ranges = BTreeMap::new();
    for model in catalog.models() {
        let rows = if model.admitted_by(request.scope) { census.rows(model.id) } else { 0 };
        let automatic = automatic_rows(catalog, census, request.scope, model.id);
        if let Some((start, last)) = foresight.kept_range(model.id) {
            // The range is what rows may take, and not the rows alone: there may be gaps between them.
            reserve_up_to(silos.of(model), model, last).await?;
            ranges.insert(model.name.clone(), PkRange { start, rows, automatic: 0 });
            continue;
        }
        if rows + automatic > 0 {
            let start = silos.of(model).reserve(model, rows + automatic).await?;
            ranges.insert(model.name.clone(), PkRange { start, rows, automatic });
        }
    }
    Ok(ImportPlan {
        import: request.import,
        scope: request.scope,
        flags: request.flags,
        filter: request.filter.clone(),
        source_version: request.source_version.clone(),
        now: request.now,
        key: request.key,
        transaction_items: TRANSACTION_ITEMS_MAX,
        ranges,
    })
}

/// Sets primary keys aside that rows bring along: what is reserved afterwards lies behind them.
async fn reserve_up_to<S: Silo>(silo: &S, model: &Model, last: Pk) -> Result<(), StoreError> {
    let first = silo.reserve(model, 1).await?;
    match u64::try_from(last.saturating_sub(first)) {
        Ok(more) if more > 0 => silo.reserve(model, more).await.map(drop),
        _ => Ok(()),
    }
}

/// How many rows of a model may be made automatically with rows of the file.
fn automatic_rows(catalog: &Catalog, census: &Census, scope: ImportScope, made: ModelId) -> u64 {
    makers(catalog, made).filter(|maker| maker.admitted_by(scope)).map(|maker| census.rows(maker.id)).sum()
}

/// The models with whose rows rows of this model are made, beside them or to register their names.
fn makers(catalog: &Catalog, made: ModelId) -> impl Iterator<Item = &Model> {
    catalog.models().iter().flat_map(move |maker| {
        let makes =
            maker.automatic.iter().chain(&maker.registered).filter(move |making| making.model == made);
        makes.map(move |_| maker)
    })
}

/// Primary keys as a plan gives them out: arithmetic, so that no run needs to ask what another one did.
#[derive(Clone, Copy)]
pub(crate) struct PlannedPks<'a> {
    pub(crate) catalog: &'a Catalog,
    pub(crate) plan: &'a ImportPlan,
    pub(crate) foresight: &'a Foresight,
}

impl PlannedPks<'_> {
    /// Whether the rows of a model have the primary keys that they have in the file.
    pub(crate) fn keeps(&self, model: &Model) -> bool {
        self.foresight.kept_range(model.id).is_some()
    }

    /// The primary key of a row of the file.
    pub(crate) fn row(&self, model: &Model, ordinal: u64) -> Option<Pk> {
        if self.keeps(model) {
            return self.foresight.kept_pk(model.id, ordinal);
        }
        let range = self.plan.ranges.get(&model.name)?;
        pk_at(range, ordinal.checked_sub(1)?)
    }

    /// The primary key of the row of `made` that is made with a row of the file.
    pub(crate) fn automatic(&self, made: &Model, maker: &Model, maker_ordinal: u64) -> Option<Pk> {
        // What is made gets the primary key of the row of the file that will take its place, if that is known.
        if let Some(successor) = self.foresight.successor(made.id, maker.id, maker_ordinal) {
            return self.row(made, successor);
        }
        let range = self.plan.ranges.get(&made.name)?;
        let before: u64 = makers(self.catalog, made.id)
            .take_while(|other| other.id != maker.id)
            .filter_map(|other| self.plan.ranges.get(&other.name))
            .map(|range| range.rows)
            .sum();
        pk_at(range, range.rows + before + maker_ordinal.checked_sub(1)?)
    }

    /// Whether a row with this primary key can only have come from this import.
    pub(crate) fn has(&self, model: &Model, pk: Pk) -> bool {
        let range = self.plan.ranges.get(&model.name);
        let position = range.and_then(|range| u64::try_from(pk.checked_sub(range.start)?).ok());
        range.zip(position).is_some_and(|(range, position)| position < range.rows + range.automatic)
    }

    /// The ordinal of the row of the file that got this primary key, if one could have got it.
    pub(crate) fn ordinal(&self, model: &Model, pk: Pk) -> Option<u64> {
        if self.keeps(model) {
            return self.foresight.keeper(model.id, pk);
        }
        let range = self.plan.ranges.get(&model.name)?;
        let position = u64::try_from(pk.checked_sub(range.start)?).ok()?;
        (position < range.rows).then_some(position + 1)
    }
}

fn pk_at(range: &PkRange, position: u64) -> Option<Pk> {
    if position >= range.rows + range.automatic {
        return None;
    }
    range.start.checked_add(i64::try_from(position).ok()?)
}

/// The most bytes that one row of a model may add to a transaction because the journal keeps what it replaces. How
/// large that is only the target knows, while batches are cut by the file: so it counts as large as a row can be, but
/// only where an import is told to overwrite. What else replaces a row replaces one that this import made, of which no
/// journal tells, unless somebody else was faster; such rows are few, and there is 1 MB for them.
pub(crate) fn original_bytes_max(model: &Model, flags: ImportFlags) -> usize {
    let overwrites = model.rules.iter().any(|rule| matches!(rule, Rule::KeepOrOverwrite(_)));
    if overwrites && flags.overwrite_configs { PACKED_LIMIT } else { 0 }
}

/// The most rows of a model that one transaction can hold: each row with all its unique values, what is made
/// with it, and what it may replace (DESIGN §3). What registers the rows of a batch fits into one as well. An original
/// in the journal takes the place of a unique value: the row has its natural key from the one that it replaces.
pub(crate) fn rows_per_transaction(catalog: &Catalog, model: &Model, items: usize) -> usize {
    let with_uniques = |model: &Model| 1 + model.uniques.len();
    let made: usize =
        model.automatic.iter().map(|automatic| with_uniques(catalog.model(automatic.model))).sum();
    let replaces = model
        .rules
        .iter()
        .any(|rule| matches!(rule, Rule::ReplaceFirstAutomatic(_) | Rule::KeepOrOverwrite(_)));
    let replaced = if replaces { model.uniques.len() } else { 0 };
    // A registration that is replaced gives up its old values too.
    let registration =
        |registered: &catalog::Automatic| 1 + 2 * catalog.model(registered.model).uniques.len();
    let registered: usize = model.registered.iter().map(registration).sum();
    // One item is the chunk.
    (items.saturating_sub(1) / (with_uniques(model) + made + replaced).max(registered)).max(1)
}
