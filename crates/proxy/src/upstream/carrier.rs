//! Connections to targets that carry many requests at once (HTTP/2), per worker. A request has a
//! stream of its own; the connection is counted until it is closed (L4).

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use bytes::Bytes;
use connect::Stream;
use h2::client::{Connection, SendRequest};
use tokio::sync::Notify;
use traffic::{ConnectionHold, TargetId};

use super::link::Reuse;
use crate::http2::source::broken;
use crate::http2::{Watch, Watched};

/// All connections of one worker that are shared.
#[derive(Debug, Default)]
pub(crate) struct Carriers {
    targets: RefCell<BTreeMap<TargetId, Target>>,
}

#[derive(Debug, Default)]
struct Target {
    carriers: Vec<Carrier>,
    /// Somebody connects: others wait for what comes of it.
    dialing: Option<Rc<Notify>>,
}

/// A connection that carries streams.
#[derive(Debug)]
struct Carrier {
    send: SendRequest<Bytes>,
    life: Rc<Life>,
}

#[derive(Debug)]
struct Life {
    /// Given up once the socket is closed.
    hold: RefCell<Option<ConnectionHold>>,
    streams: Cell<usize>,
    /// When its last stream ended.
    since: Cell<Instant>,
    /// How long it may be idle.
    longest: Duration,
    /// No further request is to be sent on it.
    over: Cell<bool>,
}

/// A stream's part in its connection.
#[derive(Debug)]
pub(crate) struct Ticket {
    life: Rc<Life>,
    /// How long the connection had been idle, if it had served before.
    pub(crate) idled: Option<Duration>,
}

/// Somebody connects, until this is dropped.
#[derive(Debug)]
pub(crate) struct Dialing<'s> {
    carriers: &'s Carriers,
    target: TargetId,
}

/// A place on a connection.
pub(crate) type Place = (SendRequest<Bytes>, Ticket);

/// Streams of one connection at once, if its target allows as many: a connection that breaks takes
/// them all with it.
const STREAMS: usize = 100;

/// What a target may send ahead, for one stream and for all of a connection.
const STREAM_WINDOW: u32 = 64 * 1024;
const CONNECTION_WINDOW: u32 = 8 * 1024 * 1024;

/// The longest head of an answer.
const HEAD: u32 = 64 * 1024;

/// What is kept of a request that the target does not take, for one stream.
const SEND_BUFFER: usize = 64 * 1024;

/// A connection idle for longer is not trusted with a request that can't be sent twice (L5).
const TRUSTED: Duration = Duration::from_secs(1);

impl Carriers {
    /// A place on a connection that nothing speaks against.
    // lossless: L5
    pub(crate) fn take(&self, target: TargetId, reuse: Reuse, now: Instant) -> Option<Place> {
        if reuse == Reuse::Never {
            return None;
        }
        let mut targets = self.targets.borrow_mut();
        let known = targets.get_mut(&target)?;
        known.carriers.retain_mut(Carrier::is_usable);
        let fresh = |carrier: &&Carrier| {
            let idle = carrier.life.streams.get() == 0;
            let idled = now.saturating_duration_since(carrier.life.since.get());
            reuse == Reuse::Any || !idle || idled <= TRUSTED
        };
        let carrier = known.carriers.iter().filter(fresh).find(|carrier| carrier.has_room())?;
        Some(carrier.place(Some(now.saturating_duration_since(carrier.life.since.get()))))
    }

    /// Whether somebody connects to the target, to be waited for.
    pub(crate) fn dialing(&self, target: TargetId) -> Option<Rc<Notify>> {
        self.targets.borrow().get(&target)?.dialing.clone()
    }

