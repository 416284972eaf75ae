//! Clients that send plain HTTP to a TLS port: they get an error that they can read.
//!
//! Nothing of the request is parsed, served, or counted as a request.

use std::io;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::http2::PREFACE;

/// The protocol that a client speaks instead of TLS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Plain {
    /// HTTP/1.
    Http1 {
        /// The method is HEAD.
        head: bool,
    },
    /// HTTP/2 without TLS.
    Http2,
}

/// The first byte of a handshake record (RFC 8446 section 5.1).
const HANDSHAKE: u8 = 22;

/// The bytes needed to recognize it: a method and the beginning of a target.
const LOOK: usize = 24;

const TEXT: &str = "This port speaks HTTPS: use https:// in the address.\n";

/// The time and bytes for which reading continues, so that the client reads the answer before a reset.
const LINGER: Duration = Duration::from_secs(1);
const LINGER_BYTES: usize = 64 * 1024;

/// The log's words.
pub(super) const WORDS: &str = "the client spoke plain HTTP to a TLS port and got a 400";

/// Peeks at the first bytes; `None`: they may be TLS.
pub(super) async fn look(stream: &TcpStream) -> io::Result<Option<Plain>> {
    let mut first = [0; LOOK];
    let seen = stream.peek(&mut first).await?;
    Ok(kind(&first[..seen]))
}

fn kind(first: &[u8]) -> Option<Plain> {
    if first.first().is_none_or(|byte| *byte == HANDSHAKE) {
        return None;
    }
    if first.len() >= 4 && PREFACE.starts_with(first) || first.starts_with(PREFACE) {
        return Some(Plain::Http2);
    }
    let method = first.iter().take_while(|byte| byte.is_ascii_uppercase()).count();
    let target = match first.get(method..method + 2) {
        Some([b' ', target]) => matches!(target, b'/' | b'*' | b'h' | b'H'),
        // All bytes so far may be a method.
        _ => first.len() <= method + 1 && matches!(first.get(method), None | Some(b' ')),
    };
    (method >= 3 && target).then_some(Plain::Http1 { head: first.starts_with(b"HEAD ") })
}

/// Answers, and closes so that the answer arrives.
pub(super) async fn answer(mut stream: TcpStream, plain: Plain) -> io::Result<()> {
    stream.write_all(&plain.answer()).await?;
    stream.shutdown().await?;
    // Ignored: a client that goes on sending is closed all the same.
    let _ = tokio::time::timeout(LINGER, drain(&mut stream)).await;
    Ok(())
}

async fn drain(stream: &mut TcpStream) -> io::Result<()> {
    let mut room = [0; 4096];
    let mut left = LINGER_BYTES;
    while left > 0 {
        match stream.read(&mut room).await? {
            0 => break,
            count => left = left.saturating_sub(count),
        }
    }
    Ok(())
}

impl Plain {
    fn answer(self) -> Vec<u8> {
        match self {
            Self::Http1 { head } => {
                let mut answer = format!(
                    "HTTP/1.1 400 Bad Request\r\ncontent-type: text/plain; charset=utf-8\r\n\
                     content-length: {}\r\ncache-control: no-store\r\nconnection: close\r\n\r\n",
                    TEXT.len()
                );
                if !head {
                    answer.push_str(TEXT);
                }
                answer.into_bytes()
            }
            // Empty SETTINGS, then GOAWAY with INADEQUATE_SECURITY (RFC 9113 sections 6.8 and 7).
            Self::Http2 => {
                let length = 8 + TEXT.len() as u32;
                let mut answer = vec![0, 0, 0, 4, 0, 0, 0, 0, 0];
                answer.extend_from_slice(&length.to_be_bytes()[1..]);
                answer.extend_from_slice(&[7, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xc]);
                answer.extend_from_slice(TEXT.as_bytes());
                answer
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn r57_http_is_distinguished_from_tls_and_from_anything_else() {
        let http = Some(Plain::Http1 { head: false });
        for first in
            ["GET / HTTP/1.1\r\n", "POST /x", "OPTIONS * HTTP", "GET http://a.test/", "PROPFIND"]
        {
            assert_eq!(kind(first.as_bytes()), http, "{first}");
        }
        assert_eq!(kind(b"HEAD / HTTP/1.0\r\n"), Some(Plain::Http1 { head: true }));
        assert_eq!(kind(&PREFACE[..24]), Some(Plain::Http2));
        assert_eq!(kind(b"PRI * H"), Some(Plain::Http2));
        for first in [
            &b"\x16\x03\x01"[..],
            b"",
            b"SSH-2.0-OpenSSH",
            b"\x80\x2e\x01",
            b"get /",
            b"EHLO a\r\n",
        ] {
            assert_eq!(kind(first), None, "{first:?}");
        }
    }
}
