//! The admin API as a deploy needs it. The command line implements it with its own client.

use std::fmt;
use std::pin::Pin;
use std::time::Duration;

use contract::wire::{
    Color, Deploy, DeployReport, DeployRequest, Deploys, ProblemDocument, Receipt, Retired, Status,
    SwitchOutcome, TargetsAnswer, TargetsRequest,
};

/// The future of a call.
pub type Reply<'a, T> = Pin<Box<dyn Future<Output = Result<T, NoReply>> + 'a>>;

/// The calls of the admin API that a deploy makes.
pub trait Admin: fmt::Debug {
    /// `GET /admin/status`.
    fn status(&self) -> Reply<'_, Status>;

    /// `GET /admin/deploys/{id}`.
    fn deploy(&self, id: u64) -> Reply<'_, Deploy>;

    /// `GET /admin/deploys` of one service, newest first.
    fn deploys<'a>(&'a self, service: &'a str) -> Reply<'a, Deploys>;

    /// `POST /admin/deploys`, with the generation in `If-Match`.
    fn begin<'a>(&'a self, request: &'a DeployRequest, generation: u64) -> Reply<'a, Deploy>;

    /// `PATCH /admin/deploys/{id}`.
    fn report<'a>(&'a self, id: u64, report: &'a DeployReport) -> Reply<'a, Deploy>;

    /// `POST /admin/switch`, or `POST /admin/rollback` if the order says so. The reply comes once every worker has applied it.
    fn switch<'a>(&'a self, order: &'a SwitchOrder) -> Reply<'a, SwitchOutcome>;

    /// `POST /admin/retire`. From its reply on, nothing is sent to the color.
    fn retire<'a>(&'a self, service: &'a str, color: Color) -> Reply<'a, Retired>;

    /// `PUT /admin/services/{name}/{color}/targets`. The reply comes once every worker has them.
    fn targets<'a>(&'a self, order: &'a TargetsOrder) -> Reply<'a, TargetsAnswer>;

    /// `GET /admin/receipts/{generation}` of one service.
    fn receipt<'a>(&'a self, generation: u64, service: &'a str) -> Reply<'a, Receipt>;
}

/// A switch, or the check whether it would pass the gate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SwitchOrder {
    /// The color to move to.
    pub to: Color,
    /// The service, unless there is a group.
    pub service: String,
    /// The group.
    pub group: Option<String>,
    /// The generation that the service, or the newest service of the group, must have.
    pub generation: u64,
    /// The time to wait until the color is healthy.
    pub wait_healthy: Option<Duration>,
    /// The time after which leases on the old color are cut; `None`: as configured.
    pub drain: Option<Duration>,
    /// Only check the gate.
    pub dry_run: bool,
    /// True to record it as a rollback.
    pub rollback: bool,
}

/// The targets of a color.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TargetsOrder {
    /// The service.
    pub service: String,
    /// The color.
    pub color: Color,
    /// The targets, with the deploy and its claim.
    pub request: TargetsRequest,
}

/// The reason why a call has no good answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NoReply {
    /// Teal refused it, and nothing was changed by it.
    Refused(ProblemDocument),
    /// Nothing was sent: no connection could be made.
    Unreachable(String),
    /// It was sent, and no whole answer came back. It may have taken effect.
    Unanswered(String),
}

// === impl NoReply ===

impl NoReply {
    /// Creates the reason of an answer that is a problem document. Not every one of them is a refusal: what is decided and
    /// only slow, or unknown even to Teal, may have taken effect.
    // lossless: L4 - an environment that a slow switch may still go to is never stopped as one that failed.
    pub fn of(problem: ProblemDocument) -> Self {
        let refused = Self::Refused(problem);
        match refused.code() {
            Some("journal_slow" | "publish_incomplete" | "no_answer" | "internal") => {
                Self::Unanswered(refused.to_string())
            }
            _ => refused,
        }
    }

    /// The code of a refusal.
    pub(crate) fn code(&self) -> Option<&str> {
        match self {
            Self::Refused(problem) => Some(&problem.code),
            Self::Unreachable(_) | Self::Unanswered(_) => None,
        }
    }

    /// Returns true if the same call may succeed in a moment: Teal is being restarted or replaced.
    pub(crate) fn is_passing(&self) -> bool {
        match self {
            Self::Refused(problem) => {
                problem.code == "upgrade_in_progress" || problem.status == 503
            }
            Self::Unreachable(_) | Self::Unanswered(_) => true,
        }
    }
}

impl fmt::Display for NoReply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused(problem) => {
                f.write_str(&problem.title)?;
                match &problem.detail {
                    Some(detail) => write!(f, "\n{detail}"),
                    None => Ok(()),
                }
            }
            Self::Unreachable(message) | Self::Unanswered(message) => f.write_str(message),
        }
    }
}
