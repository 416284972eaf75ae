//! A worker's end of the channel: it adopts the newest table and takes leases from it.

use std::cell::{OnceCell, RefCell};
use std::collections::HashMap;
use std::future::poll_fn;
use std::ops::Deref;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use rules::Color;

use crate::books::{ServiceCell, WorkerCell};
use crate::lease::{Claim, ConnectionHold, Lease, LocalColor, LocalDrain, LocalTarget, Onset};
use crate::preview::{NoPreview, PreviewClaim};
use crate::publish::{TableChannel, Version};
use crate::random::Random;
use crate::report::Report;
use crate::sync::Arc;
use crate::table::{ColorId, Service, Table, TargetEntry, TargetId};

/// A worker's place in the channel, before its thread has started.
#[derive(Debug)]
pub struct Subscription {
    worker: usize,
    channel: Arc<TableChannel>,
    table: Arc<Table>,
}

/// A worker's place in the channel, on its own thread. Clones share the same place.
#[derive(Clone, Debug)]
pub struct Reader {
    inner: Rc<Inner>,
}

/// A worker's copy of the reference to the table, with its local state.
#[derive(Debug)]
pub struct LocalTable {
    table: Arc<Table>,
    places: Box<[LocalPlace]>,
}

/// A service as one worker holds it for the life of a request. Keeps this service alive,
/// not the whole table.
#[derive(Debug)]
pub struct LocalService {
    service: Arc<Service>,
    worker: usize,
}

#[derive(Debug)]
struct Inner {
    worker: usize,
    channel: Arc<TableChannel>,
    local: RefCell<Rc<LocalTable>>,
    colors: RefCell<HashMap<ColorId, Rc<LocalColor>>>,
    targets: RefCell<HashMap<TargetId, Rc<LocalDrain>>>,
    random: Random,
}

/// The local state of a service. Made when first used, so that adopting a table costs the same for any number
/// of services.
#[derive(Debug, Default)]
struct LocalPlace {
    service: OnceCell<Rc<LocalService>>,
    colors: [OnceCell<LocalEntry>; 2],
}

#[derive(Debug)]
struct LocalEntry {
    color: Rc<LocalColor>,
    targets: Box<[Rc<LocalTarget>]>,
}

// === impl Subscription ===

impl Subscription {
    pub(crate) fn new(worker: usize, channel: Arc<TableChannel>, table: Arc<Table>) -> Self {
        Self { worker, channel, table }
    }

    /// Returns the number of the worker, from 0.
    pub fn worker(&self) -> usize {
        self.worker
    }

    pub(crate) fn into_parts(self) -> (usize, Arc<TableChannel>) {
        (self.worker, self.channel)
    }

    /// Takes the place on the worker's own thread.
    pub fn into_reader(self) -> Reader {
        let inner = Inner {
            worker: self.worker,
            channel: self.channel,
            local: RefCell::new(Rc::new(LocalTable::new(self.table))),
            colors: RefCell::default(),
            targets: RefCell::default(),
            random: Random::new(),
        };
        Reader { inner: Rc::new(inner) }
    }
}

// === impl Reader ===

impl Reader {
    /// Returns the table that this worker has adopted last.
    pub fn table(&self) -> Rc<LocalTable> {
        self.inner.local.borrow().clone()
    }

    /// Returns the service at this index of the table that [`Reader::table`] returns now.
    pub fn service(&self, place: usize) -> Option<Rc<LocalService>> {
        let local = self.inner.local.borrow();
        let service = local.services.get(place)?;
        let made = || LocalService { service: service.clone(), worker: self.inner.worker };
        Some(local.places.get(place)?.service.get_or_init(|| Rc::new(made())).clone())
    }

    /// Returns the number of this worker, from 0.
    pub fn worker(&self) -> usize {
        self.inner.worker
    }

    /// Returns how many workers there are.
    pub fn workers(&self) -> usize {
        self.inner.channel.mailboxes.len()
    }

    /// Waits for the next table, swaps to it and acknowledges it. Idle connections to what it
    /// lists as draining have to be closed.
    pub async fn adopt(&self) -> Rc<LocalTable> {
        poll_fn(|cx| self.poll_adopt(cx)).await
    }

