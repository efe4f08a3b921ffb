//! What can be wrong with a catalogue.

/// Why a catalogue did not load. `at` says where: a model, or a model and one of its fields.
#[derive(Debug, thiserror::Error)]
pub enum CatalogError {
    /// The file is not TOML of the expected shape.
    #[error("the catalogue is not valid TOML")]
    Toml(#[source] Box<toml::de::Error>),
    /// A word of the small declaration language is not understood.
    #[error("{at}: {problem}")]
    Declaration {
        /// The model, or the model and the field.
        at: String,
        /// What was found and what was expected.
        problem: String,
    },
    /// A declaration that reads well but does not hold together with the rest.
    #[error("{at}: {problem}")]
    Inconsistent {
        /// The model, or the model and the field.
        at: String,
        /// What does not hold.
        problem: String,
    },
}

impl CatalogError {
    pub(crate) fn declaration(at: impl Into<String>, problem: impl Into<String>) -> Self {
        Self::Declaration { at: at.into(), problem: problem.into() }
    }

    pub(crate) fn inconsistent(at: impl Into<String>, problem: impl Into<String>) -> Self {
        Self::Inconsistent { at: at.into(), problem: problem.into() }
    }
}
