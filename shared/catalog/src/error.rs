//! What can be wrong with a catalogue, and how its author is told.

use std::fmt;

/// Why a catalogue did not load. `at` says where: a table, a model, or a model and one of its fields; `line` in
/// which line of the file that is declared.
#[derive(Debug, thiserror::Error)]
pub enum CatalogError {
    /// The file is not TOML of the expected shape; the cause says where.
    #[error("the catalogue is not valid TOML, or has a word where none is expected")]
    Toml(#[source] Box<toml::de::Error>),
    /// A word of the small declaration language is not understood.
    #[error("{}{at}: {problem}", Line(*.line))]
    Declaration {
        /// The table, the model, or the model and the field.
        at: String,
        /// The line, counted from 1, where it is known.
        line: Option<usize>,
        /// What was found and what was expected.
        problem: String,
    },
    /// A declaration that reads well but does not hold together with the rest.
    #[error("{}{at}: {problem}", Line(*.line))]
    Inconsistent {
        /// The table, the model, or the model and the field.
        at: String,
        /// The line, counted from 1, where it is known.
        line: Option<usize>,
        /// What does not hold, and what would.
        problem: String,
    },
}

impl CatalogError {
    pub(crate) fn declaration(at: impl Into<String>, problem: impl Into<String>) -> Self {
        Self::Declaration { at: at.into(), line: None, problem: problem.into() }
    }

    pub(crate) fn inconsistent(at: impl Into<String>, problem: impl Into<String>) -> Self {
        Self::Inconsistent { at: at.into(), line: None, problem: problem.into() }
    }

    /// The same error with advice behind its problem.
    pub(crate) fn adding(mut self, advice: &str) -> Self {
        if let Self::Declaration { problem, .. } | Self::Inconsistent { problem, .. } = &mut self {
            problem.push_str(advice);
        }
        self
    }

    /// The same error with the line that `find` gives for its place.
    pub(crate) fn located(mut self, find: impl FnOnce(&str) -> Option<usize>) -> Self {
        if let Self::Declaration { at, line, .. } | Self::Inconsistent { at, line, .. } = &mut self {
            *line = find(at);
        }
        self
    }
}

struct Line(Option<usize>);

impl fmt::Display for Line {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.map_or(Ok(()), |line| write!(out, "line {line}, "))
    }
}

/// `; did you mean …?` if one of the candidates is much like a word that is none of them, else nothing.
pub(crate) fn did_you_mean<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> String {
    // As much alike as names are that differ by a slip of the hand.
    const ALIKE: f64 = 0.7;
    let alike = |candidate| (strsim::normalized_damerau_levenshtein(word, candidate), candidate);
    let best = candidates.into_iter().map(alike).max_by(|one, other| one.0.total_cmp(&other.0));
    best.filter(|(likeness, _)| *likeness > ALIKE)
        .map_or_else(String::new, |(_, candidate)| format!("; did you mean `{candidate}`?"))
}
