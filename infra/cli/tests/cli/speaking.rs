//! Help, errors and exit codes.

use rstest::rstest;

use crate::support::{Folder, json};

#[rstest]
fn help(
    #[values(
        "",
        "demo",
        "up",
        "down",
        "encrypt",
        "decrypt",
        "import",
        "export",
        "compare",
        "sanitize",
        "generate",
        "catalog",
        "catalog check",
        "token",
        "public-key",
        "submit",
        "abandon",
        "list",
        "show",
        "watch",
        "pause",
        "unpause",
        "cancel",
        "abort",
        "recover",
        "retry",
        "undo",
        "accept",
        "artifacts",
        "artifact",
        "audit",
        "option",
        "option get",
        "option set",
        "option list",
        "delete",
        "deletions",
        "cascade-status"
    )]
    command: &str,
) {
    let said = Folder::new().run(&format!("{command} --help")).done();
    let name = if command.is_empty() { "relocate" } else { command };
    insta::assert_snapshot!(format!("help_{}", name.replace(' ', "_")), said);
    assert!(said.lines().all(|line| line.chars().count() <= 100));
}

#[rstest]
#[case::no_command("")]
#[case::unknown_command("frobnicate")]
#[case::unknown_scope("import everything in.json")]
#[case::clearing_elsewhere("import users in.json --clear")]
#[case::filtering_everything("import global in.json --filter-usernames a")]
#[case::two_filters("import users in.json --filter-usernames a --filter-org-slugs b")]
#[case::no_organisations("generate out.json --orgs 0")]
#[case::bad_prefix("generate out.json --orgs 1 --prefix A")]
#[case::too_many_names("generate out.json --orgs 1 --slugs a,b")]
#[case::no_folder("generate missing/out.json --orgs 1")]
#[case::no_such_file("import users missing.json")]
#[case::nothing_to_sanitise("sanitize missing.json out.json")]
#[case::no_number_of_days("sanitize in.json out.json --days-offset soon")]
#[case::sealed_and_no_key("sanitize sealed.tar out.json")]
#[case::a_folder("import users .")]
#[case::no_public_key("encrypt in.json out.tar")]
#[case::no_private_key("decrypt sealed.tar")]
#[case::another_kind_of_key("decrypt sealed.tar --private-key public.pem")]
#[case::plain_json("decrypt in.json --private-key private.pem")]
#[case::no_such_catalogue("import users in.json --catalog missing.toml")]
#[case::no_catalogue("import users in.json --catalog in.json")]
#[case::a_catalogue_for_what_has_none("generate out.json --orgs 1 --catalog in.json")]
#[case::nothing_to_check("catalog check")]
#[case::sealed_already("encrypt sealed.tar out.tar --public-key public.pem")]
fn wrong_use_ends_with_2(#[case] line: &str) {
    let folder = Folder::new().with_keys();
    folder.write("in.json", "[]");
    folder.run("encrypt in.json sealed.tar --public-key public.pem").done();
    let before = folder.files();
    let run = folder.run(line);
    assert_eq!((run.code, run.out.as_str()), (2, ""));
    assert!(run.err.starts_with("error: ") || line.is_empty(), "{}", run.err);
    assert_eq!(folder.files(), before);
    let told = folder.run(&format!("--json {line}"));
    let error = &json(told.err.as_bytes())["error"];
    assert!(error["code"].is_string() && error["detail"].is_string(), "{error}");
}

#[test]
fn an_error_says_why_and_what_to_do() {
    let folder = Folder::new().with_keys();
    folder.write("in.json", "[]");
    folder.run("encrypt in.json sealed.tar --public-key public.pem").done();
    insta::assert_snapshot!(folder.run("decrypt sealed.tar").err, @r"
    error: sealed.tar is sealed, and there is no private key to open it with
      try: name the private key with --private-key PEM, or in the environment variable RELOCATE_PRIVATE_KEY
    ");
    insta::assert_snapshot!(folder.run("decrypt in.json --private-key private.pem").err, @r"
    error: in.json cannot be opened as a sealed export
      because the file is not a tarball
      try: give a tarball as `relocate encrypt` writes it; plain JSON needs no opening
    ");
}
