//! What the program can do: one command to a file, with its arguments and what it says when it is done.

pub(crate) mod abandon;
pub(crate) mod abort;
pub(crate) mod accept;
pub(crate) mod artifact;
pub(crate) mod artifacts;
pub(crate) mod audit;
pub(crate) mod cancel;
pub(crate) mod cascade_status;
pub(crate) mod catalog;
pub(crate) mod compare;
pub(crate) mod decrypt;
pub(crate) mod delete;
pub(crate) mod deletions;
pub(crate) mod demo;
pub(crate) mod down;
pub(crate) mod encrypt;
pub(crate) mod export;
pub(crate) mod generate;
pub(crate) mod import;
pub(crate) mod list;
pub(crate) mod option;
pub(crate) mod pause;
pub(crate) mod public_key;
pub(crate) mod recover;
pub(crate) mod retry;
pub(crate) mod sanitize;
pub(crate) mod show;
pub(crate) mod submit;
pub(crate) mod token;
pub(crate) mod undo;
pub(crate) mod unpause;
pub(crate) mod up;
pub(crate) mod watch;

use crate::Exit;
use crate::args::{Cli, Command};
use crate::error::CliError;
use crate::terminal::Terminal;

/// Runs a command.
pub(crate) fn run(cli: &Cli, terminal: &mut Terminal) -> Result<Exit, CliError> {
    let models = &cli.catalog;
    match &cli.command {
        Command::Demo(args) => models.builtin_only("demo").and_then(|()| demo::run(args, terminal)),
        Command::Up(args) => models.builtin_only("up").and_then(|()| up::run(args, terminal)),
        Command::Down(args) => down::run(args, terminal),
        Command::Token(args) => token::run(args, terminal),
        Command::Encrypt(args) => encrypt::run(args, terminal),
        Command::Decrypt(args) => decrypt::run(args, terminal),
        Command::Import(args) => import::run(args, models, terminal),
        Command::Export(args) => export::run(args, models, terminal),
        Command::Compare(args) => compare::run(args, models, terminal),
        Command::Sanitize(args) => sanitize::run(args, models, terminal),
        Command::Generate(args) => {
            models.builtin_only("generate").and_then(|()| generate::run(args, terminal))
        }
        Command::Catalog(args) => catalog::run(args, terminal),
        Command::PublicKey(args) => public_key::run(args, terminal),
        Command::Submit(args) => submit::run(args, terminal),
        Command::List(args) => list::run(args, terminal),
        Command::Show(args) => show::run(args, terminal),
        Command::Watch(args) => watch::run(args, terminal),
        Command::Pause(args) => pause::run(args, terminal),
        Command::Unpause(args) => unpause::run(args, terminal),
        Command::Cancel(args) => cancel::run(args, terminal),
        Command::Abandon(args) => abandon::run(args, terminal),
        Command::Abort(args) => abort::run(args, terminal),
        Command::Recover(args) => recover::run(args, terminal),
        Command::Retry(args) => retry::run(args, terminal),
        Command::Undo(args) => undo::run(args, terminal),
        Command::Accept(args) => accept::run(args, terminal),
        Command::Artifacts(args) => artifacts::run(args, terminal),
        Command::Artifact(args) => artifact::run(args, terminal),
        Command::Audit(args) => audit::run(args, terminal),
        Command::Option(args) => option::run(args, terminal),
        Command::Delete(args) => delete::run(args, terminal),
        Command::Deletions(args) => deletions::run(args, terminal),
        Command::CascadeStatus(args) => cascade_status::run(args, terminal),
    }
}
