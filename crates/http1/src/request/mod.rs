//! A parsed request head. Guarantees that a [`Request`] has one host, one target, one body length and one
//! meaning; anything else is a [`Reject`]. Never decides where the request goes.

mod facts;
mod head;
mod host;
mod target;

use crate::{
    BodyLength, FieldSlots, Limits, Method, Reject, Version, cookie,
    field::{Fields, Name},
    token, upgrade,
};
use facts::Facts;

/// A valid request head. Borrows the read buffer that it was parsed from.
#[derive(Clone, Copy, Debug)]
pub struct Request<'b> {
    /// The method; never [`Method::Connect`] or [`Method::Trace`].
    pub method: Method<'b>,
    /// The version that the client speaks.
    pub version: Version,
    /// The host and port as the client wrote them, from `Host` or the absolute-form target. Empty
    /// only for an HTTP/1.0 request that has neither.
    pub host: &'b str,
    /// The target sent upstream: origin-form, byte for byte as received, or `*`.
    pub target: &'b str,
    /// [`target`](Self::target) without the query.
    pub path: &'b str,
    /// Never [`BodyLength::UntilClose`].
    pub body: BodyLength,
    /// True if the client will send another request on its connection.
    pub persistent: bool,
    /// The protocols that the client asks to upgrade to, in its order, if an upgrade is possible: HTTP/1.1,
    /// `Connection: upgrade`, one well-formed `Upgrade` field, and none of its protocols concerns the HTTP
    /// connection itself (`h2c`, `TLS/1.3`). Any method and any body are allowed (RFC 9110 section 7.8), except
    /// that a WebSocket needs a GET without content (RFC 6455 section 4.1). After a request with a body the
    /// target's connection must not carry another one: some targets ignore the body of an `Upgrade` request and
    /// would parse it as a request.
    pub upgrade: Option<&'b str>,
    /// True if the client waits for a 100 before it sends its body.
    pub expect_continue: bool,
    /// The client's `X-Request-Id`, if there is one, of 1 to 128 of `[A-Za-z0-9._-]`.
    pub request_id: Option<&'b str>,
    /// `Max-Forwards` of an OPTIONS request (RFC 9110 section 7.6.2); at 0 Teal answers itself.
    pub max_forwards: Option<u32>,
    /// True for a request of a login that binds the connection to the target: NTLM or Negotiate.
    pub binds: bool,
    pub(crate) fields: Fields<'b>,
    /// True if the client accepts trailers in the response (`TE: trailers`).
    pub(crate) accepts_trailers: bool,
    /// True for gRPC content (`application/grpc` and every type that begins with it).
    pub grpc: bool,
    /// The size of the head as received, in bytes.
    pub(crate) head_bytes: usize,
}

impl<'b> Request<'b> {
    /// Parses `head`, which [`HeadScan`](crate::HeadScan) found, to its last byte.
    ///
    /// # Errors
    /// 400 for anything malformed or ambiguous; 405 for TRACE; 414 and 431 beyond `limits`; 417 for
    /// an expectation other than `100-continue`; 501 for CONNECT, a method of more than 32 bytes,
    /// or a transfer coding before `chunked`; 505 for a major version other than 1.
    pub fn parse(
        head: &'b [u8],
        slots: &'b mut FieldSlots<'b>,
        limits: &Limits,
    ) -> Result<Self, Reject> {
        let tokens = head::read(head, slots, limits)?;
        let facts = Facts::collect(tokens.fields)?;
        let options = tokens.options;
        if options.malformed || options.too_many {
            return Err(BAD_CONNECTION);
        }
        if options.names_protected {
            return Err(PROTECTED);
        }
        let target = target::parse(tokens.method, tokens.target)?;
        let host = host::decide(facts.host, target.authority, tokens.version)?;
        let body = facts.body(tokens.method, tokens.version)?;
        let http11 = tokens.version == Version::Http11;
        let empty = matches!(body, BodyLength::None | BodyLength::Length(0));
        let upgrade = match facts.upgrade {
            Some(list) if http11 && options.upgrade => upgrade::acceptable(list).filter(|list| {
                empty && tokens.method == Method::Get || !upgrade::asks_for_websocket(list)
            }),
            _ => None,
        };
        Ok(Self {
            method: tokens.method,
            version: tokens.version,
            host,
            target: target.text,
            path: target.path,
            body,
            persistent: !options.close && (http11 || options.keep_alive),
            upgrade,
            expect_continue: facts.expects_continue(tokens.version, body)?,
            request_id: facts.request_id,
            max_forwards: facts.max_forwards(tokens.method)?,
            binds: facts.binds,
            fields: tokens.fields,
            accepts_trailers: http11 && facts.accepts_trailers,
            grpc: facts.grpc,
            head_bytes: head.len(),
        })
    }

    /// Returns true if the request has already passed the proxy that calls itself `instance` in `Via` (RFC 9110
    /// section 7.6.3): forwarding it would be a loop.
    pub fn via_contains(&self, instance: &str) -> bool {
        self.fields.all(Name::Via).flat_map(token::elements).any(|element| {
            let mut words = element.split(|&b| b == b' ' || b == b'\t').filter(|w| !w.is_empty());
            words.nth(1) == Some(instance.as_bytes())
        })
    }

    /// Returns the client's `traceparent`, if there is exactly one (W3C Trace Context: more than one count as none).
    pub fn trace_parent(&self) -> Option<&'b [u8]> {
        let mut values = self.fields.all(Name::TraceParent);
        values.next().filter(|_| values.next().is_none())
    }

    /// Returns the values of `tracestate`, which form one list.
    pub fn trace_state(&self) -> impl Iterator<Item = &'b [u8]> + use<'b> {
        self.fields.all(Name::TraceState)
    }

    /// Returns the first value of a field, case-insensitively by name. Not for framing, routing or forwarding
    /// fields, which are interpreted here.
    pub fn field(&self, name: &str) -> Option<&'b [u8]> {
        self.fields.first(name)
    }

    /// Returns the values of the cookies with this name, in the order received.
    pub fn cookies(&self, name: &'b str) -> impl Iterator<Item = &'b [u8]> + use<'b> {
        let fields = self.fields.all(Name::Credentials);
        // `Set-Cookie` has no meaning in a request.
        fields.flat_map(move |field| cookie::values(field, name))
    }
}

const BAD_CONNECTION: Reject =
    Reject::bad("The Connection field must be a short list of option names.");
const PROTECTED: Reject = Reject::bad(
    "The Connection field names a framing, host, authentication or forwarding field, which cannot \
     be hop-by-hop.",
);
