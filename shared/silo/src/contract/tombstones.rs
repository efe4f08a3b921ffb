//! Who is gone is told of until it is forgotten, and has one tombstone.

use std::collections::BTreeSet;
use std::time::Duration;

use futures::future::join_all;
use jiff::Timestamp;
use serde_json::json;

use super::support::{
    Outcome, delete, ensure, ensure_eq, fill, insert, model, organization, read, row, write,
};
use crate::{Departed, Departure, Orphan, PendingDeparture, Pk, Reach, Reconcile, RowBatch, Tombstone};

fn departed(table: &str, object: Pk) -> Departed {
    Departed { table: table.to_owned(), object }
}

fn ids(tombstones: &[Tombstone]) -> Vec<Pk> {
    tombstones.iter().map(|tombstone| tombstone.id).collect()
}

/// Rows that go in one transaction are kept together, if keys may lead to rows of their model, until that is forgotten.
pub async fn keeps_who_is_gone(silo: &impl Reconcile) -> Outcome {
    let (users, emails) = (model(silo, "sentry.user")?, model(silo, "sentry.email")?);
    fill(silo, users, (1..=4).map(|pk| row(pk, json!({ "username": format!("u{pk}") })))).await?;
    fill(silo, emails, [row(1, json!({ "email": "nobody refers to it" }))]).await?;
    ensure_eq!(silo.departures(10).await?, [], "before anybody is gone");
    let user = async |pk| read(silo, users, pk).await;
    let email = read(silo, emails, 1).await?;
    write(silo, [delete(emails, &email)]).await?;
    write(silo, [delete(users, &user(1).await?), delete(users, &user(2).await?)]).await?;
    write(silo, [delete(users, &user(3).await?).untold(), delete(users, &user(4).await?)]).await?;
    let departure = |objects: &[Pk]| Departure {
        departed: objects.iter().map(|pk| departed("auth_user", *pk)).collect(),
    };
    let pending = async || {
        let mut pending = silo.departures(10).await?;
        pending.sort_by(|left, right| left.departure.cmp(&right.departure));
        Ok::<_, crate::StoreError>(pending)
    };
    let expected = |objects: &[Pk], told| PendingDeparture { departure: departure(objects), told };
    ensure_eq!(pending().await?, [expected(&[1, 2], None), expected(&[4], None)], "who is gone");
    ensure_eq!(silo.departures(1).await?.len(), 1, "as many as asked for");
    let told = Timestamp::UNIX_EPOCH + Duration::from_secs(5);
    silo.note_told(&departure(&[1, 2]), told).await?;
    ensure_eq!(pending().await?, [expected(&[1, 2], Some(told)), expected(&[4], None)], "one is told of");
    for _ in 0..2 {
        silo.forget(&departure(&[1, 2])).await?;
        silo.note_told(&departure(&[1, 2]), told).await?;
        ensure_eq!(pending().await?, [expected(&[4], None)], "what is left");
    }
    Ok(())
}

/// A deletion that does not happen is not kept.
pub async fn keeps_nobody_who_is_there(silo: &impl Reconcile) -> Outcome {
    let users = model(silo, "sentry.user")?;
    fill(silo, users, [row(1, json!({ "username": "u1" }))]).await?;
    let mut stale = read(silo, users, 1).await?;
    stale.revision += 1;
    ensure!(write(silo, [delete(users, &stale)]).await.is_err(), "a row went that was not as it was read");
    ensure_eq!(silo.departures(10).await?, [], "who is gone");
    Ok(())
}

