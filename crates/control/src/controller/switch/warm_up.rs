//! The warm-up of the services of a switch, all at once: told to whoever looks, and a reason to refuse where the
//! configuration says so.

use std::sync::Arc;

use rules::{Color, Refusal, ServiceName, WarmUp};
use tokio::task::JoinSet;

use crate::core::{Core, Inner};
use crate::events::LiveEvent;
use crate::health::warm_up;
use crate::inbox::Answer;
use crate::request::{Destination, SwitchRequest, Switched, WarmUpResult};
use crate::view::CallStage;

/// The results of the services that have a warm-up.
pub(super) type WarmedUp = Vec<(ServiceName, WarmUpResult)>;

/// Warms up a color of all these services. A rollback does not wait for it: its color has served before, and
/// what it leaves may be broken.
pub(super) async fn run(
    core: &Arc<Core>,
    call: u64,
    request: &SwitchRequest,
    services: &[ServiceName],
    to: Color,
) -> Answer<WarmedUp> {
    let is_wanted = matches!(request.to, Destination::Color(_)) && !request.dry_run;
    if !is_wanted || !core.lock().has_warm_up(services) {
        return Ok(Vec::new());
    }
    core.lock().calls.reach(call, CallStage::WarmUp);
    let mut tasks = JoinSet::new();
    for service in services.iter().cloned() {
        let core = core.clone();
        tasks.spawn(async move { (warm_up(&core, &service, to).await, service) });
    }
    let mut all = Vec::new();
    while let Some(task) = tasks.join_next().await {
        let Ok((Some((result, settings)), service)) = task else { continue };
        tell(core, &service, to, &result);
        refuse(&service, to, &result, &settings)?;
        all.push((service, result));
    }
    core.lock().calls.reach(call, CallStage::Gate);
    Ok(all)
}

/// Adds the results to the answer.
pub(super) fn add_to(answer: &mut [Switched], mut warmed_up: WarmedUp) {
    for switched in answer {
        let Switched::Published { service, warm_up, .. } = switched else { continue };
        let found = warmed_up.iter().position(|(name, _)| name == service);
        *warm_up = found.map(|found| warmed_up.swap_remove(found).1);
    }
}

fn tell(core: &Core, service: &ServiceName, color: Color, result: &WarmUpResult) {
    let WarmUpResult { requests, failed, reason, took } = result;
    match reason {
        None => tracing::info!(%service, %color, requests, ?took, "warmed up"),
        Some(reason) => {
            tracing::warn!(%service, %color, requests, failed, ?took, reason, "requests of the warm-up failed");
        }
    }
    let (service, result) = (service.clone(), result.clone());
    core.emit(LiveEvent::WarmedUp { service, color, result });
}

fn refuse(
    service: &ServiceName,
    color: Color,
    result: &WarmUpResult,
    settings: &WarmUp,
) -> Answer<()> {
    let WarmUpResult { requests, failed, reason, .. } = result;
    match reason.as_ref().filter(|_| settings.required) {
        None => Ok(()),
        Some(reason) => {
            let service = service.clone();
            let reason = format!("{failed} of {requests} requests failed, first {reason}");
            Err(Refusal::WarmUpFailed { service, color, reason })
        }
    }
}

impl Inner {
    fn has_warm_up(&self, services: &[ServiceName]) -> bool {
        let spec = |name| self.roster.member(name).map(|member| &member.spec);
        services.iter().filter_map(spec).any(|spec| spec.warm_up.is_some())
    }
}
