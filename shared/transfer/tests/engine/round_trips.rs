//! Real exports, imported in every scope with every flag into an instance with nothing in it and into one that holds
//! the same, and exported again: what differs from what went in is what SPEC §7 prescribes, and nothing else.

use std::collections::BTreeSet;

use catalog::ImportScope::{self, Config, Global, Organization, User};
use outside::reference_bytes;
use silo::ImportFlags;
use transfer::import::{DropReason, ImportOutcome, ImportRequest};

use crate::support::rounds::rows;
use crate::support::{HIDE, Instance, MERGE, OVERWRITE, another, request, request_with};
use Flag::{Hide, Merge, Overwrite, Without};
use Target::{Empty, Same};

const RELEASE: &str = "release-24.7.0";
const FRESH: &str = "fresh-install";
const NO_ADDRESS: &str = "app-user-with-empty-email";
const MOST: &str = "user-with-maximum-privileges";
const LEAST: &str = "user-with-minimum-privileges";
const ROLES: &str = "user-with-roles-no-superadmin";
const INTEGRATION: &str = "single-integration";
const OPTION: &str = "single-option";

const FILES: [&str; 8] = [RELEASE, FRESH, NO_ADDRESS, MOST, LEAST, ROLES, INTEGRATION, OPTION];
const SCOPES: [ImportScope; 4] = [User, Organization, Config, Global];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Flag {
    Without,
    Merge,
    Overwrite,
    Hide,
}

const ANY: &[Flag] = &[Without, Merge, Overwrite, Hide];
const NOT_MERGING: &[Flag] = &[Without, Overwrite, Hide];

impl Flag {
    fn flags(self) -> ImportFlags {
        match self {
            Without => ImportFlags::default(),
            Merge => MERGE,
            Overwrite => OVERWRITE,
            Hide => HIDE,
        }
    }
}

/// What the file is imported into: nothing, or an instance that holds the same. An import in Global scope clears that.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Target {
    Empty,
    Same,
}

const EITHER: &[Target] = &[Empty, Same];

/// How rows of some models differ, or what became of them.
struct Difference {
    files: &'static [&'static str],
    scopes: &'static [ImportScope],
    into: &'static [Target],
    flags: &'static [Flag],
    /// The kind of a finding; or `dropped`, or `renamed`.
    kind: &'static str,
    models: &'static [&'static str],
    /// What prescribes it: the rule of SPEC §7, or what the file lacks.
    #[expect(dead_code, reason = "it is there for whoever reads the table")]
    because: &'static str,
}

macro_rules! differences {
    ($($kind:literal $models:expr, $files:expr, $scopes:expr, $into:expr, $flags:expr, $because:literal;)+) => {
        &[$(Difference {
            kind: $kind, models: &$models, files: &$files, scopes: &$scopes, into: $into, flags: $flags, because: $because,
        }),+]
    };
}

