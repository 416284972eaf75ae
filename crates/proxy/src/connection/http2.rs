//! SPINE: a client's HTTP/2 connection. The library speaks the protocol; each stream is served like an HTTP/1.1
//! connection with one request, so that every promise about requests holds for streams.
//!
//! Guarantees: the work and memory that one connection can cause are bounded (D1 to D8); it ends with a
//! two-step GOAWAY (L7). Never: a push, early data, a stream that is not counted.

use std::cell::RefCell;
use std::future::poll_fn;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use bytes::Bytes;
use connect::Stream;
use h2::server::SendResponse;
use h2::{Reason, RecvStream};
use http::{Request, StatusCode};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use traffic::{AbortCause, AnsweredBy, OwnReason};

use super::streams;
use crate::carried::{Http1Head, Protocol, Streams, translate, translate_open};
use crate::client::{Client, ConnectionInfo, Job};
use crate::deadline::{Deadline, Early};
use crate::http2::{
    ConnectionAddresses, H2, Inbound, PREFACE, Peer, Watch, Watched, first_piece, handshake,
    tunnel_of,
};
use crate::parts::RequestEnd;
use crate::worker::Worker;

/// The time in which a client has to close after the final GOAWAY.
const FAREWELL: Duration = Duration::from_secs(2);

/// The most reads of client input after the end.
const LINGER: usize = 1024;

/// Serves an HTTP/2 connection until it ends; `early`: bytes already read from it.
pub(crate) async fn serve(worker: &Rc<Worker>, client: Client, early: Vec<u8>) {
    let Client { stream, info, deadline, .. } = client;
    let info = ConnectionInfo { protocol: Protocol::Http2, ..info };
    let addresses =
        ConnectionAddresses { peer: stream.peer_addr().ok(), local: stream.local_addr().ok() };
    let watch = Watch::new(Peer::Client, worker.now());
    let stream = Rc::new(RefCell::new(stream));
    let watched = Watched::new(stream.clone(), early, watch.clone());
    let begun = handshake(watched, worker.reader.table().limits.head_bytes);
    // lossless: L10 - `request_head`
    let Ok(h2) = worker.within(worker.front().request_head, begun).await else { return };
    let mut serving = Serving {
        worker: worker.clone(),
        h2,
        watch,
        stream: stream.clone(),
        deadline,
        info,
        addresses,
        streams: Rc::default(),
        last_change: worker.now(),
        ending: None,
    };
    poll_fn(|cx| serving.poll(cx)).await;
    let Serving { h2, streams, watch, .. } = serving;
    drop(h2); // requests still being served learn that their client is gone
    watch.outflow().emptied();
    poll_fn(|cx| streams.poll_empty(cx)).await;
    if watch.stalled_since().is_some() {
        // Bytes that the kernel has not sent are lost anyway, and it would keep the others for as long as the
        // client answers its probes.
        stream.borrow().abort_on_close();
    } else {
        // Ignored: either way the connection is over.
        let _ = worker.within(FAREWELL, linger(&stream)).await;
        stream.borrow().limit_close(worker.front().write_stall);
    }
}

/// Closes our side and reads on until the client closes its own. Input that arrives on a closed socket would
/// make the kernel discard our last GOAWAY, and the client would not know which requests were not served.
// lossless: L7
async fn linger(stream: &RefCell<Stream>) -> std::io::Result<()> {
    poll_fn(|cx| Pin::new(&mut *stream.borrow_mut()).poll_shutdown(cx)).await?;
    let mut room = [0; 1024];
    for _ in 0..LINGER {
        let mut read = ReadBuf::new(&mut room);
        poll_fn(|cx| Pin::new(&mut *stream.borrow_mut()).poll_read(cx, &mut read)).await?;
        if read.filled().is_empty() {
            break;
        }
    }
    Ok(())
}

