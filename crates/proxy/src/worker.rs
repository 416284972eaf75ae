//! One thread of the data plane and everything that its requests share.

use std::cell::Cell;
use std::future::poll_fn;
use std::io;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use connect::{AddressHistory, Vault};
use http1::Request;
use rules::Timeouts;
use tokio::sync::{Notify, watch};
use traffic::{Reader, Table};

use crate::buffer::Buffers;
use crate::client::Entrance;
use crate::date::Date;
use crate::deadline::{Deadlines, REST_EVERY, SWEEP_EVERY};
use crate::http2::tasks::Tasks;
use crate::listener::{Accepting, Capacity, Listener};
use crate::observe::access::AccessLog;
use crate::observe::log::TargetLog;
use crate::observe::trace::TraceContext;
use crate::observe::{Listening, Story};
use crate::pick::line::Lines;
use crate::pick::park::Lot;
use crate::proxy::{Beat, Order};
use crate::splice::Pipes;
use crate::stop::{Phase, Stop};
use crate::tls::{Challenges, TlsDoor};
use crate::upstream::carrier::Carriers;
use crate::upstream::names::Names;
use crate::upstream::pinned::Logins;
use crate::upstream::pool::Pool;
use crate::upstream::retry::Budgets;

/// What all requests of one worker share. Never leaves its thread.
#[derive(Debug)]
pub(crate) struct Worker {
    pub(crate) reader: Reader,
    pub(crate) pool: Pool,
    pub(crate) carriers: Carriers,
    pub(crate) names: Names,
    pub(crate) logins: Logins,
    pub(crate) tasks: Tasks,
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

/// Serves until told to stop and the last connection has ended.
pub(crate) async fn run(
    worker: Worker,
    listeners: Vec<Listener>,
    (mut orders, mut beats): (watch::Receiver<Order>, watch::Receiver<Beat>),
) {
    let worker = Rc::new(worker);
    // Nobody is served from the empty table that every worker begins with: clients wait in the
    // kernel's queue for the first one that is published.
    tokio::select! {
        table = worker.reader.adopt() => worker.adopted(&table),
        _ = orders.changed() => return,
    }
    let adopting = tokio::task::spawn_local(adopt(worker.clone()));
    let capacity = listeners.first().map(Listener::capacity);
    // All doors with TLS share their CAs.
    let tls = listeners.iter().find_map(Listener::tls);
    let ticking = tokio::task::spawn_local(tick(worker.clone(), capacity, tls));
    let accepting: Vec<Accepting> =
        listeners.into_iter().map(|listener| listener.serve(worker.clone())).collect();
    loop {
        let order = *orders.borrow_and_update();
        match order {
            Order::Serve => step_back(&worker, &accepting),
            Order::StepAside | Order::Withdraw => step_aside(&worker, &accepting),
            Order::Leave => leave(&worker, &accepting).await,
            Order::Cut => worker.enter(Phase::Cut),
        }
        let ends = matches!(order, Order::Withdraw | Order::Leave | Order::Cut);
        if ends && worker.open.get() == 0 {
            break;
        }
        tokio::select! {
            changed = orders.changed() => if changed.is_err() {
                // Whoever gives orders is gone, and with it everything that this thread is for.
                worker.enter(Phase::Cut);
                break;
            },
            () = worker.changed.notified() => {}
            Ok(()) = beats.changed() => {
                if let Some(tell) = &*beats.borrow_and_update() {
                    let _ = tell.send(()); // whoever wanted to know has given up
                }
            }
        }
    }
    worker.pool.clear();
    worker.carriers.clear();
    worker.count_lost_lines();
    adopting.abort();
    ticking.abort();
}

/// Leaves accepting to another Teal that has the same sockets.
fn step_aside(worker: &Rc<Worker>, accepting: &[Accepting]) {
    if !worker.stop.is_leaving() {
        accepting.iter().for_each(Accepting::pause);
        worker.enter(Phase::Aside);
    }
}

/// Accepts again.
fn step_back(worker: &Rc<Worker>, accepting: &[Accepting]) {
    if worker.stop.is_leaving() {
        accepting.iter().for_each(Accepting::go_on);
        worker.enter(Phase::Running);
    }
}

/// Accepts what is queued, then closes the listeners; requests go on.
async fn leave(worker: &Rc<Worker>, accepting: &[Accepting]) {
    if worker.stop.is_closing() {
        return;
    }
    for accepting in accepting {
        accepting.finish().await;
    }
    worker.enter(Phase::Leaving(Instant::now()));
}

async fn adopt(worker: Rc<Worker>) {
    loop {
        let table = worker.reader.adopt().await;
        // lossless: L4 - idle connections to what is draining are closed at once.
        if !table.draining.is_empty() {
            worker.pool.retire();
            worker.carriers.retire();
            worker.logins.retire();
        }
        worker.adopted(&table);
        worker.stale.set(true);
    }
}

async fn tick(worker: Rc<Worker>, capacity: Option<Capacity>, tls: Option<TlsDoor>) {
    let mut ticks = 0u32;
    let turn = || tls.as_ref().map(TlsDoor::turn);
    let mut known = turn();
    let mut resting = false;
    let mut pause = pin!(tokio::time::sleep(SWEEP_EVERY));
    poll_fn(|cx: &mut Context<'_>| {
        worker.read_clock();
        if resting && !worker.is_at_rest() {
            resting = false;
            worker.renew_date();
            pause.as_mut().reset(tokio::time::Instant::now() + SWEEP_EVERY);
        }
        while pause.as_mut().poll(cx).is_ready() {
            let now = worker.now();
            worker.deadlines.sweep(now);
            worker.renew_date();
            if let Some(capacity) = &capacity {
                let given_up = capacity.give_up(&worker.deadlines);
                worker.reader.connections().given_up.add(given_up as u64);
            }
            if known != turn() {
                known = turn();
                worker.deadlines.wake_all(); // idle clients that are not trusted any more
            }
            worker.lines.pace(now);
            worker.carriers.sweep(now);
            ticks = ticks.wrapping_add(1);
            if resting || ticks.is_multiple_of(10) {
                worker.reader.survey();
                worker.count_lost_lines();
                worker.tasks.sweep();
                worker.forget_gone(now);
                for (target, name) in worker.names.sweep(now) {
                    worker.pool.give_up(target, name);
                    worker.carriers.give_up(target, name);
                }
            }
            resting = worker.is_at_rest();
            let next = if resting { REST_EVERY } else { SWEEP_EVERY };
            pause.as_mut().reset(tokio::time::Instant::now() + next);
        }
        if resting {
            worker.deadlines.wake_at_next(cx.waker());
        }
        // Not only on a tick: a target that closes an idle connection wakes this task.
        worker.pool.watch_idle(worker.now(), cx);
        worker.logins.watch(cx);
        Poll::<()>::Pending
    })
    .await;
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

    fn renew_date(&self) {
        self.date.set(self.date.get().renewed());
    }

    /// Forgets what it knows of targets that have left, if the table has changed.
    fn forget_gone(&self, now: Instant) {
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
    fn is_at_rest(&self) -> bool {
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
        let Listening { access, tracer } = &self.listening;
        (access.is_some() || tracer.is_some()).then(|| Story::begin(entrance, self.now()))
    }

    /// Counts lines of the access log that were handed over and could not be written.
    fn count_lost_lines(&self) {
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

    fn adopted(&self, table: &Table) {
        self.buffers.fit(table.limits.head_bytes);
        let fronts = table.services.iter().map(|service| Front::of(&service.timeouts));
        if let Some(front) = fronts.reduce(Front::generous) {
            self.front.set(front);
        }
        self.lines.adopted(table, Instant::now());
        self.lot.adopted();
    }

    fn enter(&self, phase: Phase) {
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
