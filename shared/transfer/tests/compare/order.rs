//! How rows meet: ordinals, and what keeps them from being given.

use catalog::Catalog;
use proptest::prelude::*;
use serde_json::{Value, json};
use transfer::compare::CompareError;

use crate::{catalog, findings, kinds, row, try_findings};

fn user(pk: i64, name: &str) -> Value {
    row("app.user", pk, json!({"username": name, "password": "p"}))
}

fn team(pk: i64, name: &str) -> Value {
    row("app.team", pk, json!({"name": name}))
}

fn option(pk: i64, user: i64, team: Value, key: &str, value: &str) -> Value {
    row("app.useroption", pk, json!({"user": user, "team": team, "key": key, "value": value}))
}

#[test]
fn rows_meet_by_ascending_primary_key() {
    let left = [team(1, "red"), team(2, "blue")];
    assert_eq!(kinds(&findings(&left, &[team(5, "red"), team(90, "blue")])), [""; 0]);
    assert_eq!(kinds(&findings(&left, &[team(5, "blue"), team(90, "red")])), ["UnequalJSON"; 2]);
}

#[test]
fn rows_meet_by_their_natural_key_where_they_have_one() {
    let left = [user(1, "zoe"), user(2, "ann")];
    let right = [user(7, "ann"), user(9, "zoe")];
    assert_eq!(kinds(&findings(&left, &right)), [""; 0]);
    let found = findings(&left, &[user(7, "ann"), user(9, "zed")]);
    assert_eq!(kinds(&found), ["AutoSuffixComparator"]);
    assert_eq!((found[0].on.ordinal, found[0].left_pk, found[0].right_pk), (Some(2), Some(1), Some(9)));
}

#[test]
fn a_key_within_a_natural_key_stands_for_its_target() {
    let address =
        |pk: i64, user: i64, email: &str| row("app.address", pk, json!({"user": user, "email": email}));
    let left = [user(1, "zoe"), user(2, "ann"), address(1, 1, "a"), address(2, 2, "b")];
    let right = [user(1, "ann"), user(2, "zoe"), address(1, 1, "b"), address(2, 2, "a")];
    assert_eq!(kinds(&findings(&left, &right)), [""; 0]);
}

#[test]
fn rows_out_of_order_end_the_comparison() {
    let left = [team(1, "red"), team(2, "blue")];
    let found = findings(&left, &[team(2, "green"), team(1, "grey")]);
    assert_eq!(kinds(&found), ["UnorderedInput"]);
    assert_eq!((found[0].left_pk, found[0].right_pk), (None, Some(1)));
    assert_eq!(found[0].on.ordinal, Some(2));
    let found = findings(&[team(1, "red"), team(1, "blue")], &left);
    assert_eq!(kinds(&found), ["UnorderedInput"], "a primary key that occurs twice is out of order, too");
    assert_eq!((found[0].left_pk, found[0].right_pk), (Some(1), None));
}

#[test]
fn other_models_may_stand_between_rows_of_one() {
    let left = [team(1, "red"), user(1, "ann"), team(2, "blue")];
    let right = [user(1, "ann"), team(1, "red"), team(2, "blue")];
    assert_eq!(kinds(&findings(&left, &right)), [""; 0]);
}

#[test]
fn natural_keys_that_occur_twice_end_the_comparison() {
    let left = [user(1, "ann"), user(2, "bob"), team(1, "red")];
    let found = findings(&left, &[user(1, "ann"), user(2, "bob"), user(3, "ann"), team(1, "blue")]);
    assert_eq!(kinds(&found), ["DuplicateCustomOrdinal"]);
    assert_eq!((found[0].on.ordinal, found[0].left_pk, found[0].right_pk), (None, None, Some(3)));
}

#[test]
fn primary_keys_that_occur_twice_under_natural_keys_end_the_comparison() {
    let left = [user(1, "ann"), user(2, "bob")];
    assert_eq!(kinds(&findings(&left, &[user(1, "ann"), user(1, "bob")])), ["UnorderedInput"]);
}

#[test]
fn unequal_counts_end_the_comparison() {
    let left = [user(1, "ann"), team(1, "red"), team(2, "blue")];
    let found = findings(&left, &[team(1, "green")]);
    assert_eq!(kinds(&found), ["UnequalCounts"; 2]);
    assert_eq!((found[0].on.model.as_str(), found[1].on.model.as_str()), ("app.user", "app.team"));
    assert_eq!((found[1].on.ordinal, found[1].left_pk, found[1].right_pk), (None, None, None));
}

#[test]
fn of_global_options_the_last_one_wins_and_none_counts_twice() {
    let users = [user(1, "zoe"), user(2, "ann"), team(1, "red")];
    let with = |options: &[Value]| [&users, options].concat();
    let left = with(&[option(1, 1, Value::Null, "theme", "old"), option(2, 1, Value::Null, "theme", "new")]);
    assert_eq!(kinds(&findings(&left, &with(&[option(9, 1, Value::Null, "theme", "new")]))), [""; 0]);
    assert_eq!(kinds(&findings(&left, &with(&[option(9, 1, Value::Null, "theme", "old")]))), ["UnequalJSON"]);
}

