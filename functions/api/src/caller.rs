//! Who calls: the claims of a token that API Gateway has checked (DESIGN §5).

use std::collections::{BTreeSet, HashMap};

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use lambda_http::request::RequestContext;
use pipeline::code::ErrorCode;
use pipeline::ids::UserId;
use pipeline::relocation::Relocation;

use crate::Refusal;

/// Whoever sent the request.
#[derive(Clone, PartialEq, Eq)]
pub struct Caller {
    /// Primary key of the user.
    pub id: UserId,
    /// Username.
    pub username: String,
    /// Whether this is a member of staff.
    pub is_staff: bool,
    /// What else a member of staff is permitted.
    pub permissions: BTreeSet<String>,
}

/// Lets staff read artifacts, which hold customers' data, and set options (SPEC §6).
const ADMIN: &str = "relocation.admin";

// A username may be an e-mail address.
impl std::fmt::Debug for Caller {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Caller({}, staff: {})", self.id, self.is_staff)
    }
}

impl Caller {
    /// The caller that these claims describe; none if they lack the user's id.
    pub fn from_claims(claims: &HashMap<String, String>) -> Option<Self> {
        let claim = |name: &str| claims.get(name).map(String::as_str).unwrap_or_default();
        Some(Self {
            id: UserId(claim("sub").parse().ok()?),
            username: claim("preferred_username").to_owned(),
            is_staff: claim("relocation_staff").eq_ignore_ascii_case("true"),
            permissions: claim("relocation_permissions").split_whitespace().map(str::to_owned).collect(),
        })
    }

    /// Lets staff alone pass.
    pub(crate) fn require_staff(&self) -> Result<(), Refusal> {
        if self.is_staff { Ok(()) } else { Err(ErrorCode::Forbidden.into()) }
    }

    /// Lets staff pass who may read artifacts and set options.
    pub(crate) fn require_admin(&self) -> Result<(), Refusal> {
        self.require_staff()?;
        if self.permissions.contains(ADMIN) {
            return Ok(());
        }
        let detail = format!("You need the permission `{ADMIN}` for this. Ask whoever manages staff.");
        Err(Refusal::new(ErrorCode::Forbidden, detail))
    }

    /// Lets the owner of a relocation pass.
    pub(crate) fn require_owner(&self, relocation: &Relocation) -> Result<(), Refusal> {
        if self.id == relocation.owner { Ok(()) } else { Err(ErrorCode::Forbidden.into()) }
    }

    /// Lets staff pass, and whoever owns a relocation or asked for it.
    pub(crate) fn require_own(&self, relocation: &Relocation) -> Result<(), Refusal> {
        let is_own = [relocation.owner, relocation.creator].contains(&self.id);
        if self.is_staff || is_own { Ok(()) } else { Err(ErrorCode::Forbidden.into()) }
    }
}

impl<S: Sync> FromRequestParts<S> for Caller {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Refusal> {
        let claims = match parts.extensions.get::<RequestContext>() {
            Some(RequestContext::ApiGatewayV2(context)) => {
                let authorizer = context.authorizer.as_ref();
                authorizer.and_then(|authorizer| authorizer.jwt.as_ref()).map(|jwt| &jwt.claims)
            }
            _ => None,
        };
        claims.and_then(Caller::from_claims).ok_or_else(|| ErrorCode::Unauthenticated.into())
    }
}
