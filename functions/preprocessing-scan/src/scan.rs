use std::collections::{HashMap, HashSet};
use std::io::Read;
use std::num::NonZeroU32;

use artifacts::refused_rows;
use catalog::{Catalog, Field, FieldPath, ImportScope, Tenancy};
use pipeline::code::ErrorCode;
use runtime::TaskError;
use serde_json::Value;
use silo::{Fields, Pk};
use transfer::import::Census;
use transfer::rows::{FileRow, RowReader};

use crate::memory::Load;

/// More rows than a sandbox imports in its time. The limit keeps what a scan remembers of each row well below
/// its function's memory, whatever a hostile file holds.
const ROWS_MAX: u64 = 10_000_000;

/// What the rules and the budget ask of a file, from one reading of it.
#[derive(Debug, Default)]
pub(crate) struct Scan {
    /// Names of all users; none for those without one.
    pub(crate) users: HashMap<Pk, Option<Box<str>>>,
    /// The slug of each wanted organisation.
    pub(crate) organizations: HashMap<Pk, String>,
    /// Users and the organisations that they are members of.
    pub(crate) members: Vec<(Pk, Pk)>,
    /// No longer name can be imported, so that longer ones are not remembered.
    username_bytes_max: usize,
    rows: u64,
    /// The bytes of each row, by model and position; none for one that an organisation's import leaves out.
    sizes: Vec<Vec<Option<NonZeroU32>>>,
}

impl Scan {
    /// Reads a file to its end.
    pub(crate) fn read<R: Read>(
        catalog: &Catalog,
        wanted: &[String],
        rows: &mut RowReader<R>,
    ) -> Result<Self, TaskError> {
        let tenancy = catalog.tenancy().ok_or_else(|| TaskError::permanent("the catalogue has no users"))?;
        let wanted: HashSet<&str> = wanted.iter().map(String::as_str).collect();
        let mut scan = Self {
            sizes: vec![Vec::new(); catalog.models().len()],
            username_bytes_max: bytes_max(catalog, &tenancy.user),
            ..Self::default()
        };
        while let Some(row) = rows.next_row().map_err(refused_rows)? {
            scan.rows += 1;
            if scan.rows > ROWS_MAX {
                return Err(TaskError::verdict(ErrorCode::TooLargeToValidate));
            }
            let Some(model) = catalog.find(&row.model) else { continue };
            if let Some(sizes) = scan.sizes.get_mut(model.id.index()) {
                let is_imported = ImportScope::Organization.admits(model.scope_of(&row.fields));
                let bytes = NonZeroU32::new(rows.row_bytes().try_into().unwrap_or(u32::MAX));
                sizes.push(bytes.filter(|_| is_imported));
            }
            scan.add(tenancy, model.id, &wanted, row);
        }
        Ok(scan)
    }

    fn add(&mut self, tenancy: &Tenancy, model: catalog::ModelId, wanted: &HashSet<&str>, row: FileRow) {
        let FileRow { pk, fields, .. } = row;
        let is = |path: &FieldPath| path.model == model;
        if is(&tenancy.user) {
            let name = text(&fields, &tenancy.user).filter(|name| name.len() <= self.username_bytes_max);
            self.users.insert(pk, name.map(Box::from));
        }
        if is(&tenancy.organization)
            && let Some(slug) = text(&fields, &tenancy.organization).filter(|slug| wanted.contains(slug))
        {
            self.organizations.insert(pk, slug.to_owned());
        }
        if is(&tenancy.member_user)
            && let (Some(user), Some(organization)) =
                (key(&fields, &tenancy.member_user), key(&fields, &tenancy.member_organization))
        {
            self.members.push((user, organization));
        }
    }

    /// What a sandbox would hold if it took every row that is imported at all.
    pub(crate) fn everything(&self) -> Load {
        let mut load = Load::of_file(self.rows);
        self.sizes.iter().flatten().flatten().for_each(|size| load.add_row(size.get()));
        load
    }

    /// What a sandbox holds of the rows that a census admits.
    pub(crate) fn admitted(&self, catalog: &Catalog, census: &Census) -> Load {
        let mut load = Load::of_file(self.rows);
        for (model, sizes) in catalog.models().iter().zip(&self.sizes) {
            let imported = (1_u64..).zip(sizes).filter_map(|(ordinal, size)| Some((ordinal, (*size)?)));
            let admitted = imported.filter(|(ordinal, _)| census.admits(model.id, *ordinal));
            admitted.for_each(|(_, size)| load.add_row(size.get()));
        }
        load
    }
}

/// The bytes of the longest text that a field takes.
fn bytes_max(catalog: &Catalog, path: &FieldPath) -> usize {
    const BYTES_PER_CHARACTER_MAX: usize = 4;
    let length_max = catalog.model(path.model).field(&path.field).and_then(Field::length_max);
    length_max.map_or(usize::MAX, |length_max| BYTES_PER_CHARACTER_MAX * length_max)
}

fn text<'a>(fields: &'a Fields, path: &FieldPath) -> Option<&'a str> {
    fields.get(&path.field).and_then(Value::as_str)
}

fn key(fields: &Fields, path: &FieldPath) -> Option<Pk> {
    fields.get(&path.field).and_then(Value::as_i64)
}
