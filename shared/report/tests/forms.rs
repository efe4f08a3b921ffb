//! What people and machines read, as snapshots; and what must never be in it.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may stop at the first surprise")]

use std::sync::Arc;

use catalog::{Catalog, ImportScope};
use futures::executor::block_on;
use report::{About, Detail, LISTED_IN_BRIEF_MAX, LISTED_ON_PAGE_MAX, Report};
use rstest::rstest;
use serde_json::{Value, json};
use silo::{Filter, ImportFlags, MemorySilo, Row, Silos};
use transfer::import::{ImportOutcome, ImportReport, ImportRequest, Unwatched, import};
use uuid::Uuid;

const HOSTILE: &str = "</bdi><script>alert('x')</script>\"&\u{1b}[2J\r\n\u{202e}";

/// Models of an application that nobody has, one of them with a long name.
const SHOP: &str = r#"
[[model]]
name = "shop.customer"
silo = "control"
scope = "user"
identifier = "login"
unique = [{ fields = ["login"], ignore_case = true }]
rules = ["merge-if-taken(login)", "suffix-if-taken(login)"]
[model.fields]
login = "text(300)"

[[model]]
name = "shop.setting"
silo = "cell"
scope = "config"
unique = [{ fields = ["name"] }]
rules = ["keep-or-overwrite(name)"]
[model.fields]
name  = "text(80)"
value = "any"

[[model]]
name = "shop.order"
silo = "cell"
scope = "user"
unique = [{ fields = ["number"] }]
rules = ["drop-if-taken(number)"]
[model.fields]
customer = "cross-silo-key(shop.customer) cascade"
number   = "int"

[[model]]
name = "shop.aremarkablylongnameforwhatstandsinoneorder"
silo = "cell"
scope = "user"
[model.fields]
order = "key(shop.order) cascade"
"#;

fn row(model: &str, pk: i64, fields: &Value) -> Value {
    json!({ "model": format!("shop.{model}"), "pk": pk, "fields": fields })
}

fn customer(pk: i64, login: &str) -> Value {
    row("customer", pk, &json!({ "login": login }))
}

fn order(pk: i64, customer: i64, number: i64) -> Value {
    row("order", pk, &json!({ "customer": customer, "number": number }))
}

fn line(pk: i64, order: i64) -> Value {
    row("aremarkablylongnameforwhatstandsinoneorder", pk, &json!({ "order": order }))
}

/// A file in which something of every kind happens, and the rows that are in its way.
fn eventful() -> (Vec<Value>, Vec<Value>) {
    let setting = |pk, value| row("setting", pk, &json!({ "name": "theme", "value": value }));
    let file = vec![
        customer(1, "ann"),
        customer(2, "Bob"),
        customer(3, "cat"),
        setting(1, "value-of-theirs"),
        order(1, 1, 100),
        order(2, 7, 101),
        order(3, 7, 102),
        order(4, 2, 103),
        line(1, 1),
        line(2, 2),
        line(3, 3),
        line(4, 8),
        row("gadget", 1, &json!({})),
        row("customer", 4, &json!({ "login": "dan", "mood": "odd" })),
    ];
    (file, vec![customer(20, "ann"), customer(21, "bob"), setting(30, "value-of-ours"), order(40, 20, 103)])
}

/// An import in config scope that merges and overwrites.
fn request(flags: ImportFlags) -> ImportRequest {
    ImportRequest {
        import: Uuid::from_u128(0x5d3c_8e4a_4b0f_4d7e_9a57_0f6f_3c2b_1a90),
        scope: ImportScope::Config,
        flags,
        filter: Filter::All,
        clear: false,
        source_version: String::new(),
        now: "2026-01-02T03:04:05.678Z".parse().unwrap(),
        key: [7; 32],
    }
}

const ALL: ImportFlags =
    ImportFlags { merge_users: true, overwrite_configs: true, hide_organizations: false };

struct Told {
    catalog: Arc<Catalog>,
    about: About,
    import: ImportReport,
}

impl Told {
    fn of((file, here): (Vec<Value>, Vec<Value>), request: &ImportRequest) -> Self {
        let (catalog, outcome) = imported(&file, here, request);
        let base = Some("base.json".to_owned());
        Self {
            about: About::new(&outcome.plan, "export.json".to_owned(), base),
            import: outcome.report,
            catalog,
        }
    }

