//! A server that answers every request with the same bytes, right or wrong.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};

/// The server's action after its bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Then {
    /// Waits for the next request.
    Keep,
    /// Closes in order.
    Close,
    /// Resets.
    Reset,
    /// Sends the bytes once more after 20 ms, then waits for the next request.
    Again,
    /// Never answers; keeps the connection.
    Hang,
}

/// Serves until the runtime ends.
pub(crate) async fn start(bytes: &'static str, then: Then) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(serve(stream, bytes, then));
        }
    });
    address
}

async fn serve(mut stream: TcpStream, bytes: &'static str, then: Then) {
    while super::is_asked(&mut stream).await {
        if then != Then::Hang && stream.write_all(bytes.as_bytes()).await.is_err() {
            return;
        }
        match then {
            Then::Keep | Then::Hang => {}
            Then::Close => return,
            Then::Reset => {
                let _ = stream.set_zero_linger();
                return;
            }
            Then::Again => {
                // The fault itself: bytes that come after the answer was read.
                tokio::time::sleep(Duration::from_millis(20)).await;
                let _ = stream.write_all(bytes.as_bytes()).await;
            }
        }
    }
}
