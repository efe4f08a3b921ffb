//! Events keep to their schemas, in `schemas/events.json`.

use std::collections::BTreeSet;

use jsonschema::Validator;
use pipeline::code::ErrorCode;
use pipeline::event::{
    ClaimRequested, Created, Envelope, Event, Failed, Forked, OrganizationImported, Paused,
    PromotionRequested, Recorded, Relocated, Resumed, RowDeleted, RowDeletionStarted, Started, StepEntered,
    Succeeded, UndoFailed, Undone, ValidationFinished,
};
use pipeline::ids::{BuildId, Generation, Trace, UserId};
use pipeline::kinds::{Provenance, Step, ValidationStatus};
use pipeline::task::OrderedTask;
use serde_json::{Value, json};

use crate::common::{id, now};

fn schema() -> Value {
    serde_json::from_str(include_str!("../../schemas/events.json")).unwrap()
}

fn validator() -> Validator {
    jsonschema::options().should_validate_formats(true).build(&schema()).unwrap()
}

/// One event of every type, as large as it gets.
fn samples() -> Vec<Event> {
    let user = UserId(u64::MAX);
    let build = BuildId { relocation: id(), run: 3 };
    let slugs: Vec<String> = (0..20).map(|n| format!("{n:050}")).collect();
    vec![
        Event::Created(Created { creator_id: user, owner_id: user, provenance: Provenance::SaasToSaas }),
        Event::Forked(Forked { cell: "de".to_owned(), slug: "acme".to_owned() }),
        Event::Started(Started { users: 2_000 }),
        Event::Paused(Paused { step: Step::Importing }),
        Event::Resumed(Resumed { task: OrderedTask::Importing, generation: Generation(2) }),
        Event::StepEntered(StepEntered { step: Step::Completed }),
        Event::Failed(Failed {
            code: ErrorCode::PreprocessingCollidingUsersFailed,
            step: Step::Preprocessing,
            task: Some(OrderedTask::PreprocessingCollidingUsers),
            mailed: true,
        }),
        Event::Failed(Failed {
            code: ErrorCode::UploadExpired,
            step: Step::Uploading,
            task: None,
            mailed: true,
        }),
        Event::Succeeded(Succeeded { owner_id: user }),
        Event::Relocated(Relocated { owner_id: user, organization_ids: vec![u64::MAX; 20] }),
        Event::PromotionRequested(PromotionRequested {
            promo_code: "P".repeat(40),
            owner_id: user,
            organization_ids: vec![u64::MAX; 20],
        }),
        Event::ValidationFinished(ValidationFinished { build, status: ValidationStatus::Invalid }),
        Event::OrganizationImported(OrganizationImported {
            organization_id: u64::MAX,
            import_uuid: id().uuid(),
            slug: "acme".to_owned(),
            owner_id: user,
        }),
        Event::ClaimRequested(ClaimRequested { user_id: user, organization_slugs: slugs, hashed_at: now() }),
        Event::Undone(Undone { asked_by: user, cascade: true }),
        Event::UndoFailed(UndoFailed { asked_by: user, code: ErrorCode::UndoObstructed }),
        Event::RowDeletionStarted(RowDeletionStarted {
            silo: "control".to_owned(),
            model: "sentry.user".to_owned(),
            table: "auth_user".to_owned(),
            object_id: u64::MAX,
        }),
        Event::RowDeleted(RowDeleted {
            silo: "control".to_owned(),
            table: "auth_user".to_owned(),
            object_id: u64::MAX,
        }),
    ]
}

fn envelope(event: Event) -> Envelope {
    let recorded = Recorded {
        id: format!("{}-7", id()),
        time: now(),
        subject: id().to_string(),
        sequence: 7,
        causation: "1/importing/0".to_owned(),
        trace: Some(Trace::new(id(), Generation(1))),
        event,
    };
    recorded.into_envelope("us-1").unwrap()
}

#[test]
fn every_event_keeps_to_its_schema_and_is_small() {
    let validator = validator();
    for event in samples() {
        let envelope = serde_json::to_value(envelope(event)).unwrap();
        let errors: Vec<_> = validator.iter_errors(&envelope).map(|error| error.to_string()).collect();
        assert!(errors.is_empty(), "{envelope:#}: {errors:?}");
        assert!(envelope.to_string().len() < 4096, "{envelope:#}");
    }
}

#[test]
fn every_type_has_a_schema_and_every_schema_a_type() {
    let sampled: BTreeSet<String> = samples().into_iter().map(|event| envelope(event).kind).collect();
    let schema = schema();
    let listed = schema["properties"]["type"]["enum"].as_array().unwrap();
    let listed: BTreeSet<String> = listed.iter().map(|kind| kind.as_str().unwrap().to_owned()).collect();
    assert_eq!(sampled, listed);
}

/// What a consumer may rely on is required, and nothing slips in that the schema does not name.
#[test]
fn a_missing_or_unknown_member_is_noticed() {
    let validator = validator();
    for event in samples() {
        let good = serde_json::to_value(envelope(event)).unwrap();
        for member in good["data"].as_object().unwrap().keys() {
            let mut bad = good.clone();
            bad["data"].as_object_mut().unwrap().remove(member);
            assert!(!validator.is_valid(&bad), "{}: without {member}", good["type"]);
        }
        let mut bad = good.clone();
        bad["data"]["email"] = json!("ada@example.com");
        assert!(!validator.is_valid(&bad), "{}: with an address", good["type"]);
    }
}

#[test]
fn an_envelope_reads_back_as_what_happened() {
    for event in samples() {
        let text = serde_json::to_string(&envelope(event.clone())).unwrap();
        let read: Envelope = serde_json::from_str(&text).unwrap();
        assert_eq!(read.event().unwrap(), event);
        assert_eq!(read.relocation(), Some(id()));
    }
}

#[test]
fn an_unknown_type_is_an_error_and_no_panic() {
    let mut unknown = envelope(samples().remove(0));
    unknown.kind = "relocation.teleported".to_owned();
    assert!(unknown.event().is_err());
}

#[test]
fn what_an_envelope_looks_like() {
    let text = serde_json::to_string_pretty(&envelope(samples().remove(0))).unwrap();
    insta::assert_snapshot!(text);
}

#[test]
fn a_trace_names_a_run_and_what_came_before_the_first_belongs_to_it() {
    for (generation, written) in [(0, 1), (1, 1), (2, 2), (u32::MAX, u32::MAX)] {
        let trace = Trace::new(id(), Generation(generation));
        assert_eq!(trace.to_string(), format!("{}-{written}", id()));
        assert_eq!(trace.to_string().parse::<Trace>().unwrap(), trace);
        assert_eq!(trace.relocation(), id());
    }
    for text in ["", "1", "5d3c8e4a-4b0f-4d7e-9a57-0f6f3c2b1a90", "5d3c8e4a-4b0f-4d7e-9a57-0f6f3c2b1a90-0"] {
        assert!(text.parse::<Trace>().is_err(), "{text}");
    }
}
