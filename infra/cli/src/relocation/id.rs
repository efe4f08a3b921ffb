//! Which relocation a command is about.

use clap::Args;
use pipeline::ids::RelocationId;

/// The relocation that is meant.
#[derive(Debug, Clone, Args)]
pub(crate) struct IdArg {
    /// The relocation; `relocate list` finds it
    #[arg(value_name = "UUID")]
    pub(crate) uuid: RelocationId,
}
