//! What must hold of a catalogue as a whole.

use crate::{
    Automatic, AutomaticValue, Catalog, CatalogError, FieldKind, FieldPath, KeyKind, Model, Rule, Tenancy,
};

pub(crate) fn check(catalog: &Catalog) -> Result<(), CatalogError> {
    for model in catalog.models() {
        let checker = Checker { catalog, model };
        checker.keys()?;
        checker.named_fields()?;
        checker.uniques()?;
        checker.rules()?;
        for automatic in &model.automatic {
            checker.automatic(automatic)?;
        }
        for registered in &model.registered {
            checker.registered(registered)?;
        }
        checker.used_by()?;
        checker.sanitize()?;
    }
    catalog.tenancy().map_or(Ok(()), |tenancy| check_tenancy(catalog, tenancy))
}

fn check_tenancy(catalog: &Catalog, tenancy: &Tenancy) -> Result<(), CatalogError> {
    let field = |path: &FieldPath| catalog.model(path.model).field(&path.field).map(|field| field.kind);
    for path in [&tenancy.user, &tenancy.user_address, &tenancy.organization] {
        if !matches!(field(path), Some(FieldKind::Text(_))) {
            return Err(CatalogError::inconsistent("tenancy", format!("`{}` is no text", path.field)));
        }
    }
    for path in [&tenancy.member_user, &tenancy.member_organization] {
        if !matches!(field(path), Some(FieldKind::Key(_))) {
            return Err(CatalogError::inconsistent("tenancy", format!("`{}` is no key", path.field)));
        }
    }
    Ok(())
}

/// How many keys of one model can be indexed: the slots of the widest model (DESIGN §4, `fk0` to `fk5`).
const KEY_SLOTS: usize = 6;

struct Checker<'a> {
    catalog: &'a Catalog,
    model: &'a Model,
}

