//! An HTTP/2 server without TLS that treats every stream the same, right or wrong.

use std::net::SocketAddr;

use bytes::Bytes;
use h2::server::{Connection, SendResponse};
use h2::{Reason, server};
use http::Response;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// The treatment of a stream, or of its connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Behavior {
    /// A whole answer.
    Answer,
    /// A whole answer with this status.
    Status(u16),
    /// A whole answer, and no more on this connection.
    AnswerAndGo,
    /// A reset before any answer.
    Reset(Reason),
    /// A reset with REFUSED_STREAM of every second one, a whole answer to the others.
    RefuseEverySecond,
    /// The head and a part of the body, then a reset.
    Cut(Reason),
    /// A body that is shorter than the head says, and ends.
    Short,
    /// The head and a part of the body, then the end of the connection.
    HangUp,
    /// Nothing.
    Hang,
    /// Every first connection ends with a GOAWAY that says no stream was processed; the next one answers.
    GoAtOnce,
}

/// Serves until the runtime ends.
pub(crate) async fn start(behavior: Behavior) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        let mut count = 0_u32;
        while let Ok((stream, _)) = listener.accept().await {
            count += 1;
            if behavior == Behavior::GoAtOnce && count % 2 == 1 {
                tokio::spawn(go_at_once(stream));
            } else {
                tokio::spawn(serve(stream, behavior));
            }
        }
    });
    address
}

async fn serve(stream: TcpStream, behavior: Behavior) {
    let Ok(mut connection) = server::handshake(stream).await else { return };
    let (mut count, mut kept) = (0_u32, Vec::new());
    while let Some(Ok((_, mut respond))) = connection.accept().await {
        count += 1;
        match behavior {
            Behavior::Answer | Behavior::GoAtOnce => answer(&mut respond, 200),
            Behavior::Status(status) => answer(&mut respond, status),
            Behavior::RefuseEverySecond if count % 2 == 1 => answer(&mut respond, 200),
            Behavior::RefuseEverySecond => respond.send_reset(Reason::REFUSED_STREAM),
            Behavior::Reset(reason) => respond.send_reset(reason),
            Behavior::Hang => kept.push(respond),
            Behavior::AnswerAndGo => {
                answer(&mut respond, 200);
                connection.graceful_shutdown();
            }
            Behavior::Short => {
                begin(&mut respond).send_data(Bytes::from_static(b"hello"), true).unwrap();
            }
            Behavior::Cut(reason) => {
                let mut body = begin(&mut respond);
                body.send_data(Bytes::from_static(b"hello"), false).unwrap();
                tokio::spawn(async move {
                    // The data must have gone out before: a reset overtakes queued bytes.
                    tokio::time::sleep(std::time::Duration::from_millis(20)).await;
                    body.send_reset(reason);
                });
            }
            Behavior::HangUp => {
                let mut body = begin(&mut respond);
                body.send_data(Bytes::from_static(b"hello"), false).unwrap();
                flush(connection).await;
                return;
            }
        }
    }
}

fn answer(respond: &mut SendResponse<Bytes>, status: u16) {
    let response = Response::builder().status(status).header("content-length", 5).body(());
    let mut body = respond.send_response(response.unwrap(), false).unwrap();
    body.send_data(Bytes::from_static(b"hello"), true).unwrap();
}

/// A head that announces 50 bytes.
fn begin(respond: &mut SendResponse<Bytes>) -> h2::SendStream<Bytes> {
    let response = Response::builder().header("content-length", 50).body(()).unwrap();
    respond.send_response(response, false).unwrap()
}

/// Lets what is buffered go out for a moment, then closes.
async fn flush(mut connection: Connection<TcpStream, Bytes>) {
    let moment = std::time::Duration::from_millis(20);
    let _ = tokio::time::timeout(moment, connection.accept()).await;
}

/// SETTINGS, then GOAWAY up to stream 0, once a request may be there.
async fn go_at_once(mut stream: TcpStream) {
    stream.write_all(b"\0\0\0\x04\0\0\0\0\0").await.unwrap();
    let mut seen = Vec::new();
    // The preface, and a HEADERS frame of stream 1.
    while !seen.windows(6).any(|six| six[0] == 1 && six[2..] == [0, 0, 0, 1]) {
        if stream.read_buf(&mut seen).await.unwrap_or(0) == 0 {
            return;
        }
    }
    stream.write_all(b"\0\0\x08\x07\0\0\0\0\0\0\0\0\0\0\0\0\0").await.unwrap();
    // Until the client closes: a reset would take the GOAWAY away.
    while stream.read_buf(&mut seen).await.unwrap_or(0) > 0 {}
}
