//! Which writes a batch comes to, given what is known of the values that other rows have (SPEC §7, the rules
//! about taken values).
//!
//! Settling is a pure function of the batch and of what is known; when a write finds that more is taken,
//! the batch is settled again with that known too.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use catalog::{Automatic, FieldKind, ImportScope, Model, ModelId, Rule, UniqueSet};
use serde_json::Value;
use silo::{Fields, ImportKind, Mapped, Pk, Row, Stored, UniqueKey, Write};

use super::automatic::automatic_fields;
use super::context::ImportContext;
use super::error::{ImportError, RowProblem};
use super::fields::Defaults;
use super::random::RowRandom;
use super::report::DropReason;
use super::row::Candidate;
use super::{slugs, tokens};

/// What is known of the store.
#[derive(Debug, Default)]
pub(crate) struct Known {
    /// Who has which unique value.
    pub(crate) holders: HashMap<UniqueKey, Pk>,
    /// Rows that may be replaced or merged with.
    pub(crate) rows: HashMap<(ModelId, Pk), Stored>,
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
    context: ImportContext<'a>,
    model: &'a Model,
    known: &'a Known,
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
struct Arrival<'c> {
    candidate: &'c Candidate,
    fields: Arc<Fields>,
    /// The unique values of these fields.
    takes: Cow<'c, [UniqueKey]>,
    /// The row whose place it takes, and what that counts as.
    replaces: Option<(Holder, ImportKind)>,
    attempts: u32,
}

impl<'c> Arrival<'c> {
    fn new(candidate: &'c Candidate) -> Self {
        let (fields, takes) = (Arc::clone(&candidate.fields), Cow::Borrowed(candidate.takes.as_slice()));
        Self { candidate, fields, takes, replaces: None, attempts: 0 }
    }

    fn change(&mut self, model: &Model, change: impl FnOnce(&mut Fields)) {
        change(Arc::make_mut(&mut self.fields));
        self.takes = Cow::Owned(UniqueKey::of(model, &self.fields));
    }
}

impl<'a> Settler<'a> {
    pub(crate) fn new(context: ImportContext<'a>, model: &'a Model, known: &'a Known) -> Self {
        Self { context, model, known, claims: HashMap::new(), settled: Settled::default() }
    }

    pub(crate) fn settle(mut self, candidates: &[Candidate]) -> Result<Settled, ImportError> {
        for candidate in candidates {
            let (ordinal, source_pk) = (candidate.ordinal, candidate.source_pk);
            self.add(Arrival::new(candidate))
                .map_err(|problem| problem.at(&self.model.name, ordinal, source_pk))?;
        }
        Ok(self.settled)
    }

