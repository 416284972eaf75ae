//! The head of an answer: parsed by `httparse`, then judged. An invalid body length, or
//! two of them, make the answer unusable.

use crate::ledger::{Fault, Loss};
use crate::protocol::{ID_FIELD, VERSION_FIELD};

/// The framing of a body (RFC 9112 section 6.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Framing {
    /// No body.
    None,
    /// Exactly this many bytes.
    Length(u64),
    /// Until the last chunk.
    Chunked,
    /// Until the connection is closed; cannot be distinguished from a truncated body.
    UntilClose,
}

/// The parts of an answer's head that the client needs.
#[derive(Debug)]
pub(crate) struct Head {
    /// The status code.
    pub(crate) status: u16,
    /// The framing of the body.
    pub(crate) framing: Framing,
    /// True if the connection ends with this answer.
    pub(crate) close: bool,
    /// The server's version, if it is a demo target.
    pub(crate) version: Option<String>,
    /// The id that was echoed.
    pub(crate) id: Option<String>,
    /// The `Sec-WebSocket-Accept` of a WebSocket handshake.
    pub(crate) accept: Option<String>,
    /// A proxy's `Proxy-Status` for its own answer (RFC 9209).
    pub(crate) proxy_status: Option<String>,
}

/// The most header fields in an answer.
const FIELDS_MAX: usize = 100;

impl Head {
    /// Parses a head from the start of `data`; `None` while it is incomplete.
    ///
    /// Returns the head and its length in bytes.
    pub(crate) fn parse(data: &[u8], method: &str) -> Result<Option<(Self, usize)>, Fault> {
        let mut fields = [httparse::EMPTY_HEADER; FIELDS_MAX];
        let mut response = httparse::Response::new(&mut fields);
        let length = match response.parse(data) {
            Ok(httparse::Status::Complete(length)) => length,
            Ok(httparse::Status::Partial) => return Ok(None),
            Err(error) => return Err(malformed(format!("the head is not HTTP: {error}"))),
        };
        let status = response.code.unwrap_or(0);
        let mut head = Self {
            status,
            framing: Framing::None,
            close: response.version != Some(1),
            version: None,
            id: None,
            accept: None,
            proxy_status: None,
        };
        let mut lengths = Lengths::default();
        for field in response.headers.iter() {
            head.read(field, &mut lengths)?;
        }
        let bodiless = method == "HEAD" || status < 200 || status == 204 || status == 304;
        if !bodiless {
            head.framing = lengths.framing()?;
            head.close |= head.framing == Framing::UntilClose;
        }
        Ok(Some((head, length)))
    }

    /// The head of an HTTP/2 answer, where the stream's framing ends the body.
    pub(crate) fn of_http2(parts: &http::response::Parts) -> Self {
        let text = |name: &str| {
            let value = parts.headers.get(name)?;
            Some(String::from_utf8_lossy(value.as_bytes()).into_owned())
        };
        Self {
            status: parts.status.as_u16(),
            framing: Framing::None,
            close: false,
            version: text(VERSION_FIELD),
            id: text(ID_FIELD),
            accept: None,
            proxy_status: text("proxy-status"),
        }
    }

    /// Reads the needed values from one field.
    fn read(&mut self, field: &httparse::Header<'_>, lengths: &mut Lengths) -> Result<(), Fault> {
        let text = || String::from_utf8_lossy(field.value).into_owned();
        let name = field.name;
        if name.eq_ignore_ascii_case("content-length") {
            lengths.content_length(field.value)?;
        } else if name.eq_ignore_ascii_case("transfer-encoding") {
            lengths.transfer_encoding(field.value)?;
        } else if name.eq_ignore_ascii_case("connection") {
            self.close |= text().split(',').any(|word| word.trim().eq_ignore_ascii_case("close"));
        } else if name.eq_ignore_ascii_case(VERSION_FIELD) {
            self.version = Some(text());
        } else if name.eq_ignore_ascii_case(ID_FIELD) {
            self.id = Some(text());
        } else if name.eq_ignore_ascii_case("sec-websocket-accept") {
            self.accept = Some(text());
        } else if name.eq_ignore_ascii_case("proxy-status") {
            self.proxy_status = Some(text());
        }
        Ok(())
    }
}

