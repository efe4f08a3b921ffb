//! `generate`, `import` and `export`.

use serde_json::{Value, json};

use crate::support::Folder;

/// An instance with an organisation of its own, and an export whose first slug and second username it has.
fn collision() -> Folder {
    let folder = Folder::new();
    folder
        .run("generate export.json --orgs 2 --users 2 --projects 1 --slugs harbour --usernames ada,grace")
        .done();
    folder.run("generate own.json --orgs 1 --users 2 --projects 1 --instance --seed 2 --slugs harbour --usernames owner,grace").done();
    folder.run("import config own.json --out configured.json").done();
    folder.run("import organizations own.json --into configured.json --merge-users --out base.json").done();
    folder
}

fn values(rows: &Value, model: &str, field: &str) -> Vec<String> {
    let rows = rows.as_array().unwrap().iter().filter(|row| row["model"] == model);
    rows.map(|row| row["fields"][field].as_str().unwrap().to_owned()).collect()
}

#[test]
fn names_that_are_taken_get_a_suffix() {
    let folder = collision();
    let said =
        folder.run("import organizations export.json --into base.json --out after.json --seed 7").done();
    insta::assert_snapshot!("import_with_collisions", &said);
    assert!(said.lines().all(|line| line.chars().count() <= 80), "{said}");
    let after = folder.json("after.json");
    let slugs = values(&after, "sentry.organization", "slug");
    assert_eq!(slugs[0], "harbour");
    assert!(slugs[1].starts_with("harbour-"), "{slugs:?}");
    let usernames = values(&after, "sentry.user", "username");
    assert_eq!(usernames[..3], ["owner", "grace", "ada"]);
    assert!(usernames[3].starts_with("grace-"), "{usernames:?}");
}

#[test]
fn merged_users_take_nothing_from_the_file() {
    let folder = collision();
    let line = "import organizations export.json --into base.json --merge-users --report report.json --json";
    let said = folder.run(line).done();
    let report = folder.json("report.json");
    assert_eq!(report["models"]["sentry.user"]["existing"], 1);
    assert_eq!(report["pk_map"]["sentry.user"]["2"]["kind"], "Existing");
    assert_eq!(report["dropped"][0]["reason"]["because"], "owner-merged");
    let mut said: Value = serde_json::from_str(&said).unwrap();
    said["pk_map"] = report["pk_map"].clone();
    assert_eq!(said, report, "machines are told the same, but for the primary keys");
}

#[test]
fn an_export_from_what_was_imported_is_what_went_in() {
    let folder = Folder::new();
    folder.run("generate in.json --orgs 3").done();
    folder.run("import organizations in.json --out after.json").done();
    folder.run("export organizations --from after.json --out out.json").done();
    assert_eq!(folder.run("compare in.json out.json").done(), "no findings\n");
}

#[test]
fn filters_take_what_they_name() {
    let folder = Folder::new();
    folder.run("generate in.json --orgs 3 --slugs one,two,three --usernames ada").done();
    folder.run("import organizations in.json --filter-org-slugs two --out two.json").done();
    assert_eq!(values(&folder.json("two.json"), "sentry.organization", "slug"), ["two"]);
    folder.write("names.txt", "ada\n\n nobody \n");
    folder.run("import users in.json --filter-usernames-file names.txt --out ada.json").done();
    assert_eq!(values(&folder.json("ada.json"), "sentry.user", "username"), ["ada"]);
    folder.run_with(["import", "users", "in.json", "--filter-usernames", "", "--out", "none.json"]).done();
    assert_eq!(folder.json("none.json"), Value::Array(Vec::new()));
    folder.run("import organizations in.json --out all.json").done();
    folder.run("export organizations --from all.json --filter-org-slugs three --out three.json").done();
    assert_eq!(values(&folder.json("three.json"), "sentry.organization", "slug"), ["three"]);
}

