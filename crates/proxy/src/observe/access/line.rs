//! The formats of an access log line. Nothing from a request can end a line, or begin another.

use std::fmt::Write as _;
use std::net::SocketAddr;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::Serialize;
use traffic::Versions;

use crate::observe::record::AccessRecord;
use crate::tls::TlsVersion;

/// The format of the lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// A JSON object for each request.
    Json,
    /// The combined format of Apache and nginx.
    Combined,
}

/// The keys of a JSON line. Unknown values are left out.
#[derive(Serialize)]
struct Json<'s> {
    time: String,
    client: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    client_port: Option<u16>,
    peer: String,
    peer_port: u16,
    #[serde(skip_serializing_if = "str::is_empty")]
    method: &'s str,
    #[serde(skip_serializing_if = "str::is_empty")]
    host: &'s str,
    #[serde(skip_serializing_if = "str::is_empty")]
    target: &'s str,
    #[serde(skip_serializing_if = "str::is_empty")]
    protocol: &'s str,
    tls: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    tls_version: Option<&'s str>,
    #[serde(skip_serializing_if = "str::is_empty")]
    client_subject: &'s str,
    #[serde(skip_serializing_if = "str::is_empty")]
    client_sha256: &'s str,
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<u16>,
    bytes: u64,
    request_bytes: u64,
    duration_ms: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    target_head_ms: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    target_ms: Option<f64>,
    end: &'s str,
    #[serde(skip_serializing_if = "str::is_empty")]
    reason: &'s str,
    #[serde(skip_serializing_if = "Option::is_none")]
    service: Option<&'s str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    color: Option<&'s str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    version: Option<&'s str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    served_by: Option<&'s str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    served_by_address: Option<SocketAddr>,
    #[serde(skip_serializing_if = "str::is_empty")]
    request_id: &'s str,
    #[serde(skip_serializing_if = "str::is_empty")]
    referer: &'s str,
    #[serde(skip_serializing_if = "str::is_empty")]
    user_agent: &'s str,
}

impl Format {
    /// Appends the line of a finished request. Its version is that of the color that answered.
    pub(super) fn write(self, out: &mut String, record: &AccessRecord, versions: &Versions) {
        match self {
            Self::Json => json(out, record, versions),
            Self::Combined => combined(out, record),
        }
        out.push('\n');
    }
}

fn json(out: &mut String, record: &AccessRecord, versions: &Versions) {
    let answered = record.service.as_deref().zip(record.response.color);
    let version = answered.and_then(|(service, color)| versions.of(service, color));
    let request = record.request.as_ref();
    let shown = record.certificate.as_ref();
    let line = Json {
        time: timestamp(record.at),
        client: record.client.ip.to_string(),
        client_port: record.client.port,
        peer: record.client.peer.ip().to_string(),
        peer_port: record.client.peer.port(),
        method: request.map_or("", |request| &request.method),
        host: request.map_or("", |request| &request.host),
        target: request.map_or("", |request| &request.target),
        protocol: request.map_or("", |request| request.version),
        tls: record.tls.is_some(),
        tls_version: record.tls.map(TlsVersion::as_str),
        client_subject: shown.map_or("", |shown| &shown.subject),
        client_sha256: shown.map_or("", |shown| &shown.sha256),
        status: record.response.status,
        bytes: record.response.bytes,
        request_bytes: record.request_bytes,
        duration_ms: record.took_micros as f64 / 1000.0,
        target_head_ms: record.attempt.map(|attempt| millis(attempt.head)),
        target_ms: record.attempt.and_then(|attempt| attempt.whole).map(millis),
        end: record.end,
        reason: record.reason,
        service: record.service.as_deref(),
        color: record.response.color.map(rules::Color::as_str),
        version: version.as_ref().map(rules::Version::as_str),
        served_by: record.response.target.as_deref(),
        served_by_address: record.response.target_address,
        request_id: request.map_or("", |request| &request.request_id),
        referer: request.map_or("", |request| &request.referer),
        user_agent: request.map_or("", |request| &request.user_agent),
    };
    // Writing text and numbers cannot fail.
    out.push_str(&serde_json::to_string(&line).unwrap_or_default());
}

fn millis(time: Duration) -> f64 {
    time.as_micros() as f64 / 1000.0
}

fn combined(out: &mut String, record: &AccessRecord) {
    let (day, clock, _) = moment(record.at);
    // Writing to a string cannot fail.
    let _ = write!(out, "{} - - [{day}:{clock} +0000] \"", record.client.ip);
    if let Some(request) = &record.request {
        quoted(out, &request.method);
        out.push(' ');
        quoted(out, &request.target);
        let _ = write!(out, " {}", request.version);
    }
    let status = record.response.status.unwrap_or(499); // no status was sent: 499, as nginx writes it
    let _ = write!(out, "\" {status} {}", record.response.bytes);
    let request = record.request.as_ref();
    for text in
        [request.map(|request| &request.referer), request.map(|request| &request.user_agent)]
    {
        out.push_str(" \"");
        match text.filter(|text| !text.is_empty()) {
            Some(text) => quoted(out, text),
            None => out.push('-'),
        }
        out.push('"');
    }
}

/// Text in quotes: quotes, backslashes and control characters as `\xHH`.
fn quoted(out: &mut String, text: &str) {
    for character in text.chars() {
        if character.is_control() || matches!(character, '"' | '\\') {
            for byte in character.encode_utf8(&mut [0; 4]).bytes() {
                let _ = write!(out, "\\x{byte:02X}"); // infallible
            }
        } else {
            out.push(character);
        }
    }
}

