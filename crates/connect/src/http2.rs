//! HTTP/2 with a target: the settings of a connection, and an answer as the head that HTTP/1.1 would
//! have. Requests and probes take both from here, so that a probe understands an answer as traffic
//! does (promise L9).

use h2::client::Builder;
use http::{HeaderMap, StatusCode, header, response::Parts};

/// What a target may send ahead, for one stream and for all of a connection.
const STREAM_WINDOW: u32 = 64 * 1024;
const CONNECTION_WINDOW: u32 = 8 * 1024 * 1024;

/// The longest head of an answer, as HTTP/2 counts it.
const HEAD: u32 = 64 * 1024;

/// What is kept of a request that the target does not take, for one stream.
const SEND_BUFFER: usize = 64 * 1024;

/// A connection to a target that is about to be made.
pub fn builder() -> Builder {
    let mut builder = Builder::new();
    builder
        .enable_push(false)
        .initial_max_send_streams(1)
        .initial_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .max_header_list_size(HEAD)
        .max_send_buffer_size(SEND_BUFFER)
        // A target whose answers are malformed now and then is not to lose a connection by their number.
        .max_local_error_reset_streams(None);
    builder
}

/// The head of a final answer as the bytes of HTTP/1.1, and whether its body is to follow in chunks.
/// `bodiless`: it was asked for with HEAD. `ended`: nothing follows.
pub fn answer_head(parts: &Parts, bodiless: bool, ended: bool) -> (Vec<u8>, bool) {
    let mut head = Vec::with_capacity(512);
    start(&mut head, parts.status, &parts.headers);
    let none =
        bodiless || matches!(parts.status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED);
    let mut chunked = false;
    if !none && !parts.headers.contains_key(header::CONTENT_LENGTH) {
        if ended {
            line(&mut head, "content-length", b"0");
        } else {
            line(&mut head, "transfer-encoding", b"chunked");
            chunked = true;
        }
    }
    head.extend_from_slice(b"\r\n");
    (head, chunked)
}

/// Appends the head of an interim answer as the bytes of HTTP/1.1.
pub fn interim_head(head: &mut Vec<u8>, status: StatusCode, fields: &HeaderMap) {
    start(head, status, fields);
    head.extend_from_slice(b"\r\n");
}

/// The status line and the fields.
fn start(head: &mut Vec<u8>, status: StatusCode, fields: &HeaderMap) {
    for part in [b"HTTP/1.1 ", status.as_str().as_bytes(), b" \r\n"] {
        head.extend_from_slice(part);
    }
    for (name, value) in fields {
        if !is_of_connection(name.as_str().as_bytes()) {
            line(head, name.as_str(), value.as_bytes());
        }
    }
}

/// Trailers as lines. What a value holds was checked when it was received.
pub fn trailer_lines(fields: Option<&HeaderMap>) -> Vec<u8> {
    let mut lines = Vec::new();
    for (name, value) in fields.into_iter().flatten() {
        line(&mut lines, name.as_str(), value.as_bytes());
    }
    lines
}

/// Appends one field as a line.
pub fn line(out: &mut Vec<u8>, name: &str, value: &[u8]) {
    for part in [name.as_bytes(), b": ", value, b"\r\n"] {
        out.extend_from_slice(part);
    }
}

/// Whether a field is about one connection of HTTP/1.1, and must not stand in HTTP/2 (RFC 9113
/// section 8.2.2).
pub fn is_of_connection(name: &[u8]) -> bool {
    let of_connection: &[u8] = match name.len() {
        7 => b"upgrade",
        10 if name[0] | 0x20 == b'k' => b"keep-alive",
        10 => b"connection",
        16 => b"proxy-connection",
        17 => b"transfer-encoding",
        _ => return false,
    };
    name.eq_ignore_ascii_case(of_connection)
}
