//! From a row of the file to a row that could be written, as far as the store has no say: scope, filter,
//! fields, keys, and the rules that need nothing but the row (SPEC §7, "Per row").

use std::sync::Arc;

use catalog::{ImportScope, Model, ModelId, Rule};
use serde_json::Value;
use silo::{Fields, ImportKind, Pk, UniqueKey};

use super::automatic::{first_automatic_pk, likely_automatic_pk};
use super::census::Census;
use super::context::ImportContext;
use super::error::RowProblem;
use super::fields::normalise;
use super::pk_map::PkMap;
use super::pk_runs::PkRuns;
use super::random::RowRandom;
use super::report::DropReason;
use super::{slugs, tokens, users};
use crate::rows::FileRow;

/// Takes rows of the file as far as they go without the store.
pub(crate) struct Preparer<'a> {
    pub(crate) context: ImportContext<'a>,
    pub(crate) census: &'a Census,
    pub(crate) pk_map: &'a PkMap,
}

/// A row on its way, or why it goes no further.
pub(crate) enum Prepared {
    /// It goes on; with the fields of the file that its model does not have.
    Candidate(Candidate, Vec<String>),
    OutOfScope,
    Filtered,
    Dropped(DropReason),
}

/// A row that is to be written unless the store has something against it.
#[derive(Debug)]
pub(crate) struct Candidate {
    pub(crate) ordinal: u64,
    pub(crate) source_pk: Pk,
    pub(crate) fields: Arc<Fields>,
    /// The unique values of these fields.
    pub(crate) takes: Vec<UniqueKey>,
    /// Its name in the file, if its model has an identifier.
    pub(crate) name: Option<String>,
    /// Its name cannot stay although nobody has it.
    pub(crate) needs_suffix: bool,
    /// What the organisation of its token is called here, for models with such tokens.
    pub(crate) token_slug: Option<String>,
    /// The row that was made with its target and whose place it takes: it is the first of the file.
    pub(crate) first_automatic: Option<Pk>,
    /// The row that was made with its target and whose place it takes if that has the same natural key.
    pub(crate) likely_automatic: Option<Pk>,
}

