//! Exactly what may be written in the file: the one list of keys.
//!
//! The schema, the reference and the check of a file's shape are all made from these
//! structs; their doc comments are the reference that people read. Values are as
//! written: nothing here fills in a default or judges a text. A default stated here
//! (`"default"`) is proven by test to be what an absent key means.

mod service;

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;

use crate::key::{At, Key, Size, Time};

pub(crate) use service::{
    Color, Drain, Environment, Failover, Group, Health, Hold, HostSent, ProbeKind, ProxyHeader,
    Resolve, Service, Streams, TargetTls, Timeouts, Underscores,
};

/// The configuration of Teal. Unknown keys are refused.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(title = "Teal", extend("required" = ["service"]))]
pub(crate) struct Document {
    /// The directory of the journal, the admin socket and the admin token. A relative path
    /// is relative to this file.
    #[schemars(extend(
        "x-default" = "$STATE_DIRECTORY, else $XDG_STATE_HOME/teal, else ~/.local/state/teal",
        "examples" = ["/var/lib/teal"],
    ))]
    pub(crate) state_dir: Key<String>,
    /// Data-plane workers, one thread each.
    #[schemars(range(min = 1, max = 1024))]
    #[schemars(extend("x-default" = "the number of cores", "examples" = [2]))]
    pub(crate) workers: Key<u32>,
    pub(crate) admin: Key<Admin>,
    pub(crate) metrics: Key<Metrics>,
    pub(crate) limits: Key<Limits>,
    /// Addresses on which clients are served; without any, `127.0.0.1:8080`.
    pub(crate) listener: Key<Vec<At<Listener>>>,
    /// Certificates for the listeners with `tls = true`. A client gets the one with the name (SNI) that
    /// it asks for, and of several for that name one that it can verify: elliptic curves before RSA. A
    /// client that sends no name gets the first.
    pub(crate) certificate: Key<Vec<At<Certificate>>>,
    /// Certificates from an authority that speaks ACME (RFC 8555), for the plain host names of all
    /// services for which `[[certificate]]` has none. With this table you agree to the terms of the
    /// authority.
    pub(crate) acme: Key<Acme>,
    pub(crate) service: Key<Vec<At<Service>>>,
    pub(crate) group: Key<Vec<At<Group>>>,
    /// A line for each request. Without this table there is no access log.
    pub(crate) access_log: Key<AccessLog>,
    /// A span for each request. Without this table, `traceparent` passes through as it comes.
    pub(crate) otel: Key<Otel>,
    pub(crate) upgrade: Key<Upgrade>,
}

/// The admin API. Besides the address there is always a Unix socket: `admin.sock` in
/// `$RUNTIME_DIRECTORY` (`/run/teal` in the shipped unit), else in `state_dir`.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Admin {
    /// The address of the admin API. Beyond loopback it takes `tls`, and every call a token.
    #[schemars(extend("default" = "127.0.0.1:9900"))]
    pub(crate) listen: Key<String>,
    pub(crate) tls: Key<AdminTls>,
    /// Who may use the API by token. Without any, Teal makes an operator token at its first
    /// start and stores it in `state_dir/admin.token`.
    #[schemars(extend("default" = []))]
    pub(crate) tokens: Key<Vec<At<Token>>>,
    /// Host names accepted in a request to the admin API besides the loopback ones.
    #[schemars(extend("default" = []))]
    pub(crate) hosts: Key<Vec<At<String>>>,
    /// A group whose members are operators on the admin socket; its mode is then 0660
    /// instead of 0600. Teal's user must be a member (`SupplementaryGroups=` in a unit), and the
    /// group must be able to enter the directory of the socket.
    #[schemars(extend("x-default" = "none", "examples" = ["deploy"]))]
    pub(crate) socket_group: Key<String>,
}

/// A listener of its own for scrapers and supervisors, which have no token: `/metrics`, `/livez` and
/// `/readyz`. Nothing there acts or is secret, but names of services and targets can be read by whoever
/// reaches it. Without this table there is none; the admin API has the same paths.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(extend("required" = ["listen"]))]
pub(crate) struct Metrics {
    /// IP address and port, beyond loopback too. Plain HTTP/1.1, any `Host`.
    #[schemars(extend("examples" = ["0.0.0.0:9901"]))]
    pub(crate) listen: Key<String>,
}

