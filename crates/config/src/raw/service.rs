//! What may be written about a service.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;

use crate::key::{At, Key, Size, Time};

/// Services that `teal switch COLOR --group NAME` moves in one step, all or none. A service may be
/// in several groups; what it does by itself, such as failover, it goes on doing alone.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(extend("required" = ["name", "services"]))]
pub(crate) struct Group {
    /// Its name in every interface, by the rules for the name of a service.
    #[schemars(extend("examples" = ["shop"]))]
    pub(crate) name: Key<String>,
    /// The names of its services, each once, at most 100.
    #[schemars(extend("examples" = [["web", "api"]]))]
    #[schemars(extend("minItems" = 1, "maxItems" = 100, "uniqueItems" = true))]
    pub(crate) services: Key<Vec<At<String>>>,
}

/// A service: its routes and its two colors.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(extend("required" = ["name", "blue", "green"]))]
pub(crate) struct Service {
    /// Its name in every interface: 1 to 63 of `a-z 0-9 -`, beginning and ending with a letter
    /// or digit.
    #[schemars(extend("examples" = ["web"]))]
    pub(crate) name: Key<String>,
    /// Hosts whose requests belong to the service: exact names, or `*.` for one label in front.
    /// None: any host. An exact name wins over a wildcard, a wildcard over any.
    #[schemars(extend("default" = []))]
    pub(crate) hosts: Key<Vec<At<String>>>,
    /// Requests whose path is this or below it at a segment boundary; the longest prefix wins.
    #[schemars(extend("default" = "/"))]
    pub(crate) path_prefix: Key<String>,
    /// Whether targets see paths without `path_prefix`, which they are told in
    /// `X-Forwarded-Prefix`. What they answer is not rewritten.
    #[schemars(extend("default" = false))]
    pub(crate) strip_prefix: Key<bool>,
    /// What becomes of request fields whose names have an underscore: `auto` keeps them in calls of
    /// gRPC and where all targets are `h2c`, `keep` and `drop` do it in all requests. Applications
    /// behind CGI or WSGI read `X_User` as `X-User`. Names that they would take for a field that Teal
    /// sets or protects, such as `X_Forwarded_For`, are dropped in any case.
    #[schemars(extend("default" = "auto"))]
    pub(crate) underscores: Key<Underscores>,
    /// Request fields that are dropped unless they come from a listener's `trusted` sources: those by which
    /// something else in front logs users in. A `*` at the end stands for any ending; `-` and `_` are the
    /// same. Fields that tell of clients and their certificates (`X-Forwarded-*`, `X-SSL-*` and so on) are
    /// dropped without this.
    #[schemars(extend("default" = [], "examples" = [["Remote-User", "X-Auth-*"]]))]
    pub(crate) drop_headers: Key<Vec<At<String>>>,
    /// The active color where no state exists yet; later the journal decides.
    #[schemars(extend("default" = "blue"))]
    pub(crate) initial: Key<Color>,
    /// The blue environment.
    #[schemars(extend("examples" = [{ "targets": ["http://127.0.0.1:8081"] }]))]
    pub(crate) blue: Key<Environment>,
    /// The green environment.
    #[schemars(extend("examples" = [{ "targets": ["http://127.0.0.1:8082"] }]))]
    pub(crate) green: Key<Environment>,
    pub(crate) health: Key<Health>,
    pub(crate) drain: Key<Drain>,
    pub(crate) timeouts: Key<Timeouts>,
    /// What happens when every target of the active color is down: `off` leaves it to the
    /// operator, `auto` switches to the other color if that is proven healthy.
    #[schemars(extend("default" = "off"))]
    pub(crate) failover: Key<Failover>,
    pub(crate) hold: Key<Hold>,
}

#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Color {
    Blue,
    Green,
}

#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Failover {
    Off,
    Auto,
}

#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Underscores {
    Auto,
    Keep,
    Drop,
}

