//! Which writes a batch comes to, given what is known of the values that other rows have (SPEC §7, the rules
//! about taken values).
//!
//! Settling is a pure function of the batch and of what is known; when a write finds that more is taken,
//! the batch is settled again with that known too.

use std::collections::{BTreeMap, HashMap, HashSet};

use catalog::{Automatic, AutomaticValue, FieldKind, ImportScope, Model, ModelId, Rule, UniqueSet};
use serde_json::Value;
use silo::{Fields, ImportKind, Mapped, Pk, Row, Stored, UniqueKey, Write};

use super::error::{ImportError, RowProblem};
use super::fields::{Defaults, made};
use super::plan::PlannedPks;
use super::random::RowRandom;
use super::report::DropReason;
use super::row::{Candidate, RowContext};
use super::{slugs, tokens};

/// What is known of the store.
#[derive(Debug, Default)]
pub(crate) struct Known {
    /// Who has which unique value.
    pub(crate) holders: HashMap<UniqueKey, Pk>,
    /// Rows that may be replaced or merged with.
    pub(crate) rows: HashMap<(ModelId, Pk), Stored>,
    /// Rows made automatically that a row of the file has replaced already.
    pub(crate) replaced: HashSet<(ModelId, Pk)>,
}

/// What a batch comes to.
#[derive(Debug, Default)]
pub(crate) struct Settled {
    pub(crate) writes: Vec<Write>,
    pub(crate) mapped: Vec<Mapped>,
    pub(crate) identifiers: BTreeMap<Pk, String>,
    /// What the other silo is to know of the names of inserted rows, before they are written.
    pub(crate) registrations: Vec<(ModelId, Row)>,
    /// For each write, the row of the file that it comes from.
    pub(crate) origins: Vec<(u64, Pk)>,
}

/// Settles the rows of one batch one after the other, in the order of the file.
pub(crate) struct Settler<'a> {
    pub(crate) context: &'a RowContext<'a>,
    pub(crate) model: &'a Model,
    pub(crate) known: &'a Known,
    /// Who has which unique value within the batch: the position of the write.
    claims: HashMap<UniqueKey, usize>,
    settled: Settled,
}

/// Who has a value that a row wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Holder {
    /// A row of this batch, by the position of its write.
    Batch(usize),
    /// A row of the store.
    Store(Pk),
}

/// What a rule makes of a taken value.
enum Resolution {
    /// The row changed: look again.
    Changed,
    /// The holder is used instead.
    Existing(Holder),
    /// The holder is replaced, and counts as this kind.
    Replace(Holder, ImportKind),
    /// The row is left out.
    Drop,
    /// The rule has nothing to say.
    Pass,
}

/// A row on its way into the batch.
struct Arrival {
    candidate: Candidate,
    /// The row whose place it takes, and what that counts as.
    replaces: Option<(Holder, ImportKind)>,
    attempts: u32,
}

impl<'a> Settler<'a> {
    pub(crate) fn new(context: &'a RowContext<'a>, model: &'a Model, known: &'a Known) -> Self {
        Self { context, model, known, claims: HashMap::new(), settled: Settled::default() }
    }

    pub(crate) fn settle(mut self, candidates: &[Candidate]) -> Result<Settled, ImportError> {
        for candidate in candidates {
            let (ordinal, source_pk) = (candidate.ordinal, candidate.source_pk);
            self.add(candidate.clone())
                .map_err(|problem| problem.at(&self.model.name, ordinal, source_pk))?;
        }
        Ok(self.settled)
    }

