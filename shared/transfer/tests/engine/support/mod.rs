//! What the tests of the engine share.

pub(crate) mod flaky;
pub(crate) mod full;
pub(crate) mod rounds;
pub(crate) mod undoing;

use std::sync::Arc;

use catalog::{Catalog, ImportScope};
use futures::executor::block_on;
use serde_json::{Value, json};
use silo::{Filter, ImportFlags, ImportKind, MemorySilo, Pk, Row, Silo, Silos};
use transfer::import::{
    DropReason, ExportSource, ImportError, ImportOutcome, ImportRequest, Unwatched, import,
};
use uuid::Uuid;

use flaky::{Wire, Wired};

/// An instance in memory.
pub(crate) struct Instance {
    pub(crate) catalog: Arc<Catalog>,
    pub(crate) cell: MemorySilo,
    pub(crate) control: MemorySilo,
}

impl Instance {
    pub(crate) fn new() -> Self {
        Self::of(Catalog::builtin())
    }

    /// An instance of another application.
    pub(crate) fn of(catalog: Arc<Catalog>) -> Self {
        Self {
            cell: MemorySilo::new(Arc::clone(&catalog)),
            control: MemorySilo::new(Arc::clone(&catalog)),
            catalog,
        }
    }

    pub(crate) fn silos(&self) -> Silos<'_, MemorySilo> {
        Silos { cell: &self.cell, control: &self.control }
    }

    pub(crate) fn import(&self, file: &[u8], request: &ImportRequest) -> Result<ImportOutcome, ImportError> {
        self.import_from(file, request)
    }

    /// Imports what can be read again and again.
    pub(crate) fn import_from(
        &self,
        source: &(impl ExportSource + ?Sized),
        request: &ImportRequest,
    ) -> Result<ImportOutcome, ImportError> {
        block_on(import(self.silos(), source, request, &mut Unwatched))
    }

    /// Imports a file with everything going over a wire.
    pub(crate) fn import_over(
        &self,
        wire: &Wire,
        file: &[u8],
        request: &ImportRequest,
    ) -> Result<ImportOutcome, ImportError> {
        let cell = Wired { silo: &self.cell, between: wire };
        let control = Wired { silo: &self.control, between: wire };
        block_on(import(Silos { cell: &cell, control: &control }, file, request, &mut Unwatched))
    }

    /// Imports these rows, which must succeed.
    pub(crate) fn run(
        &self,
        request: &ImportRequest,
        rows: impl IntoIterator<Item = Value>,
    ) -> ImportOutcome {
        let outcome = self.import(&file(rows), request).unwrap();
        assert!(outcome.finished);
        outcome
    }

    /// Imports these rows, which must fail.
    pub(crate) fn fail(&self, request: &ImportRequest, rows: impl IntoIterator<Item = Value>) -> ImportError {
        self.import(&file(rows), request).unwrap_err()
    }

    /// What became of a row of the file.
    pub(crate) fn mapped(
        &self,
        outcome: &ImportOutcome,
        model: &str,
        source: Pk,
    ) -> Option<(Pk, ImportKind)> {
        outcome.pk_map.get(self.catalog.find(model).unwrap().id, source)
    }

    /// The row that a row of the file has become.
    pub(crate) fn imported(&self, outcome: &ImportOutcome, model: &str, source: Pk) -> Row {
        let (pk, _) = self.mapped(outcome, model, source).unwrap();
        self.rows(model).into_iter().find(|row| row.pk == pk).unwrap()
    }

    /// All rows of a model by primary key.
    pub(crate) fn rows(&self, model: &str) -> Vec<Row> {
        let model = self.catalog.find(model).unwrap();
        let page = block_on(self.silos().of(model).page(model, None, usize::MAX)).unwrap();
        page.items.into_iter().map(|stored| stored.row).collect()
    }

    pub(crate) fn row(&self, model: &str, field: &str, value: impl Into<Value>) -> Row {
        let value = value.into();
        let rows = self.rows(model);
        rows.into_iter().find(|row| row.fields[field] == value).unwrap()
    }

    /// Puts a row in as it is.
    pub(crate) fn put(&self, model: &str, pk: Pk, fields: Value) {
        let model = self.catalog.find(model).unwrap();
        let Value::Object(fields) = fields else { panic!("fields are an object") };
        self.silos().of(model).load(model, Row::new(pk, fields)).unwrap();
    }

    /// Puts a row in as a file has it.
    pub(crate) fn put_row(&self, row: &Value) {
        self.put(row["model"].as_str().unwrap(), row["pk"].as_i64().unwrap(), row["fields"].clone());
    }

    /// Everything there is, to compare states.
    pub(crate) fn state(&self) -> Vec<(String, Vec<Row>)> {
        let models = self.catalog.models().iter().map(|model| (model.name.clone(), self.rows(&model.name)));
        models.filter(|(_, rows)| !rows.is_empty()).collect()
    }
}

