//! Each event on each state: what the record is then, and what follows.

use std::fmt::Write;
use std::time::Duration;

use deletion::schedule::{
    Effect, Event, InProgress, Object, RETRIES_MAX, ScheduledDeletion, Standing, Wait, decide,
};

use crate::{asked, at, failed, happen, job};

/// A record that waits, and is due at minute 10.
fn waiting() -> ScheduledDeletion {
    happen(None, asked(at(10)), at(0)).0.unwrap()
}

/// The same, begun at minute 20.
fn in_progress() -> ScheduledDeletion {
    happen(Some(waiting()), Event::Called(Object::Goes), at(20)).0.unwrap()
}

/// The same, given up at minute 30.
fn given_up() -> ScheduledDeletion {
    happen(Some(in_progress()), failed(false), at(30)).0.unwrap()
}

/// What an event comes to, in a line.
fn outcome(record: Option<&ScheduledDeletion>, event: Event) -> String {
    let (next, effects) = match decide(record, &job(), event, at(40)) {
        Ok(decided) => decided,
        Err(InProgress) => return "refused".to_owned(),
    };
    let next = match next {
        deletion::schedule::Next::Same => "same".to_owned(),
        deletion::schedule::Next::Gone => "gone".to_owned(),
        deletion::schedule::Next::Is(record) => {
            let state = match record.standing {
                Standing::Waiting => "waiting",
                Standing::InProgress { .. } => "in progress",
                Standing::GivenUp { .. } => "given up",
            };
            format!("{state}, attempts {}", record.attempts)
        }
    };
    let mut line = next;
    for effect in effects {
        write!(line, ", {effect:?}").unwrap();
    }
    line
}

#[test]
fn each_event_on_each_state() {
    let (waiting, in_progress, given_up) = (waiting(), in_progress(), given_up());
    let early = happen(Some(waiting.clone()), asked(at(50)), at(0)).0.unwrap();
    let states: [Option<&ScheduledDeletion>; 5] =
        [None, Some(&early), Some(&waiting), Some(&in_progress), Some(&given_up)];
    let events: [(Event, [&str; 5]); 11] = [
        (
            asked(at(50)),
            [
                "waiting, attempts 0",
                "waiting, attempts 0",
                "waiting, attempts 0",
                "in progress, attempts 1",
                "waiting, attempts 0",
            ],
        ),
        (Event::Marked, ["same", "waiting, attempts 0", "waiting, attempts 0", "same", "same"]),
        (
            Event::Called(Object::Goes),
            [
                "same",
                "same",
                "in progress, attempts 1, Begin, Announce, Delete",
                "in progress, attempts 2, Begin, Announce, Delete",
                "same",
            ],
        ),
        (Event::Called(Object::Gone), ["same", "same", "gone", "gone", "same"]),
        (Event::Called(Object::Stays), ["same", "same", "gone", "gone", "same"]),
        (Event::Announced, ["same", "same", "same", "in progress, attempts 1", "same"]),
        (
            Event::Advanced { rows: 1, keys: 1 },
            ["same", "same", "same", "in progress, attempts 0, Call(Again)", "same"],
        ),
        (Event::Done, ["same", "same", "same", "gone", "same"]),
        (failed(true), ["same", "same", "same", "in progress, attempts 1, Call(Retry)", "same"]),
        (failed(false), ["same", "same", "same", "given up, attempts 1, PutBack", "same"]),
        (Event::Cancelled, ["same", "gone", "gone", "refused", "gone"]),
    ];
    for (event, expected) in events {
        let outcomes = states.map(|state| outcome(state, event.clone()));
        assert_eq!(outcomes, expected, "{event:?}");
    }
}

