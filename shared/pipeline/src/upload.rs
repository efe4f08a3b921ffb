//! The arithmetic of direct uploads (SPEC, "HTTP API"), and the size classes of daily limits.

use std::ops::Range;

use serde::{Deserialize, Serialize};

const MIB: u64 = 1024 * 1024;

/// The largest file within a request.
pub const MAX_INLINE_BYTES: u64 = 4 * MIB;

/// The largest file by direct upload.
pub const MAX_UPLOAD_BYTES: u64 = 5 * 1024 * MIB;

/// The size of every part but the last. The largest file has 320 of them, far from S3's limit of 10,000,
/// and a part that breaks off costs seconds.
pub const PART_BYTES: u64 = 16 * MIB;

/// The most parts that one answer names with URLs.
pub const MAX_URLS: usize = 100;

/// How a file of a declared size is cut into parts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Parts {
    bytes: u64,
}

impl Parts {
    /// The parts of a file; none when its size is 0 or over the limit.
    #[must_use]
    pub const fn of(bytes: u64) -> Option<Self> {
        if bytes == 0 || bytes > MAX_UPLOAD_BYTES { None } else { Some(Self { bytes }) }
    }

    /// How many there are.
    #[must_use]
    pub const fn count(self) -> u32 {
        // The largest file has 320 parts, so this cannot truncate.
        self.bytes.div_ceil(PART_BYTES) as u32
    }

    /// The bytes of a part, counted from 1.
    #[must_use]
    pub fn range(self, part: u32) -> Option<Range<u64>> {
        let start = u64::from(part).checked_sub(1)?.checked_mul(PART_BYTES)?;
        (start < self.bytes).then(|| start..(start + PART_BYTES).min(self.bytes))
    }

    /// The numbers of the parts that are not in `present`, ascending.
    #[must_use]
    pub fn missing(self, present: &[u32]) -> Vec<u32> {
        (1..=self.count()).filter(|part| !present.contains(part)).collect()
    }
}

/// How large a file is, for the daily limits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SizeClass {
    /// Less than 10 MiB.
    Small,
    /// Less than 100 MiB.
    Medium,
    /// 100 MiB or more.
    Large,
}

impl SizeClass {
    /// The class of a file.
    #[must_use]
    pub const fn of(bytes: u64) -> Self {
        if bytes < 10 * MIB {
            Self::Small
        } else if bytes < 100 * MIB {
            Self::Medium
        } else {
            Self::Large
        }
    }
}
