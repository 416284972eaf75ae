//! The record of a deploy, which is also its lock: what is deployed where, by whom, and how far it has come.
//!
//! A deploy is carried out by a command line; Teal keeps the record, so that another command line can resume or
//! abandon it. Guaranteed: no service is in two open deploys. Never here: a clock, or the time since the command
//! line last reported.

use std::collections::VecDeque;
use std::fmt;
use std::time::Duration;

use crate::name::{Actor, Color, Generation, GroupName, ServiceName};
use crate::time::Time;
use crate::version::Version;

/// The number of ended deploys that are kept.
pub const DEPLOYS_KEPT: usize = 64;

/// The silence of a command line after which another one may take its deploy over.
pub const TAKE_AFTER: Duration = Duration::from_secs(15);

/// The silence of a command line after which it is presumed dead.
pub const GONE_AFTER: Duration = Duration::from_secs(30);

/// The number of a deploy, counted from 1 over all services.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct DeployId(pub u64);

/// The record of one deploy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Deploy {
    /// Its number.
    pub id: DeployId,
    /// The services that it deploys: one, or those of a group.
    pub services: Vec<ServiceName>,
    /// The group, if one was named.
    pub group: Option<GroupName>,
    /// The color that it deploys to: the idle one at its begin.
    pub color: Color,
    /// The version, if one was named.
    pub version: Option<Version>,
    /// The version of the color that was active at its begin, if known.
    pub from_version: Option<Version>,
    /// The actor that began it, or that took it over last.
    pub actor: Actor,
    /// The user and the host of its command line, if told.
    pub by: Option<String>,
    /// The reason given for it.
    pub reason: Option<String>,
    /// True if it was begun inside a freeze window.
    pub emergency: bool,
    /// True if it stops an old environment whose time is over, and deploys nothing.
    pub sweep: bool,
    /// The number of the command lines that have had it. A report names it, so that one that was replaced changes
    /// nothing any more.
    pub claim: u32,
    /// The steps that were begun, with their times, in order; the first is [`DeployStep::Lock`].
    pub steps: Vec<(DeployStep, Time)>,
    /// True if it waits before its switch for a command line to resume it.
    pub paused: bool,
    /// The generation of its switch.
    pub generation: Option<Generation>,
    /// Its end; `None` while it is open.
    pub ended: Option<DeployEnd>,
}

/// The end of a deploy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeployEnd {
    /// The result.
    pub result: DeployResult,
    /// The time.
    pub at: Time,
    /// The reason for a result other than success, and what was left as it is.
    pub detail: Option<String>,
    /// The time until which the old environment stays up; `None`: until the next deploy, or it was stopped.
    pub keep_until: Option<Time>,
}

/// A step of a deploy; in the order in which they are taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum DeployStep {
    /// The record is made.
    Lock,
    /// The commands before anything is started.
    Before,
    /// The new version is started.
    Start,
    /// Waiting for the gate.
    Gate,
    /// The smoke checks of the idle color.
    Smoke,
    /// The switch.
    Switch,
    /// The drain of the old color.
    Drain,
    /// The checks through the public listener.
    Outside,
    /// The commands after the switch.
    After,
    /// The old color is kept, or stopped.
    Keep,
}

/// The result of a deploy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum DeployResult {
    /// The new version is active.
    Succeeded,
    /// It failed before its switch, and the new environment was stopped.
    Failed,
    /// It failed after its switch, and traffic was switched back.
    Reverted,
    /// It is not known what runs, so nothing was stopped.
    Unknown,
    /// It was put back by an operator.
    Abandoned,
    /// It was a sweep: the old environment was stopped, since its time was over.
    Swept,
}

/// All deploys that are kept: the open ones, and those that ended last.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Deploys {
    last: DeployId,
    kept: VecDeque<Deploy>,
}

// === impl DeployId ===

impl fmt::Display for DeployId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

// === impl Deploy ===

impl Deploy {
    /// Returns true if it has not ended.
    pub fn is_open(&self) -> bool {
        self.ended.is_none()
    }

