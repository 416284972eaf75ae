//! Waiting until a color that left traffic has no lease and no connection left, and cutting
//! what is there at the deadline (L3, L4).

use std::sync::Arc;
use std::time::Duration;

use rules::{Cut, DrainEnd};
use tokio::time::{Instant, interval_at, sleep_until};
use traffic::{ColorSum, Remaining};

use crate::ask::{DrainWatch, Stuck};
use crate::core::{Core, Subject};

/// How long workers may take to end what they were told to cut. Then it is said that they have
/// not, in the log and to whoever waits for the drain; and again as often.
const GRACE: Duration = Duration::from_secs(10);

/// Waits until nothing holds the color, cutting what is there at the deadline. To be called
/// once every worker has acknowledged a table that lists the color. `None`: something newer
/// took over, and those who watch have been told.
// lossless: L3 L4
pub(crate) async fn run(
    core: &Arc<Core>,
    subject: &Subject,
    watch: &DrainWatch,
) -> Option<DrainEnd> {
    let deadline = Instant::now() + subject.timeout;
    core.lock().drains.set_deadline(subject.id, deadline);
    let before = cut_so_far(subject);
    let mut superseded = watch.clone();
    tokio::select! {
        biased;
        _ = superseded.end() => return None,
        () = core.publisher.drained(&subject.books) => return Some(DrainEnd::Drained),
        () = sleep_until(deadline) => {}
    }
    let left = core.publisher.remaining(&subject.books);
    tracing::warn!(
        service = %subject.service, color = %subject.color, leases = left.leases,
        connections = left.connections, "the drain deadline has passed: cutting what is left",
    );
    {
        let mut inside = core.lock();
        inside.drains.cut(subject.id);
        core.publish(&inside);
    }
    tokio::select! {
        biased;
        _ = superseded.end() => return None,
        () = all_cut(core, subject) => {}
    }
    let cut = since(cut_so_far(subject), before);
    Some(if cut.total() == 0 { DrainEnd::Drained } else { DrainEnd::Cut(cut) })
}

/// Workers end what is cut at once; one that hangs is complained of until it does, since "cut"
/// must not be said while a lease is left. Nobody else needs to wait for that.
// lossless: L4 L10
async fn all_cut(core: &Core, subject: &Subject) {
    let mut patience = interval_at(Instant::now() + GRACE, GRACE);
    loop {
        tokio::select! {
            biased;
            () = core.publisher.drained(&subject.books) => return,
            _ = patience.tick() => {
                let Remaining { leases, connections } = core.publisher.remaining(&subject.books);
                tracing::error!(
                    service = %subject.service, color = %subject.color, leases, connections,
                    "a worker has not ended what it was told to cut",
                );
                core.lock().drains.tell_stuck(subject.id, Stuck { leases, connections });
            }
        }
    }
}

fn cut_so_far(subject: &Subject) -> Cut {
    let sum = ColorSum::of(&subject.books);
    Cut { unanswered: sum.cut_unanswered, answering: sum.cut_answering, tunnels: sum.cut_tunnels }
}

fn since(now: Cut, before: Cut) -> Cut {
    Cut {
        unanswered: now.unanswered.saturating_sub(before.unanswered),
        answering: now.answering.saturating_sub(before.answering),
        tunnels: now.tunnels.saturating_sub(before.tunnels),
    }
}
