//! A switch, step by step: gate, journal, publish, drain, done. Rollback and failover take the
//! same steps.

mod outcome;
mod warm_up;

use std::sync::Arc;
use std::time::Duration;

use rules::gate::{self, GateOutcome};
use rules::{
    Actor, Cause, Color, Command, Direction, DrainEnd, Event, Generation, Move, MoveRequest,
    Refusal, Remarks, ServiceName, Verb, Watched,
};
use tokio::time::Instant;
use traffic::Version;

use crate::clock::Clock;
use crate::core::{Call, CallDetails, Core, Inner};
use crate::drain;
use crate::events::LiveEvent;
use crate::health::{SwitchEvidence, prove_all};
use crate::inbox::Answer;
use crate::request::{Destination, DrainWatch, Scope, SwitchRequest, Switched};
use crate::swap::Subject;
use crate::view::CallStage;

use warm_up::WarmedUp;

/// The switch to carry out, once the gate has been passed.
pub(super) struct ApprovedSwitch {
    /// The call that it belongs to.
    pub(super) call: u64,
    pub(super) request: MoveRequest,
    pub(super) to: Color,
    pub(super) actor: Actor,
    /// The evidence for every service to be moved.
    pub(super) proven: SwitchEvidence,
    /// The drain deadline; `None`: that of each service.
    pub(super) drain: Option<Duration>,
    pub(super) remarks: Remarks,
    /// The way the switch is watched; `None`: it is not.
    pub(super) watched: Option<Watched>,
}

/// A switch that is decided, durable and being published.
struct DecidedSwitch {
    generation: Generation,
    cause: Cause,
    version: Version,
    /// The old colors and their drains, one for each service that moves.
    left: Vec<(Subject, DrainWatch)>,
}

/// Carries out an operator's switch.
pub(super) async fn run(
    core: Arc<Core>,
    request: SwitchRequest,
    call: Call,
) -> Answer<Vec<Switched>> {
    let services = core.lock().services_of(&request.scope);
    let result = match &services {
        Ok(services) => attempt(&core, &request, services.clone(), call).await,
        Err(refusal) => Err(refusal.clone()),
    };
    let result = result.map_err(|refusal| named_in(&request.scope, refusal));
    // A dry run leaves no trace.
    if let Err(refusal) = &result
        && !request.dry_run
    {
        for service in services.iter().flatten() {
            core.lock().count_refusal(service, refusal);
        }
        core.refused(request.scope, &request.actor, refusal);
    }
    result
}

/// For a group, names the service that is not healthy.
fn named_in(scope: &Scope, refusal: Refusal) -> Refusal {
    match (scope, refusal) {
        (Scope::Group(_), Refusal::Unhealthy { service, color, reason }) => {
            let reason = format!("{service}: {reason}");
            Refusal::Unhealthy { service, color, reason }
        }
        (_, refusal) => refusal,
    }
}

