//! Dry runs of the calls that need no gate: what they would do.

use std::time::Duration;

use rules::{Color, Generation, ServiceName};

use crate::view::DeployStatus;

use super::{HoldRequest, ReportDeployRequest, ResumeRequest, RetireRequest};

/// A call to be checked, and not carried out.
#[derive(Clone, Debug)]
pub enum DryRunRequest {
    /// A hold.
    Hold(HoldRequest),
    /// A resume.
    Resume(ResumeRequest),
    /// A retirement.
    Retire(RetireRequest),
    /// A report about a deploy.
    Report(ReportDeployRequest),
}

/// The effect that a call would have now. A refusal is a [`rules::Refusal`].
#[derive(Clone, Debug)]
pub enum DryRunOutcome {
    /// New requests would wait.
    Hold {
        /// The service.
        service: ServiceName,
        /// Its generation.
        generation: Generation,
        /// The active color, which would drain.
        color: Color,
        /// The maximum time for which a request would wait.
        max_wait: Duration,
        /// The mean rate of the last ten seconds on that color.
        requests_per_second: f64,
        /// Requests in flight there, without long streams.
        in_flight: u64,
        /// WebSockets, other tunnels and event streams there.
        streams: u64,
        /// The time they would have until they are cut.
        drain: Duration,
    },
    /// Waiting requests would be released.
    Resume {
        /// The service.
        service: ServiceName,
        /// Its generation.
        generation: Generation,
        /// The color to which they would go.
        color: Color,
        /// Requests that wait now.
        waiting: u64,
        /// The reason the color would fail the gate now; `None`: it would pass, or was not probed yet.
        unhealthy: Option<String>,
    },
    /// Nothing would be sent to a color any more.
    Retire {
        /// The service.
        service: ServiceName,
        /// Its generation.
        generation: Generation,
        /// The color.
        color: Color,
        /// True if it is retired already: nothing would change.
        is_retired: bool,
    },
    /// The report would be taken.
    Report {
        /// The deploy as it is.
        deploy: Box<DeployStatus>,
        /// The highest generation of its services.
        generation: Generation,
    },
}
