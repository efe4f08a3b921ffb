//! Every key of every table is made here. README.md has them as a table, which a test compares with this file.

pub(crate) mod relocations;

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;
use deletion::DeletionJob;
use silo::{ChunkPosition, Departed, Departure, JournalPosition, Pk, UniqueKey, WatermarkKey};
use uuid::Uuid;

/// Partition key of every table.
pub(crate) const PK: &str = "pk";
/// Sort key of every table.
pub(crate) const SK: &str = "sk";

/// How many primary keys share a partition.
const BLOCK: Pk = 256;

/// The key of one item.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Key {
    pub(crate) pk: String,
    pub(crate) sk: String,
}

impl Key {
    fn new(pk: String, sk: impl Into<String>) -> Self {
        Self { pk, sk: sk.into() }
    }

    /// The key of an item, or of its entry in an index.
    pub(crate) fn of_item(item: &HashMap<String, AttributeValue>) -> Option<Self> {
        let text = |name| item.get(name).and_then(|value| value.as_s().ok()).cloned();
        Some(Self { pk: text(PK)?, sk: text(SK)? })
    }

    /// The key as attributes of an item.
    pub(crate) fn attributes(self) -> HashMap<String, AttributeValue> {
        [(PK.to_owned(), AttributeValue::S(self.pk)), (SK.to_owned(), AttributeValue::S(self.sk))].into()
    }
}

/// A number as it sorts among strings.
pub(crate) fn padded(number: impl std::fmt::Display) -> String {
    format!("{number:0>20}")
}

/// The number that [`padded`] made a sort key of.
pub(crate) fn number(padded: &str) -> Option<Pk> {
    padded.parse().ok()
}

// ---- A silo --------------------------------------------------------------------------------------------

/// The block that a row stands in.
pub(crate) fn block_of(pk: Pk) -> Pk {
    pk / BLOCK
}

/// The highest primary key of a block.
pub(crate) fn end_of_block(block: Pk) -> Pk {
    block.saturating_mul(BLOCK).saturating_add(BLOCK - 1)
}

/// The partition of a block's rows.
pub(crate) fn rows(model: &str, block: Pk) -> String {
    format!("{model}#{}", padded(block))
}

/// The sort key of a row, here and in every index.
pub(crate) fn row_sort(pk: Pk) -> String {
    padded(pk)
}

/// A row.
pub(crate) fn row(model: &str, pk: Pk) -> Key {
    Key::new(rows(model, block_of(pk)), row_sort(pk))
}

/// The value of a row's attribute `fk<slot>`.
pub(crate) fn reference(model: &str, field: &str, target: Pk) -> String {
    format!("{model}.{field}#{}", padded(target))
}

/// The target that a [`reference`] leads to. Zeros stand before the sign of a negative one.
pub(crate) fn target(reference: &str) -> Option<Pk> {
    let (_, padded) = reference.rsplit_once('#')?;
    number(padded).or_else(|| number(padded.trim_start_matches('0')))
}

/// The attribute that holds a row's reference, and the index over it.
pub(crate) fn slot(slot: usize) -> String {
    format!("fk{slot}")
}

/// The attribute that a privileged row has, and the index over it.
pub(crate) const PRIVILEGED: &str = "privileged";

/// The unique values of a row.
pub(crate) fn unique(model: &str, set: &str, key: &UniqueKey) -> Key {
    Key::new(format!("U#{model}#{set}#{}", key.hash), "UNIQUE")
}

/// The partition of the blocks that a model has rows in.
pub(crate) fn blocks(model: &str) -> String {
    format!("BLOCKS#{model}")
}

/// A block.
pub(crate) fn block(model: &str, block: Pk) -> Key {
    Key::new(blocks(model), padded(block))
}

/// A model's sequence of primary keys.
pub(crate) fn sequence(model: &str) -> Key {
    Key::new(format!("SEQ#{model}"), "SEQ")
}

/// The partition of what is known of an import.
pub(crate) fn import(import: Uuid) -> String {
    format!("I#{import}")
}

/// The plan of an import.
pub(crate) fn plan(id: Uuid) -> Key {
    Key::new(import(id), PLAN)
}

/// The sort key of a plan, which stands among the chunks.
pub(crate) const PLAN: &str = "PLAN";

/// A chunk of an import.
pub(crate) fn chunk(id: Uuid, position: &ChunkPosition) -> Key {
    Key::new(import(id), format!("{}#{}", position.model, padded(position.min_ordinal)))
}

/// The partition of an import's journal, of its own so that reading chunks does not read originals.
pub(crate) fn journal(import: Uuid) -> String {
    format!("J#{import}")
}

/// An entry of an import's journal. One that says that a row was added stands before those that say what it was.
pub(crate) fn journal_entry(import: Uuid, position: &JournalPosition) -> Key {
    let row = format!("{}#{}", position.model, padded(position.pk));
    let sort =
        position.revision.map_or_else(|| row.clone(), |revision| format!("{row}#{}", padded(revision)));
    Key::new(journal(import), sort)
}

