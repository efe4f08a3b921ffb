//! What a catalogue says, for people and machines.

use std::fmt;

use catalog::{Catalog, Condition, FieldPath, Handover, Key, KeyKind, Model, OnDelete, Tenancy, UniqueSet};
use serde::Serialize;

/// Models by silo and scope, with their keys, in lines of at most 80 columns (names may be longer).
#[derive(Serialize)]
pub(crate) struct CatalogSummary<'a> {
    models: Vec<ModelSummary<'a>>,
    tenancy: Option<TenancySummary>,
    handover: Option<HandoverSummary>,
}

#[derive(Serialize)]
struct ModelSummary<'a> {
    name: &'a str,
    silo: String,
    scope: String,
    unique: Vec<UniqueSummary<'a>>,
    keys: Vec<KeySummary<'a>>,
}

#[derive(Serialize)]
struct UniqueSummary<'a> {
    fields: &'a [String],
    ignore_case: bool,
    when: Vec<String>,
}

#[derive(Serialize)]
struct KeySummary<'a> {
    field: &'a str,
    target: &'a str,
    kind: &'static str,
    nullable: bool,
    on_delete: Option<String>,
}

/// Each as `app.model.field`.
#[derive(Serialize)]
struct TenancySummary {
    user: String,
    user_address: String,
    organization: String,
    member_user: String,
    member_organization: String,
}

/// Conditions as the catalogue writes them.
#[derive(Serialize)]
struct HandoverSummary {
    unclaimed: String,
    hidden: Option<String>,
    shown: Option<String>,
    owner: String,
    claim: String,
}

impl<'a> CatalogSummary<'a> {
    /// A summary of this catalogue.
    pub(crate) fn new(catalog: &'a Catalog) -> Self {
        let mut models: Vec<&Model> = catalog.models().iter().collect();
        // Within a scope they stay in the order of the file.
        models.sort_by_key(|model| (model.silo, !model.relocates(), model.scope));
        Self {
            models: models.into_iter().map(ModelSummary::new).collect(),
            tenancy: catalog.tenancy().map(|tenancy| TenancySummary::new(catalog, tenancy)),
            handover: catalog.handover().map(|handover| HandoverSummary::new(catalog, handover)),
        }
    }
}

impl<'a> ModelSummary<'a> {
    fn new(model: &'a Model) -> Self {
        Self {
            name: &model.name,
            silo: model.silo.to_string(),
            scope: model.scope.to_string(),
            unique: model.uniques.iter().map(UniqueSummary::new).collect(),
            keys: model.keys.iter().map(KeySummary::new).collect(),
        }
    }
}

impl<'a> UniqueSummary<'a> {
    fn new(set: &'a UniqueSet) -> Self {
        Self {
            fields: &set.fields,
            ignore_case: set.ignore_case,
            when: set.when.iter().map(condition).collect(),
        }
    }
}

impl<'a> KeySummary<'a> {
    fn new(key: &'a Key) -> Self {
        Self {
            field: &key.field,
            target: &key.target_name,
            kind: match key.kind {
                KeyKind::Local => "key",
                KeyKind::CrossSilo => "cross-silo-key",
                KeyKind::Reference => "reference",
            },
            nullable: key.nullable,
            on_delete: key.on_delete.as_ref().map(OnDelete::to_string),
        }
    }
}

impl TenancySummary {
    fn new(catalog: &Catalog, tenancy: &Tenancy) -> Self {
        let path = |path: &FieldPath| format!("{}.{}", catalog.model(path.model).name, path.field);
        Self {
            user: path(&tenancy.user),
            user_address: path(&tenancy.user_address),
            organization: path(&tenancy.organization),
            member_user: path(&tenancy.member_user),
            member_organization: path(&tenancy.member_organization),
        }
    }
}

impl HandoverSummary {
    fn new(catalog: &Catalog, handover: &Handover) -> Self {
        let is = |field: &str, value| format!("{field} is {value}");
        let shown = handover.shown.as_ref();
        Self {
            unclaimed: condition(&handover.unclaimed),
            hidden: shown.map(|shown| is(&shown.field, &shown.hidden)),
            shown: shown.map(|shown| is(&shown.field, &shown.shown)),
            owner: condition(&handover.owner),
            claim: catalog.model(handover.claim.model).name.clone(),
        }
    }
}

/// As a catalogue writes it.
fn condition(condition: &Condition) -> String {
    format!("{} is {}", condition.field, condition.value)
}

impl fmt::Display for CatalogSummary<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let keys: usize = self.models.iter().map(|model| model.keys.len()).sum();
        let (models, of_keys) = (counted(self.models.len(), "model"), counted(keys, "key"));
        writeln!(out, "{models}, {of_keys}.")?;
        let mut group = None;
        for model in &self.models {
            let its_group = (&model.silo, &model.scope);
            if group.replace(its_group) != Some(its_group) {
                writeln!(out, "\n{}, scope {}", model.silo, model.scope)?;
            }
            write!(out, "{model}")?;
        }
        match &self.tenancy {
            Some(tenancy) => write!(out, "\n{tenancy}")?,
            None => writeln!(out, "\nThere is no [tenancy]: nothing can be filtered.")?,
        }
        match &self.handover {
            Some(handover) => write!(out, "\n{handover}"),
            None => writeln!(out, "\nThere is no [handover]: no cell can work with it."),
        }
    }
}

impl fmt::Display for ModelSummary<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sets: Vec<String> = self.unique.iter().map(ToString::to_string).collect();
        let line = format!("  {:<28}{}", self.name, sets.join(" | "));
        writeln!(out, "{}", line.trim_end())?;
        self.keys.iter().try_for_each(|key| writeln!(out, "    {key}"))
    }
}

impl fmt::Display for UniqueSummary<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.fields.join(" + "))?;
        if self.ignore_case {
            out.write_str(" in any case")?;
        }
        if self.when.is_empty() { Ok(()) } else { write!(out, " when {}", self.when.join(", ")) }
    }
}

impl fmt::Display for KeySummary<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let or_null = if self.nullable { "?" } else { "" };
        write!(out, "{:<16}-> {}{or_null}", self.field, self.target)?;
        if self.kind == "cross-silo-key" {
            out.write_str(" across silos")?;
        }
        self.on_delete.iter().try_for_each(|rule| write!(out, ", {rule}"))
    }
}

impl fmt::Display for TenancySummary {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(out, "Filters look at")?;
        writeln!(out, "  users           {}", self.user)?;
        writeln!(out, "  their addresses {}", self.user_address)?;
        writeln!(out, "  organisations   {}", self.organization)?;
        writeln!(out, "  memberships     {}, {}", self.member_user, self.member_organization)
    }
}

impl fmt::Display for HandoverSummary {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(out, "After an import a cell looks at")?;
        writeln!(out, "  accounts        unclaimed when {}, by {}", self.unclaimed, self.claim)?;
        if let (Some(hidden), Some(shown)) = (&self.hidden, &self.shown) {
            writeln!(out, "  organisations   hidden when {hidden}, then {shown}")?;
        }
        writeln!(out, "  owners          when {}", self.owner)
    }
}

fn counted(count: usize, noun: &str) -> String {
    if count == 1 { format!("1 {noun}") } else { format!("{count} {noun}s") }
}
