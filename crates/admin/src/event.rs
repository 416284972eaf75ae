//! `GET /admin/events`: live events, as server-sent events.
//!
//! A reader that lost the connection resumes where it stopped with `Last-Event-ID`. Events that are no
//! longer kept are announced by an event `missed`, and another process by an event `restarted`
//! (an id names the process that assigned it), so that nothing is skipped silently. A reader
//! that does not read is disconnected by the connection's deadline; it never slows others down.

use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use contract::Code;
use contract::unit::{rfc3339, seconds};
use contract::wire::{Drain, Event, ProblemDocument, RolloutState};
use control::{DeployProgress, EventRead, EventReader, LiveEvent, NumberedEvent, Scope};
use http_body_util::channel::{Channel, Sender};
use tokio::sync::{OwnedSemaphorePermit, watch};

use crate::auth::Viewer;
use crate::form::body;
use crate::problem::Problem;
use crate::query::{NoBody, Query, invalid, whole};
use crate::server::stopped;
use crate::settings::Api;

/// The interval of comments that keep middleboxes and readers from timing out.
const HEARTBEAT: Duration = Duration::from_secs(10);

/// Live events. Each has an id, its kind as the event name, and JSON data.
///
/// Besides the events of the schema there are `missed` (with the number of events no longer kept)
/// and `restarted` (the last id came from another process, whose last events are lost).
#[utoipa::path(
    get,
    path = "/admin/events",
    tag = "read",
    params(
        ("Last-Event-ID" = Option<String>, Header, description = "Resume after this event; if absent, start now. A bare number is taken as an id of this process"),
    ),
    responses(
        (status = 200, description = "An endless stream", body = Event, content_type = "text/event-stream"),
        (status = "4XX", description = "Refused", body = ProblemDocument),
        (status = 503, description = "Too many streams are open", body = ProblemDocument),
    ),
)]
pub(crate) async fn events(
    State(api): State<Arc<Api>>,
    Viewer { is_known }: Viewer,
    Query(()): Query<()>,
    headers: HeaderMap,
    _: NoBody,
) -> Result<Response, Problem> {
    let resume = match headers.get("last-event-id") {
        None => ResumePoint { after: None, restarted: false },
        Some(id) => id
            .to_str()
            .ok()
            .and_then(|id| ResumePoint::read(id, &api.instance))
            .ok_or_else(|| invalid("Last-Event-ID", "must be the id of an event"))?,
    };
    let permits = if is_known { &api.streams } else { &api.anonymous_streams };
    let Ok(permit) = Arc::clone(permits).try_acquire_owned() else {
        return Err(Problem::new(Code::TooManyStreams, "Too many event streams are open")
            .because(
                "Close one and try again; callers with a token or on the socket have a limit of their own",
            )
            .retry_after(5));
    };
    let (sender, channel) = Channel::<Bytes>::new(16);
    let writer = EventWriter {
        events: api.handle.events(resume.after),
        instance: api.instance.clone(),
        stopping: api.stopping.clone(),
        _permit: permit,
    };
    tokio::spawn(writer.write(sender, resume.restarted));
    Ok(body("text/event-stream", Body::new(channel)))
}

/// The event at which a reader stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct ResumePoint {
    after: Option<u64>,
    /// The id came from another process.
    restarted: bool,
}

/// The writer for one reader, until it disconnects or Teal stops.
struct EventWriter {
    events: EventReader,
    instance: String,
    stopping: watch::Receiver<bool>,
    _permit: OwnedSemaphorePermit,
}

impl ResumePoint {
    /// Parses `NUMBER` or `NUMBER-INSTANCE`.
    fn read(id: &str, own: &str) -> Option<Self> {
        let (number, instance) = id.split_once('-').unwrap_or((id, own));
        let number = whole(number)?;
        let restarted = instance != own;
        Some(Self { after: Some(if restarted { 0 } else { number }), restarted })
    }
}

impl EventWriter {
    async fn write(mut self, mut to: Sender<Bytes>, restarted: bool) {
        let mut text = "retry: 1000\n\n".to_owned();
        if restarted {
            text.push_str("event: restarted\ndata: {}\n\n");
        }
        while to.send_data(Bytes::from(text)).await.is_ok() {
            text = tokio::select! {
                () = stopped(&mut self.stopping) => break,
                read = self.events.next() => self.frame(&read),
                () = tokio::time::sleep(HEARTBEAT) => ": still here\n\n".to_owned(),
            };
        }
    }

    fn frame(&self, read: &EventRead) -> String {
        match read {
            EventRead::Missed(count) => format!("event: missed\ndata: {{\"missed\":{count}}}\n\n"),
            EventRead::Item(item) => {
                let event = live_event(item);
                // JSON has no line break, so one data line is enough.
                let data = serde_json::to_string(&event).unwrap_or_default();
                let (id, instance) = (event.id, &self.instance);
                format!("id: {id}-{instance}\nevent: {}\ndata: {data}\n\n", event.kind)
            }
        }
    }
}

/// Returns an event as readers of `GET /admin/events` get it.
pub fn live_event(item: &NumberedEvent) -> Event {
    let mut event = Event {
        id: item.id,
        at: rfc3339(item.at),
        kind: item.event.name().to_owned(),
        ..Event::default()
    };
    fill(&mut event, &item.event);
    event
}