async fn attempt(
    core: &Arc<Core>,
    request: &SwitchRequest,
    services: Vec<ServiceName>,
    call: Call,
) -> Answer<Vec<Switched>> {
    let (direction, verb) = match request.to {
        Destination::Color(color) => (Direction::To(color), Verb::Switch(color)),
        Destination::Previous => (Direction::Back, Verb::Rollback),
    };
    let details = CallDetails {
        verb,
        scope: request.scope.clone(),
        services: services.clone(),
        actor: request.actor.clone(),
        patience: request.wait_healthy,
        dry_run: request.dry_run,
    };
    let wanted = MoveRequest {
        if_generation: request.if_generation,
        version: request.remarks.version.clone(),
        supersede: request.supersede,
        ..MoveRequest::new(services, direction)
    };
    let (first, mut pending) = core.begin(call, details, |inner| inner.first_check(&wanted))?;
    let id = pending.id();
    let work = async {
        let outcome = match first {
            Some(outcome) => outcome,
            None => check_again(core, id, &wanted).await?,
        };
        let (moving, to) = match outcome {
            GateOutcome::AlreadyOn { generation, .. } => {
                // Not the drain of another switch than the caller has seen.
                let is_expected = wanted.if_generation.is_none_or(|one| one == generation);
                let mut inner = core.lock();
                return match request.drain.filter(|_| is_expected) {
                    Some(within) if request.dry_run => {
                        inner.would_shorten(&wanted.services, within)
                    }
                    Some(within) => {
                        inner.shorten_drains(core, &wanted.services, within, &request.actor);
                        inner.left_alone(&wanted.services)
                    }
                    None => inner.left_alone(&wanted.services),
                };
            }
            GateOutcome::Open { moving, to, .. } => (moving, to),
        };
        core.lock().calls.aims_at(id, to);
        let (proven, warmed_up) = gate(core, id, request, &moving, to).await?;
        if request.dry_run {
            return core.lock().would_switch(request, &wanted.services, to, proven);
        }
        let (actor, drain, remarks) =
            (request.actor.clone(), request.drain, request.remarks.clone());
        let watched = core.lock().watched_switch(&moving, to);
        let request = wanted;
        let approved =
            ApprovedSwitch { call: id, request, to, actor, proven, drain, remarks, watched };
        let mut answer = carry_out(core, approved).await?;
        warm_up::add_to(&mut answer, warmed_up);
        Ok(answer)
    };
    pending.until_ended(work).await
}

/// Proves the color healthy, warms it up, and proves that it is healthy after that.
// lossless: L9 - the evidence that decides is newer than the warm-up.
async fn gate(
    core: &Arc<Core>,
    call: u64,
    request: &SwitchRequest,
    moving: &[ServiceName],
    to: Color,
) -> Answer<(SwitchEvidence, WarmedUp)> {
    let patient_until = request.wait_healthy.map(|wait| Instant::now() + wait);
    let left = || patient_until.map(|until| until.saturating_duration_since(Instant::now()));
    let proven = core.while_in_control(prove_all(core, moving, to, left())).await?;
    let warming_up = warm_up::run(core, call, request, moving, to);
    let warmed_up = core.while_in_control(warming_up).await?;
    if warmed_up.is_empty() {
        return Ok((proven, warmed_up));
    }
    let proven = core.while_in_control(prove_all(core, moving, to, left())).await?;
    Ok((proven, warmed_up))
}

/// Checks the gate again once the change that was being published is published.
async fn check_again(core: &Core, call: u64, request: &MoveRequest) -> Answer<GateOutcome> {
    drop(core.turn_of(call).await?);
    let mut inner = core.lock();
    inner.calls.reach(call, CallStage::Gate);
    inner.examine(request)
}

/// Journal, publish, and the start of the drains. Returns when every worker has acknowledged.
pub(super) async fn carry_out(core: &Arc<Core>, approved: ApprovedSwitch) -> Answer<Vec<Switched>> {
    let services = approved.request.services.clone();
    let turn = core.turn_of(approved.call).await?;
    let _changing = core.begin_change(&services)?;
    let Some(decided) = decide(core, approved).await? else {
        return core.lock().left_alone(&services); // another call was faster
    };
    let acknowledged = core.acknowledged(decided.version).await;
    let switched = core.lock().switched(&services, &decided);
    if let Err(workers) = acknowledged {
        let generation = decided.generation;
        let services = decided.names();
        tracing::error!(services, %generation, ?workers, "not every worker has applied the switch");
        tokio::spawn(finish_late(core.clone(), decided));
        return Err(Refusal::PublishIncomplete { generation, workers });
    }
    published(core, decided.generation).await;
    drop(turn);
    finish(core, decided);
    switched
}

