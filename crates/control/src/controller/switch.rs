//! A switch, step by step: gate, journal, publish, drain, done. Rollback and failover go the
//! same way.

use std::sync::Arc;
use std::time::Duration;

use rules::gate::{self, Passage};
use rules::{
    Actor, Aim, Cause, Color, Command, DrainEnd, Event, Generation, Move, Proof, Refusal,
    ServiceName, Wish,
};
use traffic::Version;

use super::status;
use crate::ask::{Destination, DrainWatch, SwitchAsk, Switched};
use crate::clock::Clock;
use crate::core::{Core, Inside};
use crate::drain;
use crate::health::prove;
use crate::inbox::Answer;
use crate::news::News;
use crate::swap::Subject;

/// What is to be done, once the gate has been passed.
pub(super) struct Order {
    pub(super) wish: Wish,
    pub(super) to: Color,
    pub(super) actor: Actor,
    pub(super) evidence: Vec<Proof>,
    /// The drain deadline; `None`: that of the service.
    pub(super) drain: Option<Duration>,
}

/// A switch that is decided, durable and on its way to the workers.
struct Decided {
    service: ServiceName,
    from: Color,
    generation: Generation,
    cause: Cause,
    version: Version,
    subject: Subject,
    drain: DrainWatch,
}

/// Does what an operator asks for.
pub(super) async fn run(core: Arc<Core>, ask: SwitchAsk) -> Answer<Switched> {
    let result = attempt(&core, &ask).await;
    if let Err(refusal) = &result {
        core.refused(ask.service.as_ref(), &ask.actor, refusal);
        core.lock().count_refusal(ask.service.as_ref(), refusal);
    }
    result
}

async fn attempt(core: &Arc<Core>, ask: &SwitchAsk) -> Answer<Switched> {
    let service = gate::name_service(&core.lock().state, ask.service.as_ref())?;
    let aim = match ask.to {
        Destination::Color(color) => Aim::To(color),
        Destination::Previous => Aim::Back,
    };
    let wish = Wish { service, aim, if_generation: ask.if_generation };
    let passage = examine(core, &wish).await?;
    let (from, to, generation) = match passage {
        Passage::AlreadyOn { .. } => return core.lock().already_on(&wish.service),
        Passage::Open { from, to, generation } => (from, to, generation),
    };
    let proving = prove(core, &wish.service, to, ask.wait_healthy);
    let evidence = core.while_in_charge(proving).await?;
    if ask.dry_run {
        return Ok(Switched::DryRun { service: wish.service, from, to, generation, evidence });
    }
    let (actor, drain) = (ask.actor.clone(), ask.drain);
    carry_out(core, Order { wish, to, actor, evidence, drain }).await
}

/// Looks at a wish before any probe is made for it. While another service is being published it
/// waits for that: only a second change of the same service is refused.
async fn examine(core: &Core, wish: &Wish) -> Answer<Passage> {
    let first = core.lock().examine(wish);
    let others = matches!(first, Err(Refusal::SwitchInProgress { .. }))
        && !core.lock().in_hand.contains(&wish.service);
    if !others {
        return first;
    }
    drop(core.turn.lock().await);
    core.lock().examine(wish)
}

/// Journal, publish, and the start of the drain. Returns when every worker has acknowledged.
pub(super) async fn carry_out(core: &Arc<Core>, order: Order) -> Answer<Switched> {
    let service = order.wish.service.clone();
    let _in_hand = core.take_in_hand(&service)?;
    let turn = core.turn.lock().await;
    let Some(decided) = decide(core, order).await? else {
        return core.lock().already_on(&service); // somebody else was faster
    };
    let acknowledged = core.acknowledged(decided.version).await;
    let switched = decided.answer();
    if let Err(workers) = acknowledged {
        let generation = decided.generation;
        tracing::error!(%service, %generation, ?workers, "not every worker took the switch over");
        tokio::spawn(finish_late(core.clone(), decided));
        return Err(Refusal::PublishIncomplete { generation, workers });
    }
    published(core, decided.generation).await;
    drop(turn);
    tokio::spawn(finish(core.clone(), decided));
    Ok(switched)
}

/// `None`: the color has become active meanwhile.
// lossless: L6 - the table is built after the decision is durable, in the same step.
async fn decide(core: &Arc<Core>, order: Order) -> Answer<Option<Decided>> {
    let Order { wish, to, actor, evidence, drain } = order;
    let service = wish.service.clone();
    let command = |inside: &Inside| {
        inside.still_healthy(&service, to, core.clock.moment())?;
        let unfinished = inside.figures(core, &service);
        Ok(Command::Move(Move { wish, actor, evidence, unfinished }))
    };
    let then = |inside: &mut Inside, events: &[Event]| {
        let decided = inside.enact(core, events, drain);
        if decided.is_some() {
            inside.remember_base(core, &service);
        }
        decided
    };
    core.commit(command, then).await
}

