//! One life of a Teal: from the start on what the disk holds to the crash, and what callers do
//! to it meanwhile.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::panic::resume_unwind;
use std::rc::Rc;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use control::{
    Answer, DrainWatch, EventRead, Handle, HoldRequest, LiveEvent, NewConfig, ReloadRequest,
    Reloader, ResumeRequest, Settings, Status, SwitchRequest, Switched,
};
use journal::Journal;
use rules::{Actor, Color, DrainEnd, Limits, ServiceSpec};
use tokio::task::JoinSet;
use tokio::time::timeout;
use traffic::{Publisher, Table, table_channel};

use crate::fault_storage::Disk;
use crate::targets::Targets;
use crate::witness::Witness;
use crate::workers::Worker;

/// L10: no answer takes longer. The longest is that of a switch whose probes all hang, behind
/// another that a silent worker delays.
const ANSWER: Duration = Duration::from_secs(40);
/// L10: no drain is longer untold: its deadline, and the patience with workers that do not cut.
const DRAIN: Duration = Duration::from_secs(25);

/// A request of an operator.
#[derive(Clone, Debug)]
pub(crate) enum Ask {
    Switch(SwitchRequest),
    Hold,
    Resume,
    Reload,
    Drained(Color, Duration),
}

/// The state that outlives a Teal.
pub(crate) struct Fixture {
    pub(crate) targets: Targets,
    pub(crate) config: Arc<Mutex<ServiceSpec>>,
    pub(crate) witness: Rc<Witness>,
    /// True if each caller waits for the answer before the next asks, and nothing else decides.
    pub(crate) orderly: bool,
}

/// One running controller.
pub(crate) struct Life {
    pub(crate) workers: Vec<Rc<Worker>>,
    fixture: Rc<Fixture>,
    handle: Handle,
    publisher: Publisher,
    tasks: RefCell<JoinSet<()>>,
    /// Colors that were reported as drained, with the generation of the service then.
    dead: RefCell<BTreeSet<(u64, usize)>>,
}

// === impl Life ===

impl Life {
    pub(crate) async fn start(fixture: Rc<Fixture>, disk: &Disk) -> Rc<Self> {
        let (publisher, subscriptions) = table_channel(2, Table::empty(Limits::default()));
        fixture.targets.start().await;
        let config = fixture.config.clone();
        let services = vec![config.lock().unwrap().clone()];
        let reloader = Reloader::new(move || {
            let services = vec![config.lock().unwrap().clone()];
            let accept = Box::new(|| {});
            let (limits, others) = (Limits::default(), Vec::new());
            let groups = Vec::new();
            Ok(NewConfig { services, groups, limits, others, tls_configs: None, accept })
        });
        let resolver = fixture.targets.resolver();
        let (tls_configs, upgrades) =
            (connect::TlsConfigCache::default(), tokio::sync::mpsc::channel(1).0);
        let (groups, limits) = (Vec::new(), Limits::default());
        let history = connect::AddressHistory::default();
        let used = Vec::new();
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
        let opened = Journal::open(disk.storage(), None).unwrap();
        let handle = control::start(settings, publisher.clone(), opened).await.unwrap();
        let subscription = |subscription| Worker::start(subscription, fixture.witness.clone());
        let workers = subscriptions.into_iter().map(subscription).collect();
        let (tasks, dead) = (RefCell::default(), RefCell::default());
        let life = Rc::new(Self { workers, fixture, handle, publisher, tasks, dead });
        life.clone().in_background(|life| async move { life.follow().await });
        life
    }

