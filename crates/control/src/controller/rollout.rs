//! Rollouts: what a switch has released is watched until its time is over, and taken back if it fails.
//!
//! Guaranteed: a candidate is taken back at most once, through the gate, journal, publish and drain of every rollback;
//! nothing moves if the stable color is not healthy. A restart and an upgrade of Teal go on watching; evidence that is
//! lost by them only delays a verdict. Never here: the mathematics (crate `judge`), a request.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use rules::gate::{self, GateOutcome};
use rules::{
    Actor, Baseline, Color, Command, Direction, EndRollout, MoveRequest, OnFail, Refusal, Remarks,
    Rollout, RolloutId, RolloutResult, ServiceName, Verb, Verdict, Watched as WatchedSwitch,
};
use tokio::task::JoinSet;
use tokio::time::sleep;
use traffic::Publisher;

use super::switch::{self, ApprovedSwitch};
use crate::clock::Clock;
use crate::core::{CallDetails, Core, Inner};
use crate::health::prove_all;
use crate::inbox::Answer;
use crate::request::{RolloutSelection, Scope};
use crate::series::SeriesStep;
use crate::view::{RolloutMetrics, RolloutStatus};
use crate::watched::Watched;

/// The time between two looks at the evidence.
const TICK: Duration = Duration::from_millis(100);

/// The time over which the traffic before a switch is summed up, in seconds.
const BEFORE: u64 = 900;

/// The pause after a consequence that could not be drawn.
const PAUSE: Duration = Duration::from_secs(1);

/// The consequence of a look at a rollout.
enum Due {
    /// Its candidate failed: back to the stable color.
    TakeBack(RolloutId, String),
    /// It is over.
    End(RolloutId, RolloutResult, String),
}

/// Watches all open rollouts, forever.
pub(super) async fn watch(core: Arc<Core>) {
    let mut acting = JoinSet::new();
    let mut busy = BTreeSet::new();
    loop {
        let is_idle = core.lock().state.rollouts().open().next().is_none();
        tokio::select! {
            Some(done) = acting.join_next() => {
                let Ok(id) = done else { continue };
                busy.remove(&id);
                continue;
            }
            () = core.released.notified(), if is_idle => {}
            () = sleep(TICK), if !is_idle => {}
        }
        core.until_in_control().await;
        for due in core.lock().judge(&core.publisher) {
            let (Due::TakeBack(id, _) | Due::End(id, ..)) = due;
            if busy.insert(id) {
                let core = core.clone();
                acting.spawn(async move {
                    act(&core, due).await;
                    id
                });
            }
        }
    }
}

async fn act(core: &Arc<Core>, due: Due) {
    let (id, done) = match due {
        Due::End(id, result, detail) => (id, end(core, id, result, detail).await),
        Due::TakeBack(id, detail) => (id, take_back_or_tell(core, id, detail).await),
    };
    if let Err(refusal) = done {
        let reason = refusal.to_string().replace('\n', "; ");
        tracing::warn!(rollout = %id, reason, "nothing follows from the verdict yet; trying again");
        sleep(PAUSE).await;
    }
}

/// Takes a candidate back; if that is not possible, ends its rollout for a person to look. Refused if another change is
/// under way, or the disk is not available.
async fn take_back_or_tell(core: &Arc<Core>, id: RolloutId, detail: String) -> Answer<()> {
    match take_back(core, id, &detail).await {
        Err(
            refusal @ (Refusal::Unhealthy { .. }
            | Refusal::ColorRetired { .. }
            | Refusal::NothingToRollBack { .. }),
        ) => {
            let why = refusal.to_string().replace('\n', "; ");
            end(core, id, RolloutResult::Stuck, format!("{detail}; {why}")).await
        }
        done => done,
    }
}

/// Ends a rollout, and leaves traffic where it is.
async fn end(core: &Core, id: RolloutId, result: RolloutResult, detail: String) -> Answer<()> {
    let command = |_: &mut Inner| Ok(Command::EndRollout(EndRollout { id, result, detail }));
    core.commit(command, |_, _| ()).await
}

/// Moves the services of a rollout back to their stable color, which must be healthy now.
// lossless: L12 - the same gate as for every switch.
async fn take_back(core: &Arc<Core>, id: RolloutId, detail: &str) -> Answer<()> {
    let (request, services, to) = {
        let inner = core.lock();
        let open = inner.state.rollouts().get(id).filter(|rollout| rollout.is_open());
        let Some(rollout) = open else { return Ok(()) };
        let services: Vec<ServiceName> = rollout.names().cloned().collect();
        let verdict = Verdict { rollout: id, detail: detail.to_owned() };
        let request = MoveRequest {
            verdict: Some(verdict),
            ..MoveRequest::new(services.clone(), Direction::Back)
        };
        let outcome = gate::examine(&inner.state, &request, Clock::now())?;
        let GateOutcome::Open { to, .. } = outcome else { return Ok(()) };
        (request, services, to)
    };
    let details = CallDetails {
        verb: Verb::Rollback,
        scope: scope_of(&services),
        services: services.clone(),
        actor: Actor::Teal,
        patience: None,
        dry_run: false,
    };
    let (call, _) = core.lock().calls.receive();
    let ((), mut pending) = core.begin(call, details, |_| Ok(()))?;
    let call = pending.id();
    core.lock().calls.aims_at(call, to);
    let remarks = Remarks { version: None, reason: Some(detail.to_owned()) };
    let work = async {
        let proven = core.while_in_control(prove_all(core, &services, to, None)).await?;
        let approved = ApprovedSwitch {
            call,
            request,
            to,
            actor: Actor::Teal,
            proven,
            drain: None,
            remarks,
            watched: None,
        };
        switch::carry_out(core, approved).await.map(drop)
    };
    pending.until_ended(work).await
}

