//! `GET /metrics`: the books, as Prometheus reads them.
//!
//! Sums are made at the moment of the scrape; nothing on the path of a request knows of this.
//! Labels are names from the configuration, so their number is bounded.

use std::fmt;
use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, MetricEncoder, text};
use prometheus_client::metrics::MetricType;
use prometheus_client::registry::Registry;
use rules::{Color, Standing};
use traffic::{AbortCause, BUCKETS, HistogramSum, OwnReason, ServiceSum, bucket_bound};

use super::answer::body;
use super::auth::Viewer;
use super::names::{self, Kind, Metric};
use super::problem::Problem;
use super::query::{NoBody, Query};
use super::settings::{Api, Certificate};
use crate::view::{ColorMetrics, MetricsSnapshot, ServiceMetrics, TargetMetrics};

/// The books of all services, colors and targets.
#[utoipa::path(
    get,
    path = "/metrics",
    tag = "read",
    responses(
        (status = 200, description = "OpenMetrics text", body = String, content_type = "application/openmetrics-text"),
    ),
)]
pub(crate) async fn metrics(
    State(api): State<Arc<Api>>,
    _: Viewer,
    Query(()): Query<()>,
    _: NoBody,
) -> Result<Response, Problem> {
    let exposition = Exposition {
        snapshot: api.prompt(api.handle.metrics()).await?,
        version: api.version,
        instance: api.instance.clone(),
        uptime: api.since.elapsed().as_secs_f64(),
        certificates: api.live.borrow().certificates.clone(),
        certificate_problem: api.live.borrow().certificate_problem.is_some(),
        log_dropped: (api.log_dropped)(),
    };
    let mut registry = Registry::default();
    registry.register_collector(Box::new(exposition));
    let mut page = String::with_capacity(64 << 10);
    text::encode(&mut page, &registry).map_err(|error| {
        tracing::error!(%error, "the metrics could not be written");
        let status = StatusCode::INTERNAL_SERVER_ERROR;
        Problem::new(status, "internal", "The metrics could not be written")
    })?;
    Ok(body("application/openmetrics-text; version=1.0.0; charset=utf-8", page))
}

#[derive(Debug)]
struct Exposition {
    snapshot: MetricsSnapshot,
    version: &'static str,
    instance: String,
    uptime: f64,
    certificates: Vec<Certificate>,
    certificate_problem: bool,
    log_dropped: u64,
}

/// One metric, being written.
struct Family<'e>(MetricEncoder<'e>, &'static [&'static str]);

impl Collector for Exposition {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let to = &mut encoder;
        self.process(to)?;
        self.services(to)?;
        self.requests(to)?;
        self.colors(to)?;
        self.targets(to)
    }
}

impl Exposition {
    fn process(&self, to: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let MetricsSnapshot { generation, connections, journal_available, .. } = &self.snapshot;
        Family::open(to, &names::INFO)?.gauge(&[self.version, &self.instance], 1)?;
        Family::open(to, &names::UPTIME)?.0.encode_gauge(&self.uptime)?;
        Family::open(to, &names::GENERATION)?.gauge(&[], generation.0)?;
        Family::open(to, &names::JOURNAL)?.gauge(&[], u64::from(*journal_available))?;
        let difference: i128 = self.sums().map(|(_, sum)| sum.difference()).sum();
        let difference = i64::try_from(difference).unwrap_or(i64::MAX);
        Family::open(to, &names::DIFFERENCE)?.0.encode_gauge(&difference)?;
        Family::open(to, &names::CONNECTIONS)?.count(&[], connections.accepted)?;
        Family::open(to, &names::CONNECTIONS_OPEN)?.gauge(&[], connections.open)?;
        Family::open(to, &names::OWN_LOG_DROPPED)?.count(&[], self.log_dropped)?;
        Family::open(to, &names::LOG_DROPPED)?.count(&[], connections.log_dropped)?;
        Family::open(to, &names::SPANS_DROPPED)?.count(&[], connections.spans_dropped)?;
        let mut expiry = Family::open(to, &names::CERTIFICATE)?;
        for Certificate { file, not_after, .. } in &self.certificates {
            expiry.gauge(&[&file.to_string_lossy()], not_after.0 / 1000)?;
        }
        let problem = u64::from(self.certificate_problem);
        Family::open(to, &names::CERTIFICATE_PROBLEM)?.gauge(&[], problem)
    }

    fn services(&self, to: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let services = &self.snapshot.services;
        let mut active = Family::open(to, &names::ACTIVE)?;
        for service in services {
            for color in Color::BOTH {
                let value = u64::from(service.active == color);
                active.gauge(&[service.name.as_str(), color.as_str()], value)?;
            }
        }
        let gauges: [Column<ServiceMetrics>; 3] = [
            (&names::SERVICE_GENERATION, |service| service.generation.0),
            (&names::HELD, |service| u64::from(service.held)),
            (&names::WAITING, |service| service.sum.waiting),
        ];
        for (metric, value) in gauges {
            let mut family = Family::open(to, metric)?;
            for service in services {
                family.gauge(&[service.name.as_str()], value(service))?;
            }
        }
        let mut switches = Family::open(to, &names::SWITCHES)?;
        for service in services {
            for (result, count) in service.switches.by_result() {
                switches.count(&[service.name.as_str(), result], count)?;
            }
        }
        Ok(())
    }

