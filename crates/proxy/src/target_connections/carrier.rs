//! Target connections that carry many requests at once (HTTP/2), per worker. Each request has its own stream;
//! the connection is counted until it is closed (L4), which a stalled target cannot delay.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use bytes::Bytes;
use connect::{PeekState, Stream};
use h2::client::{Connection, SendRequest};
use h2::{Ping, PingPong};
use tokio::sync::Notify;
use tokio::task::AbortHandle;
use traffic::{ConnectionHold, TargetId};

use super::connection::{Destination, Reuse};
use crate::http2::{Answered, Peer, Watch, Watched, broken};

/// All shared connections of one worker.
#[derive(Debug, Default)]
pub(crate) struct Carriers {
    targets: RefCell<BTreeMap<Destination, Target>>,
    /// Connections that take no more requests, until they are closed.
    leaving: RefCell<Vec<Rc<Life>>>,
}

#[derive(Debug, Default)]
struct Target {
    carriers: Vec<Carrier>,
    /// The number of connections being opened: other requests wait for them.
    dialing: usize,
    /// The last connection could be shared.
    shares: bool,
    /// Notified when there may be a free stream.
    changed: Rc<Notify>,
    /// Until this time each request has its own connection: the target has broken the protocol on a shared one.
    alone: Rc<Cell<Option<Instant>>>,
    /// Until this time the target gets HTTP/1.1, which it has required.
    http1: Option<Instant>,
}

/// A connection that carries streams.
#[derive(Debug)]
struct Carrier {
    send: SendRequest<Bytes>,
    life: Rc<Life>,
}

#[derive(Debug)]
struct Life {
    /// Shared for inspection. Dropped before the hold.
    stream: RefCell<Option<Rc<RefCell<Stream>>>>,
    /// Dropped once the socket is closed.
    hold: RefCell<Option<ConnectionHold>>,
    driver: RefCell<Option<AbortHandle>>,
    ping: RefCell<Option<PingPong>>,
    /// A PING is under way to prove that its target is there.
    proving: Cell<bool>,
    watch: Rc<Watch>,
    streams: Cell<usize>,
    /// Streams that it has carried.
    served: Cell<usize>,
    /// The time when its last stream ended.
    since: Cell<Instant>,
    /// The longest time that it may be idle.
    longest: Duration,
    /// No further request may be sent on it.
    over: Cell<bool>,
}

/// A stream's share in its connection.
#[derive(Debug)]
pub(crate) struct StreamGuard {
    life: Rc<Life>,
    /// The connection had served before.
    pub(crate) served: bool,
    /// The time that it had been idle, if it had served before and was idle.
    pub(crate) idled: Option<Duration>,
    /// The target must be proven there before anything is sent.
    unproven: bool,
}

/// A connection is being opened, until this is dropped.
#[derive(Debug)]
pub(crate) struct Dialing<'s> {
    carriers: &'s Carriers,
    target: Destination,
}

/// The task that drives a connection. Its fields are dropped in this order.
struct Driven {
    connection: Connection<Watched, Bytes>,
    closing: Closing,
    changed: Rc<Notify>,
    alone: Rc<Cell<Option<Instant>>>,
    settled: bool,
}

/// Marks a connection as closed when it is dropped.
struct Closing(Rc<Life>);

/// A stream to be opened on a connection.
pub(crate) type StreamHandle = (SendRequest<Bytes>, StreamGuard);

/// The most streams on one connection at once, if its target allows as many: a connection that breaks takes
/// them all with it.
const STREAMS: usize = 100;

/// The most streams of one connection in all: its two ends keep counters for its whole life, which stay small.
const SERVED: usize = 10_000;

/// Streams that we reset and whose last frames may still arrive, at once: those of clients that leave must not
/// end the connection of all others.
const BROKEN_OFF: usize = 1000;

/// Time for which a target that broke the protocol gets a connection for each request, so that it harms no other.
const ALONE: Duration = Duration::from_secs(60);

/// Time for which a target that required HTTP/1.1 gets nothing else.
const HTTP1: Duration = Duration::from_secs(600);

/// The time allowed for a connection that takes no more requests and carries none to close by itself.
// lossless: L4 L10
const FAREWELL: Duration = Duration::from_secs(2);

