//! The keys of a service.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;

use super::{Deploy, Rollout, Targets, WarmUp};
use crate::key::{At, Key, Size, Time};

/// Services that `teal switch COLOR --group NAME` moves in one step, all or none. A service may be
/// in several groups; automatic moves, such as failover, concern one service only.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(extend("required" = ["name", "services"]))]
pub(crate) struct Group {
    /// The name of the group, with the same rules as a service name.
    #[schemars(extend("examples" = ["shop"]))]
    pub(crate) name: Key<String>,
    /// The names of its services, at most 100, each once.
    #[schemars(extend("examples" = [["web", "api"]]))]
    #[schemars(extend("minItems" = 1, "maxItems" = 100, "uniqueItems" = true))]
    pub(crate) services: Key<Vec<At<String>>>,
}

/// A service: its routes and its two colors.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(extend("required" = ["name", "blue", "green"]))]
pub(crate) struct Service {
    /// The name of the service: 1 to 63 of `a-z 0-9 -`, beginning and ending with a letter or
    /// digit.
    #[schemars(extend("examples" = ["web"]))]
    pub(crate) name: Key<String>,
    /// Hosts whose requests go to the service: exact names, or `*.` for one label in front. Empty
    /// means any host. An exact name wins over a wildcard, a wildcard over any host.
    #[schemars(extend("default" = []))]
    pub(crate) hosts: Key<Vec<At<String>>>,
    /// The path prefix of the service's requests, matched by whole segments; the longest prefix wins.
    #[schemars(extend("default" = "/"))]
    pub(crate) path_prefix: Key<String>,
    /// Remove `path_prefix` from the paths that targets see, and send it in `X-Forwarded-Prefix`.
    /// Responses are not rewritten.
    #[schemars(extend("default" = false))]
    pub(crate) strip_prefix: Key<bool>,
    /// Request fields with an underscore in their name: `keep` keeps them, `drop` drops them, `auto`
    /// keeps them in gRPC calls and where all targets are `h2c`. Applications behind CGI or WSGI read
    /// `X_User` as `X-User`. Names that they would mistake for a field that Teal sets or protects, such as
    /// `X_Forwarded_For`, are always dropped.
    #[schemars(extend("default" = "auto"))]
    pub(crate) underscores: Key<Underscores>,
    /// Request fields that are dropped unless they come from a listener's `trusted` sources: those with which
    /// a proxy in front authenticates users. A `*` at the end matches any ending; `-` and `_` are the
    /// same. Fields about clients and their certificates (`X-Forwarded-*`, `X-SSL-*` and so on) are
    /// dropped in any case.
    #[schemars(extend("default" = [], "examples" = [["Remote-User", "X-Auth-*"]]))]
    pub(crate) drop_headers: Key<Vec<At<String>>>,
    /// The active color at the first start; later the journal decides.
    #[schemars(extend("default" = "blue"))]
    pub(crate) initial: Key<Color>,
    /// The blue environment.
    #[schemars(extend("examples" = [{ "targets": ["http://127.0.0.1:8081"] }]))]
    pub(crate) blue: Key<Environment>,
    /// The green environment.
    #[schemars(extend("examples" = [{ "targets": ["http://127.0.0.1:8082"] }]))]
    pub(crate) green: Key<Environment>,
    pub(crate) health: Key<Health>,
    pub(crate) warmup: Key<WarmUp>,
    pub(crate) drain: Key<Drain>,
    pub(crate) timeouts: Key<Timeouts>,
    /// The reaction when every target of the active color is down: `off` does nothing, `auto` switches
    /// to the other color if it is proven healthy.
    #[schemars(extend("default" = "off"))]
    pub(crate) failover: Key<Failover>,
    pub(crate) hold: Key<Hold>,
    pub(crate) deploy: Key<Deploy>,
    pub(crate) preview: Key<Preview>,
    pub(crate) rollout: Key<Rollout>,
    /// A directory with pages for the answers that Teal gives instead of a target, to clients that accept
    /// HTML: `502.html`, `503.html`, `504.html` and `maintenance.html` (`teal maintenance on`), each
    /// optional and at most 64 KiB. They are read at the start and at a reload. Relative to this file.
    #[schemars(extend("x-default" = "none", "examples" = ["pages"]))]
    pub(crate) error_pages: Key<String>,
}

