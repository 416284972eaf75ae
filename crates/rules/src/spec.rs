//! What the operator wants: services, colors, targets and their settings, after all checks.
//!
//! `config` makes these from a file, `control` keeps them, `traffic` puts what a
//! request needs into the table. No field is an `Option` that means "default":
//! defaults are already filled in.

use std::fmt;
use std::time::Duration;

use crate::invalid::Invalid;
use crate::name::{Color, GroupName, ServiceName};
use crate::target::TargetUrl;

/// One service: where its requests come from and its two environments.
#[derive(Clone, Debug, PartialEq)]
pub struct ServiceSpec {
    /// Its name in every interface.
    pub name: ServiceName,
    /// Host patterns in lower case: exact (`example.com`) or one-label wildcard
    /// (`*.example.com`). Empty: any host.
    pub hosts: Vec<String>,
    /// Requests whose path is this or below it at a segment boundary; starts with `/`.
    pub path_prefix: String,
    /// Whether targets see paths without it.
    pub strip_prefix: bool,
    /// What becomes of request fields whose names have an underscore.
    pub underscores: Underscores,
    /// Names of request fields that only trusted peers may send: lower case, hyphens for underscores, a
    /// `*` at the end for all that begin so.
    pub drop_headers: Vec<String>,
    /// The active color where no state exists yet.
    pub initial: Color,
    /// The two environments, in the order of [`Color::index`].
    pub colors: [ColorSpec; 2],
    /// How targets are probed.
    pub health: Health,
    /// How long leases on a retired color may last.
    pub drain: Drain,
    /// The deadline of every wait in the life of a request.
    pub timeouts: Timeouts,
    /// What happens when the active color dies.
    pub failover: Failover,
    /// Caps on what may wait while the service is held.
    pub hold: Hold,
}

/// Services that are switched together, in one generation: all or none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupSpec {
    /// Its name in every interface.
    pub name: GroupName,
    /// Its services, each once; never empty.
    pub services: Vec<ServiceName>,
}

/// One environment of a service.
#[derive(Clone, Debug, PartialEq)]
pub struct ColorSpec {
    /// Where it is reached; never empty.
    pub targets: Vec<TargetUrl>,
}

/// How targets are probed (promise L9).
#[derive(Clone, Debug, PartialEq)]
pub struct Health {
    /// What a probe asks.
    pub kind: ProbeKind,
    /// The path of a probe, beginning with `/`; behind that the name of a service of gRPC, empty for
    /// the whole server.
    pub path: String,
    /// The Host of a probe: the first plain host of the service; `None`: the target's authority.
    pub host: Option<String>,
    /// The hosts of which each is asked for, where the server name of a target is that of the request; none:
    /// `host` alone.
    pub hosts: Vec<String>,
    /// Time from one probe to the next while nothing changes.
    pub interval: Duration,
    /// The total time that one probe may take.
    pub timeout: Duration,
    /// Passed probes in a row that make a target up.
    pub rise: u32,
    /// Failed probes in a row that make a target down.
    pub fall: u32,
    /// Time from one probe to the next after a change.
    pub fast_interval: Duration,
    /// Statuses that pass.
    pub expect: Vec<StatusRange>,
    /// What an answer must show besides, so that it is the target's and nobody else's.
    pub identity: Expected,
    /// Fields that a probe sends besides its own: name in lower case, and value.
    pub headers: Vec<(String, String)>,
    /// Whether a probe says that its client came by `https`, as every request that is not
    /// redirected does.
    pub https: bool,
}

/// What the answer of a target must show, so that a service that has taken over its address is told
/// apart.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Expected {
    /// A field of the head; `None`: any head.
    pub header: Option<ExpectedHeader>,
    /// Text that stands in the first 64 KiB of the body; `None`: any body.
    pub body: Option<String>,
}

/// A field that an answer must have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExpectedHeader {
    /// Its name, in any case.
    pub name: String,
    /// Its whole value; `None`: any.
    pub value: Option<String>,
}

/// What a probe asks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ProbeKind {
    /// A GET of the path; the status decides.
    #[default]
    Http,
    /// `grpc.health.v1.Health/Check`; serving or not decides.
    Grpc,
}

/// A range of status codes, both ends included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StatusRange {
    /// The lowest status that passes.
    pub low: u16,
    /// The highest status that passes.
    pub high: u16,
}

/// How long leases on a retired color may last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Drain {
    /// After this the remaining leases are cut and counted (promise L3).
    pub timeout: Duration,
    /// What becomes of long streams before that.
    pub streams: Streams,
}

/// What becomes of WebSockets and event streams when their color is drained.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Streams {
    /// They stay until the drain deadline.
    #[default]
    Keep,
    /// They are asked to end, one after the other, in the first half of the drain.
    Close,
}

/// What becomes of request fields whose names have an underscore. Those that a CGI-like target would take
/// for a field with a meaning to a proxy (`X_Forwarded_For`) are dropped whatever this says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Underscores {
    /// Kept in calls of gRPC, and where all targets are asked in HTTP/2 without TLS (`h2c`).
    #[default]
    Auto,
    /// Kept in all requests.
    Keep,
    /// Dropped from all requests.
    Drop,
}

/// The deadline of every wait in the life of a request (promise L10).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timeouts {
    /// TLS handshake of a client.
    pub tls_hello: Duration,
    /// From the first byte of a request to the end of its head.
    pub request_head: Duration,
    /// The window in which a request body must bring `body_min_bytes`.
    pub body_progress: Duration,
    /// Bytes of request body that must arrive per `body_progress`.
    pub body_min_bytes: u64,
    /// The longest time without progress while writing to a client or target.
    pub write_stall: Duration,
    /// Connecting to a target.
    pub connect: Duration,
    /// From the end of the request to the end of the response head.
    pub response_head: Duration,
    /// The longest silence inside a response body.
    pub response_idle: Duration,
    /// How long a client connection may idle between requests.
    pub idle: Duration,
    /// How long a connection to a target may idle in the pool.
    pub target_idle: Duration,
    /// The longest silence of a tunnel or an event stream, both directions together.
    pub tunnel_idle: Duration,
}