impl Carriers {
    /// Returns a stream on a connection that is believed good. For a request that can't be sent twice, an idle
    /// connection must have no input pending; and if it was idle for longer than `trusted`, the target has to
    /// be proven there with [`StreamGuard::prove`].
    // lossless: L5
    pub(crate) fn take(
        &self,
        target: Destination,
        reuse: Reuse,
        trusted: Duration,
        now: Instant,
    ) -> Option<StreamHandle> {
        if reuse == Reuse::Never {
            return None;
        }
        let mut targets = self.targets.borrow_mut();
        let known = targets.get_mut(&target)?;
        self.part(&mut known.carriers, Carrier::is_usable);
        let fresh = |carrier: &&Carrier| {
            let Life { streams, proving, .. } = &*carrier.life;
            reuse == Reuse::Any
                || !proving.get() && (streams.get() > 0 || carrier.life.peek() == PeekState::Quiet)
        };
        let most = if known.is_alone(now) { 1 } else { STREAMS };
        let carrier = known.carriers.iter().filter(fresh).find(|carrier| carrier.has_room(most))?;
        let (send, mut guard) = carrier.open_stream(now);
        guard.unproven = reuse != Reuse::Any && guard.idled.is_some_and(|idled| idled > trusted);
        carrier.life.proving.set(guard.unproven || carrier.life.proving.get());
        Some((send, guard))
    }

    /// Returns true if a stream will be available soon and is worth waiting for.
    pub(crate) fn coming(&self, target: Destination, now: Instant) -> Option<Rc<Notify>> {
        let targets = self.targets.borrow();
        let known = targets.get(&target).filter(|known| !known.is_alone(now))?;
        let unsettled = |carrier: &Carrier| !carrier.life.watch.is_settled();
        let comes = known.dialing > 0 || known.carriers.iter().any(unsettled);
        comes.then(|| known.changed.clone())
    }

    /// Returns true if connections to the target can be shared, according to the last one.
    pub(crate) fn shares(&self, target: Destination) -> bool {
        self.targets.borrow().get(&target).is_some_and(|known| known.shares)
    }

    /// The last connection to the target could not be shared.
    pub(crate) fn unshared(&self, target: Destination) {
        if let Some(known) = self.targets.borrow_mut().get_mut(&target) {
            known.shares = false;
        }
    }

    /// The target requires HTTP/1.1, for any server name: its open connections get no more requests.
    pub(crate) fn require_http1(&self, target: Destination, now: Instant) {
        let mut targets = self.targets.borrow_mut();
        if let Some(known) = targets.get_mut(&target) {
            known.shares = false;
            self.part(&mut known.carriers, |_| false);
            known.changed.notify_waiters();
        }
        targets.entry(target.of_any_name()).or_default().http1 = Some(now + HTTP1);
    }

    /// Returns true if the target gets HTTP/1.1, since it has required that. Once its time is over, a request
    /// that can be sent again tries whether it still does.
    pub(crate) fn requires_http1(&self, target: Destination, rewinds: bool, now: Instant) -> bool {
        let targets = self.targets.borrow();
        let until = targets.get(&target.of_any_name()).and_then(|known| known.http1);
        until.is_some_and(|until| !rewinds || now < until)
    }

