//! The borders that the folder tree promises, read from `cargo metadata`.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test stops at the first surprise")]

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

/// The workspace's packages by name: their folder's parent, and the packages they depend on directly; and the files that
/// only programs are made of.
struct Workspace {
    folders: BTreeMap<String, String>,
    dependencies: BTreeMap<String, BTreeSet<String>>,
    programs: Vec<PathBuf>,
}

impl Workspace {
    fn read() -> Self {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
        let output = Command::new(env!("CARGO"))
            .args(["metadata", "--format-version", "1", "--no-deps", "--offline"])
            .current_dir(root)
            .output()
            .unwrap();
        let metadata: Value = serde_json::from_slice(&output.stdout).unwrap();
        let mut workspace =
            Self { folders: BTreeMap::new(), dependencies: BTreeMap::new(), programs: Vec::new() };
        for package in metadata["packages"].as_array().unwrap() {
            let name = package["name"].as_str().unwrap().to_owned();
            let folder = Path::new(package["manifest_path"].as_str().unwrap()).parent().unwrap();
            let parent = folder.parent().unwrap().strip_prefix(root).unwrap_or(Path::new(""));
            let needed = package["dependencies"].as_array().unwrap().iter();
            let needed = needed.filter(|dependency| dependency["kind"].is_null());
            let needed = needed.map(|dependency| dependency["name"].as_str().unwrap().to_owned()).collect();
            workspace.programs.extend(of_programs(package));
            workspace.folders.insert(name.clone(), parent.display().to_string());
            workspace.dependencies.insert(name, needed);
        }
        workspace
    }

    fn in_folder<'a>(&'a self, folder: &'a str) -> impl Iterator<Item = &'a str> {
        self.folders.iter().filter(move |(_, parent)| *parent == folder).map(|(name, _)| name.as_str())
    }

    /// Everything of the workspace that a package depends on, itself included.
    fn closure(&self, package: &str) -> BTreeSet<String> {
        let mut found = BTreeSet::new();
        let mut pending = vec![package.to_owned()];
        while let Some(name) = pending.pop() {
            if let Some(needed) = self.dependencies.get(&name)
                && found.insert(name)
            {
                pending.extend(needed.iter().cloned());
            }
        }
        found
    }

    fn uses_sdk(&self, package: &str) -> bool {
        self.dependencies[package].iter().any(|name| name.starts_with("aws-sdk-") || name == "aws-config")
    }
}

/// The files of a package that only its programs are made of: `main.rs`, and all there is where there is no library.
fn of_programs(package: &Value) -> Vec<PathBuf> {
    let targets = package["targets"].as_array().unwrap();
    let is = |target: &Value, kind: &str| target["kind"][0] == kind;
    let mains = targets.iter().filter(|target| is(target, "bin"));
    let mains = mains.map(|target| PathBuf::from(target["src_path"].as_str().unwrap()));
    if targets.iter().any(|target| is(target, "lib")) {
        return mains.collect();
    }
    let folders = mains.map(|main| main.parent().unwrap().to_owned());
    folders.flat_map(|folder| std::fs::read_dir(folder).unwrap()).map(|entry| entry.unwrap().path()).collect()
}

#[test]
fn platform_alone_knows_the_sdk() {
    let workspace = Workspace::read();
    let users: Vec<&str> =
        workspace.folders.keys().map(String::as_str).filter(|name| workspace.uses_sdk(name)).collect();
    assert_eq!(users, ["platform"]);
}

#[test]
fn the_command_line_and_the_pure_crates_do_not_link_it() {
    let workspace = Workspace::read();
    for package in [
        "relocate",
        "catalog",
        "silo",
        "seal",
        "deletion",
        "transfer",
        "report",
        "pipeline",
        "runtime",
        "mail",
        "artifacts",
    ] {
        assert!(!workspace.closure(package).contains("platform"), "{package} links the AWS SDK");
    }
}

#[test]
fn a_function_depends_on_shared_alone() {
    let workspace = Workspace::read();
    let functions: BTreeSet<&str> = workspace.in_folder("functions").collect();
    assert!(functions.len() > 20, "{functions:?}");
    for function in &functions {
        let others =
            workspace.dependencies[*function].iter().filter(|name| functions.contains(name.as_str()));
        assert_eq!(others.count(), 0, "{function} depends on another function");
    }
}

#[test]
fn a_main_is_short_and_every_function_is_in_the_template() {
    let workspace = Workspace::read();
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let template = std::fs::read_to_string(root.join("infra/template.yaml")).unwrap();
    for function in workspace.in_folder("functions") {
        let main =
            std::fs::read_to_string(root.join("functions").join(function).join("src/main.rs")).unwrap();
        let lines =
            main.lines().filter(|line| !line.trim().is_empty() && !line.trim_start().starts_with("//"));
        assert!(lines.count() <= 25, "{function}: main.rs has logic");
        let code = format!("CodeUri: ../target/lambda/{function}/\n");
        assert!(template.contains(&code), "{function} is not in the template");
    }
}

#[test]
fn programs_have_no_tests_of_their_own() {
    let programs = Workspace::read().programs;
    assert!(programs.len() > 20, "{programs:?}");
    for file in programs {
        let code = std::fs::read_to_string(&file).unwrap();
        // `#[test]`, `#[tokio::test]`, `#[rstest]`, `#[cfg(test)]`.
        let has_tests = ["test]", "(test)"].iter().any(|mark| code.contains(mark));
        assert!(!has_tests, "{}: `tests/run` builds no tests of it", file.display());
    }
}

/// Tests ask more of some crates than programs do; what they ask is among the dependencies of `tests/Cargo.toml`, so that
/// building the programs and building the tests share every crate.
#[test]
fn nothing_is_compiled_twice_because_tests_want_other_features() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let features = |edges| -> BTreeSet<String> {
        let output = Command::new(env!("CARGO"))
            .args("tree --workspace --locked --offline --prefix none".split(' '))
            .args(["--format", "{p} [{f}]", "--edges", edges])
            .current_dir(root)
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let lines = String::from_utf8(output.stdout).unwrap();
        lines.lines().map(|line| line.trim_end_matches(" (*)").to_owned()).collect()
    };
    let (programs, tests) = (features("normal,build"), features("normal,build,dev"));
    assert!(programs.len() > 100, "{programs:?}");
    assert_eq!(programs.difference(&tests).collect::<Vec<_>>(), Vec::<&String>::new());
}
