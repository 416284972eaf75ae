//! The state shared by all requests of one worker, without their steps: the steps import this, it imports no
//! step. State of a single step has its own type in a module below.

use std::cell::Cell;
use std::future::poll_fn;
use std::io;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::sync::Arc;
use std::task::Poll;
use std::time::{Duration, Instant};

use certificate::Challenges;
use connect::{AddressHistory, Stream, TlsConfigCache};
use http1::Request;
use preview::PreviewKeyCell;
use rules::Timeouts;
use tokio::sync::Notify;
use traffic::{Reader, Table};

use crate::buffer::Buffers;
use crate::carried::Tasks;
use crate::client::{Client, ConnectionInfo, Job};
use crate::date::Date;
use crate::deadline::Deadlines;
use crate::observe::access::AccessLog;
use crate::observe::log::TargetLog;
use crate::observe::trace::TraceContext;
use crate::observe::{AccessRecord, Listening};
use crate::queue::{FailoverQueue, HoldQueues};
use crate::retries::Budgets;
use crate::splice::Pipes;
use crate::stop::{Phase, Stop};
use crate::target_connections::carrier::Carriers;
use crate::target_connections::names::Names;
use crate::target_connections::pinned::Logins;
use crate::target_connections::pool::Pool;

/// The state shared by all requests of one worker. Never leaves its thread.
#[derive(Debug)]
pub(crate) struct Worker {
    pub(crate) reader: Reader,
    pub(crate) pool: Pool,
    pub(crate) carriers: Carriers,
    pub(crate) names: Names,
    pub(crate) logins: Logins,
    pub(crate) tasks: Tasks<Job>,
    pub(crate) buffers: Buffers,
    pub(crate) pipes: Pipes,
    pub(crate) deadlines: Rc<Deadlines>,
    /// The same hold queues for all workers.
    pub(crate) hold_queues: Arc<HoldQueues>,
    pub(crate) failover_queue: FailoverQueue,
    pub(crate) budgets: Budgets,
    pub(crate) stop: Stop,
    pub(crate) log: TargetLog,
    /// The reporters of finished requests.
    pub(crate) listening: Listening,
    /// The TLS settings for targets.
    pub(crate) tls_configs: TlsConfigCache,
    /// The knowledge about the addresses of targets; shared by all workers and probes.
    pub(crate) history: AddressHistory,
    /// Responses to ACME challenges.
    pub(crate) challenges: Challenges,
    /// The key of preview tokens.
    pub(crate) preview_key: PreviewKeyCell,
    /// Our name in `Via`, by which we recognize our own requests.
    pub(crate) via: Box<str>,
    /// The deadlines of connections whose service is not known yet.
    front: Cell<Front>,
    /// Bytes of incomplete heads.
    pub(crate) heads: Cell<usize>,
    /// Bytes of incomplete bodies that are kept to be sent again.
    pub(crate) bodies: Cell<usize>,
    clock: Cell<Instant>,
    date: Cell<Date>,
    /// True if there may be targets that are gone and not yet forgotten.
    stale: Cell<bool>,
    open: Cell<usize>,
    changed: Notify, // notified when a connection ends while we are leaving
}

/// The timeouts that apply before the service is known: the most generous of all services.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Front {
    pub(crate) tls_hello: Duration,
    pub(crate) request_head: Duration,
    pub(crate) idle: Duration,
    pub(crate) write_stall: Duration,
}

// === impl Worker ===

