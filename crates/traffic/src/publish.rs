//! Giving a new table to every worker; done when all have acknowledged it.

use std::future::poll_fn;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use crate::bell::DrainBell;
use crate::books::{ServiceBooks, WorkerBooks};
use crate::report::{Report, Reports};
use crate::sync::{Arc, AtomicU64, Mutex, Ordering, StatisticU64, lock};
use crate::table::Table;

/// The number of a publish. Every publish has its own, even one that only changes health and so keeps the generation.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Version(pub(crate) u64);

impl Version {
    /// Later than any published version.
    pub(crate) const LAST: Self = Self(u64::MAX);
}

/// The control plane's end: publishes tables and watches their acknowledgement.
#[derive(Clone, Debug)]
pub struct Publisher {
    channel: Arc<TableChannel>,
}

/// The state shared by both planes.
#[derive(Debug)]
pub(crate) struct TableChannel {
    pub(crate) began: Instant,
    pub(crate) mailboxes: Box<[Mailbox]>,
    pub(crate) drain: DrainBell,
    pub(crate) reports: Reports,
    pub(crate) unrouted: Arc<ServiceBooks>,
    pub(crate) workers: Arc<WorkerBooks>,
    latest: Mutex<Latest>,
    acknowledged: Mutex<Vec<Waker>>,
}

#[derive(Debug)]
struct Latest {
    version: Version,
    table: Arc<Table>,
}

/// The mailbox of tables to one worker.
#[derive(Debug, Default)]
pub(crate) struct Mailbox {
    mail: Mutex<Mail>,
    acknowledged: AtomicU64, // written by the worker after it swapped its table
    /// 1 for the place of another process.
    hosted: StatisticU64,
}

#[derive(Debug, Default)]
struct Mail {
    table: Option<(Version, Arc<Table>)>,
    waker: Option<Waker>,
}

// === impl Publisher ===

impl Publisher {
    pub(crate) fn of(channel: Arc<TableChannel>) -> Self {
        Self { channel }
    }

    /// Gives a table to every worker. It replaces one that a worker has not yet taken: workers need only the newest.
    pub fn publish(&self, table: Table) -> Version {
        let table = Arc::new(table);
        let mut latest = lock(&self.channel.latest);
        let version = Version(latest.version.0 + 1);
        *latest = Latest { version, table: table.clone() };
        // Under the lock, so that two publishers can't deliver in different orders.
        for mailbox in &self.channel.mailboxes {
            mailbox.deliver(version, table.clone());
        }
        version
    }

    /// Returns the newest table, whether acknowledged or not.
    pub fn table(&self) -> Arc<Table> {
        lock(&self.channel.latest).table.clone()
    }

    /// Returns the number of the newest publish.
    pub fn version(&self) -> Version {
        lock(&self.channel.latest).version
    }

    /// Waits until every worker has acknowledged this version or a newer one.
    pub async fn acknowledged(&self, version: Version) {
        poll_fn(|cx| self.poll_acknowledged(version, true, cx)).await;
    }

    /// Waits likewise, but not for the workers of other processes.
    pub async fn acknowledged_here(&self, version: Version) {
        poll_fn(|cx| self.poll_acknowledged(version, false, cx)).await;
    }

    /// Returns the workers that have not acknowledged this version.
    pub fn silent(&self, version: Version) -> Vec<usize> {
        let numbered = self.channel.mailboxes.iter().enumerate();
        let silent = numbered.filter(|(_, mailbox)| mailbox.acknowledged() < version);
        silent.map(|(worker, _)| worker).collect()
    }

    /// Returns how many workers there are.
    pub fn workers(&self) -> usize {
        self.channel.mailboxes.len()
    }

    /// Returns true if a worker is one of this process, false if it stands for the workers of an older Teal.
    pub fn is_here(&self, worker: usize) -> bool {
        self.channel.mailboxes.get(worker).is_some_and(|mailbox| !mailbox.is_hosted())
    }

