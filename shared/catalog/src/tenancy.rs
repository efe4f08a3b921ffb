//! Which rows belong to which user and organisation.

use crate::{Catalog, CatalogError, FieldKind, FieldPath, Key, KeyKind, SiloKind};

/// The fields that say which rows belong to which user and organisation, for filters (SPEC §7 and §8).
#[derive(Debug, Clone)]
pub struct Tenancy {
    /// The users, by name.
    pub user: FieldPath,
    /// A user's e-mail address.
    pub user_address: FieldPath,
    /// The organisations, by slug.
    pub organization: FieldPath,
    /// The key of a membership that leads to its user.
    pub member_user: FieldPath,
    /// The key of a membership that leads to its organisation.
    pub member_organization: FieldPath,
}

impl Tenancy {
    /// Whether these are what a filter looks for: names that are unique, and the two keys of a membership.
    pub(crate) fn check(&self, catalog: &Catalog) -> Result<(), CatalogError> {
        for (path, silo) in [(&self.user, SiloKind::Control), (&self.organization, SiloKind::Cell)] {
            if check_text(catalog, path)?.is_none() {
                let field = &path.field;
                return Err(wrong(format!(
                    "`{field}` has no limit that a suffix could be cut to: make it text(N)"
                )));
            }
            check_name(catalog, path, silo)?;
        }
        check_text(catalog, &self.user_address)?;
        if self.user_address.model != self.user.model {
            return Err(wrong("`user` and `user_address` are fields of different models"));
        }
        let user = check_key(catalog, &self.member_user, &self.user)?;
        if user.kind == KeyKind::Local {
            return Err(wrong(format!(
                "`{}` leads to another silo: memberships live in the cell",
                user.field
            )));
        }
        check_key(catalog, &self.member_organization, &self.organization)?;
        if self.member_user.model != self.member_organization.model {
            return Err(wrong("`member_user` and `member_organization` are fields of different models"));
        }
        Ok(())
    }
}

fn wrong(problem: impl Into<String>) -> CatalogError {
    CatalogError::inconsistent("tenancy", problem)
}

/// The limit of a field of text.
fn check_text(catalog: &Catalog, path: &FieldPath) -> Result<Option<usize>, CatalogError> {
    let model = catalog.model(path.model);
    match model.field(&path.field).map(|field| field.kind) {
        Some(FieldKind::Text(length_max)) => Ok(length_max),
        Some(kind) => Err(wrong(format!("`{}` is no text but {kind}", path.field))),
        None => Err(wrong(format!("`{}` has no field `{}`", model.name, path.field))),
    }
}

/// A filter finds a row by its name alone, and a name is looked up where its model lives.
fn check_name(catalog: &Catalog, path: &FieldPath, silo: SiloKind) -> Result<(), CatalogError> {
    let model = catalog.model(path.model);
    if model.unique_set(std::slice::from_ref(&path.field)).is_none_or(|(_, set)| !set.when.is_empty()) {
        let field = &path.field;
        return Err(wrong(format!(
            "`{field}` names a row of `{}` but is not unique: add {{ fields = [\"{field}\"] }} to its `unique`",
            model.name
        )));
    }
    if model.silo != silo {
        let place =
            if silo == SiloKind::Control { "users live in control" } else { "organisations live in a cell" };
        return Err(wrong(format!("`{}` is in the other silo: {place}", model.name)));
    }
    Ok(())
}

fn check_key<'a>(catalog: &'a Catalog, path: &FieldPath, to: &FieldPath) -> Result<&'a Key, CatalogError> {
    let (model, target) = (catalog.model(path.model), catalog.model(to.model));
    let key = model.key(&path.field).ok_or_else(|| wrong(format!("`{}` is no key", path.field)))?;
    if key.target != Some(target.id) {
        return Err(wrong(format!(
            "`{}` leads to `{}`, not to `{}`",
            key.field, key.target_name, target.name
        )));
    }
    Ok(key)
}
