//! Request heads from HTTP/2 or HTTP/3 to HTTP/1.1 (RFC 9113 sections 8.2 and 8.3, RFC 9114 sections 4.2 and
//! 4.3). Values carried twice there must agree; anything that could mean something else in HTTP/1.1 is refused.

use connect::http2::{is_of_connection, line};
use http::{Method, Request, header};
use http1::Reject;

use crate::base64::DIGITS;

/// A head, as it would have arrived in HTTP/1.1.
#[derive(Debug, Default)]
pub(crate) struct Http1Head {
    pub(crate) bytes: Vec<u8>,
    /// The same without a body, where it is not known yet whether there is one.
    pub(crate) plain: Option<Vec<u8>>,
    /// Its body is in chunks.
    pub(crate) chunked: bool,
    /// The method is HEAD, so that no answer has a body.
    pub(crate) bodiless: bool,
    /// It asks for a tunnel (RFC 8441, RFC 9220).
    pub(crate) tunnel: bool,
}

impl Http1Head {
    /// The parts of a refused request that its answer depends on.
    pub(crate) fn refused<B>(request: &Request<B>) -> Self {
        Self { bodiless: request.method() == Method::HEAD, ..Self::default() }
    }
}

/// A WebSocket's key has 16 bytes in base64: 22 digits, of which the last holds two bits.
const KEY_DIGITS: usize = 21;

/// Translates the head. `protocol`: the tunnel asked for (`:protocol`); `ended`: nothing follows the head.
///
/// # Errors
/// A description of the problem. What HTTP/1.1 refuses as well is refused later, when it is parsed.
pub(crate) fn translate<B>(
    request: &Request<B>,
    protocol: Option<&str>,
    ended: bool,
    fields_max: usize,
    mut random: impl FnMut() -> u64,
) -> Result<Http1Head, Reject> {
    if count(request) > fields_max {
        return Err(Reject { status: 431, reason: "The head has too many fields." });
    }
    let host = host(request)?;
    let mut head = Http1Head::refused(request);
    if protocol.is_some_and(|protocol| !protocol.eq_ignore_ascii_case("websocket")) {
        return Err(Reject { status: 501, reason: "The only tunnel supported is websocket." });
    }
    head.tunnel = protocol.is_some();
    let out = &mut head.bytes;
    out.reserve(512);
    let method = if head.tunnel { "GET" } else { request.method().as_str() };
    let path = request.uri().path_and_query().map_or("/", |path| path.as_str());
    for part in [method.as_bytes(), b" ", path.as_bytes(), b" HTTP/1.1\r\n"] {
        out.extend_from_slice(part);
    }
    line(out, "host", host.as_bytes());
    fields(out, request, head.tunnel)?;
    if head.tunnel {
        out.extend_from_slice(b"connection: upgrade\r\nupgrade: websocket\r\nsec-websocket-key: ");
        out.extend((0..KEY_DIGITS).map(|_| DIGITS[(random() >> 58) as usize]));
        out.extend_from_slice(b"A==\r\n");
    } else if !ended && !request.headers().contains_key(header::CONTENT_LENGTH) {
        out.extend_from_slice(b"transfer-encoding: chunked\r\n");
        head.chunked = true;
    }
    out.extend_from_slice(b"\r\n");
    Ok(head)
}

/// Translates the head of a request whose stream is still open, though such requests hardly ever have a body:
/// if the stream ends a little later, that decides between the two heads.
///
/// # Errors
/// As [`translate`].
pub(crate) fn translate_open<B>(
    request: &Request<B>,
    protocol: Option<&str>,
    fields_max: usize,
    mut random: impl FnMut() -> u64,
) -> Result<Http1Head, Reject> {
    let mut head = translate(request, protocol, false, fields_max, &mut random)?;
    let bodiless = [Method::GET, Method::HEAD, Method::OPTIONS, Method::DELETE];
    if head.chunked && bodiless.contains(request.method()) {
        head.plain = Some(translate(request, protocol, true, fields_max, random)?.bytes);
    }
    Ok(head)
}

/// Counts the fields as in HTTP/1.1: the pieces of a split cookie are one (RFC 9113 section 8.2.3). Their total
/// size is bounded by that of the head.
fn count<B>(request: &Request<B>) -> usize {
    let fields = request.headers();
    let crumbs = if fields.contains_key(header::COOKIE) {
        fields.get_all(header::COOKIE).iter().count()
    } else {
        1
    };
    fields.len() - (crumbs - 1)
}

/// Returns true if a value begins or ends with white space, which makes a message malformed (RFC 9113 section 8.2.1).
pub(crate) fn is_padded(value: &[u8]) -> bool {
    let blank = |byte: Option<&u8>| matches!(byte, Some(b' ' | b'\t'));
    blank(value.first()) || blank(value.last())
}

/// Returns the one host that the request is for.
fn host<B>(request: &Request<B>) -> Result<&str, Reject> {
    let bad = |reason| Reject { status: 400, reason };
    if !matches!(request.uri().scheme_str(), Some("http" | "https") | None) {
        return Err(bad(":scheme must be http or https."));
    }
    let authority = request.uri().authority().map(http::uri::Authority::as_str);
    let mut named = request.headers().get_all(header::HOST).iter();
    let Some(first) = named.next() else {
        return authority.ok_or(bad("The request has neither :authority nor Host."));
    };
    let first = first.to_str().map_err(|_| bad("Host is not a valid host."))?;
    if named.next().is_some() {
        return Err(bad("The request has more than one Host field."));
    }
    let default = if request.uri().scheme_str() == Some("http") { ":80" } else { ":443" };
    if authority.is_some_and(|authority| !is_same(authority, first, default)) {
        return Err(bad(":authority and Host differ."));
    }
    Ok(first)
}

