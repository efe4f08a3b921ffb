//! The report for machines.

use std::collections::BTreeMap;

use catalog::Catalog;
use serde::Serialize;
use silo::{ImportKind, Pk};
use transfer::import::{ImportReport, ModelReport, PkMap};

use crate::causes::{Cause, causes};
use crate::counts::Counts;
use crate::{About, Report};

/// A report as an object: all that [`About`] and [`ImportReport`] have, with what they come to.
#[derive(Debug, Serialize)]
pub struct Json<'a> {
    #[serde(flatten)]
    about: &'a About,
    /// The counts of all models together.
    total: ModelReport,
    #[serde(flatten)]
    import: &'a ImportReport,
    /// The dropped rows that are listed, by what caused it.
    causes: Vec<JsonCause<'a>>,
    /// By model and primary key in the file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pk_map: Option<BTreeMap<&'a str, BTreeMap<Pk, NewPk>>>,
}

#[derive(Debug, Serialize)]
struct JsonCause<'a> {
    because: String,
    rows: u64,
    models: BTreeMap<&'a str, u64>,
}

#[derive(Debug, Serialize)]
struct NewPk {
    pk: Pk,
    kind: ImportKind,
}

impl<'a> Json<'a> {
    pub(crate) fn new(report: Report<'a>, pk_map: Option<&'a PkMap>) -> Self {
        let Report { catalog, about, import } = report;
        let total = Counts::of(report).total;
        let pk_map = pk_map.map(|map| new_pks(catalog, map));
        Self { about, total, import, causes: caused(import), pk_map }
    }
}

fn caused(import: &ImportReport) -> Vec<JsonCause<'_>> {
    causes(&import.dropped).iter().map(JsonCause::new).collect()
}

impl<'a> JsonCause<'a> {
    fn new(cause: &Cause<'a>) -> Self {
        let mut models = BTreeMap::new();
        for group in &cause.groups {
            *models.entry(group.model).or_insert(0) += group.source_pks.len() as u64;
        }
        Self { because: cause.why.to_string(), rows: cause.rows, models }
    }
}

fn new_pks<'a>(catalog: &'a Catalog, map: &PkMap) -> BTreeMap<&'a str, BTreeMap<Pk, NewPk>> {
    let rows =
        |id| map.rows(id).map(|(source, pk, kind)| (source, NewPk { pk, kind })).collect::<BTreeMap<_, _>>();
    let models = catalog.models().iter().map(|model| (model.name.as_str(), rows(model.id)));
    models.filter(|(_, rows)| !rows.is_empty()).collect()
}
