//! What a catalogue says of a model.

use std::fmt;

use indexmap::IndexMap;
use serde_json::Value;

use crate::{Rule, Sanitize};

/// A model's place in its catalogue's dependency order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ModelId(pub(crate) u16);

impl ModelId {
    /// The position in [`Catalog::models`](crate::Catalog::models).
    pub fn index(self) -> usize {
        usize::from(self.0)
    }
}

/// Which silo keeps a model's rows (SPEC §1).
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    Hash,
    PartialOrd,
    Ord,
    strum::Display,
    serde::Serialize,
    serde::Deserialize,
)]
#[serde(rename_all = "lowercase")]
#[strum(serialize_all = "lowercase")]
pub enum SiloKind {
    /// One deployment that holds tenants' data.
    Cell,
    /// The deployment that holds users and what is global.
    Control,
}

/// The relocation scope of a model (SPEC §1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, strum::Display, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
#[strum(serialize_all = "lowercase")]
pub enum Scope {
    /// Never relocated.
    Excluded,
    /// Users and what belongs to them.
    User,
    /// Organisations and what they own.
    Organization,
    /// What configures an instance.
    Config,
    /// What only a copy of the whole instance takes along.
    Global,
}

/// The scope of an import or an export (SPEC §7 and §8).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ImportScope {
    /// Users alone.
    User,
    /// Organisations and their users.
    Organization,
    /// Configuration and privileged users.
    Config,
    /// Everything that relocates.
    Global,
}

impl ImportScope {
    /// Whether rows of this relocation scope take part (SPEC §7, first paragraph).
    pub fn admits(self, scope: Scope) -> bool {
        match self {
            Self::User => scope == Scope::User,
            Self::Organization => matches!(scope, Scope::User | Scope::Organization),
            Self::Config => matches!(scope, Scope::User | Scope::Config),
            Self::Global => scope != Scope::Excluded,
        }
    }

    /// The name as users write it.
    pub fn name(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Organization => "organization",
            Self::Config => "config",
            Self::Global => "global",
        }
    }
}

/// One model.
#[derive(Debug)]
pub struct Model {
    /// Its place in the dependency order.
    pub id: ModelId,
    /// Its name, such as `sentry.project`.
    pub name: String,
    /// The name under which tombstones know its rows.
    pub table: String,
    /// Where its rows live.
    pub silo: SiloKind,
    /// Its relocation scope, unless [`Model::global_when`] says otherwise of a row.
    pub scope: Scope,
    /// A row with a value in any of these fields is of Global scope (SPEC §7, "Models with several scopes").
    pub global_when: Vec<String>,
    /// Its fields in the order of the file; a model that does not relocate may list only its keys.
    pub fields: IndexMap<String, Field>,
    /// Its keys in the order of the file, which is the order of their index slots: append only.
    pub keys: Vec<Key>,
    /// Sets of fields whose values no two rows may share.
    pub uniques: Vec<UniqueSet>,
    /// The natural key that orders rows when exports are compared (SPEC §9, custom ordinal).
    pub ordinal: Option<Vec<String>>,
    /// What an import does with a row besides replacing its keys, in order.
    pub rules: Vec<Rule>,
    /// Rows that come into being with a row of this model (SPEC §7, "Rows made automatically").
    pub automatic: Vec<Automatic>,
    /// Rows by which the other silo keeps the name of a row of this model (SPEC §7, "Slugs across cells").
    pub registered: Vec<Automatic>,
    /// Fields that a comparison treats in a way of their own, in the order of the file.
    pub comparators: Vec<(String, Vec<Comparator>)>,
    /// How fields are sanitised whose name and type do not say so, in the order of the file (SPEC §13).
    pub sanitize: IndexMap<String, Sanitize>,
    /// The field whose value names a row among people; imports remember what inserted rows were named.
    pub identifier: Option<String>,
    /// Its rows belong to nobody: they relocate only with rows that refer to them (SPEC §7 and §8).
    pub dangling: bool,
    /// Fields whose values name rows of this model; it relocates with them.
    pub used_by: Vec<FieldPath>,
    /// Boolean fields that give a row a global privilege (SPEC §8, Config scope).
    pub privileged: Vec<String>,
    /// The key whose target gets a global privilege by a row of this model (SPEC §8, Config scope).
    pub grants_privilege: Option<String>,
    /// Rows that only a Global export takes along (SPEC §8).
    pub stays_outside_global: Option<RetainedValues>,
    /// The field that says of a row that it is to be deleted; a row whose field says otherwise stays (SPEC §10).
    pub deletion: Option<DeletionMark>,
}

impl Model {
    /// The field with this name.
    pub fn field(&self, name: &str) -> Option<&Field> {
        self.fields.get(name)
    }