    /// Waits for the next reports of the data plane about targets.
    pub async fn reports(&self) -> Vec<Report> {
        poll_fn(|cx| self.channel.reports.poll(cx)).await
    }

    /// Returns the books of requests that were not routed to a service.
    pub fn unrouted(&self) -> &ServiceBooks {
        &self.channel.unrouted
    }

    /// Returns the books of client connections.
    pub fn connections(&self) -> &WorkerBooks {
        &self.channel.workers
    }

    /// Returns the current time of the books: since the channel was made.
    pub fn now(&self) -> Duration {
        self.channel.began.elapsed()
    }

    pub(crate) fn drain_bell(&self) -> &DrainBell {
        &self.channel.drain
    }

    fn poll_acknowledged(
        &self,
        version: Version,
        everywhere: bool,
        cx: &mut Context<'_>,
    ) -> Poll<()> {
        let has_it = |mailbox: &Mailbox| {
            mailbox.acknowledged() >= version || (!everywhere && mailbox.is_hosted())
        };
        let all = || self.channel.mailboxes.iter().all(has_it);
        if all() {
            return Poll::Ready(());
        }
        let mut wakers = lock(&self.channel.acknowledged);
        if !wakers.iter().any(|waker| waker.will_wake(cx.waker())) {
            wakers.push(cx.waker().clone());
        }
        drop(wakers);
        // Again: the last worker may have acknowledged before the waker was in place.
        if all() { Poll::Ready(()) } else { Poll::Pending }
    }
}

// === impl TableChannel, Mailbox ===

impl TableChannel {
    /// Makes one for this many workers, which all have this table.
    pub(crate) fn new(workers: usize, table: Arc<Table>) -> Self {
        Self {
            began: Instant::now(),
            mailboxes: (0..workers).map(|_| Mailbox::default()).collect(),
            drain: DrainBell::default(),
            reports: Reports::default(),
            unrouted: Arc::new(ServiceBooks::new(workers)),
            workers: Arc::new(WorkerBooks::new(workers)),
            latest: Mutex::new(Latest { version: Version(0), table }),
            acknowledged: Mutex::default(),
        }
    }

    /// Returns the newest table.
    pub(crate) fn newest(&self) -> (Version, Arc<Table>) {
        let latest = lock(&self.latest);
        (latest.version, latest.table.clone())
    }

    /// Marks a place as that of another process.
    pub(crate) fn host(&self, worker: usize) {
        self.mailboxes[worker].hosted.store(1, Ordering::Relaxed);
    }

    pub(crate) fn acknowledge(&self, worker: usize, version: Version) {
        self.mailboxes[worker].acknowledge(version);
        let wakers = std::mem::take(&mut *lock(&self.acknowledged)); // and unlocks
        wakers.into_iter().for_each(Waker::wake);
    }
}

impl Mailbox {
    fn deliver(&self, version: Version, table: Arc<Table>) {
        let mut mail = lock(&self.mail);
        mail.table = Some((version, table));
        let waker = mail.waker.take();
        drop(mail);
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    pub(crate) fn poll(&self, cx: &mut Context<'_>) -> Poll<(Version, Arc<Table>)> {
        let mut mail = lock(&self.mail);
        if let Some(delivered) = mail.table.take() {
            return Poll::Ready(delivered);
        }
        mail.waker = Some(cx.waker().clone());
        Poll::Pending
    }

    fn acknowledge(&self, version: Version) {
        // Release: a reader of this sees what the worker counted before (L4).
        self.acknowledged.store(version.0, Ordering::Release);
    }

    fn is_hosted(&self) -> bool {
        self.hosted.load(Ordering::Relaxed) > 0
    }

    fn acknowledged(&self) -> Version {
        Version(self.acknowledged.load(Ordering::Acquire)) // pairs with `acknowledge`
    }
}
