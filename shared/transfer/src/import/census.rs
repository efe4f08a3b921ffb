//! The first pass over a file: how many rows of each model it has, and which of them a filter admits.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::io::Read;

use catalog::{Catalog, Model, ModelId, Tenancy};
use serde_json::Value;
use silo::{Fields, Filter, Pk};

use crate::import::report::count_unknown;
use crate::rows::{FileRow, ReadError, RowReader};

/// What a file holds.
#[derive(Debug)]
pub struct Census {
    counts: Vec<u64>,
    unknown: BTreeMap<String, u64>,
    admitted: Option<Vec<Vec<bool>>>,
}

impl Census {
    /// Reads a file to its end.
    ///
    /// Without a filter it keeps counts only; with one, the keys of every row: about 50 bytes a row.
    ///
    /// # Errors
    /// The file cannot be read or is no array of rows.
    pub fn take<R: Read>(
        catalog: &Catalog,
        rows: &mut RowReader<R>,
        filter: &Filter,
    ) -> Result<Census, ReadError> {
        let mut counts = vec![0; catalog.models().len()];
        let mut unknown = BTreeMap::new();
        let mut graph = match (filter, catalog.tenancy()) {
            (Filter::All, _) | (_, None) => None,
            (_, Some(tenancy)) => Some(Graph::new(catalog, tenancy)),
        };
        while let Some(row) = rows.next_row()? {
            match catalog.find(&row.model) {
                Some(model) => {
                    if let Some(count) = counts.get_mut(model.id.index()) {
                        *count += 1;
                    }
                    if let Some(graph) = &mut graph {
                        graph.add(model, &row);
                    }
                }
                None if catalog.is_removed_model(&row.model) => {}
                None => count_unknown(&mut unknown, &row.model),
            }
        }
        Ok(Census { counts, unknown, admitted: graph.map(|graph| graph.admitted(filter)) })
    }

    /// How many rows of a model the file has.
    pub fn rows(&self, model: ModelId) -> u64 {
        self.counts.get(model.index()).copied().unwrap_or(0)
    }

    /// Rows of models that the catalogue does not know, by model; models that newer versions dropped do not
    /// count.
    pub fn unknown_models(&self) -> &BTreeMap<String, u64> {
        &self.unknown
    }

    /// Whether the filter admits a row, by its position among the rows of its model, from 1.
    pub fn admits(&self, model: ModelId, ordinal: u64) -> bool {
        let Some(admitted) = &self.admitted else { return true };
        let position = usize::try_from(ordinal).ok().and_then(|ordinal| ordinal.checked_sub(1));
        let rows = admitted.get(model.index());
        position.and_then(|position| rows?.get(position)).copied().unwrap_or(true)
    }
}

/// The rows of a file and where their keys lead.
struct Graph<'a> {
    catalog: &'a Catalog,
    tenancy: &'a Tenancy,
    tables: Vec<Table>,
    names: Names,
}

#[derive(Default)]
struct Table {
    /// Positions by primary key.
    positions: HashMap<Pk, u32>,
    /// For each row, the primary keys that its keys hold, in the order of the model's keys.
    keys: Vec<Box<[Option<Pk>]>>,
}

/// What a filter knows of a value, which it only ever compares: as much for a name of a megabyte as for any other.
type Digest = [u8; 16];

/// The few values besides keys that a filter looks at, in the order of the file.
#[derive(Default)]
struct Names {
    users: Vec<(Pk, Digest)>,
    organizations: Vec<(Pk, Digest)>,
    members: Vec<(Pk, Pk)>,
    /// Values of the fields that name rows of another model: (model, owning user, value in lower case).
    used: Vec<(ModelId, Option<Pk>, Digest)>,
    /// For models that are named by values: the value of each row.
    named: HashMap<ModelId, Vec<Digest>>,
}

/// Rows by model and position.
type Marks = Vec<Vec<bool>>;

impl<'a> Graph<'a> {
    fn new(catalog: &'a Catalog, tenancy: &'a Tenancy) -> Self {
        let tables = catalog.models().iter().map(|_| Table::default()).collect();
        Self { catalog, tenancy, tables, names: Names::default() }
    }

