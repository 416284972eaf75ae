//! The step `switch`: moving all services at once, at the generation that the deploy has seen.
//!
//! If the answer is lost, the status tells what was decided. Only if Teal cannot be asked is there doubt.

use contract::wire::{Color, SwitchResult};
use tokio::time::{Instant, sleep};

use crate::admin::{NoReply, SwitchOrder};
use crate::run::Run;
use crate::stop::Stop;

/// Moves traffic to the new environment and returns the generation.
pub(crate) async fn run(run: &Run<'_>) -> Result<u64, Stop> {
    let order = run.order(run.plan.color, run.plan.generation);
    carried_out(run, &SwitchOrder { rollback: run.plan.rollback, ..order }).await
}

impl Run<'_> {
    /// The order of a switch.
    pub(crate) fn order(&self, to: Color, generation: u64) -> SwitchOrder {
        SwitchOrder {
            to,
            service: self.plan.names().first().map_or_else(String::new, ToString::to_string),
            group: self.plan.group.clone(),
            generation,
            wait_healthy: None,
            drain: self.options.drain,
            dry_run: false,
            rollback: false,
        }
    }
}

/// Moves traffic to a color. A failure has changed nothing.
pub(crate) async fn moved(run: &Run<'_>, to: Color, generation: u64) -> Result<u64, Stop> {
    carried_out(run, &run.order(to, generation)).await
}

async fn carried_out(run: &Run<'_>, order: &SwitchOrder) -> Result<u64, Stop> {
    let to = order.to;
    let deadline = Instant::now() + run.context.pace.patience;
    loop {
        match run.context.admin.switch(order).await {
            Ok(outcome) => {
                let answers = outcome.services();
                let newest = answers.iter().map(|answer| answer.generation).max();
                let is_there = answers
                    .iter()
                    .all(|answer| answer.to == to && answer.result != SwitchResult::WouldSwitch);
                return newest.filter(|_| is_there).ok_or_else(|| {
                    Stop::doubt(
                        "Teal's answer to the switch cannot be understood; see: teal status",
                    )
                });
            }
            Err(NoReply::Unanswered(message)) => {
                if let Some(generation) = decided(run, to, &message).await? {
                    return Ok(generation);
                }
            }
            Err(no_reply) if no_reply.is_passing() => {
                if Instant::now() >= deadline {
                    // Nothing was sent, or Teal has refused it: nothing was changed by it.
                    return Err(Stop::failed(no_reply.to_string()));
                }
            }
            Err(no_reply) => return Err(Stop::failed(no_reply.to_string())),
        }
        if Instant::now() >= deadline {
            return Err(Stop::failed("the switch was not answered, and was not made"));
        }
        sleep(run.context.pace.glance).await;
    }
}

/// Finds out what became of a switch whose answer was lost: its generation, or `None` if it was not made.
async fn decided(run: &Run<'_>, to: Color, message: &str) -> Result<Option<u64>, Stop> {
    let deadline = Instant::now() + run.context.pace.patience;
    let names = run.plan.names();
    loop {
        let status = run.context.status().await.map_err(|no_reply| {
            Stop::doubt(format!(
                "{message}\nIt is not known whether traffic was switched: {no_reply}"
            ))
        })?;
        let ours = |services: &[String]| services.iter().any(|name| names.contains(&&**name));
        let pending = status.publishing.is_some()
            || status.waits.iter().any(|wait| !wait.dry_run && ours(&wait.services));
        if !pending {
            let mut newest = 0;
            for member in &run.plan.members {
                match member.in_status(&status) {
                    Some(service) if service.active == to => {
                        newest = newest.max(service.generation);
                    }
                    _ => return Ok(None),
                }
            }
            return Ok(Some(newest));
        }
        if Instant::now() >= deadline {
            return Err(Stop::doubt(format!(
                "{message}\nThe switch is still under way; see: teal status"
            )));
        }
        sleep(run.context.pace.glance).await;
    }
}