/// The length of the body, as the head declares it.
#[derive(Debug, Default)]
struct Lengths {
    length: Option<u64>,
    chunked: bool,
}

impl Lengths {
    fn content_length(&mut self, value: &[u8]) -> Result<(), Fault> {
        let text = String::from_utf8_lossy(value);
        let is_plain = !value.is_empty() && value.iter().all(u8::is_ascii_digit);
        let length = is_plain.then(|| text.parse().ok()).flatten();
        let length =
            length.ok_or_else(|| malformed(format!("Content-Length {text:?} is not a number")))?;
        match self.length.replace(length) {
            None => Ok(()),
            Some(_) => Err(malformed("Content-Length appears twice".to_owned())),
        }
    }

    fn transfer_encoding(&mut self, value: &[u8]) -> Result<(), Fault> {
        if self.chunked || !value.eq_ignore_ascii_case(b"chunked") {
            let text = String::from_utf8_lossy(value);
            return Err(malformed(format!(
                "Transfer-Encoding {text:?} is not a single \"chunked\""
            )));
        }
        self.chunked = true;
        Ok(())
    }

    fn framing(&self) -> Result<Framing, Fault> {
        match (self.length, self.chunked) {
            (Some(_), true) => {
                Err(malformed("both Content-Length and Transfer-Encoding are present".to_owned()))
            }
            (None, true) => Ok(Framing::Chunked),
            (Some(length), false) => Ok(Framing::Length(length)),
            (None, false) => Ok(Framing::UntilClose),
        }
    }
}

fn malformed(why: String) -> Fault {
    Fault::lost(Loss::Malformed, why)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn framing(fields: &str) -> Result<Framing, Loss> {
        let text = format!("HTTP/1.1 200 OK\r\n{fields}\r\n");
        match Head::parse(text.as_bytes(), "GET") {
            Ok(Some((head, length))) => {
                assert_eq!(length, text.len());
                Ok(head.framing)
            }
            Ok(None) => panic!("the head is complete"),
            Err(Fault::Lost(loss, _)) => Err(loss),
            Err(fault @ Fault::Wrong(_)) => panic!("{fault:?}"),
        }
    }

    #[test]
    fn a_body_has_one_length_or_none_at_all() {
        assert_eq!(framing("Content-Length: 12\r\n"), Ok(Framing::Length(12)));
        assert_eq!(framing("Transfer-Encoding: Chunked\r\n"), Ok(Framing::Chunked));
        assert_eq!(framing(""), Ok(Framing::UntilClose));
        for bad in [
            "Content-Length: 12\r\nContent-Length: 12\r\n",
            "Content-Length: 12\r\nTransfer-Encoding: chunked\r\n",
            "Transfer-Encoding: gzip, chunked\r\n",
            "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
            "Content-Length: +12\r\n",
            "Content-Length: 99999999999999999999\r\n",
        ] {
            assert_eq!(framing(bad), Err(Loss::Malformed), "{bad}");
        }
    }

    #[test]
    fn answers_without_a_body_have_none_whatever_they_say() {
        for (status, method) in [(204, "GET"), (304, "GET"), (200, "HEAD")] {
            let text = format!("HTTP/1.1 {status} X\r\nContent-Length: 5\r\n\r\n");
            let (head, _) = Head::parse(text.as_bytes(), method).unwrap().unwrap();
            assert_eq!(head.framing, Framing::None, "{status} {method}");
        }
    }

    #[test]
    fn an_http_1_0_answer_closes_the_connection() {
        let (head, _) = Head::parse(b"HTTP/1.0 200 OK\r\n\r\n", "GET").unwrap().unwrap();
        assert!(head.close);
    }
}
