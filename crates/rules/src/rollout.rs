//! The record of a rollout: one release, watched until it is judged.
//!
//! A rollout is open from the switch that it watches to its end. Guaranteed: no service is in two open rollouts; a
//! version that was taken back is not taken back again. Never here: a clock, counts of requests, the judgement.

use std::collections::VecDeque;
use std::fmt;
use std::time::Duration;

use crate::name::{Actor, Color, Generation, ServiceName};
use crate::time::Time;
use crate::version::Version;

/// The number of ended rollouts that are kept.
pub const ROLLOUTS_KEPT: usize = 64;

/// The number of a rollout, counted from 1 over all services.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RolloutId(pub u64);

/// The record of one rollout.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rollout {
    /// Its number.
    pub id: RolloutId,
    /// The services that it releases, each with what is known of its stable version.
    pub services: Vec<Baseline>,
    /// The color that is released: the active one since the switch.
    pub candidate: Color,
    /// The version of the candidate, if known.
    pub version: Option<Version>,
    /// The actor that began it.
    pub actor: Actor,
    /// The generation of its switch.
    pub generation: Generation,
    /// The time at which it began.
    pub began: Time,
    /// The way it is watched.
    pub bake: Bake,
    /// Its end; `None` while it is open.
    pub ended: Option<RolloutEnd>,
}

/// The traffic of a service before its rollout, on the color that was active then: what the candidate is compared to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Baseline {
    /// The service.
    pub service: ServiceName,
    /// The requests that ended.
    pub requests: u64,
    /// Those among them that failed.
    pub failed: u64,
}

/// The watched time after a switch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bake {
    /// Its length, from the switch.
    pub duration: Duration,
    /// The consequence of a failing verdict.
    pub on_fail: OnFail,
}

/// The consequence of a failing verdict.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnFail {
    /// Traffic goes back to the stable color.
    #[default]
    Rollback,
    /// It is told, and traffic stays.
    Notify,
}

/// The settings of the rollouts of a service.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RolloutSettings {
    /// The watched time after each switch.
    pub bake: Bake,
    /// The judgement of the candidate.
    pub judge: JudgeSettings,
}

/// The judgement of a candidate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct JudgeSettings {
    /// The candidate may fail this many thousandths of the times that stable did.
    pub tolerance: u32,
    /// The share of requests that may fail in any case, in millionths.
    pub floor: u32,
    /// Failed requests without which nothing is decided.
    pub min_bad: u32,
    /// Clients whose requests failed, without which nothing is decided; 1: clients are not told apart.
    pub min_clients: u32,
}

/// The end of a rollout.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RolloutEnd {
    /// The result.
    pub result: RolloutResult,
    /// The time.
    pub at: Time,
    /// The evidence, or what ended it, in words.
    pub detail: String,
}

/// The result of a rollout.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum RolloutResult {
    /// The candidate has all traffic, and its time is over without a failing verdict that had a consequence.
    Done,
    /// An operator, a failover or a reload ended it.
    Aborted,
    /// The candidate failed, and Teal moved traffic back.
    RolledBack,
    /// The candidate failed, and nothing was moved, because the stable color is not healthy or must not get the traffic: a
    /// person must look.
    Stuck,
}

/// A candidate that Teal has taken back, until another version or an operator supersedes that.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Quarantine {
    /// The color.
    pub color: Color,
    /// Its version, if known.
    pub version: Option<Version>,
    /// The rollout that ended.
    pub rollout: RolloutId,
    /// True once somebody has moved traffic to it all the same: it is watched, and never taken back again.
    pub superseded: bool,
}

/// All rollouts that are kept: the open ones, and those that ended last.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rollouts {
    last: RolloutId,
    kept: VecDeque<Rollout>,
}

// === impl RolloutId ===

impl fmt::Display for RolloutId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

// === impl Rollout ===

impl Rollout {
    /// Returns true if it has not ended.
    pub fn is_open(&self) -> bool {
        self.ended.is_none()
    }

    /// Returns true if it concerns a service.
    pub fn concerns(&self, service: &ServiceName) -> bool {
        self.names().any(|name| name == service)
    }

    /// Returns the names of its services.
    pub fn names(&self) -> impl Iterator<Item = &ServiceName> {
        self.services.iter().map(|baseline| &baseline.service)
    }

