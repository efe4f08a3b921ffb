//! The parts of addresses, described once for all calls that have them.

#![expect(dead_code, reason = "nothing makes these: they are read for the description alone")]

use pipeline::artifact::Folder;
use pipeline::ids::RelocationId;
use pipeline::option::KnownOption;
use utoipa::IntoParams;

/// …/{uuid}/
#[derive(IntoParams)]
#[into_params(parameter_in = Path)]
pub(crate) struct OfRelocation {
    /// Which relocation.
    #[param(inline)]
    uuid: RelocationId,
}

/// …/{uuid}/artifacts/{kind}/{name}
#[derive(IntoParams)]
#[into_params(parameter_in = Path)]
pub(crate) struct OfArtifact {
    /// Which relocation.
    #[param(inline)]
    uuid: RelocationId,
    /// The folder: how validation is run, what goes in, what came out, what validation found.
    #[param(inline)]
    kind: Folder,
    /// The file's name, such as `import-report.json`.
    #[param(min_length = 1, max_length = 255)]
    name: String,
}

/// deletions/{model}/{id}/
#[derive(IntoParams)]
#[into_params(parameter_in = Path)]
pub(crate) struct OfObject {
    /// The model, by name, such as `sentry.organization`.
    #[param(min_length = 1, max_length = 100)]
    model: String,
    /// The primary key of the row.
    #[param(minimum = 1)]
    id: u64,
}

/// relocation-options/{name}/
#[derive(IntoParams)]
#[into_params(parameter_in = Path)]
pub(crate) struct OfOption {
    /// Which option.
    #[param(inline)]
    name: KnownOption,
}
