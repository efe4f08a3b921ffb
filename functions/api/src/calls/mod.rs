//! What can be asked for. To add a call, add a file here and its address to the router.

pub(crate) mod artifacts;
pub(crate) mod audit;
pub(crate) mod cascades;
pub(crate) mod create;
pub(crate) mod deletions;
pub(crate) mod description;
pub(crate) mod list;
pub(crate) mod options;
pub(crate) mod public_key;
pub(crate) mod retry;
pub(crate) mod show;
pub(crate) mod steer;
pub(crate) mod undo;
pub(crate) mod upload;
