//! The keys of the file: the one list of them.
//!
//! The schema, the reference and the check of a file's shape are all generated from these
//! structs; their doc comments are the reference that people read. Values are as
//! written: nothing here fills in a default or checks a text. A default stated here
//! (`"default"`) is proven by test to be what an absent key means.

mod deploy;
mod either;
mod notify;
mod rollout;
mod service;
mod warmup;

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;

use crate::key::{At, Key, Size, Time};

pub(crate) use deploy::{ColorPorts, Deploy, Keep, Outside, Pull, Runner, Smoke};
pub(crate) use either::{Ports, Targets};
pub(crate) use notify::{EventName, Notify, NotifyFormat};
pub(crate) use rollout::{Judge, OnFail, Rollout};
pub(crate) use service::{
    Color, Drain, Environment, Failover, Group, Health, Hold, HostSent, Preview, ProbeKind,
    ProxyHeader, Resolve, Service, Streams, TargetTls, Timeouts, Underscores,
};
pub(crate) use warmup::WarmUp;

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
    /// Addresses to serve clients on; without any, `127.0.0.1:8080`.
    pub(crate) listener: Key<Vec<At<Listener>>>,
    /// Certificates for the listeners with `tls = true`. A client gets the one for the server name (SNI)
    /// that it asks for, and if there are several, one that it can verify: elliptic curves before RSA. A
    /// client that sends no name gets the first.
    pub(crate) certificate: Key<Vec<At<Certificate>>>,
    /// Certificates from an ACME CA (RFC 8555), for the plain host names of all services that
    /// `[[certificate]]` has none for. By writing this table you agree to the CA's terms of service.
    pub(crate) acme: Key<Acme>,
    pub(crate) service: Key<Vec<At<Service>>>,
    pub(crate) group: Key<Vec<At<Group>>>,
    /// The access log, with a line for each request. Without this table there is none.
    pub(crate) access_log: Key<AccessLog>,
    /// Tracing, with a span for each request. Without this table, `traceparent` passes through unchanged.
    pub(crate) otel: Key<Otel>,
    pub(crate) notify: Key<Vec<At<Notify>>>,
    pub(crate) upgrade: Key<Upgrade>,
}

/// The admin API. It always listens on a Unix socket too: `admin.sock` in `$RUNTIME_DIRECTORY`
/// (`/run/teal` in the shipped unit), else in `state_dir`.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Admin {
    /// The address of the admin API. Beyond loopback, `tls` is required, and a token for every call.
    #[schemars(extend("default" = "127.0.0.1:9900"))]
    pub(crate) listen: Key<String>,
    pub(crate) tls: Key<AdminTls>,
    /// The tokens for the API. Without any, Teal creates an operator token at its first start and stores
    /// it in `state_dir/admin.token`.
    #[schemars(extend("default" = []))]
    pub(crate) tokens: Key<Vec<At<Token>>>,
    /// The `Host` names accepted in requests to the admin API, besides the loopback ones.
    #[schemars(extend("default" = []))]
    pub(crate) hosts: Key<Vec<At<String>>>,
    /// The group whose members are operators on the admin socket; the socket's mode is then 0660
    /// instead of 0600. Teal's user must be a member (`SupplementaryGroups=` in a unit), and the
    /// group must be able to enter the directory of the socket.
    #[schemars(extend("x-default" = "none", "examples" = ["deploy"]))]
    pub(crate) socket_group: Key<String>,
}

/// A separate listener for scrapers and supervisors without a token: `/metrics`, `/livez` and `/readyz`.
/// It changes nothing and shows no secrets, but anyone who reaches it can read the names of services and
/// targets. Without this table there is none; the admin API has the same paths.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(extend("required" = ["listen"]))]
pub(crate) struct Metrics {
    /// IP address and port, which may be beyond loopback. Plain HTTP/1.1, any `Host`.
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

/// A token. `teal token new` creates one and prints the line to write here.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(extend("required" = ["name", "role", "sha256"]))]
pub(crate) struct Token {
    /// The name of its holder, as shown in receipts and logs: 1 to 63 of `A-Z a-z 0-9 . _ -`.
    #[schemars(extend("examples" = ["ci"]))]
    pub(crate) name: Key<String>,
    /// `viewer` reads. `deployer` also deploys, switches, rolls back, retires, holds and resumes. `operator` may do
    /// everything.
    #[schemars(extend("examples" = ["operator"]))]
    pub(crate) role: Key<Role>,
    /// The SHA-256 of the token in 64 hexadecimal digits. The token itself is never written here.
    #[schemars(extend("examples" = ["<64 hexadecimal digits from teal token new>"]))]
    pub(crate) sha256: Key<String>,
}

#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Role {
    Viewer,
    Deployer,
    Operator,
}

