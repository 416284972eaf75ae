//! The step `lock`: the record in Teal, which is the lock of its services.

use std::time::Duration;

use contract::wire::{Deploy, DeployReport, DeployRequest, DeployResult, DeployStep};

use crate::admin::NoReply;
use crate::context::{Context, Request};
use crate::plan::Plan;
use crate::stop::{Ended, Verdict};

/// Begins a deploy. Nothing is begun if it is refused.
pub(crate) async fn begin(
    context: &Context<'_>,
    request: &Request,
    plan: &Plan,
) -> Result<Deploy, Ended> {
    let body = DeployRequest {
        service: plan.group.is_none().then(|| plan.subject().to_owned()),
        group: plan.group.clone(),
        version: plan.version.as_ref().map(ToString::to_string),
        by: Some(context.by.clone()),
        reason: request.reason.clone(),
        supersede: request.supersede || request.rollback,
        emergency: request.emergency,
        sweep: false,
    };
    let record = context.admin.begin(&body, plan.generation).await.map_err(|no| refused(&no))?;
    let text = format!("deploy {} by {}", record.id, context.by);
    context.reporter.done(record.id, DeployStep::Lock, &text, Duration::ZERO);
    Ok(record)
}

/// Takes a deploy over from a command line that is gone, or goes on with one that was paused.
pub(crate) async fn take(context: &Context<'_>, id: u64) -> Result<Deploy, Ended> {
    let report =
        DeployReport { take: true, by: Some(context.by.clone()), ..DeployReport::default() };
    context.admin.report(id, &report).await.map_err(|no| refused(&no))
}

/// The end of a command about a deploy that has ended already.
pub(crate) fn over(id: u64, result: DeployResult) -> Ended {
    let message = format!("deploy {id} has ended: {result}; see: teal deploys {id}");
    Ended::before(Verdict::Refused, message)
}

/// The end of a command that Teal has refused, or that could not ask.
pub(crate) fn refused(no_reply: &NoReply) -> Ended {
    let verdict = match no_reply {
        NoReply::Refused(problem) => match (problem.status, problem.code.as_str()) {
            (_, "unknown_service" | "unknown_group" | "unknown_deploy") | (400 | 413, _) => {
                Verdict::Usage
            }
            (409 | 412, _) => Verdict::Refused,
            _ => Verdict::Failed,
        },
        NoReply::Unreachable(_) => Verdict::Unreachable,
        NoReply::Unanswered(message) => {
            let message = format!(
                "{message}\nIt is not known whether the deploy was begun, and nothing else was; see: \
                 teal deploys"
            );
            return Ended::before(Verdict::Unreachable, message);
        }
    };
    Ended::before(verdict, no_reply.to_string())
}