    fn add(&mut self, model: &Model, row: &FileRow) {
        let Some(table) = self.tables.get_mut(model.id.index()) else { return };
        let position = u32::try_from(table.keys.len()).unwrap_or(u32::MAX);
        table.positions.insert(row.pk, position);
        let key = |key: &catalog::Key| row.fields.get(&key.field).and_then(Value::as_i64);
        table.keys.push(model.keys.iter().map(key).collect());
        self.names.add(self.catalog, self.tenancy, model, row);
    }

    fn admitted(&self, filter: &Filter) -> Marks {
        let chosen = self.chosen(filter);
        let mut admitted: Marks = Vec::with_capacity(self.tables.len());
        let mut anchored: Marks = Vec::with_capacity(self.tables.len());
        for (model, table) in self.catalog.models().iter().zip(&self.tables) {
            let (rows, anchors) = self.follow_keys(model, table, &chosen, &admitted, &anchored);
            admitted.push(rows);
            anchored.push(anchors);
        }
        self.drop_unused(&mut admitted, &anchored);
        admitted
    }

    /// The rows that the filter names itself, for the models that it speaks of.
    fn chosen(&self, filter: &Filter) -> HashMap<ModelId, HashSet<u32>> {
        let mut users: HashSet<Pk> = HashSet::new();
        let mut chosen = HashMap::new();
        match filter {
            Filter::All => return chosen,
            Filter::Usernames(wanted) => users.extend(named(&self.names.users, wanted)),
            Filter::OrganizationSlugs(wanted) => {
                let organizations: HashSet<Pk> = named(&self.names.organizations, wanted).collect();
                let members = self.names.members.iter();
                users.extend(
                    members
                        .filter(|(_, organization)| organizations.contains(organization))
                        .map(|(user, _)| *user),
                );
                chosen.insert(
                    self.tenancy.organization.model,
                    self.positions(self.tenancy.organization.model, &organizations),
                );
            }
        }
        chosen.insert(self.tenancy.user.model, self.positions(self.tenancy.user.model, &users));
        for (model, values) in &self.names.named {
            let used: HashSet<Digest> = self
                .names
                .used
                .iter()
                .filter(|(used, owner, _)| used == model && owner.is_none_or(|owner| users.contains(&owner)))
                .map(|(.., value)| *value)
                .collect();
            let rows = values.iter().zip(0..).filter(|(value, _)| used.contains(*value));
            chosen.insert(*model, rows.map(|(_, position)| position).collect());
        }
        chosen
    }

    fn positions(&self, model: ModelId, pks: &HashSet<Pk>) -> HashSet<u32> {
        let table = self.tables.get(model.index());
        pks.iter().filter_map(|pk| table?.positions.get(pk).copied()).collect()
    }

    /// Which rows of a model are admitted by where their keys lead, and which of them belong to somebody.
    ///
    /// A key whose target is not in the file does not count: the import drops such a row and says why.
    fn follow_keys(
        &self,
        model: &Model,
        table: &Table,
        chosen: &HashMap<ModelId, HashSet<u32>>,
        admitted: &Marks,
        anchored: &Marks,
    ) -> (Vec<bool>, Vec<bool>) {
        let tolerated: Vec<bool> = model.keys.iter().map(|key| model.tolerates_missing(&key.field)).collect();
        let mut rows = Vec::with_capacity(table.keys.len());
        let mut anchors = Vec::with_capacity(table.keys.len());
        for (position, keys) in (0u32..).zip(&table.keys) {
            let mut is_admitted = chosen.get(&model.id).is_none_or(|chosen| chosen.contains(&position));
            let mut is_anchored = !model.dangling && model.keys.is_empty();
            for ((key, tolerated), target_pk) in model.keys.iter().zip(&tolerated).zip(keys.iter()) {
                let Some((target, target_position)) = self.target(key.target, *target_pk) else { continue };
                is_admitted &= *tolerated || mark(admitted, target, target_position).unwrap_or(true);
                is_anchored |= !self.catalog.model(target).dangling
                    && mark(anchored, target, target_position).unwrap_or(false);
            }
            rows.push(is_admitted);
            anchors.push(is_admitted && is_anchored);
        }
        (rows, anchors)
    }

