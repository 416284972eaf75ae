//! The length of a body (RFC 9112 section 6). Guarantees one answer per message, or a refusal: no rule lets one
//! of two contradicting fields win.

use crate::token;

/// The way the end of a body is found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BodyLength {
    /// No body, and no field that gives a length.
    None,
    /// Exactly this many bytes.
    Length(u64),
    /// Chunked transfer coding.
    Chunked,
    /// Responses only: until the peer closes.
    UntilClose,
}

/// The framing fields of one head, as collected field by field.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Framing<'b> {
    /// Digits as received and their value.
    length: Option<(&'b [u8], u64)>,
    coding: Option<Coding>,
}

/// The content of `Transfer-Encoding`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Coding {
    /// Exactly one `chunked`.
    Chunked,
    /// Ends in `chunked`, with codings before it that we do not support.
    Unknown,
    /// Anything else, or more than one field.
    Malformed,
}

/// A `Content-Length` that is not a single number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct BadLength;

impl<'b> Framing<'b> {
    /// Takes one `Content-Length` value: a number, or the same number several times (RFC 9112
    /// section 6.3 rule 5), written in the same way.
    pub(crate) fn content_length(&mut self, value: &'b [u8]) -> Result<(), BadLength> {
        for element in token::elements(value) {
            match self.length {
                Some((text, _)) if text == element => {}
                Some(_) => return Err(BadLength),
                None => {
                    let number = token::number(element).ok_or(BadLength)?;
                    self.length = Some((element, number));
                }
            }
        }
        Ok(())
    }

    /// Takes one `Transfer-Encoding` value. A second field is malformed whatever its value: its only use is
    /// request smuggling.
    pub(crate) fn transfer_encoding(&mut self, value: &[u8]) {
        let coding = if self.coding.is_some() { Coding::Malformed } else { coding(value) };
        self.coding = Some(coding);
    }

    pub(crate) fn length(&self) -> Option<u64> {
        self.length.map(|(_, number)| number)
    }

    pub(crate) fn coding(&self) -> Option<Coding> {
        self.coding
    }
}

fn coding(value: &[u8]) -> Coding {
    if value.eq_ignore_ascii_case(b"chunked") {
        return Coding::Chunked;
    }
    let mut last_is_chunked = false;
    for element in token::elements(value) {
        if last_is_chunked || !token::is_token(element) {
            return Coding::Malformed;
        }
        last_is_chunked = element.eq_ignore_ascii_case(b"chunked");
    }
    if last_is_chunked { Coding::Unknown } else { Coding::Malformed }
}
