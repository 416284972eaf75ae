//! The recent traffic of services, handed over to the newer Teal: where its counting starts, then the points.
//!
//! Guaranteed: the start comes with the first counts, so that what the older Teal has counted before is not taken for
//! traffic of that second. Another version of Teal sends none: then the newer one starts empty at these counts.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use serde::{Deserialize, Serialize};

/// The number of values of a point.
pub const POINT_VALUES: usize = 18;

/// The values of one point: answers of Teal, aborted requests, then for blue and for green: requests, client errors,
/// server errors, failed ones, leases, streams, and the numbers of the latency buckets of p50 and p99, from 1.
pub type PointValues = [u32; POINT_VALUES];

/// The start of the newer Teal's counting.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
pub struct SeriesStart {
    /// The second before the first point of the older Teal.
    pub began: u64,
    /// The services that had traffic.
    pub services: Vec<ServiceStart>,
}

/// The start of one service.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
pub struct ServiceStart {
    /// Its name.
    pub name: String,
    /// The sums of the counts that the older Teal reports: what they were when it stopped to add points.
    pub reported: SeriesCounts,
    /// Counts that are not in its points yet.
    pub pending: SeriesCounts,
    /// Counts since the last multiple of ten seconds that are in its points of a second.
    pub open: SeriesCounts,
}

/// Counts of a service.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default)]
pub struct SeriesCounts {
    /// Answers of Teal.
    pub teal: u64,
    /// Aborted requests.
    pub aborted: u64,
    /// Blue and green.
    pub colors: [SeriesColorCounts; 2],
}

/// Counts of a color.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default)]
pub struct SeriesColorCounts {
    /// Requests that ended.
    pub requests: u64,
    /// Answers with a status from 400 to 499.
    pub client_errors: u64,
    /// Answers with a status from 500 to 599.
    pub server_errors: u64,
    /// Requests without a complete answer.
    pub failed: u64,
    /// Answers by latency bucket, without those that are 0.
    pub latency: BTreeMap<usize, u64>,
}

/// The points of one service.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
pub struct ServicePoints {
    /// Its name.
    pub name: String,
    /// The second of the newest point.
    pub end: u64,
    /// The points of a second, oldest first.
    pub seconds: Vec<PointValues>,
    /// The points of ten seconds, oldest first; the newest one ends at the last multiple of ten.
    pub tens: Vec<PointValues>,
}

/// Something that an older Teal has told about its series, by the place that it has among the workers.
#[derive(Debug)]
pub enum SeriesUpdate {
    /// Its counts are in the counters from now on, and these were there before.
    Start(usize, SeriesStart),
    /// Its counts are in the counters from now on, and it is not known which of them are old.
    Anew,
    /// Its points.
    Points(usize, Vec<ServicePoints>),
}

/// The updates that the controller has not taken yet. What changes a counter is here before the counter changes.
#[derive(Clone, Debug, Default)]
pub struct SeriesMailbox(Arc<Mutex<Vec<SeriesUpdate>>>);

// === impl SeriesMailbox ===

impl SeriesMailbox {
    /// Takes all updates, oldest first.
    pub fn take(&self) -> Vec<SeriesUpdate> {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Adds an update.
    pub fn put(&self, update: SeriesUpdate) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(update);
    }
}
