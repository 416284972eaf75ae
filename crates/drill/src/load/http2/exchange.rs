//! One request and its answer, on their own stream.

use std::future::poll_fn;
use std::time::Instant;

use bytes::Bytes;
use h2::client::ResponseFuture;
use h2::{Reason, RecvStream, SendStream};
use http::StatusCode;

use super::RequestFailure;
use super::session::Session;
use crate::kind::Kind;
use crate::ledger::{Fault, Loss};
use crate::load::check::{Answered, Check, signature};
use crate::load::request::{Request, pieces};
use crate::message::{Framing, Head};

impl Session {
    /// Sends a request, `due` at that instant, and reads its answer.
    pub(super) async fn ask(
        &mut self,
        request: &Request<'_>,
        due: Option<Instant>,
    ) -> Result<Answered, RequestFailure> {
        let body = Bytes::from(request.body());
        let head = self.head(request, body.len()).map_err(|error| unsendable(&error))?;
        let sent = self.sender.send_request(head, body.is_empty());
        let (mut response, mut stream) = sent.map_err(|error| {
            // Unless the connection has ended, the request itself cannot be sent.
            if error.is_io() || error.is_go_away() {
                RequestFailure::Unsent
            } else {
                unsendable(&error)
            }
        })?;
        let id = stream.stream_id().as_u32();
        self.streams.expect(id, request.number, due);
        let sent = send_body(request, body, &mut stream, &mut response).await;
        let answer = response.await.map_err(|error| self.unanswered(id, &error))?;
        let (parts, body) = answer.into_parts();
        let head = head_of(&parts);
        if let Err(fault) = sent {
            // The server may have refused early; then its answer explains more.
            return Err(RequestFailure::Failed(signature(request, &head).err().unwrap_or(fault)));
        }
        read(request, head, body).await.map_err(RequestFailure::Failed)
    }

    /// The head of the request.
    fn head(&self, request: &Request<'_>, length: usize) -> Result<http::Request<()>, http::Error> {
        let url = format!("{}://{}{}", self.over.scheme(), request.host, request.path());
        let head = http::Request::builder().method(request.method()).uri(url);
        let head = head.header(request.id_field(), request.id.as_str());
        let head = match request.form() {
            Kind::Post | Kind::BigUpload => head.header("content-length", length),
            Kind::Expect => head.header("content-length", length).header("expect", "100-continue"),
            _ => head,
        };
        head.body(())
    }

    /// The reason why there is no answer at all.
    fn unanswered(&self, id: u32, error: &h2::Error) -> RequestFailure {
        let is_refused =
            error.is_reset() && error.is_remote() && error.reason() == Some(Reason::REFUSED_STREAM);
        if self.streams.withdraw(id) {
            RequestFailure::Unsent
        } else if is_refused || self.streams.is_untaken(id) {
            RequestFailure::Moved
        } else {
            RequestFailure::Failed(broken(Loss::Unanswered, "before any byte of the answer", error))
        }
    }
}

/// The head of an answer, whose body ends with its stream.
fn head_of(parts: &http::response::Parts) -> Head {
    let text = |value: &http::HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    let fields = parts.headers.iter().map(|(name, value)| (name.to_string(), text(value)));
    Head {
        status: parts.status.as_u16(),
        framing: Framing::None,
        close: false,
        fields: fields.collect(),
    }
}

/// Sends the body as far as the server accepts it; after an error the answer can still be read.
async fn send_body(
    request: &Request<'_>,
    body: Bytes,
    stream: &mut SendStream<Bytes>,
    response: &mut ResponseFuture,
) -> Result<(), Fault> {
    if body.is_empty() {
        return Ok(());
    }
    match request.form() {
        Kind::Expect => {
            go_ahead(response).await?;
            send(stream, body).await?;
        }
        Kind::Upload => {
            for piece in pieces(&body) {
                send(stream, body.slice_ref(piece)).await?;
                if let Some(pause) = request.pause() {
                    tokio::time::sleep(pause).await;
                }
            }
        }
        _ => send(stream, body).await?,
    }
    stream.send_data(Bytes::new(), true).map_err(|error| unsent(&error))
}

/// Waits for the 100 to a request with `Expect`; the body must not be sent without it.
async fn go_ahead(response: &mut ResponseFuture) -> Result<(), Fault> {
    loop {
        match poll_fn(|cx| response.poll_informational(cx)).await {
            Some(Ok(interim)) if interim.status() == StatusCode::CONTINUE => return Ok(()),
            Some(Ok(_)) => {}
            Some(Err(error)) => return Err(unsent(&error)),
            None => {
                let text = "a final answer instead of 100".to_owned();
                return Err(Fault::lost(Loss::Status, text));
            }
        }
    }
}

/// Sends bytes of the body, as flow control allows.
async fn send(stream: &mut SendStream<Bytes>, mut data: Bytes) -> Result<(), Fault> {
    while !data.is_empty() {
        stream.reserve_capacity(data.len());
        let room = match poll_fn(|cx| stream.poll_capacity(cx)).await {
            Some(Ok(room)) => room,
            Some(Err(error)) => return Err(unsent(&error)),
            None => {
                let text = "the stream was closed while the request was sent".to_owned();
                return Err(Fault::lost(Loss::Unanswered, text));
            }
        };
        let piece = data.split_to(room.min(data.len()));
        stream.send_data(piece, false).map_err(|error| unsent(&error))?;
    }
    Ok(())
}

/// Reads the answer to the end of its stream, and checks it. The library checks its length.
async fn read(request: &Request<'_>, head: Head, mut body: RecvStream) -> Result<Answered, Fault> {
    let cut = |error: h2::Error| broken(Loss::Cut, "during the answer", &error);
    let mut check = Check::new(request);
    while let Some(data) = body.data().await {
        let data = data.map_err(cut)?;
        check.feed(&data);
        body.flow_control().release_capacity(data.len()).map_err(cut)?;
    }
    body.trailers().await.map_err(cut)?;
    check.finish(&head)
}

/// The fault for a library error: invalid HTTP if the library objected itself, else `loss`.
fn broken(loss: Loss, place: &str, error: &h2::Error) -> Fault {
    let loss = if error.is_library() { Loss::Malformed } else { loss };
    Fault::lost(loss, format!("{place}: {error}"))
}

fn unsent(error: &h2::Error) -> Fault {
    broken(Loss::Unanswered, "while the request was sent", error)
}

/// The request itself is invalid.
fn unsendable(error: &dyn std::fmt::Display) -> RequestFailure {
    RequestFailure::Failed(Fault::lost(
        Loss::Connect,
        format!("the request can't be sent: {error}"),
    ))
}
