//! A metrics page, written piece by piece: metric by metric, and within each metric the services in
//! the order of the configuration.

use std::time::Duration;

use control::{ColorMetrics, MetricsSnapshot, ServiceMetrics, TargetMetrics};
use rules::Color;
use traffic::ServiceSum;

use super::format::Format;
use super::lines::Lines;
use super::names::Metric;
use super::own::Own;
use super::{process, services, targets};
use crate::settings::{Certificate, Ordered};

/// The approximate size of a piece of a page, in bytes.
const PIECE: usize = 64 << 10;

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
    pub(super) orders: Vec<Ordered>,
    pub(super) older_present: bool,
    pub(super) connections_limit: usize,
    /// The system's values about this process.
    pub(super) own: Own,
}

/// A page, and how far it has been written.
#[derive(Debug)]
pub(super) struct Page {
    exposition: Exposition,
    lines: Lines,
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
    Process(fn(&Exposition, &mut Lines)),
    /// Samples of a service.
    Service(fn(&ServiceMetrics, &mut Lines)),
    /// Samples of the request counters of a service, or of requests that reached none (the name is empty).
    Books(fn(&str, &ServiceSum, &mut Lines)),
    /// Samples of a service, and samples of requests that reached none.
    Both(fn(&ServiceMetrics, &mut Lines), fn(&ServiceSum, &mut Lines)),
    /// Samples of a color.
    Color(fn([&str; 2], &ColorMetrics, &mut Lines)),
    /// Samples of a target.
    Target(fn([&str; 4], &TargetMetrics, &mut Lines)),
}

// === impl Page ===

impl Page {
    pub(super) fn new(exposition: Exposition, format: Format) -> Self {
        Self { exposition, lines: Lines::new(format), family: Some(0), place: 0 }
    }

    /// Returns the next piece; `None` after the last.
    pub(super) fn next_piece(&mut self) -> Option<String> {
        let families = || FAMILIES.iter().copied().flatten();
        while let Some(number) = self.family
            && self.lines.len() < PIECE
        {
            let Some(Family(metric, samples)) = families().nth(number) else {
                self.lines.end();
                self.family = None;
                break;
            };
            if self.place == 0 {
                self.lines.begin(metric);
            }
            if self.write(*samples) {
                self.place += 1;
            } else {
                (self.family, self.place) = (Some(number + 1), 0);
            }
        }
        let piece = self.lines.take();
        (!piece.is_empty()).then_some(piece)
    }

    /// Returns true if there is no further piece.
    pub(super) fn is_whole(&self) -> bool {
        self.family.is_none()
    }

    /// Writes the samples of one service, or the rest; returns false if that was all.
    fn write(&mut self, samples: Samples) -> bool {
        let Self { exposition, lines, .. } = self;
        let service = exposition.snapshot.services.get(self.place);
        let unrouted = &exposition.snapshot.unrouted;
        match (samples, service) {
            (Samples::Process(write), _) => {
                write(exposition, lines);
                return false;
            }
            (Samples::Service(write) | Samples::Both(write, _), Some(service)) => {
                write(service, lines);
            }
            (Samples::Books(write), Some(service)) => {
                write(service.name.as_str(), &service.sum, lines);
            }
            (Samples::Color(write), Some(service)) => {
                for (labels, color) in colors(service) {
                    write(labels, color, lines);
                }
            }
            (Samples::Target(write), Some(service)) => {
                for ([name, color], metrics) in colors(service) {
                    for target in &metrics.targets {
                        write([name, color, &target.url, &target.address], target, lines);
                    }
                }
            }
            (Samples::Books(write), None) => write("", unrouted, lines),
            (Samples::Both(_, write), None) => write(unrouted, lines),
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
