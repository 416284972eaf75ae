//! A metrics page, written piece by piece: metric by metric, and within each metric the services in
//! the order of the configuration.

use std::time::Duration;

use ::notify::EndpointStatus;
use control::{ColorMetrics, MetricsSnapshot, ServiceMetrics, TargetMetrics};
use rules::Color;
use traffic::ServiceSum;

use super::format::Format;
use super::names::Metric;
use super::own::ProcessValues;
use super::page_writer::PageWriter;
use super::{process, services, targets};
use crate::background;
use crate::settings::{Certificate, CertificateOrder};

/// The approximate size of a piece of a page, in bytes.
const PIECE: usize = 64 << 10;

/// The number of services between two moments at which waiting threads run.
const AT_ONCE: usize = 128;

/// All metrics, in the order of [`names::METRICS`](super::names::METRICS).
const FAMILIES: &[&[Family]] = &[process::FAMILIES, services::FAMILIES, targets::FAMILIES];

/// All data of a page.
#[derive(Debug)]
pub(super) struct Exposition {
    pub(super) snapshot: MetricsSnapshot,
    pub(super) version: &'static str,
    pub(super) instance: String,
    pub(super) uptime: Duration,
    pub(super) certificates: Vec<Certificate>,
    pub(super) certificate_problem: bool,
    pub(super) orders: Vec<CertificateOrder>,
    pub(super) endpoints: Vec<EndpointStatus>,
    pub(super) older_present: bool,
    pub(super) connections_limit: usize,
    /// The system's values about this process.
    pub(super) own: ProcessValues,
}

/// A page, and how far it has been written.
#[derive(Debug)]
pub(super) struct Page {
    exposition: Exposition,
    writer: PageWriter,
    /// The metric being written; `None`: all have been.
    family: Option<usize>,
    /// The next service of that metric.
    place: usize,
}

/// A metric, and the writer of its samples.
#[derive(Debug)]
pub(super) struct Family(pub(super) &'static Metric, pub(super) Samples);

/// The writer of a metric's samples.
#[derive(Clone, Copy, Debug)]
pub(super) enum Samples {
    /// Samples of the process.
    Process(fn(&Exposition, &mut PageWriter)),
    /// Samples of a service.
    Service(fn(&ServiceMetrics, &mut PageWriter)),
    /// Samples of the request counters of a service, or of requests that reached none (the name is empty).
    Books(fn(&str, &ServiceSum, &mut PageWriter)),
    /// Samples of a service, and samples of requests that reached none.
    Both(fn(&ServiceMetrics, &mut PageWriter), fn(&ServiceSum, &mut PageWriter)),
    /// Samples of a color.
    Color(fn([&str; 2], &ColorMetrics, &mut PageWriter)),
    /// Samples of a target.
    Target(fn([&str; 4], &TargetMetrics, &mut PageWriter)),
}

// === impl Page ===

impl Page {
    pub(super) fn new(exposition: Exposition, format: Format) -> Self {
        Self { exposition, writer: PageWriter::new(format), family: Some(0), place: 0 }
    }

    /// Returns the next piece; `None` after the last.
    pub(super) fn next_piece(&mut self) -> Option<String> {
        let families = || FAMILIES.iter().copied().flatten();
        while let Some(number) = self.family
            && self.writer.len() < PIECE
        {
            let Some(Family(metric, samples)) = families().nth(number) else {
                self.writer.end();
                self.family = None;
                break;
            };
            if self.place == 0 {
                self.writer.begin(metric);
            }
            if self.write(*samples) {
                self.place += 1;
                if self.place.is_multiple_of(AT_ONCE) {
                    background::give_way();
                }
            } else {
                (self.family, self.place) = (Some(number + 1), 0);
            }
        }
        let piece = self.writer.take();
        (!piece.is_empty()).then_some(piece)
    }

    /// Returns true if there is no further piece.
    pub(super) fn is_whole(&self) -> bool {
        self.family.is_none()
    }

    /// Writes the samples of one service, or the rest; returns false if that was all.
    fn write(&mut self, samples: Samples) -> bool {
        let Self { exposition, writer, .. } = self;
        let service = exposition.snapshot.services.get(self.place);
        let unrouted = &exposition.snapshot.unrouted;
        match (samples, service) {
            (Samples::Process(write), _) => {
                write(exposition, writer);
                return false;
            }
            (Samples::Service(write) | Samples::Both(write, _), Some(service)) => {
                write(service, writer);
            }
            (Samples::Books(write), Some(service)) => {
                write(service.name.as_str(), &service.sum, writer);
            }
            (Samples::Color(write), Some(service)) => {
                for (labels, color) in colors(service) {
                    write(labels, color, writer);
                }
            }
            (Samples::Target(write), Some(service)) => {
                for ([name, color], metrics) in colors(service) {
                    for target in &metrics.targets {
                        write([name, color, &target.url, &target.address], target, writer);
                    }
                }
            }
            (Samples::Books(write), None) => write("", unrouted, writer),
            (Samples::Both(_, write), None) => write(unrouted, writer),
            (Samples::Service(_) | Samples::Color(_) | Samples::Target(_), None) => {}
        }
        service.is_some()
    }
}

/// Both colors of a service, with their labels.
fn colors(service: &ServiceMetrics) -> impl Iterator<Item = ([&str; 2], &ColorMetrics)> {
    let colors = Color::BOTH.iter().zip(&service.colors);
    colors.map(|(name, color)| ([service.name.as_str(), name.as_str()], color))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::names::METRICS;

    #[test]
    fn r71_every_metric_is_written_once_and_in_its_order() {
        let written = FAMILIES.iter().copied().flatten().map(|family| family.0.name);
        let named = METRICS.iter().map(|metric| metric.name);
        assert_eq!(written.collect::<Vec<_>>(), named.collect::<Vec<_>>());
    }
}
