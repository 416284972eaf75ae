//! Metrics of targets.

use control::TargetMetrics;
use rules::Standing;

use super::names;
use super::page::Family;
use super::page::Samples::Target;
use super::page_writer::PageWriter;

const CLASSES: [&str; 5] = ["1xx", "2xx", "3xx", "4xx", "5xx"];

pub(super) const FAMILIES: &[Family] = &[
    Family(
        &names::TARGET_UP,
        Target(|labels, target, to| {
            to.sample(&labels, u64::from(target.standing == Standing::Up));
        }),
    ),
    Family(
        &names::PROBE_DURATION,
        Target(|labels, target, to| {
            if let Some(probed) = target.probed {
                to.sample(&labels, probed.as_secs_f64());
            }
        }),
    ),
    Family(
        &names::TARGET_CERTIFICATE,
        Target(|labels, target, to| {
            if let Some(expires) = target.expires {
                to.sample(&labels, expires.0 / 1000);
            }
        }),
    ),
    Family(
        &names::TARGET_IN_FLIGHT,
        Target(|labels, target, to| used(labels, target, target.figures.leases, to)),
    ),
    Family(&names::TARGET_REQUESTS, Target(requests)),
    Family(&names::TARGET_CONNECTS, Target(connects)),
    Family(
        &names::TARGET_REUSED,
        Target(|labels, target, to| used(labels, target, target.figures.reused, to)),
    ),
    Family(
        &names::TARGET_RETRIED,
        Target(|labels, target, to| used(labels, target, target.figures.retried, to)),
    ),
    Family(
        &names::STALE_LOST,
        Target(|labels, target, to| used(labels, target, target.figures.stale_lost, to)),
    ),
    Family(&names::DURATION, Target(duration)),
];

/// Writes a value of a target that has had a request.
fn used(labels: [&str; 4], target: &TargetMetrics, value: u64, to: &mut PageWriter) {
    if !target.figures.is_unused() {
        to.sample(&labels, value);
    }
}

fn requests(
    [service, color, url, address]: [&str; 4],
    target: &TargetMetrics,
    to: &mut PageWriter,
) {
    let failed = [("failed", target.figures.failed)];
    for (class, count) in CLASSES.into_iter().zip(target.figures.classes).chain(failed) {
        to.event(&[service, color, url, address, class], count);
    }
}

fn connects(
    [service, color, url, address]: [&str; 4],
    target: &TargetMetrics,
    to: &mut PageWriter,
) {
    to.event(&[service, color, url, address, "ok"], target.figures.connected);
    to.event(&[service, color, url, address, "failed"], target.figures.connect_failed);
}

fn duration(labels: [&str; 4], target: &TargetMetrics, to: &mut PageWriter) {
    if target.figures.classes.iter().any(|count| *count > 0) {
        to.histogram(&labels, &target.latency());
    }
}
