//! What is logged while a test does something.

use std::io::{self, Write};
use std::sync::{Arc, Mutex};

use pipeline::ids::Trace;
use runtime::telemetry;
use serde_json::Value;
use tracing::subscriber::DefaultGuard;

/// The log of this thread, from when it is made to when it is dropped. What other threads log goes nowhere, unless it
/// is the log of the whole process.
#[derive(Debug)]
pub struct Log {
    written: Written,
    _guard: Option<DefaultGuard>,
}

#[derive(Clone, Debug, Default)]
struct Written(Arc<Mutex<Vec<u8>>>);

impl Write for Written {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Log {
    /// As the functions of the cell `us` log, at level debug.
    #[must_use]
    pub fn new() -> Self {
        Self::with(&[("RUST_LOG", "debug"), ("CELL", "us")])
    }

    /// With these variables alone.
    #[must_use]
    pub fn with(variables: &[(&str, &str)]) -> Self {
        let written = Written::default();
        let writer = written.clone();
        let variables = variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        let subscriber = telemetry::subscriber(variables, move || writer.clone());
        Self { written, _guard: Some(tracing::subscriber::set_default(subscriber)) }
    }

    /// What all threads log, for a test that has its process for itself.
    #[must_use]
    pub fn of_the_process() -> Self {
        let written = Written::default();
        let writer = written.clone();
        let variables = [("CELL".to_owned(), "us".to_owned())];
        tracing::subscriber::set_global_default(telemetry::subscriber(variables, move || writer.clone()))
            .unwrap();
        Self { written, _guard: None }
    }

    /// All lines so far.
    #[must_use]
    pub fn lines(&self) -> Vec<Value> {
        let text = String::from_utf8(self.written.0.lock().unwrap().clone()).unwrap();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    /// The figures so far: what they are of, the task, how much it is.
    #[must_use]
    pub fn figures(&self) -> Vec<(String, Option<String>, f64)> {
        let lines = self.lines().into_iter().filter(|line| line.get("_aws").is_some());
        let figures = lines.map(|line| {
            let directive = &line["_aws"]["CloudWatchMetrics"][0];
            let name = directive["Metrics"][0]["Name"].as_str().unwrap();
            let of_task = directive["Dimensions"].to_string().contains("task");
            let task = of_task.then(|| line["task"].as_str().unwrap().to_owned());
            (name.to_owned(), task, line[name].as_f64().unwrap())
        });
        figures.collect()
    }

    /// How often a figure was told.
    #[must_use]
    pub fn count(&self, figure: &str) -> usize {
        self.figures().iter().filter(|(name, ..)| name == figure).count()
    }

    /// There are lines, and each says which run it belongs to and who wrote it; with `attempt`, which attempt that
    /// was, too.
    pub fn assert_about(&self, trace: Trace, task: &str, attempt: Option<u32>) {
        let lines = self.lines();
        assert!(!lines.is_empty(), "something is logged");
        for line in lines {
            assert_eq!(line["relocation"], trace.relocation().to_string(), "{line}");
            assert_eq!(line["trace"], trace.to_string(), "{line}");
            assert_eq!(line["task"], task, "{line}");
            assert_eq!(line["cell"], "us", "{line}");
            assert_eq!(line.get("attempt").and_then(Value::as_u64), attempt.map(u64::from), "{line}");
        }
    }
}

impl Default for Log {
    fn default() -> Self {
        Self::new()
    }
}
