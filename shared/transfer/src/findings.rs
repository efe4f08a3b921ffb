//! Findings: what a comparison, an import or an export has to complain about, in the one shape that findings
//! files have (SPEC §9, and the end of §8).

mod summary;

use std::borrow::Cow;
use std::io::Write;

use serde::{Deserialize, Serialize};
use silo::Pk;

pub use summary::Summary;

/// One complaint. It serialises to one entry of a findings file; every key is always there.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Finding {
    /// What was going on when it was found.
    pub finding: FindingType,
    /// What kind of complaint it is: the name of a comparator or of an error's kind.
    pub kind: Cow<'static, str>,
    /// The primary key on the left side, if the finding is about one row that exists there.
    pub left_pk: Option<Pk>,
    /// What it is about.
    pub on: Instance,
    /// What was found, for people. No secret, e-mail address or password stands whole in it.
    pub reason: String,
    /// The primary key on the right side, if the finding is about one row that exists there.
    pub right_pk: Option<Pk>,
}

/// What was going on when a finding was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum FindingType {
    /// Two exports were compared.
    #[serde(rename = "ComparatorFinding")]
    Comparison,
    /// Rows were imported.
    #[serde(rename = "RpcImportError")]
    Import,
    /// Rows were exported.
    #[serde(rename = "RpcExportError")]
    Export,
}

/// What a finding is about: a row of a model, or a model as a whole.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Instance {
    /// The name of the model.
    pub model: String,
    /// The ordinal of the row among the rows of its model, from 1; none for the model as a whole.
    pub ordinal: Option<u64>,
}

impl Finding {
    /// The error that an import ended with. `pk` is the row's primary key in the source, on the left: the
    /// import did not give it one on the right.
    pub fn import_error(
        kind: impl Into<Cow<'static, str>>,
        on: Instance,
        pk: Option<Pk>,
        reason: impl Into<String>,
    ) -> Self {
        let (kind, reason) = (kind.into(), reason.into());
        Self { finding: FindingType::Import, kind, left_pk: pk, on, reason, right_pk: None }
    }

    /// The error that an export ended with. `pk` is the row's primary key in the silo, on the right: the side
    /// of a comparison that an export makes.
    pub fn export_error(
        kind: impl Into<Cow<'static, str>>,
        on: Instance,
        pk: Option<Pk>,
        reason: impl Into<String>,
    ) -> Self {
        let (kind, reason) = (kind.into(), reason.into());
        Self { finding: FindingType::Export, kind, left_pk: None, on, reason, right_pk: pk }
    }
}

/// Writes a findings file: a JSON array, empty when there is nothing to complain about.
///
/// # Errors
/// The sink's.
pub fn write_json(findings: &[Finding], mut sink: impl Write) -> std::io::Result<()> {
    serde_json::to_writer_pretty(&mut sink, findings)?;
    sink.write_all(b"\n")?;
    sink.flush()
}
