//! How imports fail: each kind, where, and without showing what the row holds.

use std::error::Error as _;

use catalog::ImportScope::{Config, Organization, User};
use serde_json::{Value, json};
use transfer::import::{ExportSource, ImportError, ImportErrorKind};

use crate::support::flaky::{Moment, Wire};
use crate::support::{Instance, another, file, member, organization, project, request, row, user, with};

/// Everything that an error says, its causes included.
fn everything_said(error: &ImportError) -> String {
    let mut said = format!("{error:?} {error}");
    let mut cause = error.source();
    while let Some(error) = cause {
        said.push_str(&format!(" {error:?} {error}"));
        cause = error.source();
    }
    said
}

/// The place of an error: its model, ordinal and primary key in the file.
fn place(error: &ImportError) -> (String, Option<u64>, Option<i64>) {
    match error {
        ImportError::Row { row, .. } => (row.model.clone(), row.ordinal, row.source_pk),
        other => panic!("{other:?}"),
    }
}

#[test]
fn values_of_the_wrong_shape_are_named_but_not_shown() {
    let base = || vec![organization(5, "acme"), user(1, "bob"), project(6, 5, "web"), member(2, 5, 1)];
    let cases = [
        ("sentry.organization", json!({ "name": 5 }), ImportErrorKind::DeserializationFailed, "name"),
        (
            "sentry.organization",
            json!({ "name": "SECRET".repeat(20) }),
            ImportErrorKind::ValidationError,
            "name",
        ),
        (
            "sentry.organization",
            json!({ "status": "SECRET" }),
            ImportErrorKind::DeserializationFailed,
            "status",
        ),
        ("sentry.organization", json!({ "status": 1e30 }), ImportErrorKind::DeserializationFailed, "status"),
        (
            "sentry.organization",
            json!({ "is_test": "SECRET" }),
            ImportErrorKind::DeserializationFailed,
            "is_test",
        ),
        (
            "sentry.organization",
            json!({ "date_added": "SECRET" }),
            ImportErrorKind::DeserializationFailed,
            "date_added",
        ),
        (
            "sentry.organization",
            json!({ "date_added": 12 }),
            ImportErrorKind::DeserializationFailed,
            "date_added",
        ),
        (
            "sentry.organization",
            json!({ "date_added": null }),
            ImportErrorKind::ValidationError,
            "date_added",
        ),
        (
            "sentry.project",
            json!({ "organization": "SECRET" }),
            ImportErrorKind::DeserializationFailed,
            "organization",
        ),
        ("sentry.project", json!({ "organization": null }), ImportErrorKind::ValidationError, "organization"),
        (
            "sentry.project",
            json!({ "organization": 5.5 }),
            ImportErrorKind::DeserializationFailed,
            "organization",
        ),
        (
            "sentry.organizationmember",
            json!({ "email": ["SECRET"] }),
            ImportErrorKind::DeserializationFailed,
            "email",
        ),
    ];
    for (model, change, kind, field) in cases {
        let changed =
            base().into_iter().map(|row| if row["model"] == model { with(row, change.clone()) } else { row });
        let changed: Vec<Value> = changed.collect();
        let pk = changed.iter().find(|row| row["model"] == model).unwrap()["pk"].as_i64();
        let error = Instance::new().fail(&request(Organization), changed);
        assert_eq!(error.kind(), kind, "{model} {change}: {error}");
        assert_eq!(place(&error), (model.to_owned(), Some(1), pk));
        let said = everything_said(&error);
        assert!(said.contains(&format!("`{field}`")), "{said}");
        assert!(!said.contains("SECRET"), "{said}");
        assert!(!error.retryable());
    }
}

#[test]
fn dates_are_read_in_any_form_and_kept_in_one() {
    for (text, kept) in [
        ("2024-05-06T07:08:09.123Z", "2024-05-06T07:08:09.123Z"),
        ("2024-05-06T07:08:09Z", "2024-05-06T07:08:09.000Z"),
        ("2024-05-06T07:08:09.123456+02:00", "2024-05-06T05:08:09.123Z"),
        ("2024-05-06T07:08:09", "2024-05-06T07:08:09.000Z"),
    ] {
        let instance = Instance::new();
        instance.run(&request(Organization), [with(organization(5, "a"), json!({ "date_added": text }))]);
        assert_eq!(instance.rows("sentry.organization")[0].fields["date_added"], kept);
    }
}

#[test]
fn two_rows_with_one_primary_key_are_an_error() {
    for distance in [1, 40] {
        let others = (1..distance).map(|n| user(100 + n, &format!("u{n}")));
        let rows: Vec<Value> = [user(7, "a")].into_iter().chain(others).chain([user(7, "b")]).collect();
        let error = Instance::new().fail(&request(User), rows);
        assert_eq!(error.kind(), ImportErrorKind::IntegrityError);
        assert_eq!(
            place(&error),
            ("sentry.user".to_owned(), Some(u64::try_from(distance).unwrap() + 1), Some(7))
        );
    }
}

#[test]
fn equal_unique_values_are_an_error_where_no_rule_settles_them() {
    let rows = [organization(5, "acme"), project(6, 5, "web"), project(8, 5, "web")];
    let error = Instance::new().fail(&request(Organization), rows);
    assert_eq!(error.kind(), ImportErrorKind::IntegrityError);
    assert_eq!(
        error.to_string(),
        "IntegrityError at sentry.project row 2 (primary key 8): another row has the same organization+slug"
    );
}

