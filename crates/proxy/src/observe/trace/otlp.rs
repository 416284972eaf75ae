//! Spans in OTLP's JSON encoding: <https://opentelemetry.io/docs/specs/otlp/#json-protobuf-encoding>
//!
//! Attribute names are those of the semantic conventions for HTTP servers
//! (<https://opentelemetry.io/docs/specs/semconv/http/http-spans/>), and `teal.*` where these have none.

use std::borrow::Cow;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::Serialize;
use traffic::without_port;

use super::context::{Hex, TraceContext};
use crate::observe::record::AccessRecord;
use crate::tls::TlsVersion;

/// `SPAN_KIND_SERVER`.
const SERVER: u8 = 2;

/// `STATUS_CODE_ERROR`.
const ERROR: u8 = 2;

/// `SPAN_FLAGS_CONTEXT_HAS_IS_REMOTE_MASK` and `SPAN_FLAGS_CONTEXT_IS_REMOTE_MASK`: it is known whether the
/// parent is in another process, and it is.
const PARENT_KNOWN: u32 = 0x100;
const PARENT_REMOTE: u32 = 0x200;

/// The known methods (semantic conventions, "http.request.method").
const METHODS: [&str; 9] =
    ["CONNECT", "DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT", "TRACE"];

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Export<'s> {
    resource_spans: [ResourceSpans<'s>; 1],
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ResourceSpans<'s> {
    resource: Resource<'s>,
    scope_spans: [ScopeSpans<'s>; 1],
}

#[derive(Serialize)]
struct Resource<'s> {
    attributes: Vec<Attribute<'s>>,
}

#[derive(Serialize)]
struct ScopeSpans<'s> {
    scope: Scope<'s>,
    spans: Vec<Span<'s>>,
}

#[derive(Serialize)]
struct Scope<'s> {
    name: &'s str,
    version: &'s str,
}

#[derive(Serialize)]
#[expect(clippy::struct_field_names, reason = "OTLP gives the fields their names")]
#[serde(rename_all = "camelCase")]
struct Span<'s> {
    trace_id: String,
    span_id: String,
    #[serde(skip_serializing_if = "str::is_empty")]
    trace_state: &'s str,
    #[serde(skip_serializing_if = "Option::is_none")]
    parent_span_id: Option<String>,
    flags: u32,
    name: &'s str,
    kind: u8,
    start_time_unix_nano: String,
    end_time_unix_nano: String,
    attributes: Vec<Attribute<'s>>,
    status: Status,
}

#[derive(Serialize)]
struct Status {
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<u8>,
}

#[derive(Serialize)]
struct Attribute<'s> {
    key: &'static str,
    value: Value<'s>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
enum Value<'s> {
    StringValue(Cow<'s, str>),
    /// 64-bit numbers are text in this encoding.
    IntValue(String),
}

/// Returns the body of an export: these requests, from the Teal that calls itself `instance`.
pub(super) fn export(records: &[AccessRecord], instance: &str) -> String {
    let version = env!("CARGO_PKG_VERSION");
    let attributes = vec![
        text("service.name", "teal"),
        text("service.version", version),
        text("service.instance.id", instance),
    ];
    let spans =
        records.iter().filter_map(|record| Some(span(record, record.trace.as_ref()?))).collect();
    let scope_spans = [ScopeSpans { scope: Scope { name: "teal", version }, spans }];
    let export = Export {
        resource_spans: [ResourceSpans { resource: Resource { attributes }, scope_spans }],
    };
    // Writing text and numbers cannot fail.
    serde_json::to_string(&export).unwrap_or_default()
}

fn span<'s>(record: &'s AccessRecord, context: &'s TraceContext) -> Span<'s> {
    let method = record.request.as_ref().and_then(|request| known(&request.method));
    Span {
        trace_id: Hex(&context.trace).to_string(),
        span_id: Hex(&context.span).to_string(),
        trace_state: &context.state,
        parent_span_id: context.parent.map(|parent| Hex(&parent).to_string()),
        flags: TraceContext::FLAGS
            | PARENT_KNOWN
            | if context.goes_on() { PARENT_REMOTE } else { 0 },
        name: method.unwrap_or("HTTP"),
        kind: SERVER,
        start_time_unix_nano: nanos(record.at),
        end_time_unix_nano: nanos(record.at + Duration::from_micros(record.took_micros)),
        attributes: attributes(record),
        status: Status { code: has_failed(record).then_some(ERROR) },
    }
}

/// A client that goes away is not a failure of ours, and neither is a bad request.
fn has_failed(record: &AccessRecord) -> bool {
    let aborted = record.end == "aborted" && record.reason != "client";
    aborted || record.response.status.is_some_and(|status| status >= 500)
}

fn known(method: &str) -> Option<&'static str> {
    METHODS.into_iter().find(|known| *known == method)
}

fn attributes(record: &AccessRecord) -> Vec<Attribute<'_>> {
    let mut all = vec![text("url.scheme", if record.tls.is_some() { "https" } else { "http" })];
    if let Some(request) = &record.request {
        let (path, query) = match request.target.split_once('?') {
            Some((path, query)) => (path, query),
            None => (&*request.target, ""),
        };
        let version = request.version.strip_prefix("HTTP/").unwrap_or_default();
        let original = known(&request.method).map_or(&*request.method, |_| "");
        let server = without_port(&request.host);
        let port =
            request.host[server.len()..].strip_prefix(':').and_then(|port| port.parse().ok());
        all.extend([
            text("http.request.method", known(&request.method).unwrap_or("_OTHER")),
            text("http.request.method_original", original),
            text("url.path", path),
            text("url.query", query),
            text("server.address", server),
            text("network.protocol.version", version),
            text("user_agent.original", &request.user_agent),
            text("teal.request_id", &request.request_id),
        ]);
        all.extend(port.map(|port| number("server.port", port)));
    }
    all.push(text("client.address", record.client.ip.to_string()));
    all.extend(record.client.port.map(|port| number("client.port", port.into())));
    all.push(text("network.peer.address", record.client.peer.ip().to_string()));
    all.push(number("network.peer.port", record.client.peer.port().into()));
    all.push(text("tls.protocol.version", record.tls.map_or("", TlsVersion::as_str)));
    let status = record.response.status.map(i64::from);
    all.extend(status.map(|status| number("http.response.status_code", status)));
    all.push(number("http.request.body.size", record.request_bytes.cast_signed()));
    all.push(number("http.response.body.size", record.response.bytes.cast_signed()));
    all.push(text("error.type", if has_failed(record) { record.reason } else { "" }));
    all.push(text("teal.reason", record.reason));
    all.push(text("teal.service", record.service.as_deref().unwrap_or_default()));
    all.push(text("teal.color", record.response.color.map_or("", rules::Color::as_str)));
    all.push(text("teal.served_by", record.response.target.as_deref().unwrap_or_default()));
    let address = record.response.target_address;
    all.extend(address.map(|address| text("teal.served_by_address", address.to_string())));
    all.retain(
        |attribute| !matches!(&attribute.value, Value::StringValue(text) if text.is_empty()),
    );
    all
}

fn text<'s>(key: &'static str, value: impl Into<Cow<'s, str>>) -> Attribute<'s> {
    Attribute { key, value: Value::StringValue(value.into()) }
}

fn number<'s>(key: &'static str, value: i64) -> Attribute<'s> {
    Attribute { key, value: Value::IntValue(value.to_string()) }
}

fn nanos(at: SystemTime) -> String {
    at.duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos().to_string()
}
