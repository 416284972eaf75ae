//! What may be asked of the controller, and what it answers.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use connect::Vault;
use rules::{
    Actor, Cause, Color, DrainEnd, Generation, GroupName, GroupSpec, Limits, Proof, Refusal,
    ServiceName, ServiceSpec,
};
use tokio::sync::{oneshot, watch};

/// Which services something is about.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Scope {
    /// The only one there is.
    #[default]
    Only,
    /// This one.
    Service(ServiceName),
    /// All of this group.
    Group(GroupName),
}

/// The services that a status tells of: those with these names; none: all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Selection(pub Vec<ServiceName>);

/// To move a service, or all of a group, to a color.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SwitchAsk {
    /// What is to be moved.
    pub scope: Scope,
    /// Where to.
    pub to: Destination,
    /// Who asks.
    pub actor: Actor,
    /// Refuse if the service has another generation; of a group the highest counts.
    pub if_generation: Option<Generation>,
    /// How long to go on probing until the color is healthy; `None`: the first failure refuses.
    pub wait_healthy: Option<Duration>,
    /// The drain deadline; `None`: that of each service.
    pub drain: Option<Duration>,
    /// Only pass the gate, change nothing.
    pub dry_run: bool,
}

/// The color that a switch is to end on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Destination {
    /// This color.
    Color(Color),
    /// The color that was active before: a rollback.
    Previous,
}

/// What became of a service in a switch. A refusal comes as [`rules::Refusal`].
#[derive(Clone, Debug)]
pub enum Switched {
    /// The color was active already.
    AlreadyOn {
        /// The service.
        service: ServiceName,
        /// The color.
        color: Color,
        /// The generation of the service.
        generation: Generation,
        /// The drain of the other color, if one is under way.
        drain: Option<DrainWatch>,
        /// Why a switch to the color would be refused now; `None`: it would not.
        unhealthy: Option<String>,
    },
    /// The gate would let it pass now; nothing was changed.
    DryRun {
        /// The service.
        service: ServiceName,
        /// The active color.
        from: Color,
        /// The color that was asked for.
        to: Color,
        /// The generation of the service, which did not change.
        generation: Generation,
        /// What proves the color healthy.
        evidence: Vec<Proof>,
    },
    /// Every worker has acknowledged it: no request will be on the old color any more (L2).
    Published {
        /// The service.
        service: ServiceName,
        /// The color that was active before.
        from: Color,
        /// The color that is active now.
        to: Color,
        /// What kind of switch it was.
        cause: Cause,
        /// The generation that it made.
        generation: Generation,
        /// The drain of the old color.
        drain: DrainWatch,
    },
}

/// A view of one drain. Dropping it changes nothing.
#[derive(Clone, Debug)]
pub struct DrainWatch {
    course: watch::Receiver<Course>,
}

/// The other side of a [`DrainWatch`].
#[derive(Debug)]
pub struct DrainTeller {
    course: watch::Sender<Course>,
}

/// A drain whose deadline is long over, while workers have not ended what they were told to
/// cut. It goes on, and may still end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stuck {
    /// Leases that are left on the color.
    pub leases: u64,
    /// Connections that are left to its targets.
    pub connections: u64,
}

/// Where a drain is.
#[derive(Clone, Copy, Debug)]
enum Course {
    UnderWay,
    Stuck(Stuck),
    Ended(DrainEnd),
}

/// To keep new requests of a service waiting.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HoldAsk {
    /// Which service; `None` is enough if there is exactly one.
    pub service: Option<ServiceName>,
    /// Who asks.
    pub actor: Actor,
    /// The longest that one request waits; `None`: 30 s.
    pub max_wait: Option<Duration>,
    /// The deadline for leases on the active color; `None`: that of the service.
    pub drain: Option<Duration>,
}

/// A hold that is in force on every worker.
#[derive(Clone, Debug)]
pub struct HoldInForce {
    /// The service.
    pub service: ServiceName,
    /// The active color, which drains now.
    pub color: Color,
    /// The longest that one request waits.
    pub max_wait: Duration,
    /// The drain of the active color; a resume interrupts it.
    pub drain: DrainWatch,
}

/// To let the waiting requests of a service go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResumeAsk {
    /// Which service; `None` is enough if there is exactly one.
    pub service: Option<ServiceName>,
    /// Who asks.
    pub actor: Actor,
}

/// A hold that is over on every worker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resumed {
    /// The service.
    pub service: ServiceName,
    /// The color that the requests are released to.
    pub color: Color,
    /// Requests that were waiting.
    pub waiting: u64,
}

/// To read the configuration again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReloadAsk {
    /// Who asks.
    pub actor: Actor,
}

/// A reload that is in force on every worker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reloaded {
    /// The generation that it made; `None`: it did not change where traffic goes.
    pub generation: Option<Generation>,
    /// What changed, one text each; empty: nothing.
    pub changes: Vec<String>,
}