    fn add(&mut self, candidate: Candidate) -> Result<(), RowProblem> {
        let mut arrival = Arrival { candidate, replaces: None, attempts: 0 };
        if arrival.candidate.needs_suffix
            && let Some(field) = self.suffixed_field()
        {
            self.suffix(&mut arrival, field)?;
        }
        if let Some(holder) = self.first_automatic(&arrival.candidate) {
            arrival.replaces = Some((holder, ImportKind::Inserted));
        }
        loop {
            if let Some((set, holder)) = self.taken_value(&arrival)? {
                match self.resolve(&mut arrival, set, holder)? {
                    Resolution::Changed => {}
                    Resolution::Replace(holder, kind) => arrival.replaces = Some((holder, kind)),
                    Resolution::Existing(holder) => {
                        let pk = self.pk_of(holder);
                        self.map(&arrival.candidate, pk, ImportKind::Existing);
                        return Ok(());
                    }
                    Resolution::Drop => return Ok(()),
                    Resolution::Pass => return Err(self.collision(set)),
                }
            } else if let Some(field) = self.suffixed_field()
                && self.is_registered(&arrival)?
            {
                self.suffix(&mut arrival, field)?;
            } else {
                break;
            }
        }
        self.write(arrival)
    }

    fn collision(&self, set: usize) -> RowProblem {
        let fields = self.model.uniques.get(set).map(UniqueSet::name).unwrap_or_default();
        RowProblem::integrity(format!("another row has the same {fields}"))
    }

    /// The first of the row's unique values that another row has.
    fn taken_value(&self, arrival: &Arrival) -> Result<Option<(usize, Holder)>, RowProblem> {
        let own = arrival.replaces.map(|(holder, _)| self.pk_of(holder));
        for key in UniqueKey::of(self.model, &arrival.candidate.fields) {
            if let Some(holder) = self.holder(&key)
                && Some(self.pk_of(holder)) != own
            {
                if own.is_some() && self.is_natural_key(key.set) {
                    return Err(self.collision(key.set));
                }
                return Ok(Some((key.set, holder)));
            }
        }
        Ok(None)
    }

    /// Whether a rule takes the holder of this set for the row itself.
    fn is_natural_key(&self, set: usize) -> bool {
        self.rules_on(set).any(|rule| matches!(rule, Rule::KeepOrOverwrite(_) | Rule::ReplaceAutomatic(_)))
    }