    /// Chooses the color and a target of it, and counts the lease on both: one step (L1). The lease says
    /// which ones.
    ///
    /// `service` is a place in the table that [`Reader::table`] returns now; there must be no
    /// await between the two. Targets in `avoid` are taken only if there is no other. `None`:
    /// there is no such service, or the color has no target.
    // lossless: L1
    pub fn claim(&self, service: usize, avoid: &[TargetId], now: Instant) -> Option<Lease> {
        self.claim_of(service, now, |targets| self.choose(targets, avoid, now))
    }

    /// The same, on this target if the chosen color has it.
    // lossless: L1
    pub fn claim_on(&self, service: usize, target: TargetId, now: Instant) -> Option<Lease> {
        self.claim_of(service, now, |targets| targets.iter().find(|known| known.id == target))
    }

    // lossless: L1
    fn claim_of(
        &self,
        service: usize,
        now: Instant,
        choose: impl FnOnce(&[Rc<LocalTarget>]) -> Option<&Rc<LocalTarget>>,
    ) -> Option<Lease> {
        let local = self.inner.local.borrow();
        let chosen = local.services.get(service)?;
        let (color, generation) = (chosen.split.choose(), chosen.generation);
        let claim = Claim { since: self.since(now), generation: Some(generation) };
        self.lease(&local, (service, color), claim, choose)
    }

    /// Counts a lease of a preview on the idle color: one step, too. Otherwise like [`Reader::claim`].
    ///
    /// # Errors
    /// The reason why there is none.
    // lossless: L1
    pub fn claim_preview(
        &self,
        service: usize,
        preview: PreviewClaim,
        avoid: &[TargetId],
        now: Instant,
    ) -> Result<Lease, NoPreview> {
        let local = self.inner.local.borrow();
        local.admits(service, preview)?;
        let claim = Claim { since: self.since(now), generation: None };
        let place = (service, preview.color);
        let lease = self.lease(&local, place, claim, |targets| self.choose(targets, avoid, now));
        lease.ok_or(NoPreview::NoTarget)
    }

    // lossless: L1
    fn lease(
        &self,
        local: &LocalTable,
        (service, color): (usize, Color),
        claim: Claim,
        choose: impl FnOnce(&[Rc<LocalTarget>]) -> Option<&Rc<LocalTarget>>,
    ) -> Option<Lease> {
        let entry = self.local_entry(local, service, color)?;
        let target = choose(&entry.targets)?.clone();
        Some(Lease::take(entry.color.clone(), target, self.inner.channel.clone(), claim))
    }

    /// Returns the time since the channel was made.
    fn since(&self, now: Instant) -> Duration {
        now.saturating_duration_since(self.inner.channel.began)
    }

    /// Counts a connection to a target from before it is made until it is closed (L4).
    pub fn hold_connection(&self, lease: &Lease) -> ConnectionHold {
        ConnectionHold::take(lease, self.inner.channel.clone())
    }

    /// Reports an observation about a target to the control plane.
    pub fn report(&self, report: Report) {
        self.inner.channel.reports.send(report);
    }

    /// Returns this worker's books of requests that were not routed to a service.
    pub fn unrouted(&self) -> &ServiceCell {
        self.inner.channel.unrouted.cell(self.inner.worker)
    }

    /// Returns this worker's books of client connections.
    pub fn connections(&self) -> &WorkerCell {
        self.inner.channel.workers.cell(self.inner.worker)
    }

    /// Records the age of the oldest lease per color, for status. To be called from time to time; costs one
    /// look at each lease of colors in use.
    pub fn survey(&self) {
        for color in self.inner.colors.borrow().values() {
            color.survey();
        }
    }

    /// Returns a random number, of another sequence in each worker and after each start. Not a secret.
    pub fn random(&self) -> u64 {
        self.inner.random.next()
    }

    fn poll_adopt(&self, cx: &mut Context<'_>) -> Poll<Rc<LocalTable>> {
        let inner = &*self.inner;
        let mailbox = &inner.channel.mailboxes[inner.worker];
        mailbox.poll(cx).map(|(version, table)| self.swap(version, table))
    }