#[test]
fn sealed_exports_go_in_and_come_out() {
    let folder = Folder::new().with_keys();
    folder.run("generate in.json --orgs 1").done();
    folder.run("encrypt in.json in.tar --public-key public.pem").done();
    folder.run("import organizations in.tar --private-key private.pem --out after.json").done();
    folder.run("export organizations --from after.json --out out.tar --public-key public.pem").done();
    let said = folder.run("compare in.json out.tar --private-key private.pem").done();
    assert_eq!(said, "no findings\n");
}

#[test]
fn equal_seeds_give_equal_secrets() {
    let folder = Folder::new();
    folder.run("generate in.json --orgs 1").done();
    let passwords = |seed: &str| {
        folder.run(&format!("import organizations in.json --seed {seed} --out after.json")).done();
        values(&folder.json("after.json"), "sentry.user", "password")
    };
    assert_eq!(passwords("1"), passwords("1"));
    assert_ne!(passwords("1"), passwords("2"));
}

#[test]
fn an_import_that_fails_is_a_finding() {
    let folder = Folder::new();
    folder.write("bad.json", r#"[{"model": "sentry.user", "pk": 5, "fields": {"username": ""}}]"#);
    let run = folder.run("import users bad.json --findings-file found.json --out after.json");
    assert_eq!((run.code, run.out.as_str()), (1, ""));
    insta::assert_snapshot!(run.err, @r"
    error: bad.json cannot be imported
      because ValidationError at sentry.user row 1 (primary key 5): `username` is empty
    ");
    insta::assert_snapshot!(String::from_utf8(folder.read("found.json")).unwrap(), @r#"
    [
      {
        "finding": "RpcImportError",
        "kind": "ValidationError",
        "left_pk": 5,
        "on": {
          "model": "sentry.user",
          "ordinal": 1
        },
        "reason": "ValidationError at sentry.user row 1 (primary key 5): `username` is empty",
        "right_pk": null
      }
    ]
    "#);
    assert_eq!(folder.files(), ["bad.json", "found.json"]);
}

#[test]
fn a_state_that_contradicts_itself_is_refused() {
    let folder = Folder::new();
    folder.write("in.json", "[]");
    let state = |name: &str, rows: &str| {
        folder.write(name, rows);
        let run = folder.run(&format!("import users in.json --into {name}"));
        assert_eq!(run.code, 2);
        run.err
    };
    let option = r#"{"model": "sentry.option", "pk": 1, "fields": {"key": "a", "value": 1}}"#;
    insta::assert_snapshot!(state("twice.json", &format!("[{option}, {option}]")), @r"
    error: twice.json is no state of an instance
      because row 2 contradicts the rows before it
      because sentry.option 1 is there twice
      try: give a global export, such as `relocate import` writes with --out
    ");
    let unheard = r#"[{"model": "sentry.unheard", "pk": 1, "fields": {}}]"#;
    insta::assert_snapshot!(state("unheard.json", unheard), @r"
    error: unheard.json is no state of an instance
      because row 1 is of `sentry.unheard`, which the catalogue does not know
      try: give a global export, such as `relocate import` writes with --out
    ");
}

#[test]
fn data_on_standard_output_stands_alone() {
    let folder = Folder::new();
    let run = folder.run("generate - --orgs 1 --users 1 --projects 1");
    assert_eq!(
        (run.code, run.err.as_str()),
        (0, "Wrote 1 organisation of 71 rows in all to standard output.\n")
    );
    assert_eq!(serde_json::from_str::<Vec<Value>>(&run.out).unwrap().len(), 71);
}

/// The names of the files in a folder of a folder, without those that are locked or written at the moment.
fn kept(folder: &Folder) -> Vec<String> {
    let Ok(files) = std::fs::read_dir(folder.path("checkpoints/relocate-kept")) else { return Vec::new() };
    let mut names: Vec<_> = files.map(|file| file.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

/// An export that was interrupted when everything but the file itself was done, and the folder it kept that in.
fn interrupted(folder: &Folder, request: &str) {
    let run =
        folder.run(&format!("export {request} --from state.json --out /dev/full --checkpoints checkpoints"));
    assert_eq!(run.code, 2);
    assert!(run.err.starts_with("error: /dev/full cannot be written"), "{}", run.err);
    assert!(kept(folder).contains(&"sentry.project.json".to_owned()), "{:?}", kept(folder));
}

#[test]
fn an_export_that_was_interrupted_resumes_from_its_checkpoints() {
    let folder = Folder::new();
    folder.run("generate in.json --orgs 2 --slugs one,two").done();
    folder.run("import organizations in.json --out state.json").done();
    let export = "export organizations --from state.json --filter-org-slugs one,two --out";
    folder.run(&format!("{export} expected.json")).done();
    interrupted(&folder, "organizations --filter-org-slugs one,two");

    // Some of it was not finished, and the instance has lost everything since: what is finished is not read again.
    let unfinished = ["sentry.snubaqueryeventtype.json", "sentry.email.json"];
    for name in unfinished {
        std::fs::remove_file(folder.path("checkpoints/relocate-kept").join(name)).unwrap();
    }
    folder.write("state.json", "[]");
    let line = "export organizations --from state.json --filter-org-slugs two,one --out";
    let said = folder.run(&format!("{line} resumed.json --checkpoints checkpoints")).done();
    assert!(said.starts_with("Wrote "), "{said}");
    let without = |rows: Value| -> Vec<Value> {
        let Value::Array(rows) = rows else { panic!("{rows}") };
        let unfinished = ["sentry.snubaqueryeventtype", "sentry.email"];
        rows.into_iter().filter(|row| !unfinished.contains(&row["model"].as_str().unwrap())).collect()
    };
    let resumed = folder.json("resumed.json");
    assert_eq!(resumed.as_array().unwrap(), &without(folder.json("expected.json")));
    assert!(kept(&folder).is_empty(), "{:?}", kept(&folder));

    folder.run(&format!("{line} empty.json --checkpoints checkpoints")).done();
    assert_eq!(folder.json("empty.json"), Value::Array(Vec::new()), "the next one begins anew");
}

#[test]
fn what_is_kept_is_what_is_exported_and_nobody_else_may_read_it() {
    use std::os::unix::fs::PermissionsExt as _;

    let folder = Folder::new().with_keys();
    folder.run("generate in.json --orgs 1").done();
    folder.run("import organizations in.json --out state.json").done();
    folder.run("export organizations --from state.json --out expected.json").done();
    interrupted(&folder, "organizations");
    for name in kept(&folder) {
        let path = folder.path("checkpoints/relocate-kept").join(&name);
        assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o600, "{name}");
    }
    let line = "export organizations --from state.json --out out.tar --public-key public.pem";
    folder.run(&format!("{line} --checkpoints checkpoints")).done();
    folder.run("decrypt out.tar out.json --private-key private.pem").done();
    assert_eq!(folder.read("out.json"), folder.read("expected.json"));
}

#[test]
fn checkpoints_of_another_export_are_refused() {
    let folder = Folder::new();
    folder.run("generate in.json --orgs 1 --slugs one").done();
    folder.run("import organizations in.json --out state.json").done();
    interrupted(&folder, "organizations");
    let before = kept(&folder);
    let export = |request: &str| {
        folder.run(&format!("export {request} --from state.json --out out.json --checkpoints checkpoints"))
    };
    for request in ["users", "organizations --filter-org-slugs one"] {
        let run = export(request);
        assert_eq!((run.code, run.out.as_str()), (2, ""));
        insta::allow_duplicates! {
            insta::assert_snapshot!(run.err, @r"
    error: checkpoints cannot be used as a checkpoint
      because the checkpoint is not of this export
      because it was made for another scope or another filter
      try: give another folder, or delete this one to begin the export again
    ");
        }
    }
    let lock = std::fs::File::open(folder.path("checkpoints/relocate.lock")).unwrap();
    lock.lock().unwrap();
    insta::assert_snapshot!(export("organizations").err, @r"
    error: checkpoints is used by another export
      try: wait until it is done, or give another folder
    ");
    drop(lock);
    assert_eq!(kept(&folder), before, "nothing was touched");
    folder.write("checkpoints/relocate-kept/sentry.user.json", "[");
    insta::assert_snapshot!(export("organizations").err, @r"
    error: checkpoints cannot be used as a checkpoint
      because what the checkpoint keeps of sentry.user cannot be read
      because the file is not a JSON array of rows: at byte 1, the file ends
      try: give another folder, or delete this one to begin the export again
    ");
    folder.write("checkpoints/relocate-kept/manifest.json", r#"{"format": 0}"#);
    insta::assert_snapshot!(export("organizations").err, @r"
    error: checkpoints cannot be used as a checkpoint
      because the checkpoint is not of this export
      because it has another format
      try: give another folder, or delete this one to begin the export again
    ");
}

#[test]
fn a_global_export_takes_no_filter() {
    let folder = Folder::new();
    folder.write("state.json", "[]");
    let run = folder.run("export global --from state.json --filter-org-slugs one --out out.json");
    assert_eq!(run.code, 2);
    insta::assert_snapshot!(run.err, @r"
    error: state.json cannot be exported from
      because an export in global scope takes everything: it can have no filter
    ");
}

/// A small instance, as it comes out of an import of everything.
fn whole_instance() -> Folder {
    let folder = Folder::new();
    folder.run("generate all.json --orgs 2 --users 2 --projects 2 --instance").done();
    folder.run("import global all.json --out copy.json").done();
    folder
}

#[test]
fn an_instance_is_copied_whole() {
    let folder = whole_instance();
    assert_eq!(folder.run("compare all.json copy.json").done(), "no findings\n");
    let projects = |name: &str| {
        let rows = folder.json(name);
        let rows = rows.as_array().unwrap().iter().filter(|row| row["model"] == "sentry.project");
        rows.map(|row| row["pk"].as_i64().unwrap()).collect::<Vec<_>>()
    };
    assert_eq!(projects("copy.json"), projects("all.json"));
    folder.run("import global copy.json --out again.json").done();
    assert_eq!(folder.run("compare copy.json again.json").done(), "no findings\n");
}

#[test]
fn a_copy_takes_the_place_of_what_is_there_only_when_asked() {
    let folder = whole_instance();
    folder.run("generate other.json --orgs 1 --users 1 --projects 1 --instance --seed 3").done();
    let run =
        folder.run("import global other.json --into copy.json --out after.json --findings-file found.json");
    assert_eq!((run.code, run.out.as_str()), (2, ""));
    insta::assert_snapshot!(run.err, @r"
    error: other.json cannot be imported
      because an import in global scope starts from empty tables, and sentry.controloption has rows
      try: leave --into away, or add --clear to import in place of what is there
    ");
    let [found] = folder.json("found.json").as_array().unwrap().clone().try_into().unwrap();
    assert_eq!(
        (&found["kind"], &found["on"]["model"]),
        (&json!("IntegrityError"), &json!("sentry.controloption"))
    );
    assert!(!folder.files().contains(&"after.json".to_owned()), "nothing was imported");

    folder.run("import global other.json --into copy.json --clear --out after.json").done();
    // Rows get new primary keys after those that went, and fields that are no keys say so (SPEC §9, remaining JSON).
    folder.run("compare other.json after.json --findings-file found.json");
    let found = folder.json("found.json");
    let found: Vec<Value> = found
        .as_array()
        .unwrap()
        .iter()
        .map(|finding| json!([finding["kind"], finding["on"]["model"]]))
        .collect();
    let told = ["sentry.monitor", "sentry.notificationaction"];
    assert_eq!(found, told.map(|model| json!(["UnequalJSON", model])));
}

#[test]
fn what_goes_with_other_imports_alone_is_wrong_use() {
    let folder = whole_instance();
    for (line, why) in [
        ("import users all.json --clear", "in global scope alone may it clear the instance"),
        (
            "import global all.json --filter-org-slugs one",
            "in global scope it takes everything: it can have no filter",
        ),
    ] {
        let run = folder.run(line);
        let said = format!("error: all.json cannot be imported\n  because the import cannot run: {why}\n");
        assert_eq!((run.code, run.out.as_str(), run.err), (2, "", said));
    }
}