/// Previews: testers see the idle color, while everybody else stays on the active one. `teal preview SERVICE` makes the
/// links.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Preview {
    /// An address of its own for previews: each request to it whose host and path lead to the service goes to the idle
    /// color. Everybody who reaches the address sees it, so prefer a loopback one. Services may share one.
    #[schemars(extend("x-default" = "none", "examples" = ["127.0.0.1:8090"]))]
    pub(crate) listen: Key<String>,
    /// A link, cookie or header field with a signed token leads to the idle color on all other listeners.
    #[schemars(extend("default" = true))]
    pub(crate) token: Key<bool>,
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
    /// The addresses of the environment; at least one. `http://HOST:PORT`, `https://HOST:PORT` (HTTP/2 if
    /// the target negotiates it), `h2c://HOST:PORT` (HTTP/2 without TLS) or `unix:/PATH`. Names are
    /// resolved at start, at each interval and after a failed connect, never per request; each address
    /// of a name is a target of its own (`resolve`). `"runner"`, for both colors: those that `teal deploy` tells
    /// when it starts an environment, or another program by the admin API; they are in the journal, and there are none
    /// before the first deploy. All other keys apply to them. Needs `deploy`.
    #[schemars(extend("examples" = [["http://127.0.0.1:8081"]]))]
    pub(crate) targets: Key<Targets>,
    pub(crate) tls: Key<TargetTls>,
    /// The `Host` sent to targets: the `client`'s, or the `target`'s own, which is `tls.server_name` or
    /// else the target's address. The client's is always sent in `X-Forwarded-Host`.
    #[schemars(extend("default" = "client"))]
    pub(crate) host: Key<HostSent>,
    /// Send the client's address to the targets in a PROXY protocol header, version `v1` or `v2`. Each
    /// request then has its own connection.
    #[schemars(extend("x-default" = "none", "examples" = ["v2"]))]
    pub(crate) proxy_protocol: Key<ProxyHeader>,
    /// The handling of a name with several addresses. `all`: a target for each address, probed,
    /// balanced and drained separately, up to 64 of them; a new one is proven healthy before it gets
    /// traffic, a removed one is drained. `first`: a single target, which connects to the first address
    /// that answers: the next one is tried after 250 ms, and the one that worked last is tried first.
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
    /// A PEM file with the CA certificates to verify the targets against. Relative to this file.
    #[schemars(extend("x-default" = "the system's CAs", "examples" = ["ca.pem"]))]
    pub(crate) ca: Key<String>,
    /// The server name to send to targets (SNI) and to verify their certificates for. `"host"`: the
    /// host of each request, with separate connections for each name.
    #[schemars(extend("x-default" = "the host of the target", "examples" = ["app.internal"]))]
    pub(crate) server_name: Key<String>,
    /// Offer HTTP/2 in the handshake. `false` is for targets that require HTTP/1.1, such as IIS with
    /// Windows authentication or client certificates.
    #[schemars(extend("default" = true))]
    pub(crate) http2: Key<bool>,
    /// A PEM file: the client certificate that Teal presents to targets, then the chain above it. Relative
    /// to this file. Needs `key`.
    #[schemars(extend("x-default" = "none", "examples" = ["teal.pem"]))]
    pub(crate) cert: Key<String>,
    /// A PEM file: its private key, not encrypted. Relative to this file, or `credential:NAME`.
    #[schemars(extend("x-default" = "none", "examples" = ["teal.key"]))]
    pub(crate) key: Key<String>,
}

#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum ProbeKind {
    Http,
    Grpc,
}

/// Health checks of targets. A switch needs `rise` passed probes of every target.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Health {
    /// The kind of probe: `http`, a GET of `path`, or `grpc`, the standard gRPC health check
    /// (`grpc.health.v1.Health/Check`), for `h2c` and `https` targets.
    #[schemars(rename = "type", extend("default" = "http"))]
    #[serde(rename = "type")]
    pub(crate) kind: Key<ProbeKind>,
    /// The path that a probe requests. With `type = "grpc"`, the name of the service that must be
    /// serving, after the slash; `/`, which is then the default, means the server as a whole.
    #[schemars(extend("default" = "/health"))]
    pub(crate) path: Key<String>,
    /// The `Host` that a probe sends.
    #[schemars(extend(
        "x-default" = "the first plain name in hosts, else the target's own address",
        "examples" = ["example.com"],
    ))]
    pub(crate) host: Key<String>,
    /// The time between probes while nothing changes; at least 10ms.
    #[schemars(extend("default" = "5s"))]
    pub(crate) interval: Key<Time>,
    /// The timeout of one probe, in total.
    #[schemars(extend("default" = "2s"))]
    pub(crate) timeout: Key<Time>,
    /// Passed probes in a row that make a target healthy.
    #[schemars(range(min = 1, max = 100), extend("default" = 2))]
    pub(crate) rise: Key<u32>,
    /// Failed probes in a row that make a target unhealthy.
    #[schemars(range(min = 1, max = 100), extend("default" = 2))]
    pub(crate) fall: Key<u32>,
    /// The time between probes while a target is about to change; at least 10ms and at most `interval`,
    /// which is also the default if it is shorter.
    #[schemars(extend("default" = "500ms"))]
    pub(crate) fast_interval: Key<Time>,
    /// Statuses that pass: `"2xx"`, `"204"` or `"200-299"`. Redirects are not followed.
    #[schemars(extend("default" = ["2xx"]))]
    pub(crate) expect: Key<Vec<At<String>>>,
    /// A header field that the response must have, as `NAME: VALUE` or, with any value, `NAME`. A
    /// response without it comes from another service, which may have taken over the address: traffic
    /// leaves it at once, without waiting for `fall`.
    #[schemars(extend("x-default" = "none", "examples" = ["X-App: web"]))]
    pub(crate) expect_header: Key<String>,
    /// Text that the response body must contain within its first 64 KiB. It serves the same purpose as
    /// `expect_header`; only for `type = "http"`.
    #[schemars(extend("x-default" = "none", "examples" = ["web is well"]))]
    pub(crate) expect_body: Key<String>,
    /// Header fields that a probe sends besides `Host`, `User-Agent` and those that requests carry about
    /// their client: `X-Forwarded-For` (127.0.0.1), `X-Forwarded-Host` (the Host) and `X-Forwarded-Proto`,
    /// which is `https` if every listener has TLS or redirects to it, else `http`. A field of the same name
    /// replaces it, such as behind a TLS proxy: `{ X-Forwarded-Proto = "https" }`.
    #[schemars(extend("x-default" = "none", "examples" = [{ "X-Probe": "teal" }]))]
    pub(crate) headers: Key<BTreeMap<String, At<String>>>,
}

