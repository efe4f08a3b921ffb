//! Values that no two rows share.

use catalog::Model;
use serde_json::json;

use super::support::{
    Outcome, conflict, ensure_eq, fill, insert, is_there, model, organization, read, replace, row,
    transaction, write,
};
use crate::{Conflict, Pk, Silo, StoreErrorKind, Taken, UniqueKey, Write, WriteError};

fn taken(model: &Model, write: usize, set: usize, holder: Pk) -> Conflict {
    Conflict { taken: vec![Taken { write, model: model.id, set, holder }], ..Conflict::default() }
}

async fn conflicts(silo: &impl Silo, write: Write, expected: &Conflict) -> Outcome {
    let found = conflict(silo.write(&transaction([write])).await)?;
    ensure_eq!(&found, expected, "the conflict");
    Ok(())
}

/// A taken value is refused, and the conflict says who has it.
pub async fn names_the_holder_of_a_taken_value(silo: &impl Silo) -> Outcome {
    let model = model(silo, "sentry.organization")?;
    fill(silo, model, [organization(7, "one"), organization(8, "two")]).await?;
    conflicts(silo, insert(model, organization(9, "two")), &taken(model, 0, 0, 8)).await?;
    ensure_eq!(is_there(silo, model, 9).await?, false, "the refused row");
    write(silo, [insert(model, organization(9, "three"))]).await
}

/// Two nulls, or two missing fields, are not the same value.
pub async fn null_is_never_taken(silo: &impl Silo) -> Outcome {
    let members = model(silo, "sentry.organizationmember")?;
    let rows = [
        row(1, json!({ "organization": 1, "user_id": null, "email": "a@example.com", "token": null })),
        row(2, json!({ "organization": 1, "user_id": null, "email": "b@example.com", "token": null })),
        row(3, json!({ "organization": 1, "user_id": 5, "email": null })),
        row(4, json!({ "organization": 1, "user_id": 6 })),
    ];
    fill(silo, members, rows).await?;
    let again =
        row(5, json!({ "organization": 1, "user_id": null, "email": "b@example.com", "token": null }));
    let set = members.uniques.iter().position(|set| set.fields.iter().any(|field| field == "email"));
    conflicts(silo, insert(members, again), &taken(members, 0, set.unwrap_or_default(), 2)).await
}

fn option(pk: Pk, organization: Option<Pk>, project: Option<Pk>) -> crate::Row {
    let fields =
        json!({ "user": 1, "organization_id": organization, "project_id": project, "key": "k", "value": pk });
    row(pk, fields)
}

/// A partial set binds the rows for which its conditions hold, and no others.
pub async fn partial_sets_bind_only_their_rows(silo: &impl Silo) -> Outcome {
    let options = model(silo, "sentry.useroption")?;
    let rows =
        [option(1, None, None), option(2, Some(1), None), option(3, Some(2), None), option(4, None, Some(1))];
    fill(silo, options, rows).await?;
    let partial = options.uniques.iter().position(|set| !set.when.is_empty()).unwrap_or_default();
    let second = insert(options, option(5, None, None));
    conflicts(silo, second, &taken(options, 0, partial, 1)).await?;

    let searches = model(silo, "sentry.savedsearch")?;
    let search = |pk: Pk, global: bool| row(pk, json!({ "name": "Mine", "is_global": global }));
    fill(silo, searches, [search(1, false), search(2, false), search(3, true)]).await?;
    conflicts(silo, insert(searches, search(4, true)), &taken(searches, 0, 0, 3)).await
}

/// Values that differ only in case are one where the set says so, and two where it does not.
pub async fn ignores_case_where_the_set_does(silo: &impl Silo) -> Outcome {
    let organizations = model(silo, "sentry.organization")?;
    fill(silo, organizations, [organization(1, "Łódź-Team")]).await?;
    let lower = insert(organizations, organization(2, "łódź-team"));
    conflicts(silo, lower, &taken(organizations, 0, 0, 1)).await?;
    let options = model(silo, "sentry.option")?;
    fill(silo, options, [row(1, json!({ "key": "Key" })), row(2, json!({ "key": "key" }))]).await
}

