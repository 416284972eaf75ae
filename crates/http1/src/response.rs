//! A parsed response head. A target is trusted no more than a client: guarantees that a [`Response`] has one
//! body length. Anything else is a [`BadResponse`], after which the connection cannot be used any further (RFC
//! 9112 section 11.1, response splitting).

use std::{mem::MaybeUninit, time::Duration};

use httparse::Header;

use crate::{
    BadResponse, BodyLength, FieldSlots, Limits, MAX_FIELDS, Version,
    connection::{self, Options},
    field::{self, Fields, Name},
    framing::{Coding, Framing},
    login, token, upgrade,
};

/// The parts of the request that the response depends on.
#[derive(Clone, Copy, Debug, Default)]
pub struct RequestContext<'a> {
    /// The method was HEAD: there is no body, whatever the fields say.
    pub head: bool,
    /// The protocols of the `Upgrade` that was sent; `None` makes a 101 a [`BadResponse`].
    pub upgrade: Option<&'a str>,
}

/// A valid response head. Borrows the read buffer that it was parsed from.
#[derive(Clone, Copy, Debug)]
pub struct Response<'b> {
    /// 100 to 599.
    pub status: u16,
    /// The version that the target speaks.
    pub version: Version,
    /// The length of the body, by method, status and fields.
    pub body: BodyLength,
    /// True if the connection may be reused once the body is read to its end.
    pub persistent: bool,
    /// The time for which the target keeps an idle connection open, if it says so (`Keep-Alive: timeout=5`).
    pub keep_alive_timeout: Option<Duration>,
    /// Only in a 101: the protocol spoken from here on, one of those asked for.
    pub upgrade: Option<&'b str>,
    /// The content is `text/event-stream`.
    pub event_stream: bool,
    /// Only in a 426: the protocols that the target requires, which such an answer has to name.
    pub(crate) required_upgrade: Option<&'b str>,
    /// True for a response of a login that binds the connection to the target: NTLM or Negotiate.
    pub binds: bool,
    pub(crate) reason: &'b str,
    pub(crate) fields: Fields<'b>,
    /// `Content-Length` of a response to HEAD or a 304: the length that a body would have had.
    pub(crate) described_length: Option<u64>,
    /// The size of the head as received, in bytes.
    pub(crate) head_bytes: usize,
}

impl<'b> Response<'b> {
    /// Parses `head`, which [`HeadScan::scan_response`](crate::HeadScan::scan_response) found, to its last byte.
    ///
    /// # Errors
    /// For anything malformed, ambiguous or not asked for.
    pub fn parse(
        head: &'b [u8],
        slots: &'b mut FieldSlots<'b>,
        asked: &RequestContext<'_>,
        limits: &Limits,
    ) -> Result<Self, BadResponse> {
        let line = read(head, slots, limits)?;
        let facts = Facts::collect(line.fields)?;
        if line.options.too_many {
            return Err(bad("The target's Connection field has too many options."));
        }
        let (body, described_length) = facts.body(line.status, line.version, asked)?;
        let http11 = line.version == Version::Http11;
        let upgrade = match line.status {
            101 => Some(facts.switched(&line, asked)?),
            _ => None,
        };
        let required_upgrade = facts.upgrade.filter(|_| line.status == 426);
        // Content with a status that has none: it may still be sent and be parsed as the next response.
        let described = facts.framing.length().unwrap_or(0) > 0;
        let contradicts = line.status == 204 && (described || facts.framing.coding().is_some());
        Ok(Self {
            status: line.status,
            version: line.version,
            body,
            persistent: (http11 || line.options.keep_alive)
                && !line.options.close
                && !line.options.malformed
                && !contradicts
                && body != BodyLength::UntilClose
                && line.status != 101,
            keep_alive_timeout: facts.keep_alive_timeout,
            upgrade,
            event_stream: facts.event_stream,
            binds: facts.binds,
            required_upgrade: required_upgrade.and_then(upgrade::acceptable),
            reason: line.reason,
            fields: line.fields,
            described_length,
            head_bytes: head.len(),
        })
    }

