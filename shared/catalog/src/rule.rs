//! What an import does with a row, as named policies (SPEC §7, the table of models).

use serde_json::Value;

use crate::declaration::{Call, condition};
use crate::error::did_you_mean;
use crate::{CatalogError, Condition};

/// One policy of a model. Rules run in the order in which a model lists them, after keys were replaced.
#[derive(Debug, Clone, PartialEq, strum::IntoStaticStr)]
#[strum(serialize_all = "kebab-case")]
pub enum Rule {
    /// `drop-if-merged(key)`: the row goes when the key's target was there before the import.
    DropIfMerged(String),
    /// `null-if-missing(key)`: a target that was not imported makes the key null instead of dropping the row.
    NullIfMissing(String),
    /// `soft-key(field, model[, condition])`: the field holds a primary key, as a number or as text, without
    /// being a key; it becomes null when its target was not imported.
    SoftKey {
        /// The field.
        field: String,
        /// The model whose rows it names.
        target: String,
        /// When the field is to be read so.
        when: Option<Condition>,
    },
    /// `required(field, …)`: a missing, null or (a slug's) empty value is a ValidationError.
    Required(Vec<String>),
    /// `not-empty(field)`: an empty text is a ValidationError.
    NotEmpty(String),
    /// `invalid-is-validation-error(field, …)`: a value of the wrong type is a ValidationError rather than
    /// DeserializationFailed.
    InvalidIsValidationError(Vec<String>),
    /// `exactly-one-of(field, field)`: one of the two is set, not both.
    ExactlyOneOf(String, String),
    /// `only-in-global(condition)`: rows for which it holds are imported in Global scope only.
    OnlyInGlobal(Condition),
    /// `set(field, value)`: the value, whatever the file says.
    Set(String, Value),
    /// `set-outside-global(field, value)`: likewise, unless the scope is Global.
    SetOutsideGlobal(String, Value),
    /// `set-when-hidden(field, value)`: likewise, if the import hides organisations.
    SetWhenHidden(String, Value),
    /// `now(field)`: the time of the import.
    Now(String),
    /// `now-outside-global(field, …)`: likewise, unless the scope is Global.
    NowOutsideGlobal(Vec<String>),
    /// `alnum-outside-global(field, length)`: random letters and digits, unless the scope is Global.
    AlnumOutsideGlobal(String, usize),
    /// `strip-privileges(field, …)`: false, unless the scope is Config or Global.
    StripPrivileges(Vec<String>),
    /// `unclaim`: outside Global, and for users who are unclaimed already, a password that nobody knows.
    Unclaim,
    /// `slug(field)`: normalised; reserved or all-digit ones need a suffix; malformed ones are errors.
    Slug(String),
    /// `user-option(key field, value field)`: known keys have only known values.
    UserOption {
        /// The field with the option's name.
        key: String,
        /// The field with its value.
        value: String,
    },
    /// `new-uuid(field)`: a new version 4 UUID unless null.
    NewUuid(String),
    /// `new-subscription-id(field)`: a new subscription id.
    NewSubscriptionId(String),
    /// `new-hex-if-taken(field)`: 32 new hexadecimal digits when missing or taken.
    NewHexIfTaken(String),
    /// `null-if-taken(field, other, …)`: when the field's value is taken it and the others become null.
    NullIfTaken(Vec<String>),
    /// `suffix-if-taken(field)`: a taken value gets a suffix.
    SuffixIfTaken(String),
    /// `merge-if-taken(field)`: when the import merges users, the row that has exactly this value is reused.
    MergeIfTaken(String),
    /// `keep-if-taken(field, …)`: the row that has this natural key is reused untouched.
    KeepIfTaken(Vec<String>),
    /// `keep-or-overwrite(field, …)`: likewise, or overwritten, if the import overwrites configs.
    KeepOrOverwrite(Vec<String>),
    /// `drop-if-taken(field, …)`: a second row with this natural key is dropped.
    DropIfTaken(Vec<String>),
    /// `replace-automatic(field, …)`: a row with this natural key was made automatically; this one replaces
    /// it under its primary key.
    ReplaceAutomatic(Vec<String>),
    /// `replace-first-automatic(key)`: a target's first row replaces the one made with the target.
    ReplaceFirstAutomatic(String),
    /// `hold-back`: rows are written after all others, when slugs are final.
    HoldBack,
    /// `org-auth-token(key)`: a missing or taken token is made anew from the slug of the key's target.
    OrgAuthToken(String),
    /// `api-token`: taken tokens are made anew, hashes and last characters follow.
    ApiToken,
    /// `keep-pk-in-global`: rows keep their primary keys in Global scope.
    KeepPkInGlobal,
}

