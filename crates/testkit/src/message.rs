//! A strict reader of HTTP/1.1 heads and bodies: anything that is not framed exactly is an error.
//!
//! It is a deliberate second opinion: it shares nothing with the product's engine.

use std::str;
use std::time::Instant;

use crate::wire::{Wire, WireError};

const FIELDS_MAX: usize = 300;

/// The fields of a head or a trailer section, in the order received.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Fields(Vec<(String, String)>);

impl Fields {
    /// The first value of `name`.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(own, _)| own.eq_ignore_ascii_case(name)).map(|(_, value)| &**value)
    }

    /// All values of `name`.
    pub fn all(&self, name: &str) -> Vec<&str> {
        let named = self.0.iter().filter(|(own, _)| own.eq_ignore_ascii_case(name));
        named.map(|(_, value)| &**value).collect()
    }

    /// Every field as name and value.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (&**name, &**value))
    }
}

/// The framing of a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Framing {
    /// No body.
    None,
    /// `Content-Length`.
    Length(u64),
    /// `Transfer-Encoding: chunked`.
    Chunked,
    /// Responses only: until the connection ends.
    UntilClose,
}

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
}

impl Response {
    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// Returns true if it announces the end of the connection.
    pub fn closes(&self) -> bool {
        self.framing == Framing::UntilClose
            || self.fields.all("connection").iter().any(|value| {
                value.split(',').any(|option| option.trim().eq_ignore_ascii_case("close"))
            })
    }
}

/// Parses a request head; the body is still to be read.
pub(crate) fn request(raw: Vec<u8>, connection: usize) -> Result<Request, WireError> {
    check_lines(&raw)?;
    let mut slots = [httparse::EMPTY_HEADER; FIELDS_MAX];
    let mut parsed = httparse::Request::new(&mut slots);
    parsed.parse(&raw).map_err(|error| malformed(&format!("{error} in a request head")))?;
    let fields = fields(parsed.headers);
    let framing = framing(&fields, Framing::None)?;
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
    check_lines(&raw)?;
    let mut slots = [httparse::EMPTY_HEADER; FIELDS_MAX];
    let mut parsed = httparse::Response::new(&mut slots);
    parsed.parse(&raw).map_err(|error| malformed(&format!("{error} in a response head")))?;
    let status = parsed.code.unwrap_or_default();
    let fields = fields(parsed.headers);
    let mut framing = framing(&fields, Framing::UntilClose)?;
    let bodiless = matches!(status, 100..=199 | 204 | 304);
    if bodiless && status != 304 && !matches!(framing, Framing::UntilClose) {
        return Err(malformed(&format!("status {status} with framing")));
    }
    if bodiless || to_head {
        framing = Framing::None;
    }
    Ok(Response {
        status,
        raw,
        fields,
        framing,
        body: Vec::new(),
        trailers: Fields::default(),
        informational: Vec::new(),
    })
}

/// Reads one body piece by piece.
#[derive(Debug)]
pub(crate) struct BodyReader {
    framing: Framing,
    left: u64,
    done: bool,
    trailers: Fields,
}

impl BodyReader {
    pub(crate) fn new(framing: Framing) -> Self {
        let left = if let Framing::Length(length) = framing { length } else { 0 };
        let done = matches!(framing, Framing::None | Framing::Length(0));
        BodyReader { framing, left, done, trailers: Fields::default() }
    }

    pub(crate) fn trailers(self) -> Fields {
        self.trailers
    }

    /// The next piece, or none at the end.
    pub(crate) fn next(
        &mut self,
        wire: &mut Wire,
        until: Instant,
    ) -> Result<Option<Vec<u8>>, WireError> {
        if self.done {
            return Ok(None);
        }
        match self.framing {
            Framing::None => Ok(None),
            Framing::Length(_) => {
                let piece = take_some(wire, self.left, until)?;
                self.left -= piece.len() as u64;
                self.done = self.left == 0;
                Ok(Some(piece))
            }
            Framing::Chunked => self.next_chunk(wire, until),
            Framing::UntilClose => {
                if wire.buffered().is_empty() && wire.fill(until)? == 0 {
                    self.done = true;
                    return Ok(None);
                }
                Ok(Some(wire.take(usize::MAX)))
            }
        }
    }

