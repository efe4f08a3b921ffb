//! How much memory a validation run will take, and whether its function has that much (DESIGN §2, "Validation").
//!
//! The factors are on the safe side of what was measured: importing a generated export of 49,920 rows, 12 MB of
//! JSON, into an empty sandbox took 84 MiB, where they come to 122 MiB and the base.

use pipeline::code::ErrorCode;
use pipeline::relocation::Failure;

const MIB: u64 = 1024 * 1024;

/// The program, its buffers, and what is imported beside the export: this instance's configuration and at most
/// 2,000 users, on both sides of the comparison.
const BASE: u64 = 128 * MIB;

/// What the sandbox keeps of a row beside its fields: indexes, primary keys, its share of a chunk.
const PER_ROW: u64 = 1_000;

/// What the sandbox keeps of each byte of a row's JSON.
const PER_BYTE: u64 = 6;

/// What a filtered import keeps of each row of the file, wanted or not: where its keys lead.
const PER_ROW_OF_FILE: u64 = 100;

/// What a validation run has to hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Load {
    bytes: u64,
}

impl Load {
    /// What every run of a file with so many rows holds.
    pub(crate) const fn of_file(rows: u64) -> Self {
        Self { bytes: BASE + rows * PER_ROW_OF_FILE }
    }

    /// Adds a row that is imported.
    pub(crate) fn add_row(&mut self, json_bytes: u32) {
        self.bytes += PER_ROW + PER_BYTE * u64::from(json_bytes);
    }
}

/// How much a validation run may hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Budget {
    bytes: u64,
}

impl Budget {
    /// 80 % of the function's memory: the rest covers what the estimate does not see.
    pub(crate) const fn of_function(memory_bytes: u64) -> Self {
        Self { bytes: memory_bytes / 5 * 4 }
    }

    /// Whether a load fits.
    pub(crate) fn check(self, load: &Load) -> Result<(), Failure> {
        if load.bytes <= self.bytes {
            return Ok(());
        }
        let code = ErrorCode::TooLargeToValidate;
        let (needed, there) = (load.bytes.div_ceil(MIB), self.bytes / MIB);
        let detail = format!(
            "{} (It would take about {needed} MiB of memory; {there} MiB are there.)",
            code.sentence()
        );
        Err(Failure::new(code, detail))
    }
}
