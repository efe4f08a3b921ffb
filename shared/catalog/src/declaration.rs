//! The small language in which a catalogue declares fields, conditions and values.

use serde_json::Value;

use crate::{AutomaticValue, CatalogError, Condition, FieldKind, KeyKind, OnDelete};

/// `name` or `name(argument, …)`.
pub(crate) struct Call<'a> {
    pub(crate) name: &'a str,
    pub(crate) args: Vec<&'a str>,
}

impl<'a> Call<'a> {
    pub(crate) fn parse(at: &str, text: &'a str) -> Result<Call<'a>, CatalogError> {
        let Some((name, rest)) = text.split_once('(') else {
            return Ok(Call { name: text.trim(), args: Vec::new() });
        };
        let Some(args) = rest.strip_suffix(')') else {
            return Err(CatalogError::declaration(at, format!("`{text}` lacks its closing parenthesis")));
        };
        Ok(Call { name: name.trim(), args: args.split(',').map(str::trim).collect() })
    }
}

const TYPES: &str = "there are bool, int, float, text, text(N), date, uuid, ip, json, any, key(MODEL), \
                     cross-silo-key(MODEL) and reference(MODEL), each with `?` behind it if it may be null";

const ON_DELETE: &str = "`cascade`, `set-null`, `protect` or `do-nothing`";

const VALUES: &str = "it is JSON (text in double quotes), `now`, `alnum(N)` or `hex(N)`, and of the row that \
                      another one is made with also `pk` or `field(NAME)`";

/// A field as declared: `TYPE[?] [ON DELETE] [= DEFAULT]`.
pub(crate) struct FieldDeclaration {
    pub(crate) shape: Shape,
    pub(crate) nullable: bool,
    pub(crate) default: Option<AutomaticValue>,
}

/// A plain value or a key.
pub(crate) enum Shape {
    Plain(FieldKind),
    Key { target: String, kind: KeyKind, on_delete: Option<OnDelete> },
}

pub(crate) fn field(at: &str, text: &str) -> Result<FieldDeclaration, CatalogError> {
    let (declared, default) = match text.split_once(" = ") {
        Some((declared, default)) => (declared, Some(value(at, default)?)),
        None => (text, None),
    };
    let (typed, on_delete) = match declared.trim().split_once(' ') {
        Some((typed, word)) => (typed, Some(self::on_delete(at, word.trim())?)),
        None => (declared.trim(), None),
    };
    let (typed, nullable) = match typed.strip_suffix('?') {
        Some(typed) => (typed, true),
        None => (typed, false),
    };
    Ok(FieldDeclaration { shape: shape(at, typed, on_delete)?, nullable, default })
}

fn shape(at: &str, typed: &str, on_delete: Option<OnDelete>) -> Result<Shape, CatalogError> {
    let Call { name, args } = Call::parse(at, typed)?;
    let key = |kind, target: &str, on_delete| Ok(Shape::Key { target: target.to_owned(), kind, on_delete });
    match (name, args.as_slice(), on_delete) {
        ("key", [target], Some(rule)) => return key(KeyKind::Local, target, Some(rule)),
        ("cross-silo-key", [target], Some(rule)) => return key(KeyKind::CrossSilo, target, Some(rule)),
        ("reference", [target], None) => return key(KeyKind::Reference, target, None),
        ("key" | "cross-silo-key", [_], None) => {
            let problem = format!("`{typed}` does not say what happens on deletion: add {ON_DELETE}");
            return Err(CatalogError::declaration(at, problem));
        }
        (_, _, Some(_)) => {
            let problem = format!("`{typed}` cannot cascade: only key(MODEL) and cross-silo-key(MODEL) do");
            return Err(CatalogError::declaration(at, problem));
        }
        _ => {}
    }
    let kind = match (name, args.as_slice()) {
        ("bool", []) => FieldKind::Bool,
        ("int", []) => FieldKind::Int,
        ("float", []) => FieldKind::Float,
        ("date", []) => FieldKind::Date,
        ("uuid", []) => FieldKind::Uuid,
        ("ip", []) => FieldKind::Ip,
        ("json", []) => FieldKind::Json,
        ("any", []) => FieldKind::Any,
        ("text", []) => FieldKind::Text(None),
        ("text", [length]) => FieldKind::Text(Some(
            length
                .parse()
                .map_err(|_| CatalogError::declaration(at, format!("`{length}` is no length of a text")))?,
        )),
        _ => return Err(CatalogError::declaration(at, format!("`{typed}` is no type: {TYPES}"))),
    };
    Ok(Shape::Plain(kind))
}

fn on_delete(at: &str, word: &str) -> Result<OnDelete, CatalogError> {
    word.parse().map_err(|_| {
        let problem = format!(
            "`{word}` is no behaviour on deletion: {ON_DELETE} is, and a default stands behind ` = `"
        );
        CatalogError::declaration(at, problem)
    })
}

/// `pk`, `field(name)`, `now`, `alnum(length)`, `hex(length)`, or a JSON value.
pub(crate) fn value(at: &str, text: &str) -> Result<AutomaticValue, CatalogError> {
    if let Ok(literal) = serde_json::from_str::<Value>(text) {
        return Ok(AutomaticValue::Literal(literal));
    }
    let wrong = || CatalogError::declaration(at, format!("`{text}` is no value: {VALUES}"));
    let Call { name, args } = Call::parse(at, text)?;
    match (name, args.as_slice()) {
        ("pk", []) => Ok(AutomaticValue::ParentPk),
        ("field", [field]) => Ok(AutomaticValue::ParentField((*field).to_owned())),
        ("now", []) => Ok(AutomaticValue::Now),
        ("alnum", [length]) => length.parse().map(AutomaticValue::Alnum).map_err(|_| wrong()),
        ("hex", [length]) => length.parse().map(AutomaticValue::Hex).map_err(|_| wrong()),
        _ => Err(wrong()),
    }
}

/// `FIELD is JSON`.
pub(crate) fn condition(at: &str, text: &str) -> Result<Condition, CatalogError> {
    let wrong = || {
        CatalogError::declaration(
            at,
            format!("`{text}` is no condition: `FIELD is JSON` is, such as `state is \"open\"`"),
        )
    };
    let (field, value) = text.split_once(" is ").ok_or_else(wrong)?;
    let value = serde_json::from_str(value.trim()).map_err(|_| wrong())?;
    Ok(Condition { field: field.trim().to_owned(), value })
}