/// One tombstone for each table and object, numbered in the order in which they came.
pub async fn buries_each_once(silo: &impl Reconcile) -> Outcome {
    let then = Timestamp::UNIX_EPOCH;
    let later = then + Duration::from_secs(5);
    ensure_eq!(silo.tombstones(0, 10).await?, [], "before anybody is buried");
    ensure_eq!(silo.last_tombstone().await?, 0, "the last one then");
    silo.bury(&[], then).await?;
    silo.bury(&[departed("auth_user", 7), departed("sentry_team", 7)], then).await?;
    let again = [departed("auth_user", 7), departed("auth_user", 8), departed("auth_user", 8)];
    silo.bury(&again, later).await?;
    silo.bury(&again, later).await?;
    let found = silo.tombstones(0, 10).await?;
    let expected = [("auth_user", 7, then), ("sentry_team", 7, then), ("auth_user", 8, later)];
    ensure_eq!(
        found.iter().map(|found| (found.departed.clone(), found.created)).collect::<Vec<_>>(),
        expected.map(|(table, object, created)| (departed(table, object), created)),
        "the tombstones"
    );
    ensure_eq!(ids(&found), [1, 2, 3], "their ids");
    ensure_eq!(silo.last_tombstone().await?, 3, "the last one");
    ensure_eq!(
        silo.tombstones_of("auth_user", &[8, 9, 7]).await?,
        [found.get(2).cloned(), None, found.first().cloned()],
        "those of three users"
    );
    ensure_eq!(silo.tombstones_of("sentry_team", &[8]).await?, [None], "that of another table");
    Ok(())
}

/// Any number is buried at once, and read in parts.
pub async fn buries_many(silo: &impl Reconcile) -> Outcome {
    let many: Vec<Departed> = (1..=130).map(|object| departed("sentry_project", object)).collect();
    silo.bury(&many, Timestamp::UNIX_EPOCH).await?;
    let found = silo.tombstones(0, 1000).await?;
    ensure_eq!(ids(&found), (1..=130).collect::<Vec<Pk>>(), "all ids");
    ensure_eq!(ids(&silo.tombstones(100, 7).await?), (101..=107).collect::<Vec<Pk>>(), "some of them");
    ensure_eq!(silo.tombstones(130, 7).await?, [], "behind the last");
    ensure_eq!(
        found.into_iter().map(|found| found.departed).collect::<BTreeSet<_>>(),
        many.into_iter().collect::<BTreeSet<_>>(),
        "who is buried"
    );
    Ok(())
}

/// Whoever buries at the same time, ids have no gap and none is given twice.
pub async fn racing_burials_are_numbered(silo: &impl Reconcile) -> Outcome {
    let lots: Vec<Vec<Departed>> = (0..6)
        .map(|lot| (lot * 10..lot * 10 + 15).map(|object| departed("auth_user", object)).collect())
        .collect();
    for buried in join_all(lots.iter().map(|lot| silo.bury(lot, Timestamp::UNIX_EPOCH))).await {
        // Who loses a race too often is told to come again.
        if let Err(error) = buried {
            ensure!(error.retryable(), "a burial failed: {error}");
        }
    }
    for lot in &lots {
        silo.bury(lot, Timestamp::UNIX_EPOCH).await?;
    }
    let found = silo.tombstones(0, 1000).await?;
    ensure_eq!(ids(&found), (1..=65).collect::<Vec<Pk>>(), "the ids");
    let objects: BTreeSet<Pk> = found.iter().map(|found| found.departed.object).collect();
    ensure_eq!(objects, (0..65).collect::<BTreeSet<Pk>>(), "who is buried");
    Ok(())
}

/// Where a key leads, for rows with and without a target, in order and in parts.
pub async fn reads_where_keys_lead(silo: &impl Reconcile) -> Outcome {
    let members = model(silo, "sentry.organizationmember")?;
    let member = |pk: Pk, user: Option<Pk>| {
        row(pk, json!({ "organization": pk, "user_id": user, "email": null, "token": null }))
    };
    let rows = [(3, Some(30)), (255, None), (256, Some(30)), (9000, Some(1))];
    fill(silo, members, rows.map(|(pk, user)| member(pk, user))).await?;
    let read = async |after, limit| silo.targets(members, "user_id", after, limit).await;
    ensure_eq!(read(None, 10).await?.items, rows, "all of them");
    let first = read(None, 3).await?;
    ensure_eq!((first.items.as_slice(), first.next), (&rows[..3], Some(256)), "a part");
    ensure_eq!(read(first.next, 3).await?.items, rows[3..], "the rest");
    ensure_eq!(read(Some(9000), 3).await?.items, [], "behind the last");
    let no_key = silo.targets(members, "role", None, 3).await;
    ensure!(no_key.is_err_and(|error| !error.retryable()), "a field that is no key was read as one");
    Ok(())
}

