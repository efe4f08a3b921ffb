//! Shows the key that exports are sealed with.

use std::fmt;

use pipeline::api::PublicKeyView;
use serde::Serialize;

use crate::Exit;
use crate::api::ApiArgs;
use crate::error::CliError;
use crate::terminal::Terminal;

/// Show the public key of a cell, to seal exports for it
///
/// `relocate submit` fetches it by itself; it is for exports that are sealed elsewhere.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example: relocate public-key > cell.pem && relocate encrypt in.json out.tar --public-key cell.pem"
)]
pub(crate) struct Args {
    #[command(flatten)]
    api: ApiArgs,
}

#[derive(Serialize)]
#[serde(transparent)]
struct Key(PublicKeyView);

impl fmt::Display for Key {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(out, "{}", self.0.public_key.trim_end())
    }
}

pub(crate) fn run(args: &Args, terminal: &mut Terminal) -> Result<Exit, CliError> {
    let public_key = args.api.client().public_key()?;
    terminal.report(&Key(PublicKeyView { public_key }), false)?;
    Ok(Exit::Done)
}
