//! Whatever a file says, it is a catalogue that holds together or an error that says where it does not.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test stops at the first surprise")]

use catalog::{Catalog, CatalogError};
use proptest::prelude::*;
use proptest::sample::Index;

const SHIPPED: &str = include_str!("../sentry.toml");

/// Words and values of the language, and some that are none.
const WORDS: &[&str] = &[
    "",
    "\"",
    "'",
    "]",
    "[[model]]",
    "[model.fields]",
    "[tenancy]",
    "null",
    "true",
    "-1",
    "99999999999999999999",
    "1e999",
    "now",
    "pk",
    "hex(0)",
    "alnum(99999999999999999999)",
    "alnum(4294967296)",
    "text(0)",
    "text(-1)",
    "text(",
    "text)",
    "key()",
    "key(sentry.user)",
    "key(sentry.project) cascade",
    "cross-silo-key(sentry.team)? set-null",
    "reference(a)",
    "set-null",
    "protect",
    "?",
    "??",
    "=",
    "= [",
    "= {}",
    "is null",
    "is",
    "json",
    "any?",
    "date = now",
    "uuid",
    "ip = 7",
    "sentry.user",
    "sentry.user.email",
    "sentry",
    ".",
    "a.b.c.d",
    "cell",
    "control",
    "excluded",
    "global",
    "slug(slug)",
    "set(a, {)",
    "soft-key(a, b, c is 1)",
    "exactly-one-of(a)",
    "suffix-if-taken(slug)",
    "drop-if-taken()",
    "((((",
    "auto-suffix",
    "hash secret-hex",
    "é",
    "\u{0}",
    "\u{feff}",
];

/// What happens to the text of a catalogue.
#[derive(Debug, Clone)]
enum Mutation {
    RemoveLine(Index),
    RepeatLine(Index),
    MoveLine(Index, Index),
    /// Puts a word in place of one.
    Word(Index, Index, Index),
    /// Takes a word from another place.
    CopyWord(Index, Index),
    Byte(Index, u8),
    Cut(Index),
}

fn mutations() -> impl Strategy<Value = Mutation> {
    let index = any::<Index>;
    prop_oneof![
        2 => index().prop_map(Mutation::RemoveLine),
        2 => index().prop_map(Mutation::RepeatLine),
        2 => (index(), index()).prop_map(|(from, to)| Mutation::MoveLine(from, to)),
        6 => (index(), index(), index()).prop_map(|(line, word, with)| Mutation::Word(line, word, with)),
        6 => (index(), index()).prop_map(|(from, to)| Mutation::CopyWord(from, to)),
        2 => (index(), any::<u8>()).prop_map(|(at, byte)| Mutation::Byte(at, byte)),
        1 => index().prop_map(Mutation::Cut),
    ]
}

fn is_part_of_a_word(letter: char) -> bool {
    letter.is_alphanumeric() || "-_.()?".contains(letter)
}

/// Where the words of a text are.
fn words(text: &str) -> Vec<(usize, &str)> {
    let words = text.split(|letter| !is_part_of_a_word(letter)).filter(|word| !word.is_empty());
    words.map(|word| (word.as_ptr() as usize - text.as_ptr() as usize, word)).collect()
}

fn mutate(text: &str, mutation: &Mutation) -> String {
    let mut lines: Vec<&str> = text.lines().collect();
    let count = lines.len();
    if count == 0 {
        return text.to_owned();
    }
    match mutation {
        Mutation::RemoveLine(at) => drop(lines.remove(at.index(count))),
        Mutation::RepeatLine(at) => lines.insert(at.index(count), lines[at.index(count)]),
        Mutation::MoveLine(from, to) => {
            let line = lines.remove(from.index(count));
            lines.insert(to.index(count), line);
        }
        Mutation::Word(line, word, with) => {
            let changed = lines[line.index(count)];
            let places = words(changed);
            if places.is_empty() {
                return text.to_owned();
            }
            let (at, word) = places[word.index(places.len())];
            let changed =
                [&changed[..at], WORDS[with.index(WORDS.len())], &changed[at + word.len()..]].concat();
            lines[line.index(count)] = &changed;
            return lines.join("\n");
        }
        Mutation::CopyWord(from, to) => {
            let places = words(text);
            let (_, word) = places[from.index(places.len())];
            let (at, old) = places[to.index(places.len())];
            return [&text[..at], word, &text[at + old.len()..]].concat();
        }
        Mutation::Byte(at, byte) => {
            let mut bytes = text.as_bytes().to_vec();
            let at = at.index(bytes.len());
            bytes[at] = *byte;
            return String::from_utf8_lossy(&bytes).into_owned();
        }
        Mutation::Cut(at) => {
            let mut at = at.index(text.len());
            while !text.is_char_boundary(at) {
                at -= 1;
            }
            return text[..at].to_owned();
        }
    }
    lines.join("\n")
}

