//! Hold and resume: keeping new requests waiting, and releasing them.

use std::sync::Arc;
use std::time::Duration;

use rules::{Actor, Command, DrainEnd, Event, Refusal, ServiceName, Verb, gate};
use traffic::{ServiceSum, Version};

use super::status;
use crate::core::{Call, CallDetails, Core, Inner, PendingCall};
use crate::drain;
use crate::events::LiveEvent;
use crate::inbox::Answer;
use crate::request::{DrainWatch, HoldInForce, HoldRequest, ResumeRequest, Resumed, Scope};
use crate::swap::Subject;

/// The default maximum time for which a request waits.
pub(super) const MAX_WAIT: Duration = Duration::from_secs(30);

/// Holds a service. Returns when every worker holds it; the active color then drains.
pub(super) async fn hold(core: Arc<Core>, request: HoldRequest, call: Call) -> Answer<HoldInForce> {
    let result = try_hold(&core, &request, call).await;
    if let Err(refusal) = &result {
        core.refused(request.service.into(), &request.actor, refusal);
    }
    result
}

/// Resumes a service. Returns when every worker has resumed it.
pub(super) async fn resume(core: Arc<Core>, request: ResumeRequest, call: Call) -> Answer<Resumed> {
    let result = try_resume(&core, &request, call).await;
    if let Err(refusal) = &result {
        core.refused(request.service.into(), &request.actor, refusal);
    }
    result
}

async fn try_hold(core: &Arc<Core>, request: &HoldRequest, call: Call) -> Answer<HoldInForce> {
    let service = gate::name_service(&core.lock().state, request.service.as_ref())?;
    let _changing = core.begin_change(std::slice::from_ref(&service))?;
    let mut pending = begin(core, call, Verb::Hold, &service, &request.actor)?;
    let id = pending.id();
    let (actor, max_wait) = (request.actor.clone(), request.max_wait.unwrap_or(MAX_WAIT));
    let wanted = Command::Hold { service: service.clone(), actor: actor.clone(), max_wait };
    let command = |inner: &mut Inner| {
        gate::expect_generation(&inner.state, &service, request.if_generation)?;
        inner.calls.decide(id).map(|()| wanted)
    };
    let then = |inner: &mut Inner, _: &[Event]| {
        let (decided, _) = status::find(&inner.state, &service)?;
        let subject = inner.subject(&service, decided.split.stable(), request.drain);
        let subject = subject.ok_or(Refusal::Stopping)?;
        let drain = inner.drains.begin(&subject, DrainEnd::Interrupted);
        Ok((subject, drain, core.publish(inner)))
    };
    let (subject, drain, version) = pending.until_ended(core.commit(command, then)).await??;
    tracing::info!(%service, %actor, ?max_wait, "hold");
    core.emit(LiveEvent::Held { service: service.clone(), actor });
    let in_force = in_force(core, version).await;
    let color = subject.color;
    tokio::spawn(finish(core.clone(), version, subject, drain.clone()));
    in_force?;
    Ok(HoldInForce { service, color, max_wait, drain })
}

/// Drains a held color, once every worker holds, including late ones. There is no receipt: nothing
/// was switched.
// lossless: L4
async fn finish(core: Arc<Core>, version: Version, subject: Subject, watch: DrainWatch) {
    core.publisher.acknowledged(version).await;
    let Some(end) = drain::run(&core, &subject, &watch).await else { return };
    let generation = {
        let mut inner = core.lock();
        inner.drains.end(subject.id, end);
        core.publish(&inner);
        inner.state.generation()
    };
    let Subject { service, color, .. } = subject;
    tracing::info!(%service, %color, %end, "the drain of the held color has ended");
    core.emit(LiveEvent::DrainEnded { service, color, target: None, generation, end });
}

async fn try_resume(core: &Arc<Core>, request: &ResumeRequest, call: Call) -> Answer<Resumed> {
    let service = gate::name_service(&core.lock().state, request.service.as_ref())?;
    let _changing = core.begin_change(std::slice::from_ref(&service))?;
    let mut pending = begin(core, call, Verb::Resume, &service, &request.actor)?;
    let id = pending.id();
    let actor = request.actor.clone();
    let wanted = Command::Resume { service: service.clone(), actor: actor.clone() };
    let command = |inner: &mut Inner| {
        gate::expect_generation(&inner.state, &service, request.if_generation)?;
        inner.calls.decide(id).map(|()| wanted)
    };
    let then = |inner: &mut Inner, _: &[Event]| {
        let color = status::find(&inner.state, &service)?.0.split.stable();
        let Some(member) = inner.roster.member(&service) else { return Err(Refusal::Stopping) };
        let waiting = ServiceSum::of(&member.books).waiting;
        let id = member.color(color).id;
        inner.drains.end(id, DrainEnd::Interrupted);
        Ok((color, waiting, core.publish(inner)))
    };
    let (color, waiting, version) = pending.until_ended(core.commit(command, then)).await??;
    tracing::info!(%service, %actor, waiting, "resume");
    core.emit(LiveEvent::Resumed { service: service.clone(), actor });
    in_force(core, version).await?;
    Ok(Resumed { service, color, waiting })
}

/// Lists the call, which waits for its turn at the journal.
fn begin(
    core: &Arc<Core>,
    call: Call,
    verb: Verb,
    service: &ServiceName,
    actor: &Actor,
) -> Answer<PendingCall> {
    let details = CallDetails {
        verb,
        scope: Scope::Service(service.clone()),
        services: vec![service.clone()],
        actor: actor.clone(),
        patience: None,
        dry_run: false,
    };
    let ((), pending) = core.begin(call, details, |_| Ok(()))?;
    core.queue(pending.id())?;
    Ok(pending)
}

/// Waits until every worker has this version of the table.
pub(super) async fn in_force(core: &Core, version: Version) -> Answer<()> {
    let generation = core.lock().state.generation();
    let silent = core.acknowledged(version).await;
    silent.map_err(|workers| Refusal::PublishIncomplete { generation, workers })
}