/// Holders come in the order asked for, with nothing where the value is free.
pub async fn finds_holders_in_the_order_asked_for(silo: &impl Silo) -> Outcome {
    let model = model(silo, "sentry.organization")?;
    fill(silo, model, (1..=120).map(|pk| organization(pk, &format!("o-{pk}")))).await?;
    let key = |pk: Pk| UniqueKey::of(model, &organization(pk, &format!("O-{pk}")).fields);
    let keys: Vec<UniqueKey> = [120, 121, 1, 120].into_iter().flat_map(key).collect();
    ensure_eq!(silo.holders(&keys).await?, [Some(120), None, Some(1), Some(120)], "holders");
    ensure_eq!(silo.holders(&[]).await?, [], "no keys");
    let keys: Vec<UniqueKey> = (1..=210).flat_map(key).collect();
    let expected: Vec<Option<Pk>> = (1..=210).map(|pk| (pk <= 120).then_some(pk)).collect();
    ensure_eq!(silo.holders(&keys).await?, expected, "210 holders");
    Ok(())
}

/// A row that takes another value frees the one it had.
pub async fn replacing_moves_unique_values(silo: &impl Silo) -> Outcome {
    let model = model(silo, "sentry.organization")?;
    fill(silo, model, [organization(1, "one"), organization(2, "two")]).await?;
    let before = read(silo, model, 1).await?;
    conflicts(silo, replace(model, &before, json!({ "slug": "TWO" })), &taken(model, 0, 0, 2)).await?;
    ensure_eq!(read(silo, model, 1).await?, before, "the row that could not change");

    write(silo, [replace(model, &before, json!({ "slug": "uno" }))]).await?;
    conflicts(silo, insert(model, organization(3, "uno")), &taken(model, 0, 0, 1)).await?;
    write(silo, [insert(model, organization(3, "one"))]).await?;

    // What one write gives up, another of the same transaction cannot have yet.
    let (third, second) = (read(silo, model, 3).await?, read(silo, model, 2).await?);
    let swap = [
        replace(model, &third, json!({ "slug": "tres" })),
        replace(model, &second, json!({ "slug": "one" })),
    ];
    let found = conflict(silo.write(&transaction(swap)).await)?;
    ensure_eq!(found, taken(model, 1, 0, 3), "the conflict of a swap");
    Ok(())
}

/// A row does not stand in its own way.
pub async fn replacing_keeps_its_own_values(silo: &impl Silo) -> Outcome {
    let model = model(silo, "sentry.organization")?;
    fill(silo, model, [organization(1, "one")]).await?;
    for slug in ["one", "ONE", "One"] {
        let before = read(silo, model, 1).await?;
        write(silo, [replace(model, &before, json!({ "slug": slug, "status": 3 }))]).await?;
    }
    conflicts(silo, insert(model, organization(2, "one")), &taken(model, 0, 0, 1)).await
}

/// A row takes the values of a partial set when the set begins to bind it, and frees them when it ends.
pub async fn replacing_enters_and_leaves_partial_sets(silo: &impl Silo) -> Outcome {
    let searches = model(silo, "sentry.savedsearch")?;
    let search = |global: bool| json!({ "name": "Mine", "is_global": global });
    fill(silo, searches, [row(1, search(true)), row(2, search(false))]).await?;
    let second = read(silo, searches, 2).await?;
    conflicts(silo, replace(searches, &second, search(true)), &taken(searches, 0, 0, 1)).await?;
    let first = read(silo, searches, 1).await?;
    write(silo, [replace(searches, &first, search(false))]).await?;
    write(silo, [replace(searches, &second, search(true))]).await?;
    let first = read(silo, searches, 1).await?;
    conflicts(silo, replace(searches, &first, search(true)), &taken(searches, 0, 0, 2)).await
}

/// Two rows of one transaction cannot have one value; saying so is the caller's business.
pub async fn refuses_a_value_twice_in_one_transaction(silo: &impl Silo) -> Outcome {
    let model = model(silo, "sentry.organization")?;
    let writes = [insert(model, organization(1, "one")), insert(model, organization(2, "One"))];
    let kind = match silo.write(&transaction(writes)).await {
        Err(WriteError::Store(error)) => Some(error.kind),
        _ => None,
    };
    ensure_eq!(kind, Some(StoreErrorKind::Refused), "the same slug twice");
    ensure_eq!(silo.get(model, &[1, 2]).await?, [None, None], "rows of a refused transaction");
    Ok(())
}
