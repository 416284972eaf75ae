//! The view of a drain that a call has begun.

use std::time::Duration;

use rules::DrainEnd;
use tokio::sync::watch;

/// A view of one drain. Dropping it changes nothing.
#[derive(Clone, Debug)]
pub struct DrainWatch {
    progress: watch::Receiver<DrainProgress>,
}

/// The other side of a [`DrainWatch`].
#[derive(Debug)]
pub struct DrainReporter {
    progress: watch::Sender<DrainProgress>,
}

/// A drain whose deadline is long past, while workers have not closed every connection to cut.
/// It continues, and may still end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stuck {
    /// Leases left on the color.
    pub leases: u64,
    /// Connections left to its targets.
    pub connections: u64,
}

/// The effect that a closer deadline would have on a drain under way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shortened {
    /// Requests on the color, without long streams.
    pub in_flight: u64,
    /// WebSockets, other tunnels and event streams there.
    pub streams: u64,
    /// The time that they have left now.
    pub left: Duration,
    /// The time that they would have.
    pub within: Duration,
}

/// The progress of a drain.
#[derive(Clone, Copy, Debug)]
enum DrainProgress {
    UnderWay,
    Stuck(Stuck),
    Ended(DrainEnd),
}

// === impl DrainWatch, DrainReporter, DrainProgress ===

impl DrainWatch {
    /// Creates both sides of the view of a drain that has just begun.
    pub fn pair() -> (DrainReporter, Self) {
        let (sender, progress) = watch::channel(DrainProgress::UnderWay);
        (DrainReporter { progress: sender }, Self { progress })
    }

    /// Creates a view of a drain that has already ended.
    pub fn ended(end: DrainEnd) -> Self {
        Self { progress: watch::channel(DrainProgress::Ended(end)).1 }
    }

    /// Waits for the end of the drain, however long that takes.
    pub async fn end(&mut self) -> DrainEnd {
        match self.progress.wait_for(|progress| progress.end().is_some()).await {
            Ok(progress) => progress.end().unwrap_or(DrainEnd::Interrupted),
            Err(_) => DrainEnd::Interrupted, // the controller has stopped
        }
    }

    /// Waits for the end of the drain, at most until it is stuck: slightly past the deadline of
    /// the drain.
    // lossless: L10
    pub async fn end_in_time(&mut self) -> Result<DrainEnd, Stuck> {
        let told =
            self.progress.wait_for(|progress| !matches!(progress, DrainProgress::UnderWay)).await;
        match told.map(|progress| *progress) {
            Ok(DrainProgress::Ended(end)) => Ok(end),
            Ok(DrainProgress::Stuck(stuck)) => Err(stuck),
            // It never ends: the controller has stopped.
            Ok(DrainProgress::UnderWay) | Err(_) => Ok(DrainEnd::Interrupted),
        }
    }

    /// Returns the end of the drain, if it has ended.
    pub fn now(&self) -> Option<DrainEnd> {
        self.progress.borrow().end()
    }
}

impl DrainReporter {
    /// Notifies all watchers of the end of the drain.
    pub fn report_end(&self, end: DrainEnd) {
        self.progress.send_replace(DrainProgress::Ended(end));
    }

    /// Notifies all watchers that the drain is stuck.
    pub fn report_stuck(&self, stuck: Stuck) {
        self.progress.send_replace(DrainProgress::Stuck(stuck));
    }
}

impl DrainProgress {
    fn end(self) -> Option<DrainEnd> {
        match self {
            Self::Ended(end) => Some(end),
            Self::UnderWay | Self::Stuck(_) => None,
        }
    }
}
