//! What must hold of a catalogue as a whole.

use serde_json::Value;

use crate::error::did_you_mean;
use crate::{Automatic, AutomaticValue, Catalog, CatalogError, FieldKind, KeyKind, Model, OnDelete, Rule};

pub(crate) fn check(catalog: &Catalog) -> Result<(), CatalogError> {
    for model in catalog.models() {
        let checker = Checker { catalog, model };
        checker.keys()?;
        checker.named_fields()?;
        checker.uniques()?;
        checker.ordinal()?;
        checker.defaults()?;
        for rule in &model.rules {
            checker.rule(rule)?;
        }
        for automatic in &model.automatic {
            checker.automatic(automatic)?;
        }
        for registered in &model.registered {
            checker.registered(registered)?;
        }
        checker.used_by()?;
        checker.deletion()?;
        checker.sanitize()?;
    }
    catalog.tenancy().map_or(Ok(()), |tenancy| tenancy.check(catalog))
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
        let advice = did_you_mean(field, model.fields.keys().map(String::as_str));
        Err(self.fail(format!("`{}` has no field `{field}`{advice}", model.name)))
    }

    /// Whether a value can stand in a field, which has to be there.
    fn takes(&self, model: &Model, field: &str, value: &Value) -> Result<(), CatalogError> {
        match model.field(field) {
            Some(declared) if !declared.takes(value) => {
                let or_null = if declared.nullable { " or null" } else { "" };
                Err(self.fail(format!("`{field}` cannot be {value}: it is {}{or_null}", declared.kind)))
            }
            _ => Ok(()),
        }
    }

    fn keys(&self) -> Result<(), CatalogError> {
        if self.model.keys.len() > KEY_SLOTS {
            return Err(self.fail(format!("a model has at most {KEY_SLOTS} keys")));
        }
        for key in &self.model.keys {
            let Some(target) = key.target.map(|id| self.catalog.model(id)) else { continue };
            let field = &key.field;
            if target.id > self.model.id {
                return Err(self.fail(format!(
                    "`{field}` leads to `{}`, which comes later: entries stand in dependency order, so move that \
                     one above",
                    target.name
                )));
            }
            // An import knows where a row went when its batch is written, and rows of a batch are prepared before.
            if target.id == self.model.id && self.model.relocates() {
                return Err(self.fail(format!(
                    "`{field}` leads to its own model, whose rows relocate: no import knows a row's new primary \
                     key before it writes it",
                )));
            }
            if key.kind == KeyKind::Local && target.silo != self.model.silo {
                return Err(self.fail(format!(
                    "`{field}` leads to another silo without saying so: make it cross-silo-key({})",
                    target.name
                )));
            }
            if key.on_delete == Some(OnDelete::SetNull) && !key.nullable {
                return Err(self.fail(format!(
                    "`{field}` becomes null on deletion but is not nullable: put `?` behind its type"
                )));
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
            return Err(
                self.fail(format!("`{key}` grants a privilege but is no key: name the key to its user"))
            );
        }
        Ok(())
    }

    fn uniques(&self) -> Result<(), CatalogError> {
        for unique in &self.model.uniques {
            if unique.fields.is_empty() {
                return Err(self.fail("a unique set has at least one field, and this one has none"));
            }
            let conditions = unique.when.iter().map(|condition| &condition.field);
            unique.fields.iter().chain(conditions).try_for_each(|field| self.has_field(self.model, field))?;
        }
        Ok(())
    }

    /// Comparisons pair rows by it, so that no two rows may share it.
    fn ordinal(&self) -> Result<(), CatalogError> {
        match &self.model.ordinal {
            Some(fields) if self.model.unique_set(fields).is_none() => {
                let fields = fields.join(", ");
                Err(self.fail(format!("the ordinal {fields} is no unique set: add it to `unique`")))
            }
            _ => Ok(()),
        }
    }

    fn defaults(&self) -> Result<(), CatalogError> {
        self.model.fields.iter().try_for_each(|(name, field)| match &field.default {
            Some(AutomaticValue::Literal(value)) => self.takes(self.model, name, value),
            _ => Ok(()),
        })
    }

    fn rule(&self, rule: &Rule) -> Result<(), CatalogError> {
        let name = rule.name();
        rule.fields().into_iter().try_for_each(|field| self.has_field(self.model, field))?;
        if let Some(natural_key) = rule.natural_key()
            && self.model.unique_set(natural_key).is_none()
        {
            let fields = natural_key.join(", ");
            return Err(self.fail(format!(
                "`{name}` acts on a set that is not unique: add {fields} to `unique`, or name the fields of a set \
                 that is there"
            )));
        }
        match rule {
            Rule::DropIfMerged(key)
            | Rule::NullIfMissing(key)
            | Rule::ReplaceFirstAutomatic(key)
            | Rule::OrgAuthToken(key) => match self.model.key(key) {
                None => Err(self.fail(format!("`{name}` does not fit its field: `{key}` is no key"))),
                Some(declared) if matches!(rule, Rule::NullIfMissing(_)) && !declared.nullable => {
                    let advice = "put `?` behind its type";
                    Err(self
                        .fail(format!("`{name}` does not fit its field: `{key}` is not nullable; {advice}")))
                }
                Some(_) => Ok(()),
            },
            Rule::SuffixIfTaken(field) if self.model.identifier.as_ref() != Some(field) => Err(self.fail(
                format!("`{field}` gets a suffix but is not the identifier: add `identifier = \"{field}\"`"),
            )),
            Rule::SoftKey { field, target, .. } => self.soft_key(field, target),
            Rule::Set(field, value)
            | Rule::SetOutsideGlobal(field, value)
            | Rule::SetWhenHidden(field, value) => self.takes(self.model, field, value),
            _ => Ok(()),
        }
    }

    fn soft_key(&self, field: &str, target: &str) -> Result<(), CatalogError> {
        match self.catalog.find(target) {
            None => {
                let names = self.catalog.models().iter().map(|model| model.name.as_str());
                let advice = did_you_mean(target, names);
                Err(self.fail(format!("`{target}` is no model of this catalogue{advice}")))
            }
            Some(target) if target.id >= self.model.id => Err(self.fail(format!(
                "`{field}` leads to `{}`, which does not come before it: an import would find none of its rows",
                target.name
            ))),
            Some(_) => Ok(()),
        }
    }

    fn automatic(&self, automatic: &Automatic) -> Result<(), CatalogError> {
        let made = self.catalog.model(automatic.model);
        if made.silo != self.model.silo {
            return Err(self.fail(format!(
                "`{}` is made with it but lives elsewhere: both have to be of the same silo",
                made.name
            )));
        }
        self.made_whole(automatic)
    }

    /// A name that is taken in the other silo needs a suffix, and what registers it must be made outside of
    /// files alone: a file's row would have no say in the name.
    fn registered(&self, registered: &Automatic) -> Result<(), CatalogError> {
        let made = self.catalog.model(registered.model);
        if made.silo == self.model.silo || made.relocates() {
            return Err(self.fail(format!(
                "`{}` cannot register a name in the other silo: it has to live there, and to be `excluded`",
                made.name
            )));
        }
        let suffixed = |name: &String| self.model.rules.contains(&Rule::SuffixIfTaken(name.clone()));
        if !self.model.identifier.as_ref().is_some_and(suffixed) {
            return Err(self.fail(
                "a name that is registered is the identifier, and gets a suffix if it is taken: add the rule \
                      suffix-if-taken for it",
            ));
        }
        self.made_whole(registered)
    }

    /// Whether the fields of a row that is made have their values.
    fn made_whole(&self, automatic: &Automatic) -> Result<(), CatalogError> {
        let made = self.catalog.model(automatic.model);
        if made.rules.contains(&Rule::KeepPkInGlobal) {
            let problem =
                format!("`{}` is made with it, so that its rows cannot keep primary keys", made.name);
            return Err(self.fail(problem));
        }
        for (field, value) in &automatic.fields {
            self.has_field(made, field)?;
            match value {
                AutomaticValue::ParentField(parent) => self.has_field(self.model, parent)?,
                AutomaticValue::Literal(value) => self.takes(made, field, value)?,
                _ => {}
            }
        }
        for (name, field) in &made.fields {
            let given = automatic.fields.iter().any(|(given, _)| given == name);
            let optional = field.nullable || field.default.is_some() || field.kind == FieldKind::Json;
            if !given && !optional {
                return Err(self.fail(format!(
                    "`{}.{name}` gets no value when it is made: give it one here, or a default there",
                    made.name
                )));
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

    /// Each value is one that the field can have, and tells something else: what is pending is no longer active.
    fn deletion(&self) -> Result<(), CatalogError> {
        let Some(mark) = &self.model.deletion else { return Ok(()) };
        self.has_field(self.model, &mark.field)?;
        let values = [&mark.active, &mark.pending, &mark.in_progress];
        values.into_iter().try_for_each(|value| self.takes(self.model, &mark.field, value))?;
        let [active, pending, in_progress] = values;
        if active == pending || active == in_progress || pending == in_progress {
            let field = &mark.field;
            return Err(self.fail(format!(
                "`deletion` could not tell from `{field}` how a row stands: `active`, `pending` and `in_progress` \
                 have to differ"
            )));
        }
        Ok(())
    }

    fn used_by(&self) -> Result<(), CatalogError> {
        if !self.model.used_by.is_empty() && self.model.uniques.is_empty() {
            let problem =
                "`used_by` finds rows by the first unique set, and there is none: add one to `unique`";
            return Err(self.fail(problem));
        }
        for path in &self.model.used_by {
            self.has_field(self.catalog.model(path.model), &path.field)?;
        }
        Ok(())
    }
}
