//! Numbered events, for followers to read live.
//!
//! The newest `CAPACITY` events are kept, so that a follower that lost the connection can resume
//! where it stopped. A slower follower misses events and is informed of that; it never slows others
//! down.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rules::{
    Actor, Cause, Color, Deploy, DeployResult, DeployStep, DrainEnd, Generation, Rollout,
    ServiceName, Standing, TargetName, TargetUrl, Time, Verb, Version,
};
use tokio::sync::watch;

use crate::request::{Scope, WarmUpResult};

/// The number of events kept.
const CAPACITY: usize = 1024;

/// A numbered event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NumberedEvent {
    /// Starts at 1 and grows by one with each event; starts over with the process.
    pub id: u64,
    /// The time.
    pub at: Time,
    /// The event.
    pub event: LiveEvent,
}

/// An event, as operators read it live.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LiveEvent {
    /// A switch, rollback or failover was decided and is durable.
    Switch {
        /// The service.
        service: ServiceName,
        /// The color that was active before.
        from: Color,
        /// The color that is active now.
        to: Color,
        /// The version of that color, if known.
        version: Option<Version>,
        /// The generation it created.
        generation: Generation,
        /// The kind of switch.
        cause: Cause,
        /// The caller that asked for it.
        actor: Actor,
        /// The reason that the caller gave.
        reason: Option<String>,
    },
    /// Every worker has acknowledged a generation.
    Published {
        /// The generation.
        generation: Generation,
    },
    /// A drain has ended.
    DrainEnded {
        /// The service.
        service: ServiceName,
        /// The color that was drained.
        color: Color,
        /// The target, if only that one was drained: a reload removed it from the color, or its name no
        /// longer has the address.
        target: Option<TargetName>,
        /// The generation of the service.
        generation: Generation,
        /// The end of the drain.
        end: DrainEnd,
    },
    /// A call waits for the gate, for the time that its caller set.
    Waiting {
        /// The command.
        verb: Verb,
        /// The services it concerns.
        scope: Scope,
        /// The caller.
        actor: Actor,
    },
    /// The targets of a color were warmed up before a switch.
    WarmedUp {
        /// The service.
        service: ServiceName,
        /// The color.
        color: Color,
        /// The result.
        result: WarmUpResult,
    },
    /// A call was refused.
    Refused {
        /// The services it concerned.
        scope: Scope,
        /// The caller.
        actor: Actor,
        /// The stable code of the reason.
        code: &'static str,
        /// The reason.
        reason: String,
    },
    /// The health of a target has changed.
    Health {
        /// The service.
        service: ServiceName,
        /// The color.
        color: Color,
        /// The target.
        target: TargetName,
        /// The health now.
        standing: Standing,
        /// The last probe's reason; `None` if it passed.
        reason: Option<String>,
        /// True if the color is the active one.
        active: bool,
    },
    /// New requests are held.
    Held {
        /// The service.
        service: ServiceName,
        /// The caller that asked for it.
        actor: Actor,
    },
    /// Held requests were released.
    Resumed {
        /// The service.
        service: ServiceName,
        /// The caller that asked for it.
        actor: Actor,
    },
    /// The deadline of a drain was brought closer.
    Shortened {
        /// The service.
        service: ServiceName,
        /// The color that drains.
        color: Color,
        /// The time that is left now.
        within: Duration,
        /// The caller that asked for it.
        actor: Actor,
    },
    /// Nothing is sent to a color any more.
    Retired {
        /// The service.
        service: ServiceName,
        /// The color.
        color: Color,
        /// The caller that asked for it.
        actor: Actor,
    },
    /// A color has other targets, which a runner has told.
    Targets {
        /// The service.
        service: ServiceName,
        /// The color.
        color: Color,
        /// The targets; empty: none.
        targets: Vec<TargetUrl>,
        /// The generation it created; `None`: no traffic was moved.
        generation: Option<Generation>,
        /// The caller that asked for it.
        actor: Actor,
    },
    /// A preview of the idle color was made.
    PreviewMade {
        /// The service.
        service: ServiceName,
        /// The color that it shows.
        color: Color,
        /// The generation to which it is bound.
        generation: Generation,
        /// The caller that asked for it.
        actor: Actor,
    },
    /// The preview tokens of a service were revoked.
    PreviewsRevoked {
        /// The service.
        service: ServiceName,
        /// The caller that asked for it.
        actor: Actor,
    },
    /// A deploy began, went on or ended, and this is durable.
    Deploy {
        /// The deploy, as it is now.
        deploy: Box<Deploy>,
        /// The change.
        progress: DeployProgress,
    },
    /// A rollout began or ended, and this is durable.
    Rollout {
        /// The rollout, as it is now.
        rollout: Box<Rollout>,
    },
    /// A maintenance began, or has another notice, or ended.
    Maintenance {
        /// The service.
        service: ServiceName,
        /// False if it ended.
        on: bool,
        /// The caller that asked for it.
        actor: Actor,
    },
    /// The configuration was reloaded and is in force.
    Reloaded {
        /// The generation it created, if routing changed.
        generation: Option<Generation>,
        /// The changes.
        changes: Vec<String>,
    },
}

/// A change of a deploy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DeployProgress {
    /// It began.
    Began,
    /// It came to this step.
    Step(DeployStep),
    /// It waits before its switch.
    Paused,
    /// Another command line has taken it over.
    Taken,
    /// It ended, for this reason.
    Ended(DeployResult, Option<String>),
}