/// Draining of the old color after a switch.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Drain {
    /// The time after which the requests and tunnels left are cut, counted and listed in the receipt.
    #[schemars(extend("default" = "30s"))]
    pub(crate) timeout: Key<Time>,
    /// `keep`: WebSockets and event streams stay until `timeout`; `close`: they are closed (with a Close
    /// frame 1001, or at the end of an event), spread over the first half of it, so that their clients
    /// reconnect to the new color.
    #[schemars(extend("default" = "keep"))]
    pub(crate) streams: Key<Streams>,
}

#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Streams {
    Keep,
    Close,
}

/// The deadlines of a request, one for every wait.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Timeouts {
    /// The TLS handshake of a client.
    #[schemars(extend("default" = "5s"))]
    pub(crate) tls_hello: Key<Time>,
    /// From the first byte of a request to the end of its head.
    #[schemars(extend("default" = "10s"))]
    pub(crate) request_head: Key<Time>,
    /// The window in which a request body must deliver `body_min_bytes`.
    #[schemars(extend("default" = "30s"))]
    pub(crate) body_progress: Key<Time>,
    /// Bytes of a request body that must arrive in each `body_progress`, and bytes of a response that a
    /// client must accept in each `write_stall` while there is more to send.
    #[schemars(extend("default" = 1024, "minimum" = 1))]
    pub(crate) body_min_bytes: Key<Size>,
    /// The longest time without progress while writing to a target, or to either side of a tunnel; the
    /// window in which a client must accept `body_min_bytes` of its response.
    #[schemars(extend("default" = "30s"))]
    pub(crate) write_stall: Key<Time>,
    /// Connecting to a target.
    #[schemars(extend("default" = "2s"))]
    pub(crate) connect: Key<Time>,
    /// From the end of the request to the end of the response head.
    #[schemars(extend("default" = "60s"))]
    pub(crate) response_head: Key<Time>,
    /// The longest silence within a response body, and before the first message of a gRPC call unless it
    /// sets a shorter deadline (`grpc-timeout`).
    #[schemars(extend("default" = "5m"))]
    pub(crate) response_idle: Key<Time>,
    /// The idle timeout of a client connection between two requests.
    #[schemars(extend("default" = "60s"))]
    pub(crate) idle: Key<Time>,
    /// The idle timeout of a connection to a target.
    #[schemars(extend("default" = "30s"))]
    pub(crate) target_idle: Key<Time>,
    /// The longest silence of a tunnel (WebSocket) or an event stream.
    #[schemars(extend("default" = "1h"))]
    pub(crate) tunnel_idle: Key<Time>,
}

/// Limits on waiting requests while the service is held with `teal hold`.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Hold {
    /// The maximum number of waiting requests; more get 503.
    #[schemars(range(min = 1, max = 10_000_000), extend("default" = 10_000))]
    pub(crate) requests: Key<u32>,
    /// The maximum memory of waiting requests; beyond it, requests get 503.
    #[schemars(extend("default" = "32MiB", "minimum" = 1))]
    pub(crate) bytes: Key<Size>,
    /// Requests released per second after `teal resume`.
    #[schemars(range(min = 1, max = 10_000_000), extend("default" = 1000))]
    pub(crate) release_per_second: Key<u32>,
}
