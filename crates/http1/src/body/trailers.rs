//! The trailer section (RFC 9112 section 7.1.2). Guarantees that a trailer can never act like a
//! field of the head: framing, routing, authentication and forwarding names are dropped, and what
//! remains stays a trailer. Never allocates for a body without trailers.

use super::BodyError;
use crate::field::{is_dropped, may_be_trailer};
use crate::{Forwarding, Limits, token};

#[derive(Debug)]
pub(super) struct Trailers {
    /// The received lines, once there are any; boxed, since few bodies have trailers.
    section: Option<Box<Section>>,
    rules: Rules,
}

#[derive(Debug, Default)]
struct Section {
    /// The line that is arriving, without its LF.
    line: Vec<u8>,
    /// The lines that may be passed on, in canonical form.
    kept: Vec<u8>,
    bytes: usize,
    fields: usize,
}

#[derive(Debug)]
struct Rules {
    /// The limits of a head. Dropped lines count, and so does the empty one.
    limits: Limits,
    /// Further names that are not passed on, as in [`Forwarding::drop`].
    drop: Box<[String]>,
    /// Names with an underscore are passed on.
    underscores: bool,
}

impl Trailers {
    pub(super) fn new() -> Self {
        let (limits, drop) = (Limits::default(), Box::default());
        Self { section: None, rules: Rules { limits, drop, underscores: true } }
    }

    pub(super) fn limit(&mut self, limits: Limits) {
        self.rules.limits = limits;
    }

    pub(super) fn filter(&mut self, forwarding: &Forwarding<'_>) {
        self.rules.underscores = forwarding.underscores;
        self.rules.drop = if forwarding.trusted { Box::default() } else { forwarding.drop.into() };
    }

    pub(super) fn lines(&self) -> &[u8] {
        self.section.as_ref().map_or(&[], |section| &section.kept)
    }

    /// Takes input up to the end of the section; returns how many bytes it took and whether the section has ended.
    pub(super) fn take(&mut self, input: &[u8]) -> Result<(usize, bool), BodyError> {
        if self.section.is_none() && input.starts_with(b"\r\n") {
            return Ok((2, true));
        }
        self.section.get_or_insert_default().take(input, &self.rules)
    }
}

impl Section {
    fn take(&mut self, input: &[u8], rules: &Rules) -> Result<(usize, bool), BodyError> {
        let mut used = 0;
        for piece in input.split_inclusive(|&b| b == b'\n') {
            used += piece.len();
            self.bytes += piece.len();
            if self.bytes > rules.limits.head_bytes {
                return Err(fail("The trailers are longer than a head is allowed to be."));
            }
            let Some((b'\n', text)) = piece.split_last() else {
                self.line.extend_from_slice(piece);
                break;
            };
            if self.line.is_empty() {
                if self.take_line(text, rules)? {
                    return Ok((used, true));
                }
            } else {
                self.line.extend_from_slice(text);
                let line = std::mem::take(&mut self.line);
                if self.take_line(&line, rules)? {
                    return Ok((used, true));
                }
            }
        }
        Ok((used, false))
    }

    /// Takes one line without its LF; returns true for the empty one.
    fn take_line(&mut self, line: &[u8], rules: &Rules) -> Result<bool, BodyError> {
        let Some((b'\r', line)) = line.split_last() else {
            return Err(fail("A trailer line ends in LF without CR."));
        };
        if line.is_empty() {
            return Ok(true);
        }
        self.fields += 1;
        if self.fields > rules.limits.fields {
            return Err(fail("There are more trailers than fields allowed in a head."));
        }
        let colon = line.iter().position(|&b| b == b':').ok_or(MALFORMED)?;
        let (name, value) = (&line[..colon], token::trim(&line[colon + 1..]));
        if !token::is_token(name) || !value.iter().all(|&b| token::is_value_byte(b)) {
            return Err(MALFORMED);
        }
        let underscored = !rules.underscores && name.contains(&b'_');
        if may_be_trailer(name) && !underscored && !is_dropped(name, &rules.drop) {
            for part in [name, b": ", value, b"\r\n"] {
                self.kept.extend_from_slice(part);
            }
        }
        Ok(false)
    }
}

const MALFORMED: BodyError =
    BodyError { reason: "A trailer is not a name, a colon and a value on one line." };

fn fail(reason: &'static str) -> BodyError {
    BodyError { reason }
}