    fn report(&self) -> Report<'_> {
        Report::new(&self.catalog, &self.about, &self.import)
    }

    /// All forms, each as text.
    fn forms(&self) -> [String; 4] {
        let report = self.report();
        [
            report.text(Detail::Brief).to_string(),
            report.text(Detail::Full).to_string(),
            report.html().unwrap(),
            serde_json::to_string_pretty(&report.json(None)).unwrap(),
        ]
    }
}

fn imported(file: &[Value], here: Vec<Value>, request: &ImportRequest) -> (Arc<Catalog>, ImportOutcome) {
    let catalog = Arc::new(Catalog::parse(SHOP).unwrap());
    let silo = || MemorySilo::new(Arc::clone(&catalog));
    let (cell, control) = (silo(), silo());
    let silos = Silos { cell: &cell, control: &control };
    for row in here {
        let model = catalog.find(row["model"].as_str().unwrap()).unwrap();
        let fields = row["fields"].as_object().unwrap().clone();
        silos.of(model).load(model, Row::new(row["pk"].as_i64().unwrap(), fields)).unwrap();
    }
    let file = serde_json::to_vec(file).unwrap();
    let outcome = block_on(import(silos, file.as_slice(), request, &mut Unwatched)).unwrap();
    (Arc::clone(&catalog), outcome)
}

/// As many customers as that, each of whom is here already, and orders of as many who are not.
fn crowd(size: i64) -> (Vec<Value>, Vec<Value>) {
    let customers = (1..=size).map(|pk| customer(pk, &format!("customer{pk}")));
    let orders = (1..=size).map(|pk| order(pk, size + pk, pk));
    let here = (1..=size).map(|pk| customer(10_000 + pk, &format!("customer{pk}"))).collect();
    (customers.chain(orders).collect(), here)
}

#[test]
fn a_report_as_text() {
    let told = Told::of(eventful(), &request(ALL));
    insta::assert_snapshot!("text", told.report().text(Detail::Brief));
}

#[test]
fn a_summary_is_the_text_without_what_the_import_was() {
    let told = Told::of(eventful(), &request(ALL));
    let [summary, brief] =
        [Detail::Summary, Detail::Brief].map(|detail| told.report().text(detail).to_string());
    let about = brief.strip_prefix(&summary).unwrap();
    assert!(about.starts_with("\nfile ") && about.lines().count() == 8, "{about}");
}

#[test]
fn a_report_as_a_page() {
    let told = Told::of(eventful(), &request(ALL));
    insta::assert_snapshot!("page", told.report().html().unwrap());
}

#[test]
fn a_report_as_json() {
    let (file, here) = eventful();
    let (catalog, outcome) = imported(&file, here, &request(ALL));
    let about = About::new(&outcome.plan, "export.json".to_owned(), None);
    let report = Report::new(&catalog, &about, &outcome.report);
    insta::assert_json_snapshot!("json", report.json(Some(&outcome.pk_map)));
}

