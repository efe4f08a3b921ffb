//! Real exports, imported in every scope with every flag into an instance with nothing in it and into one that holds
//! the same, and exported again: what differs from what went in is what SPEC §7 prescribes, and nothing else.

use std::collections::{BTreeMap, BTreeSet};

use catalog::ImportScope::{self, Config, Global, Organization, User};
use outside::reference_bytes;
use silo::ImportFlags;
use transfer::findings::Finding;
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

/// How rows of a model differ, or what became of them.
struct Difference {
    /// The files, and how many rows of each.
    files: &'static [(&'static str, u64)],
    scopes: &'static [ImportScope],
    into: &'static [Target],
    flags: &'static [Flag],
    /// The kind of a finding; or `dropped`, or `renamed`.
    kind: &'static str,
    model: &'static str,
    /// The fields that differ, in the order of the alphabet; of missing rows all do.
    fields: &'static [&'static str],
    /// What prescribes it: the rule of SPEC §7, or what the file lacks.
    #[expect(dead_code, reason = "it is there for whoever reads the table")]
    because: &'static str,
}

macro_rules! differences {
    ($($kind:literal $model:literal $fields:expr, $files:expr, $scopes:expr, $into:expr, $flags:expr, $because:literal;)+) => {
        &[$(Difference {
            kind: $kind, model: $model, fields: &$fields, files: &$files, scopes: &$scopes, into: $into, flags: $flags,
            because: $because,
        }),+]
    };
}

