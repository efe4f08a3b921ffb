//! What people and machines read.

use serde_json::{Value, json};
use transfer::findings::{Finding, Instance, Summary, write_json};

use crate::{findings, row};

fn sample_findings() -> Vec<Finding> {
    let rows = |name: &str, token: &str| {
        [
            row("app.team", 4, json!({"name": name, "settings": {"size": name.len()}})),
            row(
                "app.sample",
                3,
                json!({"token": token, "noise": name, "team": 4, "born": "2024-01-01T00:00:00Z"}),
            ),
        ]
    };
    let mut right =
        rows("red pandas of the northern mountains, who are seen only at dusk", "b1b2b3b4b5b6b7b8b9");
    right[1]["pk"] = 17.into();
    right[1]["fields"]["born"] = Value::Null;
    findings(&rows("red", "a1a2a3a4a5a6a7a8a9"), &right)
}

fn json_of(findings: &[Finding]) -> String {
    let mut bytes = Vec::new();
    write_json(findings, &mut bytes).unwrap();
    String::from_utf8(bytes).unwrap()
}

#[test]
fn a_findings_file() {
    insta::assert_snapshot!(json_of(&sample_findings()));
    assert_eq!(json_of(&[]), "[]\n");
}

#[test]
fn a_findings_file_reads_back() {
    let findings = sample_findings();
    let read: Vec<Finding> = serde_json::from_str(&json_of(&findings)).unwrap();
    assert_eq!(read, findings);
}

#[test]
fn errors_of_steps_have_the_same_shape() {
    let on = || Instance { model: "app.team".to_owned(), ordinal: Some(2) };
    let findings = [
        Finding::import_error("ValidationError", on(), Some(7), "the name is missing"),
        Finding::export_error("UnknownModel", on(), None, "nobody knows it"),
    ];
    insta::assert_snapshot!(json_of(&findings));
    insta::assert_snapshot!("summary_of_errors", Summary::new(&findings).to_string());
}

#[test]
fn a_summary_for_the_terminal() {
    let text = Summary::new(&sample_findings()).to_string();
    assert!(text.lines().all(|line| line.chars().count() <= 80));
    insta::assert_snapshot!(text);
}

#[test]
fn a_summary_counts_what_it_does_not_tell() {
    let text = Summary::new(&sample_findings()).details_max(1).to_string();
    assert!(text.starts_with("3 findings in 2 models\n"), "{text}");
    assert!(text.ends_with("\n... and 2 findings more\n"), "{text}");
    assert_eq!(Summary::new(&[]).to_string(), "no findings\n");
}

#[test]
fn a_summary_does_not_steer_the_terminal() {
    let on = Instance { model: "app.\u{1b}[2J".to_owned(), ordinal: None };
    let text = Summary::new(&[Finding::import_error("Unknown", on, None, "\u{1b}[31mred\r")]).to_string();
    assert!(!text.contains(['\u{1b}', '\r']), "{text}");
}
