//! The single list of metrics: the name, meaning, kind and labels of each.
//!
//! Users' dashboards and alerts rely on them. The reference is generated from here.

/// One metric.
#[derive(Clone, Copy, Debug)]
pub struct Metric {
    /// The name, as in the exposition.
    pub name: &'static str,
    /// The help text: what it measures.
    pub help: &'static str,
    /// The kind of metric.
    pub kind: Kind,
    /// The event from which on it has a series.
    pub appears: Appears,
    /// Its labels, in their order.
    pub labels: &'static [&'static str],
}

/// The event from which on a metric has a series. A series that has appeared stays for as long as its
/// service, color or target is configured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Appears {
    /// From the start.
    Always,
    /// From the first request of the service, color or target.
    FirstRequest,
    /// From the first event that it counts.
    FirstEvent,
}

/// The kind of a metric.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Only goes up, until Teal restarts.
    Counter,
    /// Goes up and down.
    Gauge,
    /// Counts observations by size.
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
        "Time for which this process has been serving, in seconds";
    GENERATION = Gauge Always "teal_generation" []
        "Generation of the newest change of routing";
    JOURNAL = Gauge Always "teal_journal_available" []
        "1 while changes can be written to the journal, else 0";
    ON_RESERVE = Gauge Always "teal_journal_on_reserve" []
        "1 while the disk is full and the journal uses its preallocated reserve, else 0";
    DIFFERENCE = Gauge Always "teal_books_difference" []
        "Requests accepted - answered - aborted - in flight, over all services: 0 at rest";
    CONNECTIONS = Counter Always "teal_connections_accepted_total" []
        "Client connections accepted";
    CONNECTIONS_OPEN = Gauge Always "teal_connections_open" []
        "Client connections open";
    CONNECTIONS_LIMIT = Gauge Always "teal_connections_limit" []
        "Maximum of concurrent client connections: limits.connections, or what the open file limit allows";
    CROWDED = Counter Always "teal_connections_limit_reached_total" []
        "Times that new clients had to wait because the connection limit was reached";
    GIVEN_UP = Counter Always "teal_connections_given_up_total" []
        "Idle client connections closed to make room for waiting clients";
    HANDSHAKES = Counter Always "teal_tls_handshake_failures_total" ["reason"]
        "Failed TLS handshakes with clients, by reason";
    RELOADED = Gauge Always "teal_config_last_reload_successful" []
        "1 if the last load of the configuration succeeded, 0 if it was refused";
    RELOADED_AT = Gauge Always "teal_config_last_reload_success_timestamp_seconds" []
        "Time of the last successful load of the configuration, in seconds since 1970";
    RELOADS = Counter Always "teal_reloads_total" ["outcome"]
        "Reloads requested, by outcome";
    UPGRADES = Counter Always "teal_upgrades_total" ["outcome"]
        "Upgrades, by outcome; a newer Teal that dies during its trial counts as one done and one failed";
    OLDER = Gauge Always "teal_older_present" []
        "1 while an older Teal finishes its last requests after an upgrade, else 0";
    CALLS = Gauge Always "teal_calls" []
        "Operator calls in progress: switches and other changes that are waiting or being made";
    OLDEST_CALL = Gauge Always "teal_calls_oldest_seconds" []
        "Age of the oldest operator call in progress, in seconds; 0 if there is none";
    OWN_LOG_DROPPED = Counter Always "teal_log_dropped_total" []
        "Lines of Teal's own log dropped because standard error was not read";
    LOG_DROPPED = Counter Always "teal_access_log_dropped_total" []
        "Lines of the access log dropped because its disk was too slow";
    SPANS_DROPPED = Counter Always "teal_spans_dropped_total" []
        "Spans dropped because the collector was slow or unreachable";
    CERTIFICATE = Gauge Always "teal_certificate_expiry_timestamp_seconds" ["file"]
        "Expiry of a certificate, in seconds since 1970";
    CERTIFICATE_PROBLEM = Gauge Always "teal_certificate_problem" []
        "1 while a file of certificates, keys or CAs has changed and cannot be used, else 0";
    ACME_PROBLEM = Gauge Always "teal_acme_problem" ["name"]
        "1 while the last order for the name at the ACME CA has failed, else 0";
    NOTIFICATIONS = Counter Always "teal_notifications_total" ["endpoint", "result"]
        "Notifications by result: delivered, expired, dropped; and tries that failed";
    NOTIFICATIONS_PENDING = Gauge Always "teal_notifications_pending" ["endpoint"]
        "Notifications that wait for an endpoint";
    CPU = Counter Always "process_cpu_seconds_total" []
        "User and system CPU time spent by the serving process, in seconds";
    RESIDENT = Gauge Always "process_resident_memory_bytes" []
        "Resident memory of the serving process, in bytes";
    VIRTUAL = Gauge Always "process_virtual_memory_bytes" []
        "Virtual memory of the serving process, in bytes";
    OPEN_FDS = Gauge Always "process_open_fds" []
        "Open file descriptors of the serving process";
    MAX_FDS = Gauge Always "process_max_fds" []
        "Maximum number of open file descriptors of the serving process";
    STARTED = Gauge Always "process_start_time_seconds" []
        "Start time of the serving process, in seconds since 1970";
    ACTIVE = Gauge Always "teal_active" ["service", "color"]
        "1 for the color that receives traffic, 0 for the other";
    COLOR_HEALTHY = Gauge Always "teal_color_healthy" ["service", "color"]
        "1 if a switch to the color would pass the gate, else 0";
    RETIRED = Gauge Always "teal_color_retired" ["service", "color"]
        "1 if the color is retired: Teal sends it nothing, and does not probe it, else 0";
    COLOR_INFO = Gauge FirstEvent "teal_color_info" ["service", "color", "version"]
        "Always 1: the version that a deploy has started in a color, if it is known";
    SERVICE_GENERATION = Gauge Always "teal_service_generation" ["service"]
        "Generation of the service's last change";
    HELD = Gauge Always "teal_held" ["service"]
        "1 while new requests wait at Teal, else 0";
    MAINTENANCE = Gauge Always "teal_maintenance" ["service"]
        "1 while Teal answers new requests itself because the service is in maintenance, else 0";
    WAITING = Gauge FirstEvent "teal_requests_waiting" ["service"]
        "Requests waiting at Teal now: held, or parked for a failover";
    SWITCHES = Counter FirstEvent "teal_switches_total" ["service", "result"]
        "Switches, rollbacks and failovers, by result";
    DEPLOYS = Counter FirstEvent "teal_deploys_total" ["service", "result"]
        "Ended deploys and sweeps, by result, over all restarts";
    ROLLOUT_STATE = Gauge FirstEvent "teal_rollout_state" ["service", "state"]
        "1 for the state of the service's newest rollout, 0 for the other states";
    JUDGE = Gauge FirstEvent "teal_judge_log10_e" ["service", "judge"]
        "Decimal logarithm of the evidence against the candidate of the newest rollout, 0 once it is over: it fails at 3.48";
    ACCEPTED = Counter FirstRequest "teal_requests_accepted_total" ["service"]
        "Requests whose head was read from a client; with an empty service: those that reached none";
    ANSWERED = Counter FirstEvent "teal_requests_answered_total" ["service", "by", "reason"]
        "Requests with a complete response, by blue, green, or Teal with its reason";
    ABORTED = Counter FirstEvent "teal_requests_aborted_total" ["service", "cause"]
        "Requests that ended without a complete response, by cause";
    PREVIEWS = Counter FirstEvent "teal_preview_requests_total" ["service", "color", "class"]
        "Previews that have ended, of the requests above, by status class, and failed: those without a complete response";
    IN_FLIGHT = Gauge FirstRequest "teal_requests_in_flight" ["service", "color"]
        "Requests in flight; with an empty color: those without a color, yet or any more";
    PARKED = Counter FirstEvent "teal_requests_parked_total" ["service"]
        "Requests that had to wait at Teal";
    RETRIES = Counter FirstRequest "teal_retries_total" ["service"]
        "Requests retried";
    TUNNELS_OPENED = Counter FirstEvent "teal_tunnels_opened_total" ["service"]
        "Tunnels opened by a 101";
    TUNNELS_CLOSED = Counter FirstEvent "teal_tunnels_closed_total" ["service"]
        "Tunnels ended";
    TUNNELS_OPEN = Gauge FirstEvent "teal_tunnels_open" ["service"]
        "Tunnels open";
    STREAMS_ENDED = Counter FirstEvent "teal_streams_ended_total" ["service"]
        "WebSockets and event streams asked to end because their color was draining";
    STREAMS_UNANSWERED = Counter FirstEvent "teal_streams_unanswered_total" ["service"]
        "WebSockets closed by a drain without a pause in traffic: a reply to the last message may be missing";
    LEASES = Gauge FirstRequest "teal_leases" ["service", "color"]
        "Leases held on a color: requests and tunnels";
    COLOR_CONNECTIONS = Gauge FirstRequest "teal_color_connections" ["service", "color"]
        "Connections to a color's targets: being established, in use or idle";
    OLDEST_LEASE = Gauge FirstRequest "teal_oldest_lease_seconds" ["service", "color"]
        "Age of the oldest lease on a color, in seconds, updated every second; 0 if there is none";
    CUT = Counter FirstEvent "teal_drain_cut_total" ["service", "color", "what"]
        "Leases cut by drain deadlines: unanswered, answering, tunnel";
    TARGET_UP = Gauge Always "teal_target_up" ["service", "color", "target", "address"]
        "1 if the target is up according to probes, 0 if it is down or not known yet";
    PROBE_DURATION = Gauge FirstEvent "teal_target_probe_duration_seconds" ["service", "color", "target", "address"]
        "Duration of the last probe of a target, in seconds";
    TARGET_CERTIFICATE = Gauge FirstEvent "teal_target_certificate_expiry_timestamp_seconds" ["service", "color", "target", "address"]
        "Expiry of the certificate that a target presented, in seconds since 1970";
    TARGET_IN_FLIGHT = Gauge FirstRequest "teal_target_in_flight" ["service", "color", "target", "address"]
        "Requests and tunnels in flight to the target";
    TARGET_REQUESTS = Counter FirstEvent "teal_target_requests_total" ["service", "color", "target", "address", "class"]
        "Responses of a target by status class, and failed: those without a complete response";
    TARGET_CONNECTS = Counter FirstEvent "teal_target_connects_total" ["service", "color", "target", "address", "result"]
        "Attempts to connect to a target, by result: ok, failed";
    TARGET_REUSED = Counter FirstRequest "teal_target_reused_total" ["service", "color", "target", "address"]
        "Requests sent on a reused connection";
    TARGET_RETRIED = Counter FirstRequest "teal_target_retried_total" ["service", "color", "target", "address"]
        "Requests that failed on the target and were retried";
    STALE_LOST = Counter FirstRequest "teal_stale_lost_total" ["service", "color", "target", "address"]
        "Requests lost because a reused connection closed just then, and a retry was not safe";
    DURATION = Histogram FirstEvent "teal_request_duration_seconds" ["service", "color", "target", "address"]
        "Time from the choice of the target to the last byte of its response";
}

// === impl Metric, Appears, Kind ===

impl Metric {
    /// The unit, taken from the name; `None`: a plain number.
    pub fn unit(&self) -> Option<&'static str> {
        let name = self.name.trim_end_matches("_total");
        ["seconds", "bytes"].into_iter().find(|unit| name.ends_with(unit))
    }
}

impl Appears {
    /// The wording of the reference.
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