/// Limits on what clients may send, for all listeners.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Limits {
    /// The maximum size of a request head; larger ones get 431. Trailers have the same limit.
    #[schemars(extend("default" = 32_768, "minimum" = 1024, "maximum" = 1_048_576))]
    pub(crate) head_bytes: Key<Size>,
    /// The maximum number of header fields; more get 431. The parts of a cookie over HTTP/2 count as
    /// one. Trailers have the same limit.
    #[schemars(range(min = 1, max = 256), extend("default" = 100))]
    pub(crate) fields: Key<u32>,
    /// The maximum size of a request target; larger ones get 414. At most `head_bytes`.
    #[schemars(extend("default" = 8192, "minimum" = 64, "maximum" = 1_048_576))]
    pub(crate) uri_bytes: Key<Size>,
    /// The maximum size of a request body; larger ones get 413.
    #[schemars(extend("x-default" = "unlimited", "examples" = ["64MiB"]))]
    pub(crate) body_bytes: Key<Size>,
    /// The maximum number of client connections, over all listeners and workers. Beyond it, new clients
    /// wait, and idle connections are closed to make room, the longest idle first.
    #[schemars(range(min = 1, max = 10_000_000), extend("default" = 10_000))]
    pub(crate) connections: Key<u32>,
}

/// An address to serve clients on.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(extend("required" = ["address"]))]
pub(crate) struct Listener {
    /// IP address and port. Port 0 lets the system choose; the bound address is printed at
    /// start and shown by `teal status`. `[::]:PORT` accepts IPv6 and IPv4, or only IPv6 if another
    /// listener has an IPv4 address on the same port.
    #[schemars(extend("examples" = ["0.0.0.0:8080"]))]
    pub(crate) address: Key<String>,
    /// Serve TLS here, with the certificates of `[[certificate]]`.
    #[schemars(extend("default" = false))]
    pub(crate) tls: Key<bool>,
    /// Serve HTTP/2 here too: over TLS to clients that negotiate it (ALPN), without TLS to clients
    /// with prior knowledge.
    #[schemars(extend("x-default" = "true with TLS, else false", "examples" = [true]))]
    pub(crate) http2: Key<bool>,
    /// The minimum TLS version.
    #[schemars(extend("default" = "1.2"))]
    pub(crate) min_tls: Key<MinTls>,
    /// Client certificates: how they are verified and whether they are required.
    #[schemars(extend("x-default" = "none", "examples" = [{ "ca": "/etc/teal/clients.pem", "mode": "require" }]))]
    pub(crate) client_auth: Key<ClientAuth>,
    /// Redirect requests (308) to the same URL under `https`: `true` for the port of the first listener
    /// with TLS, or a number for the port as clients see it (443 in front of a container). Requests that a
    /// source in `trusted` or `proxy_protocol` reports as `https` are served.
    #[schemars(extend("default" = false, "examples" = [443]))]
    pub(crate) redirect_https: Key<Redirect>,
    /// The `max-age` of `Strict-Transport-Security`, in seconds, added to every response without that
    /// field. Takes `tls = true`, or a proxy in `trusted` or `proxy_protocol` that reports its client's
    /// `https`.
    #[schemars(range(min = 0, max = 315_360_000))]
    #[schemars(extend("x-default" = "no such field", "examples" = [31_536_000]))]
    pub(crate) hsts: Key<u32>,
    /// A path that Teal answers here itself, for a load balancer in front: `GET` or `HEAD` of exactly
    /// this path, with any host, gets 200 while Teal serves and 503 once it is stopping. Such requests never
    /// reach a service, are not redirected by `redirect_https`, and are not in the access log.
    #[schemars(extend("x-default" = "none", "examples" = ["/teal/health"]))]
    pub(crate) health: Key<String>,
    /// Address ranges of load balancers in front, whose connections must begin with a PROXY protocol
    /// header, version 1 or 2. The client's address is taken from it.
    #[schemars(extend("default" = [], "examples" = [["10.0.0.0/8"]]))]
    pub(crate) proxy_protocol: Key<Vec<At<String>>>,
    /// Address ranges of proxies in front, whose `X-Forwarded-For`, `-Proto` and `-Host` are kept and
    /// added to. Those of all other clients are replaced. The client in the access log, in spans and in the
    /// PROXY protocol to targets is the last address in `X-Forwarded-For` (without it, in `Forwarded`) that
    /// is not in these ranges.
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

/// Client certificates (mutual TLS).
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(extend("required" = ["ca"]))]
pub(crate) struct ClientAuth {
    /// A PEM file with the CA certificates to verify clients against. Relative to this file.
    #[schemars(extend("examples" = ["/etc/teal/clients.pem"]))]
    pub(crate) ca: Key<String>,
    /// `require` refuses clients without a certificate, `request` does not.
    #[schemars(extend("default" = "require"))]
    pub(crate) mode: Key<AuthMode>,
    /// Also send targets the rest of the client's certificate chain, in `Client-Cert-Chain`. Its own
    /// certificate is always sent, in `Client-Cert` (RFC 9440).
    #[schemars(extend("default" = false))]
    pub(crate) chain: Key<bool>,
}