    /// The unique set of these fields, with its position.
    pub fn unique_set(&self, fields: &[String]) -> Option<(usize, &UniqueSet)> {
        self.uniques.iter().enumerate().find(|(_, set)| set.has_fields(fields))
    }

    /// The key in this field.
    pub fn key(&self, field: &str) -> Option<&Key> {
        self.keys.iter().find(|key| key.field == field)
    }

    /// Whether a row survives although the target of this key does not come along.
    pub fn tolerates_missing(&self, key: &str) -> bool {
        self.rules.iter().any(|rule| matches!(rule, Rule::NullIfMissing(field) if field == key))
    }

    /// Whether rows of this model can relocate at all.
    pub fn relocates(&self) -> bool {
        self.scope != Scope::Excluded
    }

    /// The relocation scope of one row.
    pub fn scope_of(&self, fields: &serde_json::Map<String, Value>) -> Scope {
        let is_set = |field: &String| fields.get(field).is_some_and(|value| !value.is_null());
        if self.global_when.iter().any(is_set) { Scope::Global } else { self.scope }
    }

    /// Whether some row of this model may take part in an import of that scope.
    pub fn admitted_by(&self, scope: ImportScope) -> bool {
        scope.admits(self.scope) || (scope == ImportScope::Global && !self.global_when.is_empty())
    }
}

/// One field of a model.
#[derive(Debug)]
pub struct Field {
    /// What its values are.
    pub kind: FieldKind,
    /// Whether null is a value; a missing nullable field is null.
    pub nullable: bool,
    /// What an export of an older version, which lacks the field, means.
    pub default: Option<AutomaticValue>,
}

/// What a field holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FieldKind {
    /// `true` or `false`.
    Bool,
    /// A whole number within 64 bits.
    Int,
    /// A number.
    Float,
    /// An instant, as RFC 3339 text.
    Date,
    /// A UUID, as text.
    Uuid,
    /// An IP address, as text.
    Ip,
    /// Text of at most so many characters, if limited.
    Text(Option<usize>),
    /// Any JSON; empty when missing.
    Json,
    /// Any JSON: serialised values whose shape only the application knows.
    Any,
    /// The primary key of a row: the position in [`Model::keys`].
    Key(usize),
}

impl fmt::Display for FieldKind {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(Some(length_max)) => write!(out, "text({length_max})"),
            Self::Text(None) => out.write_str("text"),
            Self::Bool => out.write_str("bool"),
            Self::Int => out.write_str("int"),
            Self::Float => out.write_str("float"),
            Self::Date => out.write_str("date"),
            Self::Uuid => out.write_str("uuid"),
            Self::Ip => out.write_str("ip"),
            Self::Json => out.write_str("json"),
            Self::Any => out.write_str("any"),
            Self::Key(_) => out.write_str("a key"),
        }
    }
}

impl Field {
    /// How many characters its texts have at most; none if it has no limit or holds no text.
    pub fn length_max(&self) -> Option<usize> {
        match self.kind {
            FieldKind::Text(length_max) => length_max,
            _ => None,
        }
    }

    /// Whether a value has its type and length. Of dates, UUIDs and addresses only an import looks closer.
    pub fn takes(&self, value: &Value) -> bool {
        match (self.kind, value) {
            (FieldKind::Json | FieldKind::Any, _) => true,
            (_, Value::Null) => self.nullable,
            (FieldKind::Bool, Value::Bool(_)) | (FieldKind::Float, Value::Number(_)) => true,
            (FieldKind::Int | FieldKind::Key(_), Value::Number(number)) => number.is_i64(),
            (FieldKind::Text(length_max), Value::String(text)) => {
                length_max.is_none_or(|length_max| text.chars().count() <= length_max)
            }
            (FieldKind::Date | FieldKind::Uuid | FieldKind::Ip, Value::String(_)) => true,
            _ => false,
        }
    }
}

/// A field that refers to another row.
#[derive(Debug)]
pub struct Key {
    /// The field.
    pub field: String,
    /// The model referred to; none when its rows are kept outside of the catalogue.
    pub target: Option<ModelId>,
    /// The name of the model referred to.
    pub target_name: String,
    /// How it refers.
    pub kind: KeyKind,
    /// Whether it may be null.
    pub nullable: bool,
    /// What becomes of a row when its target goes; nothing is said of plain references.
    pub on_delete: Option<OnDelete>,
}

/// How a key refers to its target.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyKind {
    /// Enforced within one silo.
    Local,
    /// Leads to another silo, or is kept as if it did: reconciled by tombstones (SPEC §10).
    CrossSilo,
    /// A bare number that nothing enforces.
    Reference,
}

