//! Rows that go leave nothing behind, and go only as they were read.

use std::error::Error;

use serde_json::json;

use super::imports::plan;
use super::support::{
    NONE, Outcome, all_pks, all_privileged, all_referring, conflict, delete, ensure, ensure_eq, fill, import,
    insert, is_there, model, organization, read, replace, row, transaction, write,
};
use crate::{Conflict, Pk, Silo, Stored, Taken, UniqueKey, Write};

/// A row that went is in no answer any more: not by its primary key, its values, its keys or its privileges.
pub async fn deletes_a_row_whole(silo: &impl Silo) -> Outcome {
    let (users, members) = (model(silo, "sentry.user")?, model(silo, "sentry.organizationmember")?);
    let user = |pk: Pk| row(pk, json!({ "username": format!("u{pk}"), "is_staff": true }));
    let member = |pk: Pk| row(pk, json!({ "organization": 3, "user_id": pk, "email": null, "token": null }));
    fill(silo, users, [user(1), user(2)]).await?;
    fill(silo, members, [member(1), member(2)]).await?;
    let writes =
        [delete(users, &read(silo, users, 1).await?), delete(members, &read(silo, members, 1).await?)];
    write(silo, writes).await?;

    ensure_eq!(
        silo.get(users, &[1, 2]).await?.iter().map(Option::is_some).collect::<Vec<_>>(),
        [false, true],
        "rows"
    );
    ensure_eq!(all_pks(silo, users, 10).await?, [2], "the page of users");
    ensure_eq!(all_privileged(silo, users, 10).await?, [2], "privileged users");
    ensure_eq!(
        all_referring(silo, members, "organization", 3, 10).await?,
        [2],
        "members of the organisation"
    );
    ensure_eq!(all_referring(silo, members, "user_id", 1, 10).await?, NONE, "members that are the user");
    ensure_eq!(silo.holders(&UniqueKey::of(users, &user(1).fields)).await?, [None], "who has the username");
    // Both the primary key and the values may be had again.
    write(silo, [insert(users, user(1)), insert(members, member(1))]).await?;
    ensure_eq!(all_pks(silo, members, 10).await?, [1, 2], "the page of members");
    Ok(())
}

/// A row goes once per reading; what has changed since, or is not there, does not go.
pub async fn deletes_only_what_was_read(silo: &impl Silo) -> Outcome {
    let model = model(silo, "sentry.organization")?;
    fill(silo, model, [organization(1, "one")]).await?;
    let first = read(silo, model, 1).await?;
    write(silo, [replace(model, &first, json!({ "slug": "two" }))]).await?;
    let changed = Conflict { changed: vec![0], ..Conflict::default() };
    let stale = conflict(silo.write(&transaction([delete(model, &first)])).await)?;
    ensure_eq!(stale, changed, "deleting what has changed");
    let second = read(silo, model, 1).await?;
    write(silo, [delete(model, &second)]).await?;
    let gone = conflict(silo.write(&transaction([delete(model, &second)])).await)?;
    ensure_eq!(gone, changed, "deleting what is gone");
    let gone = conflict(silo.write(&transaction([replace(model, &second, json!({ "slug": "x" }))])).await)?;
    ensure_eq!(gone, changed, "replacing what is gone");
    ensure!(!is_there(silo, model, 1).await?, "a row came back");
    Ok(())
}

/// A row that an import inserts where another one was is not that row, even if it is equal: whoever has read the other
/// neither changes nor deletes it.
pub async fn what_an_import_inserts_anew_is_another_row(silo: &impl Silo) -> Outcome {
    let (model, catalog) = (model(silo, "sentry.organization")?, silo.catalog());
    let inserted_by = |number| {
        let writes = vec![insert(model, organization(1, "one"))];
        Ok::<_, Box<dyn Error + Send + Sync>>(plan(import(number), 1)?.transaction(catalog, writes, None))
    };
    fill(silo, model, [organization(1, "one")]).await?;
    let mut before = read(silo, model, 1).await?;
    for number in [1, 2] {
        write(silo, [delete(model, &before)]).await?;
        silo.write(&inserted_by(number)?).await?;
        let again = read(silo, model, 1).await?;
        ensure_eq!(again.row, before.row, "an equal row");
        let changed = Conflict { changed: vec![0], ..Conflict::default() };
        for stale in [delete(model, &before), replace(model, &before, json!({ "slug": "x" }))] {
            ensure_eq!(conflict(silo.write(&transaction([stale])).await)?, changed, "of import {number}");
        }
        ensure_eq!(read(silo, model, 1).await?, again, "the row of import {number}");
        // A change does not make it look like the one that comes after it either.
        write(silo, [replace(model, &again, json!({ "slug": "one" }))]).await?;
        let after = read(silo, model, 1).await?;
        ensure!(after.revision > again.revision, "the revision did not rise");
        write(silo, [replace(model, &after, serde_json::Value::Object(again.row.fields.as_ref().clone()))])
            .await?;
        before = read(silo, model, 1).await?;
    }
    Ok(())
}