fn about(event: &mut Event, scope: &Scope) {
    match scope {
        Scope::Only => {}
        Scope::Service(service) => event.service = Some(service.to_string()),
        Scope::Group(group) => event.group = Some(group.to_string()),
    }
}

fn about_color(event: &mut Event, service: &rules::ServiceName, color: rules::Color) {
    event.service = Some(service.to_string());
    event.color = Some(color.into());
}

fn about_act(
    event: &mut Event,
    service: &rules::ServiceName,
    color: rules::Color,
    actor: &rules::Actor,
) {
    about_color(event, service, color);
    event.actor = Some(actor.into());
}

fn about_target(event: &mut Event, target: &rules::TargetName) {
    event.target = Some(target.url.to_string());
    event.address = target.address.map(|address| address.to_string());
}

fn fill_deploy(event: &mut Event, deploy: &rules::Deploy, progress: &DeployProgress) {
    event.deploy = Some(deploy.id.0);
    match &deploy.group {
        Some(group) => event.group = Some(group.to_string()),
        None => event.service = deploy.services.first().map(ToString::to_string),
    }
    event.color = Some(deploy.color.into());
    event.version = deploy.version.as_ref().map(ToString::to_string);
    event.actor = Some((&deploy.actor).into());
    event.by.clone_from(&deploy.by);
    event.step = Some(deploy.step().0.into());
    match progress {
        DeployProgress::Began | DeployProgress::Step(_) | DeployProgress::Taken => {}
        DeployProgress::Paused => event.paused = true,
        DeployProgress::Ended(result, detail) => {
            event.result = Some((*result).into());
            event.reason.clone_from(detail);
        }
    }
}

fn fill_rollout(event: &mut Event, rollout: &rules::Rollout) {
    event.rollout = Some(rollout.id.0);
    event.service = rollout.names().next().map(ToString::to_string);
    event.color = Some(rollout.candidate.into());
    event.version = rollout.version.as_ref().map(ToString::to_string);
    event.generation = Some(rollout.generation.0);
    event.actor = Some((&rollout.actor).into());
    event.rollout_state = Some(RolloutState::Baking);
    if let Some(end) = &rollout.ended {
        event.rollout_state = Some(end.result.into());
        event.reason = Some(end.detail.clone());
    }
}

fn fill(event: &mut Event, live: &LiveEvent) {
    match live {
        LiveEvent::Switch { service, from, to, version, generation, cause: _, actor, reason } => {
            event.service = Some(service.to_string());
            event.from = Some((*from).into());
            event.to = Some((*to).into());
            event.version = version.as_ref().map(ToString::to_string);
            event.generation = Some(generation.0);
            event.actor = Some(actor.into());
            event.reason.clone_from(reason);
        }
        LiveEvent::Published { generation } => event.generation = Some(generation.0),
        LiveEvent::DrainEnded { service, color, target, generation, end } => {
            event.service = Some(service.to_string());
            if let Some(target) = target {
                about_target(event, target);
            }
            event.generation = Some(generation.0);
            event.drain = Some(Drain::ended(*color, *end));
        }
        LiveEvent::Waiting { verb, scope, actor } => {
            about(event, scope);
            event.verb = Some(verb.as_str().to_owned());
            event.to = verb.color().map(Into::into);
            event.actor = Some(actor.into());
        }
        LiveEvent::WarmedUp { service, color, result } => {
            about_color(event, service, *color);
            event.warm_up = Some(crate::switch::to_wire(result));
        }
        LiveEvent::Refused { scope, actor, code, reason } => {
            about(event, scope);
            event.actor = Some(actor.into());
            event.code = Some((*code).to_owned());
            event.reason = Some(reason.clone());
        }
        LiveEvent::Health { service, color, target, standing, reason, active } => {
            about_color(event, service, *color);
            about_target(event, target);
            event.health = Some((*standing).into());
            event.active = *active;
            event.reason.clone_from(reason);
        }
        LiveEvent::PreviewMade { service, color, generation, actor } => {
            about_act(event, service, *color, actor);
            event.generation = Some(generation.0);
        }
        LiveEvent::Held { service, actor }
        | LiveEvent::PreviewsRevoked { service, actor }
        | LiveEvent::Resumed { service, actor }
        | LiveEvent::Maintenance { service, on: _, actor } => {
            event.service = Some(service.to_string());
            event.actor = Some(actor.into());
        }
        LiveEvent::Shortened { service, color, within, actor } => {
            about_act(event, service, *color, actor);
            event.deadline_seconds = Some(seconds(*within));
        }
        LiveEvent::Retired { service, color, actor } => about_act(event, service, *color, actor),
        LiveEvent::Targets { service, color, targets, generation, actor } => {
            about_act(event, service, *color, actor);
            event.targets = targets.iter().map(ToString::to_string).collect();
            event.generation = generation.map(|generation| generation.0);
        }
        LiveEvent::Deploy { deploy, progress } => fill_deploy(event, deploy, progress),
        LiveEvent::Rollout { rollout } => fill_rollout(event, rollout),
        LiveEvent::Reloaded { generation, changes } => {
            event.generation = generation.map(|generation| generation.0);
            event.changes.clone_from(changes);
        }
    }
}
