//! Progress, for people who watch.

use std::io::Read;

use indicatif::{ProgressBar, ProgressBarIter, ProgressDrawTarget, ProgressFinish, ProgressStyle};

use crate::terminal::Terminal;

/// How far a command is. It goes away when it is dropped.
#[derive(Debug, Clone)]
pub(crate) struct Progress(ProgressBar);

impl Progress {
    /// Counts bytes.
    pub(crate) fn of_bytes(terminal: &Terminal, what: &'static str, total: u64) -> Self {
        Self::new(terminal, what, total, "{msg:>10} {wide_bar} {bytes} of {total_bytes}, {eta} left")
    }

    /// Counts rows.
    pub(crate) fn of_rows(terminal: &Terminal, what: &'static str, total: u64) -> Self {
        Self::new(terminal, what, total, "{msg:>10} {wide_bar} {human_pos} of {human_len} rows, {eta} left")
    }

    fn new(terminal: &Terminal, what: &'static str, total: u64, template: &str) -> Self {
        let target = match terminal.shows_progress() {
            true => ProgressDrawTarget::stderr(),
            false => ProgressDrawTarget::hidden(),
        };
        let style = ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
        let bar = ProgressBar::with_draw_target(Some(total), target);
        Self(bar.with_style(style).with_message(what).with_finish(ProgressFinish::AndClear))
    }

    /// Shows nothing.
    pub(crate) fn silent() -> Self {
        Self(ProgressBar::hidden())
    }

    /// Takes the bar away.
    pub(crate) fn clear(&self) {
        self.0.finish_and_clear();
    }

    /// So much more is done.
    pub(crate) fn advance(&self, more: u64) {
        self.0.inc(more);
    }

    /// So much is done in all, of so much.
    pub(crate) fn set(&self, done: u64, total: u64) {
        self.0.set_length(total);
        self.0.set_position(done);
    }

    /// Counts what is read from a source.
    pub(crate) fn watch<R: Read>(&self, source: R) -> ProgressBarIter<R> {
        self.0.wrap_read(source)
    }
}

/// Lines that are drawn anew in place. They go away when it is dropped.
#[derive(Debug)]
pub(crate) struct Picture(ProgressBar);

impl Picture {
    /// Shows nothing yet.
    pub(crate) fn new(terminal: &Terminal) -> Self {
        let target = match terminal.is_live() {
            true => ProgressDrawTarget::stdout(),
            false => ProgressDrawTarget::hidden(),
        };
        let style =
            ProgressStyle::with_template("{msg}").unwrap_or_else(|_| ProgressStyle::default_spinner());
        let bar = ProgressBar::with_draw_target(None, target);
        Self(bar.with_style(style).with_finish(ProgressFinish::AndClear))
    }

    /// Shows these lines in place of those before.
    pub(crate) fn show(&self, lines: String) {
        if self.0.message() != lines {
            self.0.set_message(lines);
            self.0.tick();
        }
    }

    /// Takes the lines away.
    pub(crate) fn clear(&self) {
        self.0.finish_and_clear();
    }
}
