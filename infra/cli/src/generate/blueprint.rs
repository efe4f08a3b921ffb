//! What an export is to look like.

use std::collections::HashSet;
use std::fmt;
use std::num::NonZeroU32;
use std::str::FromStr;

use super::place::Draw;
use super::recipes::Per;
use super::words;

/// What an export is to look like. The defaults make organisations of about 210 rows: 5 of them are about
/// 1,000, 48 about 10,000.
#[derive(Debug, Clone)]
pub struct Blueprint {
    /// How many organisations there are.
    pub organizations: NonZeroU32,
    /// How many users come with each of them. An organisation has one member more who is a user of the next
    /// one, so that users are shared, and one who is invited by e-mail.
    pub users: NonZeroU32,
    /// How many projects each of them has.
    pub projects: NonZeroU32,
    /// Which of all exports of this shape it is.
    pub seed: u64,
    /// What names begin with.
    pub prefix: Prefix,
    /// Usernames of the first users, in place of made-up ones: names that a target has, say.
    pub usernames: Vec<String>,
    /// Slugs of the first organisations, likewise.
    pub slugs: Vec<String>,
    /// Whether the configuration of an instance comes along: options, relays, roles, and staff.
    pub instance: bool,
}

impl Blueprint {
    /// So many organisations of the usual size.
    pub fn new(organizations: NonZeroU32) -> Self {
        const SIX: NonZeroU32 = NonZeroU32::MIN.saturating_add(5);
        Self {
            organizations,
            users: SIX,
            projects: SIX,
            seed: 1,
            prefix: Prefix::default(),
            usernames: Vec::new(),
            slugs: Vec::new(),
            instance: false,
        }
    }

    pub(super) fn check(&self) -> Result<(), BlueprintError> {
        check_names("slug", &self.slugs, self.organizations())?;
        check_names("username", &self.usernames, self.organizations() * self.users())
    }

    pub(super) fn organizations(&self) -> u64 {
        self.organizations.get().into()
    }

    pub(super) fn users(&self) -> u64 {
        self.users.get().into()
    }

    pub(super) fn projects(&self) -> u64 {
        self.projects.get().into()
    }

    pub(super) fn teams(&self) -> u64 {
        self.projects().div_ceil(PROJECTS_PER_TEAM)
    }

    /// Members who are users: those of the organisation, and the first one of the next.
    pub(super) fn seats(&self) -> u64 {
        self.users() + u64::from(self.organizations() > 1)
    }

    /// How many rows a recipe makes each time.
    pub(super) fn rows_in(&self, rows: Per) -> u64 {
        match rows {
            Per::Organization(count) => count,
            Per::User(count) => count * self.users(),
            Per::Seat(count) => count * self.seats(),
            Per::Member(count) => count * (self.seats() + 1),
            Per::Team(count) => count * self.teams(),
            Per::Project(count) => count * self.projects(),
            Per::Instance(count) => count * u64::from(self.instance),
        }
    }

    pub(super) fn slug(&self, organization: u64) -> String {
        if let Some(slug) = name(&self.slugs, organization) {
            return slug.to_owned();
        }
        let word = self.draw("sentry.organization", organization, "slug").pick(words::PLACES);
        format!("{}-{word}-{}", self.prefix, organization + 1)
    }

    pub(super) fn username(&self, organization: u64, user: u64) -> String {
        let position = organization * self.users() + user;
        if let Some(username) = name(&self.usernames, position) {
            return username.to_owned();
        }
        let (first, last) = self.person(organization, user);
        format!("{first}.{last}.{}@{}.example", position + 1, self.slug(organization))
    }

    /// The first and the last name of a user, in lower case.
    pub(super) fn person(&self, organization: u64, user: u64) -> (&'static str, &'static str) {
        let position = organization * self.users() + user;
        let draw = |what| self.draw("sentry.user", position, what);
        (draw("first-name").pick(words::FIRST_NAMES), draw("last-name").pick(words::LAST_NAMES))
    }

    pub(super) fn draw(&self, model: &str, row: u64, what: &str) -> Draw {
        Draw::new(self.seed, model, row, what)
    }
}

const PROJECTS_PER_TEAM: u64 = 6;

fn name(names: &[String], position: u64) -> Option<&str> {
    usize::try_from(position).ok().and_then(|position| names.get(position)).map(String::as_str)
}

fn check_names(what: &'static str, names: &[String], places: u64) -> Result<(), BlueprintError> {
    if names.len() as u64 > places {
        return Err(BlueprintError::TooManyNames { what, names: names.len(), places });
    }
    let mut seen = HashSet::new();
    match names.iter().find(|name| !seen.insert(name.to_lowercase())) {
        Some(name) => Err(BlueprintError::RepeatedName { what, name: name.clone() }),
        None => Ok(()),
    }
}

/// What the names of generated organisations begin with: a lower-case letter, then up to 19 lower-case letters,
/// digits and dashes, with no dash at the end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Prefix(String);

impl Default for Prefix {
    fn default() -> Self {
        Self("gen".to_owned())
    }
}

impl fmt::Display for Prefix {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.0)
    }
}

impl FromStr for Prefix {
    type Err = BlueprintError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let is_allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        let is_prefix = text.len() <= PREFIX_LENGTH_MAX
            && text.starts_with(|first: char| first.is_ascii_lowercase())
            && text.bytes().all(is_allowed)
            && !text.ends_with('-');
        if is_prefix { Ok(Self(text.to_owned())) } else { Err(BlueprintError::Prefix(text.to_owned())) }
    }
}

/// Leaves room for a word and a number within the 50 characters of a slug.
const PREFIX_LENGTH_MAX: usize = 20;

/// Why there can be no such export.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BlueprintError {
    /// Two rows would have the same name.
    #[error("the {what} `{name}` is given more than once")]
    RepeatedName {
        /// What kind of name it is.
        what: &'static str,
        /// The name.
        name: String,
    },
    /// Some names would not be used.
    #[error("{names} {what}s are given, of which only {places} can be used")]
    TooManyNames {
        /// What kind of name it is.
        what: &'static str,
        /// How many are given.
        names: usize,
        /// How many can be used.
        places: u64,
    },
    /// Names that begin so would be no slugs.
    #[error("`{0}` is not a letter followed by up to 19 lower-case letters, digits and dashes")]
    Prefix(String),
}
