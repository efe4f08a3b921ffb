//! How two rows differ in the JSON that no comparator looks at, as a diff for people to read.
//!
//! The catalogue says nothing about these fields, and secrets may be among them: a password in the value of an
//! option, a token in the settings of an integration. So only text fields with innocent names are shown
//! readably; everything else keeps its structure, its numbers and its flags, while its texts are shown like
//! hashes.

use std::borrow::Cow;
use std::collections::BTreeSet;

use catalog::{FieldKind, Model};
use serde_json::{Map, Value};
use silo::Fields;
use similar::TextDiff;

use super::obscure;

/// Beyond this many lines of JSON a side is not diffed: nobody reads that, and diffs take time squared.
const JSON_LINES_MAX: usize = 1000;

/// The longest diff that is shown, in lines.
const DIFF_LINES_MAX: usize = 100;

/// The most fields that are named.
const NAMES_MAX: usize = 20;

/// Names the fields that differ, and shows how in a unified diff of what of both rows `is_rest`.
pub(super) fn describe(
    model: &Model,
    differing: &[&str],
    (left, right): (&Fields, &Fields),
    is_rest: impl Fn(&str) -> bool,
) -> String {
    let names = differing.iter().take(NAMES_MAX).map(|name| format!("`{}`", obscure::text(name)));
    let mut names = names.collect::<Vec<_>>().join(", ");
    if differing.len() > NAMES_MAX {
        names += &format!(" and {} more fields", differing.len() - NAMES_MAX);
    }
    let verb = if differing.len() == 1 { "differs" } else { "differ" };
    match diff(model, left, right, is_rest) {
        Some(diff) => format!("{names} {verb}\n{diff}"),
        None => format!("{names} {verb}, in too many lines to show"),
    }
}

fn diff(model: &Model, left: &Fields, right: &Fields, is_rest: impl Fn(&str) -> bool) -> Option<String> {
    let mut shown = (Map::new(), Map::new());
    let fields: BTreeSet<&String> = left.keys().chain(right.keys()).filter(|field| is_rest(field)).collect();
    for field in fields {
        let value = |side: &Fields| side.get(field).cloned().unwrap_or_default();
        let values = Visibility::of(model, field).show_pair(&value(left), &value(right));
        shown.0.insert(field.clone(), values.0);
        shown.1.insert(field.clone(), values.1);
    }
    let (left, right) = (pretty(shown.0)?, pretty(shown.1)?);
    let diff = TextDiff::from_lines(&left, &right).unified_diff().header("left", "right").to_string();
    let diff = diff.trim_end();
    let lines = diff.lines().count();
    if lines <= DIFF_LINES_MAX {
        return Some(diff.to_owned());
    }
    let head = diff.lines().take(DIFF_LINES_MAX).collect::<Vec<_>>().join("\n");
    Some(format!("{head}\n... ({} more lines)", lines - DIFF_LINES_MAX))
}

/// Indented JSON that ends with a line break, unless it is too long.
fn pretty(fields: Fields) -> Option<String> {
    let mut json = serde_json::to_string_pretty(&Value::Object(fields)).ok()?;
    json.push('\n');
    (json.lines().count() <= JSON_LINES_MAX).then_some(json)
}

/// How texts in a field are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Visibility {
    /// Readably.
    Plain,
    /// Like hashes.
    Hidden,
}

impl Visibility {
    fn of(model: &Model, field: &str) -> Self {
        let has_known_shape = model
            .field(field)
            .is_some_and(|declared| !matches!(declared.kind, FieldKind::Json | FieldKind::Any));
        if has_known_shape && !sounds_secret(model, field) { Self::Plain } else { Self::Hidden }
    }

    /// Shows two values so that a difference between them can be seen, even where it is in what is not shown.
    fn show_pair(self, left: &Value, right: &Value) -> (Value, Value) {
        match (self.unfold(left).as_ref(), self.unfold(right).as_ref()) {
            (Value::Object(left), Value::Object(right)) => show_objects(left, right),
            (Value::Array(left), Value::Array(right)) => show_arrays(left, right),
            (left, right) => {
                let shown = (self.show(left), self.show(right));
                match (&shown.0, &shown.1) {
                    (Value::String(one), Value::String(other)) if left != right && one == other => {
                        (format!("{one} (left)").into(), format!("{other} (right)").into())
                    }
                    _ => shown,
                }
            }
        }
    }

