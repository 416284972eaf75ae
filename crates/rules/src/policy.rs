//! The settings of a service's requests: all of its keys except its name, its routes, its targets and
//! their probes.
//!
//! One shape from the configuration to the worker: a specification has it, a table carries it whole,
//! and so does the message by which another Teal takes a table over (crate `peer`). A key of a service
//! is a field here; `docs/hacking.md` says which files it takes. All defaults are filled in.

use std::net::SocketAddr;
use std::time::Duration;

use crate::error_page::ErrorPages;

/// All settings of the requests of one service.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Policy {
    /// True if targets see paths without the prefix of the service.
    pub strip_prefix: bool,
    /// The treatment of request fields with an underscore in their name.
    pub underscores: Underscores,
    /// Names of request fields that only trusted peers may send: lower case, hyphens for underscores, a
    /// `*` at the end for any ending.
    pub drop_headers: Vec<String>,
    /// The limits of leases on a retired color.
    pub drain: Drain,
    /// The deadline of every wait in the life of a request.
    pub timeouts: Timeouts,
    /// The reaction when the active color is down.
    pub failover: Failover,
    /// Limits on waiting requests while the service is held.
    pub hold: Hold,
    /// Pages for Teal's own answers.
    pub error_pages: ErrorPages,
    /// The ways in which testers see the idle color; `None`: there are no previews.
    pub preview: Option<Preview>,
}

/// The ways in which testers see the idle color of a service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Preview {
    /// The listener whose requests go to the idle color, as configured; `None`: there is none.
    pub listen: Option<SocketAddr>,
    /// True if a token leads to the idle color on the other listeners.
    pub token: bool,
}

/// The limits of leases on a retired color.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Drain {
    /// After this the remaining leases are cut and counted (promise L3).
    pub timeout: Duration,
    /// The treatment of long streams before that.
    pub streams: Streams,
}

/// The treatment of WebSockets and event streams while their color drains.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Streams {
    /// They stay until the drain deadline.
    #[default]
    Keep,
    /// They are closed, one after the other, in the first half of the drain.
    Close,
}

/// The treatment of request fields with an underscore in their name. Those that a CGI-like target would
/// mistake for a field with a meaning to a proxy (`X_Forwarded_For`) are always dropped.
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
    /// The window in which a request body must deliver `body_min_bytes`.
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
    /// The idle timeout of a client connection between requests.
    pub idle: Duration,
    /// The idle timeout of a connection to a target in the pool.
    pub target_idle: Duration,
    /// The longest silence of a tunnel or an event stream, both directions together.
    pub tunnel_idle: Duration,
}

/// The reaction when every target of the active color is down.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Failover {
    /// Nothing: the operator decides.
    #[default]
    Off,
    /// Traffic moves to the other color if that is proven healthy.
    Auto,
}

/// Limits on waiting requests while a service is held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hold {
    /// Requests that may wait at once.
    pub requests: u64,
    /// Bytes of heads and bodies that waiting requests may keep in memory.
    pub bytes: u64,
    /// Requests released per second after `resume`.
    pub release_per_second: u32,
}

// === impl Policy ===

impl Policy {
    /// The keys that differ from those of another one, as they are called in the configuration.
    pub fn differences(&self, other: &Self) -> impl Iterator<Item = &'static str> {
        // By name, so that none is forgotten.
        let Self {
            strip_prefix,
            underscores,
            drop_headers,
            drain,
            timeouts,
            failover,
            hold,
            error_pages,
            preview,
        } = self;
        let keys = [
            ("strip_prefix", *strip_prefix != other.strip_prefix),
            ("underscores", *underscores != other.underscores),
            ("drop_headers", *drop_headers != other.drop_headers),
            ("drain", *drain != other.drain),
            ("timeouts", *timeouts != other.timeouts),
            ("failover", *failover != other.failover),
            ("hold", *hold != other.hold),
            ("error_pages", *error_pages != other.error_pages),
            ("preview", *preview != other.preview),
        ];
        keys.into_iter().filter(|(_, differs)| *differs).map(|(key, _)| key)
    }
}

// === impl Drain, Timeouts, Hold ===

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
