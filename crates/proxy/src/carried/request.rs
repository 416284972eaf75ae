//! Request heads from HTTP/1.1 to HTTP/2 or HTTP/3: what was written for a target, as a method, a URI and fields.

use std::io;

use bytes::Bytes;
use connect::http2::is_of_connection;
use http::uri::{self, Authority, PathAndQuery, Scheme};
use http::{HeaderMap, Method, Request, Uri, Version, header};
use http1::BodyLength;

use super::head_lines::{HeadLines, append, length};

/// The prefix of gRPC content types.
pub(super) const GRPC: &[u8] = b"application/grpc";

/// Parses a head that was written for a target, and returns the framing of its body. `secure`: over TLS.
///
/// # Errors
/// If it can't be expressed in this protocol.
pub(crate) fn request_head(head: &Bytes, secure: bool) -> io::Result<(Request<()>, BodyLength)> {
    let invalid = || io::Error::from(io::ErrorKind::InvalidInput);
    let lines = HeadLines::of(head);
    let mut words = lines.first.split(|byte| *byte == b' ');
    let (method, target) = words.next().zip(words.next()).ok_or_else(invalid)?;
    let mut framing = BodyLength::None;
    let mut fields = HeaderMap::with_capacity(24);
    let mut host: &[u8] = b"";
    for (name, value) in lines.fields() {
        if name.eq_ignore_ascii_case(b"host") {
            host = value;
            continue;
        }
        if name.eq_ignore_ascii_case(b"content-length") {
            framing = length(value).map_or(framing, BodyLength::Length);
        } else if name.eq_ignore_ascii_case(b"transfer-encoding") {
            framing = BodyLength::Chunked;
        }
        if !is_of_connection(name) {
            append(&mut fields, name, head.slice_ref(value));
        }
    }
    // Trailers are always accepted, and gRPC requires saying so (RFC 9113 section 8.2.2).
    if fields.get(header::CONTENT_TYPE).is_some_and(|kind| kind.as_bytes().starts_with(GRPC)) {
        append(&mut fields, b"te", Bytes::from_static(b"trailers"));
    }
    let mut request = Request::new(());
    *request.method_mut() = Method::from_bytes(method).map_err(|_| invalid())?;
    *request.uri_mut() = uri(secure, host, target).ok_or_else(invalid)?;
    if !host.is_empty() {
        *request.version_mut() = Version::HTTP_2; // otherwise no :authority is sent
    }
    *request.headers_mut() = fields;
    Ok((request, framing))
}

/// Returns the URI. Bytes that no URI may contain (RFC 3986 section 2) pass through HTTP/1.1, and are
/// percent-encoded here.
fn uri(secure: bool, host: &[u8], target: &[u8]) -> Option<Uri> {
    let path = PathAndQuery::try_from(target).ok();
    let path = path.or_else(|| PathAndQuery::try_from(encoded(target)).ok())?;
    let mut parts = uri::Parts::default();
    parts.path_and_query = Some(path);
    if !host.is_empty() {
        parts.scheme = Some(if secure { Scheme::HTTPS } else { Scheme::HTTP });
        parts.authority = Some(Authority::try_from(host).ok()?);
    }
    Uri::from_parts(parts).ok()
}

/// Only bytes with which the library refuses a URI are changed.
fn encoded(target: &[u8]) -> Vec<u8> {
    let query = memchr::memchr(b'?', target).unwrap_or(target.len());
    let mut encoded = Vec::with_capacity(target.len() + 16);
    for (place, &byte) in target.iter().enumerate() {
        let refused: &[u8] = if place < query { b"<>`" } else { b"\"<>" };
        if refused.contains(&byte) {
            let digit = |four: u8| b"0123456789ABCDEF"[usize::from(four & 15)];
            encoded.extend([b'%', digit(byte >> 4), digit(byte)]);
        } else {
            encoded.push(byte);
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_loses_the_fields_of_its_connection_and_keeps_the_rest() {
        let head =
            b"POST /p?q HTTP/1.1\r\nhost: a.test:1\r\nx: y\r\ntransfer-encoding: chunked\r\n\
                     connection: te\r\nte: trailers\r\n\r\n";
        let (request, framing) = request_head(&Bytes::from_static(head), true).unwrap();
        assert_eq!(request.uri(), "https://a.test:1/p?q");
        assert_eq!((request.method(), framing), (&Method::POST, BodyLength::Chunked));
        let fields: Vec<_> = request.headers().iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(fields, ["x", "te"]);
        let (request, _) =
            request_head(&Bytes::from_static(b"OPTIONS * HTTP/1.1\r\nhost: a\r\n\r\n"), false)
                .unwrap();
        assert_eq!(request.uri().path(), "*");
        let (request, _) =
            request_head(&Bytes::from_static(b"GET /a HTTP/1.0\r\nhost: \r\n\r\n"), true).unwrap();
        assert_eq!((request.uri().authority(), request.uri().path()), (None, "/a"));
        assert!(
            request_head(&Bytes::from_static(b"GET / HTTP/1.1\r\nhost: a b\r\n\r\n"), false)
                .is_err()
        );
    }

    #[test]
    fn whatever_passes_through_http_1_can_be_forwarded() {
        for byte in (0x21..0x7f).filter(|byte| *byte != b'#') {
            for place in ["/", "/?"] {
                let target = [place.as_bytes(), &[byte]].concat();
                let uri = uri(false, b"a.test", &target).expect("a way");
                let said = uri.path_and_query().expect("a path").as_str().as_bytes().to_vec();
                let percent = format!("{place}%{byte:02X}").into_bytes();
                assert!(said == target || said == percent, "{said:?}");
            }
        }
    }
}
