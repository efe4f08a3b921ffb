//! What is kept of the changes that an import makes, so that they can be undone.

use serde_json::{Value, json};
use uuid::Uuid;

use super::support::{
    Fallible, Outcome, chunk, collect, conflict, ensure, ensure_eq, fill, import, insert, model,
    organization, read, replace, row, transaction,
};
use crate::{JournalEntry, Pk, Row, Silo, Stored, Transaction};

/// The journal of an import, in pages of this size.
async fn journal(silo: &impl Silo, import: Uuid, limit: usize) -> Fallible<Vec<JournalEntry>> {
    collect(limit, async |after| Ok(silo.journal(import, after, limit).await?)).await
}

fn entry(import: Uuid, model: &str, pk: Pk, before: Option<Stored>) -> JournalEntry {
    JournalEntry { import, model: model.to_owned(), pk, before }
}

fn option(pk: Pk, value: impl Into<Value>) -> Row {
    row(pk, json!({ "key": format!("k{pk}"), "value": value.into() }))
}

/// Of the changes of a transaction the journal tells of those that ask for it, and of what they changed.
pub async fn tells_of_the_changes_that_it_is_to_tell_of(silo: &impl Silo) -> Outcome {
    let model = model(silo, "sentry.option")?;
    fill(silo, model, [option(1, "ours"), option(2, "ours")]).await?;
    let (first, second) = (read(silo, model, 1).await?, read(silo, model, 2).await?);
    let changed = |before: &Stored| replace(model, before, json!({ "key": "new", "value": before.row.pk }));
    let taken = json!({ "key": "k2", "value": "theirs" });
    let writes = [
        changed(&first).journaled(import(1)),
        replace(model, &second, taken),
        insert(model, option(3, "theirs")).journaled(import(1)),
        insert(model, option(4, "theirs")),
        insert(model, option(5, "theirs")).journaled(import(2)),
    ];
    let written = chunk(import(1), "sentry.option", 1, 2);
    silo.write(&Transaction { chunk: Some(written.clone()), ..transaction(writes) }).await?;
    let name = "sentry.option";
    let expected = [entry(import(1), name, 1, Some(first)), entry(import(1), name, 3, None)];
    ensure_eq!(journal(silo, import(1), 9).await?, expected, "the journal");
    ensure_eq!(journal(silo, import(2), 9).await?, [entry(import(2), name, 5, None)], "another one");
    ensure_eq!(journal(silo, import(3), 9).await?, [], "the journal of an import that did nothing");
    ensure_eq!(silo.chunks(import(1), None, 9).await?.items, [written], "chunks are no part of it");
    Ok(())
}

/// An entry and its change are there, or neither.
pub async fn tells_of_nothing_that_was_not_written(silo: &impl Silo) -> Outcome {
    let model = model(silo, "sentry.option")?;
    fill(silo, model, [option(1, "ours"), option(2, "ours")]).await?;
    let stale = Stored { revision: 7, ..read(silo, model, 1).await? };
    let writes = [
        replace(model, &stale, json!({ "key": "k1", "value": "theirs" })).journaled(import(1)),
        insert(model, option(3, "theirs")).journaled(import(1)),
    ];
    let refused = conflict(silo.write(&transaction(writes)).await)?;
    ensure_eq!(refused.changed, [0], "the change that does not fit");
    let taken = insert(model, row(4, json!({ "key": "k2", "value": "theirs" }))).journaled(import(1));
    ensure_eq!(conflict(silo.write(&transaction([taken])).await)?.taken.len(), 1, "a value that is taken");
    ensure_eq!(journal(silo, import(1), 9).await?, [], "the journal");
    Ok(())
}

/// The journal has a row as it was before each change, the first of them first.
pub async fn keeps_what_a_row_was_before_each_change(silo: &impl Silo) -> Outcome {
    let model = model(silo, "sentry.option")?;
    fill(silo, model, [option(1, 0)]).await?;
    let mut expected = Vec::new();
    for value in 1..=12 {
        let before = read(silo, model, 1).await?;
        let change = replace(model, &before, json!({ "key": "k1", "value": value }));
        // Somebody else changes it, too.
        if value == 3 {
            silo.write(&transaction([change])).await?;
        } else {
            silo.write(&transaction([change.journaled(import(1))])).await?;
            expected.push(entry(import(1), "sentry.option", 1, Some(before)));
        }
    }
    ensure_eq!(journal(silo, import(1), 5).await?, expected, "every change");
    let latest = read(silo, model, 1).await?.revision;
    let last = expected.last().and_then(|entry| entry.before.as_ref()).map(|before| before.revision + 1);
    ensure_eq!(last, Some(latest), "nobody has changed it since");
    Ok(())
}

/// Whatever a silo can keep, its journal can: also what only fits when it is compressed.
pub async fn keeps_originals_whole(silo: &impl Silo) -> Outcome {
    let model = model(silo, "sentry.option")?;
    let odd = json!({ "text": "é\u{0}😀", "": [1.50, 1e-7, null], "number": 9_007_199_254_740_993_u64 });
    for (pk, value) in [(1, odd), (2, json!("long".repeat(200_000))), (3, json!("x".repeat(300_000)))] {
        fill(silo, model, [option(pk, value)]).await?;
        let before = read(silo, model, pk).await?;
        let change = replace(model, &before, json!({ "key": format!("k{pk}"), "value": "theirs" }));
        silo.write(&transaction([change.journaled(import(1))])).await?;
        let kept = journal(silo, import(1), 1).await?.pop();
        ensure_eq!(kept, Some(entry(import(1), "sentry.option", pk, Some(before))), "option {pk}");
    }
    Ok(())
}

/// Pages of any size give every entry once: by model name, by primary key, and what was first of a row first.
pub async fn pages_over_entries_in_order(silo: &impl Silo) -> Outcome {
    let mut expected = Vec::new();
    for name in ["sentry.organization", "sentry.organizationmember", "sentry.organizationoption"] {
        let model = model(silo, name)?;
        let mut writes = Vec::new();
        for pk in [1, 2, 10, 255, 256, 20_000_000_000] {
            let row = match name {
                "sentry.organization" => organization(pk, &format!("slug-{pk}")),
                _ => row(pk, json!({ "organization": pk, "user_id": pk, "key": "k" })),
            };
            writes.push(insert(model, row).journaled(import(1)));
            expected.push(entry(import(1), name, pk, None));
            if pk == 10 {
                // A row that was added and then changed.
                silo.write(&transaction(std::mem::take(&mut writes))).await?;
                let added = read(silo, model, pk).await?;
                let fields = Value::Object(added.row.fields.as_ref().clone());
                silo.write(&transaction([replace(model, &added, fields).journaled(import(1))])).await?;
                expected.push(entry(import(1), name, pk, Some(added)));
            }
        }
        silo.write(&transaction(writes)).await?;
    }
    for limit in [1, 2, 3, 20, 21, 22] {
        ensure_eq!(journal(silo, import(1), limit).await?, expected, "pages of {limit}");
    }
    ensure!(expected.len() == 21, "every kind of entry is there");
    Ok(())
}