#[test]
fn options_of_a_team_are_ordered_by_primary_key_and_global_ones_by_user_and_key() {
    let users = [user(1, "zoe"), user(2, "ann"), team(1, "red")];
    let with = |options: &[Value]| [&users, options].concat();
    let left = with(&[
        option(1, 1, Value::Null, "theme", "z"),
        option(2, 2, Value::Null, "theme", "a"),
        option(3, 1, 1.into(), "theme", "t"),
        option(4, 1, 1.into(), "theme", "u"),
    ]);
    let right = with(&[
        option(11, 1, 1.into(), "theme", "t"),
        option(12, 2, Value::Null, "theme", "a"),
        option(13, 1, 1.into(), "theme", "u"),
        option(14, 1, Value::Null, "theme", "z"),
    ]);
    assert_eq!(kinds(&findings(&left, &right)), [""; 0]);
    let unordered = with(&[option(4, 1, 1.into(), "theme", "t"), option(3, 1, 1.into(), "theme", "u")]);
    assert_eq!(kinds(&findings(&unordered, &unordered)), ["UnorderedInput"; 2]);
}

#[test]
fn removed_models_are_skipped_and_unknown_ones_refused() {
    let left = [row("app.ghost", 1, json!({})), team(1, "red")];
    assert_eq!(kinds(&findings(&left, &[team(1, "red")])), [""; 0]);
    let error =
        try_findings(&catalog(), &left, &[team(1, "red"), row("app.alien", 1, json!({}))]).unwrap_err();
    assert_eq!(error.to_string(), "row 2 of the right export is of the unknown model \"app.alien\"");
    assert_eq!((error.code(), error.retryable()), ("unknown-model", false));
}

#[test]
fn what_is_no_export_is_an_error_that_says_which_side() {
    let error = try_findings(&catalog(), &[json!({"model": "app.team"})], &[]).unwrap_err();
    assert!(matches!(error, CompareError::Unreadable { .. }));
    assert_eq!(error.to_string(), "the left export could not be read");
    assert_eq!((error.code(), error.retryable()), ("unreadable-export", false));
}

/// Rows of the shipped catalogue: every kind of order, and one field of each kind that an import regenerates.
fn export(users: &[u8], regenerated: bool) -> Vec<Value> {
    let mut rows: Vec<Value> = Vec::new();
    rows.push(row(
        "sentry.organization",
        1,
        json!({"name": "acme", "slug": "acme", "date_added": "2024-01-01T00:00:00Z"}),
    ));
    for (name, pk) in users.iter().zip(1..) {
        let user = json!({"username": format!("user{name}"), "password": "p", "email": "", "is_unclaimed": regenerated});
        rows.push(row("sentry.user", pk, user));
        rows.push(row("sentry.useremail", pk, json!({"user": pk, "email": format!("{name}@example.com")})));
    }
    for pk in 1..=users.len() as i64 {
        let guid = regenerated.then(|| format!("{pk:08x}-0000-4000-8000-000000000000"));
        rows.push(row("sentry.monitor", pk, json!({"organization_id": 1, "guid": guid, "name": "m"})));
        let subscription = regenerated.then(|| format!("{pk}/{pk:032x}"));
        rows.push(row("sentry.querysubscription", pk, json!({"subscription_id": subscription})));
    }
    rows
}

proptest! {
    #[test]
    fn an_export_differs_from_itself_only_in_what_an_import_regenerates(
        users in proptest::collection::hash_set(any::<u8>(), 0..20),
        regenerated: bool,
    ) {
        let users: Vec<u8> = users.into_iter().collect();
        let rows = export(&users, regenerated);
        let found = try_findings(&Catalog::builtin(), &rows, &rows).unwrap();
        let expected = ["UserPasswordObfuscatingComparator", "UUID4Comparator", "SubscriptionIDComparator"]
            .into_iter()
            .filter(|_| regenerated)
            .flat_map(|kind| std::iter::repeat_n(kind, users.len()))
            .collect::<Vec<_>>();
        prop_assert_eq!(kinds(&found), expected);
    }

    #[test]
    fn the_order_of_rows_with_natural_keys_does_not_matter(
        users in proptest::collection::hash_set(any::<u8>(), 0..20).prop_map(|users| users.into_iter().collect::<Vec<_>>()),
        seed: u64,
    ) {
        let left = export(&users, false);
        let mut right = left.clone();
        // A fixed shuffle: rows with natural keys are sorted by a number that the seed gives them.
        right.sort_by_key(|row| {
            let mixed = (row["pk"].as_u64().unwrap() ^ seed).wrapping_mul(0x9e37_79b9_7f4a_7c15);
            if row["model"] == "sentry.monitor" || row["model"] == "sentry.querysubscription" { (1, row["pk"].as_u64().unwrap()) } else { (0, mixed) }
        });
        let found = try_findings(&Catalog::builtin(), &left, &right).unwrap();
        prop_assert_eq!(kinds(&found), Vec::<&str>::new());
    }
}
