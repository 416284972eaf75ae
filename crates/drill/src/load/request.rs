//! The bytes on the wire for each kind of request.
//!
//! Sizes and pauses follow from the request's number, so that the check of the
//! answer can derive them again.

use std::time::Duration;

use super::connection::Connection;
use super::own::{Question, Questions};
use crate::kind::{Kind, scramble};
use crate::ledger::Fault;
use crate::payload;
use crate::protocol::ID_FIELD;

/// Largest body of a POST with a Content-Length, in bytes.
const POST_BYTES_MAX: u64 = 8 * 1024;
/// Largest chunked upload, in bytes.
const UPLOAD_BYTES_MAX: u64 = 48 * 1024;
/// Largest download, in bytes.
const DOWNLOAD_BYTES_MAX: u64 = 96 * 1024;
/// The size of a body that fits into no buffer on the way, in bytes.
const BIG_BYTES: u64 = 10 * 1024 * 1024;
/// Longest time that a slow request asks its target to wait, in milliseconds.
const SLOW_MS_MAX: u64 = 250;
/// The number of pieces of a chunked upload.
const UPLOAD_PIECES: usize = 4;
/// The pause between the pieces of every eighth upload, so that some span a switch.
const UPLOAD_PAUSE: Duration = Duration::from_millis(15);
/// Events in one stream, and the milliseconds between them.
pub(super) const EVENTS: u64 = 5;
const EVENTS_MS: u64 = 25;

/// One request, before it is sent.
#[derive(Debug)]
pub(super) struct Request<'a> {
    pub(super) kind: Kind,
    pub(super) number: u64,
    pub(super) id: String,
    /// Value of the Host field.
    pub(super) host: &'a str,
    /// Path of a [`Kind::Page`].
    pub(super) page: &'a str,
    /// The request itself of a [`Kind::Own`].
    pub(super) own: Option<(&'a dyn Questions, Question)>,
}

impl Request<'_> {
    /// Sends the whole request.
    pub(super) async fn send(&self, connection: &mut Connection) -> Result<(), Fault> {
        let mut head = format!(
            "{} {} HTTP/1.1\r\nHost: {}\r\n{}: {}\r\n",
            self.method(),
            self.path(),
            self.host,
            self.id_field(),
            self.id,
        );
        match self.form() {
            Kind::Post => {
                let body = self.body();
                let length = format!("Content-Length: {}\r\n\r\n", body.len());
                connection.send(&[head.as_bytes(), length.as_bytes(), &body].concat()).await
            }
            Kind::Expect => {
                let body = self.body();
                let length = format!("Content-Length: {}\r\n", body.len());
                head.push_str(&length);
                head.push_str("Expect: 100-continue\r\n\r\n");
                connection.send(head.as_bytes()).await?;
                connection.go_ahead().await?;
                connection.send(&body).await
            }
            Kind::BigUpload => {
                let length = format!("Content-Length: {BIG_BYTES}\r\n\r\n");
                connection.send(&[head.as_bytes(), length.as_bytes()].concat()).await?;
                connection.send(&self.body()).await
            }
            Kind::Upload => {
                head.push_str("Transfer-Encoding: chunked\r\n\r\n");
                connection.send(head.as_bytes()).await?;
                self.send_chunks(connection).await
            }
            Kind::GetClose => {
                head.push_str("Connection: close\r\n\r\n");
                connection.send(head.as_bytes()).await
            }
            Kind::Get
            | Kind::Download
            | Kind::DownloadChunked
            | Kind::BigDownload
            | Kind::Pipelined
            | Kind::Slow
            | Kind::Events
            | Kind::Page
            | Kind::Tunnel
            | Kind::Own => {
                head.push_str("\r\n");
                connection.send(head.as_bytes()).await
            }
        }
    }

    /// The method.
    pub(super) fn method(&self) -> &'static str {
        self.own.as_ref().map_or(self.kind.method(), |(_, question)| question.method)
    }

    /// The name of the field with the id.
    pub(super) fn id_field(&self) -> &'static str {
        self.own.as_ref().map_or(ID_FIELD, |(_, question)| question.id_field)
    }

    /// Returns true if the server may end instead of accepting its connection.
    pub(super) fn may_end(&self) -> bool {
        self.own.as_ref().is_some_and(|(questions, _)| questions.may_end())
    }

    /// The kind that has the same framing on the wire.
    pub(super) fn form(&self) -> Kind {
        match &self.own {
            Some((_, question)) if question.chunked => Kind::Upload,
            Some((_, question)) if !question.body.is_empty() => Kind::Post,
            _ => self.kind,
        }
    }

    /// The body that goes with the request, if its kind has one.
    pub(super) fn body(&self) -> Vec<u8> {
        if let Some((_, question)) = &self.own {
            return question.body.clone();
        }
        let most = match self.kind {
            Kind::Post | Kind::Expect => POST_BYTES_MAX,
            Kind::BigUpload => return payload::bytes(self.number, 0, BIG_BYTES as usize),
            Kind::Upload => UPLOAD_BYTES_MAX,
            _ => return Vec::new(),
        };
        payload::bytes(self.number, 0, self.size(most))
    }

    /// The size of a download.
    pub(super) fn download_bytes(&self) -> u64 {
        match self.kind {
            Kind::BigDownload => BIG_BYTES,
            _ => self.size(DOWNLOAD_BYTES_MAX) as u64,
        }
    }

    /// The request target.
    pub(super) fn path(&self) -> String {
        if let Some((_, question)) = &self.own {
            return question.path.to_owned();
        }
        match self.kind {
            Kind::Get
            | Kind::GetClose
            | Kind::Pipelined
            | Kind::Post
            | Kind::Expect
            | Kind::Own => "/echo".to_owned(),
            Kind::Upload | Kind::BigUpload => "/upload".to_owned(),
            Kind::Slow => format!("/slow?ms={}", 20 + self.size(SLOW_MS_MAX - 20)),
            Kind::Download | Kind::BigDownload => {
                format!("/download?bytes={}&seed={}", self.download_bytes(), self.number)
            }
            Kind::DownloadChunked => {
                format!("/download?bytes={}&seed={}&chunked=1", self.download_bytes(), self.number)
            }
            Kind::Events => format!("/events?count={EVENTS}&ms={EVENTS_MS}"),
            Kind::Tunnel => "/ws".to_owned(),
            Kind::Page => self.page.to_owned(),
        }
    }

    /// A size from 1 to `most` that follows from the number.
    fn size(&self, most: u64) -> usize {
        (1 + (scramble(self.number ^ 0x5157) % most)) as usize
    }

    /// The pause of an upload after each of its pieces.
    pub(super) fn pause(&self) -> Option<Duration> {
        (self.kind == Kind::Upload && self.number.is_multiple_of(8)).then_some(UPLOAD_PAUSE)
    }

    /// Sends the body in chunks; now and then with pauses.
    async fn send_chunks(&self, connection: &mut Connection) -> Result<(), Fault> {
        let body = self.body();
        for piece in pieces(&body) {
            let size = format!("{:x}\r\n", piece.len());
            connection.send(&[size.as_bytes(), piece, b"\r\n"].concat()).await?;
            if let Some(pause) = self.pause() {
                tokio::time::sleep(pause).await;
            }
        }
        connection.send(b"0\r\n\r\n").await
    }
}

/// The body of an upload, in the pieces in which it is sent.
pub(super) fn pieces(body: &[u8]) -> impl Iterator<Item = &[u8]> {
    body.chunks(body.len().div_ceil(UPLOAD_PIECES).max(1))
}