/// What happens when every target of the active color is down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failover {
    /// Nothing: the operator decides.
    Off,
    /// Traffic moves to the other color if that is proven healthy.
    Auto,
}

/// Caps on what may wait while a service is held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hold {
    /// Requests that may wait at once.
    pub requests: u64,
    /// Bytes of heads and bodies that waiting requests may keep in memory.
    pub bytes: u64,
    /// Requests let go per second after `resume`.
    pub release_per_second: u32,
}

/// What a client may send, for all listeners.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of a message head.
    pub head_bytes: usize,
    /// Fields of a message head.
    pub fields: usize,
    /// Bytes of a request target.
    pub target_bytes: usize,
    /// Bytes of a request body; `None`: any.
    pub body_bytes: Option<u64>,
    /// Client connections at once.
    pub connections: usize,
}

// === impl ServiceSpec ===

impl ServiceSpec {
    /// A service with every default, as a bare `teal run` has it.
    pub fn new(name: ServiceName, blue: Vec<TargetUrl>, green: Vec<TargetUrl>) -> Self {
        Self {
            name,
            hosts: Vec::new(),
            path_prefix: "/".to_owned(),
            strip_prefix: false,
            underscores: Underscores::default(),
            drop_headers: Vec::new(),
            initial: Color::Blue,
            colors: [ColorSpec { targets: blue }, ColorSpec { targets: green }],
            health: Health::default(),
            drain: Drain::default(),
            timeouts: Timeouts::default(),
            failover: Failover::Off,
            hold: Hold::default(),
        }
    }

    /// The settings of one color.
    pub fn color(&self, color: Color) -> &ColorSpec {
        match color {
            Color::Blue => &self.colors[0],
            Color::Green => &self.colors[1],
        }
    }
}

// === impl Health ===

impl Health {
    /// Whether a probe with this status passes.
    pub fn expects(&self, status: u16) -> bool {
        self.expect.iter().any(|range| range.contains(status))
    }
}

impl Default for Health {
    fn default() -> Self {
        Self {
            kind: ProbeKind::Http,
            path: "/health".to_owned(),
            host: None,
            hosts: Vec::new(),
            interval: Duration::from_secs(5),
            timeout: Duration::from_secs(2),
            rise: 2,
            fall: 2,
            fast_interval: Duration::from_millis(500),
            expect: vec![StatusRange { low: 200, high: 299 }],
            identity: Expected::default(),
            headers: Vec::new(),
            https: false,
        }
    }
}

// === impl ExpectedHeader ===

impl ExpectedHeader {
    /// Whether a field of this name has the value that is expected.
    pub fn matches(&self, value: &[u8]) -> bool {
        self.value.as_ref().is_none_or(|wanted| value.trim_ascii() == wanted.as_bytes())
    }
}

impl fmt::Display for ExpectedHeader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.value {
            Some(value) => write!(f, "\"{}: {value}\"", self.name),
            None => write!(f, "{:?}", self.name),
        }
    }
}

// === impl StatusRange ===

impl StatusRange {
    /// Reads `"2xx"`, `"204"` or `"200-299"`.
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        let wrong = || {
            Invalid(format!(
                "{text:?} is not a status: write \"2xx\", \"204\" or \"200-299\" (100 to 599)"
            ))
        };
        let number = |digits: &str| digits.parse().ok().filter(|n| (100..=599).contains(n));
        if let Some(class) = text.strip_suffix("xx") {
            let class: u16 = class.parse().map_err(|_| wrong())?;
            let low = class.checked_mul(100).and_then(|n| number(&n.to_string()));
            return low.map(|low| Self { low, high: low + 99 }).ok_or_else(wrong);
        }
        let (low, high) = text.split_once('-').unwrap_or((text, text));
        match (number(low), number(high)) {
            (Some(low), Some(high)) if low <= high => Ok(Self { low, high }),
            _ => Err(wrong()),
        }
    }

    /// Whether the range holds this status.
    pub fn contains(self, status: u16) -> bool {
        (self.low..=self.high).contains(&status)
    }
}

impl fmt::Display for StatusRange {
    /// Writes it as [`StatusRange::parse`] reads it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.low, self.high) {
            (low, high) if low == high => write!(f, "{low}"),
            (low, high) if low % 100 == 0 && high == low + 99 => write!(f, "{}xx", low / 100),
            (low, high) => write!(f, "{low}-{high}"),
        }
    }
}

// === impl Drain, Timeouts, Hold, Limits ===

impl Default for Drain {
    fn default() -> Self {
        Self { timeout: Duration::from_secs(30), streams: Streams::Keep }
    }
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            tls_hello: Duration::from_secs(5),
            request_head: Duration::from_secs(10),
            body_progress: Duration::from_secs(30),
            body_min_bytes: 1024,
            write_stall: Duration::from_secs(30),
            connect: Duration::from_secs(2),
            response_head: Duration::from_secs(60),
            response_idle: Duration::from_secs(300),
            idle: Duration::from_secs(60),
            target_idle: Duration::from_secs(30),
            tunnel_idle: Duration::from_secs(3600),
        }
    }
}

impl Default for Hold {
    fn default() -> Self {
        Self { requests: 10_000, bytes: 32 << 20, release_per_second: 1000 }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            head_bytes: 32_768,
            fields: 100,
            target_bytes: 8192,
            body_bytes: None,
            connections: 10_000,
        }
    }
}
