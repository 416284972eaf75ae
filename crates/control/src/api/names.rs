//! The only home of metric names: what each counts, its kind and its labels.
//!
//! Dashboards and alerts of other people rely on them. The reference is printed from here.

/// One metric.
#[derive(Clone, Copy, Debug)]
pub struct Metric {
    /// The name, as it stands in the exposition.
    pub name: &'static str,
    /// What it counts.
    pub help: &'static str,
    /// How it grows.
    pub kind: Kind,
    /// Its labels, in their order.
    pub labels: &'static [&'static str],
}

/// How a metric grows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Only up, until Teal starts anew.
    Counter,
    /// Up and down.
    Gauge,
    /// Counts by size.
    Histogram,
}

macro_rules! metrics {
    ($($constant:ident = $kind:ident $name:literal [$($label:literal),*] $help:literal;)*) => {
        $(pub(crate) const $constant: Metric = Metric {
            name: $name,
            help: $help,
            kind: Kind::$kind,
            labels: &[$($label),*],
        };)*
        /// All metrics, in the order of the exposition.
        pub const METRICS: &[Metric] = &[$($constant),*];
    };
}

metrics! {
    INFO = Gauge "teal_info" ["version", "instance"]
        "Always 1: the version and the random id of this process";
    UPTIME = Gauge "teal_uptime_seconds" []
        "How long this process has been serving";
    GENERATION = Gauge "teal_generation" []
        "The newest change of where traffic goes";
    JOURNAL = Gauge "teal_journal_available" []
        "1 while changes can be made durable, else 0";
    DIFFERENCE = Gauge "teal_books_difference" []
        "Requests accepted - answered - aborted - in flight, over all services: 0 at rest";
    CONNECTIONS = Counter "teal_connections_accepted_total" []
        "Client connections accepted";
    CONNECTIONS_OPEN = Gauge "teal_connections_open" []
        "Client connections open";
    OWN_LOG_DROPPED = Counter "teal_log_dropped_total" []
        "Lines of Teal's own log that were dropped, since standard error was not read";
    LOG_DROPPED = Counter "teal_access_log_dropped_total" []
        "Lines of the access log that were dropped, since its disk was too slow";
    SPANS_DROPPED = Counter "teal_spans_dropped_total" []
        "Spans that were dropped, since the collector was too slow or away";
    CERTIFICATE = Gauge "teal_certificate_expiry_timestamp_seconds" ["file"]
        "The end of a certificate's time, in seconds since 1970";
    CERTIFICATE_PROBLEM = Gauge "teal_certificate_problem" []
        "1 while a file of certificates, keys or CAs has changed and cannot be used, else 0";
    TARGET_CERTIFICATE = Gauge "teal_target_certificate_expiry_timestamp_seconds" ["service", "color", "target"]
        "The end of the time of the certificate that a target has shown, in seconds since 1970";
    ACTIVE = Gauge "teal_active" ["service", "color"]
        "1 for the color that receives traffic, 0 for the other";
    SERVICE_GENERATION = Gauge "teal_service_generation" ["service"]
        "The generation of the service's own last change";
    HELD = Gauge "teal_held" ["service"]
        "1 while new requests wait at Teal, else 0";
    WAITING = Gauge "teal_requests_waiting" ["service"]
        "Requests waiting at Teal: held, or parked for a failover";
    SWITCHES = Counter "teal_switches_total" ["service", "result"]
        "Switches, rollbacks and failovers by how they ended";
    ACCEPTED = Counter "teal_requests_accepted_total" ["service"]
        "Requests whose head was taken from a client; without a service: those that reached none";
    ANSWERED = Counter "teal_requests_answered_total" ["service", "by", "reason"]
        "Requests with a whole answer, by blue, green, or Teal with its reason";
    ABORTED = Counter "teal_requests_aborted_total" ["service", "cause"]
        "Requests that ended without a whole answer, by whose doing";
    IN_FLIGHT = Gauge "teal_requests_in_flight" ["service", "color"]
        "Requests in flight; without a color: those that have none yet or none any more";
    PARKED = Counter "teal_requests_parked_total" ["service"]
        "Requests that had to wait at Teal";
    RETRIES = Counter "teal_retries_total" ["service"]
        "Requests sent to a target again";
    TUNNELS_OPENED = Counter "teal_tunnels_opened_total" ["service"]
        "Tunnels opened by a 101";
    TUNNELS_CLOSED = Counter "teal_tunnels_closed_total" ["service"]
        "Tunnels ended";
    TUNNELS_OPEN = Gauge "teal_tunnels_open" ["service"]
        "Tunnels open";
    STREAMS_ENDED = Counter "teal_streams_ended_total" ["service"]
        "WebSockets and event streams that were asked to end, since their color was drained";
    STREAMS_UNANSWERED = Counter "teal_streams_unanswered_total" ["service"]
        "WebSockets that were closed for a drain without a pause: an answer to the last message may be missing";
    LEASES = Gauge "teal_leases" ["service", "color"]
        "Leases held on a color: requests and tunnels";
    COLOR_CONNECTIONS = Gauge "teal_color_connections" ["service", "color"]
        "Connections to a color's targets: being made, in use or idle";
    CUT = Counter "teal_drain_cut_total" ["service", "color", "what"]
        "What drain deadlines cut: unanswered, answering, tunnel";
    TARGET_UP = Gauge "teal_target_up" ["service", "color", "target"]
        "1 if probes say up, 0 if they say down or nothing yet";
    TARGET_IN_FLIGHT = Gauge "teal_target_in_flight" ["service", "color", "target"]
        "Requests and tunnels that hold the target now";
    TARGET_REQUESTS = Counter "teal_target_requests_total" ["service", "color", "target", "class"]
        "Answers of a target by class of status, and failed: those without a whole answer";
    TARGET_CONNECTS = Counter "teal_target_connects_total" ["service", "color", "target", "result"]
        "Connects to a target by result: ok, failed";
    TARGET_REUSED = Counter "teal_target_reused_total" ["service", "color", "target"]
        "Requests sent on a connection that had served before";
    TARGET_RETRIED = Counter "teal_target_retried_total" ["service", "color", "target"]
        "Requests that failed on the target and were sent again";
    STALE_LOST = Counter "teal_stale_lost_total" ["service", "color", "target"]
        "Requests lost to a reused connection that closed just then, which may not be sent again";
    DURATION = Histogram "teal_request_duration_seconds" ["service", "color", "target"]
        "Time from the choice of the target to the last byte of its answer";
}

impl Kind {
    /// The word of the exposition format.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Histogram => "histogram",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_tell_their_kind_and_are_unique() {
        for (place, metric) in METRICS.iter().enumerate() {
            assert!(metric.name.starts_with("teal_"), "{}", metric.name);
            let counter = metric.kind == Kind::Counter;
            assert_eq!(metric.name.ends_with("_total"), counter, "{}", metric.name);
            let again = METRICS.iter().skip(place + 1).any(|other| other.name == metric.name);
            assert!(!again, "{} is there twice", metric.name);
        }
    }
}
