//! What the tasks after an import do with what it brought: which fields say that an organisation is shown, who owns
//! it, and that an account waits for the person to whom it belongs.

use indexmap::IndexMap;
use serde::Deserialize;
use serde_json::Value;

use crate::declaration;
use crate::error::did_you_mean;
use crate::{
    AutomaticValue, Catalog, CatalogError, Condition, Field, FieldKind, Model, ModelId, Rule, SiloKind,
    Tenancy,
};

/// How what an import brought is handed to its owner (SPEC §3, tasks 12 to 14).
#[derive(Debug, Clone)]
pub struct Handover {
    /// Holds for users who have not claimed their account.
    pub unclaimed: Condition,
    /// How a hidden organisation is shown; none if imports hide none.
    pub shown: Option<Shown>,
    /// Holds for memberships of owners.
    pub owner: Condition,
    /// Values of a membership that is made for an owner, besides its keys and role; `field(…)` are the user's.
    pub member: Vec<(String, AutomaticValue)>,
    /// What lets a user claim an account.
    pub claim: Claim,
}

/// The field that says whether people see an organisation.
#[derive(Debug, Clone, PartialEq)]
pub struct Shown {
    /// The field.
    pub field: String,
    /// What an import gives it that hides organisations.
    pub hidden: Value,
    /// What it becomes.
    pub shown: Value,
}

/// The model of rows that let a user claim an account, one for each user.
#[derive(Debug, Clone)]
pub struct Claim {
    /// The model.
    pub model: ModelId,
    /// The key that leads to the user.
    pub user: String,
    /// The field with what only the reader of a mail knows.
    pub hash: String,
    /// The field with the time at which that was made.
    pub made: String,
}