/// To have this Teal replaced by one from the binary on the disk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UpgradeAsk {
    /// Who asks.
    pub actor: Actor,
}

/// A newer Teal that has taken over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Upgraded {
    /// Its process.
    pub pid: u32,
    /// Its version.
    pub version: String,
}

/// An upgrade that is asked for, and where the answer goes. The binary carries it out.
pub type UpgradeWish = (UpgradeAsk, oneshot::Sender<Result<Upgraded, Refusal>>);

/// What the configuration says now, checked.
pub struct NewConfig {
    /// All services.
    pub services: Vec<ServiceSpec>,
    /// All groups of them.
    pub groups: Vec<GroupSpec>,
    /// What clients may send.
    pub limits: Limits,
    /// What has changed besides, that is not the controller's: one text each.
    pub others: Vec<String>,
    /// What TLS to targets will be made of, if that is something else than now: targets that
    /// are reached by it are proven with it first.
    pub vault: Option<Vault>,
    /// Puts what has changed besides in force. Called once, when the reload is accepted.
    pub accept: Box<dyn FnOnce() + Send + Sync>,
}

/// Reads and checks the configuration; on failure, one text per problem. May block.
#[derive(Clone)]
pub struct Reloader(Arc<dyn Fn() -> Result<NewConfig, Vec<String>> + Send + Sync>);

/// A color that nothing holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ColorDrained {
    /// The service.
    pub service: ServiceName,
    /// The color, safe to stop.
    pub color: Color,
    /// The generation of the service.
    pub generation: Generation,
}

// === impl Scope ===

impl From<Option<ServiceName>> for Scope {
    fn from(service: Option<ServiceName>) -> Self {
        service.map_or(Self::Only, Self::Service)
    }
}

// === impl DrainWatch, DrainTeller, Course ===

impl DrainWatch {
    /// The two sides of the view of a drain that has just begun.
    pub fn pair() -> (DrainTeller, Self) {
        let (tell, course) = watch::channel(Course::UnderWay);
        (DrainTeller { course: tell }, Self { course })
    }

    /// A view of a drain that has already ended.
    pub fn ended(end: DrainEnd) -> Self {
        Self { course: watch::channel(Course::Ended(end)).1 }
    }

    /// Waits for the end of the drain, however long that takes.
    pub async fn end(&mut self) -> DrainEnd {
        match self.course.wait_for(|course| course.end().is_some()).await {
            Ok(course) => course.end().unwrap_or(DrainEnd::Interrupted),
            Err(_) => DrainEnd::Interrupted, // the controller has stopped
        }
    }

    /// Waits for the end of the drain, at most until it is stuck: the deadline of the drain
    /// and a little more.
    // lossless: L10
    pub async fn end_in_time(&mut self) -> Result<DrainEnd, Stuck> {
        let told = self.course.wait_for(|course| !matches!(course, Course::UnderWay)).await;
        match told.map(|course| *course) {
            Ok(Course::Ended(end)) => Ok(end),
            Ok(Course::Stuck(stuck)) => Err(stuck),
            // Under way for ever: the controller has stopped.
            Ok(Course::UnderWay) | Err(_) => Ok(DrainEnd::Interrupted),
        }
    }

    /// The end of the drain, if it has ended.
    pub fn now(&self) -> Option<DrainEnd> {
        self.course.borrow().end()
    }
}

impl DrainTeller {
    /// Tells everybody who watches how the drain ended.
    pub fn tell(&self, end: DrainEnd) {
        self.course.send_replace(Course::Ended(end));
    }

    /// Tells everybody who watches that the drain does not end though it should have.
    pub fn tell_stuck(&self, stuck: Stuck) {
        self.course.send_replace(Course::Stuck(stuck));
    }
}

impl Course {
    fn end(self) -> Option<DrainEnd> {
        match self {
            Self::Ended(end) => Some(end),
            Self::UnderWay | Self::Stuck(_) => None,
        }
    }
}

// === impl Reloader ===

impl Reloader {
    /// Wraps the function that reads the configuration.
    pub fn new(read: impl Fn() -> Result<NewConfig, Vec<String>> + Send + Sync + 'static) -> Self {
        Self(Arc::new(read))
    }

    /// Reads and checks the configuration.
    pub fn read(&self) -> Result<NewConfig, Vec<String>> {
        (self.0)()
    }
}

impl fmt::Debug for NewConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { services, groups, limits, others, vault, accept: _ } = self;
        let mut shown = f.debug_struct("NewConfig");
        shown.field("services", services).field("groups", groups).field("limits", limits);
        shown.field("others", others).field("vault", vault);
        shown.finish_non_exhaustive()
    }
}

impl fmt::Debug for Reloader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Reloader")
    }
}