/// Returns true if a plain connection begins as HTTP/2 does, with the bytes read. Other input stays unread.
// lossless: L10 - `request_head`
pub(crate) async fn begins(worker: &Worker, client: &mut Client) -> Option<Vec<u8>> {
    client.deadline.set(worker.now() + worker.front().request_head);
    let http2 = poll_fn(|cx| {
        loop {
            let read = client.rx.filled();
            let known = read.len().min(PREFACE.len());
            if known == PREFACE.len() || read[..known] != PREFACE[..known] {
                return Poll::Ready(read.starts_with(PREFACE));
            }
            match client.rx.poll_fill(&worker.buffers, &mut client.stream, cx) {
                Poll::Ready(Ok(count)) if count > 0 => {}
                Poll::Ready(_) => return Poll::Ready(false),
                Poll::Pending if worker.stop.is_cut() => return Poll::Ready(false),
                Poll::Pending => return client.deadline.poll(cx).map(|()| false),
            }
        }
    });
    if !http2.await {
        return None;
    }
    let early = client.rx.filled().to_vec();
    client.rx.clear();
    client.rx.strip(&worker.buffers);
    Some(early)
}

/// A connection being served.
struct Serving {
    worker: Rc<Worker>,
    h2: H2,
    watch: Rc<Watch>,
    deadline: Deadline,
    info: ConnectionInfo,
    addresses: ConnectionAddresses,
    streams: Rc<Streams>,
    /// Also held below the library, which does all reading and writing.
    stream: Rc<RefCell<Stream>>,
    /// The time when a stream last began or ended.
    last_change: Instant,
    /// The time until which it may close after the GOAWAY.
    ending: Option<Instant>,
}

