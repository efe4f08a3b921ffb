//! Opens a sealed export.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use indicatif::HumanCount;
use serde::Serialize;

use crate::Exit;
use crate::copy::copy;
use crate::error::CliError;
use crate::input::{Input, Source};
use crate::keys::PrivateKeyArg;
use crate::output::{self, Output};
use crate::progress::Progress;
use crate::terminal::Terminal;

/// Open a sealed export
///
/// It is verified whole before the first byte of it is written.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The sealed export
    #[arg(value_name = "IN.tar")]
    input: PathBuf,
    /// The export, as JSON
    #[arg(value_name = "OUT.json", default_value = "-")]
    output: PathBuf,
    #[command(flatten)]
    key: PrivateKeyArg,
}

#[derive(Serialize)]
struct Opened<'a> {
    path: &'a Path,
    plaintext_bytes: u64,
}

impl fmt::Display for Opened<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(out, "Wrote {} bytes to {}.", HumanCount(self.plaintext_bytes), self.path.display())
    }
}

pub(crate) fn run(args: &Args, terminal: &mut Terminal) -> Result<Exit, CliError> {
    let input = Input::unseal(Source::open(&args.input)?, &args.key, terminal)?;
    write(&input, &args.output, terminal)?;
    // What was asked for is the file itself; a line about it would only be in a script's way.
    if !output::is_terminal(&args.output) {
        terminal.report(&Opened { path: &args.output, plaintext_bytes: input.bytes() }, false)?;
    }
    Ok(Exit::Done)
}

fn write(input: &Input, path: &Path, terminal: &mut Terminal) -> Result<(), CliError> {
    let progress = Progress::of_bytes(terminal, "decrypting", input.bytes());
    let mut output = Output::create(path, terminal)?;
    let unread = |error: io::Error| CliError::Unseal { path: input.name().to_owned(), source: error.into() };
    copy(input.read()?, &mut output, &progress, unread, |error| output::failed(path, error))?;
    output.finish()
}
