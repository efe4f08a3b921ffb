//! The options that the API looks at (SPEC §6, Options).

use std::time::Duration;

use pipeline::kinds::{Provenance, Step};
use pipeline::option::KnownOption;
use pipeline::port::{Options, PortError};
use pipeline::upload::SizeClass;

/// Whether customers may relocate.
pub(crate) async fn is_enabled(options: &impl Options) -> Result<bool, PortError> {
    KnownOption::Enabled.is_on(options).await
}

/// How many relocations of a size class may be asked for in 24 hours.
pub(crate) async fn daily_limit(options: &impl Options, class: SizeClass) -> Result<u64, PortError> {
    KnownOption::daily_limit_of(class).count(options).await
}

/// How long after its end a relocation may be undone.
pub(crate) async fn undo_window(options: &impl Options) -> Result<Duration, PortError> {
    let days = KnownOption::UndoWindowDays.count(options).await?;
    Ok(Duration::from_secs(days.saturating_mul(24 * 60 * 60)))
}

/// The step before which new relocations pause. Empty or unknown means none, and the option for the provenance
/// then gives way to the general one.
pub(crate) async fn autopause(
    options: &impl Options,
    provenance: Provenance,
) -> Result<Option<Step>, PortError> {
    for option in [KnownOption::autopause_of(provenance), KnownOption::Autopause] {
        let text = options.option(option.name()).await?.unwrap_or_default();
        if let Ok(step) = text.trim().parse() {
            return Ok(Some(step));
        }
    }
    Ok(None)
}
