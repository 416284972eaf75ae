//! The fields of a head, and what each name means to a proxy. Guarantees that a name is compared once, at
//! parsing; the rest of the crate looks at [`Name`] only. Never copies a field.

use std::{fmt, mem::MaybeUninit};

use httparse::Header;

use crate::MAX_FIELDS;

/// The role of a field for a proxy: how it is used, and whether it is forwarded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Name {
    /// No meaning to us; forwarded.
    Other,
    Host,
    ContentLength,
    TransferEncoding,
    Connection,
    KeepAlive,
    Te,
    Trailer,
    Upgrade,
    Expect,
    MaxForwards,
    Via,
    RequestId,
    /// `traceparent` (W3C Trace Context).
    TraceParent,
    /// `tracestate`: vendor data carried along the trace that `traceparent` names.
    TraceState,
    ContentType,
    /// The time when the message was made (`Date`).
    Date,
    ForwardedFor,
    ForwardedHost,
    ForwardedProto,
    /// Another field by which a proxy in front describes the original request. Trusted only from listed proxies.
    Forwarded,
    /// `Cookie` and the like.
    Credentials,
    /// `Authorization` and `WWW-Authenticate`, which may carry a login that binds the connection.
    Login,
    /// Hop-by-hop, not used by us: `Proxy-*` and `HTTP2-Settings`.
    Hop,
    /// A name with an underscore and no other meaning: CGI-like targets read it as its form with hyphens.
    Underscore,
    /// A name with an underscore whose form with hyphens has a meaning of its own (`X_Forwarded_For`).
    Lookalike,
    /// Named by the message's `Connection` field, and so not forwarded.
    Named,
}

impl Name {
    /// Returns the meaning of a field name, case-insensitively.
    ///
    /// The `Forwarded` class holds RFC 7239's field, every `X-Forwarded-*` (`-Port`, `-Prefix`, `-Server`,
    /// `-Method`, `-Uri` too), the common names for the client's address, those by which frameworks let a proxy
    /// override host or path, and those in which proxies report the client's certificate, which applications
    /// take for a login. It does not hold the names in which one vendor's edge reports the client's address
    /// (`CF-Connecting-IP`): only applications behind that vendor read them.
    pub(crate) fn of(name: &[u8]) -> Self {
        let is = |known: &str| name.eq_ignore_ascii_case(known.as_bytes());
        let first = name.first().map_or(0, u8::to_ascii_lowercase);
        let meaning = match (name.len(), first) {
            (2, b't') if is("te") => Self::Te,
            (3, b'v') if is("via") => Self::Via,
            (4, b'h') if is("host") => Self::Host,
            (4, b'd') if is("date") => Self::Date,
            (5, b'p') if is("proxy") => Self::Hop,
            (6, b'e') if is("expect") => Self::Expect,
            (6, b'c') if is("cookie") => Self::Credentials,
            (7, b'u') if is("upgrade") => Self::Upgrade,
            (7, b't') if is("trailer") => Self::Trailer,
            (9, b'f') if is("forwarded") => Self::Forwarded,
            (9, b'x') if is("x-real-ip") => Self::Forwarded,
            (10, b'c') if is("connection") => Self::Connection,
            (10, b't') if is("tracestate") => Self::TraceState,
            (10, b'k') if is("keep-alive") => Self::KeepAlive,
            (10, b's') if is("set-cookie") => Self::Credentials,
            (11, b't') if is("traceparent") => Self::TraceParent,
            (11, b'x') if is("x-client-ip") => Self::Forwarded,
            (12, b'c') if is("content-type") => Self::ContentType,
            (12, b'm') if is("max-forwards") => Self::MaxForwards,
            (12, b'x') if is("x-request-id") => Self::RequestId,
            (12, b'p') if is("proxy-status") => Self::Other, // RFC 9209: end to end
            (13, b'a') if is("authorization") => Self::Login,
            (13, b'x') if is("x-rewrite-url") => Self::Forwarded,
            (14, b'c') if is("content-length") => Self::ContentLength,
            (14, b't') if is("true-client-ip") => Self::Forwarded,
            (14, b'x') if is("x-original-url") => Self::Forwarded,
            (14, b'h') if is("http2-settings") => Self::Hop,
            (15, b'x') if is("x-original-host") => Self::Forwarded,
            (15, b'x') if is("x-forwarded-for") => Self::ForwardedFor,
            (16, b'x') if is("x-forwarded-host") => Self::ForwardedHost,
            (16, b'w') if is("www-authenticate") => Self::Login,
            (17, b'x') if is("x-forwarded-proto") => Self::ForwardedProto,
            (17, b't') if is("transfer-encoding") => Self::TransferEncoding,
            (19, b'x') if is("x-cluster-client-ip") => Self::Forwarded,
            (13.., b'x') if starts_with(name, "x-forwarded-") => Self::Forwarded,
            (7.., b'p') if starts_with(name, "proxy-") => Self::Hop,
            (4.., b'c' | b's' | b't' | b'w' | b'x' | b'$') if tells_of_certificate(name) => {
                Self::Forwarded
            }
            _ => Self::Other,
        };
        match meaning {
            Self::Other if name.contains(&b'_') => Self::folded(name),
            meaning => meaning,
        }
    }

