//! What was left out because of what it is, for people.

use std::collections::BTreeMap;
use std::fmt;

use indicatif::HumanCount;

/// What was left out because of what it is, with the number of rows; nothing if nothing was.
pub(crate) struct LeftOut<'a> {
    pub(crate) what: &'static str,
    pub(crate) counts: &'a BTreeMap<String, u64>,
}

impl fmt::Display for LeftOut<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.counts.is_empty() {
            return Ok(());
        }
        writeln!(out, "\n{}, left out:", self.what)?;
        for (name, rows) in self.counts {
            writeln!(out, "{:>9}  {}", HumanCount(*rows).to_string(), printable(name))?;
        }
        Ok(())
    }
}

/// Text without control characters: what comes from a file must not steer a terminal.
fn printable(text: &str) -> String {
    text.chars().map(|character| if character.is_control() { '\u{fffd}' } else { character }).collect()
}
