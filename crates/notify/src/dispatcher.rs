//! The spine: notices come in, are put into the outbox, and are delivered.
//!
//! One task on one thread owns everything. Tries run beside it, at most one for each endpoint, so that messages keep
//! their order and no endpoint delays another.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use config::Notify;
use connect::TlsConfigCache;
use rules::Time;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until, timeout};

use crate::Context;
use crate::backoff::GIVE_UP_AFTER;
use crate::delivery::{Delivery, Outcome};
use crate::endpoint::{Endpoint, EndpointStatus, PendingMessages};
use crate::handle::{TestCommand, TestRefused, TestResult};
use crate::message::Message;
use crate::notice::{Notice, Source};
use crate::outbox::{Outbox, unkept_id};
use crate::secret;

/// The longest pause between two looks at everything.
const REST: Duration = Duration::from_secs(15);

/// The interval of looks at the lock, while another Teal has the outbox.
const LOCK_INTERVAL: Duration = Duration::from_millis(50);

/// The number of looks after which it is reported.
const LOCK_PATIENCE: u32 = 200;

/// The most notices that are written at once.
const BATCH: usize = 64;

/// The most writes before the outbox is left: more than all events that are kept for them.
const BATCHES: usize = 32;

/// A try has ended.
struct Tried {
    endpoint: String,
    id: String,
    outcome: Outcome,
}

/// The owner of everything.
pub(crate) struct Dispatcher<S> {
    context: Context,
    source: S,
    /// `None`: another Teal has it, or there are no endpoints.
    outbox: Option<Outbox>,
    endpoints: Vec<Endpoint>,
    tries: JoinSet<Tried>,
    tests: JoinSet<()>,
    tls_configs: TlsConfigCache,
    machine: Arc<str>,
    /// The number of looks at the lock.
    locked: u32,
    statuses: watch::Sender<Vec<EndpointStatus>>,
}

impl<S: Source> Dispatcher<S> {
    pub(crate) fn new(
        context: Context,
        source: S,
        statuses: watch::Sender<Vec<EndpointStatus>>,
    ) -> Self {
        Self {
            machine: Arc::from(&*context.machine),
            context,
            source,
            outbox: None,
            endpoints: Vec::new(),
            tries: JoinSet::new(),
            tests: JoinSet::new(),
            tls_configs: TlsConfigCache::default(),
            locked: 0,
            statuses,
        }
    }

    /// Works until it is asked to end.
    pub(crate) async fn run(
        mut self,
        mut commands: mpsc::Receiver<TestCommand>,
        mut end: oneshot::Receiver<()>,
    ) {
        self.reload();
        loop {
            self.open();
            self.send();
            self.publish();
            let next = self.next_look();
            tokio::select! {
                asked = &mut end => {
                    if asked.is_ok() {
                        self.take_all_now().await;
                    }
                    return;
                }
                notice = self.source.next(), if self.outbox.is_some() => {
                    self.take(notice).await;
                }
                Some(tried) = self.tries.join_next() => {
                    if let Ok(tried) = tried {
                        self.take_in(tried);
                    }
                }
                Some(_) = self.tests.join_next() => {}
                Some(command) = commands.recv() => self.test(command),
                _ = self.context.reloads.changed() => self.reload(),
                _ = self.context.in_control.changed() => self.change_control().await,
                () = sleep_until(next) => {
                    if let Some(outbox) = &mut self.outbox {
                        outbox.retry();
                    }
                }
            }
        }
    }

    fn is_in_control(&self) -> bool {
        *self.context.in_control.borrow()
    }

    /// Takes the endpoints of the configuration in force.
    fn reload(&mut self) {
        self.context.reloads.mark_unchanged();
        let mut known = std::mem::take(&mut self.endpoints);
        for config in (self.context.endpoints)() {
            let at = known.iter().position(|endpoint| endpoint.config.name == config.name);
            match at.map(|at| known.swap_remove(at)) {
                Some(mut endpoint) => {
                    endpoint.reload(config);
                    self.endpoints.push(endpoint);
                }
                None => self.endpoints.push(Endpoint::new(config)),
            }
        }
        self.tls_configs = TlsConfigCache::default(); // the CAs of this machine may have changed
        self.set_endpoints();
    }

    fn set_endpoints(&mut self) {
        let names: Vec<_> = self.endpoints.iter().map(|one| &*one.config.name).collect();
        if let Some(outbox) = &mut self.outbox {
            outbox.set_endpoints(&names, now());
        }
    }

    /// Opens the outbox, if it is needed and this Teal is in control.
    fn open(&mut self) {
        let needed = !self.endpoints.is_empty() || self.context.directory.exists();
        if self.outbox.is_some() || !needed || !self.is_in_control() {
            return;
        }
        let directory = &self.context.directory;
        let Ok(outbox) = Outbox::open(directory) else {
            self.locked = self.locked.saturating_add(1);
            if self.locked == LOCK_PATIENCE {
                let shown = directory.display();
                tracing::error!(
                    "another process has the outbox in {shown}; nothing is notified until it ends"
                );
            }
            return;
        };
        self.outbox = Some(outbox);
        self.locked = 0;
        self.set_endpoints();
        self.source.recover();
    }

    /// Leaves the outbox to another Teal, or comes back to it.
    async fn change_control(&mut self) {
        self.context.in_control.mark_unchanged();
        if !self.is_in_control() {
            self.take_all_now().await;
            self.tries.shutdown().await;
            for endpoint in &mut self.endpoints {
                endpoint.sending = None;
            }
            self.outbox = None; // and with it the lock
        }
    }