/// How each rule is written.
const USAGES: &[&str] = &[
    "drop-if-merged(key)",
    "null-if-missing(key)",
    "soft-key(field, MODEL)",
    "soft-key(field, MODEL, condition)",
    "required(field, …)",
    "not-empty(field)",
    "invalid-is-validation-error(field, …)",
    "exactly-one-of(field, field)",
    "only-in-global(condition)",
    "set(field, JSON)",
    "set-outside-global(field, JSON)",
    "set-when-hidden(field, JSON)",
    "now(field)",
    "now-outside-global(field, …)",
    "alnum-outside-global(field, N)",
    "strip-privileges(field, …)",
    "unclaim",
    "slug(field)",
    "user-option(key, value)",
    "new-uuid(field)",
    "new-subscription-id(field)",
    "new-hex-if-taken(field)",
    "null-if-taken(field, other, …)",
    "suffix-if-taken(field)",
    "merge-if-taken(field)",
    "keep-if-taken(field, …)",
    "keep-or-overwrite(field, …)",
    "drop-if-taken(field, …)",
    "replace-automatic(field, …)",
    "replace-first-automatic(key)",
    "hold-back",
    "org-auth-token(key)",
    "api-token",
    "keep-pk-in-global",
];

/// What is said of a rule that cannot be read: how it is written, if there is one of that name.
fn misread(at: &str, name: &str, text: &str) -> CatalogError {
    let name_of = |usage: &'static str| usage.split('(').next().unwrap_or(usage);
    let usages: Vec<String> =
        USAGES.iter().filter(|usage| name_of(usage) == name).map(|usage| format!("`{usage}`")).collect();
    let problem = if usages.is_empty() {
        let advice = did_you_mean(name, USAGES.iter().map(|usage| name_of(usage)));
        format!("`{text}` is no rule{advice}")
    } else {
        format!("`{text}` is no rule; it is written {}", usages.join(" or "))
    };
    CatalogError::declaration(at, problem)
}

impl Rule {
    /// The name under which a catalogue lists it.
    pub fn name(&self) -> &'static str {
        self.into()
    }

    /// Reads a rule as a catalogue writes it.
    pub(crate) fn parse(at: &str, text: &str) -> Result<Rule, CatalogError> {
        let Call { name, args } = Call::parse(at, text)?;
        let owned = || args.iter().map(|arg| (*arg).to_owned()).collect::<Vec<_>>();
        let rule = match (name, args.as_slice()) {
            ("drop-if-merged", [key]) => Self::DropIfMerged((*key).into()),
            ("null-if-missing", [key]) => Self::NullIfMissing((*key).into()),
            ("soft-key", [field, target]) => {
                Self::SoftKey { field: (*field).into(), target: (*target).into(), when: None }
            }
            ("soft-key", [field, target, when]) => Self::SoftKey {
                field: (*field).into(),
                target: (*target).into(),
                when: Some(condition(at, when)?),
            },
            ("required", [_, ..]) => Self::Required(owned()),
            ("not-empty", [field]) => Self::NotEmpty((*field).into()),
            ("invalid-is-validation-error", [_, ..]) => Self::InvalidIsValidationError(owned()),
            ("exactly-one-of", [one, other]) => Self::ExactlyOneOf((*one).into(), (*other).into()),
            ("only-in-global", [when]) => Self::OnlyInGlobal(condition(at, when)?),
            ("set", [field, value]) => Self::Set((*field).into(), literal(at, value)?),
            ("set-outside-global", [field, value]) => {
                Self::SetOutsideGlobal((*field).into(), literal(at, value)?)
            }
            ("set-when-hidden", [field, value]) => Self::SetWhenHidden((*field).into(), literal(at, value)?),
            ("now", [field]) => Self::Now((*field).into()),
            ("now-outside-global", [_, ..]) => Self::NowOutsideGlobal(owned()),
            ("alnum-outside-global", [field, length]) => {
                Self::AlnumOutsideGlobal((*field).into(), number(at, length)?)
            }
            ("strip-privileges", [_, ..]) => Self::StripPrivileges(owned()),
            ("unclaim", []) => Self::Unclaim,
            ("slug", [field]) => Self::Slug((*field).into()),
            ("user-option", [key, value]) => Self::UserOption { key: (*key).into(), value: (*value).into() },
            ("new-uuid", [field]) => Self::NewUuid((*field).into()),
            ("new-subscription-id", [field]) => Self::NewSubscriptionId((*field).into()),
            ("new-hex-if-taken", [field]) => Self::NewHexIfTaken((*field).into()),
            ("null-if-taken", [_, ..]) => Self::NullIfTaken(owned()),
            ("suffix-if-taken", [field]) => Self::SuffixIfTaken((*field).into()),
            ("merge-if-taken", [field]) => Self::MergeIfTaken((*field).into()),
            ("keep-if-taken", [_, ..]) => Self::KeepIfTaken(owned()),
            ("keep-or-overwrite", [_, ..]) => Self::KeepOrOverwrite(owned()),
            ("drop-if-taken", [_, ..]) => Self::DropIfTaken(owned()),
            ("replace-automatic", [_, ..]) => Self::ReplaceAutomatic(owned()),
            ("replace-first-automatic", [key]) => Self::ReplaceFirstAutomatic((*key).into()),
            ("hold-back", []) => Self::HoldBack,
            ("org-auth-token", [key]) => Self::OrgAuthToken((*key).into()),
            ("api-token", []) => Self::ApiToken,
            ("keep-pk-in-global", []) => Self::KeepPkInGlobal,
            _ => return Err(misread(at, name, text)),
        };
        Ok(rule)
    }

    /// The fields that the rule names, all of which its model must have.
    pub(crate) fn fields(&self) -> Vec<&str> {
        match self {
            Self::Required(fields)
            | Self::InvalidIsValidationError(fields)
            | Self::NowOutsideGlobal(fields)
            | Self::StripPrivileges(fields)
            | Self::NullIfTaken(fields)
            | Self::KeepIfTaken(fields)
            | Self::KeepOrOverwrite(fields)
            | Self::DropIfTaken(fields)
            | Self::ReplaceAutomatic(fields) => fields.iter().map(String::as_str).collect(),
            Self::SoftKey { field, when, .. } => {
                let mut fields = vec![field.as_str()];
                fields.extend(when.iter().map(|condition| condition.field.as_str()));
                fields
            }
            Self::ExactlyOneOf(one, other) | Self::UserOption { key: one, value: other } => {
                vec![one.as_str(), other.as_str()]
            }
            Self::OnlyInGlobal(condition) => vec![condition.field.as_str()],
            Self::DropIfMerged(field)
            | Self::NullIfMissing(field)
            | Self::NotEmpty(field)
            | Self::Set(field, _)
            | Self::SetOutsideGlobal(field, _)
            | Self::SetWhenHidden(field, _)
            | Self::Now(field)
            | Self::AlnumOutsideGlobal(field, _)
            | Self::Slug(field)
            | Self::NewUuid(field)
            | Self::NewSubscriptionId(field)
            | Self::NewHexIfTaken(field)
            | Self::SuffixIfTaken(field)
            | Self::MergeIfTaken(field)
            | Self::ReplaceFirstAutomatic(field)
            | Self::OrgAuthToken(field) => vec![field.as_str()],
            Self::Unclaim => vec!["password", "is_unclaimed", "is_password_expired", "last_password_change"],
            Self::ApiToken => vec![
                "token",
                "hashed_token",
                "token_type",
                "token_last_characters",
                "refresh_token",
                "hashed_refresh_token",
                "expires_at",
            ],
            Self::HoldBack | Self::KeepPkInGlobal => Vec::new(),
        }
    }

    /// The natural key on whose collision the rule acts; it must be a unique set of its model.
    pub fn natural_key(&self) -> Option<&[String]> {
        match self {
            Self::KeepIfTaken(fields)
            | Self::KeepOrOverwrite(fields)
            | Self::DropIfTaken(fields)
            | Self::ReplaceAutomatic(fields) => Some(fields),
            Self::NullIfTaken(fields) => fields.get(..1),
            Self::SuffixIfTaken(field) | Self::MergeIfTaken(field) | Self::NewHexIfTaken(field) => {
                Some(std::slice::from_ref(field))
            }
            _ => None,
        }
    }
}