/// Returns true if both name the same host and port: no port, or a colon without one, is the scheme's own.
fn is_same(one: &str, other: &str, default_port: &str) -> bool {
    let bare = |text| {
        let text = str::strip_suffix(text, default_port).unwrap_or(text);
        str::strip_suffix(text, ':').unwrap_or(text)
    };
    bare(one).eq_ignore_ascii_case(bare(other))
}

fn fields<B>(out: &mut Vec<u8>, request: &Request<B>, tunnel: bool) -> Result<(), Reject> {
    let mut cookies: Option<Vec<u8>> = None;
    for (name, value) in request.headers() {
        if is_of_connection(name.as_str().as_bytes()) {
            let reason = "The request has a connection-specific field of HTTP/1.1.";
            return Err(Reject { status: 400, reason });
        }
        if is_padded(value.as_bytes()) {
            let reason = "A field value begins or ends with white space.";
            return Err(Reject { status: 400, reason });
        }
        match *name {
            header::HOST => {}
            // RFC 8441 section 5: not used here; the key of the handshake is ours.
            header::SEC_WEBSOCKET_KEY if tunnel => {}
            // One field in HTTP/1.1 (RFC 9113 section 8.2.3).
            header::COOKIE => match &mut cookies {
                None => cookies = Some(value.as_bytes().to_vec()),
                Some(all) => {
                    all.extend_from_slice(b"; ");
                    all.extend_from_slice(value.as_bytes());
                }
            },
            _ => line(out, name.as_str(), value.as_bytes()),
        }
    }
    if let Some(cookies) = cookies {
        line(out, "cookie", &cookies);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(
        build: impl FnOnce(http::request::Builder) -> http::request::Builder,
    ) -> Request<()> {
        build(Request::builder().uri("https://a.test/p?q")).body(()).unwrap()
    }

    fn text(request: &Request<()>, protocol: Option<&str>, ended: bool) -> String {
        String::from_utf8(translate(request, protocol, ended, 10, || 0).unwrap().bytes).unwrap()
    }

    #[test]
    fn the_request_stays_the_same() {
        let get = request(|r| r.header("cookie", "a=1").header("x", "y").header("cookie", "b=2"));
        let said = "GET /p?q HTTP/1.1\r\nhost: a.test\r\nx: y\r\ncookie: a=1; b=2\r\n\r\n";
        assert_eq!(text(&get, None, true), said);
        let post = request(|r| r.method("POST"));
        assert!(text(&post, None, false).contains("\r\ntransfer-encoding: chunked\r\n"));
        let post = request(|r| r.method("POST").header("content-length", "5"));
        assert!(!text(&post, None, false).contains("transfer-encoding"));
    }

    #[test]
    fn a_tunnel_is_asked_for_as_in_http_1() {
        let connect = request(|r| r.method("CONNECT").header("sec-websocket-version", "13"));
        let said = text(&connect, Some("websocket"), false);
        assert!(said.starts_with("GET /p?q HTTP/1.1\r\n"), "{said}");
        assert!(said.contains("\r\nconnection: upgrade\r\nupgrade: websocket\r\n"), "{said}");
        assert!(said.contains("\r\nsec-websocket-key: AAAAAAAAAAAAAAAAAAAAAA==\r\n"), "{said}");
    }

    #[test]
    fn contradictory_values_are_refused() {
        let refused =
            |request: &Request<()>, max| translate(request, None, true, max, || 0).unwrap_err();
        let other = request(|r| r.header("host", "b.test"));
        assert_eq!(refused(&other, 10).status, 400);
        let twice = request(|r| r.header("host", "a.test").header("host", "a.test"));
        assert_eq!(refused(&twice, 10).status, 400);
        let connection = request(|r| r.header("connection", "x"));
        assert_eq!(refused(&connection, 10).status, 400);
        let many = request(|r| (0..11).fold(r, |r, n| r.header("x-many", n)));
        assert_eq!(refused(&many, 10).status, 431);
    }

    #[test]
    fn r57_the_port_of_the_scheme_may_be_written_or_left_out() {
        let asked = |uri: &str, host: &str| {
            let request = Request::builder().uri(uri).header("host", host).body(()).unwrap();
            translate(&request, None, true, 10, || 0).is_ok()
        };
        for (uri, host) in [
            ("https://a.test:443/", "a.test"),
            ("https://a.test/", "A.TEST:443"),
            ("http://a.test:80/", "a.test"),
            ("http://a.test/", "a.test:80"),
            ("https://a.test:8443/", "a.test:8443"),
        ] {
            assert!(asked(uri, host), "{uri} {host}");
        }
        for (uri, host) in [
            ("https://a.test:80/", "a.test"),
            ("http://a.test:443/", "a.test"),
            ("https://a.test:8443/", "a.test"),
            ("https://a.test/", "b.test:443"),
        ] {
            assert!(!asked(uri, host), "{uri} {host}");
        }
    }

    #[test]
    fn the_crumbs_of_a_cookie_are_one_field() {
        let crumbs = request(|r| (0..180).fold(r, |r, n| r.header("cookie", n)).header("a", "b"));
        assert_eq!(count(&crumbs), 2);
        assert!(translate(&crumbs, None, true, 2, || 0).is_ok());
        assert_eq!(translate(&crumbs, None, true, 1, || 0).unwrap_err().status, 431);
    }

    #[test]
    fn a_value_in_white_space_is_refused_and_one_with_some_inside_is_not() {
        for (value, refused) in
            [(" a", true), ("a ", true), ("\ta", true), ("a\t", true), ("a b", false), ("", false)]
        {
            let padded = request(|r| r.header("x", value));
            assert_eq!(translate(&padded, None, true, 10, || 0).is_err(), refused, "{value:?}");
        }
    }
}
