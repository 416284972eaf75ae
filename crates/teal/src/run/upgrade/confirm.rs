//! The newer Teal proves colors healthy that the older one finds healthy, before it serves.
//!
//! Changes since the start of the older one show first in the newer one: a replaced file of CAs, a name that
//! has moved, another version of Teal. Guaranteed: if a newer Teal finds a color down that the older one
//! finds up, it does not serve, and the older one goes on.

use std::collections::HashMap;
use std::time::Duration;

use control::{Handle, Role, ServiceStatus, Status, TargetStatus, Usage};
use peer::{Host, OfferedColor, OfferedTarget};
use rules::{Color, Refusal, Standing};
use tokio::time::{Instant, sleep};

use crate::exit::Failure;

/// The time limit for probes to decide. A color that is undecided by then is ignored.
// lossless: L10
const WITHIN: Duration = Duration::from_secs(10);

/// The first and the longest pause between two checks of their results: with thousands of services, a check
/// takes time from the thread that probes.
const FIRST_PAUSE: Duration = Duration::from_millis(5);
const LONGEST_PAUSE: Duration = Duration::from_millis(100);

const FINDS_DOWN: &str = "the newer Teal finds down what this one finds up";

/// Returns true if a newer Teal has given up because of a color that it finds down.
pub(super) fn is_about_health(refusal: &Refusal) -> bool {
    matches!(refusal, Refusal::UpgradeFailed { reason } if reason.contains(FINDS_DOWN))
}

/// Waits until the older Teal, which decides again, has probed all of these colors anew. Returns true as soon
/// as one of them is no longer healthy.
// lossless: L10
pub(super) async fn has_gone_down(up: &[OfferedColor], handle: &Handle) -> Result<bool, Refusal> {
    let (deadline, since) = (Instant::now() + WITHIN, handle.status().await?.at);
    loop {
        let status = handle.status().await?;
        let mut all_anew = true;
        for (color, service) in Color::BOTH
            .iter()
            .flat_map(|color| status.services.iter().map(move |service| (*color, service)))
        {
            let name = |one: &&OfferedColor| {
                one.service == service.name.as_str() && one.color == color.as_str()
            };
            if !up.iter().any(|one| name(&one)) {
                continue;
            }
            let seen = service.color(color);
            if !seen.healthy {
                return Ok(true);
            }
            let anew = |target: &TargetStatus| {
                target.last_probe.as_ref().is_some_and(|probe| probe.at > since)
            };
            all_anew &= seen.targets.iter().all(anew);
        }
        if all_anew || Instant::now() > deadline {
            return Ok(false);
        }
        sleep(LONGEST_PAUSE).await;
    }
}

/// The colors that are healthy now.
pub(super) async fn up(handle: &Handle) -> Result<Vec<OfferedColor>, Refusal> {
    let status = handle.status().await?;
    let colors = status.services.iter().flat_map(|service| {
        let healthy = Color::BOTH.into_iter().filter(|color| service.color(*color).healthy);
        healthy.map(|color| {
            let targets = service.color(color).targets.iter();
            let targets = targets.filter(|target| is_counted(target));
            OfferedColor {
                service: service.name.to_string(),
                color: color.to_string(),
                targets: targets.map(told).collect(),
            }
        })
    });
    Ok(colors.collect())
}

/// The targets of active colors that traffic uses. A name without an address in use is included, too.
pub(super) async fn used(handle: &Handle) -> Result<Vec<OfferedColor>, Refusal> {
    let status = handle.status().await?;
    let colors = status.services.iter().flat_map(|service| {
        service.split.receivers().map(|color| OfferedColor {
            service: service.name.to_string(),
            color: color.to_string(),
            targets: service.color(color).targets.iter().map(told_as_used).collect(),
        })
    });
    Ok(colors.collect())
}

/// The same target, without the address if traffic does not use it.
fn told_as_used(target: &TargetStatus) -> OfferedTarget {
    let is_used = matches!(target.usage, Usage::Used | Usage::Unlisted);
    OfferedTarget { address: target.address.filter(|_| is_used), ..told(target) }
}

