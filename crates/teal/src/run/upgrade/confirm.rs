//! The newer Teal proves what the older one has proven, before it serves.
//!
//! What has changed since the older one started is met first by the newer one: a file of CAs that was
//! replaced, a name that has moved, another version of Teal. Guaranteed: a newer Teal that finds a color down
//! which the older one finds up does not serve, and the older one goes on.

use std::time::Duration;

use control::handover::{Host, UpColor};
use control::{Handle, ServiceStatus, TargetStatus};
use rules::{Color, Refusal, Standing};
use tokio::time::{Instant, sleep};

use crate::exit::Failure;

/// How long probes may take to decide. What they have not decided by then does not count.
// lossless: L10
const WITHIN: Duration = Duration::from_secs(10);

/// How often it is asked what they have found.
const LOOK: Duration = Duration::from_millis(5);

/// The colors that are healthy now.
pub(super) async fn up(handle: &Handle) -> Result<Vec<UpColor>, Refusal> {
    let status = handle.status().await?;
    let colors = status.services.iter().flat_map(|service| {
        let healthy = Color::BOTH.into_iter().filter(|color| service.color(*color).healthy);
        healthy.map(|color| UpColor { service: service.name.to_string(), color: color.to_string() })
    });
    Ok(colors.collect())
}

/// Waits until a probe of each of their targets has passed, and tells the older Teal if one is down.
///
/// # Errors
/// Those that are down.
// lossless: L9
pub(in crate::run) async fn confirm(
    up: &[UpColor],
    handle: &Handle,
    older: Option<&Host>,
) -> Result<(), Failure> {
    let confirmed = all_up(up, handle).await;
    if let (Err(failure), Some(older)) = (&confirmed, older) {
        older.say_failed(&failure.message).await;
    }
    confirmed
}

async fn all_up(up: &[UpColor], handle: &Handle) -> Result<(), Failure> {
    let deadline = Instant::now() + WITHIN;
    loop {
        let status = handle.status().await.map_err(|error| Failure::failed(error.to_string()))?;
        let (mut open, mut down) = (0, Vec::new());
        for UpColor { service, color } in up {
            let named = |one: &&ServiceStatus| one.name.as_str() == service;
            // One that is configured no longer has no targets that could be down.
            let Some(found) = status.services.iter().find(named) else { continue };
            let Some(seen) = Color::BOTH.into_iter().find(|one| one.as_str() == color) else {
                continue;
            };
            let seen = found.color(seen);
            if let Some(target) = seen.targets.iter().find(|one| one.standing == Standing::Down) {
                down.push(why(service, color, target));
            } else {
                open += usize::from(!seen.targets.iter().all(has_passed));
            }
        }
        if open == 0 && down.is_empty() {
            return Ok(());
        }
        if open == 0 || !down.is_empty() && Instant::now() > deadline {
            return Err(Failure::failed(format!(
                "the newer Teal finds down what this one finds up: {}",
                down.join("; ")
            )));
        }
        if Instant::now() > deadline {
            tracing::warn!(
                "serving, though {open} colors that the older Teal has found up have not answered a \
                 probe within {WITHIN:?}"
            );
            return Ok(());
        }
        sleep(LOOK).await;
    }
}

fn has_passed(target: &TargetStatus) -> bool {
    target.last_probe.as_ref().is_some_and(|probe| probe.verdict.passed())
}

fn why(service: &str, color: &str, target: &TargetStatus) -> String {
    let reason = target.last_probe.as_ref().and_then(|probe| probe.verdict.reason());
    format!("{color} of {service}, {}: {}", target.url, reason.unwrap_or("no probe passes"))
}