/// One environment of a service.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(extend("required" = ["targets"]))]
pub(crate) struct Environment {
    /// Its addresses; at least one. `http://HOST:PORT`, `https://HOST:PORT` (HTTP/2 where the target
    /// chooses it in the handshake), `h2c://HOST:PORT` (HTTP/2 without TLS) or `unix:/PATH`. Names are
    /// resolved at start, at each interval and after a failed connect, never per request; each address
    /// of a name is a target of its own (`resolve`).
    #[schemars(extend("examples" = [["http://127.0.0.1:8081"]]))]
    pub(crate) targets: Key<Vec<At<String>>>,
    pub(crate) tls: Key<TargetTls>,
    /// The Host that targets receive: the `client`'s, or the `target`'s own, which is `tls.server_name` or
    /// else the target's address. The client's is told in `X-Forwarded-Host` in either case.
    #[schemars(extend("default" = "client"))]
    pub(crate) host: Key<HostSent>,
    /// The version of the PROXY protocol in which the targets are told of each connection's client:
    /// `v1` or `v2`. Each request then has a connection of its own.
    #[schemars(extend("x-default" = "none", "examples" = ["v2"]))]
    pub(crate) proxy_protocol: Key<ProxyHeader>,
    /// The targets that a name with several addresses is. `all`: one for each address, probed,
    /// balanced and drained by itself, up to 64 of them; one that comes is proven before it gets
    /// traffic, one that goes drains. `first`: one, which connects to the address that answers first:
    /// the next one is tried after 250 ms, the one that worked last comes first.
    #[schemars(extend("default" = "all"))]
    pub(crate) resolve: Key<Resolve>,
}

#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Resolve {
    All,
    First,
}

#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum ProxyHeader {
    V1,
    V2,
}

#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum HostSent {
    Client,
    Target,
}

/// TLS to the `https` targets of a color. Their certificates are always verified.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct TargetTls {
    /// PEM: who must have signed the target's certificate; relative to this file.
    #[schemars(extend("x-default" = "the authorities that this machine trusts", "examples" = ["ca.pem"]))]
    pub(crate) ca: Key<String>,
    /// The server name that targets are asked for (SNI), and that their certificates must be for.
    /// `"host"`: the host of each request, with connections of its own for each name.
    #[schemars(extend("x-default" = "the host of the target", "examples" = ["app.internal"]))]
    pub(crate) server_name: Key<String>,
    /// Offers HTTP/2 in the handshake. `false` is for targets that require HTTP/1.1, such as IIS with
    /// Windows authentication or client certificates.
    #[schemars(extend("default" = true))]
    pub(crate) http2: Key<bool>,
    /// PEM: the certificate that Teal shows to the target, then the chain above it; relative to this
    /// file. With `key`.
    #[schemars(extend("x-default" = "none", "examples" = ["teal.pem"]))]
    pub(crate) cert: Key<String>,
    /// PEM: its private key, not encrypted; relative to this file, or `credential:NAME`.
    #[schemars(extend("x-default" = "none", "examples" = ["teal.key"]))]
    pub(crate) key: Key<String>,
}

#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum ProbeKind {
    Http,
    Grpc,
}

/// How each target is probed. A switch needs `rise` passed probes of every target.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Health {
    /// What a probe asks: `http`, a GET of `path`, or `grpc`, the standard health check of gRPC
    /// (`grpc.health.v1.Health/Check`), for `h2c` and `https` targets.
    #[schemars(rename = "type", extend("default" = "http"))]
    #[serde(rename = "type")]
    pub(crate) kind: Key<ProbeKind>,
    /// The path that a probe asks for. With `type = "grpc"`, behind the slash, the name of the
    /// service that must be serving; `/`, then the default, is the server as a whole.
    #[schemars(extend("default" = "/health"))]
    pub(crate) path: Key<String>,
    /// The Host that a probe sends.
    #[schemars(extend(
        "x-default" = "the first plain name in hosts, else the target's own address",
        "examples" = ["example.com"],
    ))]
    pub(crate) host: Key<String>,
    /// Time from one probe to the next while nothing changes; at least 10ms.
    #[schemars(extend("default" = "5s"))]
    pub(crate) interval: Key<Time>,
    /// Time that one probe may take in all.
    #[schemars(extend("default" = "2s"))]
    pub(crate) timeout: Key<Time>,
    /// Passed probes in a row that make a target healthy.
    #[schemars(range(min = 1, max = 100), extend("default" = 2))]
    pub(crate) rise: Key<u32>,
    /// Failed probes in a row that make a target unhealthy.
    #[schemars(range(min = 1, max = 100), extend("default" = 2))]
    pub(crate) fall: Key<u32>,
    /// Time from one probe to the next while a target is about to change; at least 10ms and at
    /// most `interval`, which is also its default where that is shorter.
    #[schemars(extend("default" = "500ms"))]
    pub(crate) fast_interval: Key<Time>,
    /// Statuses that pass: `"2xx"`, `"204"` or `"200-299"`. Redirects are not followed.
    #[schemars(extend("default" = ["2xx"]))]
    pub(crate) expect: Key<Vec<At<String>>>,
    /// A field that the answer must have, as `NAME: VALUE` or, with any value, `NAME`. An answer
    /// without it is another service's, which may have taken the address over: traffic leaves it at
    /// once, without waiting for `fall`.
    #[schemars(extend("x-default" = "none", "examples" = ["X-App: web"]))]
    pub(crate) expect_header: Key<String>,
    /// Text that the answer's body must hold, within its first 64 KiB. For the same purpose as
    /// `expect_header`; for `type = "http"`.
    #[schemars(extend("x-default" = "none", "examples" = ["web is well"]))]
    pub(crate) expect_body: Key<String>,
    /// Fields that a probe sends besides `Host`, `User-Agent` and what traffic tells of its client:
    /// `X-Forwarded-For` (127.0.0.1), `X-Forwarded-Host` (the Host) and `X-Forwarded-Proto`, which is
    /// `https` where each listener has TLS or redirects to it, else `http`. One of the same name
    /// takes its place, as for a TLS proxy in front: `{ X-Forwarded-Proto = "https" }`.
    #[schemars(extend("x-default" = "none", "examples" = [{ "X-Probe": "teal" }]))]
    pub(crate) headers: Key<BTreeMap<String, At<String>>>,
}

