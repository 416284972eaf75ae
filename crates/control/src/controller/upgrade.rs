//! Handing control over to a newer Teal, and taking it back.

use std::sync::Arc;
use std::time::Duration;

use rules::Refusal;
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout_at};

use super::reconcile::take_over;
use super::tell;
use crate::core::Core;
use crate::core::Frozen;
use crate::inbox::{Answer, Reply};
use crate::request::{PendingUpgrade, UpgradeRequest, Upgraded};

/// The time for which drains in progress may delay a hand-over: a newer Teal would not know of them.
// lossless: L10
const DRAINS: Duration = Duration::from_secs(60);

/// Passes an upgrade on to the binary; one at a time.
pub(super) fn pass_on(
    upgrades: &mpsc::Sender<PendingUpgrade>,
    request: UpgradeRequest,
    reply: Reply<Answer<Upgraded>>,
) {
    if let Err(refused) = upgrades.try_send((request, reply)) {
        let (_, reply) = refused.into_inner();
        tell(reply, Err(Refusal::UpgradeInProgress));
    }
}

/// Hands control over once no drain that follows from a decision is in progress. Until then everything continues.
/// Drains of addresses that a name no longer has continue here, where their requests are.
pub(super) async fn freeze(core: Arc<Core>) -> Answer<Frozen> {
    let deadline = Instant::now() + DRAINS;
    loop {
        let drain = core.lock().drains.decided();
        if let Some(mut drain) = drain {
            let ended = timeout_at(deadline, drain.end()).await;
            ended.map_err(|_| Refusal::DrainUnderWay)?;
            tokio::task::yield_now().await; // the task that ended it removes it from the list
            continue;
        }
        if core.lock().stopping {
            return Err(Refusal::Stopping);
        }
        if !core.is_in_control() {
            return Err(Refusal::UpgradeInProgress);
        }
        let silent = || Refusal::SwitchInProgress { generation: core.lock().state.publishing() };
        let laid = timeout_at(deadline, core.suspend_control()).await.map_err(|_| silent())?;
        let frozen = Frozen::new(core.clone(), laid);
        if let Some(reason) = frozen.journal.problem().filter(|_| !frozen.journal.is_open()) {
            // Control handed over without a journal could never be taken back.
            frozen.go_on_without_journal(&reason);
            return Err(Refusal::JournalUnavailable { reason });
        }
        if core.lock().state.publishing().is_some() {
            return Err(silent()); // a worker has not applied the last table
        }
        if core.lock().drains.decided().is_none() && core.lock().changing.is_empty() {
            return Ok(frozen);
        }
        drop(frozen); // a drain began in between
        tokio::task::yield_now().await;
    }
}

/// Continues as at a start: with the state of the journal and the configuration in force here.
pub(crate) async fn resume(core: &Arc<Core>) -> Answer<()> {
    core.resume_control();
    core.lock().journal_problem = None; // the next append will tell
    core.lock().heartbeats.begin_anew(core.clock.moment()); // the newer Teal has heard the last ones
    let services = core.lock().roster.members.iter().map(|member| member.spec.clone()).collect();
    take_over(core, services).await?;
    core.publish(&core.lock());
    Ok(())
}