#[rustfmt::skip]
const DIFFERENCES: &[Difference] = differences! {
    // Users.
    "UnequalJSON" "sentry.user" ["is_staff", "is_superuser"], [(RELEASE, 2), (FRESH, 3), (MOST, 1)], [User, Organization], &[Empty], ANY,
        "user: outside Config and Global nobody is staff, superuser or managed";
    "UnequalJSON" "sentry.user" ["is_staff", "is_superuser"], [(RELEASE, 2), (FRESH, 3), (MOST, 1)], [User, Organization], &[Same], NOT_MERGING,
        "the same; a merged user stays as it is";
    "renamed" "sentry.user" [], [(RELEASE, 10), (FRESH, 3), (NO_ADDRESS, 1), (MOST, 1), (LEAST, 1), (ROLES, 1)], [User, Organization, Config], &[Same], NOT_MERGING,
        "user: a username that is taken gets a suffix unless it is merged (AutoSuffix finds it equal)";
    "dropped" "sentry.useremail" [], [(RELEASE, 10), (FRESH, 3), (NO_ADDRESS, 1), (MOST, 1), (LEAST, 1), (ROLES, 1)], [User, Organization, Config], &[Same], &[Merge],
        "useremail, userip, useroption, userpermission: dropped when their user was merged";
    "dropped" "sentry.useroption" [], [(RELEASE, 6), (MOST, 1), (LEAST, 1), (ROLES, 1)], [User, Organization, Config], &[Same], &[Merge],
        "the same";
    "dropped" "sentry.userpermission" [], [(RELEASE, 1), (MOST, 1), (ROLES, 1)], [Config], &[Same], &[Merge],
        "the same";
    "UnequalCounts" "sentry.useremail" [], [(RELEASE, 10), (FRESH, 3), (NO_ADDRESS, 1), (MOST, 1), (LEAST, 1), (ROLES, 1)], [User, Organization], &[Same], &[Merge],
        "what was dropped is missing";
    "UnequalCounts" "sentry.useremail" [], [(RELEASE, 2), (FRESH, 3), (MOST, 1), (ROLES, 1)], [Config], &[Same], &[Merge],
        "the same; of users without a privilege this scope exports nothing (§8)";
    "UnequalCounts" "sentry.useroption" [], [(RELEASE, 6), (MOST, 1), (LEAST, 1), (ROLES, 1)], [User, Organization], &[Same], &[Merge],
        "the same";
    "UnequalCounts" "sentry.useroption" [], [(RELEASE, 1), (MOST, 1), (ROLES, 1)], [Config], &[Same], &[Merge],
        "the same";
    "UnequalCounts" "sentry.userpermission" [], [(RELEASE, 1), (MOST, 1), (ROLES, 1)], [Config], &[Same], &[Merge],
        "the same";

    // A role that is not in the file.
    "dropped" "sentry.userroleuser" [], [(ROLES, 1)], [Config, Global], EITHER, ANY,
        "a key whose target was not imported drops the row: the file has a role 3, and this row wants 1";
    "UnequalCounts" "sentry.userroleuser" [], [(ROLES, 1)], [Global], EITHER, ANY,
        "what was dropped is missing (an export in Config scope has no such row either, §8)";

    // Organisations.
    "UnequalJSON" "sentry.organization" ["status"], [(RELEASE, 2), (FRESH, 1)], [Organization, Global], EITHER, &[Hide],
        "organization: with hide_organizations status = 3";
    "renamed" "sentry.organization" [], [(RELEASE, 2), (FRESH, 1)], [Organization], &[Same], ANY,
        "organization: a slug that is taken gets a suffix (AutoSuffix finds it equal)";
    "dropped" "sentry.notificationactionproject" [], [(RELEASE, 1)], [Organization], EITHER, ANY,
        "notification actions with an app are Global, and their project links follow (as in the export, §8)";
    "UnequalJSON" "sentry.notificationaction" ["target_identifier"], [(RELEASE, 1)], [Organization], &[Same], NOT_MERGING,
        "a target_identifier of type user or team is replaced like a key: the user has another one here";
    "UnequalJSON" "sentry.notificationaction" ["target_identifier"], [(RELEASE, 2)], [Global], &[Same], ANY,
        "the same; in an instance that was cleared no primary key is given away again";
    "UnequalJSON" "sentry.alertruletriggeraction" ["target_identifier"], [(RELEASE, 2)], [Global], &[Same], ANY,
        "the same";

    // Projects.
    "HashObfuscatingComparator" "sentry.projectkey" ["public_key"], [(RELEASE, 4), (FRESH, 1)], [Organization], &[Same], ANY,
        "projectkey: a key that is taken becomes a new one";
    "HashObfuscatingComparator" "sentry.projectkey" ["secret_key"], [(RELEASE, 4), (FRESH, 1)], [Organization], &[Same], ANY,
        "the same";
    "UnequalJSON" "sentry.projectoption" ["key", "value"], [(RELEASE, 6), (FRESH, 2)], [Organization], EITHER, ANY,
        "rows of the file take over the existing pk of the option made with the project, so that their order is another";
    "UnequalJSON" "sentry.projectoption" ["value"], [(RELEASE, 2)], [Organization], EITHER, ANY,
        "the same";
    "ForeignKeyComparator" "sentry.projectoption" ["project"], [(RELEASE, 8)], [Organization], EITHER, ANY,
        "the same";
    "HashObfuscatingComparator" "sentry.orgauthtoken" ["token_hashed"], [(RELEASE, 1)], [Organization], &[Same], ANY,
        "orgauthtoken: a token that is taken becomes a new one";
    "HashObfuscatingComparator" "sentry.orgauthtoken" ["token_last_characters"], [(RELEASE, 1)], [Organization], &[Same], ANY,
        "the same: its last four follow";
    "SubscriptionIDComparatorExistenceCheck" "sentry.querysubscription" ["subscription_id"], [(RELEASE, 5)], [Organization, Global], EITHER, ANY,
        "querysubscription: a new subscription id, where the file has none";
    "UnequalJSON" "sentry.querysubscription" ["status"], [(RELEASE, 5)], [Organization, Global], EITHER, ANY,
        "querysubscription: active";

    // Fields that the version which wrote the file did not have: they get their default, and null is no default.
    "UnequalJSON" "sentry.alertrule" ["detection_type"], [(RELEASE, 3)], [Organization, Global], EITHER, ANY,
        "the file lacks it";
    "UnequalJSON" "sentry.dashboardwidget" ["dataset_source"], [(RELEASE, 1)], [Organization, Global], EITHER, ANY,
        "the file lacks it";
    "UnequalJSON" "sentry.projectkey" ["use_case"], [(FRESH, 1)], [Organization, Global], EITHER, ANY,
        "the file lacks it";
    "UnequalJSON" "sentry.integration" ["metadata"], [(INTEGRATION, 1)], [Global], EITHER, ANY,
        "the file lacks it";
};

