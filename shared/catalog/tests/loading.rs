//! A catalogue loads whole, or says what is wrong with it and where.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test stops at the first surprise")]

use catalog::{
    AutomaticValue, Catalog, CatalogError, FieldKind, ImportScope, KeyKind, OnDelete, Sanitize, Scope, Shown,
    SiloKind,
};
use serde_json::json;

/// A catalogue that loads; each test breaks one thing of it.
const GOOD: &str = r#"
outside = ["app.elsewhere"]
removed = ["app.ghost", "app.note.mood"]
reserved_slugs = ["admin"]

[known_options]
theme = ["light", "dark"]

[tenancy]
user = "app.user.name"
user_address = "app.user.email"
organization = "app.organization.slug"
member_user = "app.member.user"
member_organization = "app.member.organization"

[handover]
unclaimed = "is_claimed is false"
shown = "is_shown is true"
owner = 'role is "boss"'
member = { address = "field(email)", since = "now" }
claim = { model = "app.claim", user = "owner", hash = "secret", made = "made" }

[[model]]
name = "app.user"
silo = "control"
scope = "user"
identifier = "name"
unique = [{ fields = ["name"], ignore_case = true }]
privileged = ["is_staff"]
rules = ["merge-if-taken(name)", "suffix-if-taken(name)"]
automatic = [{ model = "app.address", unless_taken = true, fields = { email = "field(email)", code = "alnum(8)" } }]
compare = { name = "auto-suffix", email = "email" }
sanitize = { name = "name" }
[model.fields]
name     = "text(20)"
email    = 'text = ""'
is_staff = "bool = false"
is_claimed = "bool = true"

[[model]]
name = "app.claim"
silo = "control"
scope = "excluded"
unique = [{ fields = ["owner"] }]
[model.fields]
owner  = "key(app.user) cascade"
secret = "text(40)"
made   = "date"

[[model]]
name = "app.address"
silo = "control"
scope = "user"
dangling = true
used_by = ["app.user.email"]
unique = [{ fields = ["email"] }]
[model.fields]
email = "text"
code  = "text(8)"

[[model]]
name = "app.organization"
silo = "cell"
scope = "organization"
identifier = "slug"
unique = [{ fields = ["slug"] }]
rules = ["slug(slug)", "suffix-if-taken(slug)", "set-when-hidden(is_shown, false)"]
registered = [{ model = "app.reservation", fields = { organization = "pk", slug = "field(slug)" } }]
[model.fields]
slug = "text(50)"
is_shown = "bool = true"

[[model]]
name = "app.reservation"
silo = "control"
scope = "excluded"
unique = [{ fields = ["slug"] }]
[model.fields]
organization = "cross-silo-key(app.organization) cascade"
slug         = "text(50)"
made         = "date = now"

[[model]]
name = "app.member"
silo = "cell"
scope = "organization"
unique = [{ fields = ["organization", "user"] }]
ordinal = ["user", "organization"]
global_when = ["integration"]
rules = ["null-if-missing(inviter)"]
[model.fields]
user         = "cross-silo-key(app.user) cascade"
organization = "key(app.organization) cascade"
inviter      = "cross-silo-key(app.user)? set-null"
integration  = "reference(app.elsewhere)?"
role         = 'text(10) = "helper"'
address      = "text(20)?"
since        = "date"

[[model]]
name = "app.note"
table = "notes"
silo = "cell"
scope = "organization"
unique = [{ fields = ["title"], when = ["is_pinned is true"] }]
stays_outside_global = { field = "title", values = ["secret"] }
deletion = { field = "state", active = 0, pending = 1, in_progress = 2 }
sanitize = { title = "text", body = "mentions" }
[model.fields]
title     = "text"
is_pinned = "bool?"
score     = "float = 0.5"
state     = "int = 0"
body      = "json"
"#;

