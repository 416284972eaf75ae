//! Refusals about deploys, with their reasons.

use std::fmt;
use std::time::Duration;

use crate::deploy::{Deploy, DeployId, DeployResult, TAKE_AFTER};
use crate::name::{Color, Generation, ServiceName};
use crate::near::NameList;

/// The reason why the record of a deploy was not made or changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DeployRefusal {
    /// A service is in a deploy that has not ended.
    InProgress {
        /// That deploy.
        deploy: Box<Deploy>,
        /// The time since it began.
        age: Duration,
    },
    /// A service was rolled back, and no deploy has superseded that.
    RolledBack {
        /// The service.
        service: ServiceName,
        /// The generation of the rollback.
        generation: Generation,
    },
    /// The services of a group have different active colors.
    ColorsDiffer {
        /// One service.
        service: ServiceName,
        /// Its active color.
        active: Color,
        /// One that has the other color.
        other: ServiceName,
    },
    /// No kept deploy has this number.
    Unknown {
        /// The number that was asked for.
        id: DeployId,
    },
    /// The deploy has ended.
    Ended {
        /// The deploy.
        id: DeployId,
        /// Its result.
        result: DeployResult,
    },
    /// Another command line has taken the deploy over.
    TakenOver {
        /// The deploy.
        id: DeployId,
        /// The present claim.
        claim: u32,
        /// The command line that has it.
        by: String,
    },
    /// The command line of the deploy is alive, so another one may not take it over.
    ClientAlive {
        /// The deploy.
        id: DeployId,
        /// The command line that has it.
        by: String,
        /// The time since it last reported.
        silent: Duration,
    },
    /// The deploy cannot come to this step or result.
    Step {
        /// The deploy.
        id: DeployId,
        /// The reason.
        reason: String,
    },
}

// === impl DeployRefusal ===

impl DeployRefusal {
    /// The stable word for scripts.
    pub fn code(&self) -> &'static str {
        match self {
            Self::InProgress { .. } => "deploy_in_progress",
            Self::RolledBack { .. } => "rolled_back",
            Self::ColorsDiffer { .. } => "colors_differ",
            Self::Unknown { .. } => "unknown_deploy",
            Self::Ended { .. } => "deploy_ended",
            Self::TakenOver { .. } => "deploy_taken_over",
            Self::ClientAlive { .. } => "client_alive",
            Self::Step { .. } => "deploy_step",
        }
    }
}

impl fmt::Display for DeployRefusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::InProgress { deploy, age } => {
                let (id, step) = (deploy.id, deploy.step().0);
                let all = NameList(&deploy.services);
                write!(f, "deploy {id} of {all} is in progress: {}", deploy.by())?;
                if deploy.by.is_some() {
                    write!(f, " ({})", deploy.actor)?;
                }
                let paused = if deploy.paused { ", paused" } else { "" };
                write!(
                    f,
                    " began it {} s ago, step {step}{paused}\nWait for its end, continue it with: teal deploy \
                     --resume {id}, or put it back with: teal deploy --abandon {id}",
                    age.as_secs()
                )
            }
            Self::RolledBack { service, generation } => write!(
                f,
                "{service} was rolled back in generation {generation}\nOnce the reason is fixed, deploy with \
                 --supersede"
            ),
            Self::ColorsDiffer { service, active, other } => write!(
                f,
                "{service} is on {active} and {other} on {}, so there is no color to deploy both to; switch one \
                 of them first",
                active.other()
            ),
            Self::Unknown { id } => {
                write!(f, "no deploy {id} is kept; see: teal deploys")
            }
            Self::Ended { id, result } => write!(f, "deploy {id} has ended: {result}"),
            Self::TakenOver { id, by, .. } => {
                write!(
                    f,
                    "deploy {id} was taken over by {by}, so this command line changes nothing any more"
                )
            }
            Self::ClientAlive { id, by, silent } => write!(
                f,
                "the command line of deploy {id}, {by}, reported {} s ago: end it, or wait until it has been \
                 silent for {} s",
                silent.as_secs(),
                TAKE_AFTER.as_secs()
            ),
            Self::Step { reason, .. } => f.write_str(reason),
        }
    }
}
