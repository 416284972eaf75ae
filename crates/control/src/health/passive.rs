//! Passive health checks: a refused connect of traffic counts as a failed probe and is confirmed by
//! probes back to back, so that a dead target is detected within milliseconds.

use std::sync::Arc;
use std::time::Duration;

use rules::{ProbeOutcome, Standing};
use traffic::{Answers, Report, ReportKind};

use crate::core::Core;
use crate::swap::TargetSeat;

/// Handles the reports of the data plane, forever. While another Teal is in control, passes them on.
pub(crate) async fn listen(core: Arc<Core>) {
    loop {
        let reports = core.publisher.reports().await;
        let elsewhere = core.lock().reported.clone().filter(|_| !core.is_in_control());
        for report in reports {
            match &elsewhere {
                Some(elsewhere) => drop(elsewhere.send(report)), // it may have gone
                None => take(&core, report),
            }
        }
    }
}

/// The minimum number of malformed responses: fewer say more about the requests than about the target.
const MALFORMED: u64 = 10;

fn take(core: &Core, Report { target, kind }: Report) {
    let hurry = {
        let mut inner = core.lock();
        let Some((_, _, mut seat)) = inner.roster.target_mut(target) else { return };
        if let ReportKind::Malformed(how) = kind {
            seat.malformed = Some(how); // it is counted with the next probe
            return;
        }
        seat.suspect = true;
        seat.refused |= kind == ReportKind::Refused;
        // One report starts the confirmation; further ones add nothing.
        if seat.health.standing() == Standing::Down || seat.confirming {
            return;
        }
        seat.confirming = kind == ReportKind::Refused;
        let hurry = seat.hurry.clone();
        drop(seat);
        // Its name is looked up first: the present owner of the address may be another service.
        let name = inner.roster.target(target).and_then(|(member, color, seat)| {
            Some(member.color(color).name_of(seat)?.hurry.clone())
        });
        name.unwrap_or(hurry)
    };
    if kind == ReportKind::Refused {
        let reason = "connection refused".into();
        core.record(target, ProbeOutcome::Failed { status: None, reason }, Duration::ZERO);
    }
    hurry.notify_one();
}

impl TargetSeat {
    /// Returns a failure if all responses of the target to traffic since the last probe were malformed:
    /// however well its health check does, clients get only 502 from it.
    pub(super) fn refused_by_traffic(&mut self) -> Option<String> {
        let now = Answers::of(&self.books);
        let before = std::mem::replace(&mut self.answers, now);
        let how = self.malformed.take()?;
        let answered = now.whole.saturating_sub(before.whole);
        let failed = now.failed.saturating_sub(before.failed);
        let keeps = answered == 0 && failed >= MALFORMED;
        keeps.then(|| format!("traffic refused its last {failed} responses: {how}"))
    }
}
