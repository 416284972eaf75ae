//! Finding the next request head in a connection, and closing the connection.

mod goodbye;

use std::future::poll_fn;
use std::task::Poll;
use std::time::Duration;

use http1::{Limits, Reject};

use crate::client::Client;
use crate::deadline::Early;
use crate::memory::{ClientMemory, HEADS};
use crate::worker::Worker;

pub(crate) use goodbye::{Unread, goodbye};

/// The next event on a connection.
#[derive(Debug)]
pub(crate) enum Next {
    /// A head of this many bytes lies at the front of the buffer.
    Head(usize),
    /// The input can't be a head.
    Reject(Reject),
    /// A head was begun but not completed in time.
    TooLate,
    /// Nothing arrived in time.
    Quiet,
    /// The client has closed the connection.
    Gone,
}

/// The result of a wait for the first byte.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FirstByte {
    /// Something has arrived, if only the client's close.
    Arrived,
    /// Nothing arrived in time.
    Quiet,
    /// The connection is broken, or is closed because Teal stops.
    Gone,
}

/// The size limits of heads, in the form of the engine.
pub(crate) fn limits(limits: &rules::Limits) -> Limits {
    Limits { head_bytes: limits.head_bytes, fields: limits.fields, uri_bytes: limits.uri_bytes }
}

/// Waits for the first byte of the next request for `patience` since the client was last active. Needs no buffer.
// lossless: L10 - `idle`
pub(crate) async fn first_byte(
    worker: &Worker,
    client: &mut Client,
    patience: Duration,
) -> FirstByte {
    let due = client.last_io + patience;
    poll_fn(|cx| {
        client.deadline.set_early(Early::Idle, worker.stop.limit_idle(client.last_io, due));
        // The client first: bytes that have arrived win over a deadline that has passed.
        match client.stream.poll_read_ready(cx) {
            Poll::Ready(Ok(())) => Poll::Ready(FirstByte::Arrived),
            Poll::Ready(Err(_)) => Poll::Ready(FirstByte::Gone),
            Poll::Pending if worker.stop.is_cut() => Poll::Ready(FirstByte::Gone),
            Poll::Pending if client.poll_login_lost(cx).is_ready() => Poll::Ready(FirstByte::Quiet),
            Poll::Pending if client.info.is_distrusted() => Poll::Ready(FirstByte::Quiet),
            Poll::Pending => client.deadline.poll(cx).map(|()| FirstByte::Quiet),
        }
    })
    .await
}

/// Reads the next request head: it must begin within `patience` since the client was last active,
/// and be complete within `request_head` of its first byte.
// lossless: L10 - `idle`, `request_head`
pub(crate) async fn next_head(worker: &Worker, client: &mut Client, patience: Duration) -> Next {
    client.scan.reset();
    let quiet_at = client.last_io + patience;
    let mut late_at = worker.now() + worker.front().request_head; // for bytes that are already there
    let limits = limits(&worker.reader.table().limits);
    let mut held = ClientMemory::nothing(&worker.heads);
    poll_fn(|cx| {
        loop {
            if !client.rx.is_empty() {
                match client.scan.scan(client.rx.filled(), &limits) {
                    Ok(Some(length)) => return Poll::Ready(Next::Head(length)),
                    Ok(None) => {}
                    Err(reject) => return Poll::Ready(Next::Reject(reject)),
                }
            }
            let begins = client.rx.is_empty();
            match client.rx.poll_fill(&worker.buffers, &mut client.stream, cx) {
                Poll::Ready(Ok(0) | Err(_)) => return Poll::Ready(Next::Gone),
                Poll::Ready(Ok(_)) if begins => {
                    late_at = worker.now() + worker.front().request_head;
                }
                Poll::Ready(Ok(_)) => {}
                Poll::Pending if worker.stop.is_cut() => return Poll::Ready(Next::Gone),
                Poll::Pending if begins && client.poll_login_lost(cx).is_ready() => {
                    return Poll::Ready(Next::Quiet);
                }
                Poll::Pending if begins => {
                    client.deadline.set(worker.stop.limit_idle(client.last_io, quiet_at));
                    return client.deadline.poll(cx).map(|()| Next::Quiet);
                }
                Poll::Pending => {
                    client.rx.shrink(&worker.buffers); // it may take long, and there may be many of them
                    client.deadline.set_early(Early::Head, late_at);
                    if held.set(client.rx.filled().len()) > HEADS {
                        worker.deadlines.pass_early(Early::Head, 1);
                    }
                    return client.deadline.poll(cx).map(|()| Next::TooLate);
                }
            }
        }
    })
    .await
}