#[test]
fn a_good_catalogue_says_what_was_declared() {
    let catalog = Catalog::parse(GOOD).unwrap();
    let user = catalog.find("app.user").unwrap();
    assert_eq!((user.silo, user.scope, user.table.as_str()), (SiloKind::Control, Scope::User, "app_user"));
    assert!(user.uniques[0].ignore_case);
    assert_eq!(user.automatic[0].fields[1], ("code".to_owned(), AutomaticValue::Alnum(8)));
    assert_eq!(user.field("name").unwrap().kind, FieldKind::Text(Some(20)));
    assert_eq!(user.field("email").unwrap().default, Some(AutomaticValue::Literal(json!(""))));

    let member = catalog.find("app.member").unwrap();
    let inviter = member.key("inviter").unwrap();
    assert_eq!(
        (inviter.kind, inviter.nullable, inviter.on_delete),
        (KeyKind::CrossSilo, true, Some(OnDelete::SetNull))
    );
    assert_eq!(inviter.target, Some(user.id));
    let outside = member.key("integration").unwrap();
    assert_eq!((outside.kind, outside.target, outside.on_delete), (KeyKind::Reference, None, None));
    let with = |fields: serde_json::Value| member.scope_of(fields.as_object().unwrap());
    assert_eq!(with(json!({ "integration": 3 })), Scope::Global);
    assert_eq!(with(json!({ "integration": null })), Scope::Organization);
    assert!(member.admitted_by(ImportScope::Global) && !member.admitted_by(ImportScope::User));

    let note = catalog.find("app.note").unwrap();
    assert_eq!((&note.sanitize["title"], &note.sanitize["body"]), (&Sanitize::Text, &Sanitize::Mentions));
    assert_eq!(note.table, "notes");
    let mark = note.deletion.as_ref().unwrap();
    let is_set = |state: serde_json::Value| mark.is_set(json!({ "state": state }).as_object().unwrap());
    assert_eq!([0, 1, 2, 3].map(|state| is_set(json!(state))), [false, true, true, false]);
    assert!(!mark.is_set(&serde_json::Map::new()) && user.deletion.is_none());
    let pinned = |value: serde_json::Value| note.uniques[0].binds(value.as_object().unwrap());
    assert!(
        pinned(json!({ "is_pinned": true })) && !pinned(json!({ "is_pinned": null })) && !pinned(json!({}))
    );

    assert!(catalog.is_removed_model("app.ghost") && !catalog.is_removed_model("app.note"));
    assert!(catalog.is_removed_field("app.note", "mood") && !catalog.is_removed_field("app.user", "mood"));
    assert!(catalog.is_reserved_slug("admin") && !catalog.is_reserved_slug("Admin"));
    assert_eq!(catalog.known_options("theme").map(<[String]>::len), Some(2));
    assert_eq!(catalog.known_options("other"), None);
    assert_eq!(catalog.tenancy().unwrap().user.model, user.id);
    assert!(catalog.find("app.elsewhere").is_none());

    let handover = catalog.handover().unwrap();
    let shown = Shown { field: "is_shown".to_owned(), hidden: json!(false), shown: json!(true) };
    assert_eq!(handover.shown, Some(shown), "what hides is the rule's, what shows the table's");
    assert_eq!(handover.claim.model, catalog.find("app.claim").unwrap().id);
    assert_eq!(handover.member[1], ("since".to_owned(), AutomaticValue::Now));
}

#[test]
fn scopes_admit_what_the_specification_says() {
    let admitted = |import: ImportScope| {
        let scopes = [Scope::Excluded, Scope::User, Scope::Organization, Scope::Config, Scope::Global];
        scopes.into_iter().filter(|scope| import.admits(*scope)).collect::<Vec<_>>()
    };
    assert_eq!(admitted(ImportScope::User), [Scope::User]);
    assert_eq!(admitted(ImportScope::Organization), [Scope::User, Scope::Organization]);
    assert_eq!(admitted(ImportScope::Config), [Scope::User, Scope::Config]);
    assert_eq!(
        admitted(ImportScope::Global),
        [Scope::User, Scope::Organization, Scope::Config, Scope::Global]
    );
}