/// How long requests and tunnels on a retired color may last.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Drain {
    /// After this, what is left is cut, counted and listed in the receipt.
    #[schemars(extend("default" = "30s"))]
    pub(crate) timeout: Key<Time>,
    /// `keep`: WebSockets and event streams stay until `timeout`; `close`: they are asked to end (a
    /// Close frame 1001; the end of an event), spread over the first half of it, so that their clients
    /// come back on the new color.
    #[schemars(extend("default" = "keep"))]
    pub(crate) streams: Key<Streams>,
}

#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Streams {
    Keep,
    Close,
}

/// The deadline of every wait in the life of a request.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Timeouts {
    /// TLS handshake of a client.
    #[schemars(extend("default" = "5s"))]
    pub(crate) tls_hello: Key<Time>,
    /// From the first byte of a request to the end of its head.
    #[schemars(extend("default" = "10s"))]
    pub(crate) request_head: Key<Time>,
    /// The window in which a request body must bring `body_min_bytes`.
    #[schemars(extend("default" = "30s"))]
    pub(crate) body_progress: Key<Time>,
    /// Bytes of a request body that must arrive in each `body_progress`, and bytes of an answer that a client must take in each `write_stall` while it is waited for.
    #[schemars(extend("default" = 1024, "minimum" = 1))]
    pub(crate) body_min_bytes: Key<Size>,
    /// The longest time without progress while writing to a target, or to either side of a tunnel; the window in which a client must take `body_min_bytes` of its answer.
    #[schemars(extend("default" = "30s"))]
    pub(crate) write_stall: Key<Time>,
    /// Connecting to a target.
    #[schemars(extend("default" = "2s"))]
    pub(crate) connect: Key<Time>,
    /// From the end of the request to the end of the response head.
    #[schemars(extend("default" = "60s"))]
    pub(crate) response_head: Key<Time>,
    /// The longest silence inside a response body, and of a gRPC call before its first message, unless
    /// it names a shorter deadline (`grpc-timeout`).
    #[schemars(extend("default" = "5m"))]
    pub(crate) response_idle: Key<Time>,
    /// How long a client connection may idle between two requests.
    #[schemars(extend("default" = "60s"))]
    pub(crate) idle: Key<Time>,
    /// How long a connection to a target may idle before it is closed.
    #[schemars(extend("default" = "30s"))]
    pub(crate) target_idle: Key<Time>,
    /// The longest silence of a tunnel (WebSocket) or an event stream.
    #[schemars(extend("default" = "1h"))]
    pub(crate) tunnel_idle: Key<Time>,
}

/// Caps on what may wait while the service is held with `teal hold`.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Hold {
    /// Requests that may wait at once; beyond it the answer is 503.
    #[schemars(range(min = 1, max = 10_000_000), extend("default" = 10_000))]
    pub(crate) requests: Key<u32>,
    /// Memory that waiting requests may use; beyond it the answer is 503.
    #[schemars(extend("default" = "32MiB", "minimum" = 1))]
    pub(crate) bytes: Key<Size>,
    /// Requests let go per second after `teal resume`.
    #[schemars(range(min = 1, max = 10_000_000), extend("default" = 1000))]
    pub(crate) release_per_second: Key<u32>,
}