fn literal(at: &str, text: &str) -> Result<Value, CatalogError> {
    serde_json::from_str(text).map_err(|_| {
        let problem = format!("`{text}` is no JSON value; text stands in double quotes: `\"{text}\"`");
        CatalogError::declaration(at, problem)
    })
}

fn number(at: &str, text: &str) -> Result<usize, CatalogError> {
    text.parse().map_err(|_| CatalogError::declaration(at, format!("`{text}` is no length")))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

    use super::*;

    /// A usage with something in the place of each of its words.
    fn filled_in(usage: &str) -> String {
        let words =
            [(", …", ""), ("condition", "one is 1"), ("JSON", "1"), ("N)", "5)"), ("MODEL", "app.user")];
        words.iter().fold(usage.to_owned(), |text, (word, example)| text.replace(word, example))
    }

    #[test]
    fn every_rule_can_be_written_as_its_usage_says() {
        for usage in USAGES {
            let rule = Rule::parse("here", &filled_in(usage)).unwrap();
            assert!(usage.starts_with(rule.name()), "{usage}: {}", rule.name());
        }
    }

    #[test]
    fn the_readme_writes_rules_as_their_usages_do() {
        let readme = include_str!("../README.md");
        for usage in USAGES {
            let name = usage.split('(').next().unwrap();
            assert!(readme.contains(&format!("`{usage}`")) || name == "soft-key", "{usage}");
        }
    }
}