/// A sort key behind that of an entry, and before that of the next.
pub(crate) fn behind_journal_entry(import: Uuid, position: &JournalPosition) -> String {
    format!("{}#", journal_entry(import, position).sk)
}

/// The position that the sort key of an entry says.
pub(crate) fn journal_position(sort: &str) -> Option<JournalPosition> {
    let mut parts = sort.split('#');
    let (model, pk) = (parts.next()?.to_owned(), number(parts.next()?)?);
    let revision = parts.next().map(str::parse).transpose().ok()?;
    parts.next().is_none().then_some(JournalPosition { model, pk, revision })
}

/// The partitions of departures. There are sixteen, so that many rows can go at once.
pub(crate) fn departures() -> impl Iterator<Item = String> {
    (0..16).map(|shard| departures_of(&format!("{shard:x}")))
}

fn departures_of(shard: &str) -> String {
    format!("GONE#{shard}")
}

/// A departure. Its id, in hexadecimal digits, says the partition.
pub(crate) fn departure(departure: &Departure) -> Key {
    let id = departure.id();
    Key::new(departures_of(id.get(..1).unwrap_or_default()), id)
}

/// The partition of tombstones by id, and the name of their sequence.
pub(crate) const TOMBSTONES: &str = "TOMBSTONES";

/// A tombstone, by id.
pub(crate) fn tombstone(id: Pk) -> Key {
    Key::new(TOMBSTONES.to_owned(), padded(id))
}

/// The tombstone of an object.
pub(crate) fn tombstone_of(departed: &Departed) -> Key {
    Key::new(format!("T#{}#{}", departed.table, padded(departed.object)), "TOMBSTONE")
}

/// A watermark.
pub(crate) fn watermark(key: &WatermarkKey) -> Key {
    Key::new("WATERMARKS".to_owned(), format!("{}.{}#{}", key.model, key.field, key.pass))
}

/// The partition of imports that are open.
pub(crate) const OPEN_IMPORTS: &str = "OPEN-IMPORTS";

/// An import that is open.
pub(crate) fn open_import(import: Uuid) -> Key {
    Key::new(OPEN_IMPORTS.to_owned(), import.to_string())
}

/// The partition of what came of the last runs.
pub(crate) const CASCADES: &str = "CASCADES";

/// What came of the last run for a key.
pub(crate) fn cascade(model: &str, field: &str) -> Key {
    Key::new(CASCADES.to_owned(), format!("{model}.{field}"))
}

/// The partition of scheduled deletions.
pub(crate) const DELETIONS: &str = "DELETIONS";

/// The scheduled deletion of an object.
pub(crate) fn deletion(job: &DeletionJob) -> Key {
    Key::new(DELETIONS.to_owned(), format!("{}#{}", job.model, padded(job.object)))
}

/// A sort key behind that of a scheduled deletion, and before that of the next.
pub(crate) fn behind_deletion(job: &DeletionJob) -> String {
    format!("{}#", deletion(job).sk)
}

#[cfg(test)]
mod tests {
    use catalog::{Catalog, Model};
    use serde_json::json;
    use silo::Pass;

    use super::*;

    /// python3 -c 'import hashlib; print(hashlib.sha256(b"[17,\"my-project\"]").hexdigest()[:32])'
    const HASH: &str = "18c3d4f123b91210916a310b8ed910f1";

    /// python3 -c 'import hashlib; print(hashlib.sha256(b"auth_user#5\n").hexdigest()[:32])'
    const DEPARTURE: &str = "129aadd05a8bdcca8a88f572a018f428";

    fn my_project(model: &Model) -> UniqueKey {
        let fields = json!({ "organization": 17, "slug": "my-project" });
        UniqueKey::of(model, fields.as_object().expect("an object")).remove(0)
    }

    /// The rows of the README's tables as (item, pk, sk), with the placeholders filled in.
    fn documented() -> Vec<(String, String, String)> {
        let fill = |cell: &str| {
            [
                ("<primary key / 256:20>", "00000000000000000001"),
                ("<primary key:20>", "00000000000000000300"),
                ("<first ordinal:20>", "00000000000000000042"),
                ("<revision:20>", "00000000000000000003"),
                ("<import uuid>", "00000000-0000-0000-0000-000000000007"),
                ("<shard>", &DEPARTURE[..1]),
                ("<departure id>", DEPARTURE),
                ("<table>", "auth_user"),
                ("<object:20>", "00000000000000000005"),
                ("<id:20>", "00000000000000000006"),
                ("<field>", "creator_id"),
                ("<pass>", "tombstones"),
                ("<model>", "sentry.project"),
                ("<set>", "organization+slug"),
                ("<hash>", HASH),
            ]
            .iter()
            .fold(cell.trim().trim_matches('`').to_owned(), |cell, (name, value)| cell.replace(name, value))
        };
        let table = include_str!("../README.md").lines().filter(|line| line.starts_with("| "));
        let cells = table.map(|line| line.split('|').map(str::trim).collect::<Vec<_>>());
        let keyed = cells.filter(|cells| cells.len() >= 5 && cells[2].starts_with('`') && cells[1] != "item");
        keyed.map(|cells| (cells[1].to_owned(), fill(cells[2]), fill(cells[3]))).collect()
    }

