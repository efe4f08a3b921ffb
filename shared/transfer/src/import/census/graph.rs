//! Where the keys of a file's rows lead, and which of them a filter admits (SPEC §7).

use std::collections::{HashMap, HashSet};

use catalog::{Catalog, Model, ModelId, Tenancy};
use serde_json::Value;
use silo::{Fields, Filter, Pk};

use crate::import::pk_runs::PkRuns;

/// The rows of a file and where their keys lead.
pub(super) struct Graph<'a> {
    catalog: &'a Catalog,
    tenancy: &'a Tenancy,
    tables: Vec<Table>,
    names: Names,
}

/// The rows of one model, as small as can be: a file may have many millions.
#[derive(Default)]
struct Table {
    /// Fields that a filter looks at.
    wanted: Vec<String>,
    /// How many keys the model has.
    keys: usize,
    rows: u32,
    /// Positions by primary key.
    positions: PkRuns<()>,
    /// For each row and each key of its model, the position of the target among those of its own model; or
    /// [`NOWHERE`].
    targets: Vec<u32>,
}

/// A key that is null, or whose target does not come before in the file: such a row is dropped, or its key is null.
const NOWHERE: u32 = u32::MAX;

impl Table {
    /// Each row by its position, with the positions of its keys' targets.
    fn rows(&self) -> impl Iterator<Item = (u32, &[u32])> {
        let keys = |row: u32| {
            let first = row as usize * self.keys;
            self.targets.get(first..first + self.keys).unwrap_or_default()
        };
        (0..self.rows).map(move |row| (row, keys(row)))
    }

    fn position(&self, pk: Pk) -> Option<u32> {
        u32::try_from(self.positions.get(pk)?.0).ok()
    }
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
    pub(super) fn new(catalog: &'a Catalog, tenancy: &'a Tenancy) -> Self {
        let table = |model| Table {
            wanted: wanted(catalog, tenancy, model),
            keys: model.keys.len(),
            ..Table::default()
        };
        let tables = catalog.models().iter().map(table).collect();
        Self { catalog, tenancy, tables, names: Names::default() }
    }

    /// The fields of a model that a filter looks at.
    pub(super) fn wanted(&self, model: ModelId) -> &[String] {
        self.tables.get(model.index()).map(|table| table.wanted.as_slice()).unwrap_or_default()
    }

    /// Adds the row that comes next in the file.
    pub(super) fn add(&mut self, model: &Model, pk: Pk, fields: &Fields) {
        let target = |key: &catalog::Key| {
            let pk = fields.get(&key.field).and_then(Value::as_i64)?;
            self.tables.get(key.target?.index())?.position(pk)
        };
        let targets: Vec<u32> = model.keys.iter().map(|key| target(key).unwrap_or(NOWHERE)).collect();
        let Some(table) = self.tables.get_mut(model.id.index()) else { return };
        table.positions.insert(pk, table.rows.into(), ());
        table.rows = table.rows.saturating_add(1);
        table.targets.extend(targets);
        self.names.add(self.catalog, self.tenancy, model, pk, fields);
    }

    /// The rows that a filter admits, by model and position.
    pub(super) fn admitted(&self, filter: &Filter) -> Marks {
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
        pks.iter().filter_map(|pk| table?.position(*pk)).collect()
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
        let chosen = chosen.get(&model.id);
        let mut rows = Vec::with_capacity(table.rows as usize);
        let mut anchors = Vec::with_capacity(table.rows as usize);
        for (position, targets) in table.rows() {
            let mut is_admitted = chosen.is_none_or(|chosen| chosen.contains(&position));
            let mut is_anchored = !model.dangling && model.keys.is_empty();
            for ((key, tolerated), target_position) in model.keys.iter().zip(&tolerated).zip(targets) {
                let Some(target) = key.target.filter(|_| *target_position != NOWHERE) else { continue };
                is_admitted &= *tolerated || mark(admitted, target, *target_position).unwrap_or(true);
                is_anchored |= !self.catalog.model(target).dangling
                    && mark(anchored, target, *target_position).unwrap_or(false);
            }
            rows.push(is_admitted);
            anchors.push(is_admitted && is_anchored);
        }
        (rows, anchors)
    }

