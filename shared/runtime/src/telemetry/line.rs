//! Writes each event as one JSON object: what is the same in the whole process, what the spans around it say, the
//! outer ones first, and what it says itself; the later stands where two name the same.
//!
//! `tracing-subscriber`'s own JSON would put spans and figures into objects of their own. Here a line can be found by
//! `relocation` wherever that was said, no name comes twice, and CloudWatch finds figures where it expects them.

use std::fmt;
use std::io::Write;

use jiff::Timestamp;
use serde_json::{Map, Value};
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::Context;
use tracing_subscriber::registry::LookupSpan;

use crate::metrics;

/// The layer.
pub(super) struct Lines<W> {
    writer: W,
    constant: Map<String, Value>,
}

impl<W> Lines<W> {
    /// Lines that all have `constant`.
    pub(super) const fn new(writer: W, constant: Map<String, Value>) -> Self {
        Self { writer, constant }
    }
}

/// What a span or an event says.
#[derive(Default)]
struct Fields(Map<String, Value>);

impl Visit for Fields {
    fn record_f64(&mut self, field: &Field, value: f64) {
        self.0.insert(field.name().to_owned(), value.into());
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.0.insert(field.name().to_owned(), value.into());
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.0.insert(field.name().to_owned(), value.into());
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.0.insert(field.name().to_owned(), value.into());
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.0.insert(field.name().to_owned(), value.into());
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.0.insert(field.name().to_owned(), format!("{value:?}").into());
    }
}

impl<S, W> Layer<S> for Lines<W>
where
    S: Subscriber + for<'s> LookupSpan<'s>,
    W: for<'w> MakeWriter<'w> + 'static,
{
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        let Some(span) = context.span(id) else { return };
        let mut fields = Fields::default();
        attributes.record(&mut fields);
        span.extensions_mut().insert(fields);
    }

    /// What a span has said stays: a run does not become another one while its span lasts.
    fn on_record(&self, id: &Id, values: &Record<'_>, context: Context<'_, S>) {
        let Some(span) = context.span(id) else { return };
        let mut recorded = Fields::default();
        values.record(&mut recorded);
        if let Some(Fields(known)) = span.extensions_mut().get_mut::<Fields>() {
            for (name, value) in recorded.0 {
                known.entry(name).or_insert(value);
            }
        }
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        let mut line = Fields(self.constant.clone());
        let metadata = event.metadata();
        let head =
            [("timestamp", Timestamp::now().to_string()), ("level", metadata.level().as_str().to_owned())];
        line.0.extend(head.map(|(name, value)| (name.to_owned(), value.into())));
        line.0.insert("target".to_owned(), metadata.target().into());
        for span in context.event_scope(event).into_iter().flat_map(|scope| scope.from_root()) {
            if let Some(Fields(said)) = span.extensions().get::<Fields>() {
                line.0.extend(said.clone());
            }
        }
        event.record(&mut line);
        if let Some(Value::Object(figures)) = metrics::figures(metadata.target(), &mut line.0) {
            line.0.extend(figures);
        }
        let mut text = Value::Object(line.0).to_string();
        text.push('\n');
        // There is nobody left to tell when a line cannot be written.
        let _ = self.writer.make_writer_for(metadata).write_all(text.as_bytes());
    }
}