    #[test]
    fn the_readme_has_every_key_of_a_silo() {
        let catalog = Catalog::builtin();
        let model = catalog.find("sentry.project").expect("the catalogue has projects");
        let unique_key = my_project(model);
        let id = Uuid::from_u128(7);
        let position = ChunkPosition::new(model, 42);
        let changed = |revision| JournalPosition { model: model.name.clone(), pk: 300, revision };
        let departed = Departed { table: "auth_user".to_owned(), object: 5 };
        let (by_name, field) = (model.name.clone(), "creator_id".to_owned());
        let watermark_key = WatermarkKey { model: by_name, field, pass: Pass::Tombstones };
        let doomed = DeletionJob { silo: model.silo, model: model.name.clone(), object: 300 };
        for (item, key) in [
            ("row", row(&model.name, 300)),
            ("unique values", unique(&model.name, &model.uniques[0].name(), &unique_key)),
            ("block", block(&model.name, block_of(300))),
            ("sequence", sequence(&model.name)),
            ("import plan", plan(id)),
            ("import chunk", chunk(id, &position)),
            ("added row", journal_entry(id, &changed(None))),
            ("original", journal_entry(id, &changed(Some(3)))),
            ("departure", departure(&Departure { departed: vec![departed.clone()] })),
            ("tombstone by id", tombstone(6)),
            ("tombstone by object", tombstone_of(&departed)),
            ("sequence of tombstones", sequence(TOMBSTONES)),
            ("watermark", watermark(&watermark_key)),
            ("open import", open_import(id)),
            ("last run", cascade(&model.name, "creator_id")),
            ("scheduled deletion", deletion(&doomed)),
        ] {
            assert!(
                documented().contains(&(item.to_owned(), key.pk.clone(), key.sk.clone())),
                "{item}: {key:?}"
            );
        }
    }

    #[test]
    fn the_readme_says_how_unique_values_are_hashed() {
        let catalog = Catalog::builtin();
        let project = catalog.find("sentry.project").expect("the catalogue has projects");
        assert_eq!(my_project(project).hash.to_string(), HASH);
        assert!(include_str!("../README.md").contains(r#"`[17,"my-project"]`"#));
    }

    #[test]
    fn entries_of_a_journal_sort_as_positions_and_say_them() {
        let position = |model: &str, pk, revision| JournalPosition { model: model.to_owned(), pk, revision };
        let positions = [
            position("sentry.organization", 9, None),
            position("sentry.organization", 9, Some(0)),
            position("sentry.organization", 9, Some(u64::MAX)),
            position("sentry.organization", 10, Some(1)),
            position("sentry.organization", Pk::MAX, None),
            position("sentry.organizationmember", 1, None),
        ];
        assert!(positions.is_sorted());
        let id = Uuid::from_u128(7);
        let sorts: Vec<String> = positions.iter().map(|position| journal_entry(id, position).sk).collect();
        for ((position, sort), next) in positions.iter().zip(&sorts).zip(sorts.iter().skip(1)) {
            assert_eq!(journal_position(sort).as_ref(), Some(position));
            let behind = behind_journal_entry(id, position);
            assert!(*sort < behind && behind <= *next, "{sort} {behind} {next}");
        }
        for other in
            ["PLAN", "sentry.option", "sentry.option#nine", "sentry.option#1#2#3", "sentry.option#1#x"]
        {
            assert_eq!(journal_position(other), None, "{other}");
        }
    }

    #[test]
    fn every_departure_stands_in_one_of_the_partitions() {
        let partitions: Vec<String> = departures().collect();
        for object in 0..100 {
            let departed = vec![Departed { table: "auth_user".to_owned(), object }];
            let key = departure(&Departure { departed });
            assert!(partitions.contains(&key.pk), "{key:?}");
        }
    }

    #[test]
    fn a_reference_says_its_target() {
        for pk in [0, 1, 300, -5, Pk::MIN, Pk::MAX] {
            assert_eq!(target(&reference("sentry.project", "creator_id", pk)), Some(pk));
        }
        for other in ["sentry.project.creator_id", "sentry.project.creator_id#nobody"] {
            assert_eq!(target(other), None, "{other}");
        }
    }

    #[test]
    fn numbers_sort_as_numbers() {
        let numbers = [0, 1, 9, 10, 255, 256, 99_999, Pk::MAX];
        let keys: Vec<String> = numbers.iter().map(|pk| row_sort(*pk)).collect();
        assert!(keys.is_sorted());
        assert!(keys.iter().all(|key| key.len() == 20));
        assert_eq!(keys.iter().filter_map(|key| number(key)).collect::<Vec<_>>(), numbers);
        assert_eq!(end_of_block(block_of(Pk::MAX)), Pk::MAX);
    }
}
