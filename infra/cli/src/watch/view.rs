//! The timeline as a picture of 80 columns.

use std::fmt::Write as _;

use jiff::Timestamp;
use pipeline::api::RelocationView;
use pipeline::task::OrderedTask;
use textwrap::WordSplitter;

use super::pace::{Pace, Span, between};
use super::timeline::{Mark, Timeline, Took};
use crate::api::Record;
use crate::relocation::{failure, rows, state};

/// The width of a terminal that everybody has.
pub(super) const COLUMNS: usize = 80;
/// Where the names of tasks begin.
const TASKS_AT: usize = 18;
/// How wide the bar of rows is.
const BAR: u64 = 20;

/// Draws a relocation as it is now, without a line break at its end.
pub(super) fn draw(record: &Record, timeline: &Timeline, pace: &Pace, now: Timestamp) -> String {
    let view = &record.view;
    let mut picture = format!("{}\n\n", title(view));
    let mut step = None;
    for task in OrderedTask::ALL {
        let is_first = step.replace(task.step()) != Some(task.step());
        let name = if is_first { task.step().name() } else { "" };
        let is_latest = view.latest_task == Some(*task);
        let attempts = match view.latest_task_attempts {
            attempts if is_latest && attempts > 1 => format!("attempt {attempts}"),
            _ => String::new(),
        };
        let mark = timeline.mark(*task, view.latest_task);
        let took = match mark {
            Mark::ToCome => String::new(),
            _ => took(timeline.took(*task), mark, now),
        };
        let line = format!("{} {name:<14}  {:<31}{attempts:<12}{took:>18}", sign(mark), task.name());
        let _ = writeln!(picture, "{}", line.trim_end());
        if mark == Mark::Running {
            picture.push_str(&progress(record, *task, pace));
        }
    }
    let _ = write!(picture, "\n{}", capitalised(&state(view)));
    if let Some(reason) = &view.failure_reason {
        let options = textwrap::Options::new(COLUMNS).initial_indent("  ").subsequent_indent("  ");
        for line in textwrap::wrap(&failure(reason), options.word_splitter(WordSplitter::NoHyphenation)) {
            let _ = write!(picture, "\n{line}");
        }
    }
    picture
}

fn title(view: &RelocationView) -> String {
    let owner = view.owner.as_ref().map(|owner| format!(" for {}", owner.username)).unwrap_or_default();
    let title = format!("{}  {}{owner}", view.uuid, view.want_org_slugs.join(", "));
    if title.chars().count() <= COLUMNS {
        return title;
    }
    title.chars().take(COLUMNS - 1).chain(['…']).collect()
}

const fn sign(mark: Mark) -> char {
    match mark {
        Mark::ToCome => ' ',
        Mark::Running => '▸',
        Mark::Paused => '=',
        Mark::Failed => '✗',
        Mark::Done => '✓',
    }
}

fn took(took: Took, mark: Mark, now: Timestamp) -> String {
    match (took, mark) {
        (_, Mark::Paused) => "paused".to_owned(),
        (Took::Exactly(time), _) => precise(time),
        (Took::AtMost(time), _) => format!("< {}", precise(time)),
        (Took::Since(since), Mark::Running) => Span(between(since, now)).to_string(),
        (Took::Since(_) | Took::Unknown, _) => String::new(),
    }
}

/// A time with tenths of a second where they matter.
fn precise(time: std::time::Duration) -> String {
    if time.as_secs() < 60 { format!("{:.1} s", time.as_secs_f64()) } else { Span(time).to_string() }
}

/// How far a task is, in a line below it.
fn progress(record: &Record, task: OrderedTask, pace: &Pace) -> String {
    let Some(progress) = record.progress.as_ref().filter(|progress| progress.task == task.name()) else {
        return String::new();
    };
    let mut line = " ".repeat(TASKS_AT);
    if let Some(total) = progress.rows_total.filter(|total| *total > 0) {
        let full = progress.rows_done.min(total).saturating_mul(BAR) / total;
        line.extend((0..BAR).map(|column| if column < full { '█' } else { '░' }));
        line.push(' ');
    }
    line.push_str(&rows(progress.rows_done, progress.rows_total));
    if let Some(left) = pace.left() {
        let _ = write!(line, ", {left} left");
    }
    line.push('\n');
    line
}

fn capitalised(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map(|first| first.to_uppercase().chain(chars).collect()).unwrap_or_default()
}
