//! What is looked up, on silos in memory.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test stops at the first surprise"
)]

use std::collections::BTreeMap;
use std::sync::Arc;

use catalog::{Catalog, ImportScope};
use directory::{amend, by_unique, claims, imported, inserted, roles, user_named, users};
use pipeline::ids::UserId;
use serde_json::{Value, json};
use silo::{
    Fields, Filter, ImportChunk, ImportFlags, ImportKind, ImportPlan, Mapped, MemorySilo, Pk, Row, Silo,
    Transaction,
};
use uuid::Uuid;

const IMPORT: Uuid = Uuid::from_u128(1);

const USER: &str = "sentry.user";
const ORGANIZATION: &str = "sentry.organization";
const CLAIM: &str = "sentry.lostpasswordhash";

/// The tutorial's catalogue, none of whose models has a name of the built-in one's.
const BOOKSHOP: &str = include_str!("../../catalog/example/bookshop.toml");

fn silo() -> MemorySilo {
    MemorySilo::new(Catalog::builtin())
}

fn put(silo: &MemorySilo, model: &str, pk: Pk, fields: Value) {
    let Value::Object(fields) = fields else { panic!("fields are an object") };
    let catalog = Arc::clone(silo.catalog());
    silo.load(catalog.find(model).unwrap(), Row::new(pk, fields)).unwrap();
}

/// Records a chunk of so many rows; every third row was there before.
async fn chunk(silo: &MemorySilo, import: Uuid, model: &str, min_ordinal: u64, rows: i64) {
    let kind = |n| if n % 3 == 2 { ImportKind::Existing } else { ImportKind::Inserted };
    let first = min_ordinal as Pk;
    let mapped = (0..rows).map(|n| Mapped { source: first + n, pk: 1000 + first + n, kind: kind(first + n) });
    let chunk = ImportChunk {
        import,
        model: model.to_owned(),
        min_ordinal,
        mapped: mapped.collect(),
        identifiers: BTreeMap::new(),
    };
    silo.write(&Transaction { writes: Vec::new(), chunk: Some(chunk) }).await.unwrap();
}

/// The plan of the import, by which nothing was set aside.
async fn begun(silo: &MemorySilo) -> ImportPlan {
    let plan = ImportPlan {
        import: IMPORT,
        scope: ImportScope::Organization,
        flags: ImportFlags::default(),
        filter: Filter::All,
        source_version: "1".to_owned(),
        now: jiff::Timestamp::UNIX_EPOCH,
        key: [7; 32],
        transaction_items: 99,
        ranges: BTreeMap::new(),
    };
    silo.record_plan(&plan).await.unwrap();
    directory::plan(silo, IMPORT).await.unwrap()
}

#[tokio::test]
async fn nobody_goes_on_with_what_has_not_begun() {
    let error = directory::plan(&silo(), IMPORT).await.unwrap_err();
    assert!(!error.retryable() && error.to_string().contains("has not begun"), "{error}");
}

#[tokio::test]
async fn an_imports_rows_come_from_all_its_chunks_and_no_others() {
    let cell = silo();
    // More chunks than one request reads, beside models whose names sort next to it.
    for n in 0..250 {
        chunk(&cell, IMPORT, USER, 1 + 2 * n, 2).await;
    }
    for (import, model) in [(IMPORT, "sentry.useremail"), (IMPORT, "sentry.team"), (Uuid::from_u128(2), USER)]
    {
        chunk(&cell, import, model, 1, 5).await;
    }
    let roles = roles(&cell).unwrap();
    let rows = imported(&cell, IMPORT, roles.users()).await.unwrap();
    assert!(rows.iter().map(|row| row.pk).eq(1001..=1500));
    let inserted = inserted(&cell, IMPORT, roles.users()).await.unwrap();
    assert!(inserted.into_iter().eq((1..=500).filter(|n| n % 3 != 2).map(|n| 1000 + n)));
    assert_eq!(imported(&cell, IMPORT, roles.organizations()).await.unwrap(), []);
}

#[tokio::test]
async fn a_user_is_found_by_id_and_by_name_in_any_case() {
    let control = silo();
    put(&control, USER, 7, json!({"username": "Ada", "email": "ada@example.com", "is_unclaimed": true}));
    let found = users(&control, &[UserId(8), UserId(7), UserId(u64::MAX)]).await.unwrap();
    assert!(matches!(found.as_slice(), [None, Some(_), None]));
    let ada = user_named(&control, "ADA").await.unwrap().unwrap();
    assert_eq!((ada.id, ada.username.as_str(), ada.is_unclaimed), (UserId(7), "Ada", true));
    assert_eq!(format!("{ada:?}"), "User(7)", "an address has no place in logs");
    assert!(user_named(&control, "ad").await.unwrap().is_none());
}

#[tokio::test]
async fn claims_come_in_the_order_of_users_with_gaps() {
    let control = silo();
    for (pk, user) in [(1, 30), (2, 10)] {
        put(
            &control,
            CLAIM,
            pk,
            json!({"user": user, "hash": "h", "date_added": "2026-01-01T00:00:00.000Z"}),
        );
    }
    let found = claims(&control, &[10, 20, 30]).await.unwrap();
    let pks: Vec<_> = found.into_iter().map(|claim| claim.map(|stored| stored.row.pk)).collect();
    assert_eq!(pks, [Some(2), None, Some(1)]);
}