/// The publisher of events, with the newest ones.
#[derive(Clone, Debug)]
pub struct EventBuffer {
    shared: Arc<Shared>,
}

/// A follower's position in the events.
#[derive(Debug)]
pub struct EventReader {
    shared: Arc<Shared>,
    newest_id: watch::Receiver<u64>,
    next: u64,
}

/// A read of a follower.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EventRead {
    /// The next event.
    Item(NumberedEvent),
    /// The follower was too slow or away too long: this many events are lost.
    Missed(u64),
}

#[derive(Debug)]
struct Shared {
    kept: Mutex<VecDeque<NumberedEvent>>,
    newest_id: watch::Sender<u64>,
}

// === impl LiveEvent ===

impl LiveEvent {
    /// Returns the name of the event.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Switch { cause, .. } => cause.as_str(),
            Self::Published { .. } => "published",
            Self::DrainEnded { .. } => "drained",
            Self::Waiting { .. } => "waiting",
            Self::WarmedUp { .. } => "warm_up",
            Self::Refused { .. } => "refused",
            Self::Health { .. } => "health",
            Self::Held { .. } => "hold",
            Self::Resumed { .. } => "resume",
            Self::Shortened { .. } => "shorten",
            Self::Retired { .. } => "retire",
            Self::Targets { .. } => "targets",
            Self::Deploy { .. } => "deploy",
            Self::Rollout { .. } => "rollout",
            Self::Maintenance { on: true, .. } => "maintenance_on",
            Self::Maintenance { on: false, .. } => "maintenance_off",
            Self::PreviewMade { .. } => "preview_made",
            Self::PreviewsRevoked { .. } => "previews_revoked",
            Self::Reloaded { .. } => "reload",
        }
    }
}

// === impl EventBuffer ===

impl EventBuffer {
    /// Creates a publisher without events.
    pub fn new() -> Self {
        let shared = Shared { kept: Mutex::default(), newest_id: watch::Sender::new(0) };
        Self { shared: Arc::new(shared) }
    }

    /// Numbers an event, keeps it and notifies all followers.
    pub fn emit(&self, at: Time, event: LiveEvent) {
        let mut kept = self.shared.kept();
        let id = *self.shared.newest_id.borrow() + 1;
        if kept.len() >= CAPACITY {
            kept.pop_front();
        }
        kept.push_back(NumberedEvent { id, at, event });
        drop(kept);
        self.shared.newest_id.send_replace(id);
    }

    /// Follows events after the one with the id `after`; `None`: from now on.
    pub fn follow(&self, after: Option<u64>) -> EventReader {
        let newest_id = self.shared.newest_id.subscribe();
        let newest = *newest_id.borrow();
        // An id from another process may be ahead of ours: then all kept events are new.
        let next = after.map_or(newest, |id| if id > newest { 0 } else { id }) + 1;
        EventReader { shared: self.shared.clone(), newest_id, next }
    }
}

impl Default for EventBuffer {
    fn default() -> Self {
        Self::new()
    }
}

// === impl EventReader ===

impl EventReader {
    /// Waits for the next event.
    pub async fn next(&mut self) -> EventRead {
        loop {
            if let Some(read) = self.take() {
                return read;
            }
            let next = self.next;
            let newest_id = self.newest_id.wait_for(|newest| *newest >= next).await;
            newest_id.expect("the reader itself keeps the sending side alive");
        }
    }

    fn take(&mut self) -> Option<EventRead> {
        let kept = self.shared.kept();
        let oldest = kept.front()?.id;
        if self.next < oldest {
            let missed = oldest - self.next;
            self.next = oldest;
            return Some(EventRead::Missed(missed));
        }
        let place = usize::try_from(self.next - oldest).ok()?;
        let item = kept.get(place)?.clone();
        self.next += 1;
        Some(EventRead::Item(item))
    }
}

// === impl Shared ===

impl Shared {
    /// Locks the events, even after a panic elsewhere: every change of them is one assignment.
    fn kept(&self) -> MutexGuard<'_, VecDeque<NumberedEvent>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn published(generation: u64) -> LiveEvent {
        LiveEvent::Published { generation: Generation(generation) }
    }

    async fn next_id(reader: &mut EventReader) -> u64 {
        match reader.next().await {
            EventRead::Item(item) => item.id,
            EventRead::Missed(missed) => panic!("{missed} missed"),
        }
    }

    #[tokio::test]
    async fn a_follower_resumes_where_it_stopped() {
        let buffer = EventBuffer::new();
        for generation in 1..=5 {
            buffer.emit(Time(generation), published(generation));
        }
        let mut again = buffer.follow(Some(3));
        assert_eq!(next_id(&mut again).await, 4);
        assert_eq!(next_id(&mut again).await, 5);
        let mut fresh = buffer.follow(None);
        buffer.emit(Time(6), published(6));
        assert_eq!(next_id(&mut fresh).await, 6);
        assert_eq!(next_id(&mut again).await, 6);
    }

    #[tokio::test]
    async fn a_follower_that_was_away_too_long_learns_how_much_it_missed() {
        let buffer = EventBuffer::new();
        for generation in 1..=CAPACITY as u64 + 10 {
            buffer.emit(Time(generation), published(generation));
        }
        let mut late = buffer.follow(Some(4));
        assert_eq!(late.next().await, EventRead::Missed(6));
        assert_eq!(next_id(&mut late).await, 11);
        let mut stranger = buffer.follow(Some(1 << 40));
        assert_eq!(stranger.next().await, EventRead::Missed(10), "an id of another process");
    }
}