    fn requests(&self, to: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let counters: [Column<ServiceSum>; 7] = [
            (&names::ACCEPTED, |sum| sum.accepted),
            (&names::PARKED, |sum| sum.parked),
            (&names::RETRIES, |sum| sum.retries),
            (&names::TUNNELS_OPENED, |sum| sum.tunnels_opened),
            (&names::TUNNELS_CLOSED, |sum| sum.tunnels_closed),
            (&names::STREAMS_ENDED, |sum| sum.streams_ended),
            (&names::STREAMS_UNANSWERED, |sum| sum.streams_unanswered),
        ];
        for (metric, value) in counters {
            let mut family = Family::open(to, metric)?;
            for (service, sum) in self.sums() {
                family.count(&[service], value(sum))?;
            }
        }
        let mut open = Family::open(to, &names::TUNNELS_OPEN)?;
        for (service, sum) in self.sums() {
            open.gauge(&[service], sum.tunnels_opened.saturating_sub(sum.tunnels_closed))?;
        }
        let mut answered = Family::open(to, &names::ANSWERED)?;
        for (service, sum) in self.sums() {
            for (color, count) in Color::BOTH.iter().zip(sum.colors) {
                answered.count(&[service, color.as_str(), ""], count)?;
            }
            for (reason, count) in OwnReason::ALL.iter().zip(&sum.own) {
                answered.count(&[service, "teal", reason.as_str()], *count)?;
            }
        }
        let mut aborted = Family::open(to, &names::ABORTED)?;
        for (service, sum) in self.sums() {
            for (cause, count) in AbortCause::ALL.iter().zip(&sum.aborted) {
                aborted.count(&[service, cause.as_str()], *count)?;
            }
        }
        Ok(())
    }

    fn colors(&self, to: &mut DescriptorEncoder<'_>) -> fmt::Result {
        self.in_flight(to)?;
        let gauges: [Column<ColorMetrics>; 2] = [
            (&names::LEASES, |color| color.sum.leases),
            (&names::COLOR_CONNECTIONS, |color| color.sum.connections),
        ];
        for (metric, value) in gauges {
            let mut family = Family::open(to, metric)?;
            for (service, name, color) in self.each_color() {
                family.gauge(&[service, name], value(color))?;
            }
        }
        let mut cut = Family::open(to, &names::CUT)?;
        for (service, name, color) in self.each_color() {
            cut.count(&[service, name, "unanswered"], color.sum.cut.unanswered)?;
            cut.count(&[service, name, "answering"], color.sum.cut.answering)?;
            cut.count(&[service, name, "tunnel"], color.sum.cut.tunnels)?;
        }
        Ok(())
    }

    /// Requests by color, such that the sum over a service's colors and "none" is what its
    /// books have in flight. Tunnels hold leases but are out of the books of requests.
    fn in_flight(&self, to: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let mut family = Family::open(to, &names::IN_FLIGHT)?;
        for service in &self.snapshot.services {
            let sum = &service.sum;
            let mut left = sum.in_flight;
            let mut tunnels = sum.tunnels_opened.saturating_sub(sum.tunnels_closed);
            // The idle color first: its leases are rather the long tunnels of before.
            for color in [service.active.other(), service.active] {
                let leases = service.colors.get(color.index()).map_or(0, |c| c.sum.leases);
                let of_tunnels = leases.min(tunnels);
                tunnels -= of_tunnels;
                let requests = (leases - of_tunnels).min(left);
                left -= requests;
                family.gauge(&[service.name.as_str(), color.as_str()], requests)?;
            }
            family.gauge(&[service.name.as_str(), ""], left)?;
        }
        family.gauge(&["", ""], self.snapshot.unrouted.in_flight)
    }

