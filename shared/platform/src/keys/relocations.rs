//! Keys of the table of relocations.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use pipeline::ids::{RelocationId, UserId, Version};
use pipeline::kinds::FileKind;
use pipeline::message::Visit;
use pipeline::upload::SizeClass;
use uuid::Uuid;

use super::{Key, padded};

/// A relocation's record.
pub(crate) fn record(id: RelocationId) -> Key {
    of(id, "REC")
}

/// A relocation's file of a kind.
pub(crate) fn file(id: RelocationId, kind: FileKind) -> Key {
    of(id, format!("FILE#{kind}"))
}

/// The outcome of a visit.
pub(crate) fn outcome(id: RelocationId, visit: Visit) -> Key {
    let Visit { generation, task, turn } = visit;
    of(id, format!("DONE#{}#{task}#{}", padded(generation), padded(turn)))
}

/// How far a relocation's task is.
pub(crate) fn progress(id: RelocationId) -> Key {
    of(id, "PROGRESS")
}

/// An entry of the outbox.
pub(crate) fn outbox(id: RelocationId, sequence: u64) -> Key {
    of(id, format!("OUT#{}", padded(sequence)))
}

/// A mail that is or was being sent.
pub(crate) fn mail(id: RelocationId, mail: &str) -> Key {
    of(id, format!("MAIL#{mail}"))
}

/// A line of the audit log. A relocation's version is written once, so it tells apart what happens at one time.
pub(crate) fn audit(id: RelocationId, at: Timestamp, version: Version) -> Key {
    of(id, format!("AUDIT#{}#{}", time(at), padded(version.0)))
}

/// A line about what no commit did.
pub(crate) fn audit_line(id: RelocationId, at: Timestamp, unique: Uuid) -> Key {
    of(id, format!("AUDIT#{}#{unique}", time(at)))
}

/// The partition of a relocation's audit log, and what its sort keys begin with.
pub(crate) fn audit_log(id: RelocationId) -> (String, String) {
    (record(id).pk, "AUDIT#".to_owned())
}

/// The lock that keeps an owner to one active relocation.
pub(crate) fn owner(id: UserId) -> Key {
    Key::new(format!("OWNER#{}", padded(id)), "ACTIVE")
}

/// What counts against a day's limit for a size class.
pub(crate) fn limit(class: SizeClass, at: Timestamp) -> String {
    let day = at.to_zoned(TimeZone::UTC).date();
    let size = match class {
        SizeClass::Small => "small",
        SizeClass::Medium => "medium",
        SizeClass::Large => "large",
    };
    format!("LIMIT#{day}#{size}")
}

/// One relocation that counts against a day's limit.
pub(crate) fn counted(class: SizeClass, at: Timestamp, id: RelocationId) -> Key {
    Key::new(limit(class, at), since(at, id))
}

/// An option.
pub(crate) fn option(name: &str) -> Key {
    Key::new("OPTION".to_owned(), name)
}

/// A time and what happened then, as it sorts by time.
pub(crate) fn since(at: Timestamp, what: impl std::fmt::Display) -> String {
    format!("{}#{what}", time(at))
}

/// A time as it sorts among strings: always with nine digits after the point.
pub(crate) fn time(at: Timestamp) -> String {
    format!("{at:.9}")
}

fn of(id: RelocationId, sort: impl Into<String>) -> Key {
    Key::new(format!("R#{id}"), sort)
}

#[cfg(test)]
mod tests {
    use pipeline::ids::{Generation, Turn};
    use pipeline::task::OrderedTask;

    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().expect("a time")
    }

    #[test]
    fn the_readme_has_every_key_of_relocations() {
        let id: RelocationId = "00000000-0000-0000-0000-000000000007".parse().expect("a uuid");
        let visit = Visit { generation: Generation(2), task: OrderedTask::Importing, turn: Turn(3) };
        let noon = at("2026-01-02T12:00:00Z");
        for (item, key) in [
            ("relocation", record(id)),
            ("file", file(id, FileKind::RawUserData)),
            ("outcome", outcome(id, visit)),
            ("outbox entry", outbox(id, 42)),
            ("progress", progress(id)),
            ("mail", mail(id, "STARTED#17")),
            ("audit line", audit(id, noon, Version(9))),
            ("audit line of a reading", audit_line(id, noon, Uuid::from_u128(8))),
            ("owner's lock", owner(UserId(17))),
            ("counted relocation", counted(SizeClass::Medium, noon, id)),
            ("option", option("relocation.enabled")),
        ] {
            let documented = documented(item);
            assert_eq!((key.pk.as_str(), key.sk.as_str()), (&*documented.0, &*documented.1), "{item}");
        }
    }

    /// The key that the README's table has for an item, with the placeholders filled in.
    fn documented(item: &str) -> (String, String) {
        let readme = include_str!("../../README.md");
        let line = readme.lines().find(|line| line.starts_with(&format!("| {item} |"))).expect(item);
        let cell = |n: usize| line.split('|').nth(n).expect("a cell").trim().trim_matches('`').to_owned();
        let fill = |cell: String| {
            [
                ("<uuid>", "00000000-0000-0000-0000-000000000007"),
                ("<kind>", "RAW_USER_DATA"),
                ("<generation:20>", "00000000000000000002"),
                ("<task>", "importing"),
                ("<turn:20>", "00000000000000000003"),
                ("<sequence:20>", "00000000000000000042"),
                ("<mail>", "STARTED#17"),
                ("<time>", "2026-01-02T12:00:00.000000000Z"),
                ("<unique>", "00000000-0000-0000-0000-000000000008"),
                ("<version:20>", "00000000000000000009"),
                ("<user:20>", "00000000000000000017"),
                ("<day>", "2026-01-02"),
                ("<size>", "medium"),
                ("<name>", "relocation.enabled"),
            ]
            .iter()
            .fold(cell, |cell, (name, value)| cell.replace(name, value))
        };
        (fill(cell(2)), fill(cell(3)))
    }

    #[test]
    fn times_sort_as_times() {
        let times = [
            "2026-01-02T12:00:00Z",
            "2026-01-02T12:00:00.000000001Z",
            "2026-01-02T12:00:00.5Z",
            "2026-01-02T12:00:01Z",
        ];
        let keys: Vec<String> = times.iter().map(|text| time(at(text))).collect();
        assert!(keys.is_sorted(), "{keys:?}");
    }
}
