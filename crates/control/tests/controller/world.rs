//! A controller with real workers, a real journal and scriptable targets, all in one process.

use std::collections::HashMap;
use std::future::Future;
use std::pin::pin;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use control::{
    Answer, ColorStatus, Destination, Handle, NewConfig, Reloader, Scope, ServiceStatus, Settings,
    StartError, SwitchRequest, Switched,
};
use journal::{FileStorage, Journal, Storage};
use peer::OfferedColor;
use rules::{
    Actor, Color, DrainEnd, GroupSpec, Limits, Receipt, Remarks, ServiceName, ServiceSpec,
    TargetUrl,
};
use tempfile::TempDir;
use testkit::{Target, wait_for, wait_until};
use tokio::runtime::{Builder, Runtime};
use tokio::sync::mpsc;
use traffic::{CutKind, Publisher, Reader, Report, ReportKind, Subscription, Table, table_channel};

use crate::disk::Disk;
use crate::names::Names;

pub(crate) const SOON: Duration = Duration::from_secs(10);

/// Two targets, the state directory, and what the configuration says: what outlives a Teal.
pub(crate) struct Fixture {
    pub(crate) blue: Target,
    pub(crate) green: Target,
    pub(crate) directory: TempDir,
    pub(crate) disk: Disk,
    pub(crate) names: Names,
    pub(crate) config: Arc<Mutex<Result<Vec<ServiceSpec>, Vec<String>>>>,
    pub(crate) groups: Arc<Mutex<Vec<GroupSpec>>>,
    /// The targets that the older Teal of an upgrade uses.
    pub(crate) used: Arc<Mutex<Vec<OfferedColor>>>,
}

/// One running controller with its workers.
pub(crate) struct World {
    pub(crate) handle: Handle,
    pub(crate) publisher: Publisher,
    pub(crate) workers: Vec<Worker>,
    runtime: Runtime,
    skips: Option<mpsc::UnboundedSender<Duration>>,
    control: Option<JoinHandle<()>>,
}

/// One worker thread of a data plane without sockets.
pub(crate) struct Worker {
    orders: Sender<Order>,
    thread: Option<JoinHandle<()>>,
}

enum Order {
    Claim(Sender<Option<(usize, Color)>>),
    Release(usize),
    Answer { requests: u64, status: u16, clients: u64 },
    Silence(bool),
    Refused(ReportKind),
    End,
}

pub(crate) fn name(text: &str) -> ServiceName {
    ServiceName::new(text).unwrap()
}

pub(crate) fn url(target: &Target) -> TargetUrl {
    TargetUrl::parse(&target.url()).unwrap()
}

/// A service with short intervals.
pub(crate) fn service(text: &str, blue: &Target, green: &Target) -> ServiceSpec {
    let mut spec = ServiceSpec::new(name(text), vec![url(blue)], vec![url(green)]);
    spec.health.interval = Duration::from_millis(400);
    spec.health.fast_interval = Duration::from_millis(20);
    spec.health.timeout = Duration::from_millis(300);
    spec.policy_mut().drain.timeout = Duration::from_secs(20);
    spec
}

pub(crate) fn to(color: Color) -> SwitchRequest {
    SwitchRequest {
        scope: Scope::Only,
        to: Destination::Color(color),
        actor: Actor::Token("test".into()),
        if_generation: None,
        wait_healthy: None,
        drain: None,
        dry_run: false,
        supersede: false,
        remarks: Remarks::default(),
    }
}

/// The only one of them.
pub(crate) fn only<T>(mut all: Vec<T>) -> T {
    assert_eq!(all.len(), 1);
    all.remove(0)
}

// === impl Fixture ===

impl Fixture {
    pub(crate) fn new() -> Self {
        let (blue, green) = (Target::start("blue"), Target::start("green"));
        let config = Arc::new(Mutex::new(Ok(vec![service("web", &blue, &green)])));
        let directory = TempDir::new().unwrap();
        let (disk, names) = (Disk::default(), Names::default());
        let (groups, used) = (Arc::default(), Arc::default());
        Self { blue, green, directory, disk, names, config, groups, used }
    }

