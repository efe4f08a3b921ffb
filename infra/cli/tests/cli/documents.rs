//! What the project's documents tell people to type is there to be typed.

use std::fs;
use std::path::{Path, PathBuf};

use crate::support::Folder;

const UUID: &str = "5d3c8e4a-4b0f-4d7e-9a57-0f6f3c2b1a90";

/// The pages that operators read, and those that the folders begin with.
fn pages() -> Vec<PathBuf> {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..");
    let runbooks = fs::read_dir(root.join("infra/runbooks")).unwrap().map(|page| page.unwrap().path());
    let readmes = ["README.md", "infra/README.md", "infra/cli/README.md"].map(|page| root.join(page));
    runbooks
        .filter(|page| page.extension().is_some_and(|extension| extension == "md"))
        .chain(readmes)
        .collect()
}

/// The calls of `relocate` that a page quotes within its text, each on one line, with real words for the placeholders.
fn quoted(page: &Path) -> Vec<String> {
    let text = fs::read_to_string(page).unwrap();
    let prose = text.split("```").step_by(2).collect::<String>();
    let spans =
        prose.split('`').skip(1).step_by(2).map(|span| span.split_whitespace().collect::<Vec<_>>().join(" "));
    let calls = spans.filter(|span| {
        span.starts_with("relocate ") && !span.contains(['|', '…']) && span != "relocate help"
    });
    let real = |call: String| {
        call.replace("UUID", UUID).replace("STEP", "importing").replace("MODEL ID", "sentry.organization 5")
    };
    calls.map(real).collect()
}

#[test]
fn commands_in_documents_exist_with_the_options_that_they_are_given() {
    let folder = Folder::new();
    let mut calls = 0;
    for page in pages() {
        for call in quoted(&page) {
            let line = format!("{} --help", call.trim_start_matches("relocate "));
            let run = folder.run(&line);
            assert_eq!(run.code, 0, "{}: `{call}`\n{}", page.display(), run.err);
            calls += 1;
        }
    }
    assert!(calls > 40, "{calls} calls were found");
}