impl Preparer<'_> {
    /// Takes a row of the file as far as it goes without the store.
    ///
    /// `seen` holds the primary keys of earlier rows of the model that scope and filter admit.
    pub(crate) fn prepare(
        &self,
        model: &Model,
        ordinal: u64,
        row: FileRow,
        seen: &mut PkRuns<()>,
    ) -> Result<Prepared, RowProblem> {
        if !self.context.plan.scope.admits(model.scope_of(&row.fields)) {
            return Ok(Prepared::OutOfScope);
        }
        if !self.census.admits(model.id, ordinal) {
            return Ok(Prepared::Filtered);
        }
        if !seen.insert(row.pk, row.pk, ()) {
            return Err(RowProblem::integrity("another row of the file has the same primary key"));
        }
        let name = model.identifier.as_ref().and_then(|field| row.fields.get(field));
        let name = name.and_then(Value::as_str).map(str::to_owned);
        check_required(model, &row.fields)?;
        let mut draft = Draft { ordinal, fields: row.fields, needs_suffix: false, token_slug: None };
        let unknown_fields =
            normalise(self.context.catalog, model, &mut draft.fields, self.context.defaults(model, ordinal))?;
        if let Some(reason) = self.replace_keys(model, &mut draft.fields) {
            return Ok(Prepared::Dropped(reason));
        }
        for rule in &model.rules {
            if let Some(reason) = self.apply(model, rule, &mut draft)? {
                return Ok(Prepared::Dropped(reason));
            }
        }
        let Draft { fields, needs_suffix, token_slug, .. } = draft;
        let candidate = Candidate {
            ordinal,
            source_pk: row.pk,
            takes: UniqueKey::of(model, &fields),
            first_automatic: first_automatic_pk(self.context, model, &fields),
            likely_automatic: likely_automatic_pk(self.context, model, &fields),
            fields: Arc::new(fields),
            name,
            needs_suffix,
            token_slug,
        };
        Ok(Prepared::Candidate(candidate, unknown_fields))
    }

    /// Replaces every key through the pk map; a target that was not imported drops the row, or makes the key
    /// null where the model says so.
    fn replace_keys(&self, model: &Model, fields: &mut Fields) -> Option<DropReason> {
        for key in &model.keys {
            let Some(source_pk) = fields.get(&key.field).and_then(Value::as_i64) else { continue };
            let pk = match key.target.and_then(|target| self.pk_map.get(target, source_pk)) {
                Some((_, ImportKind::Existing)) if drops_if_merged(model, &key.field) => {
                    return Some(DropReason::OwnerMerged { key: key.field.clone() });
                }
                Some((pk, _)) => Value::from(pk),
                None if model.tolerates_missing(&key.field) => Value::Null,
                None => {
                    return Some(DropReason::MissingTarget {
                        key: key.field.clone(),
                        model: key.target_name.clone(),
                        source_pk,
                    });
                }
            };
            fields.insert(key.field.clone(), pk);
        }
        None
    }

    /// Applies one rule as far as it needs nothing but the row; rules about taken values come later.
    fn apply(&self, model: &Model, rule: &Rule, draft: &mut Draft) -> Result<Option<DropReason>, RowProblem> {
        let ImportContext { catalog, now, .. } = self.context;
        let outside_global = self.context.is_outside_global();
        let random = self.context.random(model, draft.ordinal);
        let fields = &mut draft.fields;
        match rule {
            Rule::OnlyInGlobal(condition) if outside_global && condition.holds(fields) => {
                return Ok(Some(DropReason::GlobalOnly));
            }
            Rule::NotEmpty(field) if text(fields, field).is_some_and(str::is_empty) => {
                return Err(RowProblem::validation(format!("`{field}` is empty")));
            }
            Rule::ExactlyOneOf(one, other) => check_exactly_one(fields, one, other)?,
            Rule::SoftKey { field, target, when } => {
                if when.as_ref().is_none_or(|condition| condition.holds(fields)) {
                    self.replace_soft_key(fields, field, target);
                }
            }
            Rule::Unclaim => users::unclaim(fields, outside_global, now, random),
            Rule::Slug(field) => {
                let slug = slugs::normalised(text(fields, field).unwrap_or_default());
                slugs::check(field, &slug)?;
                draft.needs_suffix = slugs::needs_suffix(catalog, &slug);
                fields.insert(field.clone(), slug.into());
            }
            Rule::UserOption { key, value } => users::check_option(catalog, fields, key, value)?,
            Rule::OrgAuthToken(key) => {
                let Some(slug) = self.target_identifier(model, key, fields) else {
                    return Ok(Some(DropReason::NoSlug));
                };
                tokens::keep_or_make_org_token(fields, &slug, now, random);
                draft.token_slug = Some(slug);
            }
            Rule::ApiToken => tokens::derive_api_token(fields),
            rule => {
                for (field, value) in self.assigned(rule, fields, random) {
                    fields.insert(field.to_owned(), value);
                }
            }
        }
        Ok(None)
    }

    /// The values that a rule gives to fields, whatever they were; nothing for rules that do not hold in this
    /// import or that are about values which other rows may have.
    fn assigned<'r>(&self, rule: &'r Rule, fields: &Fields, random: RowRandom<'_>) -> Vec<(&'r str, Value)> {
        let plan = self.context.plan;
        let outside_global = self.context.is_outside_global();
        let unprivileged = !matches!(plan.scope, ImportScope::Config | ImportScope::Global);
        let now = || Value::from(self.context.now);
        match rule {
            Rule::Set(field, value) => vec![(field.as_str(), value.clone())],
            Rule::SetOutsideGlobal(field, value) if outside_global => vec![(field, value.clone())],
            Rule::SetWhenHidden(field, value) if plan.flags.hide_organizations => {
                vec![(field, value.clone())]
            }
            Rule::Now(field) => vec![(field, now())],
            Rule::NowOutsideGlobal(names) if outside_global => {
                names.iter().map(|name| (name.as_str(), now())).collect()
            }
            Rule::StripPrivileges(names) if unprivileged => {
                names.iter().map(|name| (name.as_str(), Value::Bool(false))).collect()
            }
            Rule::AlnumOutsideGlobal(field, length) if outside_global => {
                vec![(field, random.draw(field, 0).alnum(*length).into())]
            }
            Rule::NewUuid(field) if fields.get(field).is_some_and(|value| !value.is_null()) => {
                vec![(field, random.draw(field, 0).uuid4().to_string().into())]
            }
            Rule::NewSubscriptionId(field) => vec![(field, tokens::subscription_id(random).into())],
            Rule::NewHexIfTaken(field) if text(fields, field).is_none_or(str::is_empty) => {
                vec![(field, random.draw(field, 0).hex(tokens::PROJECT_KEY_HEX).into())]
            }
            _ => Vec::new(),
        }
    }

    /// The name that a key's target was given.
    fn target_identifier(&self, model: &Model, key: &str, fields: &Fields) -> Option<String> {
        let target = model.key(key)?.target?;
        let pk = fields.get(key).and_then(Value::as_i64)?;
        self.pk_map.identifier(target, pk).map(str::to_owned)
    }

    /// Replaces a primary key that is held as a number or as text; null when its target was not imported.
    fn replace_soft_key(&self, fields: &mut Fields, field: &str, target: &str) {
        let Some(target) = self.context.catalog.find(target) else { return };
        let replaced = match fields.get(field) {
            None | Some(Value::Null) => return,
            Some(Value::String(text)) => {
                self.mapped(target.id, text.parse().ok()).map(|pk| Value::String(pk.to_string()))
            }
            Some(value) => self.mapped(target.id, value.as_i64()).map(Value::from),
        };
        fields.insert(field.to_owned(), replaced.unwrap_or(Value::Null));
    }

    fn mapped(&self, model: ModelId, source_pk: Option<Pk>) -> Option<Pk> {
        self.pk_map.get(model, source_pk?).map(|(pk, _)| pk)
    }
}