    pub(crate) fn spec(&self, change: impl FnOnce(&mut ServiceSpec)) {
        let mut config = self.config.lock().unwrap();
        change(&mut config.as_mut().unwrap()[0]);
    }

    pub(crate) fn start(&self) -> World {
        self.try_start().unwrap()
    }

    pub(crate) fn try_start(&self) -> Result<World, StartError> {
        World::start(self)
    }

    /// A controller whose two colors are proven healthy.
    pub(crate) fn start_healthy(&self) -> World {
        let world = self.start();
        for color in Color::BOTH {
            wait_until(SOON, "both colors are healthy", || world.color(color).healthy);
        }
        world
    }
}

// === impl World ===

impl World {
    fn start(fixture: &Fixture) -> Result<Self, StartError> {
        let (publisher, subscriptions) = table_channel(2, Table::empty(Limits::default()));
        let files = FileStorage::open(fixture.directory.path()).unwrap();
        let storage = fixture.disk.clone().wrap(files);
        let (config, shown) = (fixture.config.clone(), fixture.groups.clone());
        let groups = shown.lock().unwrap().clone();
        let services = config.lock().unwrap().clone().unwrap();
        let reloader = Reloader::new(move || {
            let services = config.lock().unwrap().clone()?;
            let accept = Box::new(|| {});
            let (limits, others) = (Limits::default(), Vec::new());
            let groups = shown.lock().unwrap().clone();
            Ok(NewConfig { services, groups, limits, others, tls_configs: None, accept })
        });
        let resolver = fixture.names.resolver();
        let (tls_configs, upgrades) = (connect::TlsConfigCache::default(), mpsc::channel(1).0);
        let limits = Limits::default();
        let history = connect::AddressHistory::default();
        let used = fixture.used.lock().unwrap().clone();
        let settings = Settings {
            services,
            groups,
            limits,
            reloader,
            resolver,
            used,
            tls_configs,
            history,
            upgrades,
            log_dropped: || 0,
            versions: traffic::Versions::default(),
            not_in_force: None,
            series: peer::SeriesMailbox::default(),
        };
        let (skips, mut skipped) = mpsc::unbounded_channel();
        let (send, started) = channel();
        let own = publisher.clone();
        let control = thread::spawn(move || {
            let runtime = Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async move {
                let opened = Journal::open(Box::new(storage) as Box<dyn Storage>, None).unwrap();
                send.send(control::start(settings, own, opened).await).unwrap();
                while let Some(time) = skipped.recv().await {
                    tokio::time::pause();
                    tokio::time::advance(time).await;
                    tokio::time::resume();
                }
            });
        });
        let handle = started.recv().unwrap()?;
        let runtime = Builder::new_current_thread().enable_all().build().unwrap();
        let workers = subscriptions.into_iter().map(Worker::start).collect();
        let (skips, control) = (Some(skips), Some(control));
        Ok(Self { handle, publisher, workers, runtime, skips, control })
    }

    /// Ends the controller as a crash would: nothing is finished.
    pub(crate) fn crash(mut self) {
        self.end();
    }

    fn end(&mut self) {
        drop(self.skips.take());
        if let Some(control) = self.control.take() {
            control.join().unwrap();
        }
    }

    /// Lets the controller's clock jump: what was to happen within this time happens now.
    pub(crate) fn skip(&self, time: Duration) {
        self.skips.as_ref().unwrap().send(time).unwrap();
    }

    pub(crate) fn wait<T>(&self, future: impl Future<Output = T>) -> T {
        let bounded = async { tokio::time::timeout(SOON, future).await };
        self.runtime.block_on(bounded).expect("the controller answers in time")
    }

    /// Switches one service.
    pub(crate) fn switch(&self, request: SwitchRequest) -> Answer<Switched> {
        self.wait(self.handle.switch(request)).map(only)
    }

    /// Asks for a switch from another thread.
    pub(crate) fn in_background(&self, request: SwitchRequest) -> JoinHandle<Answer<Switched>> {
        let handle = self.handle.clone();
        thread::spawn(move || {
            let runtime = Builder::new_current_thread().build().unwrap();
            runtime.block_on(handle.switch(request)).map(only)
        })
    }

    /// The newest receipt, of a switch of one service.
    pub(crate) fn receipt(&self) -> Receipt {
        self.wait(self.handle.receipts(None)).map(only).unwrap()
    }

    /// Switches and waits for the end of the drain.
    pub(crate) fn switch_fully(&self, color: Color) -> DrainEnd {
        match self.switch(to(color)).unwrap() {
            Switched::Published { mut drain, .. } => self.wait(drain.end()),
            other => unreachable!("not published: {other:?}"),
        }
    }

    pub(crate) fn service(&self) -> ServiceStatus {
        self.wait(self.handle.status()).unwrap().services.remove(0)
    }

    pub(crate) fn color(&self, color: Color) -> ColorStatus {
        self.service().color(color).clone()
    }

    pub(crate) fn active(&self) -> (Color, u64) {
        let service = self.service();
        (service.split.stable(), service.generation.0)
    }

    /// A lease of worker 0, and the color it is on.
    pub(crate) fn claim(&self) -> (usize, Color) {
        wait_for(SOON, "a worker has a table with the service", || self.workers[0].claim())
    }
}