/// What the engine relies on without asking.
fn assert_holds_together(catalog: &Catalog) {
    for (position, model) in catalog.models().iter().enumerate() {
        assert_eq!(model.id.index(), position);
        assert!(std::ptr::eq(catalog.find(&model.name).unwrap(), model));
        assert!(model.keys.len() <= 6);
        for key in &model.keys {
            let leads_back = key.target.is_none_or(|target| target <= model.id);
            assert!(leads_back && model.field(&key.field).is_some(), "{}.{}", model.name, key.field);
            assert!(
                !model.relocates() || key.target != Some(model.id),
                "no cycles: {}.{}",
                model.name,
                key.field
            );
        }
        for set in &model.uniques {
            assert!(!set.fields.is_empty() && set.fields.iter().all(|field| model.field(field).is_some()));
        }
        assert!(model.ordinal.iter().flatten().all(|field| model.field(field).is_some()));
        for made in model.automatic.iter().chain(&model.registered) {
            let known = catalog.model(made.model);
            assert!(made.fields.iter().all(|(field, _)| known.field(field).is_some()));
        }
    }
}

/// What all tests of this process may take together.
const LIMIT_KIB: u64 = 192 << 10;

fn check(text: &str) {
    let peak = outside::peak_kib();
    assert!(peak.is_none_or(|peak| peak < LIMIT_KIB), "{peak:?} KiB");
    match Catalog::parse(text) {
        Ok(catalog) => assert_holds_together(&catalog),
        Err(CatalogError::Toml(_)) => {}
        Err(
            CatalogError::Declaration { at, problem, .. } | CatalogError::Inconsistent { at, problem, .. },
        ) => {
            assert!(!at.is_empty() || text.contains("\"\""), "{problem}");
            assert!(!problem.is_empty());
        }
    }
}

proptest! {
    #[test]
    fn a_mutated_catalogue_holds_together_or_says_where_it_does_not(
        start in any::<Index>(),
        mutations in prop::collection::vec(mutations(), 1..5),
    ) {
        // A piece of some models, so that mutations meet: what came before it is gone, which is a mutation too, unless
        // it begins at the beginning.
        let whole = start.index(4) == 0;
        let entries: Vec<&str> = SHIPPED.split_inclusive("\n\n").collect();
        let first = if whole { 0 } else { start.index(entries.len()) };
        let count = if whole { entries.len() } else { 6 };
        let mut text: String = entries.iter().skip(first).take(count).copied().collect();
        for mutation in &mutations {
            text = mutate(&text, mutation);
        }
        check(&text);
    }

    #[test]
    fn any_declaration_of_a_field_is_understood_or_refused(
        pieces in prop::collection::vec(prop::sample::select(WORDS.to_vec()), 0..5),
        place in 0..4_usize,
    ) {
        let piece = pieces.join(" ");
        let quoted = toml::Value::from(piece).to_string();
        let mut parts = ["\"text\"".to_owned(), "[]".to_owned(), "{}".to_owned(), "[]".to_owned()];
        parts[place] = match place {
            0 => quoted,
            1 => format!("[{quoted}]"),
            2 => format!("{{ a = {quoted} }}"),
            _ => format!("[{{ fields = [\"a\"], when = [{quoted}] }}]"),
        };
        let [field, rules, compare, unique] = parts;
        check(&format!(
            "[[model]]\nname = \"app.a\"\nsilo = \"cell\"\nscope = \"user\"\nrules = {rules}\ncompare = {compare}\nunique = {unique}\n[model.fields]\na = {field}"
        ));
    }

    #[test]
    fn any_text_is_refused_or_understood(text in "\\PC{0,300}") {
        check(&text);
    }
}

#[test]
fn nesting_does_not_cost_the_stack() {
    for (open, close) in [("[", "]"), ("{a=", "}")] {
        let deep = 100_000;
        let value = [open.repeat(deep), "1".to_owned(), close.repeat(deep)].concat();
        for text in [format!("a = {value}"), format!("a = {}", open.repeat(deep))] {
            assert!(matches!(Catalog::parse(&text), Err(CatalogError::Toml(_))));
        }
    }
    let rule = format!(
        "[[model]]\nname = \"a.a\"\nsilo = \"cell\"\nscope = \"user\"\nrules = [\"set(a, {})\"]\n[model.fields]\na = \"text\"",
        "[".repeat(100_000)
    );
    assert!(Catalog::parse(&rule).is_err());
}

#[test]
fn a_chain_of_many_models_and_fields_loads() {
    let mut text =
        String::from("[[model]]\nname = \"app.m0\"\nsilo = \"cell\"\nscope = \"user\"\n[model.fields]\n");
    (0..2_000).for_each(|field| text.push_str(&format!("f{field} = \"text?\"\n")));
    for model in 1..2_000 {
        let before = model - 1;
        text.push_str(&format!(
            "[[model]]\nname = \"app.m{model}\"\nsilo = \"cell\"\nscope = \"user\"\n[model.fields]\nup = \"key(app.m{before}) cascade\"\n"
        ));
    }
    assert_eq!(Catalog::parse(&text).unwrap().models().len(), 2_000);
}
