//! `import --report`: the three forms, and where they go.

use rstest::rstest;
use serde_json::Value;

use crate::support::{Folder, json};

/// An export of two users whose names are taken, one of which is not what it seems, and the instance that has them.
fn folder() -> Folder {
    let folder = Folder::new();
    let user = |pk: u32, name: &str| {
        let fields = format!(r#"{{"username": {}, "email": ""}}"#, Value::from(name));
        format!(r#"{{"model": "sentry.user", "pk": {pk}, "fields": {fields}}}"#)
    };
    let hostile = user(2, "<img src=x>\u{1b}[2J\u{202e}");
    let option =
        r#"{"model": "sentry.useroption", "pk": 3, "fields": {"user": 9, "key": "a", "value": "b"}}"#;
    folder.write("export.json", format!("[{}, {hostile}, {option}]", user(1, "ada")));
    folder.write("base.json", format!("[{}, {}]", user(5, "ada"), user(6, "<IMG SRC=X>\u{1b}[2J\u{202e}")));
    folder
}

const IMPORT: &str = "import users export.json --into base.json --seed 7";

/// Which form a text is of.
fn form(text: &str) -> &'static str {
    match text.split_whitespace().next() {
        Some("model") => "text",
        Some("{") => "json",
        Some("<!DOCTYPE") => "html",
        _ => "none",
    }
}

#[rstest]
#[case("report.json", "", "json")]
#[case("report.JSON", "", "json")]
#[case("report.html", "", "html")]
#[case("report.htm", "", "html")]
#[case("report.txt", "", "text")]
#[case("report", "", "text")]
#[case("report.txt", "--format json", "json")]
#[case("report.json", "--format html", "html")]
#[case("report.html", "--format text", "text")]
#[case("report", "--json", "text")]
fn a_file_has_the_form_of_its_name_unless_another_is_asked_for(
    #[case] file: &str,
    #[case] flags: &str,
    #[case] expected: &str,
) {
    let folder = folder();
    let said = folder.run(&format!("{IMPORT} --report {file} {flags}")).done();
    assert_eq!(form(&String::from_utf8(folder.read(file)).unwrap()), expected);
    let told = if flags == "--json" { json(said.as_bytes()).is_object() } else { form(&said) == "text" };
    assert!(told, "what is said beside it has its own form: {said}");
}

#[rstest]
#[case("", "text")]
#[case("--format html", "html")]
#[case("--format json", "json")]
#[case("--report -", "text")]
#[case("--report - --format html", "html")]
#[case("--report - --json", "json")]
fn standard_output_takes_any_form_once(#[case] flags: &str, #[case] expected: &str) {
    let said = folder().run(&format!("{IMPORT} {flags}")).done();
    assert_eq!(form(&said), expected);
    if expected == "json" {
        assert!(json(said.as_bytes())["pk_map"].is_object(), "one object, and the whole of it");
    }
}

#[test]
fn the_report_makes_way_for_data() {
    let run = folder().run(&format!("{IMPORT} --out -"));
    assert!(json(run.out.as_bytes()).is_array());
    assert_eq!(form(&run.err), "text");
    let run = folder().run(&format!("{IMPORT} --out - --format html"));
    assert!(json(run.out.as_bytes()).is_array());
    assert_eq!(form(&run.err), "html");
}

#[test]
fn names_of_strangers_harm_neither_terminal_nor_page() {
    let folder = folder();
    let said = folder.run(&format!("{IMPORT} --report report.html")).done();
    assert!(said.contains("<img src=x>\u{fffd}[2J\u{fffd} → "), "{said}");
    assert!(!said.contains(['\u{1b}', '\u{202e}']), "{said}");
    let page = String::from_utf8(folder.read("report.html")).unwrap();
    assert!(page.contains("&#60;img src=x&#62;"), "{page}");
    assert!(!page.contains("<img") && !page.contains(['\u{1b}', '\u{202e}']), "{page}");
}

#[test]
fn details_are_told_on_demand() {
    let folder = Folder::new();
    folder.run("generate export.json --orgs 1 --users 30 --projects 1").done();
    folder.run("import users export.json --out base.json").done();
    let import = "import users export.json --into base.json --merge-users";
    let reused = |said: &str| said.lines().filter(|line| line.starts_with("  sentry.user ")).count();
    let brief = folder.run(import).done();
    assert_eq!(reused(&brief), 20);
    assert!(brief.contains("\n  ... and "), "{brief}");
    let full = folder.run(&format!("{import} --details")).done();
    assert_eq!(reused(&full), 30);
    assert!(!full.contains("... and "), "{full}");
    folder.run(&format!("{import} --details --report report.txt")).done();
    assert_eq!(reused(&String::from_utf8(folder.read("report.txt")).unwrap()), 30);
}

#[test]
fn a_real_export_into_itself_is_told_in_every_form() {
    let Some(export) = outside::reference_bytes("exports/release-24.7.0.json") else { return };
    let folder = Folder::new();
    folder.write("export.json", export);
    let import = "import organizations export.json --into export.json --merge-users --report";
    let said = folder.run(&format!("{import} report.json")).done();
    assert!(said.lines().all(|line| line.chars().count() <= 80), "{said}");
    let report = folder.json("report.json");
    let sum = |kind: &str| {
        let models = report["models"].as_object().unwrap().values();
        models.map(|model| model[kind].as_u64().unwrap()).sum::<u64>()
    };
    for kind in ["in_file", "inserted", "existing", "renamed", "dropped", "out_of_scope"] {
        assert_eq!(report["total"][kind], sum(kind), "{kind}");
    }
    assert_eq!(report["total"]["renamed"], report["renamed"].as_array().unwrap().len());
    assert_eq!(report["total"]["dropped"], report["dropped"].as_array().unwrap().len());
    let by_cause = report["causes"].as_array().unwrap().iter().map(|cause| cause["rows"].as_u64().unwrap());
    assert_eq!(report["total"]["dropped"], by_cause.sum::<u64>(), "each dropped row has one cause");
    folder.run(&format!("{import} report.html")).done();
    assert!(folder.read("report.html").ends_with(b"</html>\n"));
}

#[rstest]
#[case::one_file("import users export.json --out x.json --report x.json")]
#[case::spelt_otherwise("import users export.json --out x.json --report ./x.json")]
#[case::findings("import users export.json --findings-file x.json --out x.json")]
#[case::the_base("import users export.json --into base.json --report base.json")]
#[case::the_base_again("import users export.json --into base.json --out base.json")]
#[case::the_export("import users export.json --out export.json")]
#[case::a_link("import users export.json --into base.json --out link.json")]
#[case::standard_output("import users export.json --out - --report -")]
#[case::standard_output_too("import users export.json --out - --findings-file -")]
#[case::an_export("export users --from base.json --out base.json")]
#[case::a_look_alike("sanitize base.json base.json")]
#[case::a_comparison("compare base.json export.json --findings-file export.json")]
fn no_output_takes_the_place_of_an_input_or_of_another_output(#[case] line: &str) {
    let folder = folder();
    std::os::unix::fs::symlink(folder.path("base.json"), folder.path("link.json")).unwrap();
    let files = ["base.json", "export.json"].map(|name| folder.read(name));
    let run = folder.run(line);
    assert_eq!((run.code, run.out.as_str()), (2, ""), "{}", run.err);
    assert_eq!(files, ["base.json", "export.json"].map(|name| folder.read(name)));
    assert_eq!(folder.files(), ["base.json", "export.json", "link.json"]);
}

#[test]
fn what_takes_everything_may_take_several() {
    folder().run("import users export.json --out /dev/null --report /dev/null").done();
    let run = folder().run("compare base.json export.json --findings-file -");
    assert!(json(run.out.as_bytes()).is_array(), "the findings alone: {}", run.out);
}

#[rstest]
#[case("--report nowhere/report.json --out after.json")]
#[case("--report report.json --out nowhere/after.json")]
fn what_cannot_be_written_is_found_out_before_anything_is(#[case] flags: &str) {
    let folder = folder();
    let run = folder.run(&format!("{IMPORT} {flags}"));
    assert_ne!(run.code, 0);
    assert_eq!(folder.files(), ["base.json", "export.json"], "{}", run.err);
}

#[test]
fn an_import_that_fails_leaves_no_report_of_another() {
    let folder = folder();
    folder.run(&format!("{IMPORT} --report report.txt")).done();
    folder.write("bad.json", r#"[{"model": "sentry.user", "pk": 1, "fields": {}}]"#);
    assert_eq!(folder.run("import users bad.json --report report.txt").code, 1);
    assert_eq!(folder.files(), ["bad.json", "base.json", "export.json"]);
}

#[rstest]
#[case::a_page("--format html", 2)]
#[case::a_page_on_standard_output("--format html --report -", 2)]
#[case::json_all_the_same("--format json", 0)]
#[case::a_page_in_a_file("--format html --report page", 0)]
fn json_and_another_form_do_not_go_to_one_place(#[case] flags: &str, #[case] code: i32) {
    let run = folder().run(&format!("{IMPORT} --json {flags}"));
    assert_eq!(run.code, code, "{}", run.err);
}
