//! What traffic noticed: a connect that was refused counts as a failed probe and is confirmed
//! by probes back to back, so that a dead target is known in milliseconds.

use std::sync::Arc;
use std::time::Duration;

use rules::{Standing, Verdict};
use traffic::{Report, ReportKind};

use crate::core::Core;

/// Listens to what the data plane reports, for ever. While another Teal decides, it hears it.
pub(crate) async fn listen(core: Arc<Core>) {
    loop {
        let reports = core.publisher.reports().await;
        let elsewhere = core.lock().reported.clone().filter(|_| !core.is_in_charge());
        for report in reports {
            match &elsewhere {
                Some(elsewhere) => drop(elsewhere.send(report)), // it may have gone
                None => take(&core, report),
            }
        }
    }
}

fn take(core: &Core, Report { target, kind }: Report) {
    let hurry = {
        let mut inside = core.lock();
        let Some((_, _, seat)) = inside.roster.target_mut(target) else { return };
        // One report starts the confirmation; more of them say nothing new.
        seat.suspect = true;
        if seat.health.standing() == Standing::Down || seat.confirming {
            return;
        }
        seat.confirming = kind == ReportKind::Refused;
        seat.hurry.clone()
    };
    if kind == ReportKind::Refused {
        let reason = "connection refused".into();
        core.record(target, Verdict::Failed { status: None, reason }, Duration::ZERO);
    }
    hurry.notify_one();
}
