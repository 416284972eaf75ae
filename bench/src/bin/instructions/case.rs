//! The five kinds of request that are counted.

use clap::ValueEnum;

/// The end of every answer.
pub(crate) const ANSWER_END: &[u8] = b"y.";

/// A kind of request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Case {
    /// GET with an answer of 64 bytes.
    Get64,
    /// GET with an answer of 16 KiB.
    Get16k,
    /// POST of 2 KiB with a Content-Length.
    PostLength,
    /// POST of 2 KiB in chunks.
    PostChunked,
    /// GET with 30 fields.
    Get30Fields,
}

impl Case {
    pub(crate) const ALL: [Self; 5] =
        [Self::Get64, Self::Get16k, Self::PostLength, Self::PostChunked, Self::Get30Fields];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Get64 => "get64",
            Self::Get16k => "get16k",
            Self::PostLength => "post-length",
            Self::PostChunked => "post-chunked",
            Self::Get30Fields => "get30-fields",
        }
    }

    /// The bytes that the client sends.
    pub(crate) fn request(self) -> Vec<u8> {
        let (method, fields, body) = match self {
            Self::Get64 | Self::Get16k => ("GET", String::new(), String::new()),
            Self::PostLength => {
                ("POST", "Content-Length: 2048\r\n".to_owned(), format!("{}.", "x".repeat(2047)))
            }
            Self::PostChunked => {
                ("POST", "Transfer-Encoding: chunked\r\n".to_owned(), chunks(2, 1024))
            }
            Self::Get30Fields => ("GET", ordinary_fields(29), String::new()), // `Host` is the 30th
        };
        format!("{method} / HTTP/1.1\r\nHost: example.com\r\n{fields}\r\n{body}").into_bytes()
    }

    /// The end of the request as the target receives it.
    pub(crate) fn request_end(self) -> &'static [u8] {
        match self {
            Self::PostLength => b"x.",
            Self::PostChunked => b"0\r\n\r\n",
            Self::Get64 | Self::Get16k | Self::Get30Fields => b"\r\n\r\n",
        }
    }

    /// The target's answer; it ends in [`ANSWER_END`].
    pub(crate) fn answer(self) -> Vec<u8> {
        let length = if self == Self::Get16k { 16 * 1024 } else { 64 };
        let body = "y".repeat(length - 1);
        format!(
            "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: {length}\r\n\r\n{body}."
        )
        .into_bytes()
    }
}

fn chunks(count: usize, length: usize) -> String {
    let chunk = format!("{length:x}\r\n{}\r\n", "x".repeat(length));
    format!("{}0\r\n\r\n", chunk.repeat(count))
}

fn ordinary_fields(count: usize) -> String {
    use std::fmt::Write as _;
    (0..count).fold(String::new(), |mut fields, n| {
        let _ = write!(fields, "X-Ordinary-{n}: a value as browsers send them\r\n");
        fields
    })
}