/// A deletion happens with the rest of its transaction, or not at all.
pub async fn deletes_everything_together_or_nothing(silo: &impl Silo) -> Outcome {
    let model = model(silo, "sentry.organization")?;
    fill(silo, model, [organization(1, "one"), organization(2, "two"), organization(3, "three")]).await?;
    let (one, two) = (read(silo, model, 1).await?, read(silo, model, 2).await?);
    let taken = [delete(model, &one), replace(model, &two, json!({ "slug": "three" }))];
    let found = conflict(silo.write(&transaction(taken)).await)?;
    let taken = vec![Taken { write: 1, model: model.id, set: 0, holder: 3 }];
    ensure_eq!(found, Conflict { taken, ..Conflict::default() }, "the conflict");
    ensure_eq!(read(silo, model, 1).await?, one, "the row that did not go");
    let slug = UniqueKey::of(model, &one.row.fields);
    ensure_eq!(silo.holders(&slug).await?, [Some(1)], "its value");
    let free = [
        delete(model, &one),
        replace(model, &two, json!({ "slug": "deux" })),
        insert(model, organization(4, "four")),
    ];
    write(silo, free).await?;
    ensure_eq!(all_pks(silo, model, 10).await?, [2, 3, 4], "the rows that are left");
    Ok(())
}

/// What one write gives up, another of the same transaction cannot have yet.
pub async fn a_deleted_row_gives_its_values_up_afterwards(silo: &impl Silo) -> Outcome {
    let model = model(silo, "sentry.organization")?;
    fill(silo, model, [organization(1, "one")]).await?;
    let one = read(silo, model, 1).await?;
    let writes = [delete(model, &one), insert(model, organization(2, "ONE"))];
    let found = conflict(silo.write(&transaction(writes)).await)?;
    let taken = vec![Taken { write: 1, model: model.id, set: 0, holder: 1 }];
    ensure_eq!(found, Conflict { taken, ..Conflict::default() }, "the conflict");
    write(silo, [delete(model, &one)]).await?;
    write(silo, [insert(model, organization(2, "ONE"))]).await
}

/// As many rows as a transaction holds go at once, and pages go on behind the gap.
pub async fn deletes_many_rows_at_once(silo: &impl Silo) -> Outcome {
    let model = model(silo, "sentry.organization")?;
    // Three blocks of 256, the middle one of which becomes empty.
    let pks = (240..256).chain(300..330).chain(600..603);
    fill(silo, model, pks.map(|pk| organization(pk, &format!("o-{pk}")))).await?;
    let page = silo.page(model, None, 46).await?;
    let writes: Vec<Write> = page.items.iter().map(|stored: &Stored| delete(model, stored)).collect();
    ensure_eq!(writes.len(), 46, "the rows of the page");
    write(silo, writes).await?;
    ensure_eq!(all_pks(silo, model, 2).await?, [600, 601, 602], "the rows that are left");
    Ok(())
}

/// A row that is kept compressed goes as any other.
pub async fn deletes_big_rows(silo: &impl Silo) -> Outcome {
    let options = model(silo, "sentry.option")?;
    fill(silo, options, [row(1, json!({ "key": "big", "value": "once more, ".repeat(300_000) }))]).await?;
    write(silo, [delete(options, &read(silo, options, 1).await?)]).await?;
    ensure_eq!(all_pks(silo, options, 10).await?, NONE, "rows");
    Ok(())
}

/// A primary key that a row had is never given away again.
pub async fn no_primary_key_comes_back(silo: &impl Silo) -> Outcome {
    let model = model(silo, "sentry.organization")?;
    let pk = silo.reserve(model, 5).await? + 4;
    fill(silo, model, [organization(pk, "one")]).await?;
    write(silo, [delete(model, &read(silo, model, pk).await?)]).await?;
    let next = silo.reserve(model, 1).await?;
    ensure!(next > pk, "{next} was given away although {pk} had been");
    Ok(())
}