    fn target(&self, model: Option<ModelId>, pk: Option<Pk>) -> Option<(ModelId, u32)> {
        let model = model?;
        let position = self.tables.get(model.index())?.positions.get(&pk?)?;
        Some((model, *position))
    }

    /// Leaves out rows that belong to nobody and that no admitted row of somebody refers to, and then what
    /// refers only to those.
    fn drop_unused(&self, admitted: &mut Marks, anchored: &Marks) {
        let mut used: HashSet<(ModelId, u32)> = HashSet::new();
        for (model, table) in self.catalog.models().iter().zip(&self.tables) {
            for (position, keys) in (0u32..).zip(&table.keys) {
                if mark(anchored, model.id, position) == Some(true) {
                    let targets = model.keys.iter().zip(keys.iter());
                    used.extend(targets.filter_map(|(key, pk)| self.target(key.target, *pk)));
                }
            }
        }
        for (model, table) in self.catalog.models().iter().zip(&self.tables) {
            for (position, keys) in (0u32..).zip(&table.keys) {
                let unused =
                    model.dangling && model.used_by.is_empty() && !used.contains(&(model.id, position));
                let follows_unused = model.keys.iter().zip(keys.iter()).any(|(key, pk)| {
                    !model.tolerates_missing(&key.field)
                        && self
                            .target(key.target, *pk)
                            .is_some_and(|(target, position)| mark(admitted, target, position) == Some(false))
                });
                if (unused || follows_unused)
                    && let Some(row) =
                        admitted.get_mut(model.id.index()).and_then(|rows| rows.get_mut(position as usize))
                {
                    *row = false;
                }
            }
        }
    }
}

impl Names {
    fn add(&mut self, catalog: &Catalog, tenancy: &Tenancy, model: &Model, row: &FileRow) {
        if model.id == tenancy.user.model {
            self.users.push((row.pk, digest(text(&row.fields, &tenancy.user.field))));
        }
        if model.id == tenancy.organization.model {
            self.organizations.push((row.pk, digest(text(&row.fields, &tenancy.organization.field))));
        }
        if model.id == tenancy.member_user.model {
            let key = |field: &str| row.fields.get(field).and_then(Value::as_i64);
            if let (Some(user), Some(organization)) =
                (key(&tenancy.member_user.field), key(&tenancy.member_organization.field))
            {
                self.members.push((user, organization));
            }
        }
        for named in catalog.models().iter().filter(|named| !named.used_by.is_empty()) {
            for path in named.used_by.iter().filter(|path| path.model == model.id) {
                let owner = owner(tenancy, model, row);
                self.used.push((named.id, owner, digest(&text(&row.fields, &path.field).to_lowercase())));
            }
        }
        if let (false, Some(unique)) = (model.used_by.is_empty(), model.uniques.first()) {
            let field = unique.fields.first().map(String::as_str).unwrap_or_default();
            let value = digest(&text(&row.fields, field).to_lowercase());
            self.named.entry(model.id).or_default().push(value);
        }
    }
}

/// The user that a row is or belongs to.
fn owner(tenancy: &Tenancy, model: &Model, row: &FileRow) -> Option<Pk> {
    if model.id == tenancy.user.model {
        return Some(row.pk);
    }
    let key = model.keys.iter().find(|key| key.target == Some(tenancy.user.model))?;
    row.fields.get(&key.field).and_then(Value::as_i64)
}

fn named<'a>(rows: &'a [(Pk, Digest)], wanted: &[String]) -> impl Iterator<Item = Pk> + use<'a> {
    let wanted: HashSet<Digest> = wanted.iter().map(|name| digest(name)).collect();
    rows.iter().filter(move |(_, name)| wanted.contains(name)).map(|(pk, _)| *pk)
}

fn text<'a>(fields: &'a Fields, field: &str) -> &'a str {
    fields.get(field).and_then(Value::as_str).unwrap_or_default()
}

fn digest(text: &str) -> Digest {
    let mut digest = Digest::default();
    blake3::Hasher::new().update(text.as_bytes()).finalize_xof().fill(&mut digest);
    digest
}

fn mark(marks: &Marks, model: ModelId, position: u32) -> Option<bool> {
    marks.get(model.index())?.get(position as usize).copied()
}