fn scope_of(services: &[ServiceName]) -> Scope {
    match services {
        [one] => Scope::Service(one.clone()),
        _ => Scope::Only,
    }
}

/// Returns the selected rollouts, newest first.
pub(super) fn read(core: &Core, selection: &RolloutSelection) -> Answer<Vec<RolloutStatus>> {
    let inner = core.lock();
    let rollouts = inner.state.rollouts();
    if let Some(id) = selection.id {
        let found = rollouts.get(id).ok_or(Refusal::UnknownRollout { id })?;
        return Ok(vec![inner.rollout_status(found)]);
    }
    if let Some(service) = &selection.service {
        gate::name_service(&inner.state, Some(service))?;
    }
    let is_selected = |rollout: &&Rollout| {
        selection.service.as_ref().is_none_or(|service| rollout.concerns(service))
    };
    Ok(rollouts.iter().rev().filter(is_selected).map(|one| inner.rollout_status(one)).collect())
}

impl Inner {
    /// Returns the way in which a switch of these services is watched; `None`: none of them is configured so. Services
    /// that move together are watched for the longest of their times, and stay if one of them must not go back.
    pub(super) fn watched_switch(
        &self,
        services: &[ServiceName],
        to: Color,
    ) -> Option<WatchedSwitch> {
        let settings = |name: &ServiceName| self.roster.member(name)?.spec.rollout;
        let all: Vec<_> = services.iter().filter_map(settings).collect();
        let mut bake = all.iter().map(|settings| settings.bake).max_by_key(|bake| bake.duration)?;
        if all.iter().any(|settings| settings.bake.on_fail == OnFail::Notify) {
            bake.on_fail = OnFail::Notify;
        }
        let baselines = services.iter().map(|name| self.baseline(name, to.other())).collect();
        Some(WatchedSwitch { bake, baselines })
    }

    /// Returns the traffic of a service on its active color until now, since that became active: what an earlier version
    /// did there says nothing about the one that would be gone back to.
    fn baseline(&self, service: &ServiceName, color: Color) -> Baseline {
        let mut baseline = Baseline { service: service.clone(), requests: 0, failed: 0 };
        let Some(member) = self.roster.member(service) else { return baseline };
        let mut receipts = self.state.history().receipts().rev();
        let newest = receipts.find(|receipt| receipt.service == *service);
        // A step with requests of before is left out as a whole.
        let since = newest.map(|receipt| receipt.decided.0.div_ceil(1000));
        let span = self.series_clock.span(SeriesStep::Second, Some(BEFORE), since);
        for point in member.series.read(&span) {
            let point = point.color(color);
            baseline.requests += point.requests();
            baseline.failed += point.server_errors() + point.failed();
        }
        baseline
    }

    /// Looks at the evidence about all open rollouts; returns what follows from it.
    fn judge(&mut self, publisher: &Publisher) -> Vec<Due> {
        let (now, mut due) = (Clock::now(), Vec::new());
        let mut watched = std::mem::take(&mut self.watched);
        let open: Vec<Rollout> = self.state.rollouts().open().cloned().collect();
        watched.retain(|id, _| open.iter().any(|rollout| rollout.id == *id));
        for rollout in open {
            // Until it is published, some workers still send requests to the old color.
            if self.state.publishing() == Some(rollout.generation) {
                continue;
            }
            let watch = watched
                .entry(rollout.id)
                .or_insert_with(|| Watched::begin(&self.roster, publisher, &rollout));
            watch.look(&self.roster, publisher, &rollout);
            match (watch.failed(&rollout), rollout.bake.on_fail) {
                (Some(detail), OnFail::Rollback) => due.push(Due::TakeBack(rollout.id, detail)),
                (Some(detail), OnFail::Notify) => {
                    let detail = format!("{detail}; traffic stays, as configured or superseded");
                    due.push(Due::End(rollout.id, RolloutResult::Stuck, detail));
                }
                (None, _) if now >= rollout.until() => {
                    let verdict = watch.verdict(&rollout);
                    due.push(Due::End(rollout.id, RolloutResult::Done, verdict));
                }
                (None, _) => {}
            }
        }
        self.watched = watched;
        due
    }

    /// Returns a rollout with the evidence about it.
    fn rollout_status(&self, rollout: &Rollout) -> RolloutStatus {
        let watched = self.watched.get(&rollout.id);
        RolloutStatus {
            evidence: watched.map(Watched::evidence).unwrap_or_default(),
            verdict: watched.map(|watched| watched.verdict(rollout)),
            rollout: rollout.clone(),
            at: Clock::now(),
        }
    }

    /// Returns the newest rollout of a service, for metrics.
    pub(super) fn rollout_metrics(&self, service: &ServiceName) -> Option<RolloutMetrics> {
        let rollout = self.state.rollouts().newest_of(service)?;
        let watched = self.watched.get(&rollout.id);
        let log10_e = watched.and_then(|watched| watched.log10_e(service)).unwrap_or_default();
        Some(RolloutMetrics { result: rollout.ended.as_ref().map(|end| end.result), log10_e })
    }

    /// Returns the open rollout of a service, with the evidence about it.
    pub(super) fn open_rollout(&self, service: &ServiceName) -> Option<RolloutStatus> {
        self.state.rollouts().open_of(service).map(|rollout| self.rollout_status(rollout))
    }
}
