//! Each comparator: no difference gives no finding, a difference gives exactly its finding, and a value that
//! one side lacks gives only the existence check's.

use serde_json::{Value, json};
use transfer::findings::Instance;

use crate::{findings, kinds, row};

const HEX: &str = "0123456789abcdef0123456789abcdef";
const UUID: &str = "5ef6ba32-1d96-4dc4-8b26-a89deb41572a";
const OTHER_UUID: &str = "00000000-0000-4000-8000-000000000000";
const SUBSCRIPTION: &str = "1/0123456789abcdef0123456789abcdef";
const OTHER_SUBSCRIPTION: &str = "12/ffffffffffffffffffffffffffffffff";

struct Case {
    field: &'static str,
    kind: &'static str,
    /// Pairs that go together.
    accepted: Vec<(Value, Value)>,
    /// Pairs that do not.
    refused: Vec<(Value, Value)>,
}

fn pairs<const N: usize>(pairs: [(&str, &str); N]) -> Vec<(Value, Value)> {
    pairs.map(|(left, right)| (left.into(), right.into())).to_vec()
}

fn cases() -> Vec<Case> {
    vec![
        Case {
            field: "slug",
            kind: "AutoSuffixComparator",
            accepted: pairs([
                ("acme", "acme"),
                ("acme", "acme-x9"),
                ("acme", "acme-abcdefg"),
                ("twelve-chars", "twelve-ch-ab"),
            ]),
            refused: pairs([
                ("acme", "acme-x"),
                ("acme", "acme-AB"),
                ("acme", "acmex9"),
                ("acme", "acm-x9"),
                ("acme", "other-x9"),
                ("acme", "acme-0123456789abc"),
                ("acme", "Acme"),
            ]),
        },
        Case {
            field: "seen",
            kind: "DateUpdatedComparator",
            accepted: pairs([
                ("2024-02-29T10:00:00.000Z", "2024-02-29T10:00:00.000Z"),
                ("2024-02-29T10:00:00.000Z", "2024-02-29T10:00:00.001Z"),
                ("2024-02-29T10:00:00.000Z", "2024-02-29T11:00:00+01:00"),
            ]),
            refused: pairs([
                ("2024-02-29T10:00:00.001Z", "2024-02-29T10:00:00.000Z"),
                ("2024-02-29T10:00:00.000Z", "tomorrow"),
                ("yesterday", "2024-02-29T10:00:00.000Z"),
                ("yesterday", "tomorrow"),
            ]),
        },
        Case {
            field: "born",
            kind: "DatetimeEqualityComparator",
            accepted: pairs([
                ("2024-02-29T10:00:00.000Z", "2024-02-29T10:00:00Z"),
                ("2024-02-29T10:00:00Z", "2024-02-29T09:00:00.000-01:00"),
            ]),
            refused: pairs([
                ("2024-02-29T10:00:00.000Z", "2024-02-29T10:00:00.001Z"),
                ("2024-02-29T10:00:00.000Z", "2024-02-29"),
            ]),
        },
        Case {
            field: "email",
            kind: "EmailObfuscatingComparator",
            accepted: pairs([("", ""), ("ann@example.com", "ann@example.com")]),
            refused: pairs([("ann@example.com", "bob@example.com"), ("", "ann@example.com")]),
        },
        Case {
            field: "token",
            kind: "HashObfuscatingComparator",
            accepted: pairs([(HEX, HEX)]),
            refused: pairs([(HEX, "0123456789abcdef"), (HEX, "")]),
        },
        Case {
            field: "secret",
            kind: "SecretHexComparator",
            accepted: pairs([(HEX, HEX), (HEX, "ffffffffffffffffffffffffffffffff")]),
            refused: pairs([
                (HEX, "0123456789ABCDEF0123456789ABCDEF"),
                ("0123456789abcdef", HEX),
                (HEX, "g123456789abcdef0123456789abcdef"),
            ]),
        },
        Case {
            field: "subscription",
            kind: "SubscriptionIDComparator",
            accepted: pairs([(SUBSCRIPTION, OTHER_SUBSCRIPTION)]),
            refused: pairs([
                (SUBSCRIPTION, SUBSCRIPTION),
                (SUBSCRIPTION, HEX),
                (SUBSCRIPTION, "/0123456789abcdef0123456789abcdef"),
                ("a/0123456789abcdef0123456789abcdef", SUBSCRIPTION),
            ]),
        },
        Case {
            field: "uuid",
            kind: "UUID4Comparator",
            accepted: pairs([
                (UUID, OTHER_UUID),
                (UUID, "00000000000040008000000000000000"),
                ("5EF6BA32-1D96-4DC4-8B26-A89DEB41572A", OTHER_UUID),
            ]),
            refused: pairs([
                (UUID, UUID),
                (UUID, "5EF6BA321D964DC48B26A89DEB41572A"),
                (UUID, "00000000-0000-1000-8000-000000000000"),
                (UUID, "{00000000-0000-4000-8000-000000000000}"),
                ("none", UUID),
            ]),
        },
        Case {
            field: "scopes",
            kind: "UnorderedListComparator",
            accepted: vec![
                (json!(["a", "b"]), json!(["b", "a"])),
                (json!(r#"["a","b"]"#), json!(r#"["b", "a"]"#)),
                (json!([]), json!("[]")),
            ],
            refused: vec![
                (json!(["a", "b"]), json!(["a"])),
                (json!(["a", "a", "b"]), json!(["a", "b", "b"])),
                (json!(["a"]), json!("a")),
            ],
        },
    ]
}

fn sample(field: &str, value: &Value) -> Value {
    row("app.sample", 3, json!({ field: value }))
}

#[test]
fn values_that_go_together_give_no_finding() {
    for case in cases() {
        for (left, right) in case.accepted {
            let found = findings(&[sample(case.field, &left)], &[sample(case.field, &right)]);
            assert!(found.is_empty(), "{left} and {right}: {found:?}");
        }
    }
}

#[test]
fn values_that_do_not_go_together_give_exactly_one_finding() {
    for case in cases() {
        for (left, right) in case.refused {
            let found = findings(&[sample(case.field, &left)], &[sample(case.field, &right)]);
            assert_eq!(kinds(&found), [case.kind], "{left} and {right}");
            assert_eq!(found[0].on, Instance { model: "app.sample".to_owned(), ordinal: Some(1) });
            assert_eq!((found[0].left_pk, found[0].right_pk), (Some(3), Some(3)));
        }
    }
}

#[test]
fn a_value_that_one_side_lacks_gives_only_the_finding_of_the_existence_check() {
    let lacking = [row("app.sample", 3, json!({}))];
    for case in cases() {
        let there = [sample(case.field, &case.refused[0].0)];
        let null = [sample(case.field, &Value::Null)];
        let kind = format!("{}ExistenceCheck", case.kind);
        for lacking in [&lacking, &null] {
            assert_eq!(kinds(&findings(lacking, &there)), [&kind]);
            assert_eq!(kinds(&findings(&there, lacking)), [&kind]);
        }
        assert_eq!(kinds(&findings(&lacking, &null)), [""; 0], "missing equals null");
    }
}

#[test]
fn equal_or_removed_complains_only_about_what_the_left_side_lacks() {
    let owner = |value: Value| [sample("owner", &value)];
    assert_eq!(kinds(&findings(&owner("a".into()), &owner("a".into()))), [""; 0]);
    assert_eq!(kinds(&findings(&owner("a".into()), &owner(Value::Null))), [""; 0]);
    assert_eq!(kinds(&findings(&owner("a".into()), &owner("b".into()))), ["EqualOrRemovedComparator"]);
    let added = findings(&owner(Value::Null), &owner("a".into()));
    assert_eq!(kinds(&added), ["EqualOrRemovedComparatorExistenceCheck"]);
}

#[test]
fn ignored_fields_are_not_looked_at() {
    let noise = |value: Value| [sample("noise", &value)];
    assert_eq!(kinds(&findings(&noise("a".into()), &noise("b".into()))), [""; 0]);
    assert_eq!(kinds(&findings(&noise("a".into()), &noise(Value::Null))), [""; 0]);
}

#[test]
fn a_cut_goes_only_as_far_as_the_suffix_needs() {
    let slug = |value: &str| [sample("slug", &value.into())];
    let long = slug("twelve-chars");
    assert_eq!(kinds(&findings(&long, &slug("twelve-ch-ab"))), [""; 0]);
    assert_eq!(kinds(&findings(&long, &slug("twel-0123456"))), [""; 0]);
    assert_eq!(kinds(&findings(&long, &slug("twelv-0123"))), ["AutoSuffixComparator"]);
    assert_eq!(kinds(&findings(&long, &slug("tw-ab"))), ["AutoSuffixComparator"]);
    let dash_at_the_cut = slug("eight-ch-ars");
    assert_eq!(kinds(&findings(&dash_at_the_cut, &slug("eight-ch-ab"))), [""; 0]);
}

fn user(password: &str, extra: Value) -> Value {
    let mut fields = json!({"username": "ann", "password": password});
    fields.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
    row("app.user", 1, fields)
}

#[test]
fn passwords() {
    const KIND: &[&str] = &["UserPasswordObfuscatingComparator"];
    let early = json!({"last_password_change": "2024-01-01T00:00:00.000Z"});
    let unclaimed = json!({"is_unclaimed": true});
    let changed = |date: &str| json!({"is_unclaimed": true, "last_password_change": date});
    let table: [(&str, Value, Value, &[&str]); 12] = [
        ("claimed, kept", user("a", json!({})), user("a", json!({})), &[]),
        ("claimed, changed", user("a", json!({})), user("b", json!({})), KIND),
        ("claimed, now unclaimed", user("a", json!({})), user("b", unclaimed.clone()), &[]),
        ("unclaimed, renewed", user("a", unclaimed.clone()), user("b", unclaimed.clone()), &[]),
        ("unclaimed, kept", user("a", unclaimed.clone()), user("a", unclaimed.clone()), KIND),
        ("unclaimed, now claimed", user("a", unclaimed.clone()), user("a", json!({})), KIND),
        ("date later", user("a", early.clone()), user("b", changed("2024-01-02T00:00:00Z")), &[]),
        ("date same", user("a", early.clone()), user("b", changed("2024-01-01T00:00:00Z")), &[]),
        ("date earlier", user("a", early.clone()), user("b", changed("2023-01-01T00:00:00Z")), KIND),
        ("date gone", user("a", early), user("b", unclaimed.clone()), KIND),
        ("date new", user("a", json!({})), user("b", changed("2023-01-01T00:00:00Z")), &[]),
        (
            "expired",
            user("a", unclaimed),
            user("b", json!({"is_unclaimed": true, "is_password_expired": true})),
            KIND,
        ),
    ];
    for (name, left, right, expected) in table {
        assert_eq!(kinds(&findings(&[left], &[right])), expected, "{name}");
    }
    let without = row("app.user", 1, json!({"username": "ann"}));
    let found = findings(&[user("a", json!({}))], &[without]);
    assert_eq!(kinds(&found), ["UserPasswordObfuscatingComparatorExistenceCheck"]);
}

#[test]
fn keys_are_compared_by_the_ordinals_of_their_targets() {
    let team = |pk: i64| row("app.team", pk, json!({"name": "team"}));
    let with = |first: i64, second: i64, key: Value| {
        [team(first), team(second), row("app.sample", 3, json!({"team": key}))]
    };
    let left = with(1, 2, 1.into());
    assert_eq!(kinds(&findings(&left, &with(7, 9, 7.into()))), [""; 0]);
    assert_eq!(kinds(&findings(&left, &with(7, 9, 9.into()))), ["ForeignKeyComparator"]);
    assert_eq!(kinds(&findings(&left, &with(7, 9, 1.into()))), ["ForeignKeyComparator"], "no such target");
    assert_eq!(kinds(&findings(&left, &with(7, 9, "x".into()))), ["ForeignKeyComparator"], "no key at all");
    let dangling = with(1, 2, 3.into());
    assert_eq!(kinds(&findings(&dangling, &dangling)), ["ForeignKeyComparator"]);
    let null = with(7, 9, Value::Null);
    assert_eq!(kinds(&findings(&left, &null)), ["ForeignKeyComparatorExistenceCheck"]);
    assert_eq!(kinds(&findings(&null, &left)), ["ForeignKeyComparatorExistenceCheck"]);
    assert_eq!(kinds(&findings(&null, &null)), [""; 0]);
}

#[test]
fn the_remaining_json_must_be_equal() {
    let team = |fields: Value| [row("app.team", 1, fields)];
    let left = team(json!({"name": "red", "settings": {"a": [1, 2.0]}}));
    assert_eq!(kinds(&findings(&left, &left)), [""; 0]);
    for right in [
        json!({"name": "blue", "settings": {"a": [1, 2.0]}}),
        json!({"name": "red", "settings": {"a": [1, 2]}}),
        json!({"name": "red", "settings": {"a": [1, 2.0]}, "unknown": 1}),
        json!({"settings": {"a": [1, 2.0]}}),
    ] {
        let found = findings(&left, &team(right));
        assert_eq!(kinds(&found), ["UnequalJSON"]);
        let is_changed =
            |line: &str| line.starts_with(['+', '-']) && !line.starts_with("---") && !line.starts_with("+++");
        assert!(found[0].reason.lines().any(is_changed), "{}", found[0].reason);
    }
}

#[test]
fn missing_equals_null_and_removed_fields_do_not_count() {
    let left = [row("app.team", 1, json!({"name": "red", "mascot": "fox", "unknown": null}))];
    let right = [row("app.team", 1, json!({"name": "red"}))];
    assert_eq!(kinds(&findings(&left, &right)), [""; 0]);
    assert_eq!(kinds(&findings(&right, &left)), [""; 0]);
}

#[test]
fn findings_come_by_model_then_ordinal_then_field() {
    let rows = |suffix: &str, hash: &str| {
        vec![
            row("app.sample", 3, json!({"token": format!("{hash}{suffix}"), "born": suffix, "team": null})),
            row("app.sample", 4, json!({"token": hash, "team": 1, "extra": suffix})),
            row("app.team", 1, json!({"name": suffix})),
        ]
    };
    let found = findings(&rows("a", HEX), &rows("b", UUID));
    let places: Vec<_> = found
        .iter()
        .map(|finding| (finding.on.model.as_str(), finding.on.ordinal, finding.kind.as_ref()))
        .collect();
    assert_eq!(
        places,
        [
            ("app.team", Some(1), "UnequalJSON"),
            ("app.sample", Some(1), "DatetimeEqualityComparator"),
            ("app.sample", Some(1), "HashObfuscatingComparator"),
            ("app.sample", Some(2), "HashObfuscatingComparator"),
            ("app.sample", Some(2), "UnequalJSON"),
        ]
    );
}