    /// Returns the first value of a field, case-insensitively by name.
    pub fn field(&self, name: &str) -> Option<&'b [u8]> {
        self.fields.first(name)
    }

    /// Returns the values of all fields of a name, case-insensitively.
    pub fn fields<'n>(&self, name: &'n str) -> impl Iterator<Item = &'b [u8]> + use<'b, 'n> {
        let named = move |found: &str| found.eq_ignore_ascii_case(name);
        self.fields.iter().filter(move |(_, found, _)| named(found)).map(|(_, _, value)| value)
    }
}

const fn bad(reason: &'static str) -> BadResponse {
    BadResponse { reason }
}

struct Line<'b> {
    status: u16,
    version: Version,
    reason: &'b str,
    fields: Fields<'b>,
    options: Options,
}

fn read<'b>(
    head: &'b [u8],
    slots: &'b mut FieldSlots<'b>,
    limits: &Limits,
) -> Result<Line<'b>, BadResponse> {
    if head.len() > limits.head_bytes {
        return Err(bad("The target's head is too large."));
    }
    if head.first() != Some(&b'H') {
        return Err(bad("The target does not answer in HTTP."));
    }
    let room = &mut slots.headers[..limits.fields.min(MAX_FIELDS)];
    let (parsed, headers) = tokenize(head, room)?;
    // As for requests: as many CRs as lines means that no line ends in a bare LF.
    if token::count(head, b'\r') != headers.len() + 2 {
        return Err(bad("The target's head has a line that ends in LF without CR."));
    }
    let (Some(status), Some(minor)) = (parsed.0, parsed.1) else {
        return Err(BAD_STATUS_LINE);
    };
    if !(100..=599).contains(&status) {
        return Err(bad("The target's status code is not between 100 and 599."));
    }
    let names = &mut slots.names[..headers.len()];
    field::classify(headers, names);
    let options = connection::read(headers, names);
    let version = if minor == 0 { Version::Http10 } else { Version::Http11 };
    let fields = Fields::new(headers, names);
    Ok(Line { status, version, reason: parsed.2.unwrap_or(""), fields, options })
}

type StatusLine<'b> = (Option<u16>, Option<u8>, Option<&'b str>);

fn tokenize<'b>(
    head: &'b [u8],
    room: &'b mut [MaybeUninit<Header<'b>>],
) -> Result<(StatusLine<'b>, &'b [Header<'b>]), BadResponse> {
    let mut response = httparse::Response::new(&mut []);
    let config = httparse::ParserConfig::default();
    match config.parse_response_with_uninit_headers(&mut response, head, room) {
        Ok(httparse::Status::Complete(length)) if length == head.len() => {}
        Ok(_) => return Err(bad("The target's head is incomplete, or more bytes follow it.")),
        Err(httparse::Error::TooManyHeaders) => {
            return Err(bad("The target's head has too many fields."));
        }
        Err(httparse::Error::HeaderName | httparse::Error::HeaderValue) => {
            return Err(bad("The target's head has a malformed or folded field line."));
        }
        Err(_) => return Err(BAD_STATUS_LINE),
    }
    Ok(((response.code, response.version, response.reason), response.headers))
}

const BAD_STATUS_LINE: BadResponse =
    bad("The target's status line is not HTTP/1.1 or HTTP/1.0, three digits and a phrase.");

/// The content of a response's fields.
#[derive(Default)]
struct Facts<'b> {
    framing: Framing<'b>,
    keep_alive_timeout: Option<Duration>,
    /// The value of the only `Upgrade` field; several count as none.
    upgrade: Option<&'b [u8]>,
    event_stream: bool,
    binds: bool,
}

impl<'b> Facts<'b> {
    fn collect(fields: Fields<'b>) -> Result<Self, BadResponse> {
        let mut facts = Self::default();
        let mut upgrades = 0;
        for (name, _, value) in fields.iter() {
            match name {
                Name::ContentLength => {
                    facts.framing.content_length(value).map_err(|_| BAD_LENGTH)?;
                }
                Name::TransferEncoding => facts.framing.transfer_encoding(value),
                Name::KeepAlive => facts.keep_alive_timeout = timeout(value),
                Name::Upgrade => {
                    upgrades += 1;
                    facts.upgrade = (upgrades == 1).then_some(value);
                }
                Name::Login => facts.binds |= login::goes_on(value),
                Name::ContentType => facts.event_stream = is_event_stream(value),
                _ => {}
            }
        }
        Ok(facts)
    }