    /// Returns the step that was begun last, and when.
    pub fn step(&self) -> (DeployStep, Time) {
        self.steps.last().copied().unwrap_or((DeployStep::Lock, Time::default()))
    }

    /// Returns the time at which it began.
    pub fn started(&self) -> Time {
        self.steps.first().map(|(_, at)| *at).unwrap_or_default()
    }

    /// Returns true if it concerns a service.
    pub fn concerns(&self, service: &ServiceName) -> bool {
        self.services.contains(service)
    }

    /// Returns its command line: the user and host if told, else the actor.
    pub fn by(&self) -> String {
        self.by.clone().unwrap_or_else(|| self.actor.to_string())
    }
}

// === impl DeployStep, DeployResult ===

impl DeployStep {
    /// The word used in every interface.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Lock => "lock",
            Self::Before => "before",
            Self::Start => "start",
            Self::Gate => "gate",
            Self::Smoke => "smoke",
            Self::Switch => "switch",
            Self::Drain => "drain",
            Self::Outside => "outside",
            Self::After => "after",
            Self::Keep => "keep",
        }
    }
}

impl fmt::Display for DeployStep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl DeployResult {
    /// All results.
    pub const ALL: [Self; 6] = [
        Self::Succeeded,
        Self::Failed,
        Self::Reverted,
        Self::Unknown,
        Self::Abandoned,
        Self::Swept,
    ];

    /// The word used in every interface.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
            Self::Reverted => "reverted",
            Self::Unknown => "unknown",
            Self::Abandoned => "abandoned",
            Self::Swept => "swept",
        }
    }
}

impl fmt::Display for DeployResult {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

// === impl Deploys ===

impl Deploys {
    /// The deploys from their parts, as a snapshot has them: the highest number ever given, and the records, oldest
    /// first.
    pub fn from_parts(last: DeployId, deploys: impl IntoIterator<Item = Deploy>) -> Self {
        let mut all = Self { last, ..Self::default() };
        deploys.into_iter().for_each(|deploy| all.push(deploy));
        all.last = all.last.max(last);
        all
    }

    /// Returns all of them, oldest first.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = &Deploy> {
        self.kept.iter()
    }

    /// Returns those that have not ended, oldest first.
    pub fn open(&self) -> impl Iterator<Item = &Deploy> {
        self.iter().filter(|deploy| deploy.is_open())
    }

    /// Returns the open deploy of a service.
    pub fn open_of(&self, service: &ServiceName) -> Option<&Deploy> {
        self.open().find(|deploy| deploy.concerns(service))
    }

    /// Returns the deploy of this number.
    pub fn get(&self, id: DeployId) -> Option<&Deploy> {
        self.iter().find(|deploy| deploy.id == id)
    }

    /// Returns true if there never was one.
    pub fn is_new(&self) -> bool {
        self.last == DeployId::default()
    }

    /// Returns the highest number ever given.
    pub fn last(&self) -> DeployId {
        self.last
    }

    pub(crate) fn get_mut(&mut self, id: DeployId) -> Option<&mut Deploy> {
        self.kept.iter_mut().find(|deploy| deploy.id == id)
    }

    pub(crate) fn open_mut(&mut self) -> impl Iterator<Item = &mut Deploy> {
        self.kept.iter_mut().filter(|deploy| deploy.is_open())
    }

    /// Adds a record, and drops the oldest ended ones if there are too many.
    pub(crate) fn push(&mut self, deploy: Deploy) {
        self.last = self.last.max(deploy.id);
        self.kept.push_back(deploy);
        self.forget();
    }

    /// Drops the oldest ended ones if there are too many.
    pub(crate) fn forget(&mut self) {
        let ended = self.kept.iter().filter(|deploy| !deploy.is_open()).count();
        let mut surplus = ended.saturating_sub(DEPLOYS_KEPT);
        self.kept.retain(|deploy| {
            let goes = surplus > 0 && !deploy.is_open();
            surplus -= usize::from(goes);
            !goes
        });
    }
}