/// What differed: the kind, the model and the fields, and how many rows.
type Differences = BTreeMap<(String, String, Vec<String>), u64>;

/// What the table says of a case; the positions of the lines that do are added to `met`.
fn expected(
    file: &str,
    scope: ImportScope,
    into: Target,
    flag: Flag,
    met: &mut BTreeSet<usize>,
) -> Differences {
    let mut expected = Differences::new();
    for (position, line) in DIFFERENCES.iter().enumerate() {
        let of_file = line.files.iter().find(|(name, _)| *name == file);
        let holds = line.scopes.contains(&scope) && line.into.contains(&into) && line.flags.contains(&flag);
        let Some((_, rows)) = of_file.filter(|_| holds) else { continue };
        met.insert(position);
        let fields = line.fields.iter().map(|field| (*field).to_owned()).collect();
        let key = (line.kind.to_owned(), line.model.to_owned(), fields);
        assert_eq!(expected.insert(key.clone(), *rows), None, "the table has {key:?} of {file} twice");
    }
    expected
}

/// What a finding is about: the fields that it names, and how many rows.
fn told(finding: &Finding) -> (Vec<String>, u64) {
    let reason = finding.reason.lines().next().unwrap_or_default();
    if finding.kind == "UnequalCounts" {
        let counts =
            reason.split(|char: char| !char.is_ascii_digit()).filter_map(|number| number.parse().ok());
        let [left, right] = counts.collect::<Vec<u64>>().try_into().unwrap();
        return (Vec::new(), left - right);
    }
    // The fields come first, each between backticks: "`one`, `two` differ".
    let mut parts = reason.split('`');
    let mut fields = Vec::new();
    while parts.next().is_some_and(|between| between.is_empty() || between == ", ") {
        fields.extend(parts.next().map(str::to_owned));
    }
    assert!(!fields.is_empty(), "{finding:?}");
    (fields, 1)
}

/// An import with random values of its own.
fn import_of(scope: ImportScope, flag: Flag) -> ImportRequest {
    ImportRequest { key: [8; 32], ..another(&request_with(scope, flag.flags()), 2) }
}

fn became(outcome: &ImportOutcome) -> impl Iterator<Item = (String, String)> {
    let report = &outcome.report;
    let dropped = report.dropped.iter().map(|dropped| ("dropped".to_owned(), dropped.model.clone()));
    let renamed = report.renamed.iter().map(|renamed| ("renamed".to_owned(), renamed.model.clone()));
    dropped.chain(renamed)
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
    let mut differences = Differences::new();
    for finding in found {
        let (fields, rows) = told(&finding);
        *differences.entry((finding.kind.into_owned(), finding.on.model, fields)).or_default() += rows;
    }
    for (kind, model) in became(&outcome) {
        *differences.entry((kind, model, Vec::new())).or_default() += 1;
    }
    differences
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
    let mut met = BTreeSet::new();
    for name in FILES {
        let Some(file) = reference_bytes(&format!("exports/{name}.json")) else { return };
        for scope in SCOPES {
            for into in [Empty, Same] {
                for flag in [Without, Merge, Overwrite, Hide] {
                    assert_eq!(
                        differences(&file, scope, into, flag),
                        expected(name, scope, into, flag, &mut met),
                        "{name} in {scope:?} scope into {into:?}, {flag:?}: what differs, and what the table says"
                    );
                }
            }
        }
    }
    // A line that no case meets would prove nothing.
    let idle = (0..DIFFERENCES.len()).filter(|line| !met.contains(line));
    let idle: Vec<_> = idle.map(|line| (DIFFERENCES[line].kind, DIFFERENCES[line].model)).collect();
    assert_eq!(idle, [], "lines of the table about which no case is");
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
