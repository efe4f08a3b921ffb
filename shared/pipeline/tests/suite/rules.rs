//! Rules that stand alone: tasks, codes, slugs, parts, keys, ids, polls.

use std::collections::BTreeSet;
use std::fmt::Write;
use std::time::Duration;

use crate::common::{id, now};
use pipeline::api::http_status;
use pipeline::artifact::{self, Folder, Operation};
use pipeline::code::{Concern, ErrorCode, Retry};
use pipeline::ids::{BuildId, RelocationId};
use pipeline::kinds::{FileKind, Status, Step, ValidationStatus};
use pipeline::port::Entropy;
use pipeline::slug;
use pipeline::task::OrderedTask;
use pipeline::upload::{MAX_UPLOAD_BYTES, PART_BYTES, Parts, SizeClass};
use pipeline::validation::{Attempt, Poll};
use proptest::prelude::*;
use rstest::rstest;

#[test]
fn the_table_of_tasks() {
    let mut table = String::new();
    for task in OrderedTask::ALL {
        let (step, next) = (task.step(), task.next().map_or("-", OrderedTask::name));
        let minutes = task.limit().as_secs() / 60;
        let attempts = task.attempts();
        writeln!(table, "{task} | {step} | {attempts} | {minutes} min | {next} | {}", task.failure())
            .unwrap();
    }
    insta::assert_snapshot!(table);
}

#[test]
fn a_functions_name_is_its_tasks_in_kebab_case() {
    for task in OrderedTask::ALL {
        assert_eq!(task.function(), task.name().replace('_', "-"));
        assert_eq!(task.failure().as_str(), format!("{}-failed", task.function()));
        assert_eq!(task.name().parse(), Ok(*task));
        assert_eq!(serde_json::to_value(task).unwrap(), task.name());
    }
}

#[rstest]
#[case(Step::Unknown, None)]
#[case(Step::Uploading, Some(OrderedTask::UploadingStart))]
#[case(Step::Preprocessing, Some(OrderedTask::PreprocessingScan))]
#[case(Step::Validating, Some(OrderedTask::ValidatingStart))]
#[case(Step::Importing, Some(OrderedTask::Importing))]
#[case(Step::Postprocessing, Some(OrderedTask::Postprocessing))]
#[case(Step::Notifying, Some(OrderedTask::NotifyingUnhide))]
#[case(Step::Completed, Some(OrderedTask::Completed))]
fn a_step_begins_with_its_first_task(#[case] step: Step, #[case] task: Option<OrderedTask>) {
    assert_eq!(OrderedTask::first_of(step), task);
}

#[test]
fn codes_are_kebab_case_unique_and_say_what_to_do() {
    let mut seen = BTreeSet::new();
    for code in ErrorCode::ALL {
        let name = code.as_str();
        assert!(seen.insert(name), "{name} is there twice");
        assert!(name.chars().all(|c| c.is_ascii_lowercase() || c == '-'), "{name}");
        assert_eq!(serde_json::to_value(code).unwrap(), name);
        assert_eq!(name.parse(), Ok(*code));
        assert!(code.sentence().ends_with('.') && code.sentence().len() > 20, "{name}");
    }
    assert!("no-such-code".parse::<ErrorCode>().is_err());
}

#[test]
fn what_codes_say_and_how_they_are_answered() {
    let mut table = String::new();
    for code in ErrorCode::ALL {
        let retry = if code.retry() == Retry::Transient { "transient" } else { "permanent" };
        writeln!(table, "{code} | {retry} | {} | {}", http_status(*code), code.sentence()).unwrap();
    }
    insta::assert_snapshot!(table);
}

#[test]
fn names_read_in_any_case_and_number_as_specified() {
    assert_eq!("in_progress".parse(), Ok(Status::InProgress));
    assert_eq!("Notifying".parse(), Ok(Step::Notifying));
    let error = "DONE".parse::<Status>().unwrap_err();
    assert_eq!(error.to_string(), "`DONE` is no status; it is one of IN_PROGRESS, FAILURE, SUCCESS, PAUSE");
    let numbers = |all: &[Step]| all.iter().map(|step| step.number()).collect::<Vec<_>>();
    assert_eq!(numbers(Step::ALL), [0, 1, 2, 3, 4, 5, 6, 7]);
    assert_eq!(Status::ALL.iter().map(|status| status.number()).collect::<Vec<_>>(), [0, 1, 2, 3]);
    assert!(ValidationStatus::ALL.is_sorted());
}