#[test]
fn what_fails_is_tried_again_five_times() {
    let mut record = Some(waiting());
    for retry in 0..=RETRIES_MAX {
        let (begun, effects) = happen(record, Event::Called(Object::Goes), at(20));
        assert!(effects.contains(&Effect::Delete), "{retry}");
        let (failed, effects) = happen(begun, failed(true), at(21));
        let expected = if retry < RETRIES_MAX { Effect::Call(Wait::Retry) } else { Effect::PutBack };
        assert_eq!(effects, [expected], "{retry}");
        record = failed;
    }
    let record = record.unwrap();
    assert_eq!(record.standing, Standing::GivenUp { since: at(21) });
    assert_eq!(record.failure.as_ref().map(|failure| failure.error.as_str()), Some("it broke"));
    let again = happen(Some(record), asked(at(30)), at(30)).0.unwrap();
    assert_eq!((again.attempts, again.failure, again.standing), (0, None, Standing::Waiting), "whoever asks");
}

#[test]
fn what_dies_without_a_word_is_given_up_too() {
    let mut record = Some(waiting());
    for _ in 0..=RETRIES_MAX {
        record = happen(record, Event::Called(Object::Goes), at(20)).0;
    }
    let (record, effects) = happen(record, Event::Called(Object::Goes), at(20));
    assert_eq!(effects, [Effect::PutBack]);
    let failure = record.unwrap().failure.unwrap();
    assert_eq!(failure.error, "it broke off 6 times without saying why");
}

#[test]
fn an_attempt_that_gets_further_is_none() {
    let mut record = Some(waiting());
    for slice in 1..=20_u64 {
        record = happen(record, Event::Called(Object::Goes), at(20)).0;
        record = happen(record, Event::Advanced { rows: 100, keys: 1 }, at(21)).0;
        let now = record.as_ref().unwrap();
        assert_eq!((now.attempts, now.rows, now.keys), (0, slice * 100, slice));
    }
}

#[test]
fn it_is_told_once_that_it_begins() {
    let (begun, effects) = happen(Some(waiting()), Event::Called(Object::Goes), at(20));
    assert_eq!(effects, [Effect::Begin, Effect::Announce, Effect::Delete]);
    let told = happen(begun, Event::Announced, at(20)).0;
    let told = happen(told, Event::Announced, at(21)).0;
    assert_eq!(told.as_ref().unwrap().announced, Some(at(20)));
    let (_, effects) = happen(told.clone(), Event::Called(Object::Goes), at(22));
    assert_eq!(effects, [Effect::Begin, Effect::Delete]);
    let given_up = happen(told, failed(false), at(23)).0;
    let asked = happen(given_up, asked(at(24)), at(24)).0;
    let (_, effects) = happen(asked, Event::Called(Object::Goes), at(25));
    assert_eq!(effects, [Effect::Begin, Effect::Delete], "not even when it is asked for again");
}

#[test]
fn a_deletion_is_due_when_its_time_has_come() {
    let day = i64::try_from(Duration::from_hours(24).as_secs() / 60).unwrap();
    let (waiting, in_progress, given_up) = (waiting(), in_progress(), given_up());
    let due = |record: &ScheduledDeletion| {
        [9, 10, day, day + 10, day + 100].map(|minute| record.is_due(at(minute)))
    };
    assert_eq!(due(&waiting), [false, true, true, true, true]);
    assert_eq!(due(&in_progress), [false, false, false, true, true], "a day behind its date");
    assert_eq!(due(&given_up), [false; 5]);
    // Somebody goes on with it at this moment.
    let busy = happen(Some(in_progress), Event::Advanced { rows: 1, keys: 0 }, at(day + 10)).0.unwrap();
    assert!(!busy.is_due(at(day + 69)));
    assert!(busy.is_due(at(day + 70)));
}

#[test]
fn scheduling_again_moves_the_date_and_nothing_else() {
    let before = waiting();
    let after = happen(Some(before.clone()), asked(at(99)), at(5)).0.unwrap();
    let expected = ScheduledDeletion { due: at(99), updated: at(5), revision: before.revision + 1, ..before };
    assert_eq!(after, expected);
}
