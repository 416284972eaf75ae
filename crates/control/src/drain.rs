//! Draining: waiting until a color or a target without traffic has no lease and no connection left, and
//! cutting the rest at the deadline (L3, L4).

use std::future::pending;
use std::sync::Arc;
use std::time::Duration;

use rules::{Cut, DrainEnd};
use tokio::sync::watch;
use tokio::time::{Instant, interval_at, sleep_until};
use traffic::{Remaining, Version};

use crate::core::{Core, Inner};
use crate::events::LiveEvent;
use crate::request::{DrainWatch, Stuck};
use crate::swap::Subject;

/// The time limit for workers to close the connections to cut. After it, and each time it passes
/// again, the log and the callers that wait for the drain are informed.
const GRACE: Duration = Duration::from_secs(10);

/// Subjects that left without a switch, and the views of their drains.
pub(crate) type Left = Vec<(Subject, DrainWatch)>;

/// Lists removed subjects as draining from the next table on, unless they drain already: a color keeps
/// draining after a switch.
pub(crate) fn begin(inner: &mut Inner, left: Vec<Subject>) -> Left {
    let left = left.into_iter().filter(|subject| inner.drains.watch(subject.id).is_none());
    let left: Vec<_> = left.collect();
    let begun = left.into_iter().map(|subject| {
        let watch = inner.drains.begin(&subject, DrainEnd::Interrupted);
        (subject, watch)
    });
    begun.collect()
}

/// Drains removed subjects from the table of this version on, and reports each end. `told`: also as an
/// event.
pub(crate) async fn attend(core: Arc<Core>, version: Version, left: Left, told: bool) {
    core.publisher.acknowledged(version).await;
    for (subject, watch) in left {
        let core = core.clone();
        tokio::spawn(async move {
            let Some(end) = run(&core, &subject, &watch).await else { return };
            let generation = {
                let mut inner = core.lock();
                inner.drains.end(subject.id, end);
                core.publish(&inner);
                inner.state.generation()
            };
            tracing::info!(
                service = %subject.service, color = %subject.color,
                target_url = subject.target_url(), address = subject.target_address(), %end,
                "the drain of a removed color or target has ended",
            );
            let Subject { service, color, target, .. } = subject;
            if told {
                core.emit(LiveEvent::DrainEnded { service, color, target, generation, end });
            }
        });
    }
}

/// Waits until nothing holds the subject, cutting the rest at the deadline. To be called
/// once every worker has acknowledged a table that lists it. `None`: a newer change took over, and
/// the watchers have been notified.
// lossless: L3 L4
pub(crate) async fn run(
    core: &Arc<Core>,
    subject: &Subject,
    watch: &DrainWatch,
) -> Option<DrainEnd> {
    let deadline = core.lock().drains.set_deadline(subject.id, Instant::now() + subject.timeout);
    let before = subject.books.cut();
    let mut superseded = watch.clone();
    tokio::select! {
        biased;
        _ = superseded.end() => return None,
        () = core.publisher.drained(&*subject.books) => return Some(DrainEnd::Drained),
        // In an older Teal it ends when that exits, at `upgrade.drain`.
        () = async { reached(deadline).await; core.until_in_control().await } => {}
    }
    let left = subject.books.remaining();
    tracing::warn!(
        service = %subject.service, color = %subject.color, target_url = subject.target_url(),
        address = subject.target_address(), leases = left.leases, connections = left.connections, "the drain deadline has passed: cutting the remaining leases",
    );
    {
        let mut inner = core.lock();
        inner.drains.cut(subject.id);
        core.publish(&inner);
    }
    tokio::select! {
        biased;
        _ = superseded.end() => return None,
        () = all_cut(core, subject) => {}
    }
    let cut = since(subject.books.cut(), before);
    Some(if cut.total() == 0 { DrainEnd::Drained } else { DrainEnd::Cut(cut) })
}

/// Waits for a deadline that may come closer; forever, if the drain has ended.
async fn reached(deadline: Option<watch::Receiver<Instant>>) {
    let Some(mut deadline) = deadline else { return pending().await };
    loop {
        let at = *deadline.borrow_and_update();
        tokio::select! {
            () = sleep_until(at) => return,
            changed = deadline.changed() => {
                if changed.is_err() {
                    return pending().await;
                }
            }
        }
    }
}

/// Waits until workers have closed everything that is cut, which they normally do at once. A worker that
/// hangs is reported until it does, since the drain must not end as "cut" while a lease is left.
// lossless: L4 L10
async fn all_cut(core: &Core, subject: &Subject) {
    let mut patience = interval_at(Instant::now() + GRACE, GRACE);
    loop {
        tokio::select! {
            biased;
            () = core.publisher.drained(&*subject.books) => return,
            _ = patience.tick() => {
                let Remaining { leases, connections } = subject.books.remaining();
                tracing::error!(
                    service = %subject.service, color = %subject.color,
                    target_url = subject.target_url(), address = subject.target_address(),
                    leases, connections,
                    "a worker has not closed every connection to cut",
                );
                core.lock().drains.report_stuck(subject.id, Stuck { leases, connections });
            }
        }
    }
}

fn since(now: Cut, before: Cut) -> Cut {
    Cut {
        unanswered: now.unanswered.saturating_sub(before.unanswered),
        answering: now.answering.saturating_sub(before.answering),
        tunnels: now.tunnels.saturating_sub(before.tunnels),
    }
}
