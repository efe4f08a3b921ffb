//! What a silo remembers of an import, so that it happens exactly once (SPEC §7, DESIGN §3).

use std::collections::BTreeMap;

use catalog::ImportScope;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::Pk;

/// The decisions that an import rests on, recorded once before its first row: with the file and the target
/// they determine its outcome, whatever its order, slices, crashes or interleaving.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImportPlan {
    /// Which import this is.
    pub import: Uuid,
    /// What it admits.
    pub scope: ImportScope,
    /// How it treats what is there already.
    pub flags: ImportFlags,
    /// What it leaves out.
    pub filter: Filter,
    /// Which content it reads: the version of the stored file, or whatever tells one content from another.
    pub source_version: String,
    /// The time that every row of it takes as the present.
    pub now: Timestamp,
    /// The key of every random value: 256 bits.
    pub key: [u8; 32],
    /// The most store items that one transaction may touch.
    pub transaction_items: usize,
    /// For each model by name: how many rows the file has, and the primary keys they may take.
    pub ranges: BTreeMap<String, PkRange>,
}

/// Primary keys reserved for the rows of one model: the row with ordinal n takes `start + n - 1`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct PkRange {
    /// The first primary key.
    pub start: Pk,
    /// Rows of the model in the file.
    pub rows: u64,
    /// Primary keys reserved after those of the file's rows, for rows made automatically.
    pub automatic: u64,
}

/// How an import treats what is there already (SPEC §7).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImportFlags {
    /// Users whose username is taken are the user that has it.
    pub merge_users: bool,
    /// Configuration that is there already is overwritten.
    pub overwrite_configs: bool,
    /// Organisations arrive pending approval.
    pub hide_organizations: bool,
}

/// What an import or export takes (SPEC §7): everything, or what the names given lead to. An empty list takes
/// nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Filter {
    /// Everything that the scope admits.
    #[default]
    All,
    /// Users with these usernames, and what belongs to them.
    Usernames(Vec<String>),
    /// Organisations with these slugs, their members, and what belongs to them.
    OrganizationSlugs(Vec<String>),
}

/// How a row of the file got its primary key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum ImportKind {
    /// It was written.
    Inserted,
    /// A row that was there is used instead, untouched.
    Existing,
    /// It replaced a row that was there.
    Overwrite,
}

/// One row of the file that has a primary key now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mapped {
    /// Its primary key in the file.
    pub source: Pk,
    /// Its primary key here.
    pub pk: Pk,
    /// How it got it.
    pub kind: ImportKind,
}

/// A batch that was written: stored in the transaction of its rows, so that both are there or neither.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImportChunk {
    /// The import.
    pub import: Uuid,
    /// The model, by name.
    pub model: String,
    /// The ordinal of the batch's first row in the file, from 1.
    pub min_ordinal: u64,
    /// Every row of the batch that has a primary key, in the order of the file.
    pub mapped: Vec<Mapped>,
    /// Names given to inserted rows, such as slugs, by primary key.
    pub identifiers: BTreeMap<Pk, String>,
}

impl ImportChunk {
    /// The first ordinal plus the rows written, less one (SPEC §7).
    pub fn max_ordinal(&self) -> u64 {
        self.min_ordinal + (self.mapped.len() as u64).saturating_sub(1)
    }

    /// The lowest and the highest primary key in the file.
    pub fn source_range(&self) -> Option<(Pk, Pk)> {
        range(self.mapped.iter().map(|row| row.source))
    }

    /// The lowest and the highest primary key of a row that was inserted.
    pub fn inserted_range(&self) -> Option<(Pk, Pk)> {
        range(self.mapped.iter().filter(|row| row.kind == ImportKind::Inserted).map(|row| row.pk))
    }

    /// Where the chunk stands among the chunks of its import.
    pub fn position(&self) -> ChunkPosition {
        ChunkPosition { model: self.model.clone(), min_ordinal: self.min_ordinal }
    }
}

fn range(pks: impl Iterator<Item = Pk> + Clone) -> Option<(Pk, Pk)> {
    Some((pks.clone().min()?, pks.max()?))
}

/// What tells the chunks of one import apart, and orders them.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ChunkPosition {
    /// The model, by name.
    pub model: String,
    /// The ordinal of the first row.
    pub min_ordinal: u64,
}

impl ChunkPosition {
    /// The position of the chunk whose batch begins with this row.
    pub fn new(model: &catalog::Model, min_ordinal: u64) -> Self {
        Self { model: model.name.clone(), min_ordinal }
    }
}