    fn targets(&self, to: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let mut up = Family::open(to, &names::TARGET_UP)?;
        for (labels, target) in self.each_target() {
            up.gauge(&labels.each(), u64::from(target.standing == Standing::Up))?;
        }
        let mut expiry = Family::open(to, &names::TARGET_CERTIFICATE)?;
        for (labels, target) in self.each_target() {
            if let Some(shown) = &target.certificate {
                expiry.gauge(&labels.each(), rules::Time::of(shown.not_after).0 / 1000)?;
            }
        }
        let mut in_flight = Family::open(to, &names::TARGET_IN_FLIGHT)?;
        for (labels, target) in self.each_target() {
            in_flight.gauge(&labels.each(), target.sum.leases)?;
        }
        let mut requests = Family::open(to, &names::TARGET_REQUESTS)?;
        for (labels, target) in self.each_target() {
            for (class, count) in ["1xx", "2xx", "3xx", "4xx", "5xx"].iter().zip(target.sum.classes)
            {
                requests.count(&labels.and(class), count)?;
            }
            requests.count(&labels.and("failed"), target.sum.failed)?;
        }
        let mut connects = Family::open(to, &names::TARGET_CONNECTS)?;
        for (labels, target) in self.each_target() {
            connects.count(&labels.and("ok"), target.sum.connected)?;
            connects.count(&labels.and("failed"), target.sum.connect_failed)?;
        }
        let mut reused = Family::open(to, &names::TARGET_REUSED)?;
        for (labels, target) in self.each_target() {
            reused.count(&labels.each(), target.sum.reused)?;
        }
        let mut retried = Family::open(to, &names::TARGET_RETRIED)?;
        for (labels, target) in self.each_target() {
            retried.count(&labels.each(), target.sum.retried)?;
        }
        let mut lost = Family::open(to, &names::STALE_LOST)?;
        for (labels, target) in self.each_target() {
            lost.count(&labels.each(), target.sum.stale_lost)?;
        }
        let mut duration = Family::open(to, &names::DURATION)?;
        for (labels, target) in self.each_target() {
            duration.histogram(&labels.each(), &target.sum.latency)?;
        }
        Ok(())
    }

    /// The books of requests by service; those that reached no service under an empty name.
    fn sums(&self) -> impl Iterator<Item = (&str, &ServiceSum)> {
        let routed = self.snapshot.services.iter().map(|s| (s.name.as_str(), &s.sum));
        routed.chain(std::iter::once(("", &self.snapshot.unrouted)))
    }

    fn each_color(&self) -> impl Iterator<Item = (&str, &'static str, &ColorMetrics)> {
        self.snapshot.services.iter().flat_map(|service| {
            let colors = Color::BOTH.iter().zip(&service.colors);
            colors.map(|(name, color)| (service.name.as_str(), name.as_str(), color))
        })
    }

    fn each_target(&self) -> impl Iterator<Item = (TargetLabels<'_>, &TargetMetrics)> {
        self.each_color().flat_map(|(service, color, metrics)| {
            let labels = move |target: &TargetMetrics| TargetLabels {
                service,
                color,
                target: target.url.to_string(),
            };
            metrics.targets.iter().map(move |target| (labels(target), target))
        })
    }
}

/// A metric and where its value stands.
type Column<T> = (&'static Metric, fn(&T) -> u64);

/// What an exemplar would carry; there are none.
type Labels = Vec<(&'static str, &'static str)>;

struct TargetLabels<'n> {
    service: &'n str,
    color: &'static str,
    target: String,
}

// === impl TargetLabels, Family ===

impl TargetLabels<'_> {
    fn each(&self) -> [&str; 3] {
        [self.service, self.color, &self.target]
    }

    fn and<'l>(&'l self, last: &'l str) -> [&'l str; 4] {
        [self.service, self.color, &self.target, last]
    }
}

impl<'e> Family<'e> {
    fn open<'d: 'e>(
        to: &'e mut DescriptorEncoder<'d>,
        metric: &Metric,
    ) -> Result<Family<'e>, fmt::Error> {
        let (name, kind) = match metric.kind {
            // The format appends `_total` itself.
            Kind::Counter => (metric.name.trim_end_matches("_total"), MetricType::Counter),
            Kind::Gauge => (metric.name, MetricType::Gauge),
            Kind::Histogram => (metric.name, MetricType::Histogram),
        };
        Ok(Family(to.encode_descriptor(name, metric.help, None, kind)?, metric.labels))
    }

    fn with<T>(
        &mut self,
        values: &[&str],
        write: impl FnOnce(&mut MetricEncoder<'_>) -> Result<T, fmt::Error>,
    ) -> Result<T, fmt::Error> {
        let labels: Vec<(&str, &str)> =
            self.1.iter().copied().zip(values.iter().copied()).collect();
        if labels.is_empty() {
            return write(&mut self.0);
        }
        write(&mut self.0.encode_family(&labels)?)
    }

    fn count(&mut self, values: &[&str], count: u64) -> fmt::Result {
        self.with(values, |encoder| encoder.encode_counter::<Labels, u64, u64>(&count, None))
    }

    fn gauge(&mut self, values: &[&str], value: u64) -> fmt::Result {
        self.with(values, |encoder| encoder.encode_gauge(&value))
    }

    /// One bucket per power of two: what is finer serves the quantiles of receipts.
    fn histogram(&mut self, values: &[&str], sum: &HistogramSum) -> fmt::Result {
        let mut buckets = Vec::with_capacity(BUCKETS / 4 + 2);
        let mut count = 0u64; // since the last bound; the encoder adds them up
        for (bucket, more) in sum.buckets.iter().enumerate() {
            count += more;
            match bucket_bound(bucket) {
                Some(micros) if bucket % 4 == 0 => {
                    buckets.push((micros as f64 / 1e6, std::mem::take(&mut count)));
                }
                _ => {}
            }
        }
        buckets.push((f64::INFINITY, count));
        let total = sum.total_micros as f64 / 1e6;
        self.with(values, |encoder| {
            encoder.encode_histogram::<Labels>(total, sum.count(), &buckets, None)
        })
    }
}