    // lossless: L2 - the acknowledgement comes after the swap.
    fn swap(&self, version: Version, table: Arc<Table>) -> Rc<LocalTable> {
        let inner = &*self.inner;
        let local = Rc::new(LocalTable::new(table));
        drop(inner.local.replace(local.clone())); // also releases its local state
        let mut targets = inner.targets.borrow_mut();
        targets.retain(|_, drain| Rc::strong_count(drain) > 1);
        let mut target = Onset::default();
        for (id, drain) in targets.iter() {
            let onset = drain.update(local.draining(*id));
            target.drain |= onset.drain;
            target.cut |= onset.cut;
        }
        let mut colors = inner.colors.borrow_mut();
        colors.retain(|_, color| Rc::strong_count(color) > 1);
        for (id, color) in colors.iter() {
            let onset = color.drain(local.draining(*id));
            // A task that is not affected checks once and waits on.
            if onset.cut || target.cut {
                color.wake_all();
            } else if onset.drain || target.drain {
                color.wake_streams();
            }
        }
        inner.channel.acknowledge(inner.worker, version);
        local
    }

    fn local_entry<'t>(
        &self,
        local: &'t LocalTable,
        service: usize,
        color: Color,
    ) -> Option<&'t LocalEntry> {
        let cell = &local.places.get(service)?.colors[color.index()];
        Some(cell.get_or_init(|| self.make_entry(local, service, color)))
    }

    fn make_entry(&self, local: &LocalTable, service: usize, color: Color) -> LocalEntry {
        let entry = local.services[service].color(color);
        let mut colors = self.inner.colors.borrow_mut();
        let known = colors.entry(entry.id).or_insert_with(|| {
            let made = LocalColor::new(color, entry.books.clone(), self.inner.worker);
            made.drain(local.draining(entry.id));
            Rc::new(made)
        });
        let targets = entry.targets.iter().map(|target| self.make_target(local, target));
        LocalEntry { color: known.clone(), targets: targets.collect() }
    }

    fn make_target(&self, local: &LocalTable, target: &Arc<TargetEntry>) -> Rc<LocalTarget> {
        let mut targets = self.inner.targets.borrow_mut();
        let drain = targets.entry(target.id).or_insert_with(|| {
            let made = LocalDrain::default();
            made.update(local.draining(target.id));
            Rc::new(made)
        });
        Rc::new(LocalTarget::new(target.clone(), self.inner.worker, drain.clone()))
    }

    /// Returns the one with fewer leases of two random targets (Mitzenmacher 2001, "The power of two choices"),
    /// among those that are usable; with none usable, among all.
    fn choose<'t>(
        &self,
        targets: &'t [Rc<LocalTarget>],
        avoid: &[TargetId],
        now: Instant,
    ) -> Option<&'t Rc<LocalTarget>> {
        if let [only] = targets {
            return Some(only);
        }
        let fresh = |target: &&Rc<LocalTarget>| !avoid.contains(&target.id);
        let usable = |target: &&Rc<LocalTarget>| target.usable;
        let pick = |fit: &dyn Fn(&&Rc<LocalTarget>) -> bool| {
            let count = targets.iter().filter(fit).count() as u64;
            let nth = |n: u64| targets.iter().filter(fit).nth((n % count.max(1)) as usize);
            let (one, other) = (nth(self.random() >> 33), nth(self.random() >> 33));
            if other.map(|o| o.leases()) < one.map(|o| o.leases()) { other } else { one }
        };
        // Its host may be vanishing: the next connect would not be refused, but wait until its deadline, after
        // which nothing is sent again (L5).
        pick(&|target| fresh(target) && usable(target) && !target.has_refused(now))
            .or_else(|| pick(&|target| fresh(target) && usable(target)))
            .or_else(|| pick(&|target| fresh(target)))
            .or_else(|| pick(&|target| usable(target)))
            .or_else(|| pick(&|_| true))
    }
}

// === impl Inner ===

/// A worker that has ended takes no lease any more, so it acknowledges every table: nothing waits for it.
impl Drop for Inner {
    fn drop(&mut self) {
        self.channel.acknowledge(self.worker, Version::LAST);
        self.channel.drain.ring();
    }
}

// === impl LocalTable ===

impl LocalTable {
    fn new(table: Arc<Table>) -> Self {
        let places = table.services.iter().map(|_| LocalPlace::default()).collect();
        Self { table, places }
    }
}

impl Deref for LocalTable {
    type Target = Table;

    fn deref(&self) -> &Table {
        &self.table
    }
}

// === impl LocalService ===

impl LocalService {
    /// Returns this worker's books of the service.
    pub fn cell(&self) -> &ServiceCell {
        self.service.books.cell(self.worker)
    }
}

impl Deref for LocalService {
    type Target = Service;

    fn deref(&self) -> &Service {
        &self.service
    }
}
