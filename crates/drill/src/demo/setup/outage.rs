//! Faults that cannot be free: killing processes with requests in flight. Each outage is recorded in the
//! timeline from the kill to the instant when Teal serves again, so that the verdict counts requests in
//! flight then separately. None of them may make Teal forget a switch that it has confirmed.

use std::time::{Duration, Instant};

use super::{DemoSetup, GLANCE, HEALTH_PATIENCE, STOP_PATIENCE, start_teal};
use crate::admin::WaitUntil;
use crate::demo::DemoError;
use crate::ledger::Switched;

impl DemoSetup {
    /// `kill -9` of the active color's target, and waits until Teal has failed over to the other.
    pub(crate) async fn fail_over(&mut self) -> Result<(), DemoError> {
        let (from, to) = (self.timeline.active().to_owned(), self.idle());
        let commanded = Instant::now();
        self.drop_dead(&from).await;
        self.until_active(to).await?;
        let answered = Instant::now();
        self.timeline.switched(Switched { to: to.to_owned(), commanded, answered });
        self.timeline.outage(commanded, answered);
        Ok(())
    }

    /// Commands a switch, kills all processes of Teal with SIGKILL after `delay`, and restarts it. It must
    /// come back on the old color or the new one, and on the new one if it had answered (L6).
    pub(crate) async fn kill_teal(&mut self, delay: Duration) -> Result<(), DemoError> {
        let (to, admin, commanded) = (self.idle(), self.admin.clone(), Instant::now());
        let command =
            tokio::spawn(async move { admin.switch(to, WaitUntil::Published, None).await });
        // Tokio's timers have a resolution of a millisecond, in which a whole journal entry is written.
        // ignored: a sleep cannot fail
        let _ = tokio::task::spawn_blocking(move || std::thread::sleep(delay)).await;
        let killed = Instant::now();
        self.teal.kill_all().await;
        let said = command.await.ok().and_then(Result::ok).filter(|answer| answer.status == 200);
        (self.teal, _) = start_teal(&self.exe, &self.config).await?;
        let Some(active) = self.active_by_status().await? else {
            return Err(self.teal.too_late("showed no status after its restart", STOP_PATIENCE));
        };
        let restarted = Instant::now();
        self.timeline.outage(killed, restarted);
        if active == to {
            let answered = said.map_or(restarted, |answer| answer.answered);
            self.timeline.switched(Switched { to: to.to_owned(), commanded, answered });
        } else if let Some(answer) = said {
            return Err(DemoError::Unexpected {
                command: format!("teal switch {to}, then kill -9 of Teal and its restart"),
                status: answer.status,
                expected: "the color it had reported active",
                text: format!("{active} is active, though Teal had answered: {}", answer.text),
            });
        }
        Ok(())
    }

    /// Waits until Teal reports a color as active.
    async fn until_active(&self, wanted: &str) -> Result<(), DemoError> {
        let deadline = Instant::now() + HEALTH_PATIENCE;
        while self.active_by_status().await?.as_deref() != Some(wanted) {
            if Instant::now() > deadline {
                let what = format!("did not fail over to {wanted}");
                return Err(self.teal.too_late(&what, HEALTH_PATIENCE));
            }
            tokio::time::sleep(GLANCE).await;
        }
        Ok(())
    }
}
