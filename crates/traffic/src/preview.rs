//! Previews: requests of testers that go to the idle color, while all others stay on the active one.
//!
//! Guaranteed: a preview takes its lease in one step with the check that its color is idle, is not left by traffic
//! at that time, and belongs to the generation under which the preview was admitted (L1, L2). Never: a preview on the
//! active color, or on a retired one.

use rules::{Color, Generation};

use crate::table::Table;

/// The lease that a preview asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PreviewClaim {
    /// The color that was idle when it was admitted.
    pub color: Color,
    /// The generation of the service at that time.
    pub generation: Generation,
}

/// The reason why a preview gets no lease.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoPreview {
    /// The service has changed since it was admitted, or has no previews any more.
    Changed,
    /// The color is retired.
    Retired,
    /// Traffic is just leaving the color.
    Draining,
    /// The color has no target.
    NoTarget,
}

impl Table {
    /// Returns why a service of this table, by its index, gives no lease to a preview; `Ok`: it does.
    // lossless: L2
    pub(crate) fn admits(&self, service: usize, claim: PreviewClaim) -> Result<(), NoPreview> {
        let service = self.services.get(service).ok_or(NoPreview::Changed)?;
        let terms = service.previews.as_deref().ok_or(NoPreview::Changed)?;
        if service.generation != claim.generation || service.split.receives(claim.color) {
            return Err(NoPreview::Changed);
        }
        if terms.closed[claim.color.index()] {
            return Err(NoPreview::Retired);
        }
        // lossless: L4 - a drain waits for fewer and fewer leases.
        let is_left = self.draining(service.color(claim.color).id).is_some();
        if is_left { Err(NoPreview::Draining) } else { Ok(()) }
    }
}
