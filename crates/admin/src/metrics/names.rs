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
    /// Since when it has a series.
    pub appears: Appears,
    /// Its labels, in their order.
    pub labels: &'static [&'static str],
}

/// Since when a metric has a series. One that has appeared stays, for as long as what it is about is
/// configured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Appears {
    /// From the start.
    Always,
    /// From the first request of the service, color or target.
    FirstRequest,
    /// From the first event that it counts.
    FirstEvent,
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
    ($($constant:ident = $kind:ident $appears:ident $name:literal [$($label:literal),*] $help:literal;)*) => {
        $(pub(crate) const $constant: Metric = Metric {
            name: $name,
            help: $help,
            kind: Kind::$kind,
            appears: Appears::$appears,
            labels: &[$($label),*],
        };)*
        /// All metrics, in the order of the exposition.
        pub const METRICS: &[Metric] = &[$($constant),*];
    };
}

metrics! {
    INFO = Gauge Always "teal_info" ["version", "id"]
        "Always 1: the version and the random id of this process";
    UPTIME = Gauge Always "teal_uptime_seconds" []
        "How long this process has been serving";
    GENERATION = Gauge Always "teal_generation" []
        "The newest change of where traffic goes";
    JOURNAL = Gauge Always "teal_journal_available" []
        "1 while changes can be made durable, else 0";
    DIFFERENCE = Gauge Always "teal_books_difference" []
        "Requests accepted - answered - aborted - in flight, over all services: 0 at rest";
    CONNECTIONS = Counter Always "teal_connections_accepted_total" []
        "Client connections accepted";
    CONNECTIONS_OPEN = Gauge Always "teal_connections_open" []
        "Client connections open";
    CONNECTIONS_LIMIT = Gauge Always "teal_connections_limit" []
        "Client connections that there may be at once: limits.connections, or what open files allow";
    CROWDED = Counter Always "teal_connections_limit_reached_total" []
        "Times that new clients had to wait, since there were as many connections as there may be";
    GIVEN_UP = Counter Always "teal_connections_given_up_total" []
        "Idle connections that were closed for clients that waited";
    HANDSHAKES = Counter Always "teal_tls_handshake_failures_total" ["reason"]
        "TLS handshakes with clients that failed, by reason";
    RELOADED = Gauge Always "teal_config_last_reload_successful" []
        "1 if the configuration was accepted when it was read last, 0 if it was refused";
    RELOADED_AT = Gauge Always "teal_config_last_reload_success_timestamp_seconds" []
        "When the configuration was accepted last, in seconds since 1970";
    RELOADS = Counter Always "teal_reloads_total" ["outcome"]
        "Reloads that were asked for, by outcome";
    UPGRADES = Counter Always "teal_upgrades_total" ["outcome"]
        "Upgrades by outcome; a newer Teal that dies within its trial is one done and one failed";
    OLDER = Gauge Always "teal_older_present" []
        "1 while an older Teal ends its last requests after an upgrade, else 0";
    CALLS = Gauge Always "teal_calls" []
        "Calls of operators under way: switches and the like that wait or are being made";
    OLDEST_CALL = Gauge Always "teal_calls_oldest_seconds" []
        "The age of the oldest of those calls; 0 if there is none";
    OWN_LOG_DROPPED = Counter Always "teal_log_dropped_total" []
        "Lines of Teal's own log that were dropped, since standard error was not read";
    LOG_DROPPED = Counter Always "teal_access_log_dropped_total" []
        "Lines of the access log that were dropped, since its disk was too slow";
    SPANS_DROPPED = Counter Always "teal_spans_dropped_total" []
        "Spans that were dropped, since the collector was too slow or away";
    CERTIFICATE = Gauge Always "teal_certificate_expiry_timestamp_seconds" ["file"]
        "The end of a certificate's time, in seconds since 1970";
    CERTIFICATE_PROBLEM = Gauge Always "teal_certificate_problem" []
        "1 while a file of certificates, keys or CAs has changed and cannot be used, else 0";
    ACME_PROBLEM = Gauge Always "teal_acme_problem" ["name"]
        "1 while the last order for the name at the ACME CA has failed, else 0";
    CPU = Counter Always "process_cpu_seconds_total" []
        "User and system CPU time spent by the serving process, in seconds";
    RESIDENT = Gauge Always "process_resident_memory_bytes" []
        "Resident memory of the serving process, in bytes";
    VIRTUAL = Gauge Always "process_virtual_memory_bytes" []
        "Virtual memory of the serving process, in bytes";
    OPEN_FDS = Gauge Always "process_open_fds" []
        "Open file descriptors of the serving process";
    MAX_FDS = Gauge Always "process_max_fds" []
        "File descriptors that the serving process may open";
    STARTED = Gauge Always "process_start_time_seconds" []
        "When the serving process started, in seconds since 1970";
    ACTIVE = Gauge Always "teal_active" ["service", "color"]
        "1 for the color that receives traffic, 0 for the other";
    SERVICE_GENERATION = Gauge Always "teal_service_generation" ["service"]
        "The generation of the service's own last change";
    HELD = Gauge Always "teal_held" ["service"]
        "1 while new requests wait at Teal, else 0";
    WAITING = Gauge FirstEvent "teal_requests_waiting" ["service"]
        "Requests waiting at Teal: held, or parked for a failover";
    SWITCHES = Counter FirstEvent "teal_switches_total" ["service", "result"]
        "Switches, rollbacks and failovers by how they ended";
    ACCEPTED = Counter FirstRequest "teal_requests_accepted_total" ["service"]
        "Requests whose head was taken from a client; without a service: those that reached none";
    ANSWERED = Counter FirstEvent "teal_requests_answered_total" ["service", "by", "reason"]
        "Requests with a whole answer, by blue, green, or Teal with its reason";
    ABORTED = Counter FirstEvent "teal_requests_aborted_total" ["service", "cause"]
        "Requests that ended without a whole answer, by whose doing";
    IN_FLIGHT = Gauge FirstRequest "teal_requests_in_flight" ["service", "color"]
        "Requests in flight; without a color: those that have none yet or none any more";
    PARKED = Counter FirstEvent "teal_requests_parked_total" ["service"]
        "Requests that had to wait at Teal";
    RETRIES = Counter FirstRequest "teal_retries_total" ["service"]
        "Requests sent to a target again";
    TUNNELS_OPENED = Counter FirstEvent "teal_tunnels_opened_total" ["service"]
        "Tunnels opened by a 101";
    TUNNELS_CLOSED = Counter FirstEvent "teal_tunnels_closed_total" ["service"]
        "Tunnels ended";
    TUNNELS_OPEN = Gauge FirstEvent "teal_tunnels_open" ["service"]
        "Tunnels open";
    STREAMS_ENDED = Counter FirstEvent "teal_streams_ended_total" ["service"]
        "WebSockets and event streams that were asked to end, since their color was drained";
    STREAMS_UNANSWERED = Counter FirstEvent "teal_streams_unanswered_total" ["service"]
        "WebSockets that were closed for a drain without a pause: an answer to the last message may be missing";
    LEASES = Gauge FirstRequest "teal_leases" ["service", "color"]
        "Leases held on a color: requests and tunnels";
    COLOR_CONNECTIONS = Gauge FirstRequest "teal_color_connections" ["service", "color"]
        "Connections to a color's targets: being made, in use or idle";
    OLDEST_LEASE = Gauge FirstRequest "teal_oldest_lease_seconds" ["service", "color"]
        "The age of the oldest lease on a color, as of the last second; 0 if there is none";
    CUT = Counter FirstEvent "teal_drain_cut_total" ["service", "color", "what"]
        "What drain deadlines cut: unanswered, answering, tunnel";
    TARGET_UP = Gauge Always "teal_target_up" ["service", "color", "target", "address"]
        "1 if probes say up, 0 if they say down or nothing yet";
    PROBE_DURATION = Gauge FirstEvent "teal_target_probe_duration_seconds" ["service", "color", "target", "address"]
        "How long the last probe of a target took";
    TARGET_CERTIFICATE = Gauge FirstEvent "teal_target_certificate_expiry_timestamp_seconds" ["service", "color", "target", "address"]
        "The end of the time of the certificate that a target has shown, in seconds since 1970";
    TARGET_IN_FLIGHT = Gauge FirstRequest "teal_target_in_flight" ["service", "color", "target", "address"]
        "Requests and tunnels that hold the target now";
    TARGET_REQUESTS = Counter FirstEvent "teal_target_requests_total" ["service", "color", "target", "address", "class"]
        "Answers of a target by class of status, and failed: those without a whole answer";
    TARGET_CONNECTS = Counter FirstEvent "teal_target_connects_total" ["service", "color", "target", "address", "result"]
        "Connects to a target by result: ok, failed";
    TARGET_REUSED = Counter FirstRequest "teal_target_reused_total" ["service", "color", "target", "address"]
        "Requests sent on a connection that had served before";
    TARGET_RETRIED = Counter FirstRequest "teal_target_retried_total" ["service", "color", "target", "address"]
        "Requests that failed on the target and were sent again";
    STALE_LOST = Counter FirstRequest "teal_stale_lost_total" ["service", "color", "target", "address"]
        "Requests lost to a reused connection that closed just then, which may not be sent again";
    DURATION = Histogram FirstEvent "teal_request_duration_seconds" ["service", "color", "target", "address"]
        "Time from the choice of the target to the last byte of its answer";
}

// === impl Metric, Appears, Kind ===

impl Metric {
    /// What it is measured in, as its name says; `None`: it is a number.
    pub fn unit(&self) -> Option<&'static str> {
        let name = self.name.trim_end_matches("_total");
        ["seconds", "bytes"].into_iter().find(|unit| name.ends_with(unit))
    }
}

impl Appears {
    /// The words of the reference.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Always => "always",
            Self::FirstRequest => "first request",
            Self::FirstEvent => "first event",
        }
    }
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
            let known = ["teal_", "process_"].iter().any(|start| metric.name.starts_with(start));
            assert!(known, "{}", metric.name);
            let counter = metric.kind == Kind::Counter;
            assert_eq!(metric.name.ends_with("_total"), counter, "{}", metric.name);
            let again = METRICS.iter().skip(place + 1).any(|other| other.name == metric.name);
            assert!(!again, "{} is there twice", metric.name);
        }
    }
}
