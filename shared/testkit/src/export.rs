use serde_json::{Value, json};

/// An export written by hand, in dependency order.
#[derive(Clone, Debug, Default)]
pub struct Export {
    users: Vec<Value>,
    organizations: Vec<Value>,
    members: Vec<Value>,
}

impl Export {
    /// An export of nothing.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The organisation `acme` with the members `ada` (an owner) and `bob`, and `umbrella` with `eve`, who is
    /// in `acme` too. Primary keys count from 1 in this order.
    #[must_use]
    pub fn acme() -> Self {
        Self::new()
            .user("ada")
            .user("bob")
            .user("eve")
            .organization("acme")
            .organization("umbrella")
            .member(1, 1, "owner")
            .member(1, 2, "member")
            .member(2, 3, "owner")
            .member(1, 3, "member")
    }

    /// Adds a user, whose address is `<name>@example.com`.
    #[must_use]
    pub fn user(mut self, username: &str) -> Self {
        let pk = self.users.len() + 1;
        let fields = json!({"username": username, "name": "", "email": format!("{username}@example.com")});
        self.users.push(json!({"model": "sentry.user", "pk": pk, "fields": fields}));
        self
    }

    /// Adds an organisation.
    #[must_use]
    pub fn organization(mut self, slug: &str) -> Self {
        let pk = self.organizations.len() + 1;
        let fields = json!({"name": slug, "slug": slug});
        self.organizations.push(json!({"model": "sentry.organization", "pk": pk, "fields": fields}));
        self
    }

    /// Makes a user a member of an organisation.
    #[must_use]
    pub fn member(mut self, organization: usize, user: usize, role: &str) -> Self {
        let pk = self.members.len() + 1;
        let fields = json!({"organization": organization, "user_id": user, "role": role});
        self.members.push(json!({"model": "sentry.organizationmember", "pk": pk, "fields": fields}));
        self
    }

    /// Changes a field of the latest user.
    #[must_use]
    pub fn user_has(mut self, field: &str, value: impl Into<Value>) -> Self {
        self.users.last_mut().unwrap()["fields"][field] = value.into();
        self
    }

    /// The export as JSON.
    #[must_use]
    pub fn json(&self) -> Vec<u8> {
        // In dependency order: memberships refer to both others.
        let rows: Vec<&Value> = self.organizations.iter().chain(&self.users).chain(&self.members).collect();
        serde_json::to_vec(&rows).unwrap()
    }
}
