//! JSON as attributes of DynamoDB, and back without a difference (README.md, "How fields are kept").

use std::collections::HashMap;

use aws_sdk_dynamodb::primitives::Blob;
use aws_sdk_dynamodb::types::AttributeValue;
use serde_json::{Map, Number, Value};

/// An attribute that does not hold JSON.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NotJson {
    #[error("a binary attribute holds no number")]
    Number(#[source] Box<dyn std::error::Error + Send + Sync>),
    #[error("an attribute has a type that JSON lacks")]
    Type,
}

/// Objects and arrays nest this deep at most in an attribute. DynamoDB allows 32 levels, of which the item and
/// the attribute itself may count as one each.
const DEPTH: usize = 30;

/// Whether DynamoDB can hold this object as a map.
pub(crate) fn holds(fields: &Map<String, Value>) -> bool {
    holds_object(fields, DEPTH)
}

fn holds_object(fields: &Map<String, Value>, depth: usize) -> bool {
    let Some(depth) = depth.checked_sub(1) else { return false };
    fields.iter().all(|(name, value)| !name.is_empty() && holds_value(value, depth))
}

fn holds_value(value: &Value, depth: usize) -> bool {
    match value {
        Value::Array(values) => {
            depth.checked_sub(1).is_some_and(|depth| values.iter().all(|value| holds_value(value, depth)))
        }
        Value::Object(fields) => holds_object(fields, depth),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => true,
    }
}

/// An object as a map.
pub(crate) fn from_object(fields: &Map<String, Value>) -> HashMap<String, AttributeValue> {
    fields.iter().map(|(name, value)| (name.clone(), from_value(value))).collect()
}

fn from_value(value: &Value) -> AttributeValue {
    match value {
        Value::Null => AttributeValue::Null(true),
        Value::Bool(value) => AttributeValue::Bool(*value),
        Value::Number(number) if is_kept_by_dynamodb(number.as_str()) => {
            AttributeValue::N(number.to_string())
        }
        Value::Number(number) => AttributeValue::B(Blob::new(number.as_str())),
        Value::String(text) => AttributeValue::S(text.clone()),
        Value::Array(values) => AttributeValue::L(values.iter().map(from_value).collect()),
        Value::Object(fields) => AttributeValue::M(from_object(fields)),
    }
}

/// Whether every client of DynamoDB gives back the digits of this number: plain notation without superfluous
/// zeros, no more digits than 64 bits need, and no fraction so small that some write it with an exponent.
fn is_kept_by_dynamodb(number: &str) -> bool {
    let digits = number.strip_prefix('-').unwrap_or(number);
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let is_plain = |digits: &str| digits.bytes().all(|byte| byte.is_ascii_digit());
    let leading_zeros = fraction.len() - fraction.trim_start_matches('0').len();
    is_plain(whole)
        && is_plain(fraction)
        && whole.len() + fraction.len() <= 19
        && number != "-0"
        && !fraction.ends_with('0')
        && (whole != "0" || leading_zeros < 6)
}

/// A map as an object.
pub(crate) fn to_object(attributes: &HashMap<String, AttributeValue>) -> Result<Map<String, Value>, NotJson> {
    attributes.iter().map(|(name, attribute)| Ok((name.clone(), to_value(attribute)?))).collect()
}

fn to_value(attribute: &AttributeValue) -> Result<Value, NotJson> {
    match attribute {
        AttributeValue::Null(_) => Ok(Value::Null),
        AttributeValue::Bool(value) => Ok(Value::Bool(*value)),
        AttributeValue::N(digits) => to_number(digits.as_bytes()),
        AttributeValue::B(text) => to_number(text.as_ref()),
        AttributeValue::S(text) => Ok(Value::String(text.clone())),
        AttributeValue::L(values) => {
            Ok(Value::Array(values.iter().map(to_value).collect::<Result<_, NotJson>>()?))
        }
        AttributeValue::M(fields) => Ok(Value::Object(to_object(fields)?)),
        _ => Err(NotJson::Type),
    }
}

fn to_number(text: &[u8]) -> Result<Value, NotJson> {
    let number: Number = serde_json::from_slice(text).map_err(|error| NotJson::Number(error.into()))?;
    Ok(Value::Number(number))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    #[test]
    fn only_numbers_that_come_back_to_the_digit_are_numbers() {
        for kept in
            ["0", "1", "-1", "10", "100000", "0.5", "-12.34", "9223372036854775807", "0.000001", "1.05"]
        {
            assert!(is_kept_by_dynamodb(kept), "{kept}");
        }
        for escaped in [
            "-0",
            "0.0",
            "-0.0",
            "100.0",
            "1.50",
            "1e7",
            "1E-7",
            "1.0e0",
            "0.0000001",
            "-0.0000001",
            "18446744073709551615",
            "12345678901234567.891",
            "123456789012345678901234567890",
        ] {
            assert!(!is_kept_by_dynamodb(escaped), "{escaped}");
        }
    }

    #[test]
    fn a_number_written_by_others_may_have_any_form() {
        let exponent = AttributeValue::N("1E+2".to_owned());
        assert_eq!(
            to_value(&exponent).expect("a number"),
            serde_json::from_str::<Value>("1E+2").expect("JSON")
        );
    }

    #[test]
    fn what_is_no_json_is_an_error() {
        assert!(matches!(to_value(&AttributeValue::Ss(vec!["a".to_owned()])), Err(NotJson::Type)));
        assert!(matches!(to_value(&AttributeValue::B(Blob::new("x"))), Err(NotJson::Number(_))));
    }

    #[test]
    fn maps_nest_as_deep_as_dynamodb_allows() {
        let nested = |depth: usize| (1..depth).fold(json!({ "value": 1 }), |inner, _| json!({ "in": inner }));
        let holds = |value: Value| value.as_object().is_some_and(holds);
        assert!(holds(nested(DEPTH)));
        assert!(!holds(nested(DEPTH + 1)));
        assert!(!holds(json!({ "list": [{ "": 1 }] })));
    }

    fn any_json() -> impl Strategy<Value = Value> {
        let number = prop_oneof![
            any::<i64>().prop_map(|number| json!(number)),
            "-?(0|[1-9][0-9]{0,40})(\\.[0-9]{1,30})?([eE][+-]?[0-9]{1,3})?"
                .prop_map(|text| serde_json::from_str(&text).expect("a number")),
        ];
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::Bool),
            number,
            ".*".prop_map(Value::String)
        ];
        leaf.prop_recursive(4, 40, 6, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..6).prop_map(Value::Array),
                prop::collection::btree_map(".*", inner, 0..6)
                    .prop_map(|fields| Value::Object(fields.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn json_comes_back_as_it_was(value in any_json()) {
            prop_assert_eq!(to_value(&from_value(&value)).expect("JSON"), value);
        }
    }
}