/// TLS on the admin API. The Unix socket stays plain.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(extend("required" = ["cert", "key"]))]
pub(crate) struct AdminTls {
    /// A PEM file: the certificate, then the chain above it. Relative to this file.
    #[schemars(extend("examples" = ["/etc/teal/admin.pem"]))]
    pub(crate) cert: Key<String>,
    /// A PEM file: its private key, not encrypted. Relative to this file, or `credential:NAME` for one
    /// that systemd loads (`LoadCredential=NAME:PATH`).
    #[schemars(extend("examples" = ["/etc/teal/admin.key"]))]
    pub(crate) key: Key<String>,
}

/// The holder of a token. `teal token new` makes one and prints the line to write here.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(extend("required" = ["name", "role", "sha256"]))]
pub(crate) struct Token {
    /// Who holds it, as shown in receipts and logs: 1 to 63 of `A-Z a-z 0-9 . _ -`.
    #[schemars(extend("examples" = ["ci"]))]
    pub(crate) name: Key<String>,
    /// `viewer` reads, `operator` also changes.
    #[schemars(extend("examples" = ["operator"]))]
    pub(crate) role: Key<Role>,
    /// The SHA-256 of the token in 64 hexadecimal digits. The token itself is written nowhere.
    #[schemars(extend("examples" = ["<64 hexadecimal digits from teal token new>"]))]
    pub(crate) sha256: Key<String>,
}

#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Role {
    Viewer,
    Operator,
}

/// What a client may send, on every listener.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Limits {
    /// Bytes of a request head; beyond it the answer is 431. Trailers may have as many.
    #[schemars(extend("default" = 32_768, "minimum" = 1024, "maximum" = 1_048_576))]
    pub(crate) head_bytes: Key<Size>,
    /// Fields of a request head; beyond it the answer is 431. The crumbs of a cookie over HTTP/2 are
    /// one. Trailers may have as many.
    #[schemars(range(min = 1, max = 256), extend("default" = 100))]
    pub(crate) fields: Key<u32>,
    /// Bytes of a request target; beyond it the answer is 414. At most `head_bytes`.
    #[schemars(extend("default" = 8192, "minimum" = 64, "maximum" = 1_048_576))]
    pub(crate) target_bytes: Key<Size>,
    /// Bytes of a request body; beyond it the answer is 413.
    #[schemars(extend("x-default" = "unlimited", "examples" = ["64MiB"]))]
    pub(crate) body_bytes: Key<Size>,
    /// Client connections at once, over all listeners and workers. Beyond it clients wait, and idle
    /// connections are closed for them, the longest idle first.
    #[schemars(range(min = 1, max = 10_000_000), extend("default" = 10_000))]
    pub(crate) connections: Key<u32>,
}

