//! The place of one row in a generated export, and the values that follow from it.

use catalog::{AutomaticValue, Field, FieldKind, Model};
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;
use silo::{Fields, Pk};

use super::Generator;
use super::blueprint::Blueprint;
use super::recipes::{self, Per, Recipe};

/// A row that is being made: the `index`-th one of its model in its organisation, both counted from 0.
pub(super) struct Place<'a> {
    generator: &'a Generator,
    model: &'a Model,
    /// The organisation that it belongs to.
    pub(super) organization: u64,
    /// Its position among the organisation's rows of the model.
    pub(super) index: u64,
}

impl<'a> Place<'a> {
    pub(super) fn new(generator: &'a Generator, model: &'a Model, organization: u64, index: u64) -> Self {
        Self { generator, model, organization, index }
    }

    /// All fields of the row: what the recipe says, and what the catalogue says of the others.
    pub(super) fn fields(&self, recipe: &Recipe) -> Fields {
        let usual = self.model.fields.iter();
        let usual = usual.filter_map(|(name, field)| Some((name.clone(), self.usual(field)?)));
        let mut fields: Fields = usual.collect();
        if let Value::Object(own) = (recipe.fields)(self) {
            fields.extend(own);
        }
        fields
    }

    /// The value of a field that a recipe does not mention: its default, or nothing where null will do. A
    /// required key leads to the organisation's rows of its target in turn.
    fn usual(&self, field: &Field) -> Option<Value> {
        match (&field.default, field.kind) {
            (Some(AutomaticValue::Literal(value)), _) => Some(value.clone()),
            (Some(AutomaticValue::Now), _) => Some(self.date(0).into()),
            _ if field.nullable => Some(Value::Null),
            (_, FieldKind::Json) => Some(Value::Object(Fields::new())),
            (_, FieldKind::Key(slot)) => {
                Some(self.pk(&self.model.keys.get(slot)?.target_name, self.index).into())
            }
            _ => None,
        }
    }

    pub(super) fn blueprint(&self) -> &'a Blueprint {
        &self.generator.blueprint
    }

    /// The primary key of the same organisation's row of a model at an index, counted from the first again
    /// behind the last.
    pub(super) fn pk(&self, model: &str, index: u64) -> Pk {
        self.pk_in(self.organization, model, index)
    }

    /// The primary key of the first user of the next organisation.
    pub(super) fn guest(&self) -> Pk {
        let next = (self.organization + 1) % self.blueprint().organizations();
        self.pk_in(next, "sentry.user", 0)
    }

    fn pk_in(&self, organization: u64, model: &str, index: u64) -> Pk {
        let Some(recipe) = recipes::of(model).first() else { return Pk::MAX };
        let rows = self.blueprint().rows_in(recipe.rows).max(1);
        let organization = if matches!(recipe.rows, Per::Instance(_)) { 0 } else { organization };
        self.generator.pk(recipe, organization, index % rows)
    }

    pub(super) fn slug(&self) -> String {
        self.blueprint().slug(self.organization)
    }

    /// Random values for a purpose. Ask for different purposes to get different values.
    pub(super) fn draw(&self, what: &str) -> Draw {
        // Organisations do not have more rows of a model than this, so that no two rows draw the same.
        let row = (self.organization << 32) | self.index;
        self.blueprint().draw(&self.model.name, row, what)
    }

    /// The one of some values that the row's index stands at, counted from the first again behind the last.
    pub(super) fn choose<T: Copy + Default>(&self, choices: &[T]) -> T {
        let position =
            self.index.checked_rem(choices.len() as u64).and_then(|index| usize::try_from(index).ok());
        position.and_then(|position| choices.get(position)).copied().unwrap_or_default()
    }

    /// When the row came into being, and so many minutes later. Rows are younger than those they refer to.
    pub(super) fn date(&self, minutes_later: i64) -> String {
        let organizations = i64::try_from(self.organization).unwrap_or(i64::MAX);
        let index = i64::try_from(self.index).unwrap_or(i64::MAX);
        let models = i64::try_from(self.model.id.index()).unwrap_or(i64::MAX);
        let minutes = organizations.saturating_mul(10).saturating_add(models).saturating_add(minutes_later);
        let millis = i64::try_from(self.draw("millisecond").below(1000)).unwrap_or(0);
        let millis =
            minutes.saturating_mul(60).saturating_add(index).saturating_mul(1000).saturating_add(millis);
        let date = FOUNDED.checked_add(SignedDuration::from_millis(millis)).unwrap_or(FOUNDED);
        format!("{date:.3}")
    }
}

/// When the first organisation came into being: 1 March 2024, 08:00 UTC.
const FOUNDED: Timestamp = Timestamp::constant(1_709_280_000, 0);

/// Random values that depend on nothing but where they are used.
pub(super) struct Draw(blake3::OutputReader);

impl Draw {
    pub(super) fn new(seed: u64, model: &str, row: u64, what: &str) -> Self {
        let mut hasher = blake3::Hasher::new();
        hasher.update(&seed.to_le_bytes()).update(&row.to_le_bytes());
        // A byte that no name has, so that the two cannot be cut in another place.
        hasher.update(model.as_bytes()).update(&[0xff]).update(what.as_bytes());
        Self(hasher.finalize_xof())
    }

    fn next(&mut self) -> u64 {
        let mut bytes = [0; 8];
        self.0.fill(&mut bytes);
        u64::from_le_bytes(bytes)
    }

    /// A number below `limit`. Good enough for examples: low ones are a little more likely.
    pub(super) fn below(&mut self, limit: u64) -> u64 {
        self.next().checked_rem(limit).unwrap_or(0)
    }

    /// One of them.
    pub(super) fn pick<T: Copy + Default>(&mut self, choices: &[T]) -> T {
        let position = usize::try_from(self.below(choices.len() as u64)).unwrap_or(0);
        choices.get(position).copied().unwrap_or_default()
    }

    /// So many letters and digits.
    pub(super) fn alnum(&mut self, length: usize) -> String {
        const ALPHABET: &[char] = &[
            'A', 'B', 'C', 'D', 'E', 'F', 'G', 'H', 'J', 'K', 'L', 'M', 'N', 'P', 'Q', 'R', 'S', 'T', 'U',
            'V', 'W', 'X', 'Y', 'Z', 'a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 'i', 'j', 'k', 'm', 'n', 'p',
            'q', 'r', 's', 't', 'u', 'v', 'w', 'x', 'y', 'z', '2', '3', '4', '5', '6', '7', '8', '9',
        ];
        (0..length).map(|_| self.pick(ALPHABET)).collect()
    }

    /// So many lower-case hexadecimal digits.
    pub(super) fn hex(&mut self, length: usize) -> String {
        let mut digits = String::new();
        while digits.len() < length {
            digits.push_str(&format!("{:016x}", self.next()));
        }
        digits.truncate(length);
        digits
    }

    /// A version 4 UUID.
    pub(super) fn uuid(&mut self) -> String {
        let bytes = (u128::from(self.next()) << 64 | u128::from(self.next())).to_be_bytes();
        uuid::Builder::from_random_bytes(bytes).into_uuid().to_string()
    }
}