/// What happens to a row whose target is deleted (SPEC §10).
#[derive(Debug, Clone, Copy, PartialEq, Eq, strum::Display, strum::EnumString)]
#[strum(serialize_all = "kebab-case")]
pub enum OnDelete {
    /// It goes too.
    Cascade,
    /// Its key becomes null.
    SetNull,
    /// It forbids the deletion.
    Protect,
    /// Nothing.
    DoNothing,
}

/// Fields whose values, taken together, one row alone may have. A null among them never equals anything.
#[derive(Debug)]
pub struct UniqueSet {
    /// The fields, in the order in which their values are hashed.
    pub fields: Vec<String>,
    /// Values that differ only in case are equal.
    pub ignore_case: bool,
    /// The set binds only rows for which all of these hold.
    pub when: Vec<Condition>,
}

impl UniqueSet {
    /// The name under which stores keep the set: its fields joined by `+`.
    pub fn name(&self) -> String {
        self.fields.join("+")
    }

    /// Whether these are its fields, in any order.
    pub fn has_fields(&self, fields: &[String]) -> bool {
        self.fields.len() == fields.len() && fields.iter().all(|field| self.fields.contains(field))
    }

    /// Whether the set binds this row.
    pub fn binds(&self, fields: &serde_json::Map<String, Value>) -> bool {
        self.when.iter().all(|condition| condition.holds(fields))
    }
}

/// A field that equals a value; a missing field is null.
#[derive(Debug, Clone, PartialEq)]
pub struct Condition {
    /// The field.
    pub field: String,
    /// The value it must have.
    pub value: Value,
}

impl Condition {
    /// Whether it holds for a row.
    pub fn holds(&self, fields: &serde_json::Map<String, Value>) -> bool {
        fields.get(&self.field).unwrap_or(&Value::Null) == &self.value
    }
}

/// A row that comes into being with another one.
#[derive(Debug)]
pub struct Automatic {
    /// The model of the row that is made.
    pub model: ModelId,
    /// Nothing is made when a row with the same natural key is there already.
    pub unless_taken: bool,
    /// Nothing is made in Global scope.
    pub outside_global: bool,
    /// Values of its fields; the others take their defaults.
    pub fields: Vec<(String, AutomaticValue)>,
}

/// A value that is worked out when a row is made.
#[derive(Debug, Clone, PartialEq)]
pub enum AutomaticValue {
    /// The primary key of the row that it is made with.
    ParentPk,
    /// A field of the row that it is made with.
    ParentField(String),
    /// The time of the import.
    Now,
    /// So many random letters and digits.
    Alnum(usize),
    /// So many random lower-case hexadecimal digits.
    Hex(usize),
    /// This value.
    Literal(Value),
}

/// Rows of a model that stay where they are unless everything moves.
#[derive(Debug, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RetainedValues {
    /// The field that is looked at.
    pub field: String,
    /// The values whose rows stay.
    pub values: Vec<String>,
}

/// What a field of a row says while the row is to be deleted (SPEC §10).
#[derive(Debug, Clone, PartialEq, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DeletionMark {
    /// The field.
    pub field: String,
    /// What it says of a row that is to stay, and was never marked otherwise.
    pub active: Value,
    /// What it says of a row whose deletion is scheduled.
    pub pending: Value,
    /// What it says of a row that is being deleted.
    pub in_progress: Value,
}

impl DeletionMark {
    /// What the field says of a row; a missing field is null.
    pub fn of<'a>(&self, fields: &'a serde_json::Map<String, Value>) -> &'a Value {
        fields.get(&self.field).unwrap_or(&Value::Null)
    }

    /// Whether a row is to be deleted, or is being deleted.
    pub fn is_set(&self, fields: &serde_json::Map<String, Value>) -> bool {
        [&self.pending, &self.in_progress].contains(&self.of(fields))
    }
}

/// How a comparison treats a field (SPEC §9). Keys are compared by ordinal without being listed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, strum::EnumString, strum::VariantNames)]
#[strum(serialize_all = "kebab-case")]
pub enum Comparator {
    /// The right side may have got a suffix.
    AutoSuffix,
    /// The right side may be later.
    DateUpdated,
    /// The same instant.
    Date,
    /// Equal, shown shortened.
    Email,
    /// Equal, or gone on the right.
    EqualOrRemoved,
    /// Equal, shown shortened.
    Hash,
    /// Not looked at.
    Ignored,
    /// 32 hexadecimal digits on both sides.
    SecretHex,
    /// Well-formed subscription ids that differ.
    SubscriptionId,
    /// Well-formed version 4 UUIDs that differ.
    Uuid4,
    /// The same elements in any order.
    UnorderedList,
    /// The password rules of SPEC §9.
    UserPassword,
}

/// A field of a model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldPath {
    /// The model.
    pub model: ModelId,
    /// The field.
    pub field: String,
}
