//! The request head that a target receives. Guarantees that what a target believes about the
//! client (`X-Forwarded-*`, `Via`, `X-Request-Id`) is what Teal knows, not what the client claims.

use std::{io::Write as _, net::IpAddr};

use super::{decimal, field, number_field, trailer_field, via};
use crate::cookie;
use crate::field::{Name, is_dropped};
use crate::{BodyLength, Request};

/// The facts that Teal knows about the client's side of a request.
#[derive(Clone, Copy, Debug)]
pub struct Forwarding<'a> {
    /// The client's address.
    pub client: IpAddr,
    /// The client's scheme: `http` or `https`.
    pub proto: &'a str,
    /// The request's id: the client's valid one, or a generated one.
    pub request_id: &'a [u8],
    /// Our name in `Via`, such as `teal-3fa9`: a token.
    pub via: &'a str,
    /// The prefix removed from the path, which is below it; empty: nothing is removed.
    pub strip: &'a str,
    /// The client is a listed proxy: its description of its own client is kept and extended.
    pub trusted: bool,
    /// Names with an underscore are kept, except those that a CGI-like target would read as a name with a
    /// meaning to a proxy.
    pub underscores: bool,
    /// Field lines that describe the client's certificate, as they are written; empty: none.
    pub certificate: &'a [u8],
    /// Further names of fields that are dropped unless the client is trusted: in lower case, with hyphens for
    /// underscores; one that ends in `*` is a prefix.
    pub drop: &'a [String],
    /// The name of a field and of a cookie that were for us, and are removed; empty: none.
    pub own: &'a str,
    /// Our part in the trace of the request; `None`: the client's trace fields are passed on.
    pub trace: Option<Trace<'a>>,
}

/// A part in a trace (W3C Trace Context).
#[derive(Clone, Copy, Debug)]
pub struct Trace<'a> {
    /// The value of `traceparent` sent to the target.
    pub parent: &'a str,
    /// The client's trace continues, and its `tracestate` is kept; false: a new trace begins here.
    pub goes_on: bool,
}

/// Appends exactly one HTTP/1.1 head for `request`. Dropped: hop-by-hop fields, fields named by `Connection`,
/// names with an underscore unless they are kept, `Expect` where there is nothing to wait for, and, from
/// clients that are not trusted, every field by which a proxy describes its client, and those in the drop list.
pub fn write_request(out: &mut Vec<u8>, request: &Request<'_>, forwarding: &Forwarding<'_>) {
    // Space for the received fields and for ours, so that the vector grows at most once.
    let certificate = forwarding.certificate;
    out.reserve(request.head_bytes + 2 * request.host.len() + certificate.len() + 384);
    out.extend_from_slice(request.method.as_str().as_bytes());
    out.extend_from_slice(b" ");
    let stripped = Some(forwarding.strip).filter(|strip| !strip.is_empty());
    let stripped = stripped.and_then(|strip| request.target.strip_prefix(strip));
    let target = stripped.unwrap_or(request.target);
    if stripped.is_some() && !target.starts_with('/') {
        out.push(b'/');
    }
    out.extend_from_slice(target.as_bytes());
    out.extend_from_slice(b" HTTP/1.1\r\n");
    field(out, "host", request.host.as_bytes());
    let mut has_proto = false;
    let mut has_host = false;
    let drop = if forwarding.trusted { &[] } else { forwarding.drop };
    for (meaning, name, value) in request.fields.iter() {
        let kept = match meaning {
            Name::Other
            | Name::ContentType
            | Name::Date
            | Name::Credentials
            | Name::Login
            | Name::Via => true,
            Name::Underscore => forwarding.underscores,
            Name::Forwarded => forwarding.trusted,
            Name::ForwardedProto => {
                has_proto |= forwarding.trusted;
                forwarding.trusted
            }
            Name::ForwardedHost => {
                has_host |= forwarding.trusted;
                forwarding.trusted
            }
            Name::MaxForwards => request.max_forwards.is_none(),
            Name::TraceParent => forwarding.trace.is_none(),
            Name::TraceState => forwarding.trace.is_none_or(|trace| trace.goes_on),
            _ => false,
        };
        if kept && (drop.is_empty() || !is_dropped(name.as_bytes(), drop)) {
            if forwarding.own.is_empty() {
                field(out, name, value);
            } else {
                field_without(out, (name, value), forwarding.own);
            }
        }
    }
    framing(out, request);
    hop(out, request);
    forwarded_for(out, request, forwarding);
    if !has_proto {
        field(out, "x-forwarded-proto", forwarding.proto.as_bytes());
    }
    if !has_host && !request.host.is_empty() {
        field(out, "x-forwarded-host", request.host.as_bytes());
    }
    if stripped.is_some() {
        field(out, "x-forwarded-prefix", forwarding.strip.as_bytes());
    }
    out.extend_from_slice(certificate);
    via(out, request.version, forwarding.via);
    field(out, "x-request-id", forwarding.request_id);
    if let Some(trace) = forwarding.trace {
        field(out, "traceparent", trace.parent.as_bytes());
    }
    out.extend_from_slice(b"\r\n");
}

