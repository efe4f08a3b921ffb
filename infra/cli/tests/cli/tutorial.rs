//! The tutorial of `shared/catalog/example`: its commands are run as they are printed there, and say what is printed
//! below them.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use crate::support::Folder;

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn example() -> PathBuf {
    root().join("shared/catalog/example")
}

/// A fenced block of a page: what stands behind the fence, and its lines.
#[derive(Debug, Clone, PartialEq)]
struct Block {
    kind: String,
    content: String,
}

/// A page as prose and blocks by turns, beginning with prose.
fn split(page: &str) -> Vec<Result<Block, String>> {
    let mut parts = vec![Err(String::new())];
    for line in page.split_inclusive('\n') {
        match (line.strip_prefix("```"), parts.last_mut().unwrap()) {
            (Some(_), Ok(_)) => parts.push(Err(String::new())),
            (Some(kind), Err(_)) => {
                parts.push(Ok(Block { kind: kind.trim().to_owned(), content: String::new() }));
            }
            (None, Ok(Block { content, .. }) | Err(content)) => content.push_str(line),
        }
    }
    parts
}

fn blocks(page: &str, kind: &str) -> Vec<String> {
    let blocks = split(page).into_iter().filter_map(Result::ok);
    blocks.filter(|block| block.kind == kind).map(|block| block.content).collect()
}

/// What the commands of each block said, in one session in a copy of the example's folder.
fn session(commands: &[String]) -> Vec<String> {
    const MARK: &str = "--- the next block ---\n";
    let folder = Folder::new();
    for file in ["bookshop.toml", "export.json", "live.json"] {
        folder.write(file, fs::read(example().join(file)).unwrap());
    }
    let script = commands.join(&format!("printf '%s' '{MARK}'\n"));
    let program = PathBuf::from(env!("CARGO_BIN_EXE_relocate"));
    let mut path = program.parent().unwrap().as_os_str().to_owned();
    path.push(":");
    path.push(std::env::var_os("PATH").unwrap());
    let output = Command::new("sh")
        .args(["-euc", &format!("exec 2>&1\n{script}")])
        .current_dir(folder.path(""))
        .env_clear()
        .env("PATH", path)
        .output()
        .unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{said}");
    said.split(MARK).map(str::to_owned).collect()
}

/// The page with what the commands say now below them. A block of commands without a block of text below it says nothing.
fn as_it_runs(page: &str) -> String {
    let mut said = session(&blocks(page, "sh")).into_iter();
    let (mut written, mut answer) = (String::new(), None);
    for part in split(page) {
        let block = match part {
            Err(prose) => {
                written.push_str(&prose);
                continue;
            }
            Ok(block) => block,
        };
        let content = if block.kind == "text" {
            answer.take().expect("a block of text stands below commands")
        } else {
            assert_eq!(answer, None, "what commands said is not on the page");
            block.content
        };
        if block.kind == "sh" {
            answer = said.next().filter(|said| !said.is_empty());
        }
        written.push_str(&format!("```{}\n{content}```\n", block.kind));
    }
    assert_eq!((answer, said.next()), (None, None), "what commands said is not on the page");
    written
}

/// With `INSTA_UPDATE=always` the page is written anew, like any other snapshot.
#[test]
fn every_command_of_the_tutorial_does_what_it_says() {
    let path = example().join("README.md");
    let page = fs::read_to_string(&path).unwrap();
    let runs = as_it_runs(&page);
    if std::env::var("INSTA_UPDATE").is_ok_and(|update| update == "always") {
        fs::write(&path, &runs).unwrap();
        return;
    }
    for (printed, runs) in page.lines().zip(runs.lines()) {
        assert_eq!(printed, runs);
    }
    assert_eq!(page.len(), runs.len());
}

#[test]
fn what_the_tutorial_shows_of_the_catalogue_is_there() {
    let page = fs::read_to_string(example().join("README.md")).unwrap();
    let catalogue = fs::read_to_string(example().join("bookshop.toml")).unwrap();
    let shown = blocks(&page, "toml");
    assert!(shown.len() >= 4);
    for block in shown {
        assert!(catalogue.contains(&block), "{block}");
    }
}

/// What only AWS can run has at least parameters and outputs that the template knows.
#[test]
fn the_tutorial_deploys_with_what_the_template_has() {
    let page = fs::read_to_string(example().join("README.md")).unwrap();
    let template = fs::read_to_string(root().join("infra/template.yaml")).unwrap();
    let [commands] = blocks(&page, "sh for-aws").try_into().unwrap();
    let (parameters, outputs) = template.split_once("\nOutputs:\n").unwrap();
    let given: Vec<&str> = commands
        .lines()
        .flat_map(str::split_whitespace)
        .filter_map(|word| word.split_once('='))
        .map(|(name, _)| name)
        .filter(|name| name.starts_with(char::is_uppercase))
        .collect();
    assert!(given.contains(&"Catalog"), "{given:?}");
    for name in given {
        assert!(parameters.contains(&format!("\n  {name}:\n    Type: ")), "{name} is no parameter");
    }
    let (_, output) = commands.split_once("OutputKey=='").unwrap();
    let (output, _) = output.split_once('\'').unwrap();
    assert!(outputs.contains(&format!("  {output}:\n")), "{output} is no output");
}
