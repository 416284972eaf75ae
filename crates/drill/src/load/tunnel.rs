//! One WebSocket session: handshake, numbered messages that must come back unchanged,
//! and a close that both sides agree on (RFC 6455).

use std::time::Duration;

use futures_util::{SinkExt as _, StreamExt as _};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::handshake::client::generate_key;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::protocol::Role;

use super::check::{Answered, signature};
use super::connection::Connection;
use super::request::Request;
use crate::ledger::{Fault, Loss};
use crate::protocol::ID_FIELD;

/// Messages in one session, and the pause between them.
const MESSAGES: u32 = 12;
const PAUSE: Duration = Duration::from_millis(30);

/// Runs one session; it has failed if it ended before the client closed it.
pub(super) async fn session(
    request: &Request<'_>,
    mut connection: Connection,
) -> Result<Answered, Fault> {
    let key = generate_key();
    let head = format!(
        "GET /ws HTTP/1.1\r\nHost: {}\r\n{ID_FIELD}: {}\r\nConnection: Upgrade\r\n\
         Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}\r\n\r\n",
        request.host, request.id,
    );
    connection.send(head.as_bytes()).await?;
    let head = connection.head("GET").await?;
    let version = signature(request, &head)?;
    let accept = derive_accept_key(key.as_bytes());
    if head.fields.get("sec-websocket-accept") != Some(&*accept) {
        return Err(Fault::Wrong(
            "the WebSocket handshake was answered with a wrong key".to_owned(),
        ));
    }
    let (stream, early) = connection.into_parts();
    let mut socket =
        WebSocketStream::from_partially_read(stream, early.to_vec(), Role::Client, None).await;
    for count in 1..=MESSAGES {
        let text = format!("{} {count}", request.id);
        socket.send(Message::text(text.clone())).await.map_err(|error| cut(count, &error))?;
        match socket.next().await {
            Some(Ok(Message::Text(echo))) if echo.as_str() == text => {}
            Some(Ok(Message::Close(_))) | None => {
                return Err(cut(count, &"closed by the server"));
            }
            Some(Ok(other)) => {
                let text = format!("WebSocket message {count} came back as {other:?}");
                return Err(Fault::Wrong(text));
            }
            Some(Err(error)) => return Err(cut(count, &error)),
        }
        tokio::time::sleep(PAUSE).await;
    }
    socket.close(None).await.map_err(|error| cut(MESSAGES, &error))?;
    while let Some(message) = socket.next().await {
        match message {
            Ok(Message::Close(_)) => {}
            Ok(other) => return Err(Fault::Wrong(format!("{other:?} after the close"))),
            Err(error) => return Err(cut(MESSAGES, &error)),
        }
    }
    Ok(Answered { version: Some(version) })
}

fn cut(count: u32, why: &dyn std::fmt::Display) -> Fault {
    Fault::lost(Loss::Cut, format!("WebSocket at message {count} of {MESSAGES}: {why}"))
}
