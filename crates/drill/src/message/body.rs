//! The body of a message, piece by piece, and its trailers (RFC 9112 sections 6 and 7).

use bytes::{Buf as _, BytesMut};

use super::{Fields, Framing, Grammar, Malformed, malformed};

/// The longest line of a chunked body.
const LINE_BYTES_MAX: usize = 64 * 1024;

/// A reader of one body.
#[derive(Debug)]
pub struct Body {
    state: State,
    chunked: bool,
    grammar: Grammar,
    trailers: Fields,
}

/// The next part of a body.
#[derive(Debug, PartialEq, Eq)]
pub enum Part {
    /// These bytes of it.
    Data(BytesMut),
    /// None yet: more bytes must be received.
    More,
    /// Its end.
    End,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// This many bytes are left, of the body or of the chunk.
    Data(u64),
    /// The line with the size of a chunk.
    Size,
    Trailers,
    UntilClose,
    End,
}

impl Body {
    /// A reader of a body with this framing.
    pub fn new(framing: Framing, grammar: Grammar) -> Self {
        let state = match framing {
            Framing::None | Framing::Length(0) => State::End,
            Framing::Length(length) => State::Data(length),
            Framing::Chunked => State::Size,
            Framing::UntilClose => State::UntilClose,
        };
        let chunked = framing == Framing::Chunked;
        Self { state, chunked, grammar, trailers: Fields::default() }
    }

    /// Takes the next part out of the bytes received.
    pub fn next(&mut self, buffer: &mut BytesMut) -> Result<Part, Malformed> {
        loop {
            self.state = match self.state {
                State::End => return Ok(Part::End),
                State::Data(_) | State::UntilClose if buffer.is_empty() => return Ok(Part::More),
                State::UntilClose => return Ok(Part::Data(buffer.split())),
                State::Data(left) => return self.data(left, buffer),
                State::Size | State::Trailers => {
                    let Some(line) = line(buffer)? else { return Ok(Part::More) };
                    self.after(&line)?
                }
            };
        }
    }

    /// Returns true if the body is complete should the connection end here.
    pub fn may_end(&self) -> bool {
        matches!(self.state, State::UntilClose | State::End)
    }

    /// The place of the reader, for a message about a body that has no end.
    pub fn place(&self) -> String {
        match self.state {
            State::Data(_) if self.chunked => "within a chunk".to_owned(),
            State::Data(left) => format!("with {left} bytes of the body missing"),
            State::Size => "before the last chunk".to_owned(),
            State::Trailers => "in the trailers".to_owned(),
            State::UntilClose => "in a body that ends with the connection".to_owned(),
            State::End => "after the body".to_owned(),
        }
    }

    /// The trailers.
    pub fn into_trailers(self) -> Fields {
        self.trailers
    }

    /// Takes some of the bytes left. The last ones of a chunk come together with the line end behind them.
    fn data(&mut self, left: u64, buffer: &mut BytesMut) -> Result<Part, Malformed> {
        let count = usize::try_from(left).unwrap_or(usize::MAX).min(buffer.len());
        let rest = left - count as u64;
        if rest > 0 || !self.chunked {
            self.state = if rest > 0 { State::Data(rest) } else { State::End };
            return Ok(Part::Data(buffer.split_to(count)));
        }
        match buffer.get(count..count + 2) {
            None => Ok(Part::More),
            Some(b"\r\n") => {
                let piece = buffer.split_to(count);
                buffer.advance(2);
                self.state = State::Size;
                Ok(Part::Data(piece))
            }
            Some(_) => malformed("a chunk is longer than its size says"),
        }
    }

    /// The state after a line.
    fn after(&mut self, line: &[u8]) -> Result<State, Malformed> {
        match self.state {
            State::Size => match chunk_size(line, self.grammar) {
                Some(0) => Ok(State::Trailers),
                Some(size) => Ok(State::Data(size)),
                None => {
                    let line = String::from_utf8_lossy(line);
                    malformed(format!("the size of a chunk, {line:?}, is not a number"))
                }
            },
            _ if line.is_empty() => Ok(State::End),
            _ => self.trailers.add_trailer(line).map(|()| State::Trailers),
        }
    }
}

