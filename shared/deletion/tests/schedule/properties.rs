//! What holds whatever happens in whatever order.

use deletion::schedule::{
    Effect, Event, InProgress, Next, Object, RETRIES_MAX, ScheduledDeletion, Standing, decide,
};
use jiff::Timestamp;
use proptest::prelude::*;

use crate::{asked, at, failed, job};

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        (0..200_i64).prop_map(|due| asked(at(due))),
        Just(Event::Marked),
        Just(Event::Called(Object::Goes)),
        Just(Event::Called(Object::Goes)),
        Just(Event::Called(Object::Gone)),
        Just(Event::Called(Object::Stays)),
        Just(Event::Announced),
        (0..9_u64, 0..9_u64).prop_map(|(rows, keys)| Event::Advanced { rows, keys }),
        Just(Event::Done),
        any::<bool>().prop_map(failed),
        Just(failed(true)),
        Just(Event::Cancelled),
    ]
}

/// What was seen of a record since it was there.
#[derive(Default)]
struct Seen {
    /// How many slices were begun since it last got further, or was asked for.
    slices: u32,
}

fn check(
    seen: &mut Seen,
    before: Option<&ScheduledDeletion>,
    event: &Event,
    now: Timestamp,
) -> Result<Option<ScheduledDeletion>, TestCaseError> {
    let was_in_progress = before.is_some_and(ScheduledDeletion::is_in_progress);
    let (next, effects) = match decide(before, &job(), event.clone(), now) {
        Ok(decided) => decided,
        Err(InProgress) => {
            prop_assert!(was_in_progress && *event == Event::Cancelled, "only that is refused");
            return Ok(before.cloned());
        }
    };
    let after = match next {
        Next::Same => before.cloned(),
        Next::Gone => None,
        Next::Is(after) => Some(*after),
    };
    if effects.contains(&Effect::Delete) {
        let record = after.as_ref().expect("what is deleted is scheduled");
        prop_assert!(record.is_in_progress(), "what is deleted is in progress");
        prop_assert_eq!(event, &Event::Called(Object::Goes), "what is deleted is to go");
        prop_assert!(was_in_progress || record.due <= now, "what is deleted is due");
        prop_assert_eq!(effects.first(), Some(&Effect::Begin), "what is deleted says so before");
        prop_assert_eq!(effects.last(), Some(&Effect::Delete), "others are told before");
        prop_assert_eq!(
            effects.contains(&Effect::Announce),
            record.announced.is_none(),
            "they are told once"
        );
        seen.slices += 1;
        prop_assert!(seen.slices <= RETRIES_MAX + 1, "it is given up at last");
    }
    match (before, &after) {
        (Some(before), Some(after)) => {
            let changes = u64::from(before != after);
            prop_assert_eq!(after.revision, before.revision + changes, "each change is one more");
            prop_assert_eq!((after.id, after.added, &after.job), (before.id, before.added, &before.job));
            prop_assert!(before.announced.is_none() || after.announced == before.announced);
            prop_assert!(after.rows >= before.rows && after.keys >= before.keys);
            let is_asked = matches!(event, Event::Asked { .. });
            if let (Standing::GivenUp { .. }, false) = (before.standing, is_asked) {
                prop_assert_eq!(before, after, "what is given up waits for somebody");
            }
            if is_asked || matches!(event, Event::Advanced { .. }) && was_in_progress {
                prop_assert!(after.is_in_progress() || is_asked, "what gets further goes on");
                if !is_asked || !was_in_progress {
                    seen.slices = 0;
                }
            }
        }
        (None, Some(_)) => {
            prop_assert!(matches!(event, Event::Asked { .. }), "only somebody who asks makes one");
            *seen = Seen::default();
        }
        (Some(_), None) => {
            let ends =
                matches!(event, Event::Done | Event::Cancelled | Event::Called(Object::Gone | Object::Stays));
            prop_assert!(ends, "nothing else ends one");
        }
        (None, None) => prop_assert!(effects.is_empty()),
    }
    Ok(after)
}

proptest! {
    #[test]
    fn a_scheduled_deletion_holds_its_invariants(events in prop::collection::vec((event(), 0..20_i64), 1..60)) {
        let (mut record, mut minute, mut seen) = (None, 0, Seen::default());
        for (event, later) in events {
            minute += later;
            record = check(&mut seen, record.as_ref(), &event, at(minute))?;
        }
    }
}
