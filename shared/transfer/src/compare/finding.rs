//! The kinds of findings that a comparison makes, and their making.

use catalog::{Comparator, Model};
use silo::Pk;

use super::Side;
use crate::findings::{Finding, FindingType, Instance};

/// What kind of difference was found. The names are those that users of the original application know.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    UnorderedInput,
    DuplicateCustomOrdinal,
    UnequalCounts,
    UnequalJson,
    ForeignKey,
    ForeignKeyMissing,
    Field(Comparator),
    FieldMissing(Comparator),
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Self::UnorderedInput => "UnorderedInput",
            Self::DuplicateCustomOrdinal => "DuplicateCustomOrdinal",
            Self::UnequalCounts => "UnequalCounts",
            Self::UnequalJson => "UnequalJSON",
            Self::ForeignKey => "ForeignKeyComparator",
            Self::ForeignKeyMissing => "ForeignKeyComparatorExistenceCheck",
            Self::Field(comparator) => names(comparator).0,
            Self::FieldMissing(comparator) => names(comparator).1,
        }
    }
}

/// The names of a comparator's finding and of its existence check's.
fn names(comparator: Comparator) -> (&'static str, &'static str) {
    macro_rules! both {
        ($name:literal) => {
            ($name, concat!($name, "ExistenceCheck"))
        };
    }
    match comparator {
        Comparator::AutoSuffix => both!("AutoSuffixComparator"),
        Comparator::DateUpdated => both!("DateUpdatedComparator"),
        Comparator::Date => both!("DatetimeEqualityComparator"),
        Comparator::Email => both!("EmailObfuscatingComparator"),
        Comparator::EqualOrRemoved => both!("EqualOrRemovedComparator"),
        Comparator::Hash => both!("HashObfuscatingComparator"),
        Comparator::Ignored => both!("IgnoredComparator"),
        Comparator::SecretHex => both!("SecretHexComparator"),
        Comparator::SubscriptionId => both!("SubscriptionIDComparator"),
        Comparator::Uuid4 => both!("UUID4Comparator"),
        Comparator::UnorderedList => both!("UnorderedListComparator"),
        Comparator::UserPassword => both!("UserPasswordObfuscatingComparator"),
    }
}

/// A finding about two rows that met.
pub(super) fn on_pair(kind: Kind, model: &Model, ordinal: u64, pks: (Pk, Pk), reason: String) -> Finding {
    make(kind, &model.name, Some(ordinal), (Some(pks.0), Some(pks.1)), reason)
}

/// A finding about one row of one side.
pub(super) fn on_row(
    kind: Kind,
    model: &Model,
    ordinal: Option<u64>,
    (side, pk): (Side, Pk),
    reason: String,
) -> Finding {
    let pks = match side {
        Side::Left => (Some(pk), None),
        Side::Right => (None, Some(pk)),
    };
    make(kind, &model.name, ordinal, pks, reason)
}

/// A finding about a model as a whole.
pub(super) fn on_model(kind: Kind, model: &str, reason: String) -> Finding {
    make(kind, model, None, (None, None), reason)
}

fn make(
    kind: Kind,
    model: &str,
    ordinal: Option<u64>,
    (left_pk, right_pk): (Option<Pk>, Option<Pk>),
    reason: String,
) -> Finding {
    Finding {
        finding: FindingType::Comparison,
        kind: kind.name().into(),
        left_pk,
        on: Instance { model: model.to_owned(), ordinal },
        reason,
        right_pk,
    }
}
