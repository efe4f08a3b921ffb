//! What people read, as snapshots; and what must never be in it.

#![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]

use mail::{
    ClaimAccount, Failed, Moved, Plain, Rendered, Started, Succeeded, UndoFailed, Undone, claim_link,
};
use rstest::rstest;

const RELOCATION: &str = "5d3c8e4a-4b0f-4d7e-9a57-0f6f3c2b1a90";
const HOSTILE: &str = "<script>alert('x')</script>\"&\r\nBcc: everybody@example.com\u{202e}";

fn plain(texts: &[&str]) -> Vec<Plain> {
    texts.iter().map(|text| Plain::new(text)).collect()
}

fn started(organizations: &[&str], users: usize) -> Rendered {
    let organizations = plain(organizations);
    Started { relocation: RELOCATION.to_owned(), organizations, users }.render().unwrap()
}

fn failed(organizations: &[&str], detail: &str) -> Rendered {
    let failed = Failed {
        relocation: RELOCATION.to_owned(),
        organizations: plain(organizations),
        code: "no-users".to_owned(),
        detail: Plain::new(detail),
    };
    failed.render().unwrap()
}

fn succeeded(organizations: &[(&str, &str)]) -> Rendered {
    let moved = |(from, to): &(&str, &str)| Moved { from: Plain::new(from), to: Plain::new(to) };
    let organizations = organizations.iter().map(moved).collect();
    let owner = Plain::new("ada");
    Succeeded { relocation: RELOCATION.to_owned(), owner, organizations }.render().unwrap()
}

fn undone(organizations: &[&str], cascade: bool) -> Rendered {
    let organizations = plain(organizations);
    Undone { relocation: RELOCATION.to_owned(), organizations, cascade }.render().unwrap()
}

fn undo_failed(organizations: &[&str], detail: &str) -> Rendered {
    let failed = UndoFailed {
        relocation: RELOCATION.to_owned(),
        organizations: plain(organizations),
        code: "undo-obstructed".to_owned(),
        detail: Plain::new(detail),
    };
    failed.render().unwrap()
}

fn claim(username: &str, organizations: &[&str]) -> Rendered {
    let claim = ClaimAccount {
        username: Plain::new(username),
        organizations: plain(organizations),
        link: claim_link("https://example.com/account/claim/", 42, "f3a1c09d5e7b42688a90d1c2b3e4f506"),
    };
    claim.render().unwrap()
}

fn shown(mail: &Rendered) -> String {
    format!("Subject: {}\n\n{}\n\n{}", mail.subject, mail.text, mail.html)
}

#[test]
fn what_people_read() {
    insta::assert_snapshot!("started", shown(&started(&["acme", "beta-labs"], 17)));
    insta::assert_snapshot!("failed", shown(&failed(&["acme"], "The export holds no users. Export again.")));
    insta::assert_snapshot!("undone", shown(&undone(&["acme", "beta-labs"], true)));
    insta::assert_snapshot!("undo-failed", shown(&undo_failed(&["acme"], "Others have built on it.")));
    let organizations = [("acme", "acme"), ("beta", "beta-x7")];
    insta::assert_snapshot!("succeeded", shown(&succeeded(&organizations)));
    insta::assert_snapshot!("claim-account", shown(&claim("ada@example.com", &["acme"])));
}

#[rstest]
#[case(&["a"], "a")]
#[case(&["a", "b"], "a and b")]
#[case(&["a", "b", "c"], "a, b and c")]
#[case(&["a", "b", "c", "d"], "a, b and 2 more")]
#[case(&[], "your data")]
fn the_subject_names_a_few(#[case] organizations: &[&str], #[case] names: &str) {
    let subject = started(organizations, 1).subject;
    assert_eq!(subject, format!("Your relocation of {names} has started"));
}

#[test]
fn one_is_not_many() {
    assert!(started(&["a"], 1).text.contains("One user comes along"));
    assert!(started(&["a"], 2).text.contains("2 users come along"));
    assert!(claim("ada", &["a", "b"]).text.contains("Organizations that you belong to have"));
}

#[rstest]
#[case::started(started(&[HOSTILE], 1))]
#[case::failed(failed(&[HOSTILE], HOSTILE))]
#[case::succeeded(succeeded(&[(HOSTILE, "other"), ("other", HOSTILE)]))]
#[case::claim(claim(HOSTILE, &[HOSTILE]))]
fn names_from_outside_stay_text(#[case] mail: Rendered) {
    assert!(!mail.subject.contains(['\r', '\n', '\u{202e}']), "{}", mail.subject);
    assert!(!mail.html.contains("<script>"), "{}", mail.html);
    assert!(mail.html.contains("&#60;script&#62;"), "{}", mail.html);
    assert!(!mail.text.contains("\nBcc:"), "{}", mail.text);
}

#[rstest]
#[case("  one \t two\u{0}three ", "one two three")]
#[case("", "")]
#[case("Zoë 東京", "Zoë 東京")]
fn plain_is_one_line(#[case] text: &str, #[case] expected: &str) {
    assert_eq!(Plain::new(text).to_string(), expected);
}

#[test]
fn plain_is_of_limited_length() {
    let long = Plain::new(&"é".repeat(5_000)).to_string();
    assert_eq!(long.chars().count(), 1_001);
}

#[rstest]
#[case("https://example.com/claim")]
#[case("https://example.com/claim/")]
fn the_link_names_user_and_hash(#[case] base: &str) {
    assert_eq!(claim_link(base, 42, "f3a1"), "https://example.com/claim/42/f3a1/");
}
