//! Findings for a terminal: how many of what, then each of them.

use std::collections::BTreeMap;
use std::fmt;

use super::{Finding, FindingType};

/// The widest line, in columns.
const WIDTH: usize = 80;

/// Says how many findings of which kind there are, then what they are, in lines of at most 80 columns.
#[derive(Debug, Clone, Copy)]
pub struct Summary<'a> {
    findings: &'a [Finding],
    details_max: usize,
}

impl<'a> Summary<'a> {
    /// A summary with every finding told in full.
    pub fn new(findings: &'a [Finding]) -> Self {
        Self { findings, details_max: usize::MAX }
    }

    /// Tells only the first so many findings in full; all are counted.
    #[must_use]
    pub fn details_max(self, details_max: usize) -> Self {
        Self { details_max, ..self }
    }

    fn counts(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut by_kind: BTreeMap<&str, usize> = BTreeMap::new();
        let mut by_model: BTreeMap<&str, usize> = BTreeMap::new();
        for finding in self.findings {
            *by_kind.entry(&finding.kind).or_default() += 1;
            *by_model.entry(&finding.on.model).or_default() += 1;
        }
        let count = self.findings.len();
        writeln!(out, "{} in {}", counted(count, "finding"), counted(by_model.len(), "model"))?;
        for counts in [by_kind, by_model] {
            writeln!(out)?;
            let mut counts: Vec<_> = counts.into_iter().collect();
            counts.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
            for (name, count) in counts {
                writeln!(out, "{count:>9}  {}", printable(name))?;
            }
        }
        Ok(())
    }

    fn details(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut previous = None;
        for finding in self.findings.iter().take(self.details_max) {
            let place = Place(finding).to_string();
            if previous.as_ref() != Some(&place) {
                writeln!(out, "\n{place}")?;
            }
            previous = Some(place);
            let text = format!("{}: {}", finding.kind, finding.reason);
            for (line, number) in text.lines().zip(0..) {
                let (first, next) = if number == 0 { ("  ", "    ") } else { ("    ", "        ") };
                let options = textwrap::Options::new(WIDTH).initial_indent(first).subsequent_indent(next);
                for wrapped in textwrap::wrap(&printable(line), options) {
                    writeln!(out, "{wrapped}")?;
                }
            }
        }
        let untold = self.findings.len().saturating_sub(self.details_max);
        if untold > 0 { writeln!(out, "\n... and {} more", counted(untold, "finding")) } else { Ok(()) }
    }
}

impl fmt::Display for Summary<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.findings.is_empty() {
            return writeln!(out, "no findings");
        }
        self.counts(out)?;
        self.details(out)
    }
}

/// What a finding is about, such as `sentry.team #3 (pk 7, then 12)`.
struct Place<'a>(&'a Finding);

impl fmt::Display for Place<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Finding { on, left_pk, right_pk, finding, .. } = self.0;
        out.write_str(&printable(&on.model))?;
        if let Some(ordinal) = on.ordinal {
            write!(out, " #{ordinal}")?;
        }
        match (left_pk, right_pk) {
            (None, None) => Ok(()),
            (Some(left), Some(right)) if left == right => write!(out, " (pk {left})"),
            (Some(left), Some(right)) => write!(out, " (pk {left}, then {right})"),
            (Some(pk), None) | (None, Some(pk)) if *finding != FindingType::Comparison => {
                write!(out, " (pk {pk})")
            }
            (Some(left), None) => write!(out, " (pk {left} on the left)"),
            (None, Some(right)) => write!(out, " (pk {right} on the right)"),
        }
    }
}

fn counted(count: usize, noun: &str) -> String {
    if count == 1 { format!("1 {noun}") } else { format!("{count} {noun}s") }
}

/// Text without control characters: what comes from a file must not steer a terminal.
fn printable(text: &str) -> String {
    text.chars().map(|character| if character.is_control() { '\u{fffd}' } else { character }).collect()
}
