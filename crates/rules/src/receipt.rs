//! The record that one switch leaves behind.

use std::fmt;
use std::ops::Add;
use std::time::Duration;

use crate::health::Proof;
use crate::name::{Actor, Color, Generation, ServiceName};
use crate::time::Time;
use crate::version::Version;

/// The record of one switch, rollback or failover. It exists from the decision on, is
/// completed at the end of the drain and can be read meanwhile.
#[derive(Clone, Debug, PartialEq)]
pub struct Receipt {
    /// The generation that the switch created.
    pub generation: Generation,
    /// The service that was switched.
    pub service: ServiceName,
    /// The color that was active before.
    pub from: Color,
    /// The color that is active since.
    pub to: Color,
    /// The version of the new color, if known.
    pub version: Option<Version>,
    /// The version of the old color, if known.
    pub from_version: Option<Version>,
    /// The kind of switch.
    pub cause: Cause,
    /// The actor that asked for it.
    pub actor: Actor,
    /// The reason that the actor gave, one line.
    pub reason: Option<String>,
    /// The time of the decision.
    pub decided: Time,
    /// The probes that proved the new color healthy (L9).
    pub evidence: Vec<Proof>,
    /// Its progress.
    pub progress: Progress,
    /// The figures of its traffic; `None` until the end, and if Teal stopped before it.
    pub figures: Option<Figures>,
}

/// The kind of a switch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Cause {
    /// An operator named the color.
    Switch,
    /// An operator asked for the previous color.
    Rollback,
    /// Every target of the active color was down.
    Failover,
}

/// The progress of a switch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// Journaled, but not yet acknowledged by every worker.
    Publishing,
    /// Published; leases on the old color are ending.
    Draining {
        /// The time when every worker had acknowledged.
        published: Time,
    },
    /// Over.
    Ended {
        /// The time when every worker had acknowledged; `None` if Teal stopped before.
        published: Option<Time>,
        /// The time of the drain's end.
        at: Time,
        /// The way it ended.
        end: DrainEnd,
    },
}

/// The way a drain ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DrainEnd {
    /// The color has no lease and no connection left: safe to stop (L4).
    Drained,
    /// The same, but the deadline had to cut some leases (L3).
    Cut(Cut),
    /// A newer change took over before the end; nothing was cut.
    Superseded {
        /// The generation of that change.
        by: Generation,
    },
    /// Teal stopped, or a hold was resumed, before the end.
    Interrupted,
}

/// The leases that a drain deadline cut.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cut {
    /// Requests without any answer yet: answered 504.
    pub unanswered: u64,
    /// Answers that had begun: aborted.
    pub answering: u64,
    /// Tunnels: closed.
    pub tunnels: u64,
}

/// The figures of traffic from 30 s before the publish to the end of the drain.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Figures {
    /// The time of the last lease on the old color.
    pub last_on_old: Option<Time>,
    /// The time of the first lease on the new color under this generation.
    pub first_on_new: Option<Time>,
    /// Requests that had to wait at Teal.
    pub parked: u64,
    /// Requests that were sent to a target again (L5).
    pub retries: u64,
    /// Requests lost to a reused connection (L5).
    pub stale_lost: u64,
    /// Both colors, in the order of [`Color::index`].
    pub colors: [ColorFigures; 2],
}

/// The figures of traffic on one color.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ColorFigures {
    /// Requests that were answered or aborted.
    pub requests: u64,
    /// Answers with a status from 500 on, and requests that were aborted.
    pub errors: u64,
    /// Half of the answers were faster than this.
    pub p50: Option<Duration>,
    /// 99 % of the answers were faster than this.
    pub p99: Option<Duration>,
}

// === impl Receipt ===

impl Receipt {
    /// The way the drain ended; `None` if it has not.
    pub fn end(&self) -> Option<DrainEnd> {
        match self.progress {
            Progress::Publishing | Progress::Draining { .. } => None,
            Progress::Ended { end, .. } => Some(end),
        }
    }

    /// The time when every worker had acknowledged the switch.
    pub fn published(&self) -> Option<Time> {
        match self.progress {
            Progress::Publishing => None,
            Progress::Draining { published } => Some(published),
            Progress::Ended { published, .. } => published,
        }
    }
}

// === impl Cause, DrainEnd, Cut ===

impl Cause {
    /// The word used in every interface.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Switch => "switch",
            Self::Rollback => "rollback",
            Self::Failover => "failover",
        }
    }
}

impl DrainEnd {
    /// The word used in every interface.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Drained => "drained",
            Self::Cut(_) => "cut",
            Self::Superseded { .. } => "superseded",
            Self::Interrupted => "interrupted",
        }
    }
}

impl fmt::Display for DrainEnd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Drained => f.write_str("drained"),
            Self::Cut(cut) => write!(f, "cut {cut}"),
            Self::Superseded { by } => write!(f, "superseded by generation {by}"),
            Self::Interrupted => f.write_str("interrupted"),
        }
    }
}

impl Cut {
    /// All leases that were cut.
    pub fn total(self) -> u64 {
        self.unanswered.saturating_add(self.answering).saturating_add(self.tunnels)
    }

    /// Subtracts a part.
    #[must_use]
    pub fn saturating_sub(self, part: Self) -> Self {
        Self {
            unanswered: self.unanswered.saturating_sub(part.unanswered),
            answering: self.answering.saturating_sub(part.answering),
            tunnels: self.tunnels.saturating_sub(part.tunnels),
        }
    }
}

impl Add for Cut {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self {
            unanswered: self.unanswered.saturating_add(other.unanswered),
            answering: self.answering.saturating_add(other.answering),
            tunnels: self.tunnels.saturating_add(other.tunnels),
        }
    }
}

impl fmt::Display for Cut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { unanswered, answering, tunnels } = self;
        write!(
            f,
            "{} ({unanswered} without an answer, {answering} while answering, {tunnels} tunnels)",
            self.total()
        )
    }
}

// === impl ColorFigures ===

impl ColorFigures {
    /// The share of requests that ended in an error, from 0 to 1; `None` without requests.
    pub fn error_rate(&self) -> Option<f64> {
        (self.requests > 0).then(|| self.errors as f64 / self.requests as f64)
    }
}
