//! Teal replaced by itself, within the load: that costs nothing, so no outage is entered.

use std::time::Instant;

use rustix::process::{Pid, Signal, kill_process, test_kill_process};

use super::{GLANCE, STOP_PATIENCE, Stage, expect};
use crate::demo::DemoError;

impl Stage {
    /// Has a newer Teal take over.
    pub(crate) async fn upgrade(&mut self) -> Result<(), DemoError> {
        let mut answer = self.admin.upgrade().await?;
        if answer.status != 200 {
            answer.text.push_str(&self.teal.tail()); // the newer one's own words
        }
        let answer = expect("teal upgrade".to_owned(), answer, 200, "200")?;
        let words = answer.first_line().rsplit(' ').next().and_then(|pid| pid.parse().ok());
        let Some(newest) = words.and_then(Pid::from_raw) else {
            return Err(DemoError::Unexpected {
                command: "teal upgrade".to_owned(),
                status: answer.status,
                expected: "a line that ends with a process id",
                text: answer.text,
            });
        };
        self.teal.has_successors();
        self.newest = Some(newest);
        Ok(())
    }

    /// Asks the newest Teal to stop, and waits; what is left is killed with the first.
    pub(super) async fn end_newest(&mut self) {
        let Some(newest) = self.newest.take() else { return };
        let deadline = Instant::now() + STOP_PATIENCE;
        let _ = kill_process(newest, Signal::TERM); // ignored: it has ended already
        while test_kill_process(newest).is_ok() && Instant::now() < deadline {
            tokio::time::sleep(GLANCE).await;
        }
    }
}
