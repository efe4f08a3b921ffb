//! Slugs across cells: control keeps who has which.

use catalog::ImportScope::Organization;
use futures::executor::block_on;
use futures::future::join;
use serde_json::{Value, json};
use silo::{ImportFlags, MemorySilo, Pk, Row, Silo, Silos};
use transfer::import::{ImportOutcome, ImportRequest, Unwatched, import};

use crate::support::flaky::{Wire, Wired, give_way};
use crate::support::full::{file_rows, hostile};
use crate::support::{HIDE, Instance, another, file, organization, request, request_with, row};

fn reservation(organization: Pk, slug: &str) -> Value {
    json!({ "organization_id": organization, "slug": slug, "reservation_type": 0 })
}

fn rows(silo: &MemorySilo, model: &str) -> Vec<Row> {
    let model = silo.catalog().find(model).unwrap();
    let page = block_on(silo.page(model, None, usize::MAX)).unwrap();
    page.items.into_iter().map(|stored| stored.row).collect()
}

/// Every organisation of an import has one slug, whoever is asked for it.
pub(crate) fn assert_agreed(cell: &MemorySilo, control: &MemorySilo, request: &ImportRequest) {
    let chunks = block_on(cell.chunks(request.import, None, usize::MAX)).unwrap().items;
    let mut named = 0;
    for chunk in chunks.iter().filter(|chunk| chunk.model == "sentry.organization") {
        for (pk, slug) in &chunk.identifiers {
            named += 1;
            let slug = Value::from(slug.clone());
            let organization =
                rows(cell, "sentry.organization").into_iter().find(|row| row.pk == *pk).unwrap();
            assert_eq!(organization.fields["slug"], slug);
            for model in ["sentry.organizationslugreservation", "sentry.organizationmapping"] {
                let of_it = |row: &Row| row.fields["organization_id"] == *pk && row.fields["slug"] == slug;
                let count = rows(control, model).iter().filter(|row| of_it(row)).count();
                assert!(count > 0, "{model} of {pk} is not {slug}");
            }
        }
    }
    assert!(named > 0, "no organisation was imported");
}

fn slug_of(instance: &Instance, outcome: &ImportOutcome) -> String {
    instance.imported(outcome, "sentry.organization", 5).fields["slug"].as_str().unwrap().to_owned()
}

#[test]
fn control_knows_every_imported_organisation() {
    for flags in [ImportFlags::default(), HIDE] {
        let instance = Instance::new();
        let request = request_with(Organization, flags);
        let many = (1..=30).map(|pk| organization(pk, &format!("org-{pk}")));
        instance.run(&request, many);
        assert_agreed(&instance.cell, &instance.control, &request);
        let mapping = &instance.rows("sentry.organizationmapping")[29].fields;
        assert_eq!(mapping["name"], "org-30");
        assert_eq!(instance.rows("sentry.organizationslugreservation").len(), 30);
    }
}

#[test]
fn a_slug_that_is_taken_in_either_silo_gets_one_suffix_in_both() {
    let here = |instance: &Instance, slug: &str| {
        instance.put("sentry.organization", 70, json!({ "name": "ours", "slug": slug }));
    };
    let elsewhere = |instance: &Instance, slug: &str| {
        instance.put("sentry.organizationslugreservation", 70, reservation(900, slug));
    };
    let mapped = |instance: &Instance, slug: &str| {
        instance.put("sentry.organizationmapping", 70, json!({ "organization_id": 900, "slug": slug }));
    };
    for takes in [&here as &dyn Fn(&Instance, &str), &elsewhere, &mapped] {
        let first = {
            let instance = Instance::new();
            takes(&instance, "ACME");
            let outcome = instance.run(&request(Organization), [organization(5, "acme")]);
            assert_agreed(&instance.cell, &instance.control, &request(Organization));
            slug_of(&instance, &outcome)
        };
        assert_eq!(first.len(), "acme-xx".len());
        // The first suffix is taken in yet another place.
        for takes_first in [&here as &dyn Fn(&Instance, &str), &elsewhere, &mapped] {
            if std::ptr::eq(
                std::ptr::from_ref(takes).cast::<u8>(),
                std::ptr::from_ref(takes_first).cast::<u8>(),
            ) {
                continue;
            }
            let instance = Instance::new();
            takes(&instance, "ACME");
            takes_first(&instance, &first);
            let before = instance.state();
            let outcome = instance.run(&request(Organization), [organization(5, "acme")]);
            assert_agreed(&instance.cell, &instance.control, &request(Organization));
            assert_eq!(slug_of(&instance, &outcome).len(), "acme-xxx".len());
            assert_eq!(outcome.report.renamed[0].to, slug_of(&instance, &outcome));
            for (model, rows) in before {
                assert_eq!(instance.rows(&model)[0], rows[0], "{model}: what was there is untouched");
            }
        }
    }
}

#[test]
fn tokens_are_made_for_the_slug_that_all_agree_on() {
    let token = |instance: &Instance, slug: &str| {
        let token = row("sentry.orgauthtoken", 1, json!({ "organization_id": 5, "name": "ci" }));
        let outcome = instance.run(&request(Organization), [organization(5, slug), token]);
        (slug_of(instance, &outcome), instance.rows("sentry.orgauthtoken")[0].fields["token_hashed"].clone())
    };
    let taken = Instance::new();
    taken.put("sentry.organizationslugreservation", 70, reservation(900, "acme"));
    let (slug, with_suffix) = token(&taken, "acme");
    // An organisation that has that slug in the file gets the same token: it follows from the slug alone.
    let (same, from_the_start) = token(&Instance::new(), &slug);
    assert_eq!((slug, with_suffix), (same, from_the_start));
}

