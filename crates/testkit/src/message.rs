//! Requests and answers as a target and a client received them: strictly read, by the drill's reader
//! ([`drill::message`]), which shares nothing with the product's engine.

use std::time::Instant;

use drill::message::{FIELDS_MAX, Fields, Framing, Grammar, Head, Malformed};

use crate::wire::WireError;

/// A request as a target received it.
#[derive(Clone, Debug)]
pub struct Request {
    /// The number of its connection, from 0.
    pub connection: usize,
    /// The bytes of the head as received.
    pub raw: Vec<u8>,
    /// The method.
    pub method: String,
    /// The request target as received.
    pub target: String,
    /// The fields.
    pub fields: Fields,
    /// The framing of the body.
    pub framing: Framing,
    /// The body's first 256 KiB.
    pub body: Vec<u8>,
    /// The length of the body so far, in bytes.
    pub body_length: u64,
    /// The trailers.
    pub trailers: Fields,
    /// True if the body was received to its end.
    pub complete: bool,
    /// The time when its head was complete.
    pub at: Instant,
}

/// An answer as a client received it, whole.
#[derive(Clone, Debug)]
pub struct Response {
    /// The status.
    pub status: u16,
    /// The bytes of the final head as received.
    pub raw: Vec<u8>,
    /// The fields.
    pub fields: Fields,
    /// The framing of the body.
    pub framing: Framing,
    /// The body.
    pub body: Vec<u8>,
    /// The trailers.
    pub trailers: Fields,
    /// The informational answers (1xx) before it.
    pub informational: Vec<u16>,
    close: bool,
}

impl Response {
    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// Returns true if it announces the end of the connection.
    pub fn closes(&self) -> bool {
        self.close
    }
}

/// Parses a request head; the body is still to be read.
pub(crate) fn request(mut raw: Vec<u8>, connection: usize) -> Result<Request, WireError> {
    if raw.starts_with(b"\r\n") {
        raw.drain(..2); // one leading empty line is allowed: RFC 9112 section 2.2
    }
    let mut slots = [httparse::EMPTY_HEADER; FIELDS_MAX];
    let mut parsed = httparse::Request::new(&mut slots);
    parsed.parse(&raw).map_err(|error| malformed(&format!("{error} in a request head")))?;
    let fields = Fields::parsed(&raw, parsed.headers)?;
    let framing = fields.framing(Framing::None)?;
    if parsed.version != Some(1) {
        return Err(malformed("a request that is not HTTP/1.1"));
    }
    if fields.all("host").len() != 1 {
        return Err(malformed("a request without exactly one Host"));
    }
    let method = parsed.method.unwrap_or_default().to_owned();
    let target = parsed.path.unwrap_or_default().to_owned();
    Ok(Request {
        connection,
        raw,
        method,
        target,
        fields,
        framing,
        body: Vec::new(),
        body_length: 0,
        trailers: Fields::default(),
        complete: false,
        at: Instant::now(),
    })
}

/// Parses a response head; `to_head`: it answers a HEAD and has no body.
pub(crate) fn response(raw: Vec<u8>, to_head: bool) -> Result<Response, WireError> {
    let parsed = Head::parse(&raw, to_head, Grammar::Plain)?;
    let (Head { status, framing, close, fields }, _) =
        parsed.ok_or_else(|| malformed("a head that ends too early"))?;
    Ok(Response {
        status,
        raw,
        fields,
        framing,
        body: Vec::new(),
        trailers: Fields::default(),
        informational: Vec::new(),
        close,
    })
}

impl From<Malformed> for WireError {
    fn from(Malformed(what): Malformed) -> Self {
        WireError::Malformed(what)
    }
}

fn malformed(what: &str) -> WireError {
    WireError::Malformed(what.to_owned())
}