impl Checker<'_> {
    fn fail(&self, problem: impl Into<String>) -> CatalogError {
        CatalogError::inconsistent(&self.model.name, problem)
    }

    fn has_field(&self, model: &Model, field: &str) -> Result<(), CatalogError> {
        if model.fields.contains_key(field) {
            return Ok(());
        }
        Err(self.fail(format!("`{}` has no field `{field}`", model.name)))
    }

    fn keys(&self) -> Result<(), CatalogError> {
        if self.model.keys.len() > KEY_SLOTS {
            return Err(self.fail(format!("a model has at most {KEY_SLOTS} keys")));
        }
        for key in &self.model.keys {
            let Some(target) = key.target.map(|id| self.catalog.model(id)) else { continue };
            if target.id > self.model.id {
                return Err(
                    self.fail(format!("`{}` leads to `{}`, which comes later", key.field, target.name))
                );
            }
            // An import knows where a row went when its batch is written, and rows of a batch are prepared before.
            if target.id == self.model.id && self.model.relocates() {
                return Err(self.fail(format!("`{}` leads to its own model, whose rows relocate", key.field)));
            }
            if key.kind == KeyKind::Local && target.silo != self.model.silo {
                return Err(self.fail(format!("`{}` leads to another silo without saying so", key.field)));
            }
            if key.on_delete == Some(crate::OnDelete::SetNull) && !key.nullable {
                return Err(
                    self.fail(format!("`{}` becomes null on deletion but is not nullable", key.field))
                );
            }
        }
        Ok(())
    }

    fn named_fields(&self) -> Result<(), CatalogError> {
        let model = self.model;
        let mut named: Vec<&String> = Vec::new();
        named.extend(&model.global_when);
        named.extend(model.ordinal.iter().flatten());
        named.extend(&model.identifier);
        named.extend(&model.privileged);
        named.extend(&model.grants_privilege);
        named.extend(model.stays_outside_global.iter().map(|retained| &retained.field));
        named.into_iter().try_for_each(|field| self.has_field(model, field))?;
        for (field, _) in &model.comparators {
            if !self.catalog.is_removed_field(&model.name, field) {
                self.has_field(model, field)?;
            }
        }
        if let Some(key) = &model.grants_privilege
            && model.key(key).is_none()
        {
            return Err(self.fail(format!("`{key}` grants a privilege but is no key")));
        }
        Ok(())
    }

    fn uniques(&self) -> Result<(), CatalogError> {
        for unique in &self.model.uniques {
            if unique.fields.is_empty() {
                return Err(self.fail("a unique set has at least one field"));
            }
            let conditions = unique.when.iter().map(|condition| &condition.field);
            unique.fields.iter().chain(conditions).try_for_each(|field| self.has_field(self.model, field))?;
        }
        Ok(())
    }

    fn rules(&self) -> Result<(), CatalogError> {
        for rule in &self.model.rules {
            rule.fields().into_iter().try_for_each(|field| self.has_field(self.model, field))?;
            if let Some(natural_key) = rule.natural_key()
                && self.model.unique_set(natural_key).is_none()
            {
                return Err(self.fail(format!("{rule:?} acts on a set that is not unique")));
            }
            if let Rule::DropIfMerged(key)
            | Rule::NullIfMissing(key)
            | Rule::ReplaceFirstAutomatic(key)
            | Rule::OrgAuthToken(key) = rule
            {
                let declared = self.model.key(key);
                let nullable = declared.is_some_and(|key| key.nullable);
                if declared.is_none() || (matches!(rule, Rule::NullIfMissing(_)) && !nullable) {
                    return Err(self.fail(format!("{rule:?} does not fit its field")));
                }
            }
            if let Rule::SuffixIfTaken(name) = rule
                && self.model.identifier.as_ref() != Some(name)
            {
                return Err(self.fail(format!("`{name}` gets a suffix but is not the identifier")));
            }
            if let Rule::SoftKey { target, .. } = rule
                && self.catalog.find(target).is_none()
            {
                return Err(self.fail(format!("`{target}` is no model of this catalogue")));
            }
        }
        Ok(())
    }

    fn automatic(&self, automatic: &Automatic) -> Result<(), CatalogError> {
        let made = self.catalog.model(automatic.model);
        if made.silo != self.model.silo {
            return Err(self.fail(format!("`{}` is made with it but lives elsewhere", made.name)));
        }
        self.made_whole(automatic)
    }

    /// A name that is taken in the other silo needs a suffix, and what registers it must be made outside of
    /// files alone: a file's row would have no say in the name.
    fn registered(&self, registered: &Automatic) -> Result<(), CatalogError> {
        let made = self.catalog.model(registered.model);
        if made.silo == self.model.silo || made.relocates() {
            return Err(self.fail(format!("`{}` cannot register a name in the other silo", made.name)));
        }
        let suffixed = |name: &String| self.model.rules.contains(&Rule::SuffixIfTaken(name.clone()));
        if !self.model.identifier.as_ref().is_some_and(suffixed) {
            return Err(
                self.fail("a name that is registered is the identifier, and gets a suffix if it is taken")
            );
        }
        self.made_whole(registered)
    }

    /// Whether the fields of a row that is made have their values.
    fn made_whole(&self, automatic: &Automatic) -> Result<(), CatalogError> {
        let made = self.catalog.model(automatic.model);
        for (field, value) in &automatic.fields {
            self.has_field(made, field)?;
            if let AutomaticValue::ParentField(parent) = value {
                self.has_field(self.model, parent)?;
            }
        }
        for (name, field) in &made.fields {
            let given = automatic.fields.iter().any(|(given, _)| given == name);
            let optional = field.nullable || field.default.is_some() || field.kind == FieldKind::Json;
            if !given && !optional {
                return Err(self.fail(format!("`{}.{name}` gets no value when it is made", made.name)));
            }
        }
        Ok(())
    }

    fn sanitize(&self) -> Result<(), CatalogError> {
        for (field, way) in &self.model.sanitize {
            self.has_field(self.model, field)?;
            if let Some(problem) = way.problem(self.model, field) {
                return Err(self.fail(problem));
            }
        }
        Ok(())
    }

    fn used_by(&self) -> Result<(), CatalogError> {
        for path in &self.model.used_by {
            self.has_field(self.catalog.model(path.model), &path.field)?;
        }
        Ok(())
    }
}
