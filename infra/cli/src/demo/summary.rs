//! The tables at the end of a demo.

use std::collections::BTreeMap;
use std::io::{self, Write};

use pipeline::api::RelocationView;
use transfer::import::ImportReport;

use super::stack::{Artifact, Inspection, StackDescription};

pub(super) fn write(
    out: &mut dyn Write,
    relocation: &RelocationView,
    inspection: &Inspection,
    stack: &StackDescription,
) -> io::Result<()> {
    if let Some(report) = &inspection.report {
        rows(out, report)?;
    }
    tasks(out, inspection)?;
    mails(out, inspection)?;
    artifacts(out, relocation, inspection, stack)
}

fn rows(out: &mut dyn Write, report: &ImportReport) -> io::Result<()> {
    let mut renamed: BTreeMap<&str, u64> = BTreeMap::new();
    for row in &report.renamed {
        *renamed.entry(&row.model).or_insert(0) += 1;
    }
    writeln!(out, "\n{:<43} {:>8} {:>8} {:>8} {:>8}", "rows", "inserted", "reused", "renamed", "dropped")?;
    let mut total = (0, 0, 0, 0);
    for (name, model) in &report.models {
        let reused = model.existing + model.overwritten;
        let renamed = renamed.get(name.as_str()).copied().unwrap_or(0);
        if model.inserted + reused + renamed + model.dropped == 0 {
            continue;
        }
        total = (total.0 + model.inserted, total.1 + reused, total.2 + renamed, total.3 + model.dropped);
        let inserted = model.inserted;
        let dropped = model.dropped;
        writeln!(out, "  {name:<41} {inserted:>8} {reused:>8} {renamed:>8} {dropped:>8}")?;
    }
    writeln!(out, "  {:<41} {:>8} {:>8} {:>8} {:>8}", "in all", total.0, total.1, total.2, total.3)?;
    for row in report.renamed.iter().take(RENAMED_SHOWN) {
        writeln!(out, "  {} {} is `{}` now", row.model, row.from, row.to)?;
    }
    Ok(())
}

/// How many of the rows that got another name are listed.
const RENAMED_SHOWN: usize = 10;

fn tasks(out: &mut dyn Write, inspection: &Inspection) -> io::Result<()> {
    writeln!(out, "\n{:<42} {:>8} {:>8}", "tasks", "attempts", "seconds")?;
    for task in &inspection.tasks {
        writeln!(out, "  {:<40} {:>8} {:>8.2}", task.task, task.attempts, task.seconds)?;
    }
    Ok(())
}

fn mails(out: &mut dyn Write, inspection: &Inspection) -> io::Result<()> {
    writeln!(out, "\nmails: {}", inspection.mails.len())?;
    for mail in inspection.mails.iter().take(MAILS_SHOWN) {
        writeln!(out, "  {:<40} {}", mail.to, mail.subject)?;
    }
    if let Some(more) = inspection.mails.len().checked_sub(MAILS_SHOWN).filter(|more| *more > 0) {
        writeln!(out, "  and {more} more")?;
    }
    Ok(())
}

/// How many mails are listed.
const MAILS_SHOWN: usize = 8;

fn artifacts(
    out: &mut dyn Write,
    relocation: &RelocationView,
    inspection: &Inspection,
    stack: &StackDescription,
) -> io::Result<()> {
    let bucket = stack.outputs.get("ArtifactsBucket").map(String::as_str).unwrap_or_default();
    writeln!(out, "\nartifacts: s3://{bucket}/runs/{}/", relocation.uuid)?;
    for artifact in &inspection.artifacts {
        writeln!(out, "  {:<56} {:>10} bytes", artifact.path, artifact.bytes)?;
    }
    let page = |artifact: &&Artifact| {
        artifact.path.starts_with(REHEARSAL_REPORT) && artifact.path.ends_with(".html")
    };
    if let Some(page) = inspection.artifacts.iter().rfind(page) {
        let uuid = relocation.uuid;
        writeln!(out, "\nwhat the rehearsal said of the import: s3://{bucket}/runs/{uuid}/{}", page.path)?;
    }
    Ok(())
}

/// What the paths of validation runs' reports begin with.
const REHEARSAL_REPORT: &str = "out/rehearsal-report-";
