//! Which models play which role, as the catalogue declares it.

use catalog::{AutomaticValue, Catalog, Claim, Condition, Handover, Model, Shown, Tenancy};
use jiff::Timestamp;
use pipeline::ids::UserId;
use serde_json::Value;
use silo::{Fields, Pk, Row, Silo, StoreError, StoreErrorKind};

use crate::{User, Wanted};

/// What a cell's catalogue says of users, organisations, memberships and claims.
#[derive(Clone, Copy, Debug)]
pub struct Roles<'a> {
    catalog: &'a Catalog,
    tenancy: &'a Tenancy,
    handover: &'a Handover,
}

/// The roles that the models of a silo's catalogue play.
///
/// # Errors
/// The catalogue does not say.
pub fn roles(silo: &impl Silo) -> Result<Roles<'_>, StoreError> {
    let catalog = silo.catalog();
    match (catalog.tenancy(), catalog.handover()) {
        (Some(tenancy), Some(handover)) => Ok(Roles { catalog, tenancy, handover }),
        _ => {
            let action = "asking the catalogue, which lacks [tenancy] or [handover], who is who";
            Err(StoreError::new(StoreErrorKind::Refused, action))
        }
    }
}

impl<'a> Roles<'a> {
    /// Users, in control.
    #[must_use]
    pub fn users(&self) -> &'a Model {
        self.catalog.model(self.tenancy.user.model)
    }

    /// Organisations, in the cell.
    #[must_use]
    pub fn organizations(&self) -> &'a Model {
        self.catalog.model(self.tenancy.organization.model)
    }

    /// Memberships of organisations, in the cell.
    #[must_use]
    pub fn members(&self) -> &'a Model {
        self.catalog.model(self.tenancy.member_user.model)
    }

    /// What lets users claim their accounts, in control: one row for each user.
    #[must_use]
    pub fn claims(&self) -> &'a Model {
        self.catalog.model(self.handover.claim.model)
    }

    /// The fields of claims.
    #[must_use]
    pub fn claim(&self) -> &'a Claim {
        &self.handover.claim
    }

    /// How a hidden organisation is shown, if imports hide any.
    #[must_use]
    pub fn shown(&self) -> Option<&'a Shown> {
        self.handover.shown.as_ref()
    }

    /// What makes a membership an owner's.
    #[must_use]
    pub fn owner(&self) -> &'a Condition {
        &self.handover.owner
    }

    /// The field with a user's name.
    pub(crate) fn username(&self) -> &'a str {
        &self.tenancy.user.field
    }

    /// Reads a user from its row.
    #[must_use]
    pub fn user(&self, row: &Row) -> User {
        let text = |field: &str| row.fields.get(field).and_then(Value::as_str).unwrap_or_default().to_owned();
        User {
            id: UserId(u64::try_from(row.pk).unwrap_or_default()),
            username: text(&self.tenancy.user.field),
            email: text(&self.tenancy.user_address.field),
            is_unclaimed: self.handover.unclaimed.holds(&row.fields),
        }
    }

    /// The slug of an organisation, from its row.
    #[must_use]
    pub fn slug<'r>(&self, row: &'r Row) -> Option<&'r str> {
        row.fields.get(&self.tenancy.organization.field)?.as_str()
    }

    /// The user and the organisation of a membership, from its row; none if it leads to only one of them.
    #[must_use]
    pub fn membership(&self, row: &Row) -> Option<(Pk, Pk)> {
        row.key(&self.tenancy.member_user.field).zip(row.key(&self.tenancy.member_organization.field))
    }

    /// The fields of which two memberships never have the same values.
    #[must_use]
    pub fn member_keys(&self) -> [&'a str; 2] {
        [&self.tenancy.member_organization.field, &self.tenancy.member_user.field]
    }

    /// The fields of a membership that makes a user an owner of an organisation.
    #[must_use]
    pub fn new_owner(&self, organization: Pk, user: &Row, now: Timestamp) -> Fields {
        let members = self.members();
        let Condition { field: role, value: owner } = self.owner();
        let mut fields = Fields::from_iter([
            (self.tenancy.member_organization.field.clone(), organization.into()),
            (self.tenancy.member_user.field.clone(), user.pk.into()),
            (role.clone(), owner.clone()),
        ]);
        for (name, value) in &self.handover.member {
            let value = value_of(value, user, now);
            // What the user has and a membership cannot hold, such as a longer address, is left out.
            if members.field(name).is_some_and(|field| field.takes(&value)) {
                fields.insert(name.clone(), value);
            }
        }
        self.completed(members, fields, now)
    }

    /// The fields of a row that is made, with null or their defaults where nothing was given.
    #[must_use]
    pub fn completed(&self, model: &Model, mut fields: Fields, now: Timestamp) -> Fields {
        for (name, field) in &model.fields {
            if !fields.contains_key(name) {
                let value = match &field.default {
                    Some(AutomaticValue::Literal(value)) => value.clone(),
                    Some(AutomaticValue::Now) => time(now),
                    _ if field.kind == catalog::FieldKind::Json => Value::Object(Fields::new()),
                    _ => Value::Null,
                };
                fields.insert(name.clone(), value);
            }
        }
        fields
    }

    /// Usernames that were asked for, as they are in the export.
    #[must_use]
    pub fn wanted_usernames(&self, names: impl IntoIterator<Item = String>) -> Wanted {
        Wanted::usernames(names, length_max(self.users(), &self.tenancy.user.field))
    }

    /// Slugs of organisations that were asked for, as they are in the export.
    #[must_use]
    pub fn wanted_slugs(&self, slugs: impl IntoIterator<Item = String>) -> Wanted {
        Wanted::slugs(slugs, length_max(self.organizations(), &self.tenancy.organization.field))
    }
}

/// An instant as rows hold it: the store keeps milliseconds.
#[must_use]
pub fn time(now: Timestamp) -> Value {
    format!("{now:.3}").into()
}

fn length_max(model: &Model, field: &str) -> usize {
    model.field(field).and_then(catalog::Field::length_max).unwrap_or(usize::MAX)
}

fn value_of(value: &AutomaticValue, user: &Row, now: Timestamp) -> Value {
    match value {
        AutomaticValue::Literal(value) => value.clone(),
        AutomaticValue::ParentField(field) => user.fields.get(field).cloned().unwrap_or_default(),
        AutomaticValue::ParentPk => user.pk.into(),
        AutomaticValue::Now => time(now),
        // No catalogue loads that asks for one: a membership is made without randomness.
        AutomaticValue::Alnum(_) | AutomaticValue::Hex(_) => Value::Null,
    }
}
