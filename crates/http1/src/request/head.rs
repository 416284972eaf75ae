//! From bytes to a start line and fields, by `httparse`, plus checks that it lacks: line endings, versions,
//! lengths. Never interprets a field beyond its name.

use std::mem::MaybeUninit;

use httparse::Header;

use crate::{
    FieldSlots, Limits, MAX_FIELDS, Method, Reject, Version, connection,
    connection::Options,
    field::{self, Fields},
    scan::METHOD_BYTES,
    token,
};

/// A head as tokens.
pub(super) struct Tokens<'b> {
    pub(super) method: Method<'b>,
    pub(super) target: &'b str,
    pub(super) version: Version,
    pub(super) fields: Fields<'b>,
    pub(super) options: Options,
}

pub(super) fn read<'b>(
    head: &'b [u8],
    slots: &'b mut FieldSlots<'b>,
    limits: &Limits,
) -> Result<Tokens<'b>, Reject> {
    if head.len() > limits.head_bytes {
        return Err(Reject::new(431, "The head is too large."));
    }
    // One empty line is allowed before a request (RFC 9112 section 2.2).
    let lines = head.strip_prefix(b"\r\n").unwrap_or(head);
    if !lines.first().is_some_and(|&b| token::is_token_byte(b)) {
        return Err(Reject::bad("The request does not begin with a method."));
    }
    let room = &mut slots.headers[..limits.fields.min(MAX_FIELDS)];
    let (line, headers) = tokenize(lines, room)?;
    // httparse accepts a bare LF as a line end. It found `headers.len() + 2` line ends and no other CR, so all
    // of them were CRLF exactly if there are as many CRs.
    if token::count(lines, b'\r') != headers.len() + 2 {
        return Err(Reject::bad("A line ends in LF without CR; each line must end in CRLF."));
    }
    let names = &mut slots.names[..headers.len()];
    field::classify(headers, names);
    let options = connection::read(headers, names);
    let method = method(line.method)?;
    if line.target.len() > limits.uri_bytes {
        return Err(Reject::new(414, "The request target is too long."));
    }
    let fields = Fields::new(headers, names);
    Ok(Tokens { method, target: line.target, version: line.version, fields, options })
}

struct Line<'b> {
    method: &'b str,
    target: &'b str,
    version: Version,
}

fn tokenize<'b>(
    lines: &'b [u8],
    room: &'b mut [MaybeUninit<Header<'b>>],
) -> Result<(Line<'b>, &'b [Header<'b>]), Reject> {
    let mut request = httparse::Request::new(&mut []);
    let config = httparse::ParserConfig::default();
    match config.parse_request_with_uninit_headers(&mut request, lines, room) {
        Ok(httparse::Status::Complete(length)) if length == lines.len() => {}
        Ok(_) => return Err(Reject::bad("The head is incomplete, or more bytes follow it.")),
        Err(error) => return Err(reject_of(error, lines)),
    }
    let (Some(method), Some(target), Some(minor)) = (request.method, request.path, request.version)
    else {
        return Err(MALFORMED_LINE);
    };
    let version = if minor == 0 { Version::Http10 } else { Version::Http11 };
    Ok((Line { method, target, version }, request.headers))
}

const MALFORMED_LINE: Reject = Reject::bad(
    "The request line must be a method, a target and HTTP/1.1, with one space between them.",
);

fn reject_of(error: httparse::Error, lines: &[u8]) -> Reject {
    match error {
        httparse::Error::TooManyHeaders => Reject::new(431, "The head has too many fields."),
        httparse::Error::HeaderName => Reject::bad(
            "A field line must begin with a name directly followed by a colon; names are tokens, \
             and lines are not folded.",
        ),
        httparse::Error::HeaderValue => {
            Reject::bad("A field value has a control character, or a CR without LF.")
        }
        httparse::Error::Version if other_major_version(lines) => {
            Reject::new(505, "Only HTTP/1.1 and HTTP/1.0 are supported.")
        }
        httparse::Error::Version
        | httparse::Error::NewLine
        | httparse::Error::Token
        | httparse::Error::Status => MALFORMED_LINE,
    }
}

/// Returns true if the request line is well-formed except for another major version (RFC 9110 section 15.6.6).
fn other_major_version(lines: &[u8]) -> bool {
    let line = lines.split(|&b| b == b'\r').next().unwrap_or(lines);
    let mut parts = line.split(|&b| b == b' ');
    let version = parts.nth(2);
    parts.next().is_none()
        && matches!(version, Some([b'H', b'T', b'T', b'P', b'/', major, b'.', minor])
            if major.is_ascii_digit() && *major != b'1' && minor.is_ascii_digit())
}

/// Returns the method, if it is one that Teal forwards.
fn method(token: &str) -> Result<Method<'_>, Reject> {
    match Method::from_token(token) {
        Method::Connect => Err(Reject::new(501, "CONNECT is not supported.")),
        Method::Trace => Err(Reject::new(405, "TRACE is not allowed.")),
        Method::Other(_) if token.len() > METHOD_BYTES => {
            Err(Reject::new(501, "The method is too long."))
        }
        // `get` is not GET (RFC 9110 section 9.1), but some targets treat it as such.
        Method::Other(_) if token.bytes().any(|b| b.is_ascii_lowercase()) => {
            Err(Reject::bad("Methods are case-sensitive and written in upper case."))
        }
        method => Ok(method),
    }
}
