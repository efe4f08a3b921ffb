#![doc = include_str!("../README.md")]

mod blocking;
mod catalogue;
mod located;
mod object_reader;
mod plan;
mod refusal;
mod sealed;
mod small;
mod spool;
#[cfg(feature = "testing")]
pub mod testing;

pub use blocking::{blocking, drive};
pub use catalogue::catalogue;
pub use located::{Located, file, recorded};
pub use object_reader::ObjectReader;
pub use plan::{PlanFilter, PlanStep, ValidationPlan};
pub use refusal::{refused_file, refused_rows};
pub use sealed::{SealedFile, data_key_text, index, open, public_key, read_sealed};
pub use small::{existing_usernames, find_json, put_small, read_small};
pub use spool::{Sealing, Spool};
