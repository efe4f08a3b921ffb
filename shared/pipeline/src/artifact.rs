//! Where a relocation's artifacts live (SPEC, "The ordered tasks"): everything under `runs/<uuid>/`, one
//! level deep, so that each has one `kind/name` in the API.

use std::fmt;
use std::str::FromStr;

use crate::ids::{BuildId, RelocationId};
use crate::kinds::FileKind;

/// The folders of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(rename_all = "lowercase"))]
pub enum Folder {
    /// How validation is to be run.
    Conf,
    /// What goes into validation and import.
    In,
    /// What validation exported and reported, and what the import did.
    Out,
    /// What validation found.
    Findings,
}

impl Folder {
    /// All folders.
    pub const ALL: &[Self] = &[Self::Conf, Self::In, Self::Out, Self::Findings];

    /// Its name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Conf => "conf",
            Self::In => "in",
            Self::Out => "out",
            Self::Findings => "findings",
        }
    }
}

impl FromStr for Folder {
    type Err = crate::kinds::UnknownName;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL.iter().copied().find(|folder| folder.name() == text).ok_or_else(|| {
            crate::kinds::UnknownName {
                kind: "kind of artifact",
                name: text.to_owned(),
                known: Self::ALL.iter().map(|folder| folder.name()).collect::<Vec<_>>().join(", "),
            }
        })
    }
}

/// What a validation run did when it found something.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Operation {
    /// Imported a file into the sandbox.
    Import,
    /// Exported the sandbox.
    Export,
    /// Compared the export with what went in.
    Compare,
}

impl Operation {
    const fn name(self) -> &'static str {
        match self {
            Self::Import => "import",
            Self::Export => "export",
            Self::Compare => "compare",
        }
    }
}

/// The key prefix of everything that a relocation keeps.
#[must_use]
pub fn root(id: RelocationId) -> String {
    format!("runs/{id}/")
}

/// The key prefix of a folder.
#[must_use]
pub fn folder(id: RelocationId, folder: Folder) -> String {
    format!("runs/{id}/{}/", folder.name())
}

/// The longest name of an artifact, in bytes; a key of S3 may have 1,024.
pub const NAME_BYTES_MAX: usize = 255;

/// The key of an artifact by its name within a folder. None for a name that would leave the folder, or is too long
/// for any.
#[must_use]
pub fn named(id: RelocationId, place: Folder, name: &str) -> Option<String> {
    let safe = !name.is_empty() && !name.contains('/') && name != "." && name != "..";
    (safe && name.len() <= NAME_BYTES_MAX).then(|| format!("{}{name}", folder(id, place)))
}

/// The key of the validation plan.
#[must_use]
pub fn validation_plan(id: RelocationId) -> String {
    format!("{}validation-plan.json", folder(id, Folder::Conf))
}

/// The key of an input file: the raw data, the baseline configuration, the colliding users.
#[must_use]
pub fn input(id: RelocationId, kind: FileKind) -> String {
    format!("{}{}.tar", folder(id, Folder::In), kind.file_stem())
}

/// The key of the reference to the KMS key.
#[must_use]
pub fn kms_config(id: RelocationId) -> String {
    format!("{}kms-config.json", folder(id, Folder::In))
}

/// The key of the list of wanted usernames that exist already, one in each line.
#[must_use]
pub fn filter_usernames(id: RelocationId) -> String {
    format!("{}filter-usernames.txt", folder(id, Folder::In))
}

/// The key of an export that a validation run made.
#[must_use]
pub fn output(build: BuildId, kind: FileKind) -> String {
    format!("{}{}-{}.tar", folder(build.relocation, Folder::Out), kind.file_stem(), build.run)
}

/// The key of what undoing a relocation came to so far, by the number of the undoing.
#[must_use]
pub fn undo_report(id: RelocationId, undo: u32) -> String {
    format!("{}undo-{undo}.json", folder(id, Folder::Out))
}

/// The key of a validation run's report: what the import of the raw data did to the sandbox, in the form of that
/// extension.
#[must_use]
pub fn rehearsal_report(build: BuildId, extension: &str) -> String {
    format!("{}rehearsal-report-{}.{extension}", folder(build.relocation, Folder::Out), build.run)
}

/// The key of the findings of one operation of a validation run. The run's number ends the name, so that
/// runs never overwrite each other's findings.
#[must_use]
pub fn findings(build: BuildId, operation: Operation, kind: FileKind) -> String {
    let folder = folder(build.relocation, Folder::Findings);
    format!("{folder}{}-{}-{}.json", operation.name(), kind.file_stem(), build.run)
}

/// Whether a findings file says something about the data. Those about artifacts of the run itself do not.
#[must_use]
pub fn is_finding(name: &str) -> bool {
    name.ends_with(".json") && !name.starts_with("artifacts-")
}

/// The key of an organisation's export for another cell.
#[must_use]
pub fn saas_to_saas_export(id: RelocationId, slug: &str) -> String {
    format!("{}saas_to_saas_export/{slug}.tar", root(id))
}

/// The key of a raw file in the uploads bucket, where customers write.
#[must_use]
pub fn upload(id: RelocationId) -> String {
    format!("{}{}.tar", upload_root(id), FileKind::RawUserData.file_stem())
}

/// The key prefix of everything that customers hand in for a relocation, in the uploads bucket.
#[must_use]
pub fn upload_root(id: RelocationId) -> String {
    format!("uploads/{id}/")
}

/// The relocation that an object in the uploads bucket belongs to.
#[must_use]
pub fn relocation_of_upload(key: &str) -> Option<RelocationId> {
    let id = key.strip_prefix("uploads/")?.split('/').next()?.parse().ok()?;
    (upload(id) == key).then_some(id)
}

impl fmt::Display for Folder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
