//! What the catalogue can ask for a field (SPEC §9): one function per comparator. Each gets two values that
//! exist, and answers why they do not go together, if they do not.

use std::borrow::Cow;

use catalog::{Comparator, FieldKind};
use jiff::Timestamp;
use serde_json::Value;
use silo::Fields;
use uuid::{Uuid, Variant};

use super::obscure;
use super::row::{FieldPair, value};

/// Compares two values.
pub(super) fn compare(comparator: Comparator, pair: &FieldPair<'_>) -> Option<String> {
    match comparator {
        Comparator::AutoSuffix => auto_suffix(pair),
        Comparator::DateUpdated => date_updated(pair),
        Comparator::Date => date(pair),
        Comparator::Email => equal(pair, obscure::email),
        Comparator::EqualOrRemoved | Comparator::Hash => equal(pair, obscure::hash),
        Comparator::Ignored => None,
        Comparator::SecretHex => secret_hex(pair),
        Comparator::SubscriptionId => subscription_id(pair),
        Comparator::Uuid4 => uuid4(pair),
        Comparator::UnorderedList => unordered_list(pair),
        Comparator::UserPassword => user_password(pair),
    }
}

/// The text of a value; JSON where it is no text.
fn text(value: &Value) -> Cow<'_, str> {
    match value {
        Value::String(text) => Cow::Borrowed(text),
        other => Cow::Owned(other.to_string()),
    }
}

fn equal(pair: &FieldPair<'_>, show: impl Fn(&str) -> String) -> Option<String> {
    if pair.left == pair.right {
        return None;
    }
    let (left, right) = (show(&text(pair.left)), show(&text(pair.right)));
    Some(format!("`{}` is {left:?} on the left, {right:?} on the right", pair.field))
}

fn auto_suffix(pair: &FieldPair<'_>) -> Option<String> {
    let longest = match pair.model.field(pair.field).map(|field| field.kind) {
        Some(FieldKind::Text(longest)) => longest,
        _ => None,
    };
    if has_suffix(&text(pair.left), &text(pair.right), longest) { None } else { equal(pair, obscure::text) }
}

/// Whether `right` is `left` with a suffix as imports make them (SPEC §7, *Suffix*). `left` may be cut, but by
/// no more than the suffix needs, and a cut may have left a dash at the end that goes too.
fn has_suffix(left: &str, right: &str, longest: Option<usize>) -> bool {
    let Some((base, suffix)) = right.rsplit_once('-') else { return false };
    let is_suffix = (2..=12).contains(&suffix.len())
        && suffix.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit());
    let room = longest.map_or(usize::MAX, |longest| longest.saturating_sub(suffix.len() + 1));
    let cut: String = left.chars().take(room).collect();
    is_suffix && (base == cut || (cut.len() < left.len() && base == cut.trim_end_matches('-')))
}

fn instant(value: &Value) -> Option<Timestamp> {
    crate::dates::instant(value.as_str()?)
}

/// Two instants that must fulfil a condition. Equal texts fulfil every condition asked here.
fn instants(
    pair: &FieldPair<'_>,
    complaint: &str,
    holds: impl Fn(Timestamp, Timestamp) -> bool,
) -> Option<String> {
    if pair.left == pair.right {
        return None;
    }
    let field = pair.field;
    match (instant(pair.left), instant(pair.right)) {
        (Some(left), Some(right)) if holds(left, right) => None,
        (Some(left), Some(right)) => {
            Some(format!("`{field}` {complaint}: {left} on the left, {right} on the right"))
        }
        (None, Some(_)) => Some(format!("`{field}` is no date on the left")),
        (Some(_), None) => Some(format!("`{field}` is no date on the right")),
        (None, None) => Some(format!("`{field}` differs and is no date on either side")),
    }
}

fn date(pair: &FieldPair<'_>) -> Option<String> {
    instants(pair, "is another instant", |left, right| left == right)
}

fn date_updated(pair: &FieldPair<'_>) -> Option<String> {
    instants(pair, "went back", |left, right| left <= right)
}

/// Two values that must be well-formed, for whose form there is a name.
fn well_formed(pair: &FieldPair<'_>, form: &str, is: impl Fn(&str) -> bool) -> Option<String> {
    let (left, right) = (text(pair.left), text(pair.right));
    let sides = match (is(&left), is(&right)) {
        (true, true) => return None,
        (false, true) => format!("{:?} on the left", obscure::hash(&left)),
        (true, false) => format!("{:?} on the right", obscure::hash(&right)),
        (false, false) => {
            format!("{:?} on the left and {:?} on the right", obscure::hash(&left), obscure::hash(&right))
        }
    };
    Some(format!("`{}` is not {form}: {sides}", pair.field))
}

