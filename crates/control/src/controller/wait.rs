//! Waiting until a color is safe to stop.

use std::sync::Arc;

use rules::{Color, DrainEnd, Refusal, ServiceName, gate};
use traffic::ColorBooks;

use super::status;
use crate::core::{Core, Inner};
use crate::inbox::Answer;
use crate::request::{ColorDrained, DrainWatch};

/// The event to wait for.
enum DrainWait {
    /// A drain in progress.
    For(DrainWatch),
    /// Nothing: the color is idle. Its counters are checked once more.
    Idle(Arc<ColorBooks>),
}

/// Waits until nothing holds the color; refused while it is active, since that would never end.
// lossless: L4
pub(super) async fn drained(
    core: Arc<Core>,
    service: Option<ServiceName>,
    color: Color,
) -> Answer<ColorDrained> {
    let service = gate::name_service(&core.lock().state, service.as_ref())?;
    loop {
        let wait = core.lock().what_to_wait_for(&service, color)?;
        match wait {
            DrainWait::For(mut drain) => match drain.end().await {
                DrainEnd::Drained | DrainEnd::Cut(_) => break,
                DrainEnd::Superseded { .. } | DrainEnd::Interrupted => {
                    if core.lock().stopping {
                        return Err(Refusal::Stopping);
                    }
                }
            },
            DrainWait::Idle(books) => {
                core.publisher.drained(&*books).await;
                break;
            }
        }
    }
    let generation = status::find(&core.lock().state, &service)?.0.generation;
    Ok(ColorDrained { service, color, generation })
}

impl Inner {
    fn what_to_wait_for(&self, name: &ServiceName, color: Color) -> Answer<DrainWait> {
        let (service, serving) = status::find(&self.state, name)?;
        let active = Refusal::ColorActive { service: name.clone(), color };
        let Some(member) = self.roster.member(name) else { return Err(active) };
        let seat = member.color(color);
        if let Some(drain) = self.drains.watch(seat.id) {
            return Ok(DrainWait::For(drain));
        }
        if service.split.receives(color) && serving.held.is_none() {
            return Err(active);
        }
        Ok(DrainWait::Idle(seat.books.clone()))
    }
}
