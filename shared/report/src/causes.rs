//! Dropped rows by what caused it: the row that was missing first, also for rows that were dropped because the row
//! they refer to was.

use std::cmp::Reverse;
use std::collections::HashMap;
use std::fmt;

use indexmap::IndexMap;
use silo::Pk;
use transfer::import::{Absence, DropReason, Dropped};

/// What caused rows to be dropped, and which.
#[derive(Debug)]
pub(crate) struct Cause<'a> {
    pub(crate) why: Why<'a>,
    /// How many rows it has.
    pub(crate) rows: u64,
    pub(crate) groups: Vec<Group<'a>>,
}

/// Rows of a model that are dropped in the same way.
#[derive(Debug)]
pub(crate) struct Group<'a> {
    pub(crate) model: &'a str,
    pub(crate) link: Link<'a>,
    /// Their primary keys in the file.
    pub(crate) source_pks: Vec<Pk>,
}

/// What caused it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Why<'a> {
    /// This row was not imported, or not in time.
    Missing { model: &'a str, source_pk: Pk, absence: Absence },
    /// A rule about rows of this model.
    Rule { model: &'a str, rule: RuleOf<'a> },
}

/// A rule that leaves rows out for what they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum RuleOf<'a> {
    OwnerMerged { key: &'a str },
    Taken { fields: &'a str },
    GlobalOnly,
    NoSlug,
}

/// How a dropped row hangs together with the cause.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Link<'a> {
    /// It is the one that the rule is about.
    Itself,
    /// This key of it leads to the missing row.
    Key(&'a str),
    /// This key of it leads to a row of this model, which was itself dropped.
    Through(&'a str, &'a str),
}

/// The causes of these drops, the one with the most rows first.
pub(crate) fn causes(dropped: &[Dropped]) -> Vec<Cause<'_>> {
    let mut groups: IndexMap<Why<'_>, IndexMap<(&str, Link<'_>), Vec<Pk>>> = IndexMap::new();
    let mut why_of: HashMap<(&str, Pk), Why<'_>> = HashMap::new();
    for row in dropped {
        let (why, link) = cause(row, &why_of);
        why_of.insert((&row.model, row.source_pk), why);
        groups.entry(why).or_default().entry((&row.model, link)).or_default().push(row.source_pk);
    }
    let mut causes: Vec<Cause<'_>> =
        groups.into_iter().map(|(why, groups)| Cause::new(why, groups)).collect();
    causes.sort_by_key(|cause| Reverse(cause.rows));
    causes
}

/// What caused one row to be dropped. `why_of` has the rows that were dropped before.
fn cause<'a>(row: &'a Dropped, why_of: &HashMap<(&str, Pk), Why<'a>>) -> (Why<'a>, Link<'a>) {
    let rule = match &row.reason {
        DropReason::MissingTarget { key, model, source_pk } => {
            let absence = row.absence.unwrap_or(Absence::Dropped);
            let before = why_of.get(&(model.as_str(), *source_pk)).filter(|_| absence == Absence::Dropped);
            return match before {
                Some(why) => (*why, Link::Through(key, model)),
                None => (Why::Missing { model, source_pk: *source_pk, absence }, Link::Key(key)),
            };
        }
        DropReason::OwnerMerged { key } => RuleOf::OwnerMerged { key },
        DropReason::Taken { fields } => RuleOf::Taken { fields },
        DropReason::GlobalOnly => RuleOf::GlobalOnly,
        DropReason::NoSlug => RuleOf::NoSlug,
    };
    (Why::Rule { model: &row.model, rule }, Link::Itself)
}

impl<'a> Cause<'a> {
    fn new(why: Why<'a>, groups: IndexMap<(&'a str, Link<'a>), Vec<Pk>>) -> Self {
        let groups = groups.into_iter();
        let groups: Vec<Group<'a>> =
            groups.map(|((model, link), source_pks)| Group { model, link, source_pks }).collect();
        let rows = groups.iter().map(|group| group.source_pks.len() as u64).sum();
        Self { why, rows, groups }
    }
}

impl fmt::Display for Why<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing { model, source_pk, absence } => {
                write!(out, "{model} {source_pk}, {}", absent(*absence))
            }
            Self::Rule { model, rule } => match rule {
                RuleOf::OwnerMerged { key } => {
                    write!(out, "rows of {model} whose `{key}` was here already, with its own")
                }
                RuleOf::Taken { fields } => {
                    write!(out, "rows of {model} with a {fields} that another row has")
                }
                RuleOf::GlobalOnly => write!(out, "rows of {model} that only a global import takes along"),
                RuleOf::NoSlug => write!(out, "rows of {model} whose organisation has no slug here"),
            },
        }
    }
}

/// What became of a row that was missed.
fn absent(absence: Absence) -> &'static str {
    match absence {
        Absence::NotInFile => "which was not in the file",
        Absence::Filtered => "which the filter leaves out",
        Absence::OutOfScope => "which is not in the scope",
        Absence::Dropped => "which was itself dropped",
        Absence::Later => "which comes later in the file",
        Absence::NeverImported => "whose model is never imported",
    }
}

impl fmt::Display for Link<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Itself => Ok(()),
            Self::Key(key) => write!(out, "by its `{key}`"),
            Self::Through(key, model) => write!(out, "whose `{key}` ({model}) was itself dropped"),
        }
    }
}

#[cfg(test)]
mod tests;
