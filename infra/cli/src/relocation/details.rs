//! All that is known of a relocation, for people.

use std::fmt;

use indicatif::HumanCount;
use jiff::Timestamp;
use pipeline::api::{Person, RelocationView};
use pipeline::kinds::Provenance;
use pipeline::progress::Progress;
use serde::Serialize;

use super::state::{failure, state};
use crate::api::Record;
use crate::terminal::filled;
use crate::undoing;

/// A record, line by line.
#[derive(Serialize)]
#[serde(transparent)]
pub(crate) struct Details(pub(crate) Record);

/// How wide the names are, with the blanks around them.
const NAMES: usize = 17;
/// How many usernames are listed.
const USERNAMES_SHOWN: usize = 20;

impl fmt::Display for Details {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let view = &self.0.view;
        writeln!(out, "Relocation {}", view.uuid)?;
        line(out, "state", &state(view))?;
        if let Some(reason) = &view.failure_reason {
            line(out, "because", &failure(reason))?;
        }
        if let Some(task) = view.latest_task {
            line(
                out,
                "latest task",
                &format!("{task}, attempt {} of {}", view.latest_task_attempts, task.attempts()),
            )?;
        }
        if let Some(progress) = &view.progress {
            line(out, "rows", &rows(progress))?;
        }
        line(out, "organisations", &view.want_org_slugs.join(", "))?;
        if let Some(usernames) = &view.want_usernames {
            line(out, "users", &some_of(usernames))?;
        }
        line(out, "owner", &person(view.owner.as_ref()))?;
        line(out, "asked for by", &person(view.creator.as_ref()))?;
        let provenance = match view.provenance {
            Provenance::SelfHosted => "a self-hosted install",
            Provenance::SaasToSaas => "another cell",
        };
        line(out, "from", provenance)?;
        line(out, "asked for", &time(view.date_added))?;
        line(out, "last changed", &time(view.date_updated))?;
        end(out, view)?;
        if let Some(mail) = view.latest_notified {
            line(out, "latest mail", mail.name())?;
        }
        if let Some(sent) = view.latest_unclaimed_emails_sent_at {
            line(out, "claim mails", &time(sent))?;
        }
        let (users, organisations) = (view.imported_user_ids.len(), view.imported_org_ids.len());
        line(out, "imported", &format!("organisations: {organisations}, users: {users}"))
    }
}

/// That it has ended, and what was made of that.
fn end(out: &mut fmt::Formatter<'_>, view: &RelocationView) -> fmt::Result {
    let dates = [("ended", view.date_ended), ("accepted", view.date_accepted)];
    for (name, date) in dates.into_iter().filter_map(|(name, date)| Some((name, date?))) {
        line(out, name, &time(date))?;
    }
    view.undo.as_ref().map_or(Ok(()), |undo| line(out, "undo", &undoing::standing(undo)))
}

fn line(out: &mut fmt::Formatter<'_>, name: &str, value: &str) -> fmt::Result {
    let first = format!("  {name:<width$}", width = NAMES - 2);
    let rest = " ".repeat(NAMES);
    writeln!(out, "{}", filled(value, &first, &rest))
}

fn some_of(usernames: &[String]) -> String {
    let shown: Vec<&str> = usernames.iter().take(USERNAMES_SHOWN).map(String::as_str).collect();
    let more = usernames.len() - shown.len();
    let more = if more == 0 { String::new() } else { format!(" and {} more", HumanCount(more as u64)) };
    format!("{}{more}", shown.join(", "))
}

fn person(person: Option<&Person>) -> String {
    person.map_or_else(
        || "nobody: the user is gone".to_owned(),
        |Person { id, email, username }| format!("{username}, {email} (user {id})"),
    )
}

/// Rows done, of rows there are.
pub(crate) fn rows(progress: &Progress) -> String {
    format!("{} of {} rows", HumanCount(progress.rows_done), HumanCount(progress.rows_total))
}

/// A time, to the second; it is UTC.
pub(crate) fn time(time: Timestamp) -> String {
    time.strftime("%Y-%m-%d %H:%M:%S UTC").to_string()
}