    /// Returns the meaning of a name with underscores: that of its form with hyphens. Rare, and so the one
    /// place that copies a name. Of a long name only the beginning matters, since only prefixes match long
    /// names.
    #[cold]
    fn folded(name: &[u8]) -> Self {
        let mut room = [0; 64];
        for (to, &byte) in room.iter_mut().zip(name) {
            *to = if byte == b'_' { b'-' } else { byte };
        }
        let kept = Self::of(&room[..name.len().min(room.len())]) == Self::Other;
        if kept { Self::Underscore } else { Self::Lookalike }
    }

    /// Returns true if naming the field in `Connection` must not remove it: framing, routing, authentication
    /// and forwarding fields.
    pub(crate) fn is_protected(self) -> bool {
        matches!(
            self,
            Self::Host
                | Self::ContentLength
                | Self::TransferEncoding
                | Self::Credentials
                | Self::Login
                | Self::ForwardedFor
                | Self::ForwardedHost
                | Self::ForwardedProto
                | Self::Forwarded
        )
    }
}

/// Names that control how the content is read or when it is requested: both are settled before trailers.
const CONTROL: [&str; 12] = [
    "age",
    "cache-control",
    "content-encoding",
    "content-range",
    "content-type",
    "expires",
    "location",
    "pragma",
    "range",
    "retry-after",
    "vary",
    "warning",
];

/// Returns true if a field of this name is allowed in a trailer section (RFC 9110 section 6.5.1): nothing that
/// frames, routes, authenticates, forwards, or controls.
pub(crate) fn may_be_trailer(name: &[u8]) -> bool {
    matches!(Name::of(name), Name::Other | Name::Underscore)
        && !starts_with(name, "if-")
        && !CONTROL.iter().any(|control| name.eq_ignore_ascii_case(control.as_bytes()))
}

/// Returns true for a name that is one of these, or begins as they say.
pub(crate) fn is_dropped(name: &[u8], drop: &[String]) -> bool {
    let folded = |byte: u8| if byte == b'_' { b'-' } else { byte.to_ascii_lowercase() };
    drop.iter().any(|dropped| {
        let beginning = dropped.strip_suffix('*');
        let whole = beginning.is_some() || name.len() == dropped.len();
        let wanted = beginning.unwrap_or(dropped).as_bytes();
        whole
            && name.len() >= wanted.len()
            && name.iter().zip(wanted).all(|(byte, wanted)| folded(*byte) == *wanted)
    })
}

/// Prefixes of the names in which proxies pass the client's certificate to an application: RFC 9440 and the
/// conventions of nginx, ingress-nginx, Apache, HAProxy, Caddy, IIS, F5, WebLogic, WebSphere, Keycloak, Google,
/// AWS and Cloudflare. Those of Envoy and Traefik begin with `X-Forwarded-`.
const CERTIFICATE: [&str; 22] = [
    "client-cert",
    "cert-chain",
    "cf-cert-",
    "cf-client-cert",
    "ssl-",
    "sslclient",
    "tls-client",
    "wl-proxy-",
    "x-amzn-mtls",
    "x-arr-clientcert",
    "x-arr-ssl",
    "x-client-cert",
    "x-client-dn",
    "x-client-fingerprint",
    "x-client-i-dn",
    "x-client-s-dn",
    "x-client-serial",
    "x-client-verify",
    "x-mtls",
    "x-ssl",
    "x-tls-client",
    "$ws",
];

/// Returns true if the name begins with one of [`CERTIFICATE`]. A look at three letters rules out nearly all
/// others, and costs them no more.
#[inline]
fn tells_of_certificate(name: &[u8]) -> bool {
    let [first, second, third, ..] = name else { return false };
    let may = match first | 0x20 {
        b'c' => matches!(second | 0x20, b'l' | b'e' | b'f'),
        b's' => second | 0x20 == b's',
        b't' | b'w' => second | 0x20 == b'l',
        b'x' => matches!(third | 0x20, b'a' | b'c' | b'm' | b's' | b't'),
        _ => true,
    };
    may && begins_as_certificate(name)
}

#[cold]
fn begins_as_certificate(name: &[u8]) -> bool {
    CERTIFICATE.iter().any(|beginning| starts_with(name, beginning))
}

