//! The instance that is live in a cell on this machine before anything is relocated into it.

use std::fs::File;
use std::io::{BufReader, BufWriter, Write};
use std::num::NonZeroU32;
use std::path::Path;

use catalog::Catalog;
use transfer::rows::RowReader;

use super::DemoError;
use super::stack::{Bearer, LocalStack, Seeding, StackDescription};
use crate::error::CliError;
use crate::generate::{Blueprint, Generator};
use crate::input::Source;

/// Names in an export: what the target is given, so that they collide.
#[derive(Default)]
pub(super) struct Names {
    pub(super) rows: u64,
    pub(super) slugs: Vec<String>,
    pub(super) usernames: Vec<String>,
}

impl Names {
    /// The names in an export; a sealed one keeps them to itself.
    pub(super) fn of(export: &Source) -> Result<Self, CliError> {
        let mut names = Self::default();
        if export.is_sealed()? {
            return Ok(names);
        }
        let mut reader = RowReader::new(BufReader::new(export.read()?));
        while let Some(row) = reader.next_row().map_err(DemoError::from)? {
            let text =
                |field: &str| row.fields.get(field).and_then(|value| value.as_str()).map(str::to_owned);
            match row.model.as_str() {
                "sentry.organization" => names.slugs.extend(text("slug")),
                "sentry.user" => names.usernames.extend(text("username")),
                _ => {}
            }
        }
        names.rows = reader.rows_read();
        Ok(names)
    }
}

/// Writes an instance: options, relays, staff, users and an organisation, and answers with how many rows it has. Its
/// first user is `first`. Its organisation has a slug of an export, and two of its users have usernames of it.
pub(super) fn write(path: &Path, first: &str, names: &Names) -> Result<u64, CliError> {
    let mut usernames = vec![first.to_owned()];
    usernames.extend(names.usernames.iter().take(2).cloned());
    let blueprint = Blueprint {
        instance: true,
        seed: 2,
        usernames,
        slugs: names.slugs.iter().take(1).cloned().collect(),
        ..Blueprint::new(NonZeroU32::MIN)
    };
    let generator = Generator::new(Catalog::builtin(), blueprint).map_err(DemoError::from)?;
    let rows = generator.rows();
    write_rows(&generator, path)?;
    Ok(rows)
}

/// Writes a generated export to a file.
pub(super) fn write_rows(generator: &Generator, path: &Path) -> Result<(), DemoError> {
    let sink = BufWriter::new(File::create(path)?);
    Ok(generator.write(sink, || {})?.flush()?)
}

/// Gives a cell that has nothing yet a small instance, in which the administrator whose token `up` shows is a user.
pub(crate) fn settle(stack: &LocalStack, description: &StackDescription) -> Result<(), CliError> {
    let folder = tempfile::tempdir().map_err(DemoError::from)?;
    let path = folder.path().join("instance.json");
    write(&path, &Bearer::administrator().username, &Names::default())?;
    Ok(stack.seed(description, &path, Seeding::IfEmpty)?)
}
