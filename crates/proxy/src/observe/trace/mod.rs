//! Tracing: each sampled request is a span of a trace (W3C Trace Context), exported to a collector (OpenTelemetry).
//!
//! A worker only hands over the record of a request; one thread batches the spans and delivers them. If the
//! collector can't keep up or is down, spans are dropped and counted: a request never waits for it. Without a
//! collector nothing is gathered, and the trace fields of clients pass through untouched.

mod context;
mod exporter;
mod otlp;

use std::sync::mpsc::SyncSender;

use super::record::AccessRecord;

pub(crate) use context::TraceContext;
pub use exporter::{NotTaken, SpanWriter};

/// The workers' end of tracing.
#[derive(Clone, Debug)]
pub struct Tracer {
    spans: SyncSender<Box<AccessRecord>>,
}

impl Tracer {
    /// Hands a span over; false if it had to be dropped.
    pub(crate) fn send(&self, record: Box<AccessRecord>) -> bool {
        self.spans.try_send(record).is_ok()
    }
}
