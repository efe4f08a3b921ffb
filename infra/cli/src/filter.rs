//! What an import or export is to take, as people say it.

use std::path::PathBuf;

use catalog::ImportScope;
use clap::{Args, ValueEnum};
use silo::Filter;

use crate::error::CliError;

/// What an import or export takes part of (SPEC §7).
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ScopeArg {
    /// Users and what belongs to them
    Users,
    /// Organisations, their members, and what belongs to both
    Organizations,
    /// The configuration of the instance, and users
    Config,
    /// Everything
    Global,
}

impl From<ScopeArg> for ImportScope {
    fn from(scope: ScopeArg) -> Self {
        match scope {
            ScopeArg::Users => Self::User,
            ScopeArg::Organizations => Self::Organization,
            ScopeArg::Config => Self::Config,
            ScopeArg::Global => Self::Global,
        }
    }
}

/// What is left out. An empty list takes nothing of its kind.
#[derive(Debug, Clone, Args)]
pub(crate) struct FilterArgs {
    /// Take only these organisations, and the users who are their members
    #[arg(long, value_name = "SLUG,…", value_delimiter = ',', conflicts_with_all = ["filter_usernames", "filter_usernames_file"])]
    filter_org_slugs: Option<Vec<String>>,
    /// Take only these users
    #[arg(long, value_name = "NAME,…", value_delimiter = ',')]
    filter_usernames: Option<Vec<String>>,
    /// Take only the users whose names are in this file, one on each line
    #[arg(long, value_name = "FILE")]
    filter_usernames_file: Option<PathBuf>,
}

impl FilterArgs {
    /// What is to be taken.
    pub(crate) fn read(&self) -> Result<Filter, CliError> {
        if let Some(slugs) = &self.filter_org_slugs {
            return Ok(Filter::OrganizationSlugs(names(slugs)));
        }
        let from_file = match &self.filter_usernames_file {
            None => None,
            Some(path) => match std::fs::read_to_string(path) {
                Ok(text) => Some(text),
                Err(source) => return Err(CliError::Read { path: path.clone(), source }),
            },
        };
        if self.filter_usernames.is_none() && from_file.is_none() {
            return Ok(Filter::All);
        }
        let mut usernames = names(self.filter_usernames.iter().flatten());
        usernames.extend(names(from_file.iter().flat_map(|text| text.lines())));
        Ok(Filter::Usernames(usernames))
    }
}

fn names(names: impl IntoIterator<Item = impl AsRef<str>>) -> Vec<String> {
    let trimmed = names.into_iter().map(|name| name.as_ref().trim().to_owned());
    trimmed.filter(|name| !name.is_empty()).collect()
}