fn is_hex(text: &str, length: usize) -> bool {
    text.len() == length && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

fn secret_hex(pair: &FieldPair<'_>) -> Option<String> {
    well_formed(pair, "32 lower-case hexadecimal digits", |text| {
        is_hex(text, 32) && !text.bytes().any(|byte| byte.is_ascii_uppercase())
    })
}

fn subscription_id(pair: &FieldPair<'_>) -> Option<String> {
    let is = |text: &str| {
        text.split_once('/').is_some_and(|(number, hex)| {
            !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit()) && is_hex(hex, 32)
        })
    };
    well_formed(pair, "a subscription id", is).or_else(|| {
        (pair.left == pair.right).then(|| {
            let shown = obscure::hash(&text(pair.left));
            format!("`{}` is {shown:?} on both sides, a new one was due", pair.field)
        })
    })
}

/// A version 4 UUID in either case, with all of its dashes or none.
fn parse_uuid4(text: &str) -> Option<Uuid> {
    let uuid = Uuid::try_parse(text).ok().filter(|_| matches!(text.len(), 32 | 36))?;
    (uuid.get_version_num() == 4 && uuid.get_variant() == Variant::RFC4122).then_some(uuid)
}

fn uuid4(pair: &FieldPair<'_>) -> Option<String> {
    well_formed(pair, "a version 4 UUID", |text| parse_uuid4(text).is_some()).or_else(|| {
        let uuid = parse_uuid4(&text(pair.left))?;
        (Some(uuid) == parse_uuid4(&text(pair.right)))
            .then(|| format!("`{}` is {uuid} on both sides, a new one was due", pair.field))
    })
}

/// The elements of a list, which some fields hold as JSON text.
fn elements(value: &Value) -> Option<Vec<String>> {
    let list = match value {
        Value::Array(list) => Cow::Borrowed(list),
        Value::String(text) => Cow::Owned(serde_json::from_str(text).ok()?),
        _ => return None,
    };
    let mut elements: Vec<String> = list.iter().map(|element| text(element).into_owned()).collect();
    elements.sort_unstable();
    Some(elements)
}

fn unordered_list(pair: &FieldPair<'_>) -> Option<String> {
    if pair.left == pair.right {
        return None;
    }
    let (Some(left), Some(right)) = (elements(pair.left), elements(pair.right)) else {
        return Some(format!("`{}` differs and is not a list on both sides", pair.field));
    };
    let show = |list: &[String]| list.iter().map(|text| obscure::text(text)).collect::<Vec<_>>().join(", ");
    (left != right).then(|| {
        format!("`{}` is [{}] on the left, [{}] on the right", pair.field, show(&left), show(&right))
    })
}

fn is_true(fields: &Fields, field: &str) -> bool {
    fields.get(field) == Some(&Value::Bool(true))
}

/// A claimed user keeps the password. One who is unclaimed afterwards has a new one that nobody knows, and the
/// fields that go with a password say so.
fn user_password(pair: &FieldPair<'_>) -> Option<String> {
    let (left, right) = pair.rows;
    let field = pair.field;
    let mut problems = Vec::new();
    if is_true(right, "is_unclaimed") {
        if pair.left == pair.right {
            let shown = obscure::password(&text(pair.left));
            problems.push(format!(
                "`{field}` of an unclaimed user is {shown:?} on both sides, a new one was due"
            ));
        }
        problems.extend(change_date(left, right));
        if is_true(right, "is_password_expired") {
            problems.push("the new password is expired already".to_owned());
        }
    } else {
        if is_true(left, "is_unclaimed") {
            problems.push("the user was unclaimed on the left and is claimed on the right".to_owned());
        }
        problems.extend(equal(pair, obscure::password));
    }
    (!problems.is_empty()).then(|| problems.join("; "))
}

/// The date of a user's last change of the password may neither go nor go back.
fn change_date(left: &Fields, right: &Fields) -> Option<String> {
    const FIELD: &str = "last_password_change";
    let before = value(left, FIELD)?;
    let Some(after) = value(right, FIELD) else {
        return Some(format!("`{FIELD}` is missing on the right"));
    };
    match (instant(before), instant(after)) {
        (Some(before), Some(after)) if before <= after => None,
        _ => Some(format!("`{FIELD}` went back")),
    }
}