    fn next_chunk(
        &mut self,
        wire: &mut Wire,
        until: Instant,
    ) -> Result<Option<Vec<u8>>, WireError> {
        if self.left == 0 {
            let line = wire.read_line(until)?;
            self.left = chunk_size(&line)?;
            if self.left == 0 {
                self.trailers = read_trailers(wire, until)?;
                self.done = true;
                return Ok(None);
            }
        }
        let piece = take_some(wire, self.left, until)?;
        self.left -= piece.len() as u64;
        if self.left == 0 && !wire.read_line(until)?.is_empty() {
            return Err(malformed("a chunk that does not end in CRLF"));
        }
        Ok(Some(piece))
    }
}

fn take_some(wire: &mut Wire, most: u64, until: Instant) -> Result<Vec<u8>, WireError> {
    if wire.buffered().is_empty() && wire.fill(until)? == 0 {
        return Err(WireError::Truncated(format!("{most} bytes of the body are missing")));
    }
    Ok(wire.take(usize::try_from(most).unwrap_or(usize::MAX)))
}

fn chunk_size(line: &[u8]) -> Result<u64, WireError> {
    let digits = str::from_utf8(line).unwrap_or_default();
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Err(malformed(&format!("{digits:?} as the size of a chunk")));
    }
    u64::from_str_radix(digits, 16).map_err(|_| malformed("a chunk size beyond 64 bits"))
}

fn read_trailers(wire: &mut Wire, until: Instant) -> Result<Fields, WireError> {
    let mut trailers = Vec::new();
    loop {
        let line = wire.read_line(until)?;
        if line.is_empty() {
            return Ok(Fields(trailers));
        }
        let text = String::from_utf8_lossy(&line).into_owned();
        let (name, value) =
            text.split_once(':').ok_or_else(|| malformed("a trailer without a colon"))?;
        trailers.push((name.to_owned(), value.trim().to_owned()));
    }
}

fn fields(headers: &[httparse::Header<'_>]) -> Fields {
    let owned = headers
        .iter()
        .map(|header| (header.name.to_owned(), String::from_utf8_lossy(header.value).into_owned()));
    Fields(owned.collect())
}

fn framing(fields: &Fields, otherwise: Framing) -> Result<Framing, WireError> {
    let lengths = fields.all("content-length");
    let codings = fields.all("transfer-encoding");
    match (lengths.as_slice(), codings.as_slice()) {
        ([], []) => Ok(otherwise),
        ([digits], []) if digits.bytes().all(|byte| byte.is_ascii_digit()) => digits
            .parse()
            .map(Framing::Length)
            .map_err(|_| malformed(&format!("Content-Length {digits:?}"))),
        ([], [coding]) if coding.eq_ignore_ascii_case("chunked") => Ok(Framing::Chunked),
        _ => Err(malformed(&format!("lengths {lengths:?} with codings {codings:?}"))),
    }
}

/// No bare CR or LF, no control characters, no continued lines, no space before a colon.
fn check_lines(raw: &[u8]) -> Result<(), WireError> {
    let text = raw.strip_suffix(b"\r\n\r\n").unwrap_or(raw);
    for line in text.split(|byte| *byte == b'\n') {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        if line.iter().any(|byte| (*byte < 0x20 && *byte != b'\t') || *byte == 0x7f) {
            return Err(malformed("a control character in a head"));
        }
        if line.first().is_none_or(|byte| matches!(byte, b' ' | b'\t')) {
            return Err(malformed("an empty or continued line in a head"));
        }
    }
    let bare_newline = raw.windows(2).any(|pair| pair[1] == b'\n' && pair[0] != b'\r');
    if bare_newline || raw.first() == Some(&b'\n') {
        return Err(malformed("a bare LF in a head"));
    }
    Ok(())
}

fn malformed(what: &str) -> WireError {
    WireError::Malformed(what.to_owned())
}