fn starts_with(name: &[u8], prefix: &str) -> bool {
    name.get(..prefix.len()).is_some_and(|start| start.eq_ignore_ascii_case(prefix.as_bytes()))
}

/// Space for the fields of one head: 8 KiB of stack that is not initialized before use. One per parse.
pub struct FieldSlots<'b> {
    pub(crate) headers: [MaybeUninit<Header<'b>>; MAX_FIELDS],
    pub(crate) names: [Name; MAX_FIELDS],
}

impl FieldSlots<'_> {
    /// Returns empty slots. Inlined, or the uninitialized 8 KiB would be copied on return.
    #[inline]
    pub fn new() -> Self {
        Self {
            headers: [const { MaybeUninit::uninit() }; MAX_FIELDS],
            names: [Name::Other; MAX_FIELDS],
        }
    }
}

impl Default for FieldSlots<'_> {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for FieldSlots<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FieldSlots").finish_non_exhaustive()
    }
}

/// The parsed fields of one head, in the order received.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Fields<'b> {
    headers: &'b [Header<'b>],
    names: &'b [Name],
}

impl<'b> Fields<'b> {
    /// Both slices have one element per field.
    pub(crate) fn new(headers: &'b [Header<'b>], names: &'b [Name]) -> Self {
        Self { headers, names }
    }

    /// Returns the meaning, name and value of each field.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (Name, &'b str, &'b [u8])> + use<'b> {
        self.headers.iter().zip(self.names).map(|(header, &name)| (name, header.name, header.value))
    }

    /// Returns the values of all fields of one meaning.
    pub(crate) fn all(&self, wanted: Name) -> impl Iterator<Item = &'b [u8]> + use<'b> {
        self.iter().filter(move |(name, ..)| *name == wanted).map(|(_, _, value)| value)
    }

    /// Returns the first value of the field called `name`.
    pub(crate) fn first(&self, name: &str) -> Option<&'b [u8]> {
        self.headers.iter().find(|h| h.name.eq_ignore_ascii_case(name)).map(|h| h.value)
    }
}

/// Writes the meaning of each header into its slot.
pub(crate) fn classify(headers: &[Header<'_>], names: &mut [Name]) {
    for (header, name) in headers.iter().zip(names) {
        *name = Name::of(header.name.as_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_means_something_only_if_it_is_that_name_to_its_last_letter() {
        let known = [
            "te",
            "via",
            "host",
            "date",
            "proxy",
            "expect",
            "cookie",
            "upgrade",
            "trailer",
            "forwarded",
            "x-real-ip",
            "connection",
            "keep-alive",
            "set-cookie",
            "tracestate",
            "traceparent",
            "x-client-ip",
            "content-type",
            "max-forwards",
            "x-request-id",
            "authorization",
            "x-rewrite-url",
            "content-length",
            "true-client-ip",
            "x-original-url",
            "http2-settings",
            "x-original-host",
            "x-forwarded-for",
            "x-forwarded-host",
            "www-authenticate",
            "x-forwarded-proto",
            "transfer-encoding",
            "x-cluster-client-ip",
            "x-forwarded-port",
            "proxy-connection",
        ];
        for name in known {
            assert_ne!(Name::of(name.as_bytes()), Name::Other, "{name}");
            assert_eq!(
                Name::of(name.as_bytes()),
                Name::of(name.to_uppercase().as_bytes()),
                "{name}"
            );
            // Same length and prefix, but another name.
            let (kept, last) = name.split_at(name.len() - 1);
            let other = if last == "q" { "z" } else { "q" };
            let changed = format!("{kept}{other}");
            let meaning = Name::of(changed.as_bytes());
            let family = if changed.starts_with("x-forwarded-") {
                Name::Forwarded
            } else if changed.starts_with("proxy-") {
                Name::Hop
            } else {
                Name::Other
            };
            assert_eq!(meaning, family, "{changed}");
        }
    }

    #[test]
    fn a_name_with_an_underscore_is_distinguished_from_one_that_could_be_taken_for_ours() {
        for (name, meaning) in [
            ("proxy-status", Name::Other),
            ("proxied-by", Name::Other),
            ("user_id", Name::Underscore),
            ("x-user_id", Name::Underscore),
            ("_", Name::Underscore),
            ("grpc_status", Name::Underscore),
            ("X_Forwarded_For", Name::Lookalike),
            ("x-forwarded_for", Name::Lookalike),
            ("x_forwarded-anything", Name::Lookalike),
            ("content_length", Name::Lookalike),
            ("transfer_encoding", Name::Lookalike),
            ("proxy_authorization", Name::Lookalike),
            ("x_request_id", Name::Lookalike),
            ("x_real_ip", Name::Lookalike),
        ] {
            assert_eq!(Name::of(name.as_bytes()), meaning, "{name}");
        }
    }
}