    /// Puts a notice, and others that are there already, into the outbox: one write for all.
    async fn take(&mut self, first: Notice) {
        let mut notices = vec![first];
        while notices.len() < BATCH {
            let Ok(more) = timeout(Duration::ZERO, self.source.next()).await else { break };
            notices.push(more);
        }
        self.put(notices);
    }

    /// Puts everything that has happened until now into the outbox.
    async fn take_all_now(&mut self) {
        if self.outbox.is_none() {
            return;
        }
        for _ in 0..BATCHES {
            let Ok(notice) = timeout(Duration::ZERO, self.source.next()).await else { return };
            self.take(notice).await;
        }
    }

    fn put(&mut self, notices: Vec<Notice>) {
        let Some(outbox) = &mut self.outbox else { return };
        let oldest = now().minus(GIVE_UP_AFTER);
        let addressed = notices.into_iter().map(|notice| {
            let wants = |endpoint: &&Endpoint| endpoint.config.events.contains(&notice.event);
            let is_old = notice.at < oldest;
            let to = self.endpoints.iter().filter(wants).filter(|_| !is_old);
            let to = to.map(|endpoint| endpoint.config.name.clone()).collect();
            (notice, to)
        });
        for dropped in outbox.put(addressed.collect()) {
            let mut endpoints = self.endpoints.iter_mut();
            if let Some(endpoint) = endpoints.find(|one| one.config.name == dropped.endpoint) {
                endpoint.drop_one();
            }
        }
    }

    /// Begins the next try of each endpoint that is ready for one.
    fn send(&mut self) {
        let Some(outbox) = &mut self.outbox else { return };
        let oldest = now().minus(GIVE_UP_AFTER).0;
        for endpoint in &mut self.endpoints {
            let name = endpoint.config.name.clone();
            if endpoint.sending.is_some() {
                continue;
            }
            while let Some(old) = outbox.first(&name).filter(|first| first.at < oldest).cloned() {
                outbox.end(&name, &old.id);
                endpoint.expire();
            }
            let Some(message) = outbox.first(&name).filter(|_| endpoint.is_ready()).cloned() else {
                continue;
            };
            let id = message.id.clone();
            endpoint.sending = Some(id.clone());
            let delivery =
                delivery(&endpoint.config, &self.machine, self.context.version, &self.tls_configs);
            self.tries.spawn(async move {
                let outcome = delivery.attempt(message).await;
                Tried { endpoint: name, id, outcome }
            });
        }
    }

    fn take_in(&mut self, tried: Tried) {
        let Tried { endpoint: name, id, outcome } = tried;
        let mut endpoints = self.endpoints.iter_mut();
        // It may have been removed meanwhile, and even be there again.
        let its = endpoints
            .find(|one| one.config.name == name && one.sending.as_deref() == Some(id.as_str()));
        let Some(endpoint) = its else { return };
        if endpoint.take_in(&outcome, now())
            && let Some(outbox) = &mut self.outbox
        {
            outbox.end(&name, &id);
        }
    }

    /// Sends a test message, beside everything else.
    fn test(&mut self, command: TestCommand) {
        let TestCommand { endpoint, answer } = command;
        match self.tested(&endpoint) {
            Ok(delivery) => {
                let message = Arc::new(Message::test(unkept_id(), now(), &endpoint));
                self.tests.spawn(async move {
                    let Outcome { status, took, problem, .. } = delivery.attempt(message).await;
                    drop(answer.send(Ok(TestResult { status, took, problem }))); // or its caller is gone
                });
            }
            Err(refused) => drop(answer.send(Err(refused))), // or its caller is gone
        }
    }

    /// Returns what a test of an endpoint needs.
    fn tested(&self, name: &str) -> Result<Delivery, TestRefused> {
        let Some(endpoint) = self.endpoints.iter().find(|one| one.config.name == name) else {
            let names = self.endpoints.iter().map(|one| one.config.name.clone());
            return Err(TestRefused::Unknown(names.collect()));
        };
        if !self.is_in_control() {
            return Err(TestRefused::NotNow("another Teal is taking over"));
        }
        Ok(delivery(&endpoint.config, &self.machine, self.context.version, &self.tls_configs))
    }

    /// Returns the time of the next look at everything.
    fn next_look(&self) -> Instant {
        let now = Instant::now();
        if self.outbox.is_none() && self.locked > 0 && self.is_in_control() {
            return now + LOCK_INTERVAL;
        }
        let due = self.endpoints.iter().filter_map(|one| one.not_before).filter(|at| *at > now);
        due.min().map_or(now + REST, |due| due.min(now + REST))
    }

    fn publish(&self) {
        let now = now();
        let pending = |name: &str| {
            let Some(outbox) = &self.outbox else { return PendingMessages::default() };
            let oldest = outbox.first(name).map(|first| Time(first.at));
            let problem = outbox.problem().map(str::to_owned);
            PendingMessages { count: outbox.count(name), oldest, problem }
        };
        let statuses = self.endpoints.iter();
        let statuses = statuses.map(|one| one.status(pending(&one.config.name), now));
        self.statuses.send_replace(statuses.collect());
    }
}

fn delivery(
    config: &Notify,
    machine: &Arc<str>,
    version: &'static str,
    tls_configs: &TlsConfigCache,
) -> Delivery {
    let secrets = config.secret.as_ref().map_or(Ok(Vec::new()), secret::read);
    Delivery {
        url: config.url.clone(),
        format: config.format,
        secrets: secrets.map(Arc::from),
        machine: machine.clone(),
        version,
        tls_configs: tls_configs.clone(),
    }
}

fn now() -> Time {
    Time::of(SystemTime::now())
}
