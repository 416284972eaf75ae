//! Evidence that several services are healthy, all at one moment (L9).

use std::sync::Arc;
use std::time::Duration;

use rules::{Color, Proof, Refusal, ServiceName};
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::prove::prove;
use crate::core::{Core, Inner};

/// The evidence for each of several services.
pub(crate) type SwitchEvidence = Vec<(ServiceName, Vec<Proof>)>;

/// Returns the evidence that a color of all these services is healthy now; the first one that is not
/// refuses all. Evidence that got old while waiting for another service is taken again.
// lossless: L9 L10
pub(crate) async fn prove_all(
    core: &Arc<Core>,
    services: &[ServiceName],
    color: Color,
    wait: Option<Duration>,
) -> Result<SwitchEvidence, Refusal> {
    let until = wait.map(|wait| Instant::now() + wait);
    let mut limit = None;
    loop {
        let wait = until.map(|until| until.saturating_duration_since(Instant::now()));
        let proven = prove_each(core, services, color, wait).await?;
        if let [_] = services {
            return Ok(proven); // it did not wait for any other
        }
        let service = match core.lock().proven_now(services, color, core.clock.moment()) {
            Ok(proven) => return Ok(proven),
            Err(service) => service,
        };
        // From the first round on all have been healthy once: the others should follow soon.
        let limit =
            *limit.get_or_insert_with(|| Instant::now() + core.lock().patience_of(services));
        if Instant::now() >= limit {
            let reason = core.lock().last_reason(&service, color);
            return Err(Refusal::Unhealthy { service, color, reason });
        }
    }
}

async fn prove_each(
    core: &Arc<Core>,
    services: &[ServiceName],
    color: Color,
    wait: Option<Duration>,
) -> Result<SwitchEvidence, Refusal> {
    let mut tasks = JoinSet::new();
    for service in services.iter().cloned() {
        let core = core.clone();
        tasks.spawn(async move {
            let evidence = prove(&core, &service, color, wait).await?;
            Ok((service, evidence))
        });
    }
    let mut proven = Vec::new();
    while let Some(task) = tasks.join_next().await {
        let broken = |_| Refusal::Stopping; // a task ends without a value only with the runtime
        proven.push(task.map_err(broken)??);
    }
    Ok(proven)
}

impl Inner {
    /// Returns the evidence for each, all of it valid at this moment; else the first one without.
    fn proven_now(
        &self,
        services: &[ServiceName],
        color: Color,
        now: Duration,
    ) -> Result<SwitchEvidence, ServiceName> {
        let one = |service: &ServiceName| {
            let evidence = self.evidence(service, color, now).ok_or_else(|| service.clone())?;
            Ok((service.clone(), evidence))
        };
        services.iter().map(one).collect()
    }

    /// Returns the longest time that probing may take for any of them.
    fn patience_of(&self, services: &[ServiceName]) -> Duration {
        services.iter().map(|service| self.patience(service)).max().unwrap_or_default()
    }
}