    /// Registers a caller that opens a connection; others may wait for it.
    pub(crate) fn dial(&self, target: Destination) -> Dialing<'_> {
        self.targets.borrow_mut().entry(target).or_default().dialing += 1;
        Dialing { carriers: self, target }
    }

    /// Adds a new connection and returns the first stream on it. `keep`: others may share it, as soon as the
    /// target has announced how many.
    ///
    /// # Errors
    /// If the connection broke at once.
    pub(crate) async fn start(
        &self,
        target: Destination,
        stream: Stream,
        hold: ConnectionHold,
        longest: Duration,
        keep: bool,
    ) -> io::Result<StreamHandle> {
        let now = Instant::now();
        let watch = Watch::new(Peer::Target, now);
        let stream = Rc::new(RefCell::new(stream));
        let (send, mut connection) = connect::http2::builder()
            .max_concurrent_reset_streams(BROKEN_OFF)
            .max_local_error_reset_streams(None) // `Watch` limits the target
            .handshake(Watched::new(stream.clone(), Vec::new(), watch.clone()))
            .await
            .map_err(broken)?;
        let life = Rc::new(Life {
            stream: RefCell::new(Some(stream)),
            hold: RefCell::new(Some(hold)),
            driver: RefCell::default(),
            ping: RefCell::new(connection.ping_pong()),
            proving: Cell::new(false),
            watch,
            streams: Cell::new(0),
            served: Cell::new(0),
            since: Cell::new(now),
            longest,
            over: Cell::new(false),
        });
        let mut targets = self.targets.borrow_mut();
        let known = targets.entry(target).or_default();
        let closing = Closing(life.clone());
        let (changed, alone) = (known.changed.clone(), known.alone.clone());
        let driven = Driven { connection, closing, changed, alone, settled: false };
        let driver = tokio::task::spawn_local(driven.run());
        life.driver.replace(Some(driver.abort_handle()));
        let carrier = Carrier { send, life };
        let handle = carrier.open_stream(now);
        if keep && !carrier.life.is_draining() {
            known.shares = true;
            known.carriers.push(carrier);
        } else {
            self.leaving.borrow_mut().push(carrier.life);
        }
        Ok(handle)
    }

    /// Sends no more requests to draining targets: their connections close with the last stream.
    // lossless: L4
    pub(crate) fn retire(&self) {
        for known in self.targets.borrow_mut().values_mut() {
            self.part(&mut known.carriers, |carrier| !carrier.life.is_draining());
        }
    }

    /// Sends no more requests on the connections of a server name that was forgotten.
    pub(crate) fn give_up(&self, target: TargetId, name: u64) {
        for (at, known) in self.targets.borrow_mut().iter_mut() {
            if at.target == target && at.name == name {
                self.part(&mut known.carriers, |_| false);
                known.alone.set(None);
                known.changed.notify_waiters();
            }
        }
    }

    /// Closes connections that were idle for too long, are being drained, or do not close by themselves.
    pub(crate) fn sweep(&self, now: Instant) {
        self.targets.borrow_mut().retain(|at, known| {
            self.part(&mut known.carriers, |carrier| {
                let Life { streams, since, longest, over, .. } = &*carrier.life;
                let idle = streams.get() == 0 && now > since.get() + *longest;
                !idle && !over.get() && !carrier.life.is_draining()
            });
            // There may be many names, most of them used once.
            at.name == 0 || known.is_in_use(now)
        });
        self.leaving.borrow_mut().retain(|life| {
            if life.streams.get() == 0 && now > life.since.get() + FAREWELL {
                life.driver.borrow().as_ref().inspect(|driver| driver.abort());
            }
            !life.is_closed()
        });
    }

    /// Forgets targets that are in no table any more, once they are unused. `is_there` is asked for each target
    /// and its number of moves. Returns true if some of them are still in use.
    pub(crate) fn forget_gone(
        &self,
        now: Instant,
        is_there: impl Fn(TargetId, u32) -> bool,
    ) -> bool {
        let mut some_stay = false;
        self.targets.borrow_mut().retain(|at, known| {
            let (in_use, there) = (known.is_in_use(now), is_there(at.target, at.moves));
            some_stay |= in_use && !there;
            in_use || there
        });
        some_stay
    }

    /// Returns true if there is no connection.
    pub(crate) fn is_empty(&self) -> bool {
        let none = |target: &Target| target.carriers.is_empty();
        self.leaving.borrow().is_empty() && self.targets.borrow().values().all(none)
    }

    /// Closes all connections without a stream.
    pub(crate) fn clear(&self) {
        self.targets.borrow_mut().clear();
        self.leaving.borrow_mut().clear();
    }

    /// Sends no more requests on the connections for which `stays` returns false.
    fn part(&self, carriers: &mut Vec<Carrier>, mut stays: impl FnMut(&mut Carrier) -> bool) {
        let leave = carriers.extract_if(.., |carrier| !stays(carrier));
        self.leaving.borrow_mut().extend(leave.map(|carrier| carrier.life));
    }
}

// === impl Target, Driven, Closing ===

impl Target {
    /// Returns true if any of its state is still needed.
    fn is_in_use(&self, now: Instant) -> bool {
        !self.carriers.is_empty() || self.dialing > 0 || self.is_alone(now)
    }

    fn is_alone(&self, now: Instant) -> bool {
        self.alone.get().is_some_and(|until| now < until)
    }
}

impl Driven {
    /// Moves the data of a connection's streams, until it is closed.
    async fn run(mut self) {
        poll_fn(|cx| self.poll(cx)).await;
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let Life { watch, streams, .. } = &*self.closing.0;
        watch.turn(Instant::now(), streams.get());
        let ended = Pin::new(&mut self.connection).poll(cx).map(|ended| {
            if ended.is_err_and(|error| error.is_go_away() && error.is_library()) {
                self.alone.set(Some(Instant::now() + ALONE));
            }
        });
        if watch.settle() {
            cx.waker().wake_by_ref();
        }
        if watch.is_settled() && !self.settled {
            self.settled = true;
            self.changed.notify_waiters();
        }
        // D9: further input stays unread.
        if watch.spent().is_some() { Poll::Ready(()) } else { ended }
    }
}

