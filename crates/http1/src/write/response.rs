//! The response head sent to a client. Guarantees that its framing fits the client's version, and that a body
//! that ends with the target's connection gets an end that can be distinguished from a cut.

use super::{field, number_field, trailer_field, via};
use crate::{BodyLength, Response, Version, field::Name, status::reason_phrase};

/// The inputs of a response head besides the response.
#[derive(Clone, Copy, Debug)]
pub struct ToClient<'a> {
    /// The version of the client's request.
    pub version: Version,
    /// The client's connection is closed after this response.
    pub close: bool,
    /// Our name in `Via`, such as `teal-3fa9`: a token.
    pub via: &'a str,
    /// The request was a HEAD.
    pub head: bool,
    /// The request's id, as sent to the target.
    pub request_id: &'a [u8],
    /// The `max-age` of `Strict-Transport-Security` (RFC 6797), in seconds, unless the target sends the field itself.
    pub hsts: Option<u32>,
    /// Further field lines, as they are written; empty: none.
    pub added: &'a [u8],
    /// No cache may store the response: the fields of the target that would allow it are replaced.
    pub uncached: bool,
    /// The time, as [`http_date`](crate::http_date) writes it, for a response without a `Date` (RFC 9110
    /// section 6.6.1).
    pub date: &'a [u8; 29],
}

/// Appends the head of a final response, or of a 101, and returns how the body that follows must be framed for
/// the client. With [`BodyLength::UntilClose`] the client's connection must be closed after the body, whatever
/// the value of [`ToClient::close`].
pub fn write_response(out: &mut Vec<u8>, response: &Response<'_>, to: &ToClient<'_>) -> BodyLength {
    let body = match response.body {
        _ if to.head => BodyLength::None,
        BodyLength::Chunked | BodyLength::UntilClose if to.version == Version::Http10 => {
            BodyLength::UntilClose
        }
        BodyLength::UntilClose => BodyLength::Chunked,
        other => other,
    };
    let dated = start(out, response, to.uncached);
    match (body, response.described_length) {
        (BodyLength::Length(length), _) | (BodyLength::None, Some(length)) => {
            number_field(out, "content-length", length);
        }
        (BodyLength::Chunked, _) => {
            out.extend_from_slice(b"transfer-encoding: chunked\r\n");
            trailer_field(out, response.fields.all(Name::Trailer));
        }
        (BodyLength::None | BodyLength::UntilClose, _) => {}
    }
    connection(out, response, to, to.close || body == BodyLength::UntilClose);
    via(out, response.version, to.via);
    field(out, "x-request-id", to.request_id);
    if !dated && response.status != 101 {
        field(out, "date", to.date);
    }
    let own = || response.field("strict-transport-security").is_some();
    if let Some(seconds) = to.hsts.filter(|_| !own()) {
        out.extend_from_slice(b"strict-transport-security: max-age=");
        super::decimal(out, u64::from(seconds));
        out.extend_from_slice(b"\r\n");
    }
    if to.uncached {
        field(out, "cache-control", b"no-store");
    }
    out.extend_from_slice(to.added);
    out.extend_from_slice(b"\r\n");
    body
}

/// Appends an interim response (1xx except 101). Appends nothing for an HTTP/1.0 client, which would take it
/// for the final one (RFC 9110 section 15.2).
pub fn write_informational(out: &mut Vec<u8>, response: &Response<'_>, to: &ToClient<'_>) {
    if to.version == Version::Http10 {
        return;
    }
    start(out, response, false);
    via(out, response.version, to.via);
    out.extend_from_slice(b"\r\n");
}

/// Appends the status line and the target's own fields. Returns true if one of them is `Date`.
fn start(out: &mut Vec<u8>, response: &Response<'_>, uncached: bool) -> bool {
    out.reserve(response.head_bytes + 256);
    let phrase = match response.reason {
        "" => reason_phrase(response.status),
        phrase => phrase,
    };
    status_line(out, response.status, phrase);
    let mut dated = false;
    for (meaning, name, value) in response.fields.iter() {
        let dropped = matches!(
            meaning,
            Name::ContentLength
                | Name::TransferEncoding
                | Name::Connection
                | Name::KeepAlive
                | Name::Te
                | Name::Trailer
                | Name::Upgrade
                | Name::RequestId
                | Name::Hop
                | Name::Named
        );
        if !(dropped || uncached && is_about_caches(name)) {
            dated |= meaning == Name::Date;
            field(out, name, value);
        }
    }
    dated
}

/// Returns true for a field by which a response allows caches to store it (RFC 9111, RFC 9213), or by which we say
/// whose response it is.
#[cold]
fn is_about_caches(name: &str) -> bool {
    const NAMES: [&str; 6] =
        ["cache-control", "expires", "pragma", "surrogate-control", "teal-color", "teal-version"];
    let end = name.len().saturating_sub("cdn-cache-control".len());
    NAMES.iter().any(|known| name.eq_ignore_ascii_case(known))
        || name.get(end..).is_some_and(|end| end.eq_ignore_ascii_case("cdn-cache-control"))
}

fn connection(out: &mut Vec<u8>, response: &Response<'_>, to: &ToClient<'_>, close: bool) {
    if let Some(protocol) = response.upgrade {
        out.extend_from_slice(b"connection: upgrade\r\n");
        field(out, "upgrade", protocol.as_bytes());
        return;
    }
    let options = match (close, response.required_upgrade) {
        (true, Some(_)) => "close, upgrade",
        (true, None) => "close",
        (false, Some(_)) => "upgrade",
        (false, None) => "",
    };
    if !options.is_empty() {
        field(out, "connection", options.as_bytes());
    } else if to.version == Version::Http10 {
        field(out, "connection", b"keep-alive");
    }
    if let Some(protocols) = response.required_upgrade {
        field(out, "upgrade", protocols.as_bytes());
    }
}

/// Our version is always HTTP/1.1, whatever the client speaks (RFC 9110 section 2.5).
pub(super) fn status_line(out: &mut Vec<u8>, status: u16, phrase: &str) {
    out.extend_from_slice(b"HTTP/1.1 ");
    super::decimal(out, u64::from(status));
    out.push(b' ');
    out.extend_from_slice(phrase.as_bytes());
    out.extend_from_slice(b"\r\n");
}
