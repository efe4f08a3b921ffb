//! The report of the import that a run is about.

use artifacts::put_small;
use catalog::Catalog;
use pipeline::artifact;
use pipeline::ids::BuildId;
use pipeline::kinds::FileKind;
use pipeline::port::WriteObjects;
use report::{About, Report};
use runtime::TaskError;
use transfer::import::{ImportOutcome, ImportReport};

/// What people call the sandbox that the raw data is imported into.
const BASE: &str = "a sandbox with this cell's configuration and its users who have wanted usernames";

/// The import of the raw data, rehearsed.
#[derive(Debug)]
pub(crate) struct Rehearsed {
    about: About,
    import: ImportReport,
}

impl Rehearsed {
    /// What an import of a file came to, if it is the file that the relocation is to import; the others only make the
    /// sandbox what the cell is.
    pub(crate) fn of(kind: FileKind, outcome: ImportOutcome) -> Option<Self> {
        let file = format!("{}.tar", kind.file_stem());
        let about = About::new(&outcome.plan, file, Some(BASE.to_owned()));
        (kind == FileKind::RawUserData).then_some(Self { about, import: outcome.report })
    }

    /// Stores the report: as a page for people, and as JSON for programs. The map of primary keys is left out, as the
    /// sandbox's are nobody's.
    pub(crate) async fn store(
        &self,
        objects: &impl WriteObjects,
        catalog: &Catalog,
        build: BuildId,
    ) -> Result<(), TaskError> {
        let report = Report::new(catalog, &self.about, &self.import);
        let json = serde_json::to_vec_pretty(&report.json(None)).map_err(TaskError::permanent)?;
        put_small(objects, &artifact::rehearsal_report(build, "json"), json).await?;
        let page = report.html().map_err(TaskError::permanent)?;
        put_small(objects, &artifact::rehearsal_report(build, "html"), page).await?;
        Ok(())
    }
}
