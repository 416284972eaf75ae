//! HTTP/2 to a target: the settings of a connection, and answers converted to HTTP/1.1 heads. Requests
//! and probes share both, so that a probe understands an answer as traffic does (promise L9).

use std::fmt;

use h2::Reason;
use h2::client::Builder;
use http::{HeaderMap, StatusCode, header, response::Parts};

/// The end of a stream by the target, with its error code (RFC 9113 section 7).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StreamEnd {
    /// The error code.
    pub code: Reason,
    /// True if it ended with its connection (GOAWAY), false if alone (RST_STREAM).
    pub connection: bool,
    /// True if part of an answer had arrived.
    pub begun: bool,
}

impl StreamEnd {
    /// The end that an error stands for; `None` if the target did not end the stream with a code. `begun`:
    /// part of an answer had arrived.
    pub fn of(error: &h2::Error, begun: bool) -> Option<Self> {
        let told = error.is_remote() && (error.is_reset() || error.is_go_away());
        let code = error.reason().filter(|_| told)?;
        Some(Self { code, connection: error.is_go_away(), begun })
    }

    /// Returns true if the target requires HTTP/1.1 for the request, and has not processed it.
    pub fn requires_http1(&self) -> bool {
        self.code == Reason::HTTP_1_1_REQUIRED && !self.begun
    }

    /// Returns true if the target objects to the request itself, or to the number of requests: it would end
    /// an equal one in the same way.
    pub fn is_about_request(&self) -> bool {
        let about = matches!(
            self.code,
            Reason::PROTOCOL_ERROR
                | Reason::FLOW_CONTROL_ERROR
                | Reason::FRAME_SIZE_ERROR
                | Reason::COMPRESSION_ERROR
                | Reason::ENHANCE_YOUR_CALM
                | Reason::INADEQUATE_SECURITY
        );
        about && !self.connection
    }
}

impl fmt::Display for StreamEnd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let code = self.code;
        if self.connection {
            write!(f, "ended the connection with GOAWAY {code:?}")?;
        } else {
            write!(f, "reset the request with RST_STREAM {code:?}")?;
        }
        if self.begun {
            f.write_str(" after its answer had begun")?;
        }
        Ok(())
    }
}

impl std::error::Error for StreamEnd {}

/// The flow-control windows for a target, of one stream and of a connection.
const STREAM_WINDOW: u32 = 64 * 1024;
const CONNECTION_WINDOW: u32 = 8 * 1024 * 1024;

/// The longest head of an answer, by HTTP/2's count.
const HEAD: u32 = 64 * 1024;

/// The most bytes of a request that are buffered for one stream while the target reads nothing.
const SEND_BUFFER: usize = 64 * 1024;

/// The settings of a new connection to a target.
pub fn builder() -> Builder {
    let mut builder = Builder::new();
    builder
        .enable_push(false)
        .initial_max_send_streams(1)
        .initial_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .max_header_list_size(HEAD)
        .max_send_buffer_size(SEND_BUFFER)
        // A target with a malformed answer now and then must not lose its connection over their number.
        .max_local_error_reset_streams(None);
    builder
}

/// The head of a final answer as HTTP/1.1 bytes, and true if its body must follow in chunks.
/// `bodiless`: the request was a HEAD. `ended`: nothing follows.
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

/// Appends the head of an interim answer as HTTP/1.1 bytes.
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

/// Trailers as lines. The values were checked when they were received.
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

/// Returns true if a field is specific to an HTTP/1.1 connection, and forbidden in HTTP/2 (RFC 9113
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