/// One address on which clients are served.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(extend("required" = ["address"]))]
pub(crate) struct Listener {
    /// IP address and port. Port 0 lets the system choose; the bound address is printed at
    /// start and shown by `teal status`. `[::]:PORT` takes IPv6 and IPv4, or IPv6 alone where another
    /// listener has an IPv4 address at the same port.
    #[schemars(extend("examples" = ["0.0.0.0:8080"]))]
    pub(crate) address: Key<String>,
    /// Serve TLS here, with the certificates of `[[certificate]]`.
    #[schemars(extend("default" = false))]
    pub(crate) tls: Key<bool>,
    /// Speak HTTP/2 here too: over TLS with clients that choose it in the handshake, without TLS
    /// with those that begin with it (prior knowledge).
    #[schemars(extend("x-default" = "true with TLS, else false", "examples" = [true]))]
    pub(crate) http2: Key<bool>,
    /// The oldest version of TLS that is spoken here.
    #[schemars(extend("default" = "1.2"))]
    pub(crate) min_tls: Key<MinTls>,
    /// Which clients have to show a certificate.
    #[schemars(extend("x-default" = "none", "examples" = [{ "ca": "/etc/teal/clients.pem", "mode": "require" }]))]
    pub(crate) client_auth: Key<ClientAuth>,
    /// Answer requests here with 308 to the same address under `https`: `true` at the port of the first
    /// listener with TLS, a number at that port, which clients may know by another (443 in front of a
    /// container). Requests of which a source in `trusted` or `proxy_protocol` says that they came by
    /// `https` are served.
    #[schemars(extend("default" = false, "examples" = [443]))]
    pub(crate) redirect_https: Key<Redirect>,
    /// The `max-age` of `Strict-Transport-Security`, in seconds, in every answer that has none of
    /// its own. With `tls = true`, or behind a proxy in `trusted` or `proxy_protocol` that says that its
    /// client came by `https`.
    #[schemars(range(min = 0, max = 315_360_000))]
    #[schemars(extend("x-default" = "no such field", "examples" = [31_536_000]))]
    pub(crate) hsts: Key<u32>,
    /// A path that Teal answers here by itself, for a load balancer in front: `GET` or `HEAD` of exactly
    /// this path, whatever the host, is 200 as long as Teal serves, and 503 once it stops. It never reaches
    /// a service, comes before `redirect_https`, and has no line in the access log.
    #[schemars(extend("x-default" = "none", "examples" = ["/teal/health"]))]
    pub(crate) health: Key<String>,
    /// Ranges of addresses whose connections must begin with a header of the PROXY protocol,
    /// version 1 or 2: load balancers in front. What it says is the client's address.
    #[schemars(extend("default" = [], "examples" = [["10.0.0.0/8"]]))]
    pub(crate) proxy_protocol: Key<Vec<At<String>>>,
    /// Ranges of addresses of proxies in front, whose `X-Forwarded-For`, `-Proto` and `-Host` are kept and
    /// added to. Those of anybody else are replaced. The client in the access log, in spans and in the PROXY
    /// protocol to targets is the last address in `X-Forwarded-For` (where there is none, in `Forwarded`)
    /// that is not in these ranges.
    #[schemars(extend("default" = [], "examples" = [["10.0.0.0/8"]]))]
    pub(crate) trusted: Key<Vec<At<String>>>,
}

/// Redirection to `https`, and its port.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(untagged)]
pub(crate) enum Redirect {
    /// To that of the first listener with TLS, or not at all.
    On(bool),
    /// To this one.
    Port(u16),
}

impl JsonSchema for Redirect {
    fn schema_name() -> Cow<'static, str> {
        "redirect".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": ["boolean", "integer"],
            "title": "port, or true or false",
            "minimum": 1,
            "maximum": 65535,
        })
    }
}

#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
pub(crate) enum MinTls {
    #[serde(rename = "1.2")]
    Tls12,
    #[serde(rename = "1.3")]
    Tls13,
}

/// Clients show a certificate.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(extend("required" = ["ca"]))]
pub(crate) struct ClientAuth {
    /// A PEM file with the certificates that must have signed theirs. Relative to this file.
    #[schemars(extend("examples" = ["/etc/teal/clients.pem"]))]
    pub(crate) ca: Key<String>,
    /// `require` refuses a client that shows none, `request` does not.
    #[schemars(extend("default" = "require"))]
    pub(crate) mode: Key<AuthMode>,
    /// Send targets the certificates that the client has shown above its own, too, in
    /// `Client-Cert-Chain`. Its own is always sent, in `Client-Cert` (RFC 9440).
    #[schemars(extend("default" = false))]
    pub(crate) chain: Key<bool>,
}

#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum AuthMode {
    Require,
    Request,
}

/// A certificate and its key. Both files are read again when they change and at a reload; one that
/// is no good leaves the old one in use.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(extend("required" = ["cert", "key"]))]
pub(crate) struct Certificate {
    /// A PEM file: the certificate, then the chain above it. Relative to this file.
    #[schemars(extend("examples" = ["/etc/teal/example.com.pem"]))]
    pub(crate) cert: Key<String>,
    /// A PEM file: its private key, not encrypted. Relative to this file, or `credential:NAME` for one
    /// that systemd loads (`LoadCredential=NAME:PATH`).
    #[schemars(extend("examples" = ["/etc/teal/example.com.key"]))]
    pub(crate) key: Key<String>,
}

