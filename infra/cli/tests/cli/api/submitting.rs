//! `submit`: what arrives, and what becomes of an upload that breaks off.

use std::process::{Output, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use rstest::rstest;
use seal::{Envelope, KeyUnwrapper, Layout, PrivateKey, Verified};
use serde_json::{Value, json};

use super::cell::{Cell, Shared, Trouble};
use super::server::Server;
use super::{UUID, problem};
use crate::support::{Folder, Run, json};

/// Something that passes for a sealed file, of four parts.
fn sealed() -> Vec<u8> {
    (0..3_500_u32).map(|byte| (byte % 251) as u8).collect()
}

const SUBMIT: &str = "submit export.tar --owner ada --orgs acme,globex";

fn calls(asked: &[String]) -> Vec<String> {
    asked.iter().map(|call| call.replace(&format!("/api/0/relocations/{UUID}"), "…")).collect()
}

#[test]
fn a_sealed_file_is_uploaded_as_it_is() {
    let (server, cell) = Cell::new(&[]).start();
    let folder = Folder::new();
    folder.write("export.tar", sealed());
    insta::assert_snapshot!(folder.call(&server, &format!("{SUBMIT} --promo-code spring")).done());
    let cell = cell.lock().unwrap();
    assert_eq!(cell.arrived(), sealed());
    assert!(cell.is_complete);
    assert_eq!(
        cell.created,
        json!({"owner": "ada", "orgs": "acme,globex", "promo_code": "spring", "fileName": "export.tar", "fileSize": 3_500})
    );
    assert_eq!(folder.files(), ["export.tar"], "nothing is left");
    let expected = [
        "POST /api/0/relocations/",
        "GET …/upload/",
        "PUT /store/1",
        "PUT /store/2",
        "PUT /store/3",
        "PUT /store/4",
        "POST …/upload/complete/",
    ];
    assert_eq!(calls(&server.asked()), expected);
}

#[rstest]
#[case::a_part_breaks_off(&[Trouble::Fine, Trouble::Cut, Trouble::Cut], "1 2 GET 2 GET 2 3 4")]
#[case::a_part_that_arrived_is_not_sent_again(&[Trouble::Fine, Trouble::Unanswered], "1 2 GET 3 4")]
#[case::a_url_expires(&[Trouble::Expired, Trouble::Fine, Trouble::Expired], "1 GET 1 2 GET 2 3 4")]
fn what_is_missing_is_sent_again(#[case] troubles: &[Trouble], #[case] expected: &str) {
    let (server, cell) = Cell::new(troubles).start();
    let folder = Folder::new();
    folder.write("export.tar", sealed());
    folder.call(&server, SUBMIT).done();
    assert_eq!(cell.lock().unwrap().arrived(), sealed());
    assert_eq!(sent(&server), expected);
}

/// The parts that were sent, and how often URLs were asked for in between.
fn sent(server: &Server) -> String {
    let asked = calls(&server.asked());
    let begin = asked.iter().position(|call| call.starts_with("GET …/upload/")).unwrap() + 1;
    let end = asked.len() - usize::from(asked.last().unwrap().starts_with("POST"));
    let short =
        |call: &String| call.trim_start_matches("PUT /store/").trim_end_matches(" …/upload/").to_owned();
    asked[begin..end].iter().map(short).collect::<Vec<_>>().join(" ")
}

#[test]
fn urls_that_have_expired_are_not_used() {
    let mut cell = Cell::new(&[]);
    // All have expired, if the client's clock is right; it may be wrong, and one is always tried.
    cell.expires_at = "2020-01-01T00:00:00Z";
    let (server, cell) = cell.start();
    let folder = Folder::new();
    folder.write("export.tar", sealed());
    folder.call(&server, SUBMIT).done();
    assert_eq!(cell.lock().unwrap().arrived(), sealed());
    assert_eq!(sent(&server), "1 GET 2 GET 3 GET 4");
}

#[test]
fn a_file_may_have_more_parts_than_an_answer_has_urls() {
    let mut cell = Cell::new(&[]);
    cell.urls = 3;
    let (server, cell) = cell.start();
    let folder = Folder::new();
    folder.write("export.tar", sealed());
    folder.call(&server, SUBMIT).done();
    assert_eq!(cell.lock().unwrap().arrived(), sealed());
    assert_eq!(sent(&server), "1 2 3 GET 4");
}

/// One part arrives, and then none for as long as somebody tries.
const HOPELESS: [Trouble; 9] = [
    Trouble::Fine,
    Trouble::Cut,
    Trouble::Cut,
    Trouble::Cut,
    Trouble::Cut,
    Trouble::Cut,
    Trouble::Cut,
    Trouble::Cut,
    Trouble::Expired,
];

#[test]
fn an_upload_is_continued_by_the_same_command() {
    let (server, cell) = Cell::new(&HOPELESS).start();
    let folder = Folder::new();
    folder.write("export.tar", sealed());
    let run = folder.call(&server, SUBMIT);
    assert_eq!((run.code, run.out.as_str()), (2, ""));
    insta::assert_snapshot!(run.err);
    assert_eq!(folder.files(), ["export.tar", "export.tar.upload"]);
    server.asked();

    // Another owner is another relocation.
    let other = folder.call(&server, "submit export.tar --owner eve --orgs acme,globex");
    assert_eq!((other.code, server.asked().len()), (2, 0));
    insta::assert_snapshot!(other.err);

    folder.call(&server, SUBMIT).done();
    assert_eq!(cell.lock().unwrap().arrived(), sealed());
    assert_eq!(sent(&server), "2 3 4", "and no second relocation was asked for");
    assert_eq!(folder.files(), ["export.tar"]);
}

#[test]
fn a_file_that_has_changed_does_not_go_on_where_another_was() {
    let (server, _) = Cell::new(&HOPELESS).start();
    let folder = Folder::new();
    folder.write("export.tar", sealed());
    folder.call(&server, SUBMIT);
    server.asked();
    folder.write("export.tar", vec![0; 3_500]);
    let run = folder.call(&server, SUBMIT);
    assert_eq!((run.code, server.asked().len()), (2, 0), "{}", run.err);
    assert!(run.err.contains("begun with another"), "{}", run.err);
    folder.write("export.tar", vec![0; 99]);
    let run = folder.call(&server, &format!("submit export.tar --resume {UUID}"));
    assert_eq!((run.code, server.asked().len()), (2, 1), "{}", run.err);
    insta::assert_snapshot!(run.err);
}

#[test]
fn a_sealed_file_goes_on_from_elsewhere() {
    let (server, cell) = Cell::new(&HOPELESS).start();
    let (here, elsewhere) = (Folder::new(), Folder::new());
    here.write("export.tar", sealed());
    elsewhere.write("export.tar", sealed());
    here.call(&server, SUBMIT);
    server.asked();
    elsewhere.call(&server, &format!("submit export.tar --resume {UUID}")).done();
    assert_eq!(cell.lock().unwrap().arrived(), sealed());
    assert_eq!(sent(&server), "2 3 4");
    assert_eq!(elsewhere.files(), ["export.tar"]);
    // What was uploaded from elsewhere has arrived, and there is nothing left to do here.
    here.call(&server, SUBMIT).done();
    assert_eq!(here.files(), ["export.tar"]);
}

#[test]
fn a_relocation_that_has_ended_waits_no_longer() {
    let (server, cell) = Cell::new(&HOPELESS).start();
    let folder = Folder::new();
    folder.write("export.tar", sealed());
    folder.call(&server, SUBMIT);
    cell.lock().unwrap().has_failed = true;
    let run = folder.call(&server, SUBMIT);
    assert_eq!(run.code, 2);
    insta::assert_snapshot!(run.err);
    assert_eq!(folder.files(), ["export.tar"], "the next run begins anew");
}

const EXPORT: &str = r#"[{"model": "sentry.option", "pk": 1, "fields": {"key": "a", "value": "ä"}}]"#;

/// What a sealed file holds.
fn opened(sealed: &[u8], private_key: &[u8]) -> String {
    let key = PrivateKey::from_pem(private_key).unwrap();
    let mut sealed = std::io::Cursor::new(sealed);
    let layout = Layout::read(&mut sealed, u64::MAX).unwrap();
    let wrapped = Envelope::read(&mut sealed, &layout).unwrap().wrapped_key;
    let key = key.unwrap_key(&wrapped).unwrap();
    let verified = Verified::check(&mut sealed, &layout, &key).unwrap();
    std::io::read_to_string(verified.open(sealed, &key, 0).unwrap()).unwrap()
}

/// A cell whose key is in the folder, and a plain export beside it.
fn with_plain_export(mut cell: Cell) -> (Server, Shared, Folder) {
    let folder = Folder::new().with_keys();
    folder.write("export.json", EXPORT);
    cell.public_key = String::from_utf8(folder.read("public.pem")).unwrap();
    let (server, cell) = cell.start();
    (server, cell, folder)
}

const SUBMIT_PLAIN: &str = "submit export.json --owner ada --orgs acme";

#[test]
fn a_plain_file_is_sealed_for_the_cell() {
    let (server, cell, folder) = with_plain_export(Cell::new(&[]));
    let said = folder.call(&server, &format!("{SUBMIT_PLAIN} --json")).done();
    assert_eq!(json(said.as_bytes())["uuid"], UUID);
    let cell = cell.lock().unwrap();
    assert_eq!(opened(&cell.arrived(), &folder.read("private.pem")), EXPORT);
    assert_eq!(cell.created["fileName"], "export.json");
    assert_eq!(folder.files(), ["export.json", "private.pem", "public.pem"]);
}

#[test]
fn a_plain_file_goes_on_as_it_was_sealed() {
    let (server, cell, folder) = with_plain_export(Cell::new(&HOPELESS));
    assert_eq!(folder.call(&server, SUBMIT_PLAIN).code, 2);
    // Of a run that was killed while it sealed.
    folder.write("export.json.upload/.relocate-abc", "half of it");
    assert_eq!(folder.call(&server, &format!("{SUBMIT_PLAIN} --watch")).code, 0);
    let cell = cell.lock().unwrap();
    assert_eq!(opened(&cell.arrived(), &folder.read("private.pem")), EXPORT);
    assert_eq!(folder.files(), ["export.json", "private.pem", "public.pem"]);
}

#[test]
fn a_sealed_copy_that_is_lost_cannot_go_on() {
    let (server, _, folder) = with_plain_export(Cell::new(&HOPELESS));
    folder.call(&server, &format!("{SUBMIT_PLAIN} --upload-folder kept"));
    assert_eq!(folder.files(), ["export.json", "kept", "private.pem", "public.pem"]);
    let run = folder.call(&server, &format!("submit export.json --resume {UUID}"));
    assert_eq!(run.code, 2);
    insta::assert_snapshot!(run.err);
    folder.call(&server, &format!("submit export.json --resume {UUID} --upload-folder kept")).done();
}

/// What is said when a relocation is asked for, and the files that are left.
fn refused(status: u16, code: &str, detail: &str) -> (String, Vec<String>) {
    let folder = Folder::new().with_keys();
    folder.write("export.json", EXPORT);
    let key = String::from_utf8(folder.read("public.pem")).unwrap();
    let problem = problem(status, code, detail);
    let server = Server::start(move |_, mut exchange| match exchange.method.as_str() {
        "GET" => exchange.answer(200, &json!({"public_key": key})),
        _ => {
            exchange.body();
            exchange.answer(status, &problem);
        }
    });
    let run = folder.call(&server, SUBMIT_PLAIN);
    assert_eq!(run.code, 2);
    (run.err, folder.files())
}

#[test]
fn a_refused_relocation_leaves_nothing() {
    let (said, files) = refused(400, "unknown-owner", "There is no user with the owner's name.");
    insta::assert_snapshot!(said);
    assert_eq!(files, ["export.json", "private.pem", "public.pem"]);
}

#[rstest]
#[case::an_answer_that_was_lost(503, "unavailable")]
#[case::a_relocation_that_was_stored_all_the_same(500, "internal")]
#[case::one_whose_answer_was_lost_before(409, "owner-busy")]
fn a_relocation_that_may_be_there_keeps_its_sealed_copy(#[case] status: u16, #[case] code: &str) {
    let (_, files) = refused(status, code, "It is not known.");
    assert_eq!(files, ["export.json", "export.json.upload", "private.pem", "public.pem"]);
}

/// How long a test waits for what never comes if something is broken.
const PATIENCE: Duration = Duration::from_secs(30);

/// Interrupts an upload at its second part.
fn interrupt(folder: &Folder, server: &Server, stalled: &Receiver<()>, line: &str) -> Output {
    let mut command = folder.calling(server, line);
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    stalled.recv_timeout(PATIENCE).unwrap();
    let pid = child.id().to_string();
    assert!(std::process::Command::new("kill").args(["-INT", &pid]).status().unwrap().success());
    child.wait_with_output().unwrap()
}

#[test]
fn whoever_interrupts_an_upload_is_told_how_it_goes_on() {
    let (stalled, is_stalled) = channel();
    let mut cell = Cell::new(&[Trouble::Fine, Trouble::Stalls, Trouble::Stalls]);
    cell.stalled = Some(stalled);
    let (server, cell) = cell.start();
    let folder = Folder::new();
    folder.write("export.tar", sealed());
    let run = Run::of(interrupt(&folder, &server, &is_stalled, SUBMIT));
    assert_eq!((run.code, run.out.as_str()), (2, ""));
    insta::assert_snapshot!(run.err);
    let run = Run::of(interrupt(&folder, &server, &is_stalled, &format!("{SUBMIT} --json")));
    assert_eq!(json(run.err.as_bytes())["error"]["code"], "interrupted");
    folder.call(&server, SUBMIT).done();
    assert_eq!(cell.lock().unwrap().arrived(), sealed());
}

#[test]
fn two_programs_do_not_upload_the_same_file() {
    let (stalled, is_stalled) = channel();
    let mut cell = Cell::new(&[Trouble::Stalls]);
    cell.stalled = Some(stalled);
    let (server, _) = cell.start();
    let folder = Folder::new();
    folder.write("export.tar", sealed());
    let mut first = folder.calling(&server, SUBMIT).stderr(Stdio::null()).spawn().unwrap();
    is_stalled.recv_timeout(PATIENCE).unwrap();
    let run = folder.call(&server, SUBMIT);
    assert_eq!(run.code, 2);
    insta::assert_snapshot!(run.err);
    first.kill().unwrap();
    first.wait().unwrap();
    folder.call(&server, SUBMIT).done();
}

#[test]
fn what_is_submitted_can_be_watched() {
    let (server, _) = Cell::new(&[]).start();
    let folder = Folder::new();
    folder.write("export.tar", sealed());
    let said = folder.call(&server, &format!("{SUBMIT} --watch --json")).done();
    let lines: Vec<Value> = said.lines().map(|line| json(line.as_bytes())).collect();
    assert_eq!(lines.len(), 1, "{said}");
    assert_eq!(lines[0]["status"], "SUCCESS");
}