/// Notes that every worker has acknowledged a generation.
pub(super) async fn published(core: &Arc<Core>, generation: Generation) {
    if let Err(refusal) = core.note(Command::Published { generation }).await {
        tracing::error!(%generation, %refusal, "the publish was not noted");
    }
    tracing::info!(%generation, "published: every worker has taken it over");
    core.print(News::Published { generation });
}

/// A worker was silent for too long: the switch is not undone, it completes when that worker
/// acknowledges.
async fn finish_late(core: Arc<Core>, decided: Decided) {
    core.publisher.acknowledged(decided.version).await;
    published(&core, decided.generation).await;
    finish(core, decided).await;
}

/// The drain and the end of the receipt.
async fn finish(core: Arc<Core>, decided: Decided) {
    let Decided { service, from: color, generation, subject, drain, .. } = decided;
    let Some(end) = drain::run(&core, &subject, &drain).await else { return };
    let command = |inside: &Inside| {
        let figures = inside.figures(&core, &service).unwrap_or_default();
        Ok(Command::EndDrain { generation, end, figures })
    };
    let then = |inside: &mut Inside, _: &[Event]| {
        inside.drains.end(subject.id, end);
        inside.count_end(&service, end);
        core.publish(inside);
    };
    if let Err(refusal) = core.commit(command, then).await {
        tracing::error!(%generation, %refusal, "the end of the drain was not noted");
    }
    log_end(&service, color, generation, end);
    core.print(News::DrainEnded { service, color, target: None, generation, end });
}

fn log_end(service: &ServiceName, color: Color, generation: Generation, end: DrainEnd) {
    if matches!(end, DrainEnd::Cut(_)) {
        tracing::warn!(%service, %color, %generation, %end, "the drain has ended");
    } else {
        tracing::info!(%service, %color, %generation, %end, "the drain has ended");
    }
}

impl Decided {
    fn answer(&self) -> Switched {
        Switched::Published {
            service: self.service.clone(),
            from: self.from,
            to: self.from.other(),
            cause: self.cause,
            generation: self.generation,
            drain: self.drain.clone(),
        }
    }
}

impl Inside {
    /// What the gate says. A change that is in hand but not yet decided is in the way as much as
    /// one that is being published: whoever asks meanwhile hears of it before anything else.
    fn examine(&self, wish: &Wish) -> Answer<Passage> {
        match gate::examine(&self.state, wish, Clock::now()) {
            Ok(Passage::Open { .. }) | Err(Refusal::GenerationMismatch { .. })
                if self.in_hand.contains(&wish.service) =>
            {
                Err(Refusal::SwitchInProgress { generation: self.state.publishing() })
            }
            passage => passage,
        }
    }

    fn already_on(&self, name: &ServiceName) -> Answer<Switched> {
        let (service, _) = status::find(&self.state, name)?;
        let (color, generation) = (service.active, service.generation);
        let other = self.roster.member(name).map(|member| member.color(color.other()).id);
        let drain = other.and_then(|id| self.drains.watch(id));
        Ok(Switched::AlreadyOn { service: name.clone(), color, generation, drain })
    }

    /// Ends and begins the drains that follow from a switch, and publishes it.
    fn enact(
        &mut self,
        core: &Core,
        events: &[Event],
        timeout: Option<Duration>,
    ) -> Option<Decided> {
        for event in events {
            if let Event::DrainEnded { generation, end, .. } = event {
                self.tell_superseded(core, *generation, *end);
            }
        }
        let moved = events.iter().find(|event| matches!(event, Event::Moved { .. }))?;
        let Event::Moved { service, from, generation, cause, actor, .. } = moved else {
            return None;
        };
        let (from, to, generation, cause) = (*from, from.other(), *generation, *cause);
        let superseded = DrainEnd::Superseded { by: generation };
        let subject = self.subject(service, from, timeout)?;
        if let Some(member) = self.roster.member(service) {
            self.drains.end(member.color(to).id, superseded);
        }
        let drain = self.drains.begin(&subject, superseded);
        let version = core.publish(self);
        tracing::info!(%service, %from, %to, %generation, cause = cause.as_str(), %actor, "switch");
        let (service, actor) = (service.clone(), actor.clone());
        core.print(News::Switch { service, from, to, generation, cause, actor });
        let service = subject.service.clone();
        Some(Decided { service, from, generation, cause, version, subject, drain })
    }

    fn tell_superseded(&mut self, core: &Core, generation: Generation, end: DrainEnd) {
        let Some(receipt) = self.state.history().receipt(generation) else { return };
        let (service, color) = (receipt.service.clone(), receipt.from);
        log_end(&service, color, generation, end);
        self.count_end(&service, end);
        core.print(News::DrainEnded { service, color, target: None, generation, end });
    }
}