#[test]
fn what_nothing_happened_to_is_told_in_a_few_lines() {
    let told = Told::of((Vec::new(), Vec::new()), &request(ImportFlags::default()));
    insta::assert_snapshot!(told.report().text(Detail::Brief), @r"
    model   inserted
    in all         0

    file    export.json
    into    base.json
    scope   config
    filter  none
    flags   none
    import  5d3c8e4a-4b0f-4d7e-9a57-0f6f3c2b1a90
    time    2026-01-02T03:04:05.678Z
    ");
}

#[rstest]
#[case::by_username(Filter::Usernames((1..=30).map(|n| format!("u{n}")).collect()))]
#[case::by_slug(Filter::OrganizationSlugs(vec!["acme".to_owned(), "b".to_owned()]))]
#[case::nobody(Filter::Usernames(Vec::new()))]
fn a_filter_is_told(#[case] filter: Filter) {
    let told = Told::of((Vec::new(), Vec::new()), &request(ImportFlags::default()));
    let told = Told { about: About { filter, ..told.about }, ..told };
    let text = told.report().text(Detail::Brief).to_string();
    let filter = text.lines().skip_while(|line| !line.starts_with("filter"));
    let filter: Vec<&str> = filter.take_while(|line| !line.starts_with("flags")).collect();
    let expected = match &told.about.filter {
        Filter::Usernames(names) if names.is_empty() => "filter  users of no name",
        Filter::Usernames(_) => "u20 and 10 more",
        _ => "filter  organisations acme, b",
    };
    assert!(filter.join("\n").ends_with(expected), "{filter:?}");
}

#[test]
fn lists_end_somewhere_and_say_how_much_is_left() {
    let size = LISTED_ON_PAGE_MAX + 1;
    let told = Told::of(crowd(size as i64), &request(ALL));
    let [brief, full, page, _] = told.forms();
    let told_of = |text: &str, what: &str| text.matches(what).count();
    assert_eq!(told_of(&brief, "  shop.customer "), 2 * LISTED_IN_BRIEF_MAX, "reused and missing ones");
    assert_eq!(told_of(&brief, "... and 981 more"), 2, "{brief}");
    assert_eq!(told_of(&full, "  shop.customer "), 2 * size);
    assert_eq!(told_of(&full, "more"), 0);
    assert_eq!(told_of(&page, "<td>shop.customer</td>"), LISTED_ON_PAGE_MAX);
    assert_eq!(told_of(&page, "<h3>shop.customer"), LISTED_ON_PAGE_MAX);
    assert_eq!(told_of(&page, "… and 1 more rows."), 2);
    assert_eq!(told_of(&page, "<details open>"), 0, "long lists are folded");
}

#[test]
fn what_the_engine_did_not_list_is_counted() {
    let mut told = Told::of(crowd(3), &request(ALL));
    told.import.dropped.truncate(1);
    told.import.existing.truncate(1);
    let [brief, _, page, _] = told.forms();
    assert!(brief.contains("Dropped: 3 rows") && brief.contains("Reused: 3 rows"), "{brief}");
    assert!(brief.contains("  ... and 2 more rows, not listed one by one\n"), "{brief}");
    assert_eq!(page.matches("… and 2 more rows.").count(), 2);
}

#[rstest]
#[case::short(HOSTILE.to_owned())]
#[case::wide("宽".repeat(150))]
#[case::long("x".repeat(290))]
fn strangers_names_are_harmless(#[case] name: String) {
    let here = vec![customer(20, &name.to_uppercase()), customer(21, "zoe")];
    let mut file = vec![customer(1, &name), customer(2, "zoe"), line(3, 4)];
    file.push(json!({ "model": format!("shop.{name}"), "pk": 1, "fields": {} }));
    file.push(json!({ "model": "shop.customer", "pk": 5, "fields": { "login": "eve", name.clone(): 1 } }));
    let mut told = Told::of((file, here), &request(ALL));
    told.about.file = name.clone();
    told.about.base = Some(name.clone());
    told.about.filter = Filter::Usernames(vec![name]);
    let [brief, full, page, _] = told.forms();
    for text in [&brief, &full] {
        assert!(text.lines().all(|line| textwrap::core::display_width(line) <= 80), "{text}");
    }
    for text in [&brief, &full, &page] {
        let steers = |c: char| c != '\n' && (c.is_control() || c == '\u{202e}');
        assert!(!text.contains(steers), "{text}");
    }
    assert!(!page.contains("<script"), "{page}");
    assert_eq!(page.matches("<bdi>").count(), page.matches("</bdi>").count());
}

#[test]
fn a_page_needs_nothing_from_elsewhere() {
    let page = Told::of(eventful(), &request(ALL)).report().html().unwrap();
    for foreign in
        ["<script", "<link", "<img", "<iframe", "src=", "href=", "url(", "@import", "http:", "https:"]
    {
        assert!(!page.contains(foreign), "{foreign}");
    }
}

#[test]
fn no_form_tells_values_or_secrets() {
    let told = Told::of(eventful(), &request(ALL));
    for form in told.forms() {
        for secret in ["value-of", "theme", "odd\""] {
            assert!(!form.contains(secret), "{secret}: {form}");
        }
        assert!(!form.contains("7, 7, 7"), "the key of the plan: {form}");
    }
}
