//! The options that the API looks at (SPEC §6, Options).

use pipeline::kinds::{Provenance, Step};
use pipeline::option::KnownOption;
use pipeline::port::{Options, PortError};
use pipeline::upload::SizeClass;

/// Whether customers may relocate.
pub(crate) async fn is_enabled(options: &impl Options) -> Result<bool, PortError> {
    KnownOption::Enabled.is_on(options).await
}

/// How many relocations of a size class may be asked for in 24 hours; what is no number allows none.
pub(crate) async fn daily_limit(options: &impl Options, class: SizeClass) -> Result<u64, PortError> {
    let limit = options.option(KnownOption::daily_limit_of(class).name()).await?;
    Ok(limit.and_then(|text| text.trim().parse().ok()).unwrap_or(0))
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