/// A row while the rules are at it.
struct Draft {
    ordinal: u64,
    fields: Fields,
    needs_suffix: bool,
    token_slug: Option<String>,
}

fn drops_if_merged(model: &Model, key: &str) -> bool {
    model.rules.iter().any(|rule| matches!(rule, Rule::DropIfMerged(field) if field == key))
}

/// A required field that is missing, null or empty where it is a slug (SPEC §7, team, project and monitor).
fn check_required(model: &Model, fields: &Fields) -> Result<(), RowProblem> {
    let required = model.rules.iter().filter_map(|rule| match rule {
        Rule::Required(fields) => Some(fields),
        _ => None,
    });
    for field in required.flatten() {
        match fields.get(field) {
            None | Some(Value::Null) => {
                return Err(RowProblem::validation(format!("`{field}` is missing")));
            }
            Some(Value::String(text)) if text.is_empty() && field == "slug" => {
                return Err(RowProblem::validation(format!("`{field}` is empty")));
            }
            Some(_) => {}
        }
    }
    Ok(())
}

fn check_exactly_one(fields: &Fields, one: &str, other: &str) -> Result<(), RowProblem> {
    let is_set = |field: &str| fields.get(field).is_some_and(|value| !value.is_null());
    if is_set(one) == is_set(other) {
        return Err(RowProblem::validation(format!("exactly one of `{one}` and `{other}` must be set")));
    }
    Ok(())
}

fn text<'a>(fields: &'a Fields, field: &str) -> Option<&'a str> {
    fields.get(field).and_then(Value::as_str)
}
