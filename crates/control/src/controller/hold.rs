//! Hold and resume: keeping new requests waiting, and releasing them.

use std::sync::Arc;
use std::time::Duration;

use rules::{Actor, Command, DrainEnd, Event, Refusal, ServiceName, Verb, gate};
use traffic::{ServiceSum, Version};

use super::status;
use crate::ask::{DrainWatch, HoldAsk, HoldInForce, ResumeAsk, Resumed, Scope};
use crate::core::{About, Call, Core, Inside, Waiting};
use crate::drain;
use crate::inbox::Answer;
use crate::news::News;
use crate::swap::Subject;

/// The default maximum time for which a request waits.
const MAX_WAIT: Duration = Duration::from_secs(30);

/// Holds a service. Returns when every worker holds it; the active color then drains.
pub(super) async fn hold(core: Arc<Core>, ask: HoldAsk, call: Call) -> Answer<HoldInForce> {
    let result = try_hold(&core, &ask, call).await;
    if let Err(refusal) = &result {
        core.refused(ask.service.into(), &ask.actor, refusal);
    }
    result
}

/// Resumes a service. Returns when every worker has resumed it.
pub(super) async fn resume(core: Arc<Core>, ask: ResumeAsk, call: Call) -> Answer<Resumed> {
    let result = try_resume(&core, &ask, call).await;
    if let Err(refusal) = &result {
        core.refused(ask.service.into(), &ask.actor, refusal);
    }
    result
}

async fn try_hold(core: &Arc<Core>, ask: &HoldAsk, call: Call) -> Answer<HoldInForce> {
    let service = gate::name_service(&core.lock().state, ask.service.as_ref())?;
    let _in_hand = core.take_in_hand(std::slice::from_ref(&service))?;
    let mut waiting = begin(core, call, Verb::Hold, &service, &ask.actor)?;
    let id = waiting.id();
    let (actor, max_wait) = (ask.actor.clone(), ask.max_wait.unwrap_or(MAX_WAIT));
    let wanted = Command::Hold { service: service.clone(), actor: actor.clone(), max_wait };
    let command = |inside: &mut Inside| inside.calls.decide(id).map(|()| wanted);
    let then = |inside: &mut Inside, _: &[Event]| {
        let (decided, _) = status::find(&inside.state, &service)?;
        let subject = inside.subject(&service, decided.split.stable(), ask.drain);
        let subject = subject.ok_or(Refusal::Stopping)?;
        let drain = inside.drains.begin(&subject, DrainEnd::Interrupted);
        Ok((subject, drain, core.publish(inside)))
    };
    let (subject, drain, version) = waiting.until_ended(core.commit(command, then)).await??;
    tracing::info!(%service, %actor, ?max_wait, "hold");
    core.print(News::Held { service: service.clone(), actor });
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
        let mut inside = core.lock();
        inside.drains.end(subject.id, end);
        core.publish(&inside);
        inside.state.generation()
    };
    let Subject { service, color, .. } = subject;
    tracing::info!(%service, %color, %end, "the drain of the held color has ended");
    core.print(News::DrainEnded { service, color, target: None, generation, end });
}

async fn try_resume(core: &Arc<Core>, ask: &ResumeAsk, call: Call) -> Answer<Resumed> {
    let service = gate::name_service(&core.lock().state, ask.service.as_ref())?;
    let _in_hand = core.take_in_hand(std::slice::from_ref(&service))?;
    let mut waiting = begin(core, call, Verb::Resume, &service, &ask.actor)?;
    let id = waiting.id();
    let actor = ask.actor.clone();
    let wanted = Command::Resume { service: service.clone(), actor: actor.clone() };
    let command = |inside: &mut Inside| inside.calls.decide(id).map(|()| wanted);
    let then = |inside: &mut Inside, _: &[Event]| {
        let color = status::find(&inside.state, &service)?.0.split.stable();
        let Some(member) = inside.roster.member(&service) else { return Err(Refusal::Stopping) };
        let waiting = ServiceSum::of(&member.books).waiting;
        let id = member.color(color).id;
        inside.drains.end(id, DrainEnd::Interrupted);
        Ok((color, waiting, core.publish(inside)))
    };
    let (color, waiting, version) = waiting.until_ended(core.commit(command, then)).await??;
    tracing::info!(%service, %actor, waiting, "resume");
    core.print(News::Resumed { service: service.clone(), actor });
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
) -> Answer<Waiting> {
    let about = About {
        verb,
        scope: Scope::Service(service.clone()),
        services: vec![service.clone()],
        actor: actor.clone(),
        patience: None,
        dry_run: false,
    };
    let ((), waiting) = core.begin(call, about, |_| Ok(()))?;
    core.queue(waiting.id())?;
    Ok(waiting)
}

async fn in_force(core: &Core, version: Version) -> Answer<()> {
    let generation = core.lock().state.generation();
    let silent = core.acknowledged(version).await;
    silent.map_err(|workers| Refusal::PublishIncomplete { generation, workers })
}
