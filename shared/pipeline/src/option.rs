//! The options that operators set while the system runs (SPEC §6, Options).

use std::str::FromStr;

use crate::kinds::{Provenance, Step, UnknownName};
use crate::port::{Options, PortError};
use crate::upload::SizeClass;

/// What an option may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Switch,
    Step,
    Count,
}

/// Declares each option once: its name, what it may be, its default, and what it does.
macro_rules! options {
    ($( $option:ident, $name:literal, $kind:ident, $default:literal, $description:literal; )+) => {
        /// An option.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum KnownOption {
            $(
                #[doc = $description]
                $option,
            )+
        }

        impl KnownOption {
            /// All options, by name.
            pub const ALL: &[Self] = &[$(Self::$option),+];

            /// Its name.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$option => $name,)+ }
            }

            /// What holds when it was never set.
            #[must_use]
            pub const fn default_text(self) -> &'static str {
                match self { $(Self::$option => $default,)+ }
            }

            /// What it does.
            #[must_use]
            pub const fn description(self) -> &'static str {
                match self { $(Self::$option => $description,)+ }
            }

            const fn kind(self) -> Kind {
                match self { $(Self::$option => Kind::$kind,)+ }
            }
        }

        #[cfg(feature = "openapi")]
        crate::schema::of_names! {
            KnownOption, "An option that operators set while the system runs.", [$(($name, $description)),+]
        }
    };
}

options! {
    DisableTombstoneCleanup, "hybrid_cloud.disable_tombstone_cleanup", Switch, "false",
        "Whether cascades across silos stand still: `true` or `false`.";
    Autopause, "relocation.autopause", Step, "",
        "The step before which new relocations pause; empty for none.";
    AutopauseSaasToSaas, "relocation.autopause.saas-to-saas", Step, "",
        "The same for relocations from other cells, where it goes before `relocation.autopause`.";
    AutopauseSelfHosted, "relocation.autopause.self-hosted", Step, "",
        "The same for relocations from self-hosted installs, where it goes before `relocation.autopause`.";
    DailyLimitLarge, "relocation.daily-limit.large", Count, "0",
        "How many relocations with a large file customers may begin within 24 hours, all together.";
    DailyLimitMedium, "relocation.daily-limit.medium", Count, "0",
        "How many relocations with a file of medium size customers may begin within 24 hours, all together.";
    DailyLimitSmall, "relocation.daily-limit.small", Count, "0",
        "How many relocations with a small file customers may begin within 24 hours, all together.";
    Enabled, "relocation.enabled", Switch, "false",
        "Whether customers may relocate: `true` or `false`. Staff always may.";
    UndoWindowDays, "relocation.undo-window-days", Count, "14",
        "How many days after its end a relocation may be undone.";
}

impl KnownOption {
    /// The option that says where relocations of a provenance pause.
    #[must_use]
    pub const fn autopause_of(provenance: Provenance) -> Self {
        match provenance {
            Provenance::SelfHosted => Self::AutopauseSelfHosted,
            Provenance::SaasToSaas => Self::AutopauseSaasToSaas,
        }
    }

    /// The option that limits a size class.
    #[must_use]
    pub const fn daily_limit_of(class: SizeClass) -> Self {
        match class {
            SizeClass::Small => Self::DailyLimitSmall,
            SizeClass::Medium => Self::DailyLimitMedium,
            SizeClass::Large => Self::DailyLimitLarge,
        }
    }

    /// Whether a switch is on. One that was never set is what it is by default.
    ///
    /// # Errors
    /// The options could not be read.
    pub async fn is_on(self, options: &impl Options) -> Result<bool, PortError> {
        let text = options.option(self.name()).await?;
        Ok(text.as_deref().unwrap_or(self.default_text()).trim().eq_ignore_ascii_case("true"))
    }

    /// The number that a count is. One that was never set, or makes no sense, is what it is by default.
    ///
    /// # Errors
    /// The options could not be read.
    pub async fn count(self, options: &impl Options) -> Result<u64, PortError> {
        let text = options.option(self.name()).await?;
        let count = text.and_then(|text| text.trim().parse().ok());
        Ok(count.or_else(|| self.default_text().parse().ok()).unwrap_or_default())
    }

    /// Whether it may have this text.
    ///
    /// # Errors
    /// What it has to be, in words.
    pub fn check(self, value: &str) -> Result<(), String> {
        let (is_right, expected) = match self.kind() {
            Kind::Switch => (matches!(value, "true" | "false"), "`true` or `false`".to_owned()),
            Kind::Count => (value.parse::<u64>().is_ok(), "a whole number".to_owned()),
            Kind::Step => {
                let is_step = value.parse().is_ok_and(Step::can_be_scheduled);
                let steps = Step::ALL.iter().filter(|step| step.can_be_scheduled());
                let steps: Vec<&str> = steps.map(|step| step.name()).collect();
                (value.is_empty() || is_step, format!("empty or one of {}", steps.join(", ")))
            }
        };
        if is_right { Ok(()) } else { Err(expected) }
    }
}

impl FromStr for KnownOption {
    type Err = UnknownName;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL.iter().copied().find(|option| option.name() == text).ok_or_else(|| UnknownName {
            kind: "option",
            name: text.to_owned(),
            known: Self::ALL.iter().map(|option| option.name()).collect::<Vec<_>>().join(", "),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_option_takes_its_default_and_what_it_is_for() {
        assert!(KnownOption::ALL.is_sorted_by_key(|option| option.name()));
        for option in KnownOption::ALL {
            assert_eq!(option.name().parse(), Ok(*option));
            assert_eq!(option.check(option.default_text()), Ok(()), "{option:?}");
            assert!(option.check("perhaps").is_err(), "{option:?}");
        }
        assert_eq!(KnownOption::Autopause.check("importing"), Ok(()));
        assert!(KnownOption::Autopause.check("COMPLETED").is_err(), "nothing pauses there");
        assert!(KnownOption::DailyLimitSmall.check("-1").is_err());
        assert!("relocation.autopauses".parse::<KnownOption>().is_err());
    }
}