/// `2026-11-25T22:42:00.123Z`.
fn timestamp(at: SystemTime) -> String {
    let since = at.duration_since(UNIX_EPOCH).unwrap_or_default();
    let (year, month, day) = rules::civil(since.as_secs() / 86_400);
    let (_, clock, millis) = moment(at);
    format!("{year:04}-{month:02}-{day:02}T{clock}.{millis:03}Z")
}

/// The day as `25/Nov/2026`, the time as `22:42:00`, and milliseconds.
fn moment(at: SystemTime) -> (String, String, u32) {
    const MONTHS: [&str; 12] =
        ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let since = at.duration_since(UNIX_EPOCH).unwrap_or_default();
    let (year, month, day) = rules::civil(since.as_secs() / 86_400);
    let second = since.as_secs() % 86_400;
    let month = MONTHS.get((month as usize).saturating_sub(1)).unwrap_or(&"");
    let clock = format!("{:02}:{:02}:{:02}", second / 3600, second / 60 % 60, second % 60);
    (format!("{day:02}/{month}/{year:04}"), clock, since.subsec_millis())
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;
    use crate::carried::Protocol;
    use crate::client::ClientAddress;
    use crate::observe::record::{RequestRecord, ResponseRecord};

    fn record(target: &str, user_agent: &str) -> AccessRecord {
        AccessRecord {
            at: UNIX_EPOCH + Duration::from_millis(1_795_646_520_042),
            began: Instant::now(),
            client: ClientAddress {
                ip: [192, 0, 2, 7].into(),
                port: Some(4711),
                peer: ([10, 0, 0, 1], 80).into(),
            },
            tls: Some(TlsVersion::Tls13),
            protocol: Protocol::Http1,
            certificate: None,
            request: Some(RequestRecord {
                method: "GET".to_owned(),
                host: "a.test".to_owned(),
                target: target.to_owned(),
                version: "HTTP/1.1",
                request_id: "id-1".to_owned(),
                referer: String::new(),
                user_agent: user_agent.to_owned(),
            }),
            service: Some("web".to_owned()),
            request_bytes: 5,
            attempt: None,
            response: ResponseRecord {
                status: Some(200),
                bytes: 12,
                color: Some(rules::Color::Blue),
                target: Some("http://app.test:8081".to_owned()),
                target_address: Some(([10, 0, 0, 8], 8081).into()),
            },
            end: "answered",
            reason: "",
            took_micros: 1_500,
            trace: None,
        }
    }

    fn line(format: Format, record: &AccessRecord) -> String {
        let versions = Versions::default();
        let web = rules::ServiceName::new("web").expect("a name");
        versions.replace([(&web, &[rules::Version::new("v42").ok(), None])]);
        let mut out = String::new();
        format.write(&mut out, record, &versions);
        out
    }

    #[test]
    fn a_line_of_json_has_the_known_values() {
        assert_eq!(
            line(Format::Json, &record("/x?y=1", "curl")),
            "{\"time\":\"2026-11-25T22:42:00.042Z\",\"client\":\"192.0.2.7\",\"client_port\":4711,\
             \"peer\":\"10.0.0.1\",\"peer_port\":80,\"method\":\"GET\",\
             \"host\":\"a.test\",\"target\":\"/x?y=1\",\"protocol\":\"HTTP/1.1\",\"tls\":true,\
             \"tls_version\":\"1.3\",\
             \"status\":200,\"bytes\":12,\"request_bytes\":5,\"duration_ms\":1.5,\"end\":\"answered\",\
             \"service\":\"web\",\"color\":\"blue\",\"version\":\"v42\",\"served_by\":\"http://app.test:8081\",\
             \"served_by_address\":\"10.0.0.8:8081\",\
             \"request_id\":\"id-1\",\"user_agent\":\"curl\"}\n"
        );
    }

    #[test]
    fn a_combined_line_is_that_of_other_servers() {
        assert_eq!(
            line(Format::Combined, &record("/x?y=1", "curl/8")),
            "192.0.2.7 - - [25/Nov/2026:22:42:00 +0000] \"GET /x?y=1 HTTP/1.1\" 200 12 \"-\" \
             \"curl/8\"\n"
        );
        let unknown =
            AccessRecord { request: None, response: ResponseRecord::default(), ..record("", "") };
        assert_eq!(
            line(Format::Combined, &unknown),
            "192.0.2.7 - - [25/Nov/2026:22:42:00 +0000] \"\" 499 0 \"-\" \"-\"\n"
        );
    }

    #[test]
    fn nothing_from_a_request_ends_a_line_or_a_quote() {
        let hostile = "\" 200 0 \"-\"\n\r\u{1b}[2J\\\u{85}é";
        for format in [Format::Json, Format::Combined] {
            let line = line(format, &record("/", hostile));
            let body = line.strip_suffix('\n').unwrap();
            assert!(!body.chars().any(char::is_control) || format == Format::Json, "{line}");
            assert!(!body.contains(['\n', '\r', '\u{1b}']), "{line}");
        }
        let combined = line(Format::Combined, &record("/", hostile));
        assert!(combined.contains("\\x22 200 0 \\x22-\\x22\\x0A\\x0D\\x1B[2J\\x5C\\xC2\\x85é"));
        assert_eq!(combined.matches('"').count(), 6, "{combined}");
    }
}
