//! `catalog check`, and the option `--catalog`.

use crate::support::{Folder, json};

const LIBRARY: &str = r#"
[[model]]
name = "library.reader"
silo = "control"
scope = "user"
identifier = "name"
unique = [{ fields = ["name"], ignore_case = true }]
rules = ["suffix-if-taken(name)"]
compare = { name = "auto-suffix" }
[model.fields]
name = "text(20)"

[[model]]
name = "library.card"
silo = "control"
scope = "user"
unique = [{ fields = ["number"], when = ["lost is false"] }]
[model.fields]
reader = "key(library.reader)? set-null"
number = "int"
lost   = "bool = false"
"#;

const READERS: &str = r#"[{"model": "library.reader", "pk": 5, "fields": {"name": "ada"}}]"#;

fn library() -> Folder {
    let folder = Folder::new();
    folder.write("library.toml", LIBRARY);
    folder.write("readers.json", READERS);
    folder
}

#[test]
fn a_catalogue_that_holds_says_what_is_in_it() {
    let folder = library();
    insta::assert_snapshot!(folder.run("catalog check library.toml").done(), @r"
    library.toml holds together: 2 models, 1 key.

    control, scope user
      library.reader              name in any case
      library.card                number when lost is false
        reader          -> library.reader?, set-null

    There is no [tenancy]: nothing can be filtered.

    There is no [handover]: no cell can work with it.
    ");
    let told = folder.run("catalog check library.toml --json").done();
    insta::assert_json_snapshot!(json(told.as_bytes()), @r#"
    {
      "handover": null,
      "models": [
        {
          "keys": [],
          "name": "library.reader",
          "scope": "user",
          "silo": "control",
          "unique": [
            {
              "fields": [
                "name"
              ],
              "ignore_case": true,
              "when": []
            }
          ]
        },
        {
          "keys": [
            {
              "field": "reader",
              "kind": "key",
              "nullable": true,
              "on_delete": "set-null",
              "target": "library.reader"
            }
          ],
          "name": "library.card",
          "scope": "user",
          "silo": "control",
          "unique": [
            {
              "fields": [
                "number"
              ],
              "ignore_case": false,
              "when": [
                "lost is false"
              ]
            }
          ]
        }
      ],
      "tenancy": null
    }
    "#);
}

#[test]
fn a_catalogue_that_does_not_hold_says_where_and_what_to_do() {
    let folder = library();
    folder.write("mistaken.toml", LIBRARY.replace("suffix-if-taken", "sufix-if-taken"));
    let run = folder.run("catalog check mistaken.toml");
    assert_eq!((run.code, run.out.as_str()), (2, ""));
    insta::assert_snapshot!(run.err, @r"
    error: mistaken.toml is no catalogue
      because line 3, library.reader: `sufix-if-taken(name)` is no rule; did you mean `suffix-if-taken`?
      try: shared/catalog/README.md explains every word of a catalogue, the example beside it how to write one
    ");
    folder.write("mistyped.toml", LIBRARY.replace("scope = \"user\"\nunique", "scoop = \"user\"\nunique"));
    insta::assert_snapshot!(folder.run("catalog check mistyped.toml").err, @r#"
    error: mistyped.toml is no catalogue
      because the catalogue is not valid TOML, or has a word where none is expected
      because TOML parse error at line 16, column 1
       |
    16 | scoop = "user"
       | ^^^^^
    unknown field `scoop`, expected one of `name`, `table`, `silo`, `scope`, `global_when`, `unique`, `ordinal`, `identifier`, `dangling`, `used_by`, `privileged`, `grants_privilege`, `stays_outside_global`, `deletion`, `rules`, `automatic`, `registered`, `compare`, `sanitize`, `fields`

      try: shared/catalog/README.md explains every word of a catalogue, the example beside it how to write one
    "#);
    let error = json(folder.run("catalog check mistaken.toml --json").err.as_bytes());
    assert_eq!(error["error"]["code"], "invalid-catalog");
}

#[test]
fn files_are_about_the_models_of_the_catalogue_that_is_given() {
    let folder = library();
    let unknown = folder.run("import users readers.json").done();
    assert!(unknown.contains("Unknown models, left out:\n        1  library.reader"), "{unknown}");
    folder.run("import users readers.json --catalog library.toml --out once.json").done();
    folder.run("import users readers.json --catalog library.toml --into once.json --out twice.json").done();
    let names: Vec<String> = folder
        .json("twice.json")
        .as_array()
        .unwrap()
        .iter()
        .map(|row| row["fields"]["name"].as_str().unwrap().to_owned())
        .collect();
    assert!(names[0] == "ada" && names[1].starts_with("ada-"), "{names:?}");
    let compared = folder.run("--catalog library.toml compare readers.json once.json").done();
    assert_eq!(compared, "no findings\n");
    let wrong = folder.run("compare readers.json once.json");
    assert_eq!(wrong.code, 2, "the built-in catalogue does not know readers: {}", wrong.out);
}

#[test]
fn a_filtered_export_needs_a_catalogue_that_says_who_is_who() {
    let folder = library();
    folder.run("import users readers.json --catalog library.toml --out once.json").done();
    folder.run("export users --from once.json --out again.json --catalog library.toml").done();
    let filtered = "export users --from once.json --out ada.json --filter-usernames ada";
    let run = folder.run(&format!("{filtered} --catalog library.toml"));
    assert_eq!(run.code, 2);
    insta::assert_snapshot!(run.err, @r"
    error: once.json cannot be exported from
      because a filter needs a catalogue that says which models are users and organisations
    ");
}

#[test]
fn what_is_about_the_built_in_catalogue_alone_refuses_another() {
    let folder = library();
    for line in ["generate out.json --orgs 1", "demo", "up"] {
        let run = folder.run(&format!("{line} --catalog library.toml"));
        assert_eq!(run.code, 2, "{line}");
        let command = line.split(' ').next().unwrap();
        let expected = format!("error: `{command}` works with the built-in catalogue only\n");
        assert!(run.err.starts_with(&expected), "{}", run.err);
    }
    assert_eq!(folder.files(), ["library.toml", "readers.json"]);
}