/// The next rows within reach, and which of them lead to somebody who is gone: the same by a join as by two queries.
pub async fn joins_rows_with_who_is_gone(silo: &impl Reconcile) -> Outcome {
    let members = model(silo, "sentry.organizationmember")?;
    let member = |pk: Pk, user: Option<Pk>| {
        row(pk, json!({ "organization": pk, "user_id": user, "email": null, "token": null }))
    };
    let rows = [(3, Some(30)), (4, None), (12, Some(31)), (13, Some(30)), (9000, Some(32))];
    fill(silo, members, rows.map(|(pk, user)| member(pk, user))).await?;
    let then = Timestamp::UNIX_EPOCH + Duration::from_secs(5);
    silo.bury(&[departed("auth_user", 30), departed("auth_user", 32), departed("sentry_team", 31)], then)
        .await?;
    let users = Some("auth_user");
    let read = async |after, up_to, span| {
        let reach = Reach { after, up_to, span };
        silo.next_rows(members, "user_id", users, reach).await
    };
    let batch = |first, last, has_next, orphans: &[(Pk, Pk)]| {
        let orphans = orphans.iter().map(|(pk, target)| Orphan { pk: *pk, target: *target, gone: then });
        Some(RowBatch { first, last, has_next, orphans: orphans.collect() })
    };
    ensure_eq!(read(0, Pk::MAX, 10).await?, batch(3, 12, true, &[(3, 30)]), "ten keys from the first on");
    ensure_eq!(read(0, Pk::MAX, 11).await?, batch(3, 13, true, &[(3, 30), (13, 30)]), "eleven");
    ensure_eq!(read(3, Pk::MAX, 1).await?, batch(4, 4, true, &[]), "one, that leads nowhere");
    ensure_eq!(read(0, 12, 500).await?, batch(3, 12, false, &[(3, 30)]), "none behind the bound");
    ensure_eq!(read(13, Pk::MAX, 500).await?, batch(9000, 9000, false, &[(9000, 32)]), "the last one");
    ensure_eq!(read(9000, Pk::MAX, 500).await?, None, "behind the last one");
    ensure_eq!(read(4, 11, 500).await?, None, "none is within reach");
    let reach = Reach { after: 0, up_to: Pk::MAX, span: 500 };
    let nobody = silo.next_rows(members, "user_id", None, reach).await?;
    ensure_eq!(nobody, batch(3, 13, true, &[]), "of no table nobody is gone");
    let no_key = silo.next_rows(members, "role", users, reach).await;
    ensure!(no_key.is_err_and(|error| !error.retryable()), "a field that is no key was read as one");
    Ok(())
}

/// The next primary key is taken in the transaction of its row, by one row alone.
pub async fn the_next_key_is_taken_by_its_row(silo: &impl Reconcile) -> Outcome {
    let organizations = model(silo, "sentry.organization")?;
    let next = |pk: Pk| crate::Write::insert_next(organizations, organization(pk, &format!("next-{pk}")));
    let first = silo.next_pk(organizations).await?;
    ensure_eq!(silo.next_pk(organizations).await?, first, "the next one, as long as nobody takes it");
    write(silo, [next(first), next(first + 1)]).await?;
    ensure_eq!(silo.highest(organizations).await?, first + 1, "the highest one");
    let reserved = silo.reserve(organizations, 10).await?;
    ensure_eq!(reserved, first + 2, "what is reserved afterwards");
    let late = super::support::conflict(silo.write(&super::support::transaction([next(first + 2)])).await)?;
    let outnumbered = vec![organizations.id];
    ensure_eq!(late, crate::Conflict { outnumbered, ..crate::Conflict::default() }, "who comes too late");
    let next_pk = silo.next_pk(organizations).await?;
    ensure_eq!(next_pk, reserved + 10, "the next one behind what is reserved");
    write(silo, [next(next_pk)]).await
}

/// The next primary key is none that a row of others has.
pub async fn the_next_key_is_free(silo: &impl Reconcile) -> Outcome {
    let organizations = model(silo, "sentry.organization")?;
    let first = silo.next_pk(organizations).await?;
    let rows = [first, first + 1, first + 5].map(|pk| organization(pk, &format!("o-{pk}")));
    write(silo, rows.map(|row| insert(organizations, row))).await?;
    for number in 0..4 {
        let pk = silo.next_pk(organizations).await?;
        let row = organization(pk, &format!("next-{number}"));
        write(silo, [crate::Write::insert_next(organizations, row)]).await?;
    }
    Ok(())
}