/// An import of everything in a scope.
pub(crate) fn request(scope: ImportScope) -> ImportRequest {
    ImportRequest {
        import: Uuid::from_u128(1),
        scope,
        flags: ImportFlags::default(),
        filter: Filter::All,
        clear: false,
        source_version: "1".to_owned(),
        now: "2026-01-02T03:04:05.678Z".parse().unwrap(),
        key: [7; 32],
    }
}

/// A file of these rows.
pub(crate) fn file(rows: impl IntoIterator<Item = Value>) -> Vec<u8> {
    serde_json::to_vec(&rows.into_iter().collect::<Vec<_>>()).unwrap()
}

/// A row of a file.
pub(crate) fn row(model: &str, pk: Pk, fields: Value) -> Value {
    json!({ "model": model, "pk": pk, "fields": fields })
}

/// The fields with some of them replaced or added.
pub(crate) fn with(mut row: Value, changes: Value) -> Value {
    let Value::Object(changes) = changes else { panic!("changes are an object") };
    row["fields"].as_object_mut().unwrap().extend(changes);
    row
}

pub(crate) fn user(pk: Pk, username: &str) -> Value {
    row("sentry.user", pk, json!({ "username": username, "email": format!("{username}@example.com") }))
}

pub(crate) fn organization(pk: Pk, slug: &str) -> Value {
    row("sentry.organization", pk, json!({ "name": slug, "slug": slug }))
}

pub(crate) fn team(pk: Pk, organization: Pk, slug: &str) -> Value {
    row("sentry.team", pk, json!({ "organization": organization, "name": slug, "slug": slug }))
}

pub(crate) fn project(pk: Pk, organization: Pk, slug: &str) -> Value {
    row("sentry.project", pk, json!({ "organization": organization, "name": slug, "slug": slug }))
}

pub(crate) fn member(pk: Pk, organization: Pk, user: Pk) -> Value {
    row(
        "sentry.organizationmember",
        pk,
        json!({ "organization": organization, "user_id": user, "role": "owner" }),
    )
}

/// Why rows of a model were dropped, by their primary keys in the file.
pub(crate) fn dropped(outcome: &ImportOutcome, model: &str) -> Vec<(Pk, DropReason)> {
    let of_model = outcome.report.dropped.iter().filter(|dropped| dropped.model == model);
    of_model.map(|dropped| (dropped.source_pk, dropped.reason.clone())).collect()
}

/// An import of a scope, with some flags.
pub(crate) fn request_with(scope: ImportScope, flags: ImportFlags) -> ImportRequest {
    ImportRequest { flags, ..request(scope) }
}

/// Another import, otherwise the same.
pub(crate) fn another(request: &ImportRequest, number: u128) -> ImportRequest {
    ImportRequest { import: Uuid::from_u128(number), ..request.clone() }
}

pub(crate) const MERGE: ImportFlags =
    ImportFlags { merge_users: true, overwrite_configs: false, hide_organizations: false };
pub(crate) const OVERWRITE: ImportFlags =
    ImportFlags { merge_users: false, overwrite_configs: true, hide_organizations: false };
pub(crate) const HIDE: ImportFlags =
    ImportFlags { merge_users: false, overwrite_configs: false, hide_organizations: true };

/// The time of every import here, as rows have it.
pub(crate) const NOW: &str = "2026-01-02T03:04:05.678Z";