    fn add(&mut self, mut arrival: Arrival<'_>) -> Result<(), RowProblem> {
        if arrival.candidate.needs_suffix
            && let Some(field) = self.suffixed_field()
        {
            self.suffix(&mut arrival, field)?;
        }
        if let Some(pk) = arrival.candidate.first_automatic
            && self.known.rows.contains_key(&(self.model.id, pk))
        {
            arrival.replaces = Some((Holder::Store(pk), ImportKind::Inserted));
        }
        loop {
            if let Some((set, holder)) = self.taken_value(&arrival)? {
                match self.resolve(&mut arrival, set, holder)? {
                    Resolution::Changed => {}
                    Resolution::Replace(holder, kind) => arrival.replaces = Some((holder, kind)),
                    Resolution::Existing(holder) => {
                        let pk = self.pk_of(holder);
                        self.map(arrival.candidate, &arrival.fields, pk, ImportKind::Existing);
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
    fn taken_value(&self, arrival: &Arrival<'_>) -> Result<Option<(usize, Holder)>, RowProblem> {
        let own = arrival.replaces.map(|(holder, _)| self.pk_of(holder));
        for key in arrival.takes.iter() {
            if let Some(holder) = self.holder(key)
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
    fn is_registered(&self, arrival: &Arrival<'_>) -> Result<bool, RowProblem> {
        let (ordinal, fields) = (arrival.candidate.ordinal, &arrival.fields);
        let name = self.model.identifier.as_ref().and_then(|field| fields.get(field));
        for (model, row) in self.context.registrations(self.model, ordinal, fields) {
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

    fn pk_of(&self, holder: Holder) -> Pk {
        match holder {
            Holder::Store(pk) => pk,
            Holder::Batch(position) => self.settled.writes.get(position).map_or(0, |write| write.row().pk),
        }
    }

    fn resolve(
        &self,
        arrival: &mut Arrival<'_>,
        set: usize,
        holder: Holder,
    ) -> Result<Resolution, RowProblem> {
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
        arrival: &mut Arrival<'_>,
        holder: Holder,
    ) -> Result<Resolution, RowProblem> {
        let plan = self.context.plan;
        let random = self.random(arrival.candidate.ordinal);
        Ok(match rule {
            // Only the name that the file has leads to a user: whoever has a name made up here is a stranger.
            Rule::MergeIfTaken(field)
                if plan.flags.merge_users
                    && arrival.attempts == 0
                    && self.has_exactly(holder, field, &arrival.fields) =>
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
                arrival.change(self.model, |fields| {
                    fields.extend(names.iter().map(|name| (name.clone(), Value::Null)));
                });
                Resolution::Changed
            }
            Rule::NewHexIfTaken(field) => {
                arrival.attempts += 1;
                let key = random.draw(field, arrival.attempts).hex(tokens::PROJECT_KEY_HEX);
                arrival.change(self.model, |fields| drop(fields.insert(field.clone(), key.into())));
                Resolution::Changed
            }
            Rule::OrgAuthToken(_) => {
                arrival.attempts += 1;
                let slug = arrival.candidate.token_slug.as_deref().unwrap_or_default();
                let (now, attempt) = (self.context.now, arrival.attempts);
                arrival.change(self.model, |fields| {
                    tokens::make_org_token(fields, slug, now, random, attempt);
                });
                Resolution::Changed
            }
            Rule::ApiToken => {
                arrival.attempts += 1;
                let attempt = arrival.attempts;
                arrival.change(self.model, |fields| {
                    tokens::make_api_token(fields, plan.now, random, attempt);
                });
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

    /// Gives the row's name its next suffix.
    fn suffix(&self, arrival: &mut Arrival<'_>, field: &str) -> Result<(), RowProblem> {
        loop {
            let suffixed = self
                .suffixed(arrival.candidate, field, arrival.attempts)
                .ok_or_else(|| RowProblem::integrity(format!("no free `{field}` was found")))?;
            arrival.attempts += 1;
            if !self.is_slug(field) || !slugs::needs_suffix(self.context.catalog, &suffixed) {
                arrival.change(self.model, |fields| drop(fields.insert(field.to_owned(), suffixed.into())));
                return Ok(());
            }
        }
    }

    /// The name that the file has, normalised, with its suffix of this attempt; none when all are spent.
    fn suffixed(&self, candidate: &Candidate, field: &str, attempt: u32) -> Option<String> {
        let length_max = match self.model.field(field).map(|field| field.kind) {
            Some(FieldKind::Text(Some(length_max))) => length_max,
            _ => usize::MAX,
        };
        let mut name = candidate.name.clone().unwrap_or_default();
        if self.is_slug(field) {
            name = slugs::normalised(&name);
        }
        slugs::suffixed(&name, field, attempt, length_max, self.random(candidate.ordinal))
    }

    fn is_slug(&self, field: &str) -> bool {
        self.model.rules.iter().any(|rule| matches!(rule, Rule::Slug(slug) if slug == field))
    }

    /// The fields that a row may have, given what is known or not: with every name that it may get.
    pub(crate) fn variants(&self, candidate: &Candidate, fields: &Fields) -> Vec<Fields> {
        let Some(field) = self.suffixed_field() else { return Vec::new() };
        let own = candidate.fields.get(field).and_then(Value::as_str).map(str::to_owned);
        let suffixed = (0..).map_while(|attempt| self.suffixed(candidate, field, attempt));
        let named = |name: String| {
            let mut fields = fields.clone();
            fields.insert(field.to_owned(), name.into());
            fields
        };
        own.into_iter().chain(suffixed).map(named).collect()
    }

    fn write(&mut self, arrival: Arrival<'_>) -> Result<(), RowProblem> {
        let Arrival { candidate, fields, replaces, .. } = arrival;
        match replaces {
            None => self.insert(candidate, &fields),
            Some((Holder::Batch(position), kind)) => {
                self.rewrite(position, candidate, fields, kind);
                Ok(())
            }
            Some((Holder::Store(pk), kind)) => self.replace(pk, candidate, fields, kind),
        }
    }

    fn insert(&mut self, candidate: &Candidate, fields: &Arc<Fields>) -> Result<(), RowProblem> {
        let pk = self.context.pks().row(self.model, candidate.ordinal).ok_or_else(no_pk)?;
        self.map(candidate, fields, pk, ImportKind::Inserted);
        let registrations = self.context.registrations(self.model, candidate.ordinal, fields);
        self.settled.registrations.extend(registrations.into_iter().map(|(model, row)| (model.id, row)));
        self.push(Write::insert(self.model, Row::new(pk, Arc::clone(fields))), candidate);
        for automatic in &self.model.automatic {
            self.insert_automatic(automatic, candidate, (pk, fields))?;
        }
        Ok(())
    }

    /// Makes what comes into being with a row (SPEC §7, "Rows made automatically").
    fn insert_automatic(
        &mut self,
        automatic: &Automatic,
        parent: &Candidate,
        parent_row: (Pk, &Fields),
    ) -> Result<(), RowProblem> {
        if automatic.outside_global && self.context.plan.scope == ImportScope::Global {
            return Ok(());
        }
        let model = self.context.catalog.model(automatic.model);
        let random = self.context.random_of_made(model, self.model, parent.ordinal);
        let fields =
            automatic_fields(model, automatic, parent_row, Defaults { now: self.context.now, random });
        let taken = UniqueKey::of(model, &fields).iter().any(|key| self.holder(key).is_some());
        if taken && automatic.unless_taken {
            return Ok(());
        }
        if taken {
            return Err(RowProblem::integrity(format!("the {} made with it is there already", model.name)));
        }
        let pks = self.context.pks();
        let pk = pks.automatic(model, self.model, parent.ordinal).ok_or_else(no_pk)?;
        self.push(Write::insert(model, Row::new(pk, fields)), parent);
        Ok(())
    }

    fn replace(
        &mut self,
        pk: Pk,
        candidate: &Candidate,
        fields: Arc<Fields>,
        kind: ImportKind,
    ) -> Result<(), RowProblem> {
        let before = self.known.rows.get(&(self.model.id, pk)).cloned();
        let before = before.ok_or_else(|| RowProblem::integrity("the row to be replaced is gone"))?;
        self.map(candidate, &fields, pk, kind);
        self.push(Write::replace(self.model, before, fields), candidate);
        Ok(())
    }

    /// A later row of the batch takes the place of an earlier one: one write, with the later fields.
    fn rewrite(&mut self, position: usize, candidate: &Candidate, fields: Arc<Fields>, kind: ImportKind) {
        let pk = self.pk_of(Holder::Batch(position));
        self.map(candidate, &fields, pk, kind);
        self.claims.retain(|_, claimed| *claimed != position);
        if let Some(write) = self.settled.writes.get_mut(position) {
            *write = write.clone().with_fields(self.model, fields);
            self.claims.extend(write.takes().iter().map(|key| (key.clone(), position)));
        }
    }

    fn push(&mut self, write: Write, origin: &Candidate) {
        let position = self.settled.writes.len();
        self.claims.extend(write.takes().iter().map(|key| (key.clone(), position)));
        self.settled.writes.push(write);
        self.settled.origins.push((origin.ordinal, origin.source_pk));
    }

    fn map(&mut self, candidate: &Candidate, fields: &Fields, pk: Pk, kind: ImportKind) {
        self.settled.mapped.push(Mapped { source: candidate.source_pk, pk, kind });
        let name = self.model.identifier.as_ref().and_then(|field| fields.get(field));
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
