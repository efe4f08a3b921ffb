//! One side of a comparison: its rows by model, in the order of their ordinals (SPEC §9).

use catalog::{Catalog, Model, ModelId, Rule, UniqueSet};
use serde_json::Value;
use silo::{Fields, Pk, Row};

use super::finding::{Kind, on_row};
use super::{CompareError, Side, obscure};
use crate::findings::Finding;
use crate::rows::{FileRow, ReadError};

/// All rows of one side.
pub(super) struct Export {
    /// One table per model, in the catalogue's order.
    tables: Vec<Table>,
}

/// The rows of one model.
#[derive(Default)]
pub(super) struct Table {
    /// Rows in the order of their ordinals, which begin at 1.
    rows: Vec<Row>,
    /// Every primary key with its ordinal, by primary key.
    ordinals: Vec<(Pk, u64)>,
    /// Why the order of the rows cannot be relied on.
    problems: Vec<Finding>,
}

impl Export {
    pub(super) fn read(
        catalog: &Catalog,
        side: Side,
        rows: impl IntoIterator<Item = Result<FileRow, ReadError>>,
    ) -> Result<Self, CompareError> {
        let mut unordered: Vec<Vec<Row>> = Vec::new();
        unordered.resize_with(catalog.models().len(), Vec::new);
        for (row, position) in rows.into_iter().zip(1..) {
            let row = row.map_err(|source| CompareError::Unreadable { side, source })?;
            match catalog.find(&row.model) {
                Some(model) => {
                    if let Some(rows) = unordered.get_mut(model.id.index()) {
                        rows.push(Row::new(row.pk, row.fields));
                    }
                }
                None if catalog.is_removed_model(&row.model) => {}
                None => {
                    let model = obscure::text(&row.model);
                    return Err(CompareError::UnknownModel { side, position, model });
                }
            }
        }
        // Models come behind the models that their keys lead to, so that natural keys which hold a key find
        // its target's ordinal.
        let mut export = Self { tables: Vec::with_capacity(unordered.len()) };
        for (model, rows) in catalog.models().iter().zip(unordered) {
            let table = Table::order(model, rows, side, &export);
            export.tables.push(table);
        }
        Ok(export)
    }

    /// The rows of a model.
    pub(super) fn table(&self, model: ModelId) -> &Table {
        static EMPTY: Table = Table { rows: Vec::new(), ordinals: Vec::new(), problems: Vec::new() };
        self.tables.get(model.index()).unwrap_or(&EMPTY)
    }

    /// The ordinal of the row that a key's value leads to, unless there is no such row.
    pub(super) fn target(&self, model: Option<ModelId>, value: &Value) -> Option<u64> {
        self.table(model?).ordinal(value.as_i64()?)
    }
}

impl Table {
    /// Gives rows their ordinals: first those that are ordered by primary key, then those that are ordered by
    /// a natural key.
    fn order(model: &Model, rows: Vec<Row>, side: Side, export: &Export) -> Self {
        let mut table = Self::default();
        let mut keyed = Vec::new();
        let mut highest: Option<Pk> = None;
        let natural = NaturalKey::of(model);
        for row in rows {
            if let Some(key) = natural.as_ref().and_then(|natural| natural.read(&row.fields, export)) {
                keyed.push((key, row));
                continue;
            }
            if let Some(before) = highest.filter(|highest| row.pk <= *highest) {
                let ordinal = Some(table.rows.len() as u64 + 1);
                let reason = format!("the primary key {} comes behind {before} in the file", row.pk);
                table.problems.push(on_row(Kind::UnorderedInput, model, ordinal, (side, row.pk), reason));
            }
            highest = highest.max(Some(row.pk));
            table.rows.push(row);
        }
        table.rows.sort_by_key(|row| row.pk);
        keyed.sort_by(|one, other| one.0.cmp(&other.0));
        table.append_keyed(model, side, keyed, natural.is_some_and(|natural| natural.last_wins));
        table.index(model, side);
        table
    }

