//! Teal replaced by itself, within the load: that costs nothing, so no outage is entered.

use super::{Stage, expect};
use crate::demo::DemoError;

impl Stage {
    /// Has a newer Teal take over.
    pub(crate) async fn upgrade(&mut self) -> Result<(), DemoError> {
        let mut answer = self.admin.upgrade().await?;
        if answer.status != 200 {
            answer.text.push_str(&self.teal.tail()); // the newer one's own words
        }
        expect("teal upgrade".to_owned(), answer, 200, "200").map(|_| ())
    }
}
