//! The step `outside`: the service as clients see it, through its public listener.
//!
//! A check is tried again until it passes or its time is over, since something between this command and Teal may
//! need a moment.

use std::time::Duration;

use config::Outside;
use contract::wire::DeployStep;
use tokio::time::{Instant, sleep};

use crate::request::{Check, addresses};
use crate::run::Run;
use crate::stop::Stop;

/// The pause before another try.
const PAUSE: Duration = Duration::from_millis(250);

/// Makes the checks of all members in their order; the first that does not pass ends it.
pub(crate) async fn run(run: &Run<'_>) -> Result<String, Stop> {
    let mut said = Vec::new();
    for check in run.plan.members.iter().flat_map(|member| &member.settings.outside) {
        let status = passed(run, check).await?;
        said.push(format!("{} {status}", check.url));
    }
    Ok(said.join("\n"))
}

async fn passed(run: &Run<'_>, outside: &Outside) -> Result<u16, Stop> {
    let deadline = Instant::now() + outside.within;
    let check = Check {
        server: &outside.server,
        host: outside.host.clone(),
        path: &outside.path,
        fields: Vec::new(),
        ca: outside.ca.clone(),
        expect: &outside.expect,
    };
    let mut reason = String::new();
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        let why = match addresses(&outside.server, left).await {
            Ok(found) => match check.pass(&found, left).await {
                Ok(status) => return Ok(status),
                Err(why) => why,
            },
            Err(why) => why,
        };
        // A try that the deadline cut short says less than the one before it.
        if reason.is_empty() || Instant::now() < deadline {
            reason = why;
        }
        if Instant::now() + PAUSE >= deadline {
            let url = &outside.url;
            return Err(Stop::failed(format!("check from outside {url} failed: {reason}")));
        }
        run.context.reporter.waiting(DeployStep::Outside, &reason);
        sleep(PAUSE).await;
    }
}
