//! A relocation as people see it on a terminal: the timeline, drawn anew in place.

use std::time::Duration;

use jiff::Timestamp;

use super::Audience;
use super::pace::Pace;
use super::timeline::Timeline;
use super::view::draw;
use crate::api::{ApiError, Record};
use crate::error::CliError;
use crate::progress::Picture;
use crate::terminal::Terminal;

pub(super) struct Live<'t> {
    picture: Picture,
    terminal: &'t mut Terminal,
    record: Option<Record>,
    timeline: Timeline,
    pace: Pace,
    lost: Option<String>,
}

/// How long a picture stays: seconds go by in it.
const FRAME: Duration = Duration::from_millis(250);

impl<'t> Live<'t> {
    pub(super) fn new(terminal: &'t mut Terminal) -> Self {
        let picture = Picture::new(terminal);
        let (timeline, pace) = Default::default();
        Self { picture, terminal, record: None, timeline, pace, lost: None }
    }

    fn draw(&self) -> String {
        let now = Timestamp::now();
        self.record.as_ref().map(|record| draw(record, &self.timeline, &self.pace, now)).unwrap_or_default()
    }

    fn show(&self) {
        let lost = self.lost.as_ref().map(|lost| format!("\n{lost}; trying again")).unwrap_or_default();
        self.picture.show(format!("{}{lost}", self.draw()));
    }
}

impl Audience for Live<'_> {
    fn look(&mut self, record: &Record, _: Timestamp) -> Result<(), CliError> {
        self.timeline.observe(record);
        self.pace.observe(record.view.progress.as_ref());
        self.record = Some(record.clone());
        self.show();
        Ok(())
    }

    fn lost(&mut self, error: &ApiError) -> Result<(), CliError> {
        self.lost = Some(error.to_string());
        self.show();
        Ok(())
    }

    fn found(&mut self) {
        self.lost = None;
    }

    fn wait(&mut self, mut time: Duration) -> Result<(), CliError> {
        while !time.is_zero() {
            let frame = time.min(FRAME);
            std::thread::sleep(frame);
            time -= frame;
            self.show();
        }
        Ok(())
    }

    fn end(&mut self) -> Result<(), CliError> {
        self.picture.clear();
        let last = self.draw();
        writeln!(self.terminal.out(), "{last}").map_err(CliError::Terminal)
    }
}
