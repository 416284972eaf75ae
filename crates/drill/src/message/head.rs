//! The head of an answer: parsed by `httparse`, then judged.

use super::{FIELDS_MAX, Fields, Framing, Grammar, Malformed, malformed};

/// The head of an answer.
#[derive(Clone, Debug)]
pub struct Head {
    /// The status code.
    pub status: u16,
    /// The framing of the body.
    pub framing: Framing,
    /// True if the connection ends with this answer.
    pub close: bool,
    /// The fields.
    pub fields: Fields,
}

impl Head {
    /// Parses a head from the start of `data`; `None` while it is incomplete. `to_head`: it answers a HEAD, and has
    /// no body.
    ///
    /// Returns the head and its length in bytes.
    pub fn parse(
        data: &[u8],
        to_head: bool,
        grammar: Grammar,
    ) -> Result<Option<(Self, usize)>, Malformed> {
        let mut slots = [httparse::EMPTY_HEADER; FIELDS_MAX];
        let mut response = httparse::Response::new(&mut slots);
        let length = match response.parse(data) {
            Ok(httparse::Status::Complete(length)) => length,
            Ok(httparse::Status::Partial) => return Ok(None),
            Err(error) => return malformed(format!("the head is not HTTP: {error}")),
        };
        let fields = Fields::parsed(data.get(..length).unwrap_or(data), response.headers)?;
        let status = response.code.unwrap_or_default();
        let declared = fields.framing(Framing::UntilClose)?;
        let bodiless = matches!(status, 100..=199 | 204 | 304);
        if grammar == Grammar::Plain && bodiless && status != 304 && declared != Framing::UntilClose
        {
            return malformed(format!("status {status} has no body, but a length"));
        }
        let framing = if bodiless || to_head { Framing::None } else { declared };
        let close = response.version != Some(1) || framing == Framing::UntilClose || fields.close();
        Ok(Some((Self { status, framing, close, fields }, length)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str, to_head: bool, grammar: Grammar) -> Result<Head, Malformed> {
        let (head, length) = Head::parse(text.as_bytes(), to_head, grammar)?.expect("it is whole");
        assert_eq!(length, text.len());
        Ok(head)
    }

    fn framing(fields: &str) -> Option<Framing> {
        let text = format!("HTTP/1.1 200 OK\r\n{fields}\r\n");
        parse(&text, false, Grammar::Full).ok().map(|head| head.framing)
    }

    #[test]
    fn a_body_has_one_length_or_none_at_all() {
        assert_eq!(framing("Content-Length: 12\r\n"), Some(Framing::Length(12)));
        assert_eq!(framing("Transfer-Encoding: Chunked\r\n"), Some(Framing::Chunked));
        assert_eq!(framing(""), Some(Framing::UntilClose));
        for bad in [
            "Content-Length: 12\r\nContent-Length: 12\r\n",
            "Content-Length: 12\r\nTransfer-Encoding: chunked\r\n",
            "Transfer-Encoding: gzip, chunked\r\n",
            "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
            "Content-Length: +12\r\n",
            "Content-Length: \r\n",
            "Content-Length: 99999999999999999999\r\n",
        ] {
            assert_eq!(framing(bad), None, "{bad}");
        }
    }

    #[test]
    fn answers_without_a_body_have_none_whatever_they_say() {
        for (status, to_head, plain) in
            [(204, false, false), (304, false, true), (200, true, true), (103, false, false)]
        {
            let text = format!("HTTP/1.1 {status} X\r\nContent-Length: 5\r\n\r\n");
            let head = parse(&text, to_head, Grammar::Full).unwrap();
            assert_eq!(head.framing, Framing::None, "{status} {to_head}");
            assert_eq!(parse(&text, to_head, Grammar::Plain).is_ok(), plain, "{status} {to_head}");
        }
    }

    #[test]
    fn an_http_1_0_answer_closes_the_connection() {
        for text in [
            "HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n",
            "HTTP/1.1 200 OK\r\n\r\n",
            "HTTP/1.1 204 X\r\nConnection: a, Close\r\n\r\n",
        ] {
            assert!(parse(text, false, Grammar::Plain).unwrap().close, "{text}");
        }
        assert!(!parse("HTTP/1.1 204 X\r\n\r\n", false, Grammar::Plain).unwrap().close);
    }

    #[test]
    fn lines_end_in_cr_lf_and_are_neither_empty_nor_continued() {
        for bad in [
            "\r\nHTTP/1.1 200 OK\r\n\r\n",
            "HTTP/1.1 200 OK\nA: b\r\n\r\n",
            "HTTP/1.1 200 OK\r\nA: b\n\r\n",
            "HTTP/1.1 200 OK\r\nA: b\r\n\n",
            "HTTP/1.1 200 OK\r\nA: b\r\n c\r\n\r\n",
            "HTTP/1.1 200 OK\r\nA: b\rc\r\n\r\n",
            "HTTP/1.1 200 OK\r\nA : b\r\n\r\n",
            "HTTP/1.1 200 OK\r\nA: \x01\r\n\r\n",
        ] {
            assert!(parse(bad, false, Grammar::Full).is_err(), "{bad:?}");
        }
    }
}
