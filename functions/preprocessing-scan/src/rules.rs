//! What the scan refuses, once the rows are read (SPEC §5), in its order. Beyond that it refuses a slug that
//! several organisations have, since no one can tell which of them was asked for.

use std::collections::BTreeSet;

use pipeline::code::ErrorCode;
use pipeline::relocation::Failure;
use pipeline::slug;

use crate::scan::Scan;

const ORGANIZATIONS_MAX: usize = 20;
const USERS_MAX: usize = 2_000;

/// The usernames that come along, sorted; or the first reason why nothing does.
pub(crate) fn check(scan: &Scan, wanted: &[String]) -> Result<Vec<String>, Failure> {
    let wanted: BTreeSet<&str> = wanted.iter().map(String::as_str).collect();
    let malformed: Vec<&str> = wanted.iter().copied().filter(|slug| !slug::is_well_formed(slug)).collect();
    if wanted.is_empty() || !malformed.is_empty() {
        return Err(naming(ErrorCode::MalformedSlug, &malformed));
    }
    if scan.users.is_empty() {
        return Err(ErrorCode::NoUsers.into());
    }
    let present: BTreeSet<&str> = scan.organizations.values().map(String::as_str).collect();
    let missing: Vec<&str> = wanted.difference(&present).copied().collect();
    if !missing.is_empty() {
        return Err(naming(ErrorCode::MissingOrganizations, &missing));
    }
    let ambiguous = repeated(scan.organizations.values().map(String::as_str));
    if !ambiguous.is_empty() {
        return Err(naming(ErrorCode::AmbiguousOrganizations, &ambiguous));
    }
    if wanted.len() > ORGANIZATIONS_MAX {
        return Err(counting(ErrorCode::TooManyOrganizations, wanted.len()));
    }
    let users = wanted_users(scan);
    if users.len() > USERS_MAX {
        return Err(counting(ErrorCode::TooManyUsers, users.len()));
    }
    let names: BTreeSet<String> =
        users.iter().filter_map(|user| scan.users.get(user)?.as_deref()).map(str::to_owned).collect();
    Ok(names.into_iter().collect())
}

/// What occurs more than once, sorted.
fn repeated<'a>(slugs: impl Iterator<Item = &'a str>) -> Vec<&'a str> {
    let mut seen = BTreeSet::new();
    let again: BTreeSet<&str> = slugs.filter(|slug| !seen.insert(*slug)).collect();
    again.into_iter().collect()
}

/// The users of the file who are members of a wanted organisation.
fn wanted_users(scan: &Scan) -> BTreeSet<silo::Pk> {
    let members = scan.members.iter();
    let wanted = members.filter(|(_, organization)| scan.organizations.contains_key(organization));
    wanted.map(|(user, _)| *user).filter(|user| scan.users.contains_key(user)).collect()
}

/// A failure that names slugs. They come from the request, not from the file.
fn naming(code: ErrorCode, slugs: &[&str]) -> Failure {
    let quoted: Vec<String> = slugs.iter().map(|slug| format!("`{}`", slug.escape_debug())).collect();
    Failure::new(code, format!("{} ({})", code.sentence(), quoted.join(", ")))
}

fn counting(code: ErrorCode, count: usize) -> Failure {
    Failure::new(code, format!("{} (There are {count}.)", code.sentence()))
}