/// What is replaced, by what, and what the error says then.
const BROKEN: &[(&str, &str, &str)] = &[
    ("silo = \"cell\"", "silo = \"cellar\"", "not valid TOML"),
    ("scope = \"organization\"", "scpoe = \"organization\"", "not valid TOML"),
    (
        "[[model]]\nname = \"app.user\"",
        "[[model]]\nname = \"app.user\"\ncolour = \"red\"",
        "a word where none is",
    ),
    ("name = \"app.note\"", "name = \"app.user\"", "app.user: the model is declared twice"),
    ("text(20)", "text(many)", "app.user.name: `many` is no length"),
    ("text(20)", "string", "app.user.name: `string` is no type: there are bool, int,"),
    ("text(20)", "text (20)", "app.user.name: `(20)` is no behaviour on deletion"),
    ("text(20)", "text(20", "app.user.name: `text(20` lacks its closing parenthesis"),
    ("bool = false", "bool cascade", "app.user.is_staff: `bool` cannot cascade"),
    ("bool = false", "bool = no", "app.user.is_staff: `no` is no value"),
    ("date = now", "date = alnum(x)", "app.reservation.made: `alnum(x)` is no value"),
    ("float = 0.5", "float = words(3)", "app.note.score: `words(3)` is no value"),
    (
        "(app.organization) cascade\"\ninviter",
        "(app.organization) casacde\"\ninviter",
        "`casacde` is no behaviour on deletion",
    ),
    (
        "key(app.organization)",
        "key(app.organisation)",
        "`app.organisation` is no model of this catalogue; did you mean `app.organization`?",
    ),
    (
        "key(app.organization)",
        "key(app.planet)",
        "no model of this catalogue; a model whose rows are kept elsewhere",
    ),
    (
        "(app.organization) cascade\"\ninviter",
        "(app.organization)\"\ninviter",
        "`key(app.organization)` does not say what happens on deletion: add `cascade`",
    ),
    ("reference(app.elsewhere)?", "reference(app.elsewhere)? cascade", "cannot cascade"),
    (
        "key(app.organization) cascade\"\ninviter",
        "key(app.note) cascade\"\ninviter",
        "leads to `app.note`, which comes later: entries stand in dependency order",
    ),
    (
        "key(app.organization) cascade\"\ninviter",
        "key(app.member) cascade\"\ninviter",
        "leads to its own model",
    ),
    (
        "key(app.organization) cascade\"\ninviter",
        "key(app.user) cascade\"\ninviter",
        "leads to another silo without saying so: make it cross-silo-key(app.user)",
    ),
    ("(app.user)? set-null", "(app.user) set-null", "becomes null on deletion but is not nullable"),
    (
        "identifier = \"slug\"",
        "identifier = \"slgu\"",
        "app.organization: `app.organization` has no field `slgu`; did you mean `slug`?",
    ),
    (
        "ordinal = [\"user\", \"organization\"]",
        "ordinal = [\"user\"]",
        "app.member: the ordinal user is no unique set: add it to `unique`",
    ),
    ("ordinal = [\"user\", ", "ordinal = [\"usr\", ", "has no field `usr`"),
    ("global_when = [\"integration\"]", "global_when = [\"app\"]", "has no field `app`"),
    ("privileged = [\"is_staff\"]", "privileged = [\"is_root\"]", "has no field `is_root`"),
    ("privileged = [\"is_staff\"]", "grants_privilege = \"is_staff\"", "grants a privilege but is no key"),
    ("compare = { name", "compare = { nmae", "has no field `nmae`"),
    ("sanitize = { name", "sanitize = { nmae", "`app.user` has no field `nmae`"),
    ("body = \"mentions\"", "body = \"hidden\"", "app.note.body: `hidden` is no way to sanitise"),
    ("body = \"mentions\"", "body = \"text\"", "`body` is replaced but is no text"),
    ("body = \"mentions\"", "score = \"mentions\"", "`score` is neither text nor JSON"),
    ("title = \"text\", body", "title = \"empty\", body", "`title` would not stay unique"),
    ("title = \"text\", body", "title = \"end-of(score)\", body", "`title` is to follow from `score`"),
    ("\"auto-suffix\"", "\"auto-sufix\"", "`auto-sufix` is no comparator; did you mean `auto-suffix`?"),
    ("field = \"title\", values", "field = \"titel\", values", "has no field `titel`"),
    ("{ field = \"state\"", "{ field = \"stat\"", "`app.note` has no field `stat`; did you mean `state`?"),
    ("pending = 1", "pending = \"soon\"", "`state` cannot be \"soon\": it is int"),
    ("pending = 1", "pending = 0", "`deletion` could not tell from `state` how a row stands"),
    ("in_progress = 2", "in_progress = 1", "`active`, `pending` and `in_progress` have to differ"),
    ("is_pinned is true", "is_pined is true", "has no field `is_pined`"),
    ("is_pinned is true", "is_pinned = true", "is no condition"),
    ("is_pinned is true", "is_pinned is yes", "is no condition"),
    ("fields = [\"title\"], when", "fields = [], when", "at least one field"),
    ("fields = [\"title\"], when", "fields = [\"titel\"], when", "has no field `titel`"),
    (
        "suffix-if-taken(name)",
        "sufix-if-taken(name)",
        "`sufix-if-taken(name)` is no rule; did you mean `suffix-if-taken`?",
    ),
    ("suffix-if-taken(name)", "frobnicate(name)", "`frobnicate(name)` is no rule"),
    (
        "suffix-if-taken(name)",
        "suffix-if-taken(name, email)",
        "`suffix-if-taken(name, email)` is no rule; it is written `suffix-if-taken(field)`",
    ),
    (
        "suffix-if-taken(name)",
        "suffix-if-taken(email)",
        "`suffix-if-taken` acts on a set that is not unique: add email to `unique`",
    ),
    (
        "suffix-if-taken(name)",
        "soft-key(email, app.note)",
        "leads to `app.note`, which does not come before it",
    ),
    ("suffix-if-taken(name)", "set(is_staff, 3)", "`is_staff` cannot be 3: it is bool"),
    ("bool = false", "bool = 3", "`is_staff` cannot be 3: it is bool"),
    ("text(20)", "text(20) = \\\"a name of more than 20 letters\\\"", "it is text(20)"),
    ("bool = false", "bool = pk", "`pk` and `field(NAME)` are of the row that another one is made with"),
    ("code = \"alnum(8)\"", "code = \"8\"", "`code` cannot be 8: it is text(8)"),
    ("identifier = \"name\"", "", "`name` gets a suffix but is not the identifier"),
    ("suffix-if-taken(name)", "set(name, no json)", "`no json` is no JSON value"),
    ("suffix-if-taken(name)", "alnum-outside-global(name, x)", "`x` is no length"),
    ("suffix-if-taken(name)", "soft-key(name, app.nobody)", "`app.nobody` is no model of this catalogue"),
    ("null-if-missing(inviter)", "null-if-missing(user)", "`user` is not nullable; put `?` behind its type"),
    ("null-if-missing(inviter)", "drop-if-merged(title)", "has no field `title`"),
    ("field(email)\", code", "field(mail)\", code", "has no field `mail`"),
    ("code = \"alnum(8)\"", "kode = \"alnum(8)\"", "has no field `kode`"),
    (", code = \"alnum(8)\"", "", "`app.address.code` gets no value when it is made"),
    (
        "used_by = [\"app.user.email\"]",
        "used_by = [\"app.user.email\"]\nrules = [\"keep-pk-in-global\"]",
        "`app.address` is made with it, so that its rows cannot keep primary keys",
    ),
    (
        "automatic = [{ model = \"app.address\"",
        "automatic = [{ model = \"app.note\"",
        "made with it but lives elsewhere",
    ),
    (
        "registered = [{ model = \"app.reservation\"",
        "registered = [{ model = \"app.note\"",
        "cannot register a name in the other silo",
    ),
    (
        "registered = [{ model = \"app.reservation\"",
        "registered = [{ model = \"app.address\"",
        "cannot register a name in the other silo",
    ),
    (", \"suffix-if-taken(slug)\"", "", "a name that is registered is the identifier"),
    ("used_by = [\"app.user.email\"]", "used_by = [\"app.user.mail\"]", "has no field `mail`"),
    ("used_by = [\"app.user.email\"]", "used_by = [\"email\"]", "`email` is no MODEL.FIELD"),
    (
        "unique = [{ fields = [\"email\"] }]",
        "",
        "`used_by` finds rows by the first unique set, and there is none",
    ),
    ("user = \"app.user.name\"", "user = \"app.user.is_staff\"", "tenancy: `is_staff` is no text but bool"),
    ("user = \"app.user.name\"", "user = \"app.user.nmae\"", "tenancy: `app.user` has no field `nmae`"),
    (
        "user = \"app.user.name\"",
        "user = \"app.member.address\"",
        "`address` names a row of `app.member` but is not unique",
    ),
    (
        "organization = \"app.organization.slug\"",
        "organization = \"app.user.name\"",
        "organisations live in a cell",
    ),
    (
        "user_address = \"app.user.email\"",
        "user_address = \"app.address.email\"",
        "are fields of different models",
    ),
    ("member_user = \"app.member.user\"", "member_user = \"app.member.organization\"", "not to `app.user`"),
    ("member_user = \"app.member.user\"", "member_user = \"app.note.title\"", "tenancy: `title` is no key"),
    ("[tenancy]", "[tenancy_gone]", "a word where none is"),
    (
        "is_claimed is false",
        "is_clamed is false",
        "handover: `app.user` has no field `is_clamed`; did you mean",
    ),
    (
        "is_claimed is false",
        "is_claimed is 3",
        "handover: `is_claimed` of `app.user` cannot be 3: it is bool",
    ),
    (
        "shown = \"is_shown is true\"\n",
        "",
        "nothing would show an organisation whose `is_shown` was set to false",
    ),
    (", \"set-when-hidden(is_shown, false)\"", "", "no rule of `app.organization` hides it"),
    ("role is \"boss\"", "rule is \"boss\"", "`app.member` has no field `rule`; did you mean `role`?"),
    ("role is \"boss\"", "role is boss", "handover: `role is boss` is no condition"),
    ("address = \"field(email)\"", "address = \"field(mail)\"", "`app.user` has no field `mail`"),
    ("address = \"field(email)\"", "address = \"3\"", "`address` of `app.member` cannot be 3"),
    ("address = \"field(email)\"", "address = \"hex(3)\"", "`address` of a membership cannot be random"),
    (", since = \"now\"", "", "`since` of `app.member` gets no value when a row is made"),
    (
        "model = \"app.claim\"",
        "model = \"app.clam\"",
        "no model of this catalogue; did you mean `app.claim`?",
    ),
    (
        "model = \"app.claim\", user = \"owner\"",
        "model = \"app.note\", user = \"owner\"",
        "claims live in control",
    ),
    ("user = \"owner\"", "user = \"secret\"", "`secret` of `app.claim` is no key to `app.user`"),
    ("secret = \"text(40)\"", "secret = \"text(31)\"", "it has to hold a text of 32 characters"),
    ("made = \"made\"", "made = \"secret\"", "`secret` is text(40): it has to be a date"),
    ("unique = [{ fields = [\"owner\"] }]", "", "may have several rows with the same owner"),
    (
        "unique = [{ fields = [\"organization\", \"user\"] }]\nordinal = [\"user\", \"organization\"]",
        "",
        "may have several rows with the same user, organization",
    ),
    ("text(20)", "text", "`name` has no limit that a suffix could be cut to"),
];

