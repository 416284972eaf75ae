//! Teal replaced by itself, within the load: that costs nothing, so no outage is entered.

use std::time::Instant;

use super::{GLANCE, HEALTH_PATIENCE, Stage, expect};
use crate::demo::DemoError;

/// What a newer Teal is refused for whose own probes meet an ailment that the older one's have not met. That is
/// right, and over soon.
const AILS_NOW: &str = "finds down what this one finds up";

impl Stage {
    /// Has a newer Teal take over.
    pub(crate) async fn upgrade(&mut self) -> Result<(), DemoError> {
        let deadline = Instant::now() + HEALTH_PATIENCE;
        loop {
            let mut answer = self.admin.upgrade().await?;
            if answer.text.contains(AILS_NOW) && Instant::now() < deadline {
                tokio::time::sleep(GLANCE).await;
                continue;
            }
            if answer.status != 200 {
                answer.text.push_str(&self.teal.tail()); // the newer one's own words
            }
            return expect("teal upgrade".to_owned(), answer, 200, "200").map(|_| ());
        }
    }
}
