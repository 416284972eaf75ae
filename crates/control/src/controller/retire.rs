//! Retiring a color: from then on Teal sends it nothing at all, not even a probe, so that it may be stopped for good.

use std::sync::Arc;

use rules::{Color, Command, Refusal, ServiceName, gate};
use traffic::ColorSum;

use crate::core::{Core, Inner};
use crate::events::LiveEvent;
use crate::inbox::Answer;
use crate::request::{ColorRetired, RetireRequest};

/// Retires a color of a service; refused while it is active or something is left on it. Retiring it again changes
/// nothing.
pub(super) async fn run(core: Arc<Core>, request: RetireRequest) -> Answer<ColorRetired> {
    let scope = request.service.clone().into();
    let actor = request.actor.clone();
    let result = retire(&core, request).await;
    result.inspect_err(|refusal| core.refused(scope, &actor, refusal))
}

async fn retire(core: &Arc<Core>, request: RetireRequest) -> Answer<ColorRetired> {
    let RetireRequest { service, color, actor } = request;
    let service = gate::name_service(&core.lock().state, service.as_ref())?;
    let wanted = Command::Retire { service: service.clone(), color, actor: actor.clone() };
    let name = service.clone();
    // An idle color takes no lease, and no switch is decided between this check and the decision (L4).
    let command = move |inner: &mut Inner| inner.is_empty(&name, color).map(|()| wanted);
    let own = core.clone();
    core.commit_in_time(command, move |_, events| {
        if !events.is_empty() {
            tracing::info!(%service, %color, %actor, "retired: it may be stopped");
            own.emit(LiveEvent::Retired { service: service.clone(), color, actor });
        }
        Ok(ColorRetired { service, color })
    })
    .await
}

impl Inner {
    /// Refuses if a lease or a connection is left on a color, or a drain of it goes on.
    // lossless: L4
    fn is_empty(&self, service: &ServiceName, color: Color) -> Answer<()> {
        let Some(member) = self.roster.member(service) else { return Ok(()) };
        let is_active = self.state.active(service) == Some(color);
        let seat = member.color(color);
        let ColorSum { leases, connections, .. } = ColorSum::of(&seat.books);
        let is_draining = self.drains.status(seat.id).is_some();
        if is_active || (leases == 0 && connections == 0 && !is_draining) {
            return Ok(()); // an active one is refused by the rules
        }
        Err(Refusal::ColorDraining { service: service.clone(), color, leases, connections })
    }
}