impl Drop for Closing {
    // lossless: L4 - the socket is closed before it is no longer counted.
    fn drop(&mut self) {
        self.0.over.set(true);
        drop(self.0.stream.take());
        drop(self.0.hold.take());
    }
}

// === impl Carrier, Life ===

impl Carrier {
    fn is_usable(&mut self) -> bool {
        let mut cx = Context::from_waker(Waker::noop());
        let gone = matches!(self.send.poll_ready(&mut cx), Poll::Ready(Err(_)));
        let Life { over, served, .. } = &*self.life;
        !gone && !over.get() && served.get() < SERVED && !self.life.is_draining()
    }

    /// Before the target has announced how many streams it allows, one is used.
    fn has_room(&self, most: usize) -> bool {
        self.life.streams.get() < self.send.current_max_send_streams().min(most)
    }

    fn open_stream(&self, now: Instant) -> StreamHandle {
        let life = self.life.clone();
        let served = life.served.replace(life.served.get() + 1) > 0;
        let idle = life.streams.replace(life.streams.get() + 1) == 0;
        let idled = now.saturating_duration_since(life.since.get());
        let idled = Some(idled).filter(|_| served && idle);
        (self.send.clone(), StreamGuard { life, served, idled, unproven: false })
    }
}

impl Life {
    fn is_draining(&self) -> bool {
        self.hold.borrow().as_ref().is_none_or(ConnectionHold::is_draining)
    }

    fn is_closed(&self) -> bool {
        self.hold.borrow().is_none()
    }

    fn peek(&self) -> PeekState {
        let stream = self.stream.borrow();
        stream.as_ref().map_or(PeekState::Ended, |stream| stream.borrow().peek())
    }
}

// === impl StreamGuard ===

impl StreamGuard {
    /// A request failed on the connection: it gets no others.
    pub(crate) fn distrust(&self) {
        self.life.over.set(true);
    }

    /// Returns the answers that have begun, for a stream.
    pub(crate) fn answered(&self) -> Arc<Answered> {
        self.life.watch.answered()
    }
}

impl StreamGuard {
    /// Waits until the target has answered a PING, if it must be proven there. Returns false if no PING can be
    /// sent, or the connection broke. Callers need a deadline.
    // lossless: L5
    pub(crate) async fn prove(&mut self) -> bool {
        if !self.unproven {
            return true;
        }
        let life = self.life.clone();
        let asked = match life.ping.borrow_mut().as_mut() {
            Some(ping) => ping.send_ping(Ping::opaque()).is_ok(),
            None => false,
        };
        let pong = poll_fn(|cx| match life.ping.borrow_mut().as_mut() {
            Some(ping) => ping.poll_pong(cx).map(|pong| pong.is_ok()),
            None => Poll::Ready(false),
        });
        let proven = asked && pong.await;
        life.proving.set(false);
        self.unproven = false;
        proven
    }
}

impl Drop for StreamGuard {
    fn drop(&mut self) {
        if self.unproven {
            self.life.proving.set(false);
        }
        self.life.streams.set(self.life.streams.get() - 1);
        self.life.since.set(Instant::now());
    }
}

impl Drop for Dialing<'_> {
    fn drop(&mut self) {
        if let Some(known) = self.carriers.targets.borrow_mut().get_mut(&self.target) {
            known.dialing -= 1;
            known.changed.notify_waiters();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn r67_a_target_that_no_table_has_is_forgotten_and_one_that_is_connected_to_is_not() {
        let (carriers, now) = (Carriers::default(), Instant::now());
        let at = |target| Destination { target: TargetId(target), moves: 0, name: 0 };
        (0..1000).for_each(|target| carriers.require_http1(at(target), now));
        let dialing = carriers.dial(at(9));
        carriers.sweep(now);
        assert!(carriers.forget_gone(now, |target, _| target.0 == 7), "one is in use");
        let known = || carriers.targets.borrow().keys().copied().collect::<Vec<_>>();
        assert_eq!(known(), [at(7), at(9)]);
        assert!(carriers.requires_http1(at(7), true, now), "with what it was found to be");
        drop(dialing);
        assert!(!carriers.forget_gone(now, |_, _| false), "nothing is left to be forgotten");
        assert!(known().is_empty());
    }
}
