//! Makes an export to try things with.

use std::fmt;
use std::io::BufWriter;
use std::num::NonZeroU32;
use std::path::{Path, PathBuf};

use catalog::Catalog;
use indicatif::HumanCount;
use serde::Serialize;

use crate::Exit;
use crate::error::CliError;
use crate::generate::{Blueprint, Generator, Prefix};
use crate::output::{self, Output};
use crate::progress::Progress;
use crate::terminal::Terminal;

/// Make a valid export of organisations, to try things with; for the built-in catalogue alone
///
/// An organisation has about 210 rows unless told otherwise: 5 are about 1,000 rows, 48 about 10,000. Equal
/// arguments give equal files.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The export, as JSON
    #[arg(value_name = "OUT.json")]
    output: PathBuf,
    /// How many organisations
    #[arg(long, value_name = "N")]
    orgs: NonZeroU32,
    /// How many users come with each of them
    #[arg(long, value_name = "U", default_value = "6")]
    users: NonZeroU32,
    /// How many projects each of them has
    #[arg(long, value_name = "P", default_value = "6")]
    projects: NonZeroU32,
    /// Which of all exports of this shape
    #[arg(long, value_name = "S", default_value = "1")]
    seed: u64,
    /// What slugs begin with
    #[arg(long, value_name = "X", default_value_t)]
    prefix: Prefix,
    /// Usernames of the first users, to meet those of a target
    #[arg(long, value_name = "NAME,…", value_delimiter = ',')]
    usernames: Vec<String>,
    /// Slugs of the first organisations, to meet those of a target
    #[arg(long, value_name = "SLUG,…", value_delimiter = ',')]
    slugs: Vec<String>,
    /// Add what configures an instance: options, relays, roles, and staff
    #[arg(long)]
    instance: bool,
}

impl Args {
    fn blueprint(&self) -> Blueprint {
        Blueprint {
            organizations: self.orgs,
            users: self.users,
            projects: self.projects,
            seed: self.seed,
            prefix: self.prefix.clone(),
            usernames: self.usernames.clone(),
            slugs: self.slugs.clone(),
            instance: self.instance,
        }
    }
}

#[derive(Serialize)]
struct Generated<'a> {
    path: &'a Path,
    organizations: NonZeroU32,
    rows: u64,
}

impl fmt::Display for Generated<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let organizations = self.organizations;
        let noun = if organizations.get() == 1 { "organisation" } else { "organisations" };
        writeln!(
            out,
            "Wrote {organizations} {noun} of {} rows in all to {}.",
            HumanCount(self.rows),
            output::name(self.path)
        )
    }
}

pub(crate) fn run(args: &Args, terminal: &mut Terminal) -> Result<Exit, CliError> {
    let path = &args.output;
    let generator = Generator::new(Catalog::builtin(), args.blueprint())?;
    let rows = generator.rows();
    let progress = Progress::of_rows(terminal, "generating", rows);
    let sink = BufWriter::new(Output::create(path, terminal)?);
    let sink =
        generator.write(sink, || progress.advance(1)).map_err(|source| output::failed(path, source))?;
    sink.into_inner().map_err(|error| output::failed(path, error.into_error()))?.finish()?;
    terminal.report(&Generated { path, organizations: args.orgs, rows }, output::is_terminal(path))?;
    Ok(Exit::Done)
}