/// Takes one line that ends in CR LF, and returns it without them; `None` while it is incomplete.
fn line(buffer: &mut BytesMut) -> Result<Option<BytesMut>, Malformed> {
    let Some(at) = buffer.iter().position(|byte| *byte == b'\n') else {
        if buffer.len() > LINE_BYTES_MAX {
            return malformed("a line of the chunked body is over 64 KiB");
        }
        return Ok(None);
    };
    let mut line = buffer.split_to(at + 1);
    if !line.ends_with(b"\r\n") {
        return malformed("a line of the chunked body ends without CR");
    }
    line.truncate(at - 1);
    Ok(Some(line))
}

/// Hexadecimal digits and nothing else; extensions are not part of the plain grammar.
fn chunk_size(line: &[u8], grammar: Grammar) -> Option<u64> {
    let text = std::str::from_utf8(line).ok()?;
    let digits = match grammar {
        Grammar::Full => text.split(';').next()?.trim_end_matches([' ', '\t']),
        Grammar::Plain => text,
    };
    let is_plain = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    is_plain.then(|| u64::from_str_radix(digits, 16).ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Reads the bytes, `step` at a time; the body, its trailers, and whether it may end where they do.
    fn read(
        bytes: &str,
        framing: Framing,
        grammar: Grammar,
        step: usize,
    ) -> Result<(String, Fields, bool), Malformed> {
        let (mut body, mut buffer) = (Body::new(framing, grammar), BytesMut::new());
        let (mut data, mut steps) = (Vec::new(), bytes.as_bytes().chunks(step));
        loop {
            match body.next(&mut buffer)? {
                Part::Data(piece) => data.extend_from_slice(&piece),
                Part::End => break,
                Part::More => match steps.next() {
                    Some(step) => buffer.extend_from_slice(step),
                    None => break,
                },
            }
        }
        let (data, may_end) = (String::from_utf8(data).expect("text"), body.may_end());
        Ok((data, body.into_trailers(), may_end))
    }

    #[test]
    fn a_body_is_read_the_same_however_it_is_cut_into_pieces() {
        let chunked = "5\r\nhello\r\nA\r\n, world, 1\r\n0\r\nEtag: z\r\n\r\n";
        for (bytes, framing, expected, trailer) in [
            (chunked, Framing::Chunked, "hello, world, 1", Some("z")),
            ("hello", Framing::Length(5), "hello", None),
            ("hello", Framing::UntilClose, "hello", None),
            ("", Framing::None, "", None),
        ] {
            for step in 1..=bytes.len().max(1) {
                let read = read(bytes, framing, Grammar::Plain, step);
                let (data, trailers, may_end) = read.unwrap();
                assert_eq!((&*data, trailers.get("etag")), (expected, trailer), "{step}");
                assert!(may_end, "{bytes:?} {step}");
            }
        }
    }

    #[test]
    fn a_body_that_lacks_a_byte_may_not_end() {
        let chunked = "5\r\nhello\r\n0\r\nEtag: z\r\n\r\n";
        for (bytes, framing) in [(chunked, Framing::Chunked), ("hello", Framing::Length(5))] {
            for end in 0..bytes.len() {
                let (_, _, may_end) = read(&bytes[..end], framing, Grammar::Full, 64).unwrap();
                assert!(!may_end, "{:?}", &bytes[..end]);
            }
        }
    }

    #[test]
    fn a_chunk_that_is_not_framed_exactly_is_malformed() {
        for bad in [
            "5\r\nhello!\r\n0\r\n\r\n",
            "5\nhello\r\n0\r\n\r\n",
            "5\r\nhello\n0\r\n\r\n",
            "five\r\nhello\r\n0\r\n\r\n",
            "\r\nhello\r\n0\r\n\r\n",
            "+5\r\nhello\r\n0\r\n\r\n",
            "0x5\r\nhello\r\n0\r\n\r\n",
            "10000000000000000\r\nhello\r\n0\r\n\r\n",
            "0\r\nEtag z\r\n\r\n",
            "0\r\n: z\r\n\r\n",
            "0\r\nEt ag: z\r\n\r\n",
            "0\r\nEtag: \x01\r\n\r\n",
        ] {
            assert!(read(bad, Framing::Chunked, Grammar::Full, 64).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn extensions_are_not_part_of_the_plain_grammar() {
        for bytes in ["5;x=y\r\nhello\r\n0\r\n\r\n", "5 \r\nhello\r\n0\r\n\r\n"] {
            let read = |grammar| read(bytes, Framing::Chunked, grammar, 64);
            assert_eq!(read(Grammar::Full).unwrap().0, "hello", "{bytes:?}");
            assert!(read(Grammar::Plain).is_err(), "{bytes:?}");
        }
    }
}
