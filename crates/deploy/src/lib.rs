//! The steps of a deploy, from the plan to the old environment's fate.
//!
//! `plan → lock → before → start → gate → smoke → switch → drain → outside → after → keep`: [`spine`] walks them, each
//! has a module, and `undo` says what follows a failure. This works in the command line, with the rights of the user
//! who deploys: it starts and stops environments through a [`runner`], and asks Teal through [`Admin`]. The record of
//! the deploy, which is also its lock, is in Teal.
//!
//! Guaranteed: a failure before the switch changes nothing about traffic; an environment is stopped only after Teal has
//! said that its color is idle and drained, and has retired it; in doubt nothing is stopped; every wait has a deadline.
//!
//! **Never here:** a decision about health or traffic, which are Teal's; a terminal; a connection to the admin API.

#![forbid(unsafe_code)]

mod abandon;
mod admin;
mod after;
mod before;
mod context;
mod drain;
mod explain;
mod gate;
mod keep;
mod lock;
mod member;
mod outside;
mod plan;
mod report;
mod request;
mod resume;
mod rollback;
mod run;
mod shutdown;
mod smoke;
mod spine;
mod start;
mod stop;
mod sweep;
mod switch;
mod targets;
mod undo;

use std::time::Duration;

use contract::wire::DeployStep;
use tokio::time::Instant;

pub use admin::{Admin, NoReply, Reply, SwitchOrder, TargetsOrder};
pub use context::{Context, Options, Pace, Request};
pub use member::{Supervision, runner_of};
pub use report::{Reporter, Write};

pub use stop::{Ended, Verdict};

use plan::Plan;
use run::Run;

/// Deploys, and prints each step.
pub async fn deploy(context: &Context<'_>, request: &Request) -> Ended {
    let began = Instant::now();
    let planned = planned(context, request).await;
    let ended = match planned {
        Ok(plan) => match lock::begin(context, request, &plan).await {
            Ok(record) if record.color == plan.color => {
                let run = Run::new(context, &request.options, plan, &record, false);
                Box::pin(spine::walk(&run, DeployStep::Before)).await
            }
            Ok(record) => {
                let run = Run::new(context, &request.options, plan, &record, false);
                let moved = "traffic was switched while the deploy was planned; try again";
                Box::pin(undo::before_switch(&run, stop::Stop::failed(moved))).await
            }
            Err(ended) => ended,
        },
        Err(ended) => ended,
    };
    told(context, ended, began)
}

/// Prints what a deploy would do, and changes nothing.
pub async fn dry_run(context: &Context<'_>, request: &Request) -> Ended {
    let ended = match planned(context, request).await {
        Ok(plan) => {
            context.reporter.described(&plan.steps(&request.options));
            return Ended::before(Verdict::Done, "");
        }
        Err(ended) => ended,
    };
    told(context, ended, Instant::now())
}

/// Goes on with a deploy that was interrupted or paused.
pub async fn resume(context: &Context<'_>, id: u64, options: &Options) -> Ended {
    let began = Instant::now();
    told(context, Box::pin(resume::resume(context, id, options)).await, began)
}

/// Puts back a deploy that was interrupted or paused.
pub async fn abandon(context: &Context<'_>, id: u64, options: &Options) -> Ended {
    let began = Instant::now();
    told(context, Box::pin(abandon::abandon(context, id, options)).await, began)
}

/// Stops the old environments whose time is over: of one service, or of all that are deployed. Prints a line for each.
pub async fn sweep(context: &Context<'_>, service: Option<&str>, dry_run: bool) -> Ended {
    let options = Options {
        wait_healthy: Duration::ZERO, // nothing is started
        drain: None,
        keep: None,
        no_switch: false,
    };
    Box::pin(sweep::sweep(context, service, dry_run, &options)).await
}

async fn planned(context: &Context<'_>, request: &Request) -> Result<Plan, Ended> {
    let status = context.status().await.map_err(|no_reply| lock::refused(&no_reply))?;
    let plan = Plan::of_request(context, request, &status).await?;
    context.reporter.planned(&plan.printed(&request.options));
    Ok(plan)
}

fn told(context: &Context<'_>, ended: Ended, began: Instant) -> Ended {
    context.reporter.ended(&ended, began.elapsed());
    ended
}
