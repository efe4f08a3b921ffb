//! Where an export that may be killed keeps the models it has finished (SPEC §8: exports can checkpoint per model
//! and resume).

mod memory;

use std::fmt;
use std::io::{self, Read, Write};

use catalog::{Catalog, ImportScope, Model};
use serde::{Deserialize, Serialize};
use silo::Filter;

use super::ExportRequest;

pub use memory::MemoryCheckpoint;

/// The rows that are kept together.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Part {
    /// The model whose rows they are.
    pub model: String,
    /// The model whose rows were the first to need them, where they belong to nobody and came along.
    pub with: Option<String>,
}

impl fmt::Display for Part {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.with {
            None => out.write_str(&self.model),
            Some(with) => write!(out, "{} with {with}", self.model),
        }
    }
}

/// What an export has finished, part by part, for one request. A part is a file of rows; what later models need to
/// know of it is read from its rows.
///
/// One export at a time uses a checkpoint: of two at once, each would find parts that the other selected.
pub trait Checkpoint: Send + Sync {
    /// Where the rows of a part go.
    type Sink: Write + Send;
    /// Where the rows of a part come from.
    type Source: Read + Send;

    /// Records whose checkpoint this is, unless that is recorded already, and returns what is.
    fn claim(&self, manifest: &[u8]) -> impl Future<Output = io::Result<Vec<u8>>> + Send;

    /// Reads a part from its beginning; none when it is not kept.
    fn open(&self, part: &Part) -> impl Future<Output = io::Result<Option<Self::Source>>> + Send;

    /// A sink for a part. Nothing of it is kept before [`keep`](Self::keep).
    fn begin(&self, part: &Part) -> impl Future<Output = io::Result<Self::Sink>> + Send;

    /// Keeps a part, whole or not at all, in the place of one that was kept before.
    fn keep(&self, part: &Part, sink: Self::Sink) -> impl Future<Output = io::Result<()>> + Send;
}

/// Why a checkpoint is not the one of this export.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ForeignCheckpoint {
    /// Another version of the program wrote it.
    #[error("it has another format")]
    Format,
    /// It was made with other models, or models in another order.
    #[error("it was made with another catalogue")]
    Catalog,
    /// It is of another scope or another filter.
    #[error("it was made for another scope or another filter")]
    Request,
}

/// The form of what is kept. It rises when parts, or what is read from them, change.
const FORMAT: u32 = 1;

/// Whose checkpoint it is.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Manifest {
    format: u32,
    /// A hash of the models and where their keys lead: the parts that are kept are always the first in their order.
    catalog: String,
    scope: ImportScope,
    filter: Filter,
}

/// As much of a manifest as every format has.
#[derive(Deserialize)]
struct AnyManifest {
    format: u32,
}

impl Manifest {
    pub(super) fn of(catalog: &Catalog, request: &ExportRequest) -> Self {
        let filter = match request.filter.clone() {
            Filter::All => Filter::All,
            Filter::Usernames(names) => Filter::Usernames(a_set(names)),
            Filter::OrganizationSlugs(slugs) => Filter::OrganizationSlugs(a_set(slugs)),
        };
        Self { format: FORMAT, catalog: digest(catalog), scope: request.scope, filter }
    }

    pub(super) fn to_bytes(&self) -> io::Result<Vec<u8>> {
        Ok(serde_json::to_vec(self)?)
    }

    /// Whether this is the manifest that a checkpoint has on record.
    pub(super) fn require(&self, recorded: &[u8]) -> Result<(), ForeignCheckpoint> {
        let format = serde_json::from_slice(recorded).map(|AnyManifest { format }| format);
        if !format.is_ok_and(|format| format == FORMAT) {
            return Err(ForeignCheckpoint::Format);
        }
        let recorded: Self = serde_json::from_slice(recorded).map_err(|_| ForeignCheckpoint::Format)?;
        if recorded.catalog != self.catalog {
            return Err(ForeignCheckpoint::Catalog);
        }
        if recorded != *self { Err(ForeignCheckpoint::Request) } else { Ok(()) }
    }
}

/// Who asks for the same names in another order, or twice, asks for the same.
fn a_set(mut names: Vec<String>) -> Vec<String> {
    names.sort_unstable();
    names.dedup();
    names
}

fn digest(catalog: &Catalog) -> String {
    let mut hasher = blake3::Hasher::new();
    for model in catalog.models() {
        let keys: Vec<_> = model.keys.iter().map(|key| (&key.field, &key.target_name)).collect();
        let Model { name, silo, scope, dangling, .. } = model;
        hasher.update(format!("{name:?} {silo:?} {scope:?} {dangling} {keys:?}\n").as_bytes());
    }
    hasher.finalize().to_hex().to_string()
}
