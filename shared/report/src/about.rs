//! What was imported, how, and into what.

use catalog::ImportScope;
use jiff::Timestamp;
use serde::Serialize;
use silo::{Filter, ImportFlags, ImportPlan};
use uuid::Uuid;

use crate::words::{grouped, visible};

/// How many names of a filter people are told.
const NAMES_TOLD_MAX: usize = 20;

/// What is to be known of an import as a whole.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct About {
    /// What people call the file.
    pub file: String,
    /// What people call the instance that it was imported into; none if that was empty.
    pub base: Option<String>,
    /// The import.
    pub import: Uuid,
    /// What it admitted.
    pub scope: ImportScope,
    /// How it treated what was there already.
    pub flags: ImportFlags,
    /// What it left out.
    pub filter: Filter,
    /// When it took place, as its rows have it.
    pub at: Timestamp,
}

impl About {
    /// An import by this plan. None of the plan's secrets are taken along.
    pub fn new(plan: &ImportPlan, file: String, base: Option<String>) -> Self {
        let ImportPlan { import, scope, flags, filter, now, .. } = plan;
        Self { file, base, import: *import, scope: *scope, flags: *flags, filter: filter.clone(), at: *now }
    }

    /// All of it, as names and values for people.
    pub(crate) fn told(&self) -> [(&'static str, String); 7] {
        [
            ("file", visible(&self.file)),
            ("into", self.base.as_deref().map_or_else(|| "an empty instance".to_owned(), visible)),
            ("scope", self.scope.name().to_owned()),
            ("filter", filter(&self.filter)),
            ("flags", flags(self.flags)),
            ("import", self.import.to_string()),
            ("time", format!("{:.3}", self.at)),
        ]
    }
}

fn filter(filter: &Filter) -> String {
    match filter {
        Filter::All => "none".to_owned(),
        Filter::Usernames(names) => format!("users {}", listed(names)),
        Filter::OrganizationSlugs(slugs) => format!("organisations {}", listed(slugs)),
    }
}

fn listed(names: &[String]) -> String {
    if names.is_empty() {
        return "of no name".to_owned();
    }
    let told: Vec<String> = names.iter().take(NAMES_TOLD_MAX).map(|name| visible(name)).collect();
    match names.len().saturating_sub(NAMES_TOLD_MAX) {
        0 => told.join(", "),
        more => format!("{} and {} more", told.join(", "), grouped(more as u64)),
    }
}

fn flags(flags: ImportFlags) -> String {
    let ImportFlags { merge_users, overwrite_configs, hide_organizations } = flags;
    let all = [
        (merge_users, "merge users"),
        (overwrite_configs, "overwrite configs"),
        (hide_organizations, "hide organisations"),
    ];
    let set: Vec<&str> = all.into_iter().filter(|(is_set, _)| *is_set).map(|(_, name)| name).collect();
    if set.is_empty() { "none".to_owned() } else { set.join(", ") }
}
