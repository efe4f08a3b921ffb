//! The program's arguments.

use std::ffi::OsString;

use clap::{Parser, Subcommand};

use crate::catalogue::CatalogArg;
use crate::commands::{
    abandon, abort, accept, artifact, artifacts, audit, cancel, cascade_status, catalog, compare, decrypt,
    delete, deletions, demo, down, encrypt, export, generate, import, list, option, pause, public_key,
    recover, retry, sanitize, show, submit, token, undo, unpause, up, watch,
};

/// Relocates tenants' data into a live cell, and rehearses that on your machine
#[derive(Debug, Parser)]
#[command(name = "relocate", version, max_term_width = 100, arg_required_else_help = true, after_help = EXIT_CODES)]
pub(crate) struct Cli {
    /// Answer in JSON, for machines: results on standard output, errors on standard error
    #[arg(long, global = true, help_heading = "Global options")]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) catalog: CatalogArg,
    #[command(subcommand)]
    pub(crate) command: Command,
}

const EXIT_CODES: &str = "\
Exit codes: 0 done · 1 findings, or a failed relocation · 2 it could not be run as it was asked

A file named - is standard input or output. Exports may be plain JSON or sealed tarballs: their content tells.";

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Demo(demo::Args),
    Up(up::Args),
    Down(down::Args),
    Token(token::Args),
    Encrypt(encrypt::Args),
    Decrypt(decrypt::Args),
    Import(import::Args),
    Export(export::Args),
    Compare(compare::Args),
    Sanitize(sanitize::Args),
    Generate(generate::Args),
    Catalog(catalog::Args),
    PublicKey(public_key::Args),
    Submit(submit::Args),
    Abandon(abandon::Args),
    List(list::Args),
    Show(show::Args),
    Watch(watch::Args),
    Pause(pause::Args),
    Unpause(unpause::Args),
    Cancel(cancel::Args),
    Abort(abort::Args),
    Recover(recover::Args),
    Retry(retry::Args),
    Undo(undo::Args),
    Accept(accept::Args),
    Artifacts(artifacts::Args),
    Artifact(artifact::Args),
    Audit(audit::Args),
    Option(option::Args),
    Delete(delete::Args),
    Deletions(deletions::Args),
    CascadeStatus(cascade_status::Args),
}

/// Whether machines listen, also when the arguments as a whole cannot be understood.
pub(crate) fn asks_for_json(args: &[OsString]) -> bool {
    args.iter().take_while(|arg| *arg != "--").any(|arg| arg == "--json")
}
