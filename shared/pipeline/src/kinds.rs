//! The closed sets of a relocation (SPEC, "The relocation record"): step, status, provenance, what was
//! notified, kinds of files. The wire form of each is its name; the numbers only order and identify them.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A name that the set does not have.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{name}` is no {kind}; it is one of {known}")]
pub struct UnknownName {
    /// What kind of name was expected, in words.
    pub kind: &'static str,
    /// What was given.
    pub name: String,
    /// The names there are, comma-separated.
    pub known: String,
}

/// Declares a set of names once: the enum, its numbers, its names, and reading a name in any case.
macro_rules! named {
    (
        $(#[doc = $doc:literal])+ $set:ident, $kind:literal,
        { $( $(#[doc = $variant_doc:literal])+ $variant:ident = $number:literal, $name:literal; )+ }
    ) => {
        $(#[doc = $doc])+
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[repr(u8)]
        pub enum $set {
            $( $(#[doc = $variant_doc])+ #[serde(rename = $name)] $variant = $number, )+
        }

        impl $set {
            /// All of them, in ascending order.
            pub const ALL: &[Self] = &[$(Self::$variant),+];

            /// Its number in the specification.
            #[must_use]
            pub const fn number(self) -> u8 {
                self as u8
            }

            /// Its name, in upper case.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)+ }
            }
        }

        impl fmt::Display for $set {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.name())
            }
        }

        impl FromStr for $set {
            type Err = UnknownName;

            /// Reads a name, ignoring case.
            fn from_str(text: &str) -> Result<Self, Self::Err> {
                Self::ALL.iter().copied().find(|one| one.name().eq_ignore_ascii_case(text)).ok_or_else(|| {
                    UnknownName {
                        kind: $kind,
                        name: text.to_owned(),
                        known: Self::ALL.iter().map(|one| one.name()).collect::<Vec<_>>().join(", "),
                    }
                })
            }
        }

        #[cfg(feature = "openapi")]
        crate::schema::of_names! {
            $set, concat!($($doc, "\n"),+), [$(($name, concat!($($variant_doc, "\n"),+))),+]
        }
    };
}

named! {
    /// A stage of a relocation that users see.
    Step, "step",
    {
        /// Not known.
        Unknown = 0, "UNKNOWN";
        /// The export is on its way to us.
        Uploading = 1, "UPLOADING";
        /// The export is read and everything that validation needs is gathered.
        Preprocessing = 2, "PREPROCESSING";
        /// The import is rehearsed in a sandbox.
        Validating = 3, "VALIDATING";
        /// The rows are written into the live silos.
        Importing = 4, "IMPORTING";
        /// The organisations are handed to their owner.
        Postprocessing = 5, "POSTPROCESSING";
        /// The people concerned are told.
        Notifying = 6, "NOTIFYING";
        /// Nothing is left to do.
        Completed = 7, "COMPLETED";
    }
}

impl Step {
    /// The step after this one; none after the last.
    #[must_use]
    pub fn next(self) -> Option<Self> {
        Self::ALL.iter().copied().find(|step| *step > self)
    }

    /// Whether a pause or a cancel can be scheduled there at all: not before the upload, not at the end.
    #[must_use]
    pub fn can_be_scheduled(self) -> bool {
        self > Self::Uploading && self < Self::Completed
    }
}

named! {
    /// How a relocation fares.
    Status, "status",
    {
        /// Under way.
        InProgress = 0, "IN_PROGRESS";
        /// Ended without success; the failure reason says why.
        Failure = 1, "FAILURE";
        /// Ended well.
        Success = 2, "SUCCESS";
        /// Waits until an administrator unpauses it.
        Pause = 3, "PAUSE";
    }
}

impl Status {
    /// Whether the relocation has not ended, which is also while its owner may have no other.
    #[must_use]
    pub const fn is_active(self) -> bool {
        matches!(self, Self::InProgress | Self::Pause)
    }
}

named! {
    /// Where the data comes from.
    Provenance, "provenance",
    {
        /// An install of the tenant's own.
        SelfHosted = 0, "SELF_HOSTED";
        /// Another cell of the vendor's cloud.
        SaasToSaas = 1, "SAAS_TO_SAAS";
    }
}

named! {
    /// The mails about a whole relocation; the record keeps which was the latest.
    Notified, "notification",
    {
        /// The export was read and the relocation goes ahead.
        Started = 0, "STARTED";
        /// The relocation failed.
        Failed = 1, "FAILED";
        /// What was asked for is imported.
        Succeeded = 2, "SUCCEEDED";
    }
}

named! {
    /// What a file of a relocation is; there is one of each at most.
    FileKind, "kind of file",
    {
        /// The export as it was handed in.
        RawUserData = 1, "RAW_USER_DATA";
        /// The export in normal form.
        NormalizedUserData = 2, "NORMALIZED_USER_DATA";
        /// This instance's own configuration, for validation.
        BaselineConfigValidationData = 3, "BASELINE_CONFIG_VALIDATION_DATA";
        /// The users that exist already under a wanted username, for validation.
        CollidingUsersValidationData = 4, "COLLIDING_USERS_VALIDATION_DATA";
    }
}

impl FileKind {
    /// The stem of the file's name, without an extension.
    #[must_use]
    pub const fn file_stem(self) -> &'static str {
        match self {
            Self::RawUserData => "raw-relocation-data",
            Self::NormalizedUserData => "normalized-relocation-data",
            Self::BaselineConfigValidationData => "baseline-config",
            Self::CollidingUsersValidationData => "colliding-users",
        }
    }
}

named! {
    /// How a validation or one of its runs fares, ordered by how definite that is.
    ValidationStatus, "validation status",
    {
        /// Not decided.
        InProgress = 0, "IN_PROGRESS";
        /// The run took too long.
        Timeout = 1, "TIMEOUT";
        /// The run broke off.
        Failure = 2, "FAILURE";
        /// Importing would change something it must not.
        Invalid = 3, "INVALID";
        /// Importing harms nobody.
        Valid = 4, "VALID";
    }
}

named! {
    /// How undoing a relocation fares.
    UndoStatus, "status of undoing",
    {
        /// Under way.
        InProgress = 0, "IN_PROGRESS";
        /// Others have built on what would go, and nothing was changed for it.
        Refused = 1, "REFUSED";
        /// It broke off; what was undone stays undone, and asking again goes on.
        Failure = 2, "FAILURE";
        /// Everything is undone; of a rehearsal, everything was looked at and nothing stands in the way.
        Success = 3, "SUCCESS";
    }
}

named! {
    /// How a scheduled deletion stands.
    DeletionState, "state of a deletion",
    {
        /// It waits until it is due.
        Waiting = 0, "WAITING";
        /// It has begun, and is not at its end.
        InProgress = 1, "IN_PROGRESS";
        /// It failed, and is not tried again until somebody asks for it.
        GivenUp = 2, "GIVEN_UP";
    }
}
