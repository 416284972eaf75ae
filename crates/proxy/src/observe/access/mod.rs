//! The access log: a line for each request that has ended.
//!
//! A worker only gathers what the line says and hands it over; one thread writes for all of them.
//! If that thread can't keep up, lines are dropped and counted: a request never waits for a disk.
//! Without an access log nothing is gathered.

mod line;
mod writer;

use std::sync::mpsc::SyncSender;

use super::story::Story;

pub use line::Format;
pub use writer::{Destination, LogWriter};

/// The workers' end of the access log.
#[derive(Clone, Debug)]
pub struct AccessLog {
    lines: SyncSender<Box<Story>>,
}

impl AccessLog {
    /// Hands a line over; false if it had to be dropped.
    pub(super) fn tell(&self, story: Box<Story>) -> bool {
        self.lines.try_send(story).is_ok()
    }
}
