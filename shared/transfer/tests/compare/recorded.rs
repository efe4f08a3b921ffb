//! The findings that the original application recorded for pairs of exports.

use catalog::Catalog;
use serde_json::Value;
use transfer::compare::compare;
use transfer::findings::Finding;
use transfer::rows::RowReader;

fn reference(name: &str) -> Option<Vec<u8>> {
    outside::reference_bytes(&format!("compare/{name}"))
}

/// Everything but the wording, in an order of its own: the original's follows its files.
fn facts(findings: &Value) -> Vec<String> {
    let mut facts: Vec<String> = findings
        .as_array()
        .unwrap()
        .iter()
        .map(|finding| {
            let mut finding = finding.clone();
            let reason = finding.as_object_mut().unwrap().remove("reason").unwrap();
            assert!(reason.is_string());
            finding.to_string()
        })
        .collect();
    facts.sort_unstable();
    facts
}

fn check(name: &str) {
    let (Some(left), Some(right), Some(recorded)) = (
        reference("base.json"),
        reference(&format!("{name}.json")),
        reference(&format!("{name}.findings.json")),
    ) else {
        return;
    };
    let found =
        compare(&Catalog::builtin(), RowReader::new(left.as_slice()), RowReader::new(right.as_slice()))
            .unwrap();
    let recorded: Value = serde_json::from_slice(&recorded).unwrap();
    assert_eq!(facts(&serde_json::to_value(&found).unwrap()), facts(&recorded));
    let recorded: Vec<Finding> = serde_json::from_value(recorded).unwrap();
    for recorded in recorded.iter().filter(|recorded| recorded.kind != "UnequalJSON") {
        let found =
            found.iter().find(|found| found.kind == recorded.kind && found.on == recorded.on).unwrap();
        for value in shown_values(&recorded.reason) {
            assert!(found.reason.contains(value), "{value} is not in: {}", found.reason);
        }
    }
}

/// The values in parentheses, save one that stands whole because the original took it for no address.
fn shown_values(reason: &str) -> impl Iterator<Item = &str> {
    reason
        .split('(')
        .skip(1)
        .filter_map(|rest| rest.split_once(')'))
        .map(|(value, _)| value)
        .filter(|value| *value != "\"member\"")
}

#[test]
fn changed_fields() {
    check("changed-fields");
}

#[test]
fn unequal_counts() {
    check("counts");
}

#[test]
fn users_in_another_order() {
    check("users-swapped");
}

#[test]
fn a_wrong_reference() {
    check("wrong-reference");
}