/// `None`: the color has become active meanwhile.
// lossless: L6 - the table is built after the decision is durable, in the same step.
async fn decide(core: &Arc<Core>, approved: ApprovedSwitch) -> Answer<Option<DecidedSwitch>> {
    let ApprovedSwitch { call, request, to, actor, proven, drain, remarks, watched } = approved;
    let command = |inner: &mut Inner| {
        inner.calls.decide(call)?;
        let proven = proven.into_iter().map(|(service, evidence)| {
            inner.still_healthy(&service, to, core.clock.moment())?;
            let unfinished = inner.figures(core, &service);
            Ok(rules::ProvenColor { service, color: to, evidence, unfinished })
        });
        let proven = proven.collect::<Answer<_>>()?;
        Ok(Command::Move(Move { request, actor, proven, remarks, watched }))
    };
    core.commit(command, |inner, events| inner.enact(core, events, drain)).await
}

/// Records that every worker has acknowledged a generation.
pub(super) async fn published(core: &Arc<Core>, generation: Generation) {
    if let Err(refusal) = core.note(Command::Published { generation }).await {
        tracing::error!(%generation, %refusal, "the publish could not be recorded");
    }
    tracing::info!(%generation, "published: every worker has applied it");
    core.emit(LiveEvent::Published { generation });
}

/// Completes a switch after a worker was late: it is not undone, and completes when that worker
/// acknowledges.
async fn finish_late(core: Arc<Core>, decided: DecidedSwitch) {
    core.publisher.acknowledged(decided.version).await;
    published(&core, decided.generation).await;
    finish(&core, decided);
}

/// Runs the drains, each of which ends by itself, and completes each receipt.
fn finish(core: &Arc<Core>, decided: DecidedSwitch) {
    for (subject, drain) in decided.left {
        tokio::spawn(finish_one(core.clone(), decided.generation, subject, drain));
    }
}

async fn finish_one(core: Arc<Core>, generation: Generation, subject: Subject, drain: DrainWatch) {
    let Some(end) = drain::run(&core, &subject, &drain).await else { return };
    let Subject { service, color, id, .. } = subject;
    let command = |inner: &mut Inner| {
        let figures = inner.figures(&core, &service).unwrap_or_default();
        Ok(Command::EndDrain { generation, service: service.clone(), end, figures })
    };
    let then = |inner: &mut Inner, _: &[Event]| {
        inner.drains.end(id, end);
        inner.count_end(&service, end);
        core.publish(inner);
    };
    let noted = {
        let mut noting = std::pin::pin!(core.commit(command, then));
        tokio::select! {
            biased;
            noted = &mut noting => noted,
            // The color is drained, whatever the disk does.
            () = core.has_stalled() => {
                core.lock().drains.report_end(id, end);
                noting.await
            }
        }
    };
    if let Err(refusal) = noted {
        tracing::error!(%service, %generation, %refusal, "the end of the drain could not be recorded");
    }
    log_end(&service, color, generation, end);
    core.emit(LiveEvent::DrainEnded { service, color, target: None, generation, end });
}

fn log_end(service: &ServiceName, color: Color, generation: Generation, end: DrainEnd) {
    if matches!(end, DrainEnd::Cut(_)) {
        tracing::warn!(%service, %color, %generation, %end, "the drain has ended");
    } else {
        tracing::info!(%service, %color, %generation, %end, "the drain has ended");
    }
}

impl DecidedSwitch {
    /// Returns the names of the services that move, for the log.
    fn names(&self) -> String {
        let names = self.left.iter().map(|(subject, _)| subject.service.as_str());
        names.collect::<Vec<_>>().join(", ")
    }
}

impl Inner {
    /// Checks the gate when a call arrives, before any probe is made for it. `None`: other services
    /// are being published, so another check is due. Only a second change of the same service is
    /// refused.
    fn first_check(&self, request: &MoveRequest) -> Answer<Option<GateOutcome>> {
        match self.examine(request) {
            Err(Refusal::SwitchInProgress { .. }) if !self.is_any_changing(&request.services) => {
                Ok(None)
            }
            outcome => outcome.map(Some),
        }
    }

