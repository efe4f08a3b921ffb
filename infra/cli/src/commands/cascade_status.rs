//! Shows how far the keys across silos have followed those who are gone.

use std::fmt;
use std::time::Duration;

use indicatif::{HumanCount, HumanDuration};
use pipeline::api::{CascadeView, CascadesView};
use serde::Serialize;

use crate::Exit;
use crate::api::ApiArgs;
use crate::error::CliError;
use crate::relocation::time;
use crate::terminal::{Terminal, wrapped};

/// Show how far rows follow those who were deleted in the other silo
///
/// A line for each key that leads across silos: up to which primary key and which tombstone it is reconciled, how many
/// may lie ahead, how old the oldest tombstone was that its last run met, and when that was.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example: relocate cascade-status --behind")]
pub(crate) struct Args {
    /// Only keys whose last run left something to do, or failed
    #[arg(long)]
    behind: bool,
    #[command(flatten)]
    api: ApiArgs,
}

#[derive(Serialize)]
#[serde(transparent)]
struct Table(CascadesView);

impl fmt::Display for Table {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let keys = &self.0.keys;
        if keys.is_empty() {
            return writeln!(out, "No keys.");
        }
        let names: Vec<String> = keys.iter().map(|key| format!("{}.{}", key.model, key.field)).collect();
        let width = names.iter().map(String::len).max().unwrap_or_default();
        writeln!(
            out,
            "{:<7}  {:<width$}  {:<10}  {:>9}  {:>10}  {:>7}  {:>10}  last run",
            "silo", "key", "on delete", "rows", "tombstones", "ahead", "lag"
        )?;
        for (key, name) in keys.iter().zip(&names) {
            let (rows, tombstones) = (HumanCount(key.rows_watermark), HumanCount(key.tombstones_watermark));
            let ahead = key.pending.map_or_else(|| "-".to_owned(), |ahead| HumanCount(ahead).to_string());
            writeln!(
                out,
                "{:<7}  {name:<width$}  {:<10}  {:>9}  {:>10}  {ahead:>7}  {:>10}  {}",
                key.silo,
                key.on_delete,
                rows.to_string(),
                tombstones.to_string(),
                lag(key),
                last_run(key)
            )?;
            if let Some(error) = &key.error {
                writeln!(out, "{}", wrapped(error))?;
            }
        }
        Ok(())
    }
}

fn lag(key: &CascadeView) -> String {
    let lag = key.lag_millis.map(|lag| HumanDuration(Duration::from_millis(lag)).to_string());
    lag.unwrap_or_else(|| "-".to_owned())
}

fn last_run(key: &CascadeView) -> String {
    let Some(ended) = key.last_run else { return "never".to_owned() };
    let more = if key.has_more { ", more to do" } else { "" };
    format!("{}{more}", time(ended))
}

pub(crate) fn run(args: &Args, terminal: &mut Terminal) -> Result<Exit, CliError> {
    let mut cascades = args.api.client().cascades()?;
    if args.behind {
        cascades.keys.retain(|key| key.has_more || key.error.is_some());
    }
    terminal.report(&Table(cascades), false)?;
    Ok(Exit::Done)
}