    fn show(self, value: &Value) -> Value {
        match self.unfold(value).as_ref() {
            Value::Null => Value::Null,
            Value::Bool(flag) => Value::Bool(*flag),
            Value::Number(number) => {
                let digits = number.to_string();
                if digits.len() <= self.number_chars_max() {
                    value.clone()
                } else {
                    obscure::hash(&digits).into()
                }
            }
            Value::String(text) if self == Self::Plain => obscure::text(text).into(),
            Value::String(text) => obscure_unless_trivial(text).into(),
            Value::Array(list) => list.iter().map(|value| Self::Hidden.show(value)).collect(),
            Value::Object(map) => {
                let show = |(key, value): (&String, &Value)| (obscure::text(key), Self::Hidden.show(value));
                Value::Object(map.iter().map(show).collect())
            }
        }
    }

    /// The longest number that is shown, in characters. A number that is hidden may be a password or a phone's;
    /// short ones hide nothing worth the name, and say much to a reader.
    fn number_chars_max(self) -> usize {
        match self {
            Self::Plain => 40,
            Self::Hidden => 5,
        }
    }

    /// Objects and lists that are kept as JSON text, as what they are: their structure is worth seeing.
    fn unfold(self, value: &Value) -> Cow<'_, Value> {
        match value {
            Value::String(text) if self == Self::Hidden && text.starts_with(['{', '[']) => {
                serde_json::from_str(text).map_or(Cow::Borrowed(value), Cow::Owned)
            }
            _ => Cow::Borrowed(value),
        }
    }
}

/// What is nested is hidden wherever it stands: no model says what it is.
fn show_objects(left: &Fields, right: &Fields) -> (Value, Value) {
    let mut shown = (Map::new(), Map::new());
    for key in left.keys().chain(right.keys()).collect::<BTreeSet<_>>() {
        let name = obscure::text(key);
        match (left.get(key), right.get(key)) {
            (Some(left), Some(right)) => {
                let (left, right) = Visibility::Hidden.show_pair(left, right);
                shown.0.insert(name.clone(), left);
                shown.1.insert(name, right);
            }
            (left, right) => {
                shown.0.extend(left.map(|value| (name.clone(), Visibility::Hidden.show(value))));
                shown.1.extend(right.map(|value| (name, Visibility::Hidden.show(value))));
            }
        }
    }
    (Value::Object(shown.0), Value::Object(shown.1))
}

fn show_arrays(left: &[Value], right: &[Value]) -> (Value, Value) {
    let both = left.len().min(right.len());
    let (mut shown_left, mut shown_right): (Vec<_>, Vec<_>) =
        left.iter().zip(right).map(|(left, right)| Visibility::Hidden.show_pair(left, right)).unzip();
    shown_left.extend(left.iter().skip(both).map(|value| Visibility::Hidden.show(value)));
    shown_right.extend(right.iter().skip(both).map(|value| Visibility::Hidden.show(value)));
    (Value::Array(shown_left), Value::Array(shown_right))
}

/// Whether a field's name says that its values are secret. A `key` beside a `value` is the name of an option.
fn sounds_secret(model: &Model, field: &str) -> bool {
    const PARTS: [&str; 7] = ["password", "secret", "token", "nonce", "hash", "credential", "private"];
    PARTS.iter().any(|part| field.contains(part))
        || field == "code"
        || (field == "key" && model.field("value").is_none())
}

/// Flags and short numbers may be kept as text, too.
fn obscure_unless_trivial(text: &str) -> String {
    let is_number = text.bytes().all(|byte| byte.is_ascii_digit());
    if is_number && text.len() <= Visibility::Hidden.number_chars_max()
        || matches!(text, "true" | "false" | "null")
    {
        return text.to_owned();
    }
    obscure::hash(text)
}