// ---- Slugs ---------------------------------------------------------------------------------------------

#[rstest]
#[case("acme", true)]
#[case("a", true)]
#[case("Acme-2", true)]
#[case("2-fast", true)]
#[case("a--b", true)]
#[case("12345678901234567890123456789012345678901234567890", false)]
#[case("a2345678901234567890123456789012345678901234567890", true)]
#[case("a23456789012345678901234567890123456789012345678901", false)]
#[case("", false)]
#[case("42", false)]
#[case("-acme", false)]
#[case("acme-", false)]
#[case("-", false)]
#[case("ac me", false)]
#[case("acme_labs", false)]
#[case("straße", false)]
#[case("acme\n", false)]
fn a_slug_is_letters_digits_and_dashes(#[case] slug: &str, #[case] expected: bool) {
    assert_eq!(slug::is_well_formed(slug), expected);
}

#[rstest]
#[case("acme", &["acme"])]
#[case(" acme , beta ", &["acme", "beta"])]
#[case("acme,,beta", &["acme", "", "beta"])]
#[case("", &[""])]
fn a_list_of_slugs_is_split_at_commas(#[case] list: &str, #[case] expected: &[&str]) {
    assert_eq!(slug::split_list(list), expected);
}

// ---- Uploads -------------------------------------------------------------------------------------------

#[rstest]
#[case(0, None)]
#[case(1, Some(1))]
#[case(PART_BYTES, Some(1))]
#[case(PART_BYTES + 1, Some(2))]
#[case(MAX_UPLOAD_BYTES, Some(320))]
#[case(MAX_UPLOAD_BYTES + 1, None)]
fn a_file_is_cut_into_parts(#[case] bytes: u64, #[case] count: Option<u32>) {
    assert_eq!(Parts::of(bytes).map(Parts::count), count);
}

proptest! {
    #[test]
    fn parts_cover_the_file_without_gap_or_overlap(bytes in 1..=MAX_UPLOAD_BYTES) {
        let parts = Parts::of(bytes).unwrap();
        let mut end = 0;
        for part in 1..=parts.count() {
            let range = parts.range(part).unwrap();
            prop_assert_eq!(range.start, end);
            prop_assert!(range.end > range.start && range.end - range.start <= PART_BYTES);
            end = range.end;
        }
        prop_assert_eq!(end, bytes);
        prop_assert_eq!(parts.range(0), None);
        prop_assert_eq!(parts.range(parts.count() + 1), None);
    }
}

#[test]
fn the_missing_parts_are_those_that_are_not_there() {
    let parts = Parts::of(4 * PART_BYTES).unwrap();
    assert_eq!(parts.missing(&[2, 4, 9]), [1, 3]);
    assert!(parts.missing(&[1, 2, 3, 4]).is_empty());
}

#[rstest]
#[case(0, SizeClass::Small)]
#[case(10 * 1024 * 1024 - 1, SizeClass::Small)]
#[case(10 * 1024 * 1024, SizeClass::Medium)]
#[case(100 * 1024 * 1024 - 1, SizeClass::Medium)]
#[case(100 * 1024 * 1024, SizeClass::Large)]
fn a_size_has_a_class(#[case] bytes: u64, #[case] class: SizeClass) {
    assert_eq!(SizeClass::of(bytes), class);
}

// ---- Artifacts -----------------------------------------------------------------------------------------

#[test]
fn artifacts_live_under_their_run() {
    let build = BuildId { relocation: id(), run: 2 };
    let keys = [
        artifact::validation_plan(id()),
        artifact::input(id(), FileKind::RawUserData),
        artifact::kms_config(id()),
        artifact::filter_usernames(id()),
        artifact::input(id(), FileKind::BaselineConfigValidationData),
        artifact::input(id(), FileKind::CollidingUsersValidationData),
        artifact::output(build, FileKind::BaselineConfigValidationData),
        artifact::rehearsal_report(build, "html"),
        artifact::findings(build, Operation::Compare, FileKind::CollidingUsersValidationData),
        artifact::saas_to_saas_export(id(), "acme"),
        artifact::upload(id()),
    ];
    insta::assert_snapshot!(keys.join("\n"));
}

