//! `compare`.

use rstest::rstest;
use serde_json::Value;

use outside::reference;

use crate::support::{Folder, args, json};

/// What the original application says of two exports, without its wording.
fn essence(findings: &Value) -> Vec<Value> {
    let keys = ["finding", "kind", "on", "left_pk", "right_pk"];
    let findings = findings.as_array().unwrap().iter();
    findings.map(|finding| keys.iter().map(|key| finding[*key].clone()).collect()).collect()
}

#[rstest]
fn the_recorded_findings_are_found(
    #[values("counts", "changed-fields", "users-swapped", "wrong-reference")] name: &str,
) {
    let (Some(left), Some(right), Some(recorded)) = (
        reference("compare/base.json"),
        reference(&format!("compare/{name}.json")),
        reference(&format!("compare/{name}.findings.json")),
    ) else {
        return;
    };
    let folder = Folder::new();
    let run =
        folder.run_with(args(&["compare", "--findings-file", "found.json", "--json"], &[&left, &right]));
    assert_eq!((run.code, run.err.as_str()), (1, ""));
    assert_eq!(json(run.out.as_bytes()), folder.json("found.json"));
    let sorted = |findings: &Value| {
        let mut essence = essence(findings);
        essence.sort_by_key(Value::to_string);
        essence
    };
    assert_eq!(sorted(&folder.json("found.json")), sorted(&json(&std::fs::read(recorded).unwrap())));
}

#[test]
fn either_side_may_be_sealed() {
    let folder = Folder::new().with_keys();
    folder.run("generate plain.json --orgs 1").done();
    folder.run("encrypt plain.json sealed.tar --public-key public.pem").done();
    folder.run("import organizations plain.json --out after.json").done();
    for sides in ["plain.json after.json", "sealed.tar after.json"] {
        let said = folder.run(&format!("compare {sides} --private-key private.pem")).done();
        assert_eq!(said, "no findings\n", "{sides}");
    }
}

#[test]
fn findings_end_with_1_and_trouble_with_2() {
    let folder = Folder::new();
    folder
        .write("one.json", r#"[{"model": "sentry.option", "pk": 1, "fields": {"key": "a", "value": "1"}}]"#);
    folder
        .write("two.json", r#"[{"model": "sentry.option", "pk": 1, "fields": {"key": "a", "value": "2"}}]"#);
    folder.write("cut.json", r#"[{"model": "sentry.option""#);
    folder.write("unknown.json", r#"[{"model": "sentry.unheard", "pk": 1, "fields": {}}]"#);
    let found = folder.run("compare one.json two.json --findings-file found.json");
    assert_eq!((found.code, found.err.as_str()), (1, ""));
    assert_eq!(folder.json("found.json")[0]["kind"], "UnequalJSON");
    assert_eq!(folder.run("compare one.json one.json --findings-file none.json").code, 0);
    assert_eq!(folder.read("none.json"), b"[]\n");
    for other in ["cut.json", "unknown.json", "missing.json"] {
        let trouble = folder.run(&format!("compare one.json {other}"));
        assert_eq!((trouble.code, trouble.out.as_str()), (2, ""), "{other}");
    }
}
