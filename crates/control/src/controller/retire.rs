//! Retiring a color: from then on Teal sends it nothing at all, not even a probe, so that it may be stopped for good.
//!
//! Guaranteed: a retired color has no lease and no connection, and takes none. One that testers may see is closed for
//! them on every worker before it is looked at (L4).

use std::sync::Arc;

use rules::{Color, Command, Refusal, ServiceName, gate};
use tokio::runtime::Handle;
use traffic::{ColorSum, Version};

use super::hold::in_force;
use crate::core::{ChangeInProgress, Core, Inner};
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
    let RetireRequest { service, color, actor, if_generation } = request;
    let service = gate::name_service(&core.lock().state, service.as_ref())?;
    gate::expect_generation(&core.lock().state, &service, if_generation)?; // before previews are closed
    let closed = close(core, &service, color).await?;
    let wanted = Command::Retire { service: service.clone(), color, actor: actor.clone() };
    let name = service.clone();
    // An idle color takes no lease, or only of previews, for which it is closed; and no switch is decided between this
    // check and the decision (L4).
    let command = move |inner: &mut Inner| {
        gate::expect_generation(&inner.state, &name, if_generation)?;
        inner.is_empty(&name, color).map(|()| wanted)
    };
    let own = core.clone();
    core.commit_in_time(command, move |_, events| {
        let _closed = closed; // until it is decided, however slow the disk is
        if !events.is_empty() {
            tracing::info!(%service, %color, %actor, "retired: it may be stopped");
            own.emit(LiveEvent::Retired { service: service.clone(), color, actor });
        }
        Ok(ColorRetired { service, color })
    })
    .await
}

/// A color that takes no lease of a preview until this is dropped; if it is retired by then, it takes none after that
/// either.
struct Closed {
    core: Arc<Core>,
    service: ServiceName,
    color: Color,
    changing: Option<ChangeInProgress>,
}

/// Closes an idle color for previews; `None`: there are none, or it is active, which the rules refuse. Returns when every
/// worker knows.
// lossless: L4
async fn close(core: &Arc<Core>, service: &ServiceName, color: Color) -> Answer<Option<Closed>> {
    let is_previewed = {
        let inner = core.lock();
        let member = inner.roster.member(service);
        let has_previews = member.is_some_and(|member| member.spec.policy.preview.is_some());
        has_previews && inner.state.active(service) != Some(color)
    };
    if !is_previewed {
        return Ok(None);
    }
    let changing = Some(core.begin_change(std::slice::from_ref(service))?);
    let version = set(core, service, color, true);
    let closed = Closed { core: core.clone(), service: service.clone(), color, changing };
    in_force(core, version).await?;
    Ok(Some(closed))
}

fn set(core: &Core, service: &ServiceName, color: Color, is_closed: bool) -> Version {
    let mut inner = core.lock();
    if let Some(member) = inner.roster.member_mut(service) {
        member.colors[color.index()].is_closed = is_closed;
    }
    core.publish(&inner)
}

// === impl Closed ===

impl Drop for Closed {
    fn drop(&mut self) {
        let Ok(runtime) = Handle::try_current() else { return }; // everything ends
        let (core, service, color) = (self.core.clone(), self.service.clone(), self.color);
        let changing = self.changing.take();
        // The state may be locked here.
        runtime.spawn(async move {
            set(&core, &service, color, false);
            drop(changing);
        });
    }
}

// === impl Inner ===

impl Inner {
    /// Refuses if a lease or a connection is left on a color, or a drain of it goes on.
    // lossless: L4
    pub(super) fn is_empty(&self, service: &ServiceName, color: Color) -> Answer<()> {
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