#[rustfmt::skip]
const DIFFERENCES: &[Difference] = differences! {
    // Users.
    "UnequalJSON" ["sentry.user"], [RELEASE, FRESH, MOST], [User, Organization], &[Empty], ANY,
        "user: outside Config and Global nobody is staff, superuser or managed";
    "UnequalJSON" ["sentry.user"], [RELEASE, FRESH, MOST], [User, Organization], &[Same], NOT_MERGING,
        "the same; a merged user stays as it is";
    "renamed" ["sentry.user"], [RELEASE, FRESH, NO_ADDRESS, MOST, LEAST, ROLES], [User, Organization, Config], &[Same], NOT_MERGING,
        "user: a username that is taken gets a suffix unless it is merged (AutoSuffix finds it equal)";
    "dropped" ["sentry.useremail"], [RELEASE, FRESH, NO_ADDRESS, MOST, LEAST, ROLES], [User, Organization, Config], &[Same], &[Merge],
        "useremail, userip, useroption, userpermission: dropped when their user was merged";
    "dropped" ["sentry.useroption"], [RELEASE, MOST, LEAST, ROLES], [User, Organization, Config], &[Same], &[Merge],
        "the same";
    "dropped" ["sentry.userpermission"], [RELEASE, MOST, ROLES], [Config], &[Same], &[Merge],
        "the same";
    "UnequalCounts" ["sentry.useremail"], [RELEASE, FRESH, NO_ADDRESS, MOST, LEAST, ROLES], [User, Organization], &[Same], &[Merge],
        "what was dropped is missing";
    "UnequalCounts" ["sentry.useremail"], [RELEASE, FRESH, MOST, ROLES], [Config], &[Same], &[Merge],
        "the same; of users without a privilege this scope exports nothing (§8)";
    "UnequalCounts" ["sentry.useroption"], [RELEASE, MOST, LEAST, ROLES], [User, Organization], &[Same], &[Merge],
        "the same";
    "UnequalCounts" ["sentry.useroption", "sentry.userpermission"], [RELEASE, MOST, ROLES], [Config], &[Same], &[Merge],
        "the same";

    // A role that is not in the file.
    "dropped" ["sentry.userroleuser"], [ROLES], [Config, Global], EITHER, ANY,
        "a key whose target was not imported drops the row: the file has a role 3, and this row wants 1";
    "UnequalCounts" ["sentry.userroleuser"], [ROLES], [Global], EITHER, ANY,
        "what was dropped is missing (an export in Config scope has no such row either, §8)";

    // Organisations.
    "UnequalJSON" ["sentry.organization"], [RELEASE, FRESH], [Organization, Global], EITHER, &[Hide],
        "organization: with hide_organizations status = 3";
    "renamed" ["sentry.organization"], [RELEASE, FRESH], [Organization], &[Same], ANY,
        "organization: a slug that is taken gets a suffix (AutoSuffix finds it equal)";
    "dropped" ["sentry.notificationactionproject"], [RELEASE], [Organization], EITHER, ANY,
        "notification actions with an app are Global, and their project links follow (as in the export, §8)";
    "UnequalJSON" ["sentry.notificationaction"], [RELEASE], [Organization], &[Same], NOT_MERGING,
        "a target_identifier of type user or team is replaced like a key: the user has another one here";
    "UnequalJSON" ["sentry.notificationaction", "sentry.alertruletriggeraction"], [RELEASE], [Global], &[Same], ANY,
        "the same; in an instance that was cleared no primary key is given away again";

    // Projects.
    "HashObfuscatingComparator" ["sentry.projectkey"], [RELEASE, FRESH], [Organization], &[Same], ANY,
        "projectkey: a key that is taken becomes a new one";
    "UnequalJSON" ["sentry.projectoption"], [RELEASE, FRESH], [Organization], EITHER, ANY,
        "rows of the file take over the existing pk of the option made with the project, so that their order is another";
    "ForeignKeyComparator" ["sentry.projectoption"], [RELEASE], [Organization], EITHER, ANY,
        "the same";
    "HashObfuscatingComparator" ["sentry.orgauthtoken"], [RELEASE], [Organization], &[Same], ANY,
        "orgauthtoken: a token that is taken becomes a new one, and its last four follow";
    "SubscriptionIDComparatorExistenceCheck" ["sentry.querysubscription"], [RELEASE], [Organization, Global], EITHER, ANY,
        "querysubscription: a new subscription id, where the file has none";
    "UnequalJSON" ["sentry.querysubscription"], [RELEASE], [Organization, Global], EITHER, ANY,
        "querysubscription: active";

    // Fields that the version which wrote the file did not have: they get their default, and null is no default.
    "UnequalJSON" ["sentry.alertrule", "sentry.dashboardwidget"], [RELEASE], [Organization, Global], EITHER, ANY,
        "the file lacks detection_type and dataset_source";
    "UnequalJSON" ["sentry.projectkey"], [FRESH], [Organization, Global], EITHER, ANY,
        "the file lacks use_case";
    "UnequalJSON" ["sentry.integration"], [INTEGRATION], [Global], EITHER, ANY,
        "the file lacks metadata";
};

/// What differed, as (kind, model).
type Differences = BTreeSet<(String, String)>;

fn expected(file: &str, scope: ImportScope, into: Target, flag: Flag) -> Differences {
    let holds = |difference: &&Difference| {
        difference.files.contains(&file)
            && difference.scopes.contains(&scope)
            && difference.into.contains(&into)
            && difference.flags.contains(&flag)
    };
    let of = |difference: &Difference| {
        let kind = difference.kind;
        difference.models.iter().map(move |model| (kind.to_owned(), (*model).to_owned())).collect::<Vec<_>>()
    };
    DIFFERENCES.iter().filter(holds).flat_map(of).collect()
}

/// An import with random values of its own.
fn import_of(scope: ImportScope, flag: Flag) -> ImportRequest {
    ImportRequest { key: [8; 32], ..another(&request_with(scope, flag.flags()), 2) }
}

fn became(outcome: &ImportOutcome) -> Differences {
    let report = &outcome.report;
    let dropped = report.dropped.iter().map(|dropped| ("dropped".to_owned(), dropped.model.clone()));
    let renamed = report.renamed.iter().map(|renamed| ("renamed".to_owned(), renamed.model.clone()));
    dropped.chain(renamed).collect()
}