    /// Checks the gate. A change in progress that is not yet decided is in the way as much as one
    /// being published: a call meanwhile is refused for that before anything else.
    fn examine(&self, request: &MoveRequest) -> Answer<GateOutcome> {
        match gate::examine(&self.state, request, Clock::now()) {
            Ok(GateOutcome::Open { .. }) | Err(Refusal::GenerationMismatch { .. })
                if self.is_any_changing(&request.services) =>
            {
                Err(Refusal::SwitchInProgress { generation: self.state.publishing() })
            }
            outcome => outcome,
        }
    }

    /// Ends and begins the drains that follow from a switch, and publishes all of it at once.
    // lossless: L2 - one table moves all services.
    fn enact(
        &mut self,
        core: &Core,
        events: &[Event],
        timeout: Option<Duration>,
    ) -> Option<DecidedSwitch> {
        for event in events {
            if let Event::DrainEnded { generation, service: Some(service), end, .. } = event {
                self.tell_superseded(core, *generation, service, *end);
            }
        }
        let mut left = Vec::new();
        let mut what = None;
        for event in events {
            if let Event::Moved { service, from, generation, cause, .. } = event {
                left.extend(self.leave(service, *from, *generation, timeout));
                what = Some((*generation, *cause));
            }
        }
        let (generation, cause) = what?;
        let version = core.publish(self);
        for event in events {
            self.tell_moved(core, event);
        }
        Some(DecidedSwitch { generation, cause, version, left })
    }

    fn tell_moved(&mut self, core: &Core, event: &Event) {
        let Event::Moved { service, from, generation, cause, actor, remarks, .. } = event else {
            return;
        };
        core.unretired.notify_waiters();
        self.remember_base(core, service);
        let (from, to, generation, cause) = (*from, from.other(), *generation, *cause);
        let version = self.state.version(service, to);
        tracing::info!(
            %service,
            %from,
            %to,
            version = version.as_ref().map(rules::Version::as_str),
            %generation,
            cause = cause.as_str(),
            %actor,
            reason = remarks.reason,
            "switch"
        );
        let (service, actor, reason) = (service.clone(), actor.clone(), remarks.reason.clone());
        core.emit(LiveEvent::Switch {
            service,
            from,
            to,
            version,
            generation,
            cause,
            actor,
            reason,
        });
    }

    /// Begins the drain of a service's old color; a drain of its new color ends.
    fn leave(
        &mut self,
        service: &ServiceName,
        from: Color,
        generation: Generation,
        timeout: Option<Duration>,
    ) -> Option<(Subject, DrainWatch)> {
        let superseded = DrainEnd::Superseded { by: generation };
        let subject = self.subject(service, from, timeout)?;
        let other = self.roster.member(service)?.color(from.other()).id;
        self.drains.end(other, superseded);
        let drain = self.drains.begin(&subject, superseded);
        Some((subject, drain))
    }

    /// Brings the deadlines of drains under way closer, those of the idle colors of these services.
    fn shorten_drains(
        &mut self,
        core: &Core,
        services: &[ServiceName],
        within: Duration,
        actor: &Actor,
    ) {
        let deadline = Instant::now() + within;
        for service in services {
            let Some(color) = self.state.active(service).map(Color::other) else { continue };
            let Some(subject) = self.subject(service, color, Some(within)) else { continue };
            if self.drains.shorten(subject.id, deadline) {
                let seconds = within.as_secs_f64();
                tracing::warn!(%service, %color, %actor, seconds, "the drain has a shorter deadline");
                let (service, actor) = (service.clone(), actor.clone());
                core.emit(LiveEvent::Shortened { service, color, within, actor });
            }
        }
    }

    fn tell_superseded(
        &mut self,
        core: &Core,
        generation: Generation,
        service: &ServiceName,
        end: DrainEnd,
    ) {
        let receipt = self.state.history().receipt(generation, service);
        let Some(color) = receipt.map(|receipt| receipt.from) else { return };
        log_end(service, color, generation, end);
        self.count_end(service, end);
        let service = service.clone();
        core.emit(LiveEvent::DrainEnded { service, color, target: None, generation, end });
    }
}