    fn rules_on(&self, set: usize) -> impl Iterator<Item = &'a Rule> {
        let set = self.model.uniques.get(set);
        self.model.rules.iter().filter(move |rule| set.is_some_and(|set| acts_on(rule, set)))
    }

    /// Who has a value. One that this batch replaces still counts: a transaction cannot give a value away twice.
    fn holder(&self, key: &UniqueKey) -> Option<Holder> {
        let claimed = self.claims.get(key).map(|position| Holder::Batch(*position));
        claimed.or_else(|| self.known.holders.get(key).map(|pk| Holder::Store(*pk)))
    }

    /// Whether somebody has registered the row's name in the other silo.
    fn is_registered(&self, arrival: &Arrival) -> Result<bool, RowProblem> {
        let Candidate { ordinal, fields, .. } = &arrival.candidate;
        let name = self.model.identifier.as_ref().and_then(|field| fields.get(field));
        for (model, row) in self.context.registrations(self.model, *ordinal, fields) {
            for key in UniqueKey::of(model, &row.fields) {
                let is_taken = self.known.holders.get(&key).is_some_and(|holder| *holder != row.pk);
                let Some(set) = model.uniques.get(key.set).filter(|_| is_taken) else { continue };
                if set.fields.iter().any(|field| row.fields.get(field) == name) {
                    return Ok(true);
                }
                let (set, model) = (set.name(), &model.name);
                return Err(RowProblem::integrity(format!("another {model} has the same {set}")));
            }
        }
        Ok(false)
    }

    fn unique_keys(&self, model: ModelId, fields: &Fields) -> Vec<UniqueKey> {
        UniqueKey::of(self.context.catalog.model(model), fields)
    }

    fn pk_of(&self, holder: Holder) -> Pk {
        match holder {
            Holder::Store(pk) => pk,
            Holder::Batch(position) => self.settled.writes.get(position).map_or(0, |write| write.row().pk),
        }
    }

    fn resolve(&self, arrival: &mut Arrival, set: usize, holder: Holder) -> Result<Resolution, RowProblem> {
        for rule in self.rules_on(set) {
            match self.resolve_by(rule, arrival, holder)? {
                Resolution::Pass => {}
                resolution => return Ok(resolution),
            }
        }
        Ok(Resolution::Pass)
    }

    fn resolve_by(
        &self,
        rule: &Rule,
        arrival: &mut Arrival,
        holder: Holder,
    ) -> Result<Resolution, RowProblem> {
        let plan = self.context.plan;
        let fields = &mut arrival.candidate.fields;
        Ok(match rule {
            // Only the name that the file has leads to a user: whoever has a name made up here is a stranger.
            Rule::MergeIfTaken(field)
                if plan.flags.merge_users
                    && arrival.attempts == 0
                    && self.has_exactly(holder, field, fields) =>
            {
                Resolution::Existing(holder)
            }
            Rule::SuffixIfTaken(field) => {
                self.suffix(arrival, field)?;
                Resolution::Changed
            }
            Rule::KeepIfTaken(_) => Resolution::Existing(holder),
            Rule::KeepOrOverwrite(_) if plan.flags.overwrite_configs => {
                Resolution::Replace(holder, ImportKind::Overwrite)
            }
            Rule::KeepOrOverwrite(_) => Resolution::Existing(holder),
            Rule::ReplaceAutomatic(_) => Resolution::Replace(holder, ImportKind::Inserted),
            Rule::DropIfTaken(_) => Resolution::Drop,
            Rule::NullIfTaken(names) => {
                for name in names {
                    fields.insert(name.clone(), Value::Null);
                }
                Resolution::Changed
            }
            Rule::NewHexIfTaken(field) => {
                let random = self.random(arrival.candidate.ordinal);
                arrival.attempts += 1;
                let key = random.draw(field, arrival.attempts).hex(tokens::PROJECT_KEY_HEX);
                arrival.candidate.fields.insert(field.clone(), key.into());
                Resolution::Changed
            }
            Rule::OrgAuthToken(key) => {
                let slug = self.context.target_identifier(self.model, key, fields).unwrap_or_default();
                arrival.attempts += 1;
                let random = self.random(arrival.candidate.ordinal);
                tokens::make_org_token(fields, &slug, self.context.now, random, arrival.attempts);
                Resolution::Changed
            }
            Rule::ApiToken => {
                arrival.attempts += 1;
                let random = self.random(arrival.candidate.ordinal);
                tokens::make_api_token(fields, plan.now, random, arrival.attempts);
                Resolution::Changed
            }
            _ => Resolution::Pass,
        })
    }

    fn random(&self, ordinal: u64) -> RowRandom<'a> {
        self.context.random(self.model, ordinal)
    }

    /// Whether the holder has this very value: a unique value may be equal but for its case.
    fn has_exactly(&self, holder: Holder, field: &str, fields: &Fields) -> bool {
        let held = match holder {
            Holder::Store(pk) => self.known.rows.get(&(self.model.id, pk)).map(|stored| &stored.row),
            Holder::Batch(position) => self.settled.writes.get(position).map(Write::row),
        };
        held.is_some_and(|row| row.fields.get(field) == fields.get(field))
    }

    fn suffixed_field(&self) -> Option<&'a str> {
        self.model.rules.iter().find_map(|rule| match rule {
            Rule::SuffixIfTaken(field) => Some(field.as_str()),
            _ => None,
        })
    }

    /// Gives the row's name its next suffix; the name that the file has, normalised, is what gets it.
    fn suffix(&self, arrival: &mut Arrival, field: &str) -> Result<(), RowProblem> {
        let length_max = match self.model.field(field).map(|field| field.kind) {
            Some(FieldKind::Text(Some(length_max))) => length_max,
            _ => usize::MAX,
        };
        let is_slug = self.model.rules.iter().any(|rule| matches!(rule, Rule::Slug(slug) if slug == field));
        let mut name = arrival.candidate.name.clone().unwrap_or_default();
        if is_slug {
            name = slugs::normalised(&name);
        }
        let random = self.random(arrival.candidate.ordinal);
        loop {
            let suffixed = slugs::suffixed(&name, field, arrival.attempts, length_max, random)
                .ok_or_else(|| RowProblem::integrity(format!("no free `{field}` was found")))?;
            arrival.attempts += 1;
            if !is_slug || !slugs::needs_suffix(self.context.catalog, &suffixed) {
                arrival.candidate.fields.insert(field.to_owned(), suffixed.into());
                return Ok(());
            }
        }
    }

    /// The row that was made with the target of this row's key, if this is the first of the file to arrive.
    fn first_automatic(&self, candidate: &Candidate) -> Option<Holder> {
        let pk = automatic_pk(self.context, self.model, &candidate.fields)?;
        let in_batch = self.settled.writes.iter().any(|write| write.row().pk == pk);
        let is_there = self.known.rows.contains_key(&(self.model.id, pk));
        let free = is_there && !in_batch && !self.known.replaced.contains(&(self.model.id, pk));
        free.then_some(Holder::Store(pk))
    }

    fn write(&mut self, arrival: Arrival) -> Result<(), RowProblem> {
        let Arrival { candidate, replaces, .. } = arrival;
        match replaces {
            None => self.insert(&candidate),
            Some((Holder::Batch(position), kind)) => {
                self.rewrite(position, candidate, kind);
                Ok(())
            }
            Some((Holder::Store(pk), kind)) => self.replace(pk, &candidate, kind),
        }
    }

    fn insert(&mut self, candidate: &Candidate) -> Result<(), RowProblem> {
        let pks = PlannedPks { catalog: self.context.catalog, plan: self.context.plan };
        let pk = pks.row(self.model, candidate.ordinal).ok_or_else(no_pk)?;
        self.map(candidate, pk, ImportKind::Inserted);
        let registrations = self.context.registrations(self.model, candidate.ordinal, &candidate.fields);
        self.settled.registrations.extend(registrations.into_iter().map(|(model, row)| (model.id, row)));
        let row = Row { pk, fields: candidate.fields.clone() };
        self.push(Write::Insert { model: self.model.id, row }, candidate);
        for automatic in &self.model.automatic {
            self.insert_automatic(automatic, candidate, pk, pks)?;
        }
        Ok(())
    }

    /// Makes what comes into being with a row (SPEC §7, "Rows made automatically").
    fn insert_automatic(
        &mut self,
        automatic: &Automatic,
        parent: &Candidate,
        parent_pk: Pk,
        pks: PlannedPks<'_>,
    ) -> Result<(), RowProblem> {
        if automatic.outside_global && self.context.plan.scope == ImportScope::Global {
            return Ok(());
        }
        let model = self.context.catalog.model(automatic.model);
        let random = self.context.random_of_made(model, self.model, parent.ordinal);
        let defaults = Defaults { now: self.context.now, random };
        let fields = automatic_fields(model, automatic, (parent_pk, &parent.fields), defaults);
        let taken = self.unique_keys(model.id, &fields).iter().any(|key| self.holder(key).is_some());
        if taken && automatic.unless_taken {
            return Ok(());
        }
        if taken {
            return Err(RowProblem::integrity(format!("the {} made with it is there already", model.name)));
        }
        let pk = pks.automatic(model, self.model, parent.ordinal).ok_or_else(no_pk)?;
        self.push(Write::Insert { model: model.id, row: Row { pk, fields } }, parent);
        Ok(())
    }

    fn replace(&mut self, pk: Pk, candidate: &Candidate, kind: ImportKind) -> Result<(), RowProblem> {
        let before = self.known.rows.get(&(self.model.id, pk)).cloned();
        let before = before.ok_or_else(|| RowProblem::integrity("the row to be replaced is gone"))?;
        self.map(candidate, pk, kind);
        let after = Row { pk, fields: candidate.fields.clone() };
        self.push(Write::Replace { model: self.model.id, before, after }, candidate);
        Ok(())
    }

    /// A later row of the batch takes the place of an earlier one: one write, with the later fields.
    fn rewrite(&mut self, position: usize, candidate: Candidate, kind: ImportKind) {
        self.claims.retain(|_, claimed| *claimed != position);
        for key in UniqueKey::of(self.model, &candidate.fields) {
            self.claims.insert(key, position);
        }
        let pk = self.pk_of(Holder::Batch(position));
        self.map(&candidate, pk, kind);
        if let Some(Write::Insert { row, .. } | Write::Replace { after: row, .. }) =
            self.settled.writes.get_mut(position)
        {
            row.fields = candidate.fields;
        }
    }

    fn push(&mut self, write: Write, origin: &Candidate) {
        let position = self.settled.writes.len();
        for key in self.unique_keys(write.model(), &write.row().fields) {
            self.claims.insert(key, position);
        }
        self.settled.writes.push(write);
        self.settled.origins.push((origin.ordinal, origin.source_pk));
    }

    fn map(&mut self, candidate: &Candidate, pk: Pk, kind: ImportKind) {
        self.settled.mapped.push(Mapped { source: candidate.source_pk, pk, kind });
        let name = self.model.identifier.as_ref().and_then(|field| candidate.fields.get(field));
        let Some(name) = name.and_then(Value::as_str).filter(|_| kind == ImportKind::Inserted) else {
            return;
        };
        self.settled.identifiers.insert(pk, name.to_owned());
    }
}

