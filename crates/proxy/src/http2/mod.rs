//! HTTP/2 on one connection, with a client or with a target: everything that the library leaves to us. Each
//! stream is a sequence of HTTP/1.1 bytes to the rest of Teal.
//!
//! Guarantees: the work and memory that the other side can cause are bounded (D1 to D8). Never: a push, early
//! data. Opening and closing connections is decided elsewhere.

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
pub(crate) use inbound::{ConnectionAddresses, Inbound};
pub(crate) use outbound::Outbound;
pub(crate) use stream::broken;
pub(crate) use watch::{PREFACE, Peer, Watch, Watched};

/// Streams of one connection at once (RFC 9113 section 6.5.2 asks for no less than 100).
const STREAMS: u32 = 100;
/// The windows of a client: of one stream, and of a whole connection.
const STREAM_WINDOW: u32 = 64 * 1024;
const CONNECTION_WINDOW: u32 = 512 * 1024;
/// The most bytes of an answer kept for a client that does not read, for one stream.
const SEND_BUFFER: usize = 16 * 1024;
/// The size of our header decoder's dynamic table, which the client may use (RFC 7541 section 4.2).
const TABLE: u32 = 4096;
/// Reset streams on which late frames are still ignored. More than the resets that can be pending, so that late
/// frames on those are ignored too.
const RESET_STREAMS: usize = 2 * unread::MOST;
/// A connection with a client.
pub(crate) type H2 = Connection<Watched, Bytes>;

/// Starts HTTP/2 with a client, whose heads may have at most `head_bytes`.
///
/// # Errors
/// If the client does not send a valid preface.
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
        // The library's limit is for the life of a connection: the watch limits the rate instead.
        .max_local_error_reset_streams(None)
        .enable_connect_protocol()
        .handshake(watched)
        .await
        .map_err(broken)
}

/// Returns the protocol of the tunnel that a request asks for (RFC 8441 section 4).
pub(crate) fn tunnel_of<B>(request: &Request<B>) -> Option<&str> {
    request.extensions().get::<Protocol>().map(Protocol::as_str)
}

/// Returns what has arrived of a body of unknown length along with its head. An empty DATA frame that ends the
/// stream is not a body, and must not make the target expect one.
pub(crate) fn first_piece(request: &mut Request<RecvStream>) -> Bytes {
    if request.body().is_end_stream() || request.headers().contains_key(header::CONTENT_LENGTH) {
        return Bytes::new();
    }
    // The next read registers for what follows, and reports a failure again.
    match request.body_mut().poll_data(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(Some(Ok(first))) => first,
        _ => Bytes::new(),
    }
}
