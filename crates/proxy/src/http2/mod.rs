//! HTTP/2 on one connection, with a client or with a target: what the library leaves to us. Each stream is
//! the bytes of HTTP/1.1 to the rest of Teal.
//!
//! Guaranteed: what the other side can make Teal keep or do is bounded (D1 to D8). Never: a push, early
//! data. Which connections there are and how they end is not decided here.

mod answered;
mod budget;
mod frames;
mod inbound;
mod outbound;
mod refusals;
mod stream;
mod unread;
mod watch;

use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use h2::RecvStream;
use h2::ext::Protocol;
use h2::server::Connection;
use http::{Request, header};

pub(crate) use answered::Answered;
pub(crate) use inbound::{Ends, Inbound};
pub(crate) use outbound::Outbound;
pub(crate) use stream::broken;
pub(crate) use watch::{PREFACE, Peer, Watch, Watched};

/// Streams of one connection at once (RFC 9113 section 6.5.2 asks for no less than 100).
const STREAMS: u32 = 100;
/// What a client may send ahead, for one stream and for all of a connection.
const STREAM_WINDOW: u32 = 64 * 1024;
const CONNECTION_WINDOW: u32 = 512 * 1024;
/// What is kept of an answer that a client does not take, for one stream.
const SEND_BUFFER: usize = 16 * 1024;
/// The memory of our decoder, which the client may use (RFC 7541 section 4.2).
const TABLE: u32 = 4096;
/// Streams that were reset and on which something may still come. More than wait for their reset, so that
/// what comes on those is ignored.
const RESET_STREAMS: usize = 2 * unread::MOST;
/// A connection with a client.
pub(crate) type H2 = Connection<Watched, Bytes>;

/// Begins to speak it with a client, whose heads are as large as `head_bytes` at most.
///
/// # Errors
/// If the client does not begin as the protocol wants.
pub(crate) async fn handshake(watched: Watched, head_bytes: usize) -> std::io::Result<H2> {
    let heads = u32::try_from(head_bytes).unwrap_or(u32::MAX);
    h2::server::Builder::new()
        .max_concurrent_streams(STREAMS)
        .initial_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .max_header_list_size(heads)
        .header_table_size(TABLE)
        .max_send_buffer_size(SEND_BUFFER)
        .max_concurrent_reset_streams(RESET_STREAMS)
        .reset_stream_duration(unread::IGNORED)
        // Not so many in the life of a connection: the watch counts them over time.
        .max_local_error_reset_streams(None)
        .enable_connect_protocol()
        .handshake(watched)
        .await
        .map_err(broken)
}

/// The protocol that a request asks for a tunnel of (RFC 8441 section 4).
pub(crate) fn tunnel_of<B>(request: &Request<B>) -> Option<&str> {
    request.extensions().get::<Protocol>().map(Protocol::as_str)
}

/// What of a body of unknown length is here with its head. An empty DATA frame that ends the stream is no
/// body, and must not make the target expect one.
pub(crate) fn first_piece(request: &mut Request<RecvStream>) -> Bytes {
    if request.body().is_end_stream() || request.headers().contains_key(header::CONTENT_LENGTH) {
        return Bytes::new();
    }
    // Whoever reads on registers for what follows. A failure is told again by the next read.
    match request.body_mut().poll_data(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(Some(Ok(first))) => first,
        _ => Bytes::new(),
    }
}
