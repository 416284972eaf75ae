//! Tracing: each request that is sampled is a span of a trace (W3C Trace Context), and is told to a
//! collector (OpenTelemetry).
//!
//! A worker only hands over what it has gathered; one thread makes batches of it and has them
//! delivered. If the collector can't keep up or is away, spans are dropped and counted: a request
//! never waits for it. Without a collector nothing is gathered, and what clients say of their traces
//! passes through untouched.

mod context;
mod exporter;
mod otlp;

use std::sync::mpsc::SyncSender;

use super::story::Story;

pub(crate) use context::TraceContext;
pub use exporter::{NotTaken, SpanWriter};

/// The workers' end of tracing.
#[derive(Clone, Debug)]
pub struct Tracer {
    spans: SyncSender<Box<Story>>,
}

impl Tracer {
    /// Hands a span over; false if it had to be dropped.
    pub(crate) fn tell(&self, story: Box<Story>) -> bool {
        self.spans.try_send(story).is_ok()
    }
}
