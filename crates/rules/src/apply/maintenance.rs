//! Maintenances, as the events about them say.

use super::serving;
use crate::history::HistoryEntry;
use crate::maintenance::{Maintained, Maintenance};
use crate::state::State;

/// Makes the change part of the state. A new notice does not begin another maintenance.
pub(super) fn apply(state: &mut State, change: Maintained) {
    let Maintained { services, actor, at, notice } = change;
    for name in &services {
        let Some(serving) = serving(state, name) else { continue };
        serving.maintenance = notice.as_ref().map(|notice| Maintenance {
            since: serving.maintenance.as_ref().map_or(at, |before| before.since),
            by: actor.clone(),
            notice: notice.clone(),
        });
        serving.held = None;
    }
    state.history.push(match notice {
        Some(notice) => {
            let message = notice.message.clone();
            HistoryEntry::MaintenanceBegan { services, actor, at, message }
        }
        None => HistoryEntry::MaintenanceEnded { services, actor, at },
    });
}