/// Appends a field line, unless it or all of it was for us.
#[cold]
fn field_without(out: &mut Vec<u8>, (name, value): (&str, &[u8]), own: &str) {
    if name.eq_ignore_ascii_case(own) {
        return;
    }
    if !name.eq_ignore_ascii_case("cookie") {
        return field(out, name, value);
    }
    let rest = cookie::without(value, own);
    if !rest.is_empty() || value.is_empty() {
        field(out, name, &rest);
    }
}

fn framing(out: &mut Vec<u8>, request: &Request<'_>) {
    match request.body {
        BodyLength::None | BodyLength::UntilClose => {}
        BodyLength::Length(length) => number_field(out, "content-length", length),
        BodyLength::Chunked => {
            out.extend_from_slice(b"transfer-encoding: chunked\r\n");
            trailer_field(out, request.fields.all(Name::Trailer));
        }
    }
    if request.expect_continue {
        out.extend_from_slice(b"expect: 100-continue\r\n");
    }
    if let Some(hops) = request.max_forwards {
        out.extend_from_slice(b"max-forwards: ");
        decimal(out, u64::from(hops.saturating_sub(1)));
        out.extend_from_slice(b"\r\n");
    }
}

/// Appends the fields about the connection to the target. `TE` is hop-by-hop and has to be named in
/// `Connection` (RFC 9110 section 10.1.4); we send it for ourselves, as we pass trailers on. A tunnel has none.
fn hop(out: &mut Vec<u8>, request: &Request<'_>) {
    if let Some(protocols) = request.upgrade {
        out.extend_from_slice(b"connection: upgrade\r\n");
        field(out, "upgrade", protocols.as_bytes());
    } else if request.accepts_trailers {
        out.extend_from_slice(b"connection: te\r\nte: trailers\r\n");
    }
}

fn forwarded_for(out: &mut Vec<u8>, request: &Request<'_>, forwarding: &Forwarding<'_>) {
    out.extend_from_slice(b"x-forwarded-for: ");
    if forwarding.trusted {
        for value in request.fields.all(Name::ForwardedFor).filter(|value| !value.is_empty()) {
            out.extend_from_slice(value);
            out.extend_from_slice(b", ");
        }
    }
    match forwarding.client.to_canonical() {
        IpAddr::V4(address) => {
            address.octets().into_iter().for_each(|octet| octet_and_dot(out, octet));
            out.pop();
        }
        IpAddr::V6(address) => write!(out, "{address}").expect("writing to a vector cannot fail"),
    }
    out.extend_from_slice(b"\r\n");
}

fn octet_and_dot(out: &mut Vec<u8>, octet: u8) {
    let text = [b'0' + octet / 100, b'0' + octet / 10 % 10, b'0' + octet % 10, b'.'];
    let unused = usize::from(octet < 100) + usize::from(octet < 10);
    out.extend_from_slice(&text[unused..]);
}

#[cfg(test)]
mod tests {
    use super::octet_and_dot;
    use crate::field::is_dropped;

    #[test]
    fn names_are_dropped_whole_or_by_their_beginning_in_any_spelling() {
        let drop = ["remote-user".to_owned(), "x-auth-*".to_owned()];
        for name in
            ["Remote-User", "REMOTE_USER", "remote-user", "X-Auth-User", "x_auth_", "X-AUTH-"]
        {
            assert!(is_dropped(name.as_bytes(), &drop), "{name}");
        }
        for name in
            ["Remote-Users", "Remote-Use", "X-Auth", "XX-Auth-User", "Remote.User", "x-auth*"]
        {
            assert!(!is_dropped(name.as_bytes(), &drop), "{name}");
        }
    }

    #[test]
    fn octets_are_those_of_the_standard_library() {
        for octet in 0..=u8::MAX {
            let mut out = Vec::new();
            octet_and_dot(&mut out, octet);
            assert_eq!(out, format!("{octet}.").as_bytes());
        }
    }
}
