//! The controller: one loop over all inputs, and one file per verb.
//!
//! The loop answers questions at once and starts a task for everything that takes time. Once
//! something is decided, no task ends because its caller disconnects. Tasks share their state in
//! [`Core`], and it changes only by `Core::commit`.

mod changes;
mod deploy;
mod dry_run;
mod failover;
mod first_lookup;
mod hold;
mod maintenance;
mod metrics;
mod preview;
mod reconcile;
mod reload;
mod retire;
mod rollout;
mod series;
mod status;
mod switch;
mod targets;
mod upgrade;
mod wait;

use std::sync::Arc;

use rules::Refusal;
use tokio::sync::mpsc;

use crate::core::{Call, Core};
use crate::inbox::{Answer, Inbox, Input, Reply};
use crate::request::{PendingUpgrade, Reloader};

pub(crate) use reconcile::recover;
pub use reconcile::{Settings, StartError, start};
pub(crate) use upgrade::resume;

/// The number of services read at a time by what reads all of them, so that a switch does not wait for it.
const AT_ONCE: usize = 32;

/// Serves the inbox until every handle has been dropped.
async fn run(
    core: Arc<Core>,
    mut inbox: Inbox,
    reloader: Reloader,
    upgrades: mpsc::Sender<PendingUpgrade>,
) {
    while let Some(input) = inbox.next().await {
        let core = core.clone();
        match input {
            Input::Status(selection, reply) => {
                answer_if_wanted(reply, status::status(core, selection));
            }
            Input::Series(request, reply) => answer_if_wanted(reply, series::read(core, request)),
            Input::Metrics(reply) => answer_if_wanted(reply, metrics::source(core)),
            Input::History(reply) => tell(reply, status::history(&core)),
            Input::Receipts(generation, reply) => {
                tell(reply, status::receipts(&core, generation));
            }
            Input::Ready(reply) => tell(reply, core.lock().ready),
            Input::Switch(request, reply) => {
                carry_out(core.clone(), reply, |call| switch::run(core, request, call));
            }
            Input::Hold(request, reply) => {
                carry_out(core.clone(), reply, |call| hold::hold(core, request, call));
            }
            Input::Resume(request, reply) => {
                carry_out(core.clone(), reply, |call| hold::resume(core, request, call));
            }
            Input::DryRun(request, reply) => tell(reply, dry_run::run(&core, request)),
            Input::Maintenance(request, reply) => {
                carry_out(core.clone(), reply, |call| maintenance::run(core, request, call));
            }
            Input::Preview(request, reply) => tell(reply, preview::grant(&core, request)),
            Input::RevokePreviews(request, reply) => answer(reply, preview::revoke(core, request)),
            Input::Reload(request, reply) => {
                let reloader = reloader.clone();
                carry_out(core.clone(), reply, |call| reload::run(core, request, reloader, call));
            }
            Input::Renew(reader, reply) => {
                carry_out(core.clone(), reply, |call| reload::renew(core, reader, call));
            }
            Input::Targets(request, reply) => {
                carry_out(core.clone(), reply, |call| targets::run(core, request, call));
            }
            Input::BeginDeploy(request, reply) => answer(reply, deploy::begin(core, request)),
            Input::ReportDeploy(request, reply) => answer(reply, deploy::report(core, request)),
            Input::Retire(request, reply) => answer(reply, retire::run(core, request)),
            Input::Rollouts(selection, reply) => tell(reply, rollout::read(&core, &selection)),
            Input::Deploys(selection, reply) => tell(reply, deploy::read(&core, &selection)),
            Input::Upgrade(request, reply) => upgrade::pass_on(&upgrades, request, reply),
            Input::Freeze(reply) => answer(reply, upgrade::freeze(core)),
            Input::WaitDrained(service, color, reply) => {
                answer_if_wanted(reply, wait::drained(core, service, color));
            }
            Input::Stop(reply) => {
                tokio::spawn(async move {
                    core.stop().await;
                    tell(reply, ());
                });
            }
        }
    }
}

/// Answers when the work is done, or when the disk is slow to confirm it. Until the decision the work
/// ends with its caller; after it, a caller that disconnects cancels nothing.
// lossless: L10
fn carry_out<T: Send + 'static, W: Future<Output = Answer<T>> + Send + 'static>(
    core: Arc<Core>,
    mut reply: Reply<Answer<T>>,
    work: impl FnOnce(Call) -> W,
) {
    let (call, mut slow) = core.lock().calls.receive();
    let id = call.id();
    let work = work(call);
    tokio::spawn(async move {
        let mut work = std::pin::pin!(work);
        tokio::select! {
            biased;
            value = &mut work => return tell(reply, value),
            () = reply.closed() => core.lock().calls.abandon(id),
            Ok(silent) = &mut slow => tell(reply, Err(Refusal::JournalSlow { silent })),
        }
        drop(work.await); // the caller has its answer, or has disconnected
    });
}

/// Answers when the work is done. The work continues even if its caller disconnects.
fn answer<T: Send + 'static>(
    reply: Reply<Answer<T>>,
    work: impl Future<Output = Answer<T>> + Send + 'static,
) {
    tokio::spawn(async move { tell(reply, work.await) });
}

/// The same for reads, which end when their caller disconnects.
fn answer_if_wanted<T: Send + 'static>(
    mut reply: Reply<Answer<T>>,
    work: impl Future<Output = Answer<T>> + Send + 'static,
) {
    tokio::spawn(async move {
        let value = tokio::select! {
            () = reply.closed() => return,
            value = work => value,
        };
        tell(reply, value);
    });
}

fn tell<T>(reply: Reply<T>, value: T) {
    drop(reply.send(value)); // the caller may have disconnected
}

/// Publishes the results of probes, once for all results since the last publish.
async fn refresh(core: Arc<Core>) {
    loop {
        core.refresh.notified().await;
        core.publish(&core.lock());
    }
}