/// A target as sent to a newer Teal.
fn told(target: &TargetStatus) -> OfferedTarget {
    OfferedTarget { url: target.url.to_string(), address: target.address }
}

/// Waits until a probe of each of their targets has passed, and tells the older Teal if one is down. Targets
/// that a newer configuration adds to an idle color are ignored, since they were never proven; on an
/// active color they receive traffic at once, and must pass as at a reload.
///
/// # Errors
/// The colors that are down.
// lossless: L9
pub(in crate::run) async fn confirm(
    up: &[OfferedColor],
    handle: &Handle,
    older: Option<&Host>,
) -> Result<(), Failure> {
    let confirmed = all_up(up, handle).await;
    if let (Err(failure), Some(older)) = (&confirmed, older) {
        older.say_failed(&failure.message).await;
    }
    confirmed
}

async fn all_up(up: &[OfferedColor], handle: &Handle) -> Result<(), Failure> {
    if up.is_empty() {
        return Ok(()); // a status of thousands of services would only delay a start
    }
    let (deadline, mut pause) = (Instant::now() + WITHIN, FIRST_PAUSE);
    let mut open: Vec<&OfferedColor> = up.iter().collect();
    loop {
        let status = handle.status().await.map_err(|error| Failure::failed(error.to_string()))?;
        let down = look(&status, &mut open);
        let is_late = Instant::now() > deadline;
        if !down.is_empty() && (down.len() == open.len() || is_late) {
            return Err(Failure::failed(format!("{FINDS_DOWN}: {}", down.join("; "))));
        }
        if open.is_empty() {
            return Ok(());
        }
        if is_late {
            let open = open.len();
            tracing::warn!(
                "serving, though {open} colors that the older Teal finds up have not answered a \
                 probe within {WITHIN:?}"
            );
            return Ok(());
        }
        sleep(pause).await;
        pause = LONGEST_PAUSE.min(pause * 2);
    }
}

/// Keeps only those that have not passed, and returns the reasons of those that are down.
fn look(status: &Status, open: &mut Vec<&OfferedColor>) -> Vec<String> {
    let by_name: HashMap<&str, &ServiceStatus> =
        status.services.iter().map(|service| (service.name.as_str(), service)).collect();
    let mut down = Vec::new();
    open.retain(|OfferedColor { service, color, targets }| {
        let named = Color::BOTH.into_iter().find(|one| one.as_str() == color);
        let found = by_name.get(service.as_str()).zip(named);
        // One that is configured no longer has no targets that could be down.
        let Some(seen) = found.map(|(service, color)| service.color(color)) else { return false };
        let all = seen.role == Role::Active || targets.is_empty();
        let is_known = |one: &TargetStatus| {
            let url = one.url.to_string();
            let told = || targets.iter().filter(|target| target.url == url);
            let same = |address| told().any(|target| target.address == address);
            // A name that the older one found up may resolve to other or more addresses by now.
            let elsewhere =
                || seen.targets.iter().all(|two| two.url != one.url || !same(two.address));
            if told().next().is_none() { all } else { same(one.address) || elsewhere() }
        };
        let known = || seen.targets.iter().filter(|one| is_counted(one) && is_known(one));
        if let Some(target) = known().find(|one| one.standing == Standing::Down) {
            down.push(why(service, color, target));
            return true;
        }
        !known().all(has_passed)
    });
    down
}

/// Returns true if the gate requires it.
fn is_counted(target: &TargetStatus) -> bool {
    !matches!(target.usage, Usage::LeftOut { .. })
}

fn has_passed(target: &TargetStatus) -> bool {
    target.last_probe.as_ref().is_some_and(|probe| probe.outcome.passed())
}

fn why(service: &str, color: &str, target: &TargetStatus) -> String {
    let reason = target.last_probe.as_ref().and_then(|probe| probe.outcome.reason());
    format!("{color} of {service}, {}: {}", target.name(), reason.unwrap_or("no probe passes"))
}