#[rstest]
#[case("compare-baseline-config-1.json", true)]
#[case("artifacts-1.json", false)]
#[case("notes.txt", false)]
fn findings_files_are_told_apart(#[case] name: &str, #[case] expected: bool) {
    assert_eq!(artifact::is_finding(name), expected);
}

#[rstest]
#[case("kms-config.json", true)]
#[case("", false)]
#[case("..", false)]
#[case("../in/raw-relocation-data.tar", false)]
#[case(&"x".repeat(255), true)]
#[case(&"x".repeat(256), false)]
fn a_name_stays_in_its_folder(#[case] name: &str, #[case] allowed: bool) {
    assert_eq!(artifact::named(id(), Folder::In, name).is_some(), allowed);
}

#[test]
fn an_upload_names_its_relocation() {
    assert_eq!(artifact::relocation_of_upload(&artifact::upload(id())), Some(id()));
    assert_eq!(artifact::relocation_of_upload("uploads/nobody/raw-relocation-data.tar"), None);
    assert_eq!(artifact::relocation_of_upload(&format!("uploads/{}/other.tar", id())), None);
    assert_eq!(artifact::relocation_of_upload(&artifact::input(id(), FileKind::RawUserData)), None);
}

// ---- Ids -----------------------------------------------------------------------------------------------

#[rstest]
#[case("5d3c8e4a-4b0f-4d7e-9a57-0f6f3c2b1a90-1", Some(1))]
#[case("5d3c8e4a-4b0f-4d7e-9a57-0f6f3c2b1a90-0", None)]
#[case("5d3c8e4a-4b0f-4d7e-9a57-0f6f3c2b1a90-", None)]
#[case("5d3c8e4a-4b0f-4d7e-9a57-0f6f3c2b1a90", None)]
#[case("nonsense-1", None)]
fn a_build_id_is_a_uuid_and_a_number(#[case] text: &str, #[case] run: Option<u32>) {
    let build = text.parse::<BuildId>().ok();
    assert_eq!(build.map(|build| build.run), run);
    if let Some(build) = build {
        assert_eq!(build.to_string(), text);
        assert_eq!(serde_json::from_value::<BuildId>(serde_json::to_value(build).unwrap()).unwrap(), build);
    }
}

#[test]
fn random_uuids_are_version_4_and_differ() {
    let entropy = pipeline::memory::SeededEntropy::default();
    let (one, two) = (entropy.uuid(), entropy.uuid());
    assert_eq!(one.get_version_num(), 4);
    assert_ne!(RelocationId::new(one), RelocationId::new(two));
}

// ---- Polls ---------------------------------------------------------------------------------------------

#[rstest]
#[case::young(ValidationStatus::InProgress, false, 79, Poll::Running)]
#[case::old(ValidationStatus::InProgress, false, 80, Poll::TimedOut)]
#[case::ended(ValidationStatus::InProgress, true, 79, Poll::Ended)]
#[case::ended_and_polled_late(ValidationStatus::InProgress, true, 500, Poll::Ended)]
#[case::broke_off(ValidationStatus::Failure, true, 1, Poll::Failed)]
#[case::given_up(ValidationStatus::Timeout, false, 1, Poll::TimedOut)]
#[case::judged(ValidationStatus::Valid, true, 1, Poll::Ended)]
fn a_poll_sees_how_the_run_fares(
    #[case] status: ValidationStatus,
    #[case] ended: bool,
    #[case] minutes: u64,
    #[case] expected: Poll,
) {
    let build = BuildId { relocation: id(), run: 1 };
    let attempt = Attempt { build, status, date: now(), ended_at: ended.then(now) };
    let later = now() + Duration::from_mins(minutes);
    assert_eq!(attempt.poll(later, Duration::from_mins(80)), expected);
}

#[test]
fn what_breaks_concerns_an_operator_and_what_is_decided_nobody() {
    for task in OrderedTask::ALL {
        assert_eq!(task.failure().concern(), Concern::Operator, "{task}");
    }
    for code in ErrorCode::ALL {
        assert_eq!(code.concern() == Concern::Administrator, !code.is_mailed(), "{code}");
    }
}
