//! SPINE: a client's connection of HTTP/2. The library speaks the protocol; each stream is served as
//! a connection of HTTP/1.1 with one request would be, so that all that is promised of requests is
//! promised of streams.
//!
//! Guaranteed: what one connection can make Teal keep or do is bounded (D1 to D8); it ends with
//! GOAWAY in two steps (L7). Never: a push, early data, a stream that is not counted.

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
use crate::carried::{Head, Streams, translate, translate_open};
use crate::client::{Client, Entrance, Job};
use crate::deadline::{Deadline, Early};
use crate::http2::{
    Ends, H2, Inbound, PREFACE, Peer, Watch, Watched, first_piece, handshake, tunnel_of,
};
use crate::parts::RequestEnd;
use crate::worker::Worker;

/// How long a client has to close after it was told that this is the end.
const FAREWELL: Duration = Duration::from_secs(2);

/// Reads of what a client still sends after the end.
const LINGER: usize = 1024;

/// Serves a connection that speaks HTTP/2 until it ends; `early`: what was read of it.
pub(crate) async fn serve(worker: &Rc<Worker>, client: Client, early: Vec<u8>) {
    let Client { stream, entrance, deadline, .. } = client;
    let entrance = Entrance { http2: true, ..entrance };
    let ends = Ends { peer: stream.peer_addr().ok(), local: stream.local_addr().ok() };
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
        entrance,
        ends,
        streams: Rc::default(),
        active: worker.now(),
        ending: None,
    };
    poll_fn(|cx| serving.poll(cx)).await;
    let Serving { h2, streams, watch, .. } = serving;
    drop(h2); // those that are still served learn that their client is gone
    watch.outflow().emptied();
    poll_fn(|cx| streams.poll_empty(cx)).await;
    if watch.stalled_since().is_some() {
        // What the kernel has not taken is lost anyway, and it would keep the rest for as long as the
        // client answers its probes.
        stream.borrow().abort_on_close();
    } else {
        // Ignored: however it goes, it is over.
        let _ = worker.within(FAREWELL, linger(&stream)).await;
        stream.borrow().limit_close(worker.front().write_stall);
    }
}

/// Closes our side and reads on until the client closes its own: what it sends before it has read our
/// last GOAWAY would make the kernel take that from it, and it would not know what was not served.
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

/// Whether a connection without TLS begins as HTTP/2 does, and what was read of it then. Anything
/// else stays where it is.
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
    entrance: Entrance,
    ends: Ends,
    streams: Rc<Streams>,
    /// Also below the library: nobody writes to it while it does.
    stream: Rc<RefCell<Stream>>,
    /// When a stream last began or ended.
    active: Instant,
    /// Until when it may close, once it was told to.
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
                    self.active = now;
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
            // A client that was answered and sends on has deadlines of its own.
            if self.streams.has_ended(cx) || self.watch.unread_due().is_some() {
                self.active = now;
            }
            // Each stream says first how it ended: the turn before this one has sent it, if the client
            // takes it at once.
            // lossless: L8
            if self.worker.stop.is_cut() && self.streams.is_empty() {
                return Poll::Ready(());
            }
            if let Some(kind) = self.watch.spent().filter(|_| self.ending.is_none()) {
                self.worker.log.flood(kind, self.entrance.origin());
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
                self.active = now; // each stream has deadlines of its own
            } else if self.ending.is_some() || over {
                self.h2.abrupt_shutdown(Reason::ENHANCE_YOUR_CALM); // those beside it learn why
                return Poll::Ready(());
            } else {
                self.leave(now);
            }
        }
    }

    /// Requests that the library has refused are answered, counted and told of.
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
                let steps = worker.listening.followers.begin(&self.entrance, None);
                let mut end =
                    RequestEnd::unrouted(worker, worker.story(&self.entrance)).followed(steps);
                end.told(status.as_u16(), 0, None);
                end.answered(AnsweredBy::Teal(reason));
                worker.log.refused(status, self.entrance.origin());
            }
        }
    }

    /// The library has ended the connection. A head that nobody has seen was what it could not read.
    // lossless: L8
    fn broken(&mut self, error: &h2::Error) {
        let Some(reason) = error.reason().filter(|_| !error.is_remote()) else { return };
        if self.watch.has_unseen() {
            let worker = &self.worker;
            RequestEnd::unrouted(worker, worker.story(&self.entrance)).aborted(AbortCause::Client);
        }
        let (cut, origin) = (self.streams.len(), self.entrance.origin());
        self.worker.log.broken_connection(reason.description(), cut, origin);
    }

    /// Serves a stream, beside all others.
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
            Err(reject) => (Head::refused(&request), Some(reject)),
        };
        let body = request.into_body();
        let inbound = Inbound::new(head, (first, body), respond, self.ends, &self.watch);
        let stream = Stream::Exchange(Box::new(inbound));
        let client = worker.client(stream, self.entrance.clone());
        let job = Job { client, refused, _open: self.streams.enter() };
        streams::serve(&worker, job);
    }

    /// Teal stops, another takes its place, or the client's certificate is not trusted any more: no new
    /// streams, but those on their way.
    // lossless: L7
    fn say_goodbye(&mut self, now: Instant) {
        let leaving = self.worker.stop.is_leaving() || self.entrance.is_distrusted();
        if leaving && self.ending.is_none() {
            self.leave(now);
        }
    }

    fn leave(&mut self, now: Instant) {
        self.h2.graceful_shutdown();
        self.ending = Some(now + FAREWELL);
    }

    /// Whether it is only kept, and may be given up for others.
    fn is_idle(&self) -> bool {
        self.streams.is_empty()
            && self.ending.is_none()
            && !self.h2.has_streams()
            && self.watch.unread_due().is_none()
            && self.watch.head_since().is_none()
    }

    /// Until when the client may take nothing of what there is.
    // lossless: L10 - `write_stall`
    fn stall_due(&self) -> Option<Instant> {
        self.watch.stalled_since().map(|since| since + self.worker.front().write_stall)
    }

    /// Until when the wait may last, whatever it is for.
    // lossless: L10 - `request_head`, `idle`, `write_stall`; what a stream waits for has its own.
    fn due(&self) -> Instant {
        let front = self.worker.front();
        if let Some(since) = self.watch.head_since() {
            return since + front.request_head;
        }
        match self.ending {
            Some(until) if self.watch.spent().is_some() => until,
            _ if !self.streams.is_empty() => self.active + front.idle,
            // What was answered, and the client has not taken: it may be slow, but not stand still.
            _ if self.h2.has_streams() => self.active.max(self.watch.wrote()) + front.write_stall,
            Some(until) => until.max(self.active + FAREWELL),
            None => self.worker.stop.limit_idle(self.active, self.active + front.idle),
        }
    }
}