#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum AuthMode {
    Require,
    Request,
}

/// A certificate and its key. Both files are reloaded when they change and at a reload of the
/// configuration; if one is invalid, the old certificate stays in use.
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

/// Certificates are ordered, kept in `state_dir/acme`, and renewed when a third of their lifetime is left,
/// or when the CA says so (RFC 9773).
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Acme {
    /// The email address that the CA may write to.
    #[schemars(extend("x-default" = "none", "examples" = ["ops@example.com"]))]
    pub(crate) email: Key<String>,
    /// The URL of the CA's directory.
    #[schemars(extend("default" = "https://acme-v02.api.letsencrypt.org/directory"))]
    pub(crate) directory: Key<String>,
    /// A PEM file with the CA certificates to verify the ACME server against. Relative to this file.
    #[schemars(extend("x-default" = "the system's CAs", "examples" = ["/etc/teal/acme-ca.pem"]))]
    pub(crate) ca: Key<String>,
    /// The way the CA validates domain ownership: `tls-alpn-01` in a handshake with a listener with TLS,
    /// which the CA must reach on port 443; `http-01` by a request to a listener without TLS, on port 80.
    #[schemars(extend("default" = "tls-alpn-01"))]
    pub(crate) challenge: Key<Challenge>,
    /// External account binding, for CAs that bind ACME accounts to an account that you have with them:
    /// ZeroSSL, Google Trust Services, SSL.com, Sectigo, DigiCert and others.
    #[schemars(extend("x-default" = "none"))]
    pub(crate) eab: Key<ExternalAccount>,
}

/// The credentials from the ACME CA for external account binding (RFC 8555 section 7.3.4). Used once, when
/// Teal creates its account there; with another `key_id` it creates another.
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

/// The access log. SIGUSR1 reopens its file, after rotation.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(extend("required" = ["path"]))]
pub(crate) struct AccessLog {
    /// The file to append to, relative to this file; `-` is standard output.
    #[schemars(extend("examples" = ["/var/log/teal/access.log"]))]
    pub(crate) path: Key<String>,
    /// `json`: one object per line; `combined`: the format of Apache and nginx.
    #[schemars(extend("default" = "json"))]
    pub(crate) format: Key<LogFormat>,
}

#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum LogFormat {
    Json,
    Combined,
}

/// OpenTelemetry trace export: OTLP over HTTP, in JSON.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(extend("required" = ["endpoint"]))]
pub(crate) struct Otel {
    /// The collector: `http://HOST:PORT`, `https://HOST:PORT` or `unix:/PATH`. Spans go to
    /// `/v1/traces` there. Requests whose `traceparent` says they are not sampled get no span.
    #[schemars(extend("examples" = ["http://127.0.0.1:4318"]))]
    pub(crate) endpoint: Key<String>,
}

/// Upgrade of the running Teal to a newer one, by `teal upgrade` or SIGUSR2.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Upgrade {
    /// The binary to start, relative to this file. Without it, the one at the path from which the
    /// running Teal was started.
    #[schemars(extend("x-default" = "the path of the running program", "examples" = ["/usr/local/bin/teal"]))]
    pub(crate) binary: Key<String>,
    /// The time the old Teal has to finish its requests and tunnels. What is left then is cut, counted
    /// and logged.
    #[schemars(extend("default" = "10m"))]
    pub(crate) drain: Key<Time>,
}