impl Serving {
    /// Ready when the connection is over.
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        loop {
            let now = Instant::now();
            self.watch.turn(now, self.streams.len());
            self.say_goodbye(now);
            match self.h2.poll_accept(cx) {
                Poll::Ready(Some(Ok((request, respond)))) => {
                    self.last_change = now;
                    self.begin(request, respond);
                    continue;
                }
                Poll::Ready(Some(Err(error))) => {
                    self.broken(&error);
                    return Poll::Ready(());
                }
                Poll::Ready(None) => return Poll::Ready(()),
                Poll::Pending => {
                    self.refuse();
                    self.watch.settle_unread();
                    // Ignored: the library finds the connection broken, too.
                    let _ = self.watch.poll_own(&mut self.stream.borrow_mut(), cx);
                    if self.watch.settle() {
                        cx.waker().wake_by_ref();
                    }
                }
            }
            // An answered client that goes on sending has its own deadlines.
            if self.streams.has_ended(cx) || self.watch.unread_due().is_some() {
                self.last_change = now;
            }
            // Each stream first reports how it ended: the turn before this one has sent that, unless the client
            // is slow to read.
            // lossless: L8
            if self.worker.stop.is_cut() && self.streams.is_empty() {
                return Poll::Ready(());
            }
            if let Some(kind) = self.watch.spent().filter(|_| self.ending.is_none()) {
                self.worker.log.flood(kind, self.info.origin());
                self.h2.abrupt_shutdown(Reason::ENHANCE_YOUR_CALM);
                self.ending = Some(now + FAREWELL);
                continue;
            }
            let sooner = self.watch.unread_due().into_iter().chain(self.stall_due());
            let due = sooner.fold(self.due(), Instant::min);
            if self.is_idle() {
                self.deadline.set_early(Early::Idle, due);
            } else {
                self.deadline.set(due);
            }
            if self.deadline.poll(cx).is_pending() {
                return Poll::Pending;
            }
            if self.watch.unread_due().is_some_and(|due| due <= Instant::now()) {
                continue;
            }
            if self.stall_due().is_some_and(|due| due <= Instant::now()) {
                return Poll::Ready(()); // each stream has had the same time
            }
            let over = self.watch.head_since().is_some() || self.watch.spent().is_some();
            if !self.streams.is_empty() && !over {
                self.last_change = now; // each stream has its own deadlines
            } else if self.ending.is_some() || over {
                self.h2.abrupt_shutdown(Reason::ENHANCE_YOUR_CALM); // requests on the other streams learn the cause
                return Poll::Ready(());
            } else {
                self.leave(now);
            }
        }
    }

    /// Answers, counts and logs the requests that the library has refused.
    // lossless: L8
    fn refuse(&mut self) {
        let worker = &self.worker;
        let refused = self.watch.refused(&worker.via);
        for (count, status, reason) in [
            (refused.malformed, StatusCode::BAD_REQUEST, OwnReason::BadRequest),
            (
                refused.too_large,
                StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
                OwnReason::HeadTooLarge,
            ),
        ] {
            for _ in 0..count {
                let steps = worker.listening.followers.begin(&self.info, None);
                let mut end =
                    RequestEnd::unrouted(worker, worker.access_record(&self.info)).followed(steps);
                end.responded(status.as_u16(), 0, None);
                end.answered(AnsweredBy::Teal(reason));
                worker.log.refused(status, self.info.origin());
            }
        }
    }

    /// The library has closed the connection. A head that was never handed over is the one it could not parse.
    // lossless: L8
    fn broken(&mut self, error: &h2::Error) {
        let Some(reason) = error.reason().filter(|_| !error.is_remote()) else { return };
        if self.watch.has_unseen() {
            let worker = &self.worker;
            let steps = worker.listening.followers.begin(&self.info, None);
            let end =
                RequestEnd::unrouted(worker, worker.access_record(&self.info)).followed(steps);
            end.aborted(AbortCause::Client);
        }
        let (cut, origin) = (self.streams.len(), self.info.origin());
        self.worker.log.broken_connection(reason.description(), cut, origin);
    }

    /// Serves a stream concurrently with the others.
    fn begin(&mut self, mut request: Request<RecvStream>, respond: SendResponse<Bytes>) {
        let worker = self.worker.clone();
        self.watch.served(respond.stream_id().as_u32());
        let first = first_piece(&mut request);
        let ended = first.is_empty() && request.body().is_end_stream();
        let fields = worker.reader.table().limits.fields;
        let random = || worker.reader.random();
        let tunnel = tunnel_of(&request);
        let translated = if ended || !first.is_empty() {
            translate(&request, tunnel, ended, fields, random)
        } else {
            translate_open(&request, tunnel, fields, random)
        };
        let (head, refused) = match translated {
            Ok(head) => (head, None),
            Err(reject) => (Http1Head::refused(&request), Some(reject)),
        };
        let body = request.into_body();
        let inbound = Inbound::new(head, (first, body), respond, self.addresses, &self.watch);
        let stream = Stream::Multiplexed(Box::new(inbound));
        let client = worker.client(stream, self.info.clone());
        let job = Job { client, refused, _open: self.streams.enter() };
        streams::serve(&worker, job);
    }

    /// Stops taking new streams, except those on their way: Teal stops, another takes its place, or the
    /// client's certificate is no longer trusted.
    // lossless: L7
    fn say_goodbye(&mut self, now: Instant) {
        let leaving = self.worker.stop.is_leaving() || self.info.is_distrusted();
        if leaving && self.ending.is_none() {
            self.leave(now);
        }
    }

    fn leave(&mut self, now: Instant) {
        self.h2.graceful_shutdown();
        self.ending = Some(now + FAREWELL);
    }

    /// Returns true if it is idle, and may be closed for new clients.
    fn is_idle(&self) -> bool {
        self.streams.is_empty()
            && self.ending.is_none()
            && !self.h2.has_streams()
            && self.watch.unread_due().is_none()
            && self.watch.head_since().is_none()
    }

    /// Returns until when the client may read nothing although there is output.
    // lossless: L10 - `write_stall`
    fn stall_due(&self) -> Option<Instant> {
        self.watch.stalled_since().map(|since| since + self.worker.front().write_stall)
    }

    /// Returns until when the connection may wait, for whatever.
    // lossless: L10 - `request_head`, `idle`, `write_stall`; what a stream waits for has its own.
    fn due(&self) -> Instant {
        let front = self.worker.front();
        if let Some(since) = self.watch.head_since() {
            return since + front.request_head;
        }
        match self.ending {
            Some(until) if self.watch.spent().is_some() => until,
            _ if !self.streams.is_empty() => self.last_change + front.idle,
            // Output that the client has not read: it may be slow, but not stalled.
            _ if self.h2.has_streams() => {
                self.last_change.max(self.watch.wrote()) + front.write_stall
            }
            Some(until) => until.max(self.last_change + FAREWELL),
            None => self.worker.stop.limit_idle(self.last_change, self.last_change + front.idle),
        }
    }
}
