//! Tokens and keys that must not be shared by two installs (SPEC §7, orgauthtoken, apitoken, projectkey).

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use silo::Fields;

use super::random::RowRandom;
use crate::dates;

/// Digits of a project key.
pub(crate) const PROJECT_KEY_HEX: usize = 32;

/// How long a token that was made anew is valid, if its predecessor expired at all.
const TOKEN_VALIDITY: SignedDuration = SignedDuration::from_hours(30 * 24);

/// Subscription queues that ids are spread over.
const SUBSCRIPTION_QUEUES: u8 = 64;

/// A subscription id: the number of a queue, a slash, 32 hexadecimal digits.
pub(crate) fn subscription_id(random: RowRandom<'_>) -> String {
    let mut draw = random.draw("subscription-id", 0);
    let [queue] = draw.bytes();
    format!("{}/{}", queue % SUBSCRIPTION_QUEUES, draw.hex(32))
}

/// An organisation's token that the file lacks is made anew.
pub(crate) fn keep_or_make_org_token(fields: &mut Fields, slug: &str, now: &str, random: RowRandom<'_>) {
    let has_token = fields.get("token_hashed").and_then(Value::as_str).is_some_and(|hash| !hash.is_empty());
    if !has_token {
        make_org_token(fields, slug, now, random, 0);
    }
}

/// Makes an organisation's token anew: it names the organisation by its slug here. Only its hash and its last
/// characters are kept, so that nobody can use it before its owner makes another.
pub(crate) fn make_org_token(
    fields: &mut Fields,
    slug: &str,
    now: &str,
    random: RowRandom<'_>,
    attempt: u32,
) {
    let payload = json!({ "iat": now, "org": slug }).to_string();
    let secret: [u8; 32] = random.draw("token", attempt).bytes();
    let token = format!("sntrys_{}_{}", STANDARD.encode(payload), STANDARD_NO_PAD.encode(secret));
    fields.insert("token_hashed".into(), sha256_hex(&token).into());
    fields.insert("token_last_characters".into(), last_four(&token).into());
}

/// Hashes and last characters follow from the tokens.
pub(crate) fn derive_api_token(fields: &mut Fields) {
    for (token, hash) in [("token", "hashed_token"), ("refresh_token", "hashed_refresh_token")] {
        let hashed = fields.get(token).and_then(Value::as_str).map(sha256_hex);
        fields.insert(hash.into(), hashed.map_or(Value::Null, Value::from));
    }
    let last = fields.get("token").and_then(Value::as_str).map(last_four);
    fields.insert("token_last_characters".into(), last.map_or(Value::Null, Value::from));
}

/// Makes an API token anew, and its refresh token and expiry where there were any.
pub(crate) fn make_api_token(fields: &mut Fields, now: Timestamp, random: RowRandom<'_>, attempt: u32) {
    let prefix = fields.get("token_type").and_then(Value::as_str).unwrap_or_default().to_owned();
    let is_set = |fields: &Fields, field: &str| fields.get(field).is_some_and(|value| !value.is_null());
    let token = format!("{prefix}{}", random.draw("token", attempt).hex(64));
    fields.insert("token".into(), token.into());
    if is_set(fields, "refresh_token") {
        let token = format!("{prefix}{}", random.draw("refresh-token", attempt).hex(64));
        fields.insert("refresh_token".into(), token.into());
    }
    if is_set(fields, "expires_at") {
        let expiry = now.saturating_add(TOKEN_VALIDITY).unwrap_or(now);
        fields.insert("expires_at".into(), dates::text(expiry).into());
    }
    derive_api_token(fields);
}

fn sha256_hex(text: &str) -> String {
    Sha256::digest(text.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect()
}

fn last_four(token: &str) -> String {
    let skipped = token.chars().count().saturating_sub(4);
    token.chars().skip(skipped).collect()
}