/// Imports a file and exports it again; answers with what differs from what went in. Of an instance that held the same
/// before, only what the import answers for is looked at: the rest is still there as it was.
fn differences(file: &[u8], scope: ImportScope, into: Target, flag: Flag) -> Differences {
    let went_in = Instance::loaded(file).export(scope);
    let instance = Instance::new();
    if into == Same {
        instance.import(file, &request(Global)).unwrap();
    }
    let before = instance.state();
    let clear = into == Same && scope == Global;
    let outcome = instance.import(file, &ImportRequest { clear, ..import_of(scope, flag) }).unwrap();
    if !clear {
        assert_contains(&instance, &before);
    }

    let (left, right) = instance.met(&outcome);
    let mut came_out = instance.export(scope);
    if into == Same {
        came_out = right.of(&instance, &came_out);
    }
    let mut found = instance.compare(&went_in, &came_out);
    if found.iter().any(|finding| finding.kind == "UnequalCounts") {
        // That ended the comparison: go on with the rows that have met.
        let rest = instance.compare(&left.of(&instance, &went_in), &right.of(&instance, &came_out));
        assert!(rest.iter().all(|finding| finding.kind != "UnequalCounts"), "{rest:?}");
        found.extend(rest);
    }
    let found = found.into_iter().map(|finding| (finding.kind.into_owned(), finding.on.model));
    found.chain(became(&outcome)).collect()
}

/// What was there is there, row for row.
fn assert_contains(instance: &Instance, before: &[(String, Vec<silo::Row>)]) {
    for (model, rows) in before {
        let now = instance.rows(model);
        for row in rows {
            assert!(now.contains(row), "{model} {} is not as it was", row.pk);
        }
    }
}

#[test]
fn a_file_comes_out_as_it_went_in_but_for_what_the_rules_prescribe() {
    for name in FILES {
        let Some(file) = reference_bytes(&format!("exports/{name}.json")) else { return };
        for scope in SCOPES {
            for into in [Empty, Same] {
                for flag in [Without, Merge, Overwrite, Hide] {
                    assert_eq!(
                        differences(&file, scope, into, flag),
                        expected(name, scope, into, flag),
                        "{name} in {scope:?} scope into {into:?}, {flag:?}: what differs, and what the table says"
                    );
                }
            }
        }
    }
}

/// Each line of the table is about something: a line that no case meets would prove nothing.
#[test]
fn no_line_of_the_table_is_idle() {
    for difference in DIFFERENCES {
        let (kind, models) = (difference.kind, difference.models);
        assert!(!models.is_empty(), "{kind}");
        assert!(difference.files.iter().all(|file| FILES.contains(file)), "{kind} of {models:?}");
        assert!(!difference.scopes.is_empty() && !difference.into.is_empty() && !difference.flags.is_empty());
    }
}

/// An instance that is copied whole, by an export and an import in Global scope.
#[test]
fn a_copy_of_an_instance_has_no_finding() {
    for name in FILES {
        let Some(file) = reference_bytes(&format!("exports/{name}.json")) else { return };
        let original = Instance::new();
        original.import(&file, &request(Global)).unwrap();
        let exported = original.export(Global);
        assert!(!exported.is_empty(), "{name}");

        for into in [Empty, Same] {
            let copy = Instance::new();
            if into == Same {
                copy.import(&file, &request(Global)).unwrap();
            }
            let request = ImportRequest { clear: into == Same, ..import_of(Global, Without) };
            let outcome = copy.import(&original.export_file(Global), &request).unwrap();
            assert_eq!(outcome.report.dropped, [], "{name}");
            assert_eq!(outcome.report.renamed, [], "{name}");
            let again = copy.export(Global);
            let follow_users = ["sentry.notificationaction", "sentry.alertruletriggeraction"];
            let mut findings = copy.compare(&exported, &again);
            // In an instance that was cleared users have other primary keys than in the original.
            findings.retain(|found| into == Empty || !follow_users.contains(&found.on.model.as_str()));
            assert_eq!(findings, [], "{name} into {into:?}");
            let projects = |rows: &[transfer::rows::FileRow]| {
                let projects = rows.iter().filter(|row| row.model == "sentry.project");
                projects.map(|row| row.pk).collect::<Vec<_>>()
            };
            assert_eq!(projects(&again), projects(&rows(&file)), "{name}: projects keep their primary keys");
        }
    }
}

#[test]
fn a_second_import_that_merges_users_adds_nothing() {
    for name in FILES {
        let Some(file) = reference_bytes(&format!("exports/{name}.json")) else { return };
        for flag in [Without, Merge] {
            let instance = Instance::new();
            instance.import(&file, &request_with(User, flag.flags())).unwrap();
            let state = instance.state();
            let outcome = instance.import(&file, &import_of(User, Merge)).unwrap();
            assert_eq!(instance.state(), state, "{name}, at first {flag:?}");
            let models = outcome.report.models.values();
            assert_eq!(models.map(|model| model.inserted + model.overwritten).sum::<u64>(), 0, "{name}");
            let merged = |dropped: &transfer::import::Dropped| {
                matches!(dropped.reason, DropReason::OwnerMerged { .. })
            };
            assert!(outcome.report.dropped.iter().all(merged), "{name}: {:?}", outcome.report.dropped);
        }
    }
}