#[test]
fn a_broken_catalogue_says_what_is_wrong_and_where() {
    for (from, to, expected) in BROKEN {
        assert!(GOOD.contains(from), "{from} is not there to be broken");
        let error = Catalog::parse(&GOOD.replacen(from, to, 1)).err();
        let said = error.as_ref().map(CatalogError::to_string).unwrap_or_default();
        assert!(said.contains(expected), "{from} → {to}: {said}");
        let has_its_place = said.starts_with("line ") || matches!(error, Some(CatalogError::Toml(_)));
        assert!(has_its_place, "{from} → {to}: {said}");
    }
}

#[test]
fn the_line_is_that_of_the_declaration() {
    let line_of = |text: &str, wanted: &str| {
        let lines: Vec<usize> =
            (1..).zip(text.lines()).filter(|(_, line)| line.contains(wanted)).map(|(n, _)| n).collect();
        *lines.last().unwrap()
    };
    let broken = |from: &str, to: &str| {
        let text = GOOD.replacen(from, to, 1);
        (Catalog::parse(&text).unwrap_err().to_string(), text)
    };
    let cases = [
        ("float = 0.5", "flaot = 0.5", "flaot = 0.5"),
        ("slug(slug)", "slugg(slug)", "name = \"app.organization\""),
        ("member_user = \"app.member.user\"", "member_user = \"app.note.title\"", "[tenancy]"),
        ("name = \"app.note\"", "name = \"app.user\"", "name = \"app.user\""),
    ];
    for (from, to, place) in cases {
        let (said, text) = broken(from, to);
        let expected = format!("line {}, ", line_of(&text, place));
        assert!(said.starts_with(&expected), "{said}, and not {expected}");
    }
}

