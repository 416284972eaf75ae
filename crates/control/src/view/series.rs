//! The recent traffic of services, as read at one instant.

use rules::ServiceName;

use crate::series::{SeriesPoint, SeriesStep};

/// The recent traffic of services.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SeriesView {
    /// The end of the newest step, in seconds since 1970.
    pub end: u64,
    /// The length of a step.
    pub step: SeriesStep,
    /// The services that were asked for, in the order of the configuration, each with the same number of points.
    pub services: Vec<ServiceSeries>,
}

/// The recent traffic of one service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServiceSeries {
    /// Its name.
    pub service: ServiceName,
    /// Its points, oldest first.
    pub points: Vec<SeriesPoint>,
}