/// Certificates are ordered, kept in `state_dir/acme`, and renewed when a third of their time is left,
/// or when the authority says so (RFC 9773).
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Acme {
    /// Where the authority may write to.
    #[schemars(extend("x-default" = "none", "examples" = ["ops@example.com"]))]
    pub(crate) email: Key<String>,
    /// The URL of the authority's directory.
    #[schemars(extend("default" = "https://acme-v02.api.letsencrypt.org/directory"))]
    pub(crate) directory: Key<String>,
    /// A PEM file: who must have signed the certificate of the authority's server. Relative to this
    /// file.
    #[schemars(extend("x-default" = "whom this machine trusts", "examples" = ["/etc/teal/authority.pem"]))]
    pub(crate) ca: Key<String>,
    /// How the authority finds that a name is ours: `tls-alpn-01` in a handshake at a listener with
    /// TLS, which it must reach at port 443; `http-01` by a request to one without, at port 80.
    #[schemars(extend("default" = "tls-alpn-01"))]
    pub(crate) challenge: Key<Challenge>,
    /// The account that you have at the CA, where it binds accounts to those (external account
    /// binding): ZeroSSL, Google Trust Services, SSL.com, Sectigo, DigiCert and others.
    #[schemars(extend("x-default" = "none"))]
    pub(crate) eab: Key<ExternalAccount>,
}

/// The credentials that an ACME CA gives to bind an account to (RFC 8555 section 7.3.4). Used once, when Teal makes its
/// account there; with another `key_id` it makes another.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(extend("required" = ["key_id", "hmac_key_file"]))]
pub(crate) struct ExternalAccount {
    /// The name of the key, as the CA gives it.
    #[schemars(extend("examples" = ["kid-1"]))]
    pub(crate) key_id: Key<String>,
    /// A file with the HMAC key, as the CA gives it: base64url, with or without padding. Relative to
    /// this file.
    #[schemars(extend("examples" = ["/etc/teal/eab.key"]))]
    pub(crate) hmac_key_file: Key<String>,
}

#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
pub(crate) enum Challenge {
    #[serde(rename = "tls-alpn-01")]
    TlsAlpn01,
    #[serde(rename = "http-01")]
    Http01,
}

/// The access log. SIGUSR1 opens its file again, after it was renamed.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(extend("required" = ["path"]))]
pub(crate) struct AccessLog {
    /// The file to which lines are added, relative to this file; `-` is standard output.
    #[schemars(extend("examples" = ["/var/log/teal/access.log"]))]
    pub(crate) path: Key<String>,
    /// `json`: an object per line; `combined`: the format of Apache and nginx.
    #[schemars(extend("default" = "json"))]
    pub(crate) format: Key<LogFormat>,
}

#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum LogFormat {
    Json,
    Combined,
}

/// Export of traces by OpenTelemetry: OTLP over HTTP, in JSON.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(extend("required" = ["endpoint"]))]
pub(crate) struct Otel {
    /// The collector: `http://HOST:PORT`, `https://HOST:PORT` or `unix:/PATH`. Spans go to
    /// `/v1/traces` there. A request whose `traceparent` says that it is not sampled has none.
    #[schemars(extend("examples" = ["http://127.0.0.1:4318"]))]
    pub(crate) endpoint: Key<String>,
}

/// How a running Teal is replaced by a newer one: `teal upgrade`, or SIGUSR2.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Upgrade {
    /// The program to start, relative to this file. Without it, the one at the path from which the
    /// running Teal was started.
    #[schemars(extend("x-default" = "the path of the running program", "examples" = ["/usr/local/bin/teal"]))]
    pub(crate) binary: Key<String>,
    /// How long the older Teal may go on with the requests and tunnels that it has. Then they are
    /// cut, counted and logged.
    #[schemars(extend("default" = "10m"))]
    pub(crate) drain: Key<Time>,
}