/// How many characters the hash of a claim has.
pub const CLAIM_HASH_LENGTH: usize = 32;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct HandoverSource {
    unclaimed: String,
    shown: Option<String>,
    owner: String,
    #[serde(default)]
    member: IndexMap<String, String>,
    claim: ClaimSource,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ClaimSource {
    model: String,
    user: String,
    hash: String,
    made: String,
}

const AT: &str = "handover";

impl HandoverSource {
    /// Reads the table. What depends on other parts of the catalogue is checked with them.
    pub(crate) fn read(self, catalog: &Catalog) -> Result<Handover, CatalogError> {
        let tenancy =
            catalog.tenancy().ok_or_else(|| wrong("without [tenancy] nobody knows who is who: add it"))?;
        let member = self.member.into_iter().map(|(field, text)| Ok((field, declaration::value(AT, &text)?)));
        let claimed = catalog.find(&self.claim.model).ok_or_else(|| {
            let names = catalog.models().iter().map(|model| model.name.as_str());
            let advice = did_you_mean(&self.claim.model, names);
            wrong(format!("`{}` is no model of this catalogue{advice}", self.claim.model))
        })?;
        let ClaimSource { user, hash, made, .. } = self.claim;
        let handover = Handover {
            unclaimed: declaration::condition(AT, &self.unclaimed)?,
            shown: shown(catalog.model(tenancy.organization.model), self.shown.as_deref())?,
            owner: declaration::condition(AT, &self.owner)?,
            member: member.collect::<Result<_, CatalogError>>()?,
            claim: Claim { model: claimed.id, user, hash, made },
        };
        handover.check(catalog, tenancy)?;
        Ok(handover)
    }
}

/// Pairs the state that imports give to an organisation they hide with the one that it gets in the end.
fn shown(organizations: &Model, shown: Option<&str>) -> Result<Option<Shown>, CatalogError> {
    let mut hiding = organizations.rules.iter().filter_map(|rule| match rule {
        Rule::SetWhenHidden(field, value) => Some((field, value)),
        _ => None,
    });
    let Some(text) = shown else {
        return match hiding.next() {
            None => Ok(None),
            Some((field, hidden)) => Err(wrong(format!(
                "nothing would show an organisation whose `{field}` was set to {hidden}: add `shown = \"{field} is …\"`"
            ))),
        };
    };
    let Condition { field, value: shown } = declaration::condition(AT, text)?;
    takes(organizations, &field, &shown)?;
    let hidden = hiding.find(|(hidden, _)| **hidden == field).map(|(_, value)| value.clone());
    let hidden = hidden.ok_or_else(|| {
        wrong(format!("no rule of `{}` hides it: add set-when-hidden({field}, …)", organizations.name))
    })?;
    Ok(Some(Shown { field, hidden, shown }))
}

impl Handover {
    fn check(&self, catalog: &Catalog, tenancy: &Tenancy) -> Result<(), CatalogError> {
        let users = catalog.model(tenancy.user.model);
        takes(users, &self.unclaimed.field, &self.unclaimed.value)?;
        self.check_member(users, catalog.model(tenancy.member_user.model), tenancy)?;
        self.claim.check(catalog.model(self.claim.model), users)
    }

    /// Whether a membership can be made, and whether there is one at most for each user and organisation.
    fn check_member(&self, users: &Model, members: &Model, tenancy: &Tenancy) -> Result<(), CatalogError> {
        takes(members, &self.owner.field, &self.owner.value)?;
        for (name, value) in &self.member {
            field(members, name)?;
            match value {
                AutomaticValue::Literal(value) => takes(members, name, value)?,
                AutomaticValue::ParentField(of_user) => field(users, of_user).map(drop)?,
                AutomaticValue::Alnum(_) | AutomaticValue::Hex(_) => {
                    return Err(wrong(format!("`{name}` of a membership cannot be random")));
                }
                AutomaticValue::ParentPk | AutomaticValue::Now => {}
            }
        }
        let keys = [&tenancy.member_user.field, &tenancy.member_organization.field];
        let given = self.member.iter().map(|(name, _)| name).chain(keys).chain([&self.owner.field]);
        check_whole(members, &given.collect::<Vec<_>>())?;
        check_unique(members, &keys)
    }
}

impl Claim {
    fn check(&self, claims: &Model, users: &Model) -> Result<(), CatalogError> {
        if claims.silo != SiloKind::Control {
            return Err(wrong(format!(
                "`{}` is in the cell: claims live in control, as users do",
                claims.name
            )));
        }
        if claims.key(&self.user).and_then(|key| key.target) != Some(users.id) {
            return Err(wrong(format!("`{}` of `{}` is no key to `{}`", self.user, claims.name, users.name)));
        }
        match field(claims, &self.hash)?.kind {
            FieldKind::Text(length) if length.is_none_or(|length| length >= CLAIM_HASH_LENGTH) => {}
            kind => {
                let wanted = format!("it has to hold a text of {CLAIM_HASH_LENGTH} characters");
                return Err(wrong(format!("`{}` is {kind}: {wanted}", self.hash)));
            }
        }
        match field(claims, &self.made)?.kind {
            FieldKind::Date => {}
            kind => return Err(wrong(format!("`{}` is {kind}: it has to be a date", self.made))),
        }
        check_whole(claims, &[&self.user, &self.hash, &self.made])?;
        check_unique(claims, &[&self.user])
    }
}

fn wrong(problem: impl Into<String>) -> CatalogError {
    CatalogError::inconsistent(AT, problem)
}

fn field<'a>(model: &'a Model, name: &str) -> Result<&'a Field, CatalogError> {
    model.field(name).ok_or_else(|| {
        let advice = did_you_mean(name, model.fields.keys().map(String::as_str));
        wrong(format!("`{}` has no field `{name}`{advice}", model.name))
    })
}

fn takes(model: &Model, name: &str, value: &Value) -> Result<(), CatalogError> {
    let declared = field(model, name)?;
    if declared.takes(value) {
        return Ok(());
    }
    Err(wrong(format!("`{name}` of `{}` cannot be {value}: it is {}", model.name, declared.kind)))
}

/// Whether every field of a row that is made has a value, which no function draws at random.
fn check_whole(model: &Model, given: &[&String]) -> Result<(), CatalogError> {
    let missing = |(name, field): &(&String, &Field)| {
        let has_default = matches!(field.default, Some(AutomaticValue::Literal(_) | AutomaticValue::Now));
        !given.contains(name) && !field.nullable && !has_default && field.kind != FieldKind::Json
    };
    match model.fields.iter().find(missing) {
        None => Ok(()),
        Some((name, _)) => Err(wrong(format!(
            "`{name}` of `{}` gets no value when a row is made: give it a default that is not random, or make it \
             nullable",
            model.name
        ))),
    }
}

fn check_unique(model: &Model, fields: &[&String]) -> Result<(), CatalogError> {
    let fields: Vec<String> = fields.iter().map(|field| (*field).clone()).collect();
    if model.unique_set(&fields).is_some_and(|(_, set)| set.when.is_empty()) {
        return Ok(());
    }
    let fields = fields.join(", ");
    Err(wrong(format!(
        "`{}` may have several rows with the same {fields}: add these to its `unique`",
        model.name
    )))
}