    /// Does something beside; if that fails, the next look at this life does.
    pub(crate) fn in_background<F: Future<Output = ()> + 'static>(
        self: Rc<Self>,
        work: impl FnOnce(Rc<Self>) -> F,
    ) {
        let work = work(self.clone());
        self.tasks.borrow_mut().spawn_local(work);
    }

    /// L9: at the instant of each switch its color is proven healthy.
    async fn follow(&self) {
        let mut events = self.handle.events(None);
        loop {
            let EventRead::Item(item) = events.next().await else { panic!("news were missed") };
            let LiveEvent::Switch { to, generation, .. } = item.event else { continue };
            self.fixture.witness.saw(generation.0, to);
            let spec = self.fixture.config.lock().unwrap().clone();
            let settings = &spec.health;
            // A change before it may have waited a second for its workers.
            let at_most = settings.interval + Duration::from_secs(2);
            let first = &spec.color(to).targets[0]; // the second may come and go
            self.fixture.targets.assert_proven(first, settings.rise as usize, at_most);
        }
    }

    /// Everything that holds at any time.
    pub(crate) async fn look(&self) -> Status {
        // Before the status is asked for: a switch may be reported between the answer and this task's turn.
        let newest = self.fixture.witness.newest();
        let found = timeout(Duration::from_secs(1), self.handle.status());
        let status = found.await.expect("L10: status is answered").unwrap();
        for worker in &self.workers {
            worker.check();
        }
        while let Some(done) = self.tasks.borrow_mut().try_join_next() {
            if let Err(failed) = done {
                resume_unwind(failed.into_panic());
            }
        }
        let service = &status.services[0];
        assert!(status.generation.0 >= newest, "a generation was lost");
        self.fixture.witness.saw(status.generation.0, service.split.stable());
        for color in Color::BOTH.into_iter().filter(|color| service.color(*color).drained) {
            assert_eq!(self.holds(color), 0, "L4: {color} is reported as drained");
            if !service.split.receives(color) {
                self.dead.borrow_mut().insert((service.generation.0, color.index()));
            }
        }
        for color in Color::BOTH.into_iter().filter(|color| !service.split.receives(*color)) {
            if self.dead.borrow().contains(&(service.generation.0, color.index())) {
                assert_eq!(self.holds(color), 0, "L4: {color} was reported as finally drained");
            }
        }
        for entry in self.handle.history().await.unwrap() {
            if let Some(receipt) = entry.receipt() {
                self.fixture.witness.read(receipt);
            }
        }
        status
    }

    /// Asks, waits, and checks the answer.
    pub(crate) async fn ask(self: Rc<Self>, ask: Ask) {
        let before = self.look().await;
        let answered = timeout(ANSWER, self.clone().put(ask.clone())).await;
        let answer = answered.unwrap_or_else(|_| panic!("L10: {ask:?} was not answered"));
        let after = self.look().await;
        let Err(refusal) = answer else { return };
        assert_ne!(refusal.code(), "stopping", "nobody has stopped it");
        if self.fixture.orderly && refusal.code() != "publish_incomplete" {
            let what = |status: &Status| {
                let service = &status.services[0];
                (status.generation, service.split.stable(), service.held.is_some())
            };
            assert_eq!(what(&before), what(&after), "{ask:?} was refused: {refusal}");
        }
    }

    async fn put(self: Rc<Self>, ask: Ask) -> Answer<()> {
        let actor = Actor::Uid(0);
        match ask {
            Ask::Switch(ask) => {
                for switched in self.handle.switch(ask).await? {
                    self.clone().switched(switched);
                }
            }
            Ask::Hold => {
                let ask = HoldRequest {
                    service: None,
                    actor,
                    max_wait: None,
                    drain: None,
                    if_generation: None,
                };
                self.handle.hold(ask).await?;
            }
            Ask::Resume => drop(
                self.handle
                    .resume(ResumeRequest { service: None, actor, if_generation: None })
                    .await?,
            ),
            Ask::Reload => drop(self.handle.reload(ReloadRequest { actor }).await?),
            Ask::Drained(color, patience) => {
                let waiting = self.handle.wait_drained(None, color);
                if let Ok(drained) = timeout(patience, waiting).await {
                    let generation = drained?.generation;
                    self.is_drained(color, generation.0);
                }
            }
        }
        Ok(())
    }

    fn switched(self: Rc<Self>, switched: Switched) {
        match switched {
            Switched::Published { from, to, generation, drain, .. } => {
                self.fixture.witness.saw(generation.0, to);
                self.fixture.witness.assert_everywhere(generation.0);
                self.in_background(|life| life.watch(from, generation.0, drain));
            }
            Switched::AlreadyOn { color, generation, drain: Some(drain), .. } => {
                self.in_background(|life| life.watch(color.other(), generation.0, drain));
            }
            Switched::AlreadyOn { .. } | Switched::DryRun { .. } => {}
        }
    }

    async fn watch(self: Rc<Self>, color: Color, generation: u64, mut drain: DrainWatch) {
        let told = timeout(DRAIN, drain.end_in_time()).await;
        let told = told.expect("L10: every caller that waits for a drain gets an answer");
        if let Ok(DrainEnd::Drained | DrainEnd::Cut(_)) = told {
            self.is_drained(color, generation);
        }
    }

    /// L4: nothing is left, unless the service has moved on since.
    fn is_drained(&self, color: Color, generation: u64) {
        let table = self.publisher.table();
        let service = &table.services[0];
        if service.generation.0 == generation && !service.split.receives(color) {
            assert_eq!(self.holds(color), 0, "L4: {color} was reported as drained");
        }
    }

    fn holds(&self, color: Color) -> usize {
        self.workers.iter().map(|worker| worker.holds(color)).sum()
    }
}
