//! Everything that the requests of one worker share, and nothing that they do: the steps import this,
//! it imports no step. What belongs to one step alone has a type of its own in a room below.

use std::cell::Cell;
use std::future::poll_fn;
use std::io;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::sync::Arc;
use std::task::Poll;
use std::time::{Duration, Instant};

use certificate::Challenges;
use connect::{AddressHistory, Stream, Vault};
use http1::Request;
use rules::Timeouts;
use tokio::sync::Notify;
use traffic::{Reader, Table};

use crate::buffer::Buffers;
use crate::carried::Tasks;
use crate::client::{Client, Entrance, Job};
use crate::date::Date;
use crate::deadline::Deadlines;
use crate::line::{Lines, Lot};
use crate::links::carrier::Carriers;
use crate::links::names::Names;
use crate::links::pinned::Logins;
use crate::links::pool::Pool;
use crate::observe::access::AccessLog;
use crate::observe::log::TargetLog;
use crate::observe::trace::TraceContext;
use crate::observe::{Listening, Story};
use crate::retries::Budgets;
use crate::splice::Pipes;
use crate::stop::{Phase, Stop};

/// What all requests of one worker share. Never leaves its thread.
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
    /// The same of all workers.
    pub(crate) lines: Arc<Lines>,
    pub(crate) lot: Lot,
    pub(crate) budgets: Budgets,
    pub(crate) stop: Stop,
    pub(crate) log: TargetLog,
    /// Who hears of each request.
    pub(crate) listening: Listening,
    /// What TLS to targets is made of.
    pub(crate) vault: Vault,
    /// What is known of the addresses of targets; the same of all workers and probes.
    pub(crate) history: AddressHistory,
    /// What authorities of certificates are answered.
    pub(crate) challenges: Challenges,
    /// Our name in `Via`, by which we know our own requests again.
    pub(crate) via: Box<str>,
    /// The deadlines of connections whose service is not known yet.
    front: Cell<Front>,
    /// Bytes of heads that have begun and not ended.
    pub(crate) heads: Cell<usize>,
    /// Bytes of bodies that have not ended and may be sent again.
    pub(crate) bodies: Cell<usize>,
    clock: Cell<Instant>,
    date: Cell<Date>,
    /// The table has changed since targets that have left were forgotten.
    stale: Cell<bool>,
    open: Cell<usize>,
    changed: Notify, // rung when a connection ends while we are leaving
}

/// Deadlines before the service is known: the most generous of all services.
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
        lines: Arc<Lines>,
        listening: Listening,
        (vault, history): (Vault, AddressHistory),
        challenges: Challenges,
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
            lines,
            lot: Lot::default(),
            budgets: Budgets::default(),
            stop: Stop::default(),
            log: TargetLog::default(),
            listening,
            vault,
            history,
            challenges,
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

    /// One without others, and without anybody who listens.
    #[cfg(test)]
    pub(crate) fn alone(reader: Reader) -> Self {
        let (lines, shared) = (Arc::default(), Default::default());
        let challenges = Challenges::default();
        Self::new(reader, "teal-test".into(), lines, Listening::default(), shared, challenges)
    }

    /// The time at which the turn of the running task began: exact enough for every deadline, and
    /// read once where a request would ask ten times.
    pub(crate) fn now(&self) -> Instant {
        self.clock.get()
    }

    /// The wall clock as a `Date` field says it, at most a tick behind.
    pub(crate) fn date(&self) -> [u8; 29] {
        self.date.get().text()
    }

    /// Looks at the wall clock.
    pub(crate) fn renew_date(&self) {
        self.date.set(self.date.get().renewed());
    }

    /// Forgets what it knows of targets that have left, if the table has changed.
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
        self.pool.forget_gone(is_there);
        self.carriers.forget_gone(now, is_there);
        self.log.forget_gone(|target| there.binary_search_by_key(&target, |at| at.0).is_ok());
    }

    /// Whether it has no connection, neither to a client nor to a target: nothing can be late.
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

    /// The beginning of what will be told of a request; none if nobody listens.
    pub(crate) fn story(&self, entrance: &Entrance) -> Option<Box<Story>> {
        let Listening { access, tracer, .. } = &self.listening;
        (access.is_some() || tracer.is_some()).then(|| Story::begin(entrance, self.now()))
    }

    /// Counts lines of the access log that were handed over and could not be written.
    pub(crate) fn count_lost_lines(&self) {
        let lost = self.listening.access.as_ref().map_or(0, AccessLog::take_lost);
        if lost > 0 {
            self.reader.connections().log_dropped.add(lost);
        }
    }

    /// Our part in the trace of a request; none without a collector, or if nobody records the trace.
    pub(crate) fn trace(&self, request: &Request<'_>) -> Option<TraceContext> {
        self.listening.tracer.as_ref()?;
        TraceContext::of(request, || self.reader.random())
    }

    /// Does something that waits for a client, in time or not at all.
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
            self.renew_date(); // nobody did so while the worker was at rest
        }
        self.open.set(self.open.get() + 1);
        let books = self.reader.connections();
        books.accepted.add(1);
        books.open.rise();
        OpenConnection { worker: self.clone() }
    }

    /// The client of this connection, or of this part of one, from here on.
    pub(crate) fn client(&self, stream: Stream, entrance: Entrance) -> Client {
        let now = self.now();
        Client::new(stream, entrance, self.deadlines.add(now + self.front().idle), now)
    }

    /// Whether no client's connection is open.
    pub(crate) fn is_empty(&self) -> bool {
        self.open.get() == 0
    }

    /// Waits until a connection ends while the worker is leaving.
    pub(crate) async fn ended_one(&self) {
        self.changed.notified().await;
    }

    /// Another table is here.
    pub(crate) fn adopted(&self, table: &Table) {
        self.buffers.fit(table.limits.head_bytes);
        let fronts = table.services.iter().map(|service| Front::of(&service.policy.timeouts));
        if let Some(front) = fronts.reduce(Front::generous) {
            self.front.set(front);
        }
        self.lines.adopted(table, Instant::now());
        self.lot.adopted();
        self.stale.set(true);
    }

    /// Goes on to a phase of the stop, and has everybody look at the world again.
    pub(crate) fn enter(&self, phase: Phase) {
        self.stop.enter(phase);
        self.lines.wake_all();
        self.lot.wake_all();
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