    /// Returns the time at which it is over, if nothing ends it before.
    pub fn until(&self) -> Time {
        self.began.plus(self.bake.duration)
    }
}

// === impl Bake, JudgeSettings ===

impl Default for Bake {
    fn default() -> Self {
        Self { duration: Duration::from_secs(600), on_fail: OnFail::Rollback }
    }
}

impl Default for JudgeSettings {
    fn default() -> Self {
        Self { tolerance: 2000, floor: 5000, min_bad: 5, min_clients: 3 }
    }
}

// === impl OnFail, RolloutResult ===

impl OnFail {
    /// The word used in every interface.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Rollback => "rollback",
            Self::Notify => "notify",
        }
    }
}

impl RolloutResult {
    /// All results.
    pub const ALL: [Self; 4] = [Self::Done, Self::Aborted, Self::RolledBack, Self::Stuck];

    /// The word used in every interface.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Aborted => "aborted",
            Self::RolledBack => "rolled_back",
            Self::Stuck => "stuck",
        }
    }
}

impl fmt::Display for RolloutResult {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

// === impl Quarantine ===

impl Quarantine {
    /// Returns true if it stands in the way of this version in this color.
    pub fn bars(&self, color: Color, version: Option<&Version>) -> bool {
        !self.superseded && self.holds(color, version)
    }

    /// Returns true if it is about this version in this color. Without a version nothing tells two releases apart.
    pub fn holds(&self, color: Color, version: Option<&Version>) -> bool {
        self.color == color && self.version.as_ref() == version
    }
}

// === impl Rollouts ===

impl Rollouts {
    /// The rollouts from their parts, as a snapshot has them: the highest number ever given, and the records, oldest
    /// first.
    pub fn from_parts(last: RolloutId, rollouts: impl IntoIterator<Item = Rollout>) -> Self {
        let mut all = Self { last, ..Self::default() };
        rollouts.into_iter().for_each(|rollout| all.push(rollout));
        all.last = all.last.max(last);
        all
    }

    /// Returns all of them, oldest first.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = &Rollout> {
        self.kept.iter()
    }

    /// Returns those that have not ended, oldest first.
    pub fn open(&self) -> impl Iterator<Item = &Rollout> {
        self.iter().filter(|rollout| rollout.is_open())
    }

    /// Returns the open rollout of a service.
    pub fn open_of(&self, service: &ServiceName) -> Option<&Rollout> {
        self.open().find(|rollout| rollout.concerns(service))
    }

    /// Returns the newest rollout of a service.
    pub fn newest_of(&self, service: &ServiceName) -> Option<&Rollout> {
        self.iter().rfind(|rollout| rollout.concerns(service))
    }

    /// Returns the rollout of this number.
    pub fn get(&self, id: RolloutId) -> Option<&Rollout> {
        self.iter().find(|rollout| rollout.id == id)
    }

    /// Returns true if there never was one.
    pub fn is_new(&self) -> bool {
        self.last == RolloutId::default()
    }

    /// Returns the highest number ever given.
    pub fn last(&self) -> RolloutId {
        self.last
    }

    /// Returns the number of the next one.
    pub(crate) fn next(&self) -> RolloutId {
        RolloutId(self.last.0.saturating_add(1))
    }

    pub(crate) fn push(&mut self, rollout: Rollout) {
        self.last = self.last.max(rollout.id);
        self.kept.push_back(rollout);
        self.forget();
    }

    /// Ends a rollout; returns it if it was open.
    pub(crate) fn end(&mut self, id: RolloutId, end: RolloutEnd) -> Option<Rollout> {
        let open = self.kept.iter_mut().find(|rollout| rollout.id == id && rollout.is_open())?;
        open.ended = Some(end);
        let ended = open.clone();
        self.forget();
        Some(ended)
    }

    /// Drops the oldest ended ones if there are too many.
    fn forget(&mut self) {
        let ended = self.kept.iter().filter(|rollout| !rollout.is_open()).count();
        let mut surplus = ended.saturating_sub(ROLLOUTS_KEPT);
        self.kept.retain(|rollout| {
            let goes = surplus > 0 && !rollout.is_open();
            surplus -= usize::from(goes);
            !goes
        });
    }
}
