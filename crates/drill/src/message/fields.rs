//! The fields of a head or a trailer section, and the body length that they declare.

use super::{Malformed, malformed};

/// The fields of a head or a trailer section, in the order received.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Fields(Vec<(String, String)>);

/// The framing of a body (RFC 9112 section 6.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Framing {
    /// No body.
    None,
    /// `Content-Length`: exactly this many bytes.
    Length(u64),
    /// `Transfer-Encoding: chunked`: until the last chunk.
    Chunked,
    /// Answers only: until the connection ends; cannot be distinguished from a truncated body.
    UntilClose,
}

impl Fields {
    /// The fields that `httparse` has found in these bytes of a head, which it reads less strictly.
    pub fn parsed(head: &[u8], found: &[httparse::Header<'_>]) -> Result<Self, Malformed> {
        check_lines(head)?;
        let owned = found.iter().map(|field| {
            (field.name.to_owned(), String::from_utf8_lossy(field.value).into_owned())
        });
        Ok(owned.collect())
    }

    /// The first value of `name`.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(own, _)| own.eq_ignore_ascii_case(name)).map(|(_, value)| &**value)
    }

    /// All values of `name`.
    pub fn all(&self, name: &str) -> Vec<&str> {
        let named = self.0.iter().filter(|(own, _)| own.eq_ignore_ascii_case(name));
        named.map(|(_, value)| &**value).collect()
    }

    /// Every field as name and value.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (&**name, &**value))
    }

    /// The declared framing; `otherwise` without any. An invalid length, or two of them, make a message unusable.
    pub fn framing(&self, otherwise: Framing) -> Result<Framing, Malformed> {
        let (lengths, codings) = (self.all("content-length"), self.all("transfer-encoding"));
        match (lengths.as_slice(), codings.as_slice()) {
            ([], []) => Ok(otherwise),
            ([digits], []) if digits.bytes().all(|byte| byte.is_ascii_digit()) => {
                let length = digits.parse().map(Framing::Length);
                length.or_else(|_| malformed(format!("Content-Length {digits:?} is not a number")))
            }
            ([], [coding]) if coding.eq_ignore_ascii_case("chunked") => Ok(Framing::Chunked),
            _ => malformed(format!(
                "Content-Length {lengths:?} and Transfer-Encoding {codings:?} are not one length"
            )),
        }
    }

    /// Returns true if they announce the end of the connection.
    pub(super) fn close(&self) -> bool {
        let mut options = self.all("connection").into_iter().flat_map(|value| value.split(','));
        options.any(|option| option.trim().eq_ignore_ascii_case("close"))
    }

    /// Adds a trailer; the line has lost its end.
    pub(super) fn add_trailer(&mut self, line: &[u8]) -> Result<(), Malformed> {
        let text = String::from_utf8_lossy(line);
        let Some((name, value)) = text.split_once(':') else {
            return malformed(format!("the trailer {text:?} has no colon"));
        };
        if self.0.len() == super::FIELDS_MAX {
            return malformed(format!("there are over {} trailers", super::FIELDS_MAX));
        }
        if name.is_empty() || !name.bytes().all(|byte| byte.is_ascii_graphic()) {
            return malformed(format!("a trailer is named {name:?}"));
        }
        if line.iter().any(|byte| is_control(*byte)) {
            return malformed("there is a control character in a trailer");
        }
        self.0.push((name.to_owned(), value.trim().to_owned()));
        Ok(())
    }
}

impl FromIterator<(String, String)> for Fields {
    fn from_iter<I: IntoIterator<Item = (String, String)>>(fields: I) -> Self {
        Fields(fields.into_iter().collect())
    }
}

/// Checks that a head has no bare CR or LF, no control characters, and no empty or continued lines.
fn check_lines(head: &[u8]) -> Result<(), Malformed> {
    let Some(mut rest) = head.strip_suffix(b"\r\n") else {
        return malformed("the empty line after a head ends without CR");
    };
    while !rest.is_empty() {
        let end = rest.iter().position(|byte| *byte == b'\n').map_or(rest.len(), |at| at + 1);
        let (line, behind) = rest.split_at(end);
        let Some(line) = line.strip_suffix(b"\r\n") else {
            return malformed("a line of a head ends without CR");
        };
        if line.iter().any(|byte| is_control(*byte)) {
            return malformed("there is a control character in a head");
        }
        if line.first().is_none_or(|byte| matches!(byte, b' ' | b'\t')) {
            return malformed("there is an empty or continued line in a head");
        }
        rest = behind;
    }
    Ok(())
}

fn is_control(byte: u8) -> bool {
    (byte < 0x20 && byte != b'\t') || byte == 0x7f
}
