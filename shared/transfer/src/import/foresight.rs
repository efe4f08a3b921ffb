//! What a copy of a whole instance has to know of a file before its first row is written, so that rows stay in their
//! order and refer to what they referred to (SPEC §7, Global scope).

use std::collections::HashMap;
use std::io::Read;

use catalog::{Automatic, AutomaticValue, Catalog, Model, ModelId, Rule};
use serde_json::Value;
use silo::{Fields, Pk};

use super::error::{ImportError, RowProblem};
use super::pk_runs::PkRuns;
use crate::rows::RowReader;

/// What is known of a file beforehand; nothing of one whose rows get new primary keys.
#[derive(Debug, Default)]
pub(crate) struct Foresight {
    kept: HashMap<ModelId, Kept>,
    /// For a model that is made, and the model with whose rows it is made: by the ordinal of such a row, the ordinal
    /// of the row of the file that takes the place of what is made with it.
    successors: HashMap<(ModelId, ModelId), PkRuns<()>>,
}

/// The primary keys that rows of a model keep: both ways between them and ordinals.
#[derive(Debug, Default)]
struct Kept {
    pks: PkRuns<()>,
    ordinals: PkRuns<()>,
}

/// Whether rows of this model keep their primary keys in a copy of a whole instance.
fn keeps(model: &Model) -> bool {
    model.rules.contains(&Rule::KeepPkInGlobal)
}

/// The highest primary key that a row may keep. All that are given away later lie behind it: half of them are left.
const KEPT_PK_MAX: Pk = Pk::MAX / 2;

fn check_kept(pk: Pk) -> Result<(), RowProblem> {
    match pk {
        ..1 => Err(RowProblem::validation("its primary key, which it keeps, is below 1")),
        1..=KEPT_PK_MAX => Ok(()),
        _ => Err(RowProblem::validation(format!("its primary key, which it keeps, is above {KEPT_PK_MAX}"))),
    }
}

impl Foresight {
    /// Reads a file to its end.
    ///
    /// # Errors
    /// The file cannot be read or is no array of rows, or a row has a primary key that it cannot keep.
    pub(crate) fn read<R: Read>(catalog: &Catalog, rows: &mut RowReader<R>) -> Result<Self, ImportError> {
        let mut foresight = Self::default();
        let mut makings: Vec<Making<'_>> =
            catalog.models().iter().flat_map(|maker| Making::of(catalog, maker)).collect();
        let mut ordinals: Vec<i64> = vec![0; catalog.models().len()];
        while let Some(outline) = rows.next_outline()? {
            let Some(model) = catalog.find(outline.model()) else { continue };
            let Some(ordinal) = ordinals.get_mut(model.id.index()) else { continue };
            *ordinal += 1;
            if keeps(model) {
                check_kept(outline.pk())
                    .map_err(|problem| problem.at(&model.name, ordinal.unsigned_abs(), outline.pk()))?;
                let kept = foresight.kept.entry(model.id).or_default();
                kept.pks.insert(*ordinal, outline.pk(), ());
                kept.ordinals.insert(outline.pk(), *ordinal, ());
            }
            for making in &mut makings {
                if making.maker.id == model.id {
                    let fields = outline.fields(&making.of_maker)?;
                    making.add_maker(*ordinal, outline.pk(), &fields);
                } else if making.made.id == model.id {
                    let fields = outline.fields(&making.natural_key)?;
                    making.add_row(*ordinal, &fields);
                }
            }
        }
        for Making { made, maker, successors, .. } in makings {
            foresight.successors.insert((made.id, maker.id), successors);
        }
        Ok(foresight)
    }

    /// The primary key that a row keeps, by its position among the rows of its model, from 1.
    pub(crate) fn kept_pk(&self, model: ModelId, ordinal: u64) -> Option<Pk> {
        let (pk, ()) = self.kept.get(&model)?.pks.get(i64::try_from(ordinal).ok()?)?;
        Some(pk)
    }

    /// The first row that keeps this primary key.
    pub(crate) fn keeper(&self, model: ModelId, pk: Pk) -> Option<u64> {
        let (ordinal, ()) = self.kept.get(&model)?.ordinals.get(pk)?;
        u64::try_from(ordinal).ok()
    }

    /// The lowest and the highest primary key that rows of a model keep; none if they get new ones.
    pub(crate) fn kept_range(&self, model: ModelId) -> Option<(Pk, Pk)> {
        self.kept.get(&model)?.ordinals.bounds()
    }

    /// The row of the file that takes the place of what is made with another row.
    pub(crate) fn successor(&self, made: ModelId, maker: ModelId, maker_ordinal: u64) -> Option<u64> {
        let (ordinal, ()) = self.successors.get(&(made, maker))?.get(i64::try_from(maker_ordinal).ok()?)?;
        u64::try_from(ordinal).ok()
    }
}

/// Rows that are made with others (SPEC §7, "Rows made automatically") and that rows of the file may replace.
struct Making<'a> {
    maker: &'a Model,
    made: &'a Model,
    automatic: &'a Automatic,
    /// The fields that tell for what a row is: the first row of the file for the same takes its place.
    natural_key: Vec<String>,
    /// The fields of the maker that are among their values.
    of_maker: Vec<String>,
    /// By the maker's primary key in the file: its ordinal, and the values of those fields.
    makers: HashMap<Pk, (i64, Fields)>,
    successors: PkRuns<()>,
}

impl<'a> Making<'a> {
    fn of(catalog: &'a Catalog, maker: &'a Model) -> impl Iterator<Item = Self> {
        maker.automatic.iter().filter_map(move |automatic| {
            let made = catalog.model(automatic.model);
            let natural_key = made.rules.iter().find_map(|rule| match rule {
                Rule::ReplaceAutomatic(natural_key) => Some(natural_key.clone()),
                Rule::ReplaceFirstAutomatic(key) => Some(vec![key.clone()]),
                _ => None,
            })?;
            let is_of_maker = |(name, value): &'a (String, AutomaticValue)| match value {
                AutomaticValue::ParentField(field) if natural_key.contains(name) => Some(field.clone()),
                _ => None,
            };
            let of_maker = automatic.fields.iter().filter_map(is_of_maker).collect();
            let (makers, successors) = (HashMap::new(), PkRuns::default());
            Some(Self { maker, made, automatic, natural_key, of_maker, makers, successors })
        })
    }

    fn add_maker(&mut self, ordinal: i64, pk: Pk, fields: &Fields) {
        self.makers.entry(pk).or_insert_with(|| (ordinal, fields.clone()));
    }

    /// A row of the file: if it is for what was made with a maker, it takes that row's place.
    fn add_row(&mut self, ordinal: i64, fields: &Fields) {
        let given = |name: &String| {
            self.automatic.fields.iter().find(|(given, _)| given == name).map(|(_, value)| value)
        };
        let parent = self.natural_key.iter().find(|name| given(name) == Some(&AutomaticValue::ParentPk));
        let parent = parent.and_then(|name| fields.get(name)).and_then(Value::as_i64);
        let Some((maker_ordinal, maker)) = parent.and_then(|pk| self.makers.get(&pk)) else { return };
        let is_same = |name: &String| match given(name) {
            Some(AutomaticValue::ParentPk) => true,
            Some(AutomaticValue::ParentField(field)) => {
                fields.get(name).is_some_and(|value| Some(value) == maker.get(field))
            }
            Some(AutomaticValue::Literal(value)) => fields.get(name) == Some(value),
            _ => false,
        };
        if self.natural_key.iter().all(is_same) {
            self.successors.insert(*maker_ordinal, ordinal, ());
        }
    }
}
