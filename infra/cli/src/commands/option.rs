//! Shows and sets the options of a cell.

use std::fmt;

use clap::Subcommand;
use pipeline::api::{OptionView, OptionsView};
use serde::Serialize;

use crate::Exit;
use crate::api::ApiArgs;
use crate::error::CliError;
use crate::terminal::{Terminal, wrapped};

/// Show or set the options of a cell
#[derive(Debug, clap::Args)]
#[command(after_help = "Example: relocate option set relocation.enabled true")]
pub(crate) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Show one option
    #[command(after_help = "Example: relocate option get relocation.autopause")]
    Get {
        /// Its name
        #[arg(value_name = "NAME")]
        name: String,
        #[command(flatten)]
        api: ApiArgs,
    },
    /// Set an option; it takes staff with the permission relocation.admin
    ///
    /// What is set holds everywhere some seconds later: the API remembers options for a moment.
    #[command(after_help = "Example: relocate option set relocation.autopause importing")]
    Set {
        /// Its name
        #[arg(value_name = "NAME")]
        name: String,
        /// What it is to be; "" is nothing, where that is allowed
        #[arg(value_name = "VALUE")]
        value: String,
        #[command(flatten)]
        api: ApiArgs,
    },
    /// List all options, and what they do
    #[command(after_help = "Example: relocate option list")]
    List {
        #[command(flatten)]
        api: ApiArgs,
    },
}

/// One option: its value alone, for scripts.
#[derive(Serialize)]
#[serde(transparent)]
struct One(OptionView);

impl fmt::Display for One {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(out, "{}", value(&self.0))
    }
}

#[derive(Serialize)]
#[serde(transparent)]
struct All(OptionsView);

impl fmt::Display for All {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        for option in &self.0.options {
            let value = match (value(option), &option.value) {
                ("", None) => "nothing, by default".to_owned(),
                ("", Some(_)) => "nothing".to_owned(),
                (value, None) => format!("{value}, by default"),
                (value, Some(_)) => value.to_owned(),
            };
            writeln!(out, "{}: {value}", option.name)?;
            writeln!(out, "{}", wrapped(&option.description))?;
        }
        Ok(())
    }
}

fn value(option: &OptionView) -> &str {
    option.value.as_ref().unwrap_or(&option.default)
}

pub(crate) fn run(args: &Args, terminal: &mut Terminal) -> Result<Exit, CliError> {
    match &args.command {
        Command::Get { name, api } => terminal.report(&One(api.client().option(name)?), false),
        Command::Set { name, value, api } => {
            terminal.report(&One(api.client().set_option(name, value)?), false)
        }
        Command::List { api } => terminal.report(&All(api.client().options()?), false),
    }?;
    Ok(Exit::Done)
}