    /// RFC 9112 section 6.3 for responses, and the described length where there is no body. Fields allowed in a
    /// response without a body, whatever version the client speaks:
    ///
    /// | response | `Content-Length` | `Transfer-Encoding: chunked` |
    /// |---|---|---|
    /// | to HEAD, 304 | passed on: it describes the other response | allowed (section 6.1), dropped |
    /// | 204 | dropped; above 0 the connection is not used again | the same: wrong, but unambiguous |
    /// | 1xx, 101 too | 0 is dropped, others are bad: the connection goes on | bad |
    ///
    /// Both together, another coding, or a coding in HTTP/1.0 are bad with every status. There are no
    /// responses to CONNECT: it is refused.
    fn body(
        &self,
        status: u16,
        version: Version,
        asked: &RequestContext<'_>,
    ) -> Result<(BodyLength, Option<u64>), BadResponse> {
        let length = self.framing.length();
        let coding = self.framing.coding();
        if coding.is_some() {
            if version == Version::Http10 {
                return Err(bad("The target sent Transfer-Encoding in an HTTP/1.0 response."));
            }
            if length.is_some() {
                return Err(bad("The target sent both Content-Length and Transfer-Encoding."));
            }
            if coding != Some(Coding::Chunked) {
                return Err(bad("The target's Transfer-Encoding is something other than chunked."));
            }
            // A body sent anyway would be parsed as the next response, and after an interim one there is a next.
            if status < 200 {
                return Err(bad("The target sent Transfer-Encoding with a 1xx status."));
            }
        }
        if status < 200 {
            return match length {
                None | Some(0) => Ok((BodyLength::None, None)),
                Some(_) => Err(bad("The target sent Content-Length with a 1xx status.")),
            };
        }
        match (coding, length) {
            _ if status == 204 => Ok((BodyLength::None, None)),
            _ if asked.head || status == 304 => Ok((BodyLength::None, length)),
            (Some(_), _) => Ok((BodyLength::Chunked, None)),
            (None, Some(length)) => Ok((BodyLength::Length(length), None)),
            (None, None) => Ok((BodyLength::UntilClose, None)),
        }
    }

    /// Returns the protocol of a 101, which must be one that was asked for (RFC 9110 section 15.2.2). A
    /// WebSocket's 101 must carry a Sec-WebSocket-Accept (RFC 6455 section 4.1).
    fn switched(
        &self,
        line: &Line<'b>,
        asked: &RequestContext<'_>,
    ) -> Result<&'b str, BadResponse> {
        let Some(wish) = asked.upgrade else {
            return Err(bad("The target sent 101 without being asked to switch protocols."));
        };
        let answer =
            self.upgrade.filter(|_| line.options.upgrade && line.version == Version::Http11);
        let protocol = answer
            .filter(|answer| upgrade::answers(answer, wish))
            .and_then(upgrade::acceptable)
            .ok_or(bad("The target's 101 does not name a protocol that was asked for."))?;
        // Only the side that made the key can check the value, and must.
        let accepted = line.fields.first("sec-websocket-accept").is_some_and(|v| !v.is_empty());
        if protocol.eq_ignore_ascii_case("websocket") && !accepted {
            return Err(bad("The target's 101 to a WebSocket has no Sec-WebSocket-Accept."));
        }
        Ok(protocol)
    }
}

const BAD_LENGTH: BadResponse = bad("The target's Content-Length is not a single decimal number.");

/// Parses `timeout=N` of a `Keep-Alive` field, in seconds.
fn timeout(value: &[u8]) -> Option<Duration> {
    token::elements(value).find_map(|parameter| {
        let (name, seconds) = parameter.split_at_checked(b"timeout=".len())?;
        name.eq_ignore_ascii_case(b"timeout=").then_some(())?;
        token::number(seconds).map(Duration::from_secs)
    })
}

fn is_event_stream(value: &[u8]) -> bool {
    let media_type = value.split(|&b| b == b';').next().unwrap_or(value);
    token::trim(media_type).eq_ignore_ascii_case(b"text/event-stream")
}