/// Imports until contention passes.
async fn insist(cell: &MemorySilo, control: &MemorySilo, seed: usize, file: &[u8], request: &ImportRequest) {
    let wire = Wire::slow(seed);
    let (cell, control) = (Wired { silo: cell, between: &wire }, Wired { silo: control, between: &wire });
    for _ in 0..1_000 {
        match import(Silos { cell: &cell, control: &control }, file, request, &mut Unwatched).await {
            Ok(_) => return,
            Err(error) => assert!(error.retryable(), "{error}"),
        }
        give_way(1).await;
    }
    panic!("no end of contention");
}

#[test]
fn two_cells_never_give_out_the_same_slug() {
    let file = file((1..=20).map(|pk| organization(pk, &format!("org-{}", pk / 2))).filter({
        let mut seen = std::collections::HashSet::new();
        move |row| seen.insert(row["fields"]["slug"].clone())
    }));
    let requests =
        [request(Organization), ImportRequest { key: [8; 32], ..another(&request(Organization), 2) }];
    for seed in 0..40 {
        let control = Instance::new().control;
        let cells = [Instance::new().cell, Instance::new().cell];
        // Cells count their organisations in ranges of their own: an id means one organisation everywhere.
        let organizations = control.catalog().find("sentry.organization").unwrap();
        let last = json!({ "name": "last", "slug": "last" });
        cells[1].load(organizations, Row::new(1_000_000, last.as_object().unwrap().clone())).unwrap();
        block_on(join(
            insist(&cells[0], &control, 2 * seed, &file, &requests[0]),
            insist(&cells[1], &control, 2 * seed + 1, &file, &requests[1]),
        ));
        let slugs = cells.iter().flat_map(|cell| rows(cell, "sentry.organization"));
        let slugs: Vec<String> = slugs.map(|row| row.fields["slug"].to_string()).collect();
        let different: std::collections::HashSet<&String> = slugs.iter().collect();
        assert_eq!(different.len(), slugs.len(), "seed {seed}");
        let reserved = rows(&control, "sentry.organizationslugreservation");
        assert_eq!(reserved.len() + 1, slugs.len(), "all but the one that was there");
        for (cell, request) in cells.iter().zip(&requests) {
            assert_agreed(cell, &control, request);
        }
    }
}

/// A run that a faster one overtakes may register other names than that one wrote, and die before it finds out.
#[test]
fn what_an_overtaken_run_registered_is_set_right_by_the_next_one() {
    let file = file(file_rows());
    let request = request(Organization);
    let wire = Wire::default();
    hostile().import_over(&wire, &file, &request).unwrap();
    for (call, further) in (1..=wire.calls()).flat_map(|call| (1..=10).map(move |further| (call, further))) {
        let instance = hostile();
        let slow = Wire::held_up_at(call).and_dead_after(further);
        let [cell, control] = [&instance.cell, &instance.control].map(|silo| Wired { silo, between: &slow });
        let (mut slow_watch, mut watch) = (Unwatched, Unwatched);
        let overtaken =
            import(Silos { cell: &cell, control: &control }, file.as_slice(), &request, &mut slow_watch);
        let faster = import(instance.silos(), file.as_slice(), &request, &mut watch);
        let (_, faster) = block_on(join(overtaken, faster));
        let Ok(faster) = faster else { continue };
        let again = instance.import(&file, &request).unwrap();
        assert_eq!(again.report, faster.report);
        assert_agreed(&instance.cell, &instance.control, &request);
    }
}

/// Control cannot know two organisations under one id: cells must count in ranges of their own.
#[test]
fn an_id_that_is_registered_for_another_organisation_is_an_error() {
    let instance = Instance::new();
    instance.put(
        "sentry.organizationmapping",
        70,
        json!({ "organization_id": 1, "slug": "of-another-cell" }),
    );
    let error = instance.fail(&request(Organization), [organization(5, "acme")]);
    assert_eq!(
        error.to_string(),
        "IntegrityError at sentry.organization row 1 (primary key 5): \
         another sentry.organizationmapping has the same organization_id"
    );
}

/// Whoever renames an organisation afterwards is not overruled by a repeated import.
#[test]
fn a_repeated_import_leaves_registrations_alone() {
    let instance = Instance::new();
    instance.run(&request(Organization), [organization(5, "acme")]);
    let model = instance.catalog.find("sentry.organizationslugreservation").unwrap();
    let before = block_on(instance.control.get(model, &[1])).unwrap().remove(0).unwrap();
    let mut after = silo::Fields::clone(&before.row.fields);
    after.insert("slug".to_owned(), json!("renamed"));
    let rename = silo::Write::replace(model, before, after);
    block_on(instance.control.write(&silo::Transaction { writes: vec![rename], chunk: None })).unwrap();
    instance.run(&request(Organization), [organization(5, "acme")]);
    assert_eq!(instance.rows("sentry.organizationslugreservation")[0].fields["slug"], "renamed");
}
