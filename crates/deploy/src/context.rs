//! The context of all commands about deploys, and their requests.

use std::time::Duration;

use config::{Config, Keep};
use contract::wire::Status;
use rules::Version;
use runner::{Failure, FailureKind, Runner};
use tokio::sync::watch;
use tokio::time::{Instant, sleep};

use crate::admin::{Admin, NoReply};
use crate::report::Reporter;

/// The context of all commands about deploys.
pub struct Context<'c> {
    /// Teal.
    pub admin: &'c dyn Admin,
    /// The configuration.
    pub config: &'c Config,
    /// Makes the runner of a service.
    pub runners: &'c dyn Fn(&config::Deploy) -> Box<dyn Runner>,
    /// The output.
    pub reporter: &'c Reporter,
    /// The number of interrupts by the person who deploys.
    pub interrupts: watch::Receiver<u32>,
    /// The user and the host of this command line.
    pub by: String,
    /// The intervals and deadlines of calls.
    pub pace: Pace,
}

/// The intervals and deadlines of calls.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    /// Between two signs of life.
    pub heartbeat: Duration,
    /// Between two looks at something that is waited for.
    pub glance: Duration,
    /// The time that Teal or a runner has to answer again while it is restarted or replaced, and that a color has to be
    /// drained before it is stopped.
    pub patience: Duration,
}

/// A request for a deploy.
#[derive(Clone, Debug)]
pub struct Request {
    /// The service; `None`: the only one, or those of the group.
    pub service: Option<String>,
    /// The group.
    pub group: Option<String>,
    /// The version.
    pub version: Option<Version>,
    /// The options of its steps.
    pub options: Options,
    /// Begin although the service was rolled back.
    pub supersede: bool,
    /// Begin inside a freeze window.
    pub emergency: bool,
    /// The reason, for the record.
    pub reason: Option<String>,
    /// True to go back to the version that the idle color had, which is deployed again.
    pub rollback: bool,
}

/// The options of the steps.
#[derive(Clone, Debug)]
pub struct Options {
    /// The time for the new environment to become healthy.
    pub wait_healthy: Duration,
    /// The time after which leases on the old color are cut; `None`: as configured.
    pub drain: Option<Duration>,
    /// The handling of the old environment; `None`: as configured.
    pub keep: Option<Keep>,
    /// Pause before the switch.
    pub no_switch: bool,
}

// === impl Pace ===

impl Default for Pace {
    fn default() -> Self {
        Self {
            heartbeat: Duration::from_secs(5),
            glance: Duration::from_millis(200),
            patience: Duration::from_secs(30),
        }
    }
}

// === impl Context ===

impl Context<'_> {
    /// Makes a call, again while Teal is being restarted or replaced.
    pub(crate) async fn persistently<T>(
        &self,
        call: impl AsyncFn() -> Result<T, NoReply>,
    ) -> Result<T, NoReply> {
        let deadline = Instant::now() + self.pace.patience;
        loop {
            match call().await {
                Err(no_reply) if no_reply.is_passing() && Instant::now() < deadline => {
                    sleep(self.pace.glance).await;
                }
                other => return other,
            }
        }
    }

    /// Makes a call of a runner until it is answered: an engine or a service manager that is being restarted is back
    /// within seconds. For calls that may be repeated, which a start may not.
    pub(crate) async fn answered<T>(
        &self,
        call: impl AsyncFn() -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        let deadline = Instant::now() + self.pace.patience;
        loop {
            match call().await {
                Err(failure)
                    if failure.kind == FailureKind::InDoubt && Instant::now() < deadline =>
                {
                    sleep(self.pace.glance).await;
                }
                other => return other,
            }
        }
    }

    /// The status of Teal.
    pub(crate) async fn status(&self) -> Result<Status, NoReply> {
        self.persistently(async || self.admin.status().await).await
    }

    /// Waits until there have been this many interrupts.
    pub(crate) async fn interrupted(&self, times: u32) {
        let mut interrupts = self.interrupts.clone();
        if interrupts.wait_for(|count| *count >= times).await.is_err() {
            std::future::pending::<()>().await; // nobody listens for them
        }
    }
}

impl std::fmt::Debug for Context<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Context").field("by", &self.by).finish_non_exhaustive()
    }
}