    /// Leaves out rows that belong to nobody and that no admitted row of somebody refers to, and then what
    /// refers only to those.
    fn drop_unused(&self, admitted: &mut Marks, anchored: &Marks) {
        let mut used: HashSet<(ModelId, u32)> = HashSet::new();
        for (model, table) in self.catalog.models().iter().zip(&self.tables) {
            let leads_to_dangling =
                |target: Option<ModelId>| target.filter(|target| self.catalog.model(*target).dangling);
            let slots = model.keys.iter().enumerate();
            let slots: Vec<(usize, ModelId)> =
                slots.filter_map(|(slot, key)| Some((slot, leads_to_dangling(key.target)?))).collect();
            if slots.is_empty() {
                continue;
            }
            let anchored_rows =
                table.rows().filter(|(position, _)| mark(anchored, model.id, *position) == Some(true));
            for (_, targets) in anchored_rows {
                let targets = slots.iter().map(|(slot, target)| (*target, targets.get(*slot).copied()));
                used.extend(targets.filter_map(|(target, position)| Some((target, position?))));
            }
        }
        for (model, table) in self.catalog.models().iter().zip(&self.tables) {
            let may_be_unused = model.dangling && model.used_by.is_empty();
            for (position, targets) in table.rows() {
                let unused = may_be_unused && !used.contains(&(model.id, position));
                let follows_unused = model.keys.iter().zip(targets).any(|(key, target_position)| {
                    let leads = |target| mark(admitted, target, *target_position);
                    !model.tolerates_missing(&key.field) && key.target.and_then(leads) == Some(false)
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

/// The fields of a model that a filter looks at.
fn wanted(catalog: &Catalog, tenancy: &Tenancy, model: &Model) -> Vec<String> {
    let paths = [&tenancy.user, &tenancy.organization].into_iter();
    let used_by = catalog.models().iter().flat_map(|named| &named.used_by);
    let named = paths.chain(used_by).filter(|path| path.model == model.id).map(|path| &path.field);
    let naming = model.uniques.first().filter(|_| !model.used_by.is_empty());
    let naming = naming.and_then(|set| set.fields.first());
    model.keys.iter().map(|key| &key.field).chain(named).chain(naming).cloned().collect()
}

impl Names {
    fn add(&mut self, catalog: &Catalog, tenancy: &Tenancy, model: &Model, pk: Pk, fields: &Fields) {
        if model.id == tenancy.user.model {
            self.users.push((pk, digest(text(fields, &tenancy.user.field))));
        }
        if model.id == tenancy.organization.model {
            self.organizations.push((pk, digest(text(fields, &tenancy.organization.field))));
        }
        if model.id == tenancy.member_user.model {
            let key = |field: &str| fields.get(field).and_then(Value::as_i64);
            if let (Some(user), Some(organization)) =
                (key(&tenancy.member_user.field), key(&tenancy.member_organization.field))
            {
                self.members.push((user, organization));
            }
        }
        for named in catalog.models().iter().filter(|named| !named.used_by.is_empty()) {
            for path in named.used_by.iter().filter(|path| path.model == model.id) {
                let owner = owner(tenancy, model, pk, fields);
                self.used.push((named.id, owner, digest(&text(fields, &path.field).to_lowercase())));
            }
        }
        if let (false, Some(unique)) = (model.used_by.is_empty(), model.uniques.first()) {
            let field = unique.fields.first().map(String::as_str).unwrap_or_default();
            let value = digest(&text(fields, field).to_lowercase());
            self.named.entry(model.id).or_default().push(value);
        }
    }
}

/// The user that a row is or belongs to.
fn owner(tenancy: &Tenancy, model: &Model, pk: Pk, fields: &Fields) -> Option<Pk> {
    if model.id == tenancy.user.model {
        return Some(pk);
    }
    let key = model.keys.iter().find(|key| key.target == Some(tenancy.user.model))?;
    fields.get(&key.field).and_then(Value::as_i64)
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