impl Drop for World {
    fn drop(&mut self) {
        self.end();
    }
}

// === impl Worker ===

impl Worker {
    fn start(subscription: Subscription) -> Self {
        let (orders, inbox) = channel();
        let thread = thread::spawn(move || work(&subscription.into_reader(), &inbox));
        Self { orders, thread: Some(thread) }
    }

    pub(crate) fn claim(&self) -> Option<(usize, Color)> {
        let (reply, answer) = channel();
        self.orders.send(Order::Claim(reply)).unwrap();
        answer.recv().unwrap()
    }

    pub(crate) fn release(&self, lease: usize) {
        self.orders.send(Order::Release(lease)).unwrap();
    }

    /// Answers requests, each of the next one of so many clients.
    pub(crate) fn answer(&self, requests: u64, status: u16, clients: u64) {
        self.orders.send(Order::Answer { requests, status, clients }).unwrap();
    }

    /// Stops taking tables, or goes on.
    pub(crate) fn silence(&self, silent: bool) {
        self.orders.send(Order::Silence(silent)).unwrap();
    }

    /// Reports what a connect to the active target of the first service met.
    pub(crate) fn report(&self, kind: ReportKind) {
        self.orders.send(Order::Refused(kind)).unwrap();
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        drop(self.orders.send(Order::End));
        if let Some(thread) = self.thread.take() {
            drop(thread.join());
        }
    }
}

fn work(reader: &Reader, orders: &Receiver<Order>) {
    let mut leases = HashMap::new();
    let mut next = 0;
    let mut silent = false;
    loop {
        if !silent {
            drop(poll(reader.adopt()));
        }
        leases.retain(|_, lease: &mut traffic::Lease| {
            if lease.is_cut() {
                lease.count_cut(CutKind::Answering);
            }
            !lease.is_cut()
        });
        match orders.recv_timeout(Duration::from_micros(200)) {
            Ok(Order::Claim(reply)) => {
                let lease = reader.claim(0, &[], Instant::now());
                let answer = lease.map(|lease| {
                    next += 1;
                    let color = lease.color();
                    leases.insert(next, lease);
                    (next, color)
                });
                reply.send(answer).unwrap();
            }
            Ok(Order::Release(lease)) => drop(leases.remove(&lease)),
            Ok(Order::Answer { requests, status, clients }) => {
                for request in 0..requests {
                    let Some(lease) = reader.claim(0, &[], Instant::now()) else { continue };
                    lease.target_books().answered(status, Duration::from_millis(1));
                    if status >= 500 {
                        lease.count_failure((request % clients) as u8);
                    }
                }
            }
            Ok(Order::Silence(wanted)) => silent = wanted,
            Ok(Order::Refused(kind)) => {
                let table = reader.table();
                let service = &table.services[0];
                let target = service.color(service.split.stable()).targets[0].id;
                reader.report(Report { target, kind });
            }
            Err(RecvTimeoutError::Timeout) => {}
            Ok(Order::End) | Err(RecvTimeoutError::Disconnected) => return,
        }
    }
}

fn poll<F: Future>(future: F) -> Option<F::Output> {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => Some(output),
        Poll::Pending => None,
    }
}
