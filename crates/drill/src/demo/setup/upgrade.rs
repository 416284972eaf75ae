//! An upgrade of Teal to itself under load: it must cost nothing, so no outage is recorded.

use std::time::Instant;

use super::{DemoSetup, GLANCE, HEALTH_PATIENCE, expect};
use crate::demo::DemoError;

/// The refusal of a newer Teal whose probes have met failing health checks that the older one's have not.
/// It is correct, and soon over.
const AILS_NOW: &str = "finds down what this one finds up";

impl DemoSetup {
    /// Upgrades Teal.
    pub(crate) async fn upgrade(&mut self) -> Result<(), DemoError> {
        let deadline = Instant::now() + HEALTH_PATIENCE;
        loop {
            let mut answer = self.admin.upgrade().await?;
            if answer.text.contains(AILS_NOW) && Instant::now() < deadline {
                tokio::time::sleep(GLANCE).await;
                continue;
            }
            if answer.status != 200 {
                answer.text.push_str(&self.teal.tail()); // the newer one's log
            }
            return expect("teal upgrade".to_owned(), answer, 200, "200").map(|_| ());
        }
    }
}
