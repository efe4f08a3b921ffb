use std::collections::BTreeSet;

use runtime::TaskError;
use serde_json::Value;
use silo::{Fields, Pk, Silo, StoreError, UniqueKey};

/// How many users one request asks for.
const USERS_PER_REQUEST: usize = 100;

/// Which of the wanted usernames are taken, as a text of one name in each line, sorted. A name is as the user has
/// it who is here: one that differs from a wanted name only in case takes it as well.
pub(crate) async fn existing<S: Silo>(control: &S, wanted: &[String]) -> Result<String, TaskError> {
    let mut names = BTreeSet::new();
    for wanted in wanted.chunks(USERS_PER_REQUEST) {
        names.extend(holders(control, wanted).await?);
    }
    // No name has a line break; one that did would be read as two.
    names.retain(|name| !name.contains('\n'));
    Ok(names.into_iter().map(|name| name + "\n").collect())
}

/// The usernames of the users who have these names.
async fn holders<S: Silo>(control: &S, names: &[String]) -> Result<Vec<String>, TaskError> {
    let catalog = control.catalog();
    let path = catalog.tenancy().map(|tenancy| &tenancy.user);
    let path = path.ok_or_else(|| TaskError::permanent("the catalogue has no users"))?;
    let model = catalog.model(path.model);
    let set = model.unique_set(std::slice::from_ref(&path.field));
    let (position, set) = set.ok_or_else(|| TaskError::permanent("usernames are not unique"))?;

    let key = |name: &String| {
        let fields = Fields::from_iter([(path.field.clone(), Value::from(name.as_str()))]);
        UniqueKey::in_set(model, position, set, &fields)
    };
    let keys: Vec<UniqueKey> = names.iter().filter_map(key).collect();
    let pks: Vec<Pk> = control.holders(&keys).await.map_err(store_error)?.into_iter().flatten().collect();
    let rows = control.get(model, &pks).await.map_err(store_error)?;
    let name = |stored: silo::Stored| stored.row.fields.get(&path.field)?.as_str().map(str::to_owned);
    Ok(rows.into_iter().flatten().filter_map(name).collect())
}

fn store_error(error: StoreError) -> TaskError {
    TaskError::Broken { retryable: error.retryable(), source: error.into() }
}