impl Worker {
    pub(crate) fn new(
        reader: Reader,
        via: Box<str>,
        hold_queues: Arc<HoldQueues>,
        listening: Listening,
        (tls_configs, history): (TlsConfigCache, AddressHistory),
        (challenges, preview_key): (Challenges, PreviewKeyCell),
    ) -> Self {
        let front = Front::of(&Timeouts::default());
        Self {
            reader,
            pool: Pool::default(),
            carriers: Carriers::default(),
            names: Names::default(),
            logins: Logins::default(),
            tasks: Tasks::default(),
            buffers: Buffers::new(),
            pipes: Pipes::default(),
            deadlines: Deadlines::new(),
            hold_queues,
            failover_queue: FailoverQueue::default(),
            budgets: Budgets::default(),
            stop: Stop::default(),
            log: TargetLog::default(),
            listening,
            tls_configs,
            history,
            challenges,
            preview_key,
            via,
            front: Cell::new(front),
            heads: Cell::default(),
            bodies: Cell::default(),
            clock: Cell::new(Instant::now()),
            date: Cell::new(Date::now()),
            stale: Cell::new(false),
            open: Cell::new(0),
            changed: Notify::new(),
        }
    }

    /// Makes one without other workers, and without access log or spans.
    #[cfg(test)]
    pub(crate) fn alone(reader: Reader) -> Self {
        let (hold_queues, shared) = (Arc::default(), Default::default());
        let own = Default::default();
        Self::new(reader, "teal-test".into(), hold_queues, Listening::default(), shared, own)
    }

    /// Returns the time at which the turn of the running task began: exact enough for every deadline, and read
    /// once where a request would ask ten times.
    pub(crate) fn now(&self) -> Instant {
        self.clock.get()
    }

    /// Returns the wall clock as a `Date` value, at most a tick behind.
    pub(crate) fn date(&self) -> [u8; 29] {
        self.date.get().text()
    }

    /// Returns the seconds of the wall clock since 1970, at most a tick behind.
    pub(crate) fn second(&self) -> u64 {
        self.date.get().since_1970()
    }

    /// Reads the wall clock.
    pub(crate) fn renew_date(&self) {
        self.date.set(self.date.get().renewed());
    }

    /// Forgets everything about targets that are gone, after a change of the table and again for as long as some
    /// of them are in use.
    pub(crate) fn forget_gone(&self, now: Instant) {
        if !self.stale.replace(false) {
            return;
        }
        let table = self.reader.table();
        let colors = table.services.iter().flat_map(|service| &service.colors);
        let targets = colors.flat_map(|color| &color.targets);
        let mut there: Vec<_> = targets.map(|target| (target.id, target.moves)).collect();
        there.sort_unstable();
        let is_there = |target, moves| there.binary_search(&(target, moves)).is_ok();
        let some_stay = self.pool.forget_gone(is_there) | self.carriers.forget_gone(now, is_there);
        self.stale.set(some_stay);
        self.log.forget_gone(|target| there.binary_search_by_key(&target, |at| at.0).is_ok());
    }

    /// Returns true if it has no connection, neither to a client nor to a target: nothing can be late.
    pub(crate) fn is_at_rest(&self) -> bool {
        self.deadlines.is_empty() && self.pool.is_empty() && self.carriers.is_empty()
    }

    /// Runs a future with the clock read at the beginning of each of its turns.
    pub(crate) async fn in_turns<F: Future>(&self, mut future: Pin<Box<F>>) -> F::Output {
        poll_fn(|cx| {
            self.read_clock();
            future.as_mut().poll(cx)
        })
        .await
    }

    /// Reads the clock, at the beginning of a turn.
    pub(crate) fn read_clock(&self) {
        self.clock.set(Instant::now());
    }

    /// Starts the record of a request; `None` if nothing reports requests.
    pub(crate) fn access_record(&self, info: &ConnectionInfo) -> Option<Box<AccessRecord>> {
        let Listening { access, tracer, .. } = &self.listening;
        (access.is_some() || tracer.is_some()).then(|| AccessRecord::begin(info, self.now()))
    }

    /// Counts lines of the access log that were handed over and could not be written.
    pub(crate) fn count_lost_lines(&self) {
        let lost = self.listening.access.as_ref().map_or(0, AccessLog::take_lost);
        if lost > 0 {
            self.reader.connections().log_dropped.add(lost);
        }
    }