fn no_pk() -> RowProblem {
    RowProblem::integrity(
        "the plan has no primary key for it: the file has more rows than when it was counted",
    )
}

fn acts_on(rule: &Rule, set: &UniqueSet) -> bool {
    match rule {
        Rule::ApiToken | Rule::OrgAuthToken(_) => set.fields.iter().any(|field| field.contains("token")),
        rule => rule.natural_key().is_some_and(|fields| set.has_fields(fields)),
    }
}

/// Why a row that could be written was not: the one rule that leaves rows out because of what the store has.
pub(crate) fn drop_reason(model: &Model) -> DropReason {
    let natural_key = model.rules.iter().find_map(|rule| match rule {
        Rule::DropIfTaken(natural_key) => Some(natural_key.join("+")),
        _ => None,
    });
    DropReason::Taken { fields: natural_key.unwrap_or_default() }
}

/// The primary key of the row that was made with the target of a row's key, for models whose first row
/// replaces it.
pub(crate) fn automatic_pk(context: &RowContext<'_>, model: &Model, fields: &Fields) -> Option<Pk> {
    let key = model.rules.iter().find_map(|rule| match rule {
        Rule::ReplaceFirstAutomatic(key) => Some(key),
        _ => None,
    })?;
    let maker = context.catalog.model(model.key(key)?.target?);
    let pks = PlannedPks { catalog: context.catalog, plan: context.plan };
    let ordinal = pks.ordinal(maker, fields.get(key).and_then(Value::as_i64)?)?;
    pks.automatic(model, maker, ordinal)
}

/// The fields of a row that is made with another one, whose primary key and fields are given.
pub(crate) fn automatic_fields(
    model: &Model,
    automatic: &Automatic,
    (parent_pk, parent): (Pk, &Fields),
    defaults: Defaults<'_>,
) -> Fields {
    let value = |name: &str, field: &catalog::Field| {
        let given = automatic.fields.iter().find(|(given, _)| given == name).map(|(_, value)| value);
        match given.or(field.default.as_ref()) {
            Some(AutomaticValue::ParentPk) => Value::from(parent_pk),
            Some(AutomaticValue::ParentField(field)) => parent.get(field).cloned().unwrap_or(Value::Null),
            Some(value) => made(value, name, defaults).unwrap_or(Value::Null),
            None if field.kind == FieldKind::Json => Value::Object(Fields::new()),
            None => Value::Null,
        }
    };
    model.fields.iter().map(|(name, field)| (name.clone(), value(name, field))).collect()
}
