//! What the tests of the engine share.

#![allow(dead_code, reason = "each test file uses a part of it")]
#![allow(clippy::unwrap_used, clippy::print_stderr, clippy::indexing_slicing, reason = "a test stops at the first surprise")]

use std::path::PathBuf;
use std::sync::Arc;

use catalog::{Catalog, ImportScope};
use futures::executor::block_on;
use serde_json::Value;
use silo::{Filter, ImportFlags, MemorySilo, Pk, Row, Silo, Silos};
use transfer::import::{ImportError, ImportOutcome, ImportRequest, Unwatched, import};
use uuid::Uuid;

/// The bytes of a file of the reference data, or nothing where the checkout stands alone.
pub(crate) fn reference(name: &str) -> Option<Vec<u8>> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/reference").join(name);
    let bytes = std::fs::read(&path).ok();
    if bytes.is_none() {
        eprintln!("skipped: the reference data is not beside this checkout");
    }
    bytes
}

/// An instance in memory.
pub(crate) struct Instance {
    pub(crate) catalog: Arc<Catalog>,
    pub(crate) cell: MemorySilo,
    pub(crate) control: MemorySilo,
}

impl Instance {
    pub(crate) fn new() -> Self {
        let catalog = Catalog::builtin();
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
        block_on(import(self.silos(), file, request, &mut Unwatched))
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
        self.silos().of(model).load(model, Row { pk, fields }).unwrap();
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
        source_version: "1".to_owned(),
        now: "2026-01-02T03:04:05.678Z".parse().unwrap(),
        key: [7; 32],
    }
}