#[test]
fn a_primary_key_that_somebody_took_by_hand_is_an_error() {
    let instance = Instance::new();
    let wanted = request(User);
    let file = file([user(1, "bob")]);
    let wire = Wire::default();
    Instance::new().import_over(&wire, &file, &wanted).unwrap();
    // The plan is made, and nothing else: of the last calls one writes the user, one copies its chunk, two close the import.
    instance.import_over(&Wire::cut(wire.calls() - 3, Moment::Before), &file, &wanted).unwrap_err();
    let planned = futures::executor::block_on(silo::Silo::plan(&instance.cell, wanted.import)).unwrap();
    let range = planned.expect("the plan is recorded").ranges["sentry.user"];
    instance.put("sentry.user", range.start, json!({ "username": "by hand" }));
    let error = instance.import(&file, &wanted).unwrap_err();
    assert_eq!(error.kind(), ImportErrorKind::IntegrityError, "{error}");
    assert_eq!(place(&error), ("sentry.user".to_owned(), Some(1), Some(1)));
}

#[test]
fn a_row_that_no_store_can_hold_is_an_error_that_names_it() {
    // Random hexadecimal digits compress to half their length.
    let mut state = 1_u64;
    let noise: String = std::iter::repeat_with(|| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        format!("{:08x}", state >> 32)
    })
    .take(120_000)
    .collect();
    let option =
        |pk, value: &str| row("sentry.option", pk, json!({ "key": format!("k{pk}"), "value": value }));
    let error = Instance::new().fail(&request(Config), [option(4, "small"), option(9, &noise)]);
    assert_eq!(error.kind(), ImportErrorKind::ValidationError, "{error}");
    assert_eq!(place(&error), ("sentry.option".to_owned(), Some(2), Some(9)));
    let compressible = "0123456789".repeat(90_000);
    Instance::new().run(&request(Config), [option(4, &compressible)]);
}

#[test]
fn a_failing_store_is_a_database_error_that_passes() {
    let file = file([user(1, "bob")]);
    let wire = Wire::default();
    Instance::new().import_over(&wire, &file, &request(User)).unwrap();
    for call in 1..=wire.calls() {
        let error =
            Instance::new().import_over(&Wire::cut(call, Moment::Before), &file, &request(User)).unwrap_err();
        assert_eq!(error.kind(), ImportErrorKind::DatabaseError);
        assert!(error.retryable());
        let cause = error.source().unwrap().to_string();
        assert!(cause.contains(&format!("call {call} failed")), "{cause}");
        assert!(!error.to_string().contains(&cause), "a message does not repeat its cause");
    }
}

#[test]
fn an_import_without_a_uuid_is_none() {
    let error = Instance::new().fail(&another(&request(User), 0), [user(1, "bob")]);
    assert_eq!(error.kind(), ImportErrorKind::MissingImportUUID);
}

#[test]
fn what_is_no_export_is_refused_before_anything_is_written() {
    let cases = [
        "",
        "{}",
        "[",
        "[1]",
        r#"[{"model":"sentry.user","pk":1}]"#,
        r#"[{"model":"sentry.user","pk":"SECRET","fields":{}}]"#,
        r#"[{"model":"sentry.user","pk":1.5,"fields":{}}]"#,
        r#"[{"model":"sentry.user","pk":1,"fields":"SECRET"}]"#,
        r#"[{"model":"sentry.user","pk":1,"fields":["SECRET"]}]"#,
        r#"[{"model":{"SECRET":1},"pk":1,"fields":{}}]"#,
        r#"[{"model":"sentry.user","pk":1,"fields":{"SECRET"}}]"#,
        r#"[{"model":"sentry.user","pk":1,"fields":{"username":"a"}}] SECRET"#,
        r#"[{"model":"sentry.user","pk":1,"fields":{"username":"a"}},]"#,
    ];
    for text in cases {
        let instance = Instance::new();
        let error = instance.import(text.as_bytes(), &request(User)).unwrap_err();
        assert_eq!(error.kind(), ImportErrorKind::DeserializationFailed, "{text}");
        assert!(!error.retryable(), "{text}");
        let said = everything_said(&error);
        assert!(!said.contains("SECRET"), "{said}");
        assert_eq!(instance.state(), vec![]);
    }
}

/// A file that cannot be opened, or breaks off when it is read for the second time.
struct Broken {
    opens: std::sync::atomic::AtomicUsize,
}

impl ExportSource for Broken {
    type Reader = std::io::Cursor<Vec<u8>>;

    fn open(&self) -> std::io::Result<Self::Reader> {
        match self.opens.fetch_add(1, std::sync::atomic::Ordering::Relaxed) {
            0 => Ok(std::io::Cursor::new(file([user(1, "bob")]))),
            _ => Err(std::io::Error::other("gone")),
        }
    }
}

#[test]
fn a_file_that_cannot_be_opened_may_be_there_later() {
    let instance = Instance::new();
    let broken = Broken { opens: 0.into() };
    let error = instance.import_from(&broken, &request(User)).unwrap_err();
    assert_eq!(error.kind(), ImportErrorKind::Unknown);
    assert!(error.retryable());
    assert_eq!(error.source().unwrap().to_string(), "gone");
}

/// A file that has more rows when it is read again has no primary keys for them.
#[test]
fn a_file_that_changes_while_it_is_read_is_an_error() {
    struct Growing(std::sync::atomic::AtomicUsize);
    impl ExportSource for Growing {
        type Reader = std::io::Cursor<Vec<u8>>;
        fn open(&self) -> std::io::Result<Self::Reader> {
            let opened = self.0.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
            Ok(std::io::Cursor::new(file(
                (0..=opened)
                    .map(|n| project(n as i64, 5, "web"))
                    .chain([organization(5, "acme"), project(50, 5, "api")]),
            )))
        }
    }
    let instance = Instance::new();
    let growing = Growing(0.into());
    let error = instance.import_from(&growing, &request(Organization)).unwrap_err();
    assert_eq!(error.kind(), ImportErrorKind::IntegrityError, "{error}");
}