    /// Appends rows that are sorted by their natural keys. Among those with the same key either the last one
    /// in the file wins, or each but the first is a problem.
    fn append_keyed(&mut self, model: &Model, side: Side, keyed: Vec<(Vec<KeyPart>, Row)>, last_wins: bool) {
        let mut previous: Option<Vec<KeyPart>> = None;
        for (key, row) in keyed {
            if previous.as_ref() == Some(&key)
                && let Some(twin) = self.rows.last_mut()
            {
                if last_wins {
                    *twin = row;
                } else {
                    let reason = format!("the natural key is the one of primary key {}", twin.pk);
                    let on = (side, row.pk);
                    self.problems.push(on_row(Kind::DuplicateCustomOrdinal, model, None, on, reason));
                }
                continue;
            }
            self.rows.push(row);
            previous = Some(key);
        }
    }

    /// Makes rows findable by primary key. Where rows are ordered by a natural key, nothing said yet that no
    /// two may share a primary key; without that, keys that lead to them would have no one meaning.
    fn index(&mut self, model: &Model, side: Side) {
        self.ordinals = self.rows.iter().map(|row| row.pk).zip(1..).collect();
        self.ordinals.sort_unstable();
        if !self.problems.is_empty() {
            return;
        }
        for pair in self.ordinals.windows(2) {
            if let [(pk, _), (again, ordinal)] = pair
                && pk == again
            {
                let reason = format!("the primary key {pk} occurs more than once");
                let finding = on_row(Kind::UnorderedInput, model, Some(*ordinal), (side, *pk), reason);
                self.problems.push(finding);
            }
        }
    }

    /// The rows, the first of which has ordinal 1.
    pub(super) fn rows(&self) -> &[Row] {
        &self.rows
    }

    /// Why the order of the rows cannot be relied on.
    pub(super) fn problems(&self) -> impl Iterator<Item = &Finding> {
        self.problems.iter()
    }

    fn ordinal(&self, pk: Pk) -> Option<u64> {
        let position = self.ordinals.binary_search_by_key(&pk, |(pk, _)| *pk).ok()?;
        self.ordinals.get(position).map(|(_, ordinal)| *ordinal)
    }
}

/// How rows of a model are ordered, if not by primary key.
struct NaturalKey<'a> {
    model: &'a Model,
    fields: &'a [String],
    /// Only rows that this set binds have the natural key; all have it when there is none.
    binding: Option<&'a UniqueSet>,
    /// Whether a later row with the same key takes the place of an earlier one.
    last_wins: bool,
}

impl<'a> NaturalKey<'a> {
    /// Either the model's custom ordinal, or the key of rows that an import takes only once: it drops a
    /// second global option of a user, so that old exports may hold several, and they are no finding.
    fn of(model: &'a Model) -> Option<Self> {
        if let Some(fields) = &model.ordinal {
            return Some(Self { model, fields, binding: None, last_wins: false });
        }
        let fields = model.rules.iter().find_map(|rule| match rule {
            Rule::DropIfTaken(fields) => Some(fields),
            _ => None,
        })?;
        let binding = model.uniques.iter().find(|set| set.fields == *fields)?;
        Some(Self { model, fields, binding: Some(binding), last_wins: true })
    }

    /// The natural key of a row, unless the row has none.
    fn read(&self, row: &Fields, export: &Export) -> Option<Vec<KeyPart>> {
        if self.binding.is_some_and(|set| !set.binds(row)) {
            return None;
        }
        let part = |field: &String| {
            let value = row.get(field).unwrap_or(&Value::Null);
            match self.model.key(field) {
                Some(key) => match export.target(key.target, value) {
                    Some(ordinal) => KeyPart::Target(ordinal),
                    None => KeyPart::of(value),
                },
                None => KeyPart::of(value),
            }
        };
        Some(self.fields.iter().map(part).collect())
    }
}

/// One value of a natural key.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum KeyPart {
    /// A key stands for its target's place: rows are ordered by whom they belong to, not by a primary key
    /// that an import changes. Users being ordered by username, this reads a user as the username.
    Target(u64),
    Number(i64),
    Text(String),
    /// Null, or what no natural key should hold; as JSON.
    Other(String),
}

impl KeyPart {
    fn of(value: &Value) -> Self {
        match value {
            Value::String(text) => Self::Text(text.clone()),
            _ => value.as_i64().map_or_else(|| Self::Other(value.to_string()), Self::Number),
        }
    }
}
