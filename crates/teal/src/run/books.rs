//! The books of requests at a stop: the requests that it cut, and the totals at the end.

use std::time::Duration;

use control::{Handle, MetricsSnapshot};
use traffic::{AbortCause, OwnReason, ServiceSum};

/// The time limit for the controller to sum them up, so that it cannot delay the exit.
const SUMMED_WITHIN: Duration = Duration::from_secs(1);

/// Returns the number of requests cut by a stop so far.
pub(super) async fn cut_so_far(handle: &Handle) -> u64 {
    let Ok(metrics) = handle.metrics().await else { return 0 };
    sums(&metrics).map(|sum| aborted(sum, AbortCause::Shutdown) + told_to_leave(sum)).sum()
}

// lossless: L8 - the books are shown when they are closed, so that they can be checked.
/// Logs the totals.
pub(super) async fn tell(handle: &Handle) {
    let Ok(Ok(metrics)) = tokio::time::timeout(SUMMED_WITHIN, handle.metrics()).await else {
        tracing::error!("the books could not be summed up within {SUMMED_WITHIN:?}");
        return;
    };
    let total = |part: fn(&ServiceSum) -> u64| sums(&metrics).map(part).sum::<u64>();
    let difference: i128 = sums(&metrics).map(ServiceSum::difference).sum();
    let difference = i64::try_from(difference).unwrap_or(i64::MAX);
    tracing::info!(
        accepted = total(|sum| sum.accepted),
        answered_by_blue = total(|sum| sum.colors[0]),
        answered_by_green = total(|sum| sum.colors[1]),
        answered_by_teal = total(|sum| sum.own.iter().sum()),
        aborted_by_client = total(|sum| aborted(sum, AbortCause::Client)),
        aborted_by_connection = total(|sum| aborted(sum, AbortCause::Connection)),
        aborted_by_target = total(|sum| aborted(sum, AbortCause::Target)),
        aborted_by_drain = total(|sum| aborted(sum, AbortCause::Drain)),
        aborted_by_deadline = total(|sum| aborted(sum, AbortCause::Deadline)),
        aborted_by_shutdown = total(|sum| aborted(sum, AbortCause::Shutdown)),
        in_flight = total(|sum| sum.in_flight),
        difference,
        tunnels_opened = total(|sum| sum.tunnels_opened),
        tunnels_closed = total(|sum| sum.tunnels_closed),
        "the books of all requests"
    );
    if difference != 0 {
        tracing::error!("the books do not balance; please report this");
    }
}

fn sums(metrics: &MetricsSnapshot) -> impl Iterator<Item = &ServiceSum> {
    metrics.services.iter().map(|service| &service.sum).chain([&metrics.unrouted])
}

fn aborted(sum: &ServiceSum, cause: AbortCause) -> u64 {
    sum.aborted.get(cause as usize).copied().unwrap_or(0)
}

/// Requests whose answer announced that Teal was stopping.
fn told_to_leave(sum: &ServiceSum) -> u64 {
    sum.own.get(OwnReason::Stopping as usize).copied().unwrap_or(0)
}