    /// Returns our part in the trace of a request; `None` without a collector, or if the trace is not recorded.
    pub(crate) fn trace(&self, request: &Request<'_>) -> Option<TraceContext> {
        self.listening.tracer.as_ref()?;
        TraceContext::of(request, || self.reader.random())
    }

    /// Runs something that waits for a client; fails with `TimedOut` if it takes longer than `limit`.
    // lossless: L10
    pub(crate) async fn within<T>(
        &self,
        limit: Duration,
        work: impl Future<Output = io::Result<T>>,
    ) -> io::Result<T> {
        let deadline = self.deadlines.add(self.now() + limit);
        let mut work = pin!(work);
        poll_fn(|cx| match work.as_mut().poll(cx) {
            Poll::Ready(done) => Poll::Ready(done),
            Poll::Pending if self.stop.is_cut() => Poll::Ready(Err(io::ErrorKind::TimedOut.into())),
            Poll::Pending => deadline.poll(cx).map(|()| Err(io::ErrorKind::TimedOut.into())),
        })
        .await
    }

    pub(crate) fn front(&self) -> Front {
        self.front.get()
    }

    /// Counts a connection in, until the guard is dropped.
    pub(crate) fn enter_connection(self: &Rc<Self>) -> OpenConnection {
        if self.open.get() == 0 {
            self.renew_date(); // it was not renewed while the worker was idle
        }
        self.open.set(self.open.get() + 1);
        let books = self.reader.connections();
        books.accepted.add(1);
        books.open.rise();
        OpenConnection { worker: self.clone() }
    }

    /// Makes the client of this connection, or of this stream of one.
    pub(crate) fn client(&self, stream: Stream, info: ConnectionInfo) -> Client {
        let now = self.now();
        Client::new(stream, info, self.deadlines.add(now + self.front().idle), now)
    }

    /// Returns true if no client connection is open.
    pub(crate) fn is_empty(&self) -> bool {
        self.open.get() == 0
    }

    /// Waits until a connection ends while the worker is leaving.
    pub(crate) async fn ended_one(&self) {
        self.changed.notified().await;
    }

    /// A new table was published.
    pub(crate) fn adopted(&self, table: &Table) {
        self.buffers.fit(table.limits.head_bytes);
        let fronts = table.services.iter().map(|service| Front::of(&service.policy.timeouts));
        if let Some(front) = fronts.reduce(Front::generous) {
            self.front.set(front);
        }
        self.hold_queues.adopted(table, Instant::now());
        self.failover_queue.adopted();
        self.stale.set(true);
    }

    /// Enters a phase of the stop, and wakes all tasks so that each checks its state.
    pub(crate) fn enter(&self, phase: Phase) {
        self.stop.enter(phase);
        self.hold_queues.wake_all();
        self.failover_queue.wake_all();
        self.deadlines.wake_all();
    }
}

// === impl Front ===

impl Front {
    fn of(timeouts: &Timeouts) -> Self {
        Self {
            tls_hello: timeouts.tls_hello,
            request_head: timeouts.request_head,
            idle: timeouts.idle,
            write_stall: timeouts.write_stall,
        }
    }

    fn generous(self, other: Self) -> Self {
        Self {
            tls_hello: self.tls_hello.max(other.tls_hello),
            request_head: self.request_head.max(other.request_head),
            idle: self.idle.max(other.idle),
            write_stall: self.write_stall.max(other.write_stall),
        }
    }
}

/// One open client connection in the worker's count.
#[derive(Debug)]
pub(crate) struct OpenConnection {
    worker: Rc<Worker>,
}

impl Drop for OpenConnection {
    fn drop(&mut self) {
        let worker = &self.worker;
        worker.open.set(worker.open.get() - 1);
        worker.reader.connections().open.fall();
        if worker.stop.is_leaving() {
            worker.changed.notify_one();
        }
    }
}