    /// Whoever holds this connects; others may wait for it.
    pub(crate) fn dial(&self, target: TargetId) -> Dialing<'_> {
        self.targets.borrow_mut().entry(target).or_default().dialing = Some(Rc::default());
        Dialing { carriers: self, target }
    }

    /// Takes a fresh connection in and gives the first place on it. `keep`: others may share it.
    ///
    /// # Errors
    /// If the connection broke at once.
    pub(crate) async fn start(
        &self,
        target: TargetId,
        stream: Stream,
        hold: ConnectionHold,
        longest: Duration,
        keep: bool,
    ) -> io::Result<Place> {
        let now = Instant::now();
        let watch = Watch::new(0, now);
        let (send, connection) = h2::client::Builder::new()
            .enable_push(false)
            .initial_window_size(STREAM_WINDOW)
            .initial_connection_window_size(CONNECTION_WINDOW)
            .max_header_list_size(HEAD)
            .max_send_buffer_size(SEND_BUFFER)
            .handshake(Watched::new(stream, Vec::new(), watch.clone()))
            .await
            .map_err(broken)?;
        let life = Rc::new(Life {
            hold: RefCell::new(Some(hold)),
            streams: Cell::new(0),
            since: Cell::new(now),
            longest,
            over: Cell::new(false),
        });
        tokio::task::spawn_local(drive(connection, watch, life.clone()));
        let carrier = Carrier { send, life };
        let place = carrier.place(None);
        if keep {
            let mut targets = self.targets.borrow_mut();
            targets.entry(target).or_default().carriers.push(carrier);
        }
        Ok(place)
    }

    /// Gives no more requests to what is being drained: its connections close with their last
    /// stream.
    // lossless: L4
    pub(crate) fn retire(&self) {
        for target in self.targets.borrow_mut().values_mut() {
            target.carriers.retain(|carrier| !carrier.life.is_draining());
        }
    }

    /// Closes what has been idle for too long, and forgets what is over.
    pub(crate) fn sweep(&self, now: Instant) {
        for target in self.targets.borrow_mut().values_mut() {
            target.carriers.retain(|carrier| {
                let Life { streams, since, longest, over, .. } = &*carrier.life;
                let idle = streams.get() == 0 && now > since.get() + *longest;
                !idle && !over.get()
            });
        }
    }

    /// Closes everything that carries no stream.
    pub(crate) fn clear(&self) {
        self.targets.borrow_mut().clear();
    }
}

/// Moves what the streams of a connection send and receive, until it is closed.
async fn drive(mut connection: Connection<Watched, Bytes>, watch: Rc<Watch>, life: Rc<Life>) {
    poll_fn(|cx| {
        watch.turn(Instant::now());
        let ended = Pin::new(&mut connection).poll(cx).map(drop);
        // D9: what it was to read next stays unread.
        if watch.spent().is_some() { Poll::Ready(()) } else { ended }
    })
    .await;
    drop(connection);
    life.over.set(true);
    drop(life.hold.take()); // lossless: L4 - the socket is closed.
}

// === impl Carrier, Life ===

impl Carrier {
    fn is_usable(&mut self) -> bool {
        let mut cx = Context::from_waker(Waker::noop());
        let gone = matches!(self.send.poll_ready(&mut cx), Poll::Ready(Err(_)));
        !gone && !self.life.over.get() && !self.life.is_draining()
    }

    fn has_room(&self) -> bool {
        self.life.streams.get() < self.send.current_max_send_streams().min(STREAMS)
    }

    fn place(&self, idled: Option<Duration>) -> Place {
        self.life.streams.set(self.life.streams.get() + 1);
        (self.send.clone(), Ticket { life: self.life.clone(), idled })
    }
}

impl Life {
    fn is_draining(&self) -> bool {
        self.hold.borrow().as_ref().is_none_or(ConnectionHold::is_draining)
    }
}

// === impl Ticket ===

impl Ticket {
    /// A request failed on the connection: no other is sent on it.
    pub(crate) fn distrust(&self) {
        self.life.over.set(true);
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        self.life.streams.set(self.life.streams.get() - 1);
        self.life.since.set(Instant::now());
    }
}

impl Drop for Dialing<'_> {
    fn drop(&mut self) {
        let mut targets = self.carriers.targets.borrow_mut();
        let waited = targets.get_mut(&self.target).and_then(|target| target.dialing.take());
        if let Some(waited) = waited {
            waited.notify_waiters();
        }
    }
}