#[test]
fn a_model_has_no_more_keys_than_stores_have_slots() {
    let keys: Vec<String> = (0..7).map(|n| format!("key{n} = \"reference(app.user)?\"")).collect();
    let text = format!(
        "{GOOD}\n[[model]]\nname = \"app.many\"\nsilo = \"cell\"\nscope = \"user\"\n[model.fields]\n{}",
        keys.join("\n")
    );
    assert!(Catalog::parse(&text).unwrap_err().to_string().contains("at most 6 keys"));
}

#[test]
fn what_is_no_toml_keeps_its_cause() {
    use std::error::Error as _;
    let error = Catalog::parse("[[model").unwrap_err();
    assert!(matches!(error, CatalogError::Toml(_)));
    let cause = error.source().unwrap().to_string();
    assert!(!error.to_string().contains(&cause));
}

/// Everything that the built-in catalogue says is explained in the README.
#[test]
fn the_readme_explains_every_word() {
    let readme = include_str!("../README.md");
    let is_explained = |word: &str| {
        let quoted = format!("`{word}");
        let mut rests = readme.match_indices(&quoted).map(|(at, text)| &readme[at + text.len()..]);
        rests.any(|rest| rest.starts_with(['`', '(']))
    };
    let source: toml::Table = toml::from_str(include_str!("../sentry.toml")).unwrap();
    let mut words: Vec<String> = source.keys().filter(|word| *word != "model").cloned().collect();
    let name_of = |call: &str| call.split(['(', '?', ' ']).next().unwrap().to_owned();
    for model in source["model"].as_array().unwrap() {
        let model = model.as_table().unwrap();
        words.extend(model.keys().cloned());
        let texts = |word: &str| model.get(word).and_then(toml::Value::as_array).into_iter().flatten();
        words.extend(texts("rules").map(|rule| name_of(rule.as_str().unwrap())));
        words.extend(
            model["fields"].as_table().unwrap().values().map(|field| name_of(field.as_str().unwrap())),
        );
        for entry in texts("unique").chain(texts("automatic")).chain(texts("registered")) {
            words.extend(entry.as_table().unwrap().keys().cloned());
        }
        let ways = model.get("sanitize").and_then(toml::Value::as_table);
        words
            .extend(ways.into_iter().flat_map(toml::Table::values).map(|way| name_of(way.as_str().unwrap())));
        let comparators = model.get("compare").and_then(toml::Value::as_table);
        for comparators in comparators.into_iter().flat_map(toml::Table::values) {
            words.extend(comparators.as_str().unwrap().split(' ').map(str::to_owned));
        }
    }
    words.sort_unstable();
    words.dedup();
    let unexplained: Vec<&String> = words.iter().filter(|word| !is_explained(word)).collect();
    assert_eq!(unexplained, Vec::<&String>::new());
}
