//! The content of a request's fields, each collected once. Guarantees that a field which may appear once is
//! refused when it appears twice.

use crate::{
    BodyLength, Method, Reject, Version,
    field::{Fields, Name},
    framing::{Coding, Framing},
    login, token,
};

#[derive(Default)]
pub(super) struct Facts<'b> {
    pub(super) host: Option<&'b [u8]>,
    /// The value of the only `Upgrade` field; several are ignored.
    pub(super) upgrade: Option<&'b [u8]>,
    pub(super) request_id: Option<&'b str>,
    pub(super) accepts_trailers: bool,
    pub(super) binds: bool,
    pub(super) grpc: bool,
    framing: Framing<'b>,
    expect: Expect,
    max_forwards: MaxForwards,
    upgrades: usize,
    request_ids: usize,
}

#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Expect {
    #[default]
    Nothing,
    Continue,
    Other,
}

#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum MaxForwards {
    #[default]
    Absent,
    Hops(u32),
    Malformed,
}

impl<'b> Facts<'b> {
    pub(super) fn collect(fields: Fields<'b>) -> Result<Self, Reject> {
        let mut facts = Self::default();
        for (name, _, value) in fields.iter() {
            if name != Name::Other {
                facts.take(name, value)?;
            }
        }
        Ok(facts)
    }

    fn take(&mut self, name: Name, value: &'b [u8]) -> Result<(), Reject> {
        match name {
            Name::Host => {
                let before = self.host.replace(value);
                if before.is_some() {
                    return Err(Reject::bad("The request has more than one Host field."));
                }
            }
            Name::ContentLength => {
                self.framing.content_length(value).map_err(|_| BAD_LENGTH)?;
            }
            Name::TransferEncoding => self.framing.transfer_encoding(value),
            Name::Te => {
                self.accepts_trailers |=
                    token::elements(value).any(|e| e.eq_ignore_ascii_case(b"trailers"));
            }
            Name::Upgrade => {
                self.upgrades += 1;
                self.upgrade = (self.upgrades == 1).then_some(value);
            }
            Name::Expect => {
                let first = self.expect == Expect::Nothing;
                let known = value.eq_ignore_ascii_case(b"100-continue");
                self.expect = if first && known { Expect::Continue } else { Expect::Other };
            }
            Name::ContentType => self.grpc = value.starts_with(b"application/grpc"),
            Name::RequestId => {
                self.request_ids += 1;
                self.request_id = if self.request_ids == 1 { request_id(value) } else { None };
            }
            Name::Login => self.binds |= login::binds(value),
            Name::MaxForwards => self.max_forwards = max_forwards(self.max_forwards, value),
            _ => {}
        }
        Ok(())
    }

    /// RFC 9112 section 6.3, without its lenient cases.
    pub(super) fn body(&self, method: Method<'_>, version: Version) -> Result<BodyLength, Reject> {
        let length = self.framing.length();
        match self.framing.coding() {
            Some(_) if version == Version::Http10 => {
                Err(Reject::bad("Transfer-Encoding does not exist in HTTP/1.0."))
            }
            Some(_) if length.is_some() => {
                Err(Reject::bad("The request has both Content-Length and Transfer-Encoding."))
            }
            Some(Coding::Chunked) => Ok(BodyLength::Chunked),
            Some(Coding::Unknown) => {
                Err(Reject::new(501, "The only transfer coding supported is chunked."))
            }
            Some(Coding::Malformed) => {
                Err(Reject::bad("Transfer-Encoding must be chunked and nothing else."))
            }
            None => match length {
                Some(length) => Ok(BodyLength::Length(length)),
                // RFC 1945 section 8.3: without a length, such a body would end only with the connection.
                None if version == Version::Http10 && brings_content(method) => {
                    Err(Reject::bad("An HTTP/1.0 request with this method needs Content-Length."))
                }
                None => Ok(BodyLength::None),
            },
        }
    }

    /// RFC 9110 section 10.1.1: ignored in HTTP/1.0, and without content there is nothing to wait for.
    pub(super) fn expects_continue(
        &self,
        version: Version,
        body: BodyLength,
    ) -> Result<bool, Reject> {
        match self.expect {
            Expect::Nothing => Ok(false),
            Expect::Other => Err(Reject::new(417, "The only known expectation is 100-continue.")),
            Expect::Continue => Ok(version == Version::Http11
                && !matches!(body, BodyLength::None | BodyLength::Length(0))),
        }
    }

    /// RFC 9110 section 7.6.2: defined for OPTIONS and TRACE only.
    pub(super) fn max_forwards(&self, method: Method<'_>) -> Result<Option<u32>, Reject> {
        match self.max_forwards {
            _ if method != Method::Options => Ok(None),
            MaxForwards::Absent => Ok(None),
            MaxForwards::Hops(hops) => Ok(Some(hops)),
            MaxForwards::Malformed => Err(Reject::bad("Max-Forwards must be a single number.")),
        }
    }
}

const BAD_LENGTH: Reject =
    Reject::bad("Content-Length must be a single decimal number, at most 2^63.");

fn brings_content(method: Method<'_>) -> bool {
    matches!(method, Method::Post | Method::Put | Method::Patch)
}

fn request_id(value: &[u8]) -> Option<&str> {
    let valid = (1..=128).contains(&value.len())
        && value.iter().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-'));
    if valid { std::str::from_utf8(value).ok() } else { None }
}

fn max_forwards(before: MaxForwards, value: &[u8]) -> MaxForwards {
    match token::number(value) {
        Some(hops) if before == MaxForwards::Absent => {
            MaxForwards::Hops(u32::try_from(hops).unwrap_or(u32::MAX))
        }
        _ => MaxForwards::Malformed,
    }
}