#[tokio::test]
async fn a_lookup_by_what_is_not_unique_is_refused() {
    let cell = silo();
    let members = roles(&cell).unwrap().members();
    let by_role = by_unique(&cell, members, &["role"], &[Fields::new()]).await;
    assert!(!by_role.unwrap_err().retryable());
    let by_null = by_unique(&cell, members, &["organization", "user_id"], &[Fields::new()]).await;
    assert!(!by_null.unwrap_err().retryable());
}

#[tokio::test]
async fn changes_at_the_same_time_all_count() {
    let cell = silo();
    put(&cell, ORGANIZATION, 1, json!({"slug": "acme", "name": "acme", "status": 0}));
    let organizations = roles(&cell).unwrap().organizations();
    let raise = |fields: &Fields| {
        let mut fields = fields.clone();
        let status = fields["status"].as_i64().unwrap() + 1;
        fields.insert("status".to_owned(), status.into());
        Some(fields)
    };
    let (plan, mut done) = (begun(&cell).await, 0);
    while done < 20 {
        // Two that meet in the middle of a write: the store refuses one, which is tried again later.
        let (one, two) = tokio::join!(
            amend(&cell, &plan, organizations, 1, raise),
            amend(&cell, &plan, organizations, 1, raise)
        );
        done += [one, two]
            .into_iter()
            .filter(|changed| match changed {
                Ok(()) => true,
                Err(error) => {
                    assert!(error.retryable());
                    false
                }
            })
            .count() as i64;
    }
    let row = cell.get(organizations, &[1]).await.unwrap().pop().flatten().unwrap().row;
    assert_eq!(row.fields["status"], json!(done));
    let journal = cell.journal(IMPORT, None, 100).await.unwrap().items;
    let originals = journal.iter().filter_map(|entry| entry.before.as_ref());
    let statuses: Vec<_> = originals.map(|before| before.row.fields["status"].as_i64().unwrap()).collect();
    assert!(statuses.into_iter().eq(0..done), "what it was before each change, the first of them first");
}

#[tokio::test]
async fn a_change_to_nothing_is_none() {
    let cell = silo();
    put(&cell, ORGANIZATION, 1, json!({"slug": "acme", "name": "acme", "status": 0}));
    put(&cell, ORGANIZATION, 2, json!({"slug": "umbrella", "name": "umbrella", "status": 0}));
    let organizations = roles(&cell).unwrap().organizations();
    let plan = begun(&cell).await;
    amend(&cell, &plan, organizations, 3, |fields| Some(fields.clone())).await.unwrap();
    amend(&cell, &plan, organizations, 1, |_| None).await.unwrap();
    let stored = cell.get(organizations, &[1]).await.unwrap().pop().flatten().unwrap();
    assert_eq!(stored.revision, 1);
    let taken = |fields: &Fields| {
        let mut fields = fields.clone();
        fields.insert("slug".to_owned(), "umbrella".into());
        Some(fields)
    };
    assert!(!amend(&cell, &plan, organizations, 1, taken).await.unwrap_err().retryable());
}

fn bookshop() -> MemorySilo {
    MemorySilo::new(Arc::new(Catalog::parse(BOOKSHOP).unwrap()))
}

#[tokio::test]
async fn another_applications_users_and_claims_are_found_by_its_own_fields() {
    let control = bookshop();
    put(
        &control,
        "bookshop.customer",
        7,
        json!({"login": "Ada", "email": "ada@example.com", "awaits_claim": true}),
    );
    put(
        &control,
        "bookshop.claim",
        3,
        json!({"customer": 7, "code": "c", "made": "2026-01-01T00:00:00.000Z"}),
    );
    let ada = user_named(&control, "ada").await.unwrap().unwrap();
    assert_eq!((ada.id, ada.username.as_str(), ada.email.as_str()), (UserId(7), "Ada", "ada@example.com"));
    assert!(ada.is_unclaimed);
    let found = claims(&control, &[8, 7]).await.unwrap();
    let pks: Vec<_> = found.into_iter().map(|claim| claim.map(|stored| stored.row.pk)).collect();
    assert_eq!(pks, [None, Some(3)]);
}

#[test]
fn a_new_owner_has_what_the_catalogue_says_of_the_user() {
    let now = "2026-02-03T04:05:06.789123Z".parse().unwrap();
    let owner = |address: &str| {
        let Value::Object(user) = json!({"login": "ada", "email": address}) else { panic!() };
        let shop = bookshop();
        Value::Object(roles(&shop).unwrap().new_owner(5, &Row::new(7, user), now))
    };
    let expected = |contact: Value| {
        json!({
            "shop": 5, "customer": 7, "invited_by": null, "role": "owner", "contact": contact, "card": null,
            "card_issued": null, "joined": "2026-02-03T04:05:06.789Z",
        })
    };
    assert_eq!(owner("ada@example.com"), expected(json!("ada@example.com")));
    assert_eq!(owner(&"a".repeat(81)), expected(Value::Null), "a longer address than a membership keeps");
}

#[test]
fn a_catalogue_that_says_nothing_of_roles_is_refused() {
    let (models, _) = BOOKSHOP.split_once("[handover]").unwrap();
    let (_, rest) = BOOKSHOP.split_once("# --- What an").unwrap();
    let cell = MemorySilo::new(Arc::new(Catalog::parse(&format!("{models}# --- What an{rest}")).unwrap()));
    let error = roles(&cell).unwrap_err();
    assert!(!error.retryable());
    assert!(error.to_string().contains("[handover]"), "{error}");
}
