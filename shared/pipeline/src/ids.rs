//! Identifiers. Each is a type of its own, so that one cannot be passed for another.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// Identifies a relocation; also the uuid of its import and the root of its artifacts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(transparent)]
pub struct RelocationId(Uuid);

impl RelocationId {
    /// Wraps a uuid.
    #[must_use]
    pub const fn new(uuid: Uuid) -> Self {
        Self(uuid)
    }

    /// The uuid itself.
    #[must_use]
    pub const fn uuid(self) -> Uuid {
        self.0
    }
}

impl fmt::Display for RelocationId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.hyphenated().fmt(f)
    }
}

impl FromStr for RelocationId {
    type Err = uuid::Error;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Uuid::parse_str(text).map(Self)
    }
}

/// Primary key of a user in control.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(transparent)]
pub struct UserId(pub u64);

impl fmt::Display for UserId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Counts the runs of a relocation. A run is one uninterrupted execution of the state machine; whoever
/// starts one raises the generation, so that messages of an earlier run are recognised and dropped.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Generation(pub u32);

impl Generation {
    /// The generation of the next run.
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }
}

impl fmt::Display for Generation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Names one run of a relocation, and joins all that is done for it: the execution of the state machine, log lines,
/// messages and events carry it, from the call that began the run to its last mail. Written
/// `<relocation uuid>-<generation>`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Trace {
    relocation: RelocationId,
    generation: Generation,
}

impl Trace {
    /// The trace of a run. What is done before the first run, such as asking for the relocation, belongs to it.
    #[must_use]
    pub fn new(relocation: RelocationId, generation: Generation) -> Self {
        Self { relocation, generation: generation.max(Generation::default().next()) }
    }

    /// Whose run it is.
    #[must_use]
    pub const fn relocation(self) -> RelocationId {
        self.relocation
    }
}

impl fmt::Display for Trace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.relocation, self.generation)
    }
}

/// A text that is no trace.
#[derive(Debug, thiserror::Error)]
#[error("`{0}` is no trace (a relocation's uuid, a dash, the number of the run)")]
pub struct InvalidTrace(String);

impl FromStr for Trace {
    type Err = InvalidTrace;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let invalid = || InvalidTrace(text.to_owned());
        let (relocation, generation) = text.rsplit_once('-').ok_or_else(invalid)?;
        let relocation = relocation.parse().map_err(|_| invalid())?;
        let generation = generation.parse().ok().filter(|n| *n > 0).ok_or_else(invalid)?;
        Ok(Self { relocation, generation: Generation(generation) })
    }
}

impl Serialize for Trace {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Trace {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

/// Counts how often a run has looped back to a state it was in before. It never falls within a run, so
/// (generation, task, turn) names one visit of the machine to one task, in the validation loop too.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Turn(pub u32);

impl Turn {
    /// The turn after this one.
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }
}

impl fmt::Display for Turn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Counts the writes of a relocation; 0 has never been stored. The store accepts a write only on top of
/// the version it was made from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Version(pub u64);

impl Version {
    /// The version that the next write brings about.
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }
}

/// Identifies a validation run: `<relocation uuid>-<n>`, with n counted from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BuildId {
    /// The relocation that is validated.
    pub relocation: RelocationId,
    /// Which of its runs this is, from 1.
    pub run: u32,
}

impl fmt::Display for BuildId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.relocation, self.run)
    }
}

/// A text that is no build id.
#[derive(Debug, thiserror::Error)]
#[error("`{0}` is no build id (a relocation's uuid, a dash, the number of the run)")]
pub struct InvalidBuildId(String);

impl FromStr for BuildId {
    type Err = InvalidBuildId;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let invalid = || InvalidBuildId(text.to_owned());
        let (relocation, run) = text.rsplit_once('-').ok_or_else(invalid)?;
        let relocation = relocation.parse().map_err(|_| invalid())?;
        let run = run.parse().ok().filter(|run| *run > 0).ok_or_else(invalid)?;
        Ok(Self { relocation, run })
    }
}

impl Serialize for BuildId {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for BuildId {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}
