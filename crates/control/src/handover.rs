//! The older Teal's side of an upgrade: it hands control over, follows the newer one, and exits; or takes
//! control back if the newer one has died.

use std::sync::Arc;
use std::time::Duration;

use journal::Opened;
use peer::{
    BooksMessage, Host, Incoming, Mirror, Outgoing, PeerConnection, SentCounts, SeriesStart,
    TableMessage, ToNewer, ToOlder,
};
use rules::{Color, Refusal, ServiceName, Shown, TargetUrl, check, follow};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;
use tokio::time::{Instant, MissedTickBehavior, interval, timeout};
use traffic::{ColorEntry, Report, ReportKind, Service, Table};

use crate::clock::Clock;
use crate::controller::{StartError, recover, resume};
use crate::core::{Core, Frozen, Inner};
use crate::series::Beat;
use crate::swap::PublishedMember;

/// The intervals at which counters are sent: short if a drain may wait for them, else for viewers.
const TELL_DRAINING: Duration = Duration::from_millis(10);
const TELL: Duration = Duration::from_millis(500);

/// The number of services whose series are sent in one message.
const AT_ONCE: usize = 32;

/// The time limit for sending the last counts.
// lossless: L10
const FAREWELL: Duration = Duration::from_secs(5);

/// The time limit for reading the last messages of a newer Teal that has gone.
// lossless: L10
const LAST_WORDS: Duration = Duration::from_millis(500);

/// The follower of a newer Teal that is in control. If it is dropped without [`Follower::farewell`], this Teal
/// counts as dead, and its requests as cut.
#[derive(Debug)]
pub struct Follower {
    frozen: Frozen,
    status: mpsc::UnboundedReceiver<NewerStatus>,
    leave: oneshot::Sender<()>,
    task: JoinHandle<()>,
}

/// The progress of the newer Teal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NewerStatus {
    /// It serves.
    Serving,
    /// A third one takes over from it.
    Confirmed,
    /// It has given up, for this reason.
    Failed(String),
    /// It has gone, or no longer reads.
    Lost,
}

/// The task that follows.
struct Following {
    core: Arc<Core>,
    incoming: Incoming<ToOlder>,
    outgoing: Outgoing,
    reports: mpsc::UnboundedReceiver<Report>,
    mirror: Mirror,
    sent: SentCounts,
    draining: bool,
    series: SeriesHandover,
    status: mpsc::UnboundedSender<NewerStatus>,
    older: Option<Host>,
}

/// The progress of handing over the series. Only the first newer Teal gets it: a later one starts empty.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum SeriesHandover {
    /// The counts have not been sent yet.
    Due,
    /// The counts have been sent, and the points up to this second are to be.
    Started(Beat),
    /// Everything has been sent.
    Done,
}

// === impl Frozen ===

impl Frozen {
    /// Takes control back, with the journal as the newer Teal has left it. The newer one must be
    /// dead.
    ///
    /// # Errors
    /// Returns an error if the journal cannot be parsed; then it is as after [`Frozen::go_on_without_journal`].
    pub async fn take_back(mut self, opened: Opened) -> Result<(), StartError> {
        if let Err(error) = self.reopen(opened).await {
            self.go_on_without_journal(&error.to_string());
            return Err(error);
        }
        let core = self.core.clone();
        drop(self);
        resume(&core).await.map_err(StartError::Refused)
    }

    /// Continues with the journal that was found. If it lacks what is known here, because it was removed or an
    /// older copy took its place, the newest known state is written to it: this Teal's own, with what the tables of
    /// the newer one have shown.
    // lossless: L2 L6 - never start empty or earlier where a state was.
    async fn reopen(&mut self, opened: Opened) -> Result<(), StartError> {
        let (journal, found) = recover(opened)?;
        self.journal.reopen(journal);
        let known = self.core.lock().state.clone();
        let is_lost = found.is_new() || found.generation() < known.generation();
        if known.is_new() || !is_lost {
            self.core.lock().state = found;
            return Ok(());
        }
        let written = self.journal.write_again(&known).await;
        if let Err(reason) = written {
            // One without the state must take no decision: a restart would take it for all there was.
            let _ = self.journal.close();
            return Err(StartError::Refused(Refusal::JournalUnavailable { reason }));
        }
        tracing::warn!(
            generation = %known.generation(),
            "the journal was removed or replaced during the upgrade: it has been rewritten with the state known \
             here, without the receipts of the newer Teal"
        );
        Ok(())
    }

    /// Follows the Teal at the other end of the link. `older` are the Teals that leave through this one.
    pub fn follow(mut self, connection: PeerConnection, older: Option<Host>) -> Follower {
        let (incoming, outgoing) = connection.split();
        let (tell, status) = mpsc::unbounded_channel();
        let (reported, reports) = mpsc::unbounded_channel();
        self.core.lock().reported = Some(reported);
        let mut following = Following {
            core: self.core.clone(),
            incoming,
            outgoing,
            reports,
            mirror: if self.followed {
                Mirror::after(self.core.publisher.table())
            } else {
                Mirror::beside(self.core.lock().drains.listed())
            },
            sent: SentCounts::default(),
            draining: false,
            series: if self.followed { SeriesHandover::Done } else { SeriesHandover::Due },
            status: tell,
            older,
        };
        self.followed = true;
        let (leave, left) = oneshot::channel();
        let task = tokio::spawn(async move {
            following.follow(left).await;
        });
        Follower { frozen: self, status, leave, task }
    }
}

// === impl Follower ===

impl Follower {
    /// Waits for the next step of the newer Teal. Cancel-safe.
    pub async fn next(&mut self) -> NewerStatus {
        self.status.recv().await.unwrap_or(NewerStatus::Lost)
    }

    /// Stops following.
    pub async fn stop(self) -> Frozen {
        let Self { frozen, task, .. } = self;
        task.abort();
        let _ = task.await; // it was asked to end
        frozen
    }

    /// Follows another Teal, which was started after the previous one had died.
    // lossless: L4
    pub async fn follow_instead(self, connection: PeerConnection, older: Option<Host>) -> Self {
        self.stop().await.follow(connection, older)
    }

    /// Sends the last counts and says farewell, if the other side still reads. No lease may be held
    /// here any more.
    // lossless: L8 L10
    pub async fn farewell(self) {
        let Self { leave, mut task, .. } = self;
        let _ = leave.send(()); // the task may have ended
        if timeout(FAREWELL, &mut task).await.is_err() {
            tracing::error!(
                "the newer Teal did not get the last counts: a worker of this Teal hangs"
            );
            task.abort();
        }
    }
}

// === impl Following ===

impl Following {
    async fn follow(&mut self, mut leave: oneshot::Receiver<()>) {
        let mut tick = interval(TELL_DRAINING);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut next_tell = Instant::now();
        let mut leaving = self.older.as_ref().map_or(0, Host::leaving);
        if self.say(&ToNewer::Leaving(leaving)).await.is_none() {
            leaving = 0; // it has gone, as the first message will show
        }
        let older = self.older.clone();
        loop {
            let others = async {
                match &older {
                    Some(older) if leaving > 0 => older.leaving_other_than(leaving).await,
                    _ => std::future::pending().await,
                }
            };
            let going = tokio::select! {
                biased;
                sent = &mut leave => {
                    if sent.is_ok() && self.tell_books().await.is_some() {
                        self.say(&ToNewer::Farewell).await;
                    }
                    return;
                }
                message = self.incoming.next() => match message {
                    Some(ToOlder::Table(table)) => self.take(&table).await,
                    Some(ToOlder::Serving) => self.status.send(NewerStatus::Serving).ok(),
                    Some(ToOlder::Failed { reason }) => {
                        self.status.send(NewerStatus::Failed(reason)).ok()
                    }
                    Some(ToOlder::Confirmed) => self.status.send(NewerStatus::Confirmed).ok(),
                    None => None,
                },
                through = others => {
                    leaving = through;
                    self.say(&ToNewer::Leaving(through)).await
                }
                Some(report) = self.reports.recv() => self.pass_on(report).await,
                _ = tick.tick() => {
                    if !self.draining && Instant::now() < next_tell {
                        continue;
                    }
                    next_tell = Instant::now() + TELL;
                    self.tell_books().await
                }
            };
            if going.is_none() {
                let last = self.last_words().await.unwrap_or(NewerStatus::Lost);
                let _ = self.status.send(last); // there may be no receiver
                return;
            }
        }
    }

    /// Reads what a newer Teal has sent before sending to it failed: its last decisions, and the reason if it has
    /// given up, which is returned.
    // lossless: L2 L10
    async fn last_words(&mut self) -> Option<NewerStatus> {
        let heard = async {
            while let Some(message) = self.incoming.next().await {
                match message {
                    ToOlder::Failed { reason } => return Some(NewerStatus::Failed(reason)),
                    ToOlder::Table(table) => drop(self.understand(&table)),
                    ToOlder::Serving | ToOlder::Confirmed => {}
                }
            }
            None
        };
        timeout(LAST_WORDS, heard).await.ok().flatten()
    }

    /// Applies a table: publishes it here, waits until every worker has it, sends the counts since then,
    /// and only then acknowledges.
    // lossless: L2 L4
    async fn take(&mut self, message: &TableMessage) -> Option<()> {
        let table = self.understand(message)?;
        // Nothing else waits for subjects that drain only here.
        self.draining = message.is_draining();
        let version = self.core.publisher.publish(table);
        self.core.publisher.acknowledged(version).await;
        self.tell_books().await?;
        self.say(&ToNewer::Acknowledged(message.number())).await?;
        self.tell_points().await
    }

    /// Builds the table of a message. Its decisions are known here from now on, should the newer Teal die and its
    /// journal be gone.
    // lossless: L2 L6
    fn understand(&mut self, message: &TableMessage) -> Option<Table> {
        let mut inner = self.core.lock();
        let table = self.mirror.table(message, &mut inner.roster);
        let not_understood = |reason: &String| {
            tracing::error!(reason, "cannot parse a message of the newer Teal");
        };
        let table = table.inspect_err(not_understood).ok()?;
        let left = inner.left_to_runners();
        let shown = table.services.iter().map(|service| {
            let Service { name, generation, split, held, maintenance, previews, .. } = &**service;
            let (max_wait, notice) = (held.map(|held| held.max_wait), maintenance.clone());
            let is_told = |color| left.contains(&(name.clone(), color));
            let told = |color| is_told(color).then(|| told(service.color(color)));
            let told = if left.is_empty() { [None, None] } else { Color::BOTH.map(told) };
            let preview_serial = previews.as_deref().map(|terms| terms.serial);
            let (split, generation) = (*split, *generation);
            (name, Shown { split, generation, max_wait, notice, told, preview_serial })
        });
        follow(&mut inner.state, table.generation, shown, Clock::now());
        debug_assert_eq!(check(&inner.state), Ok(()));
        Some(table)
    }

    async fn pass_on(&mut self, report: Report) -> Option<()> {
        let Some(target) = self.mirror.number_of(report.target) else { return Some(()) };
        // The newer one sees the responses to its own requests itself.
        if matches!(report.kind, ReportKind::Malformed(_)) {
            return Some(());
        }
        let refused = report.kind == ReportKind::Refused;
        self.say(&ToNewer::Report { target, refused }).await
    }

    async fn tell_books(&mut self) -> Option<()> {
        self.core.count_own();
        // Read before the counts are: the newer one adds what comes between the two.
        let is_due = self.series == SeriesHandover::Due && self.mirror.has_table();
        let start = is_due.then(|| self.series_start());
        let changes = self.sent.changes(&self.core.publisher, &self.mirror);
        if changes.is_none() && start.is_none() {
            return Some(());
        }
        let books = changes.unwrap_or_default().with_start(start);
        self.say(&ToNewer::Books(Box::new(books))).await
    }

    /// Returns where the series of the newer Teal start. Points that are added here from now on are not handed over.
    fn series_start(&mut self) -> SeriesStart {
        let inner = self.core.lock();
        let reported = self.mirror.reported();
        self.series = SeriesHandover::Started(inner.series_clock.newest());
        let members = inner.roster.members.iter();
        SeriesStart {
            began: inner.series_clock.began(),
            services: members.filter_map(|member| member.series_start(&reported)).collect(),
        }
    }

    /// Sends the points of all services, some at a time.
    async fn tell_points(&mut self) -> Option<()> {
        let SeriesHandover::Started(newest) = self.series else { return Some(()) };
        self.series = SeriesHandover::Done;
        let inherited = self.core.lock().inherited.waiting().to_vec();
        if !inherited.is_empty() {
            let books = BooksMessage::of_series(inherited);
            self.say(&ToNewer::Books(Box::new(books))).await?;
        }
        let mut next = 0;
        loop {
            let points: Vec<_> = {
                let inner = self.core.lock();
                let Some(rest) = inner.roster.members.get(next..).filter(|rest| !rest.is_empty())
                else {
                    return Some(());
                };
                let points = |member: &PublishedMember| {
                    member.series.points_until(member.spec.name.as_str(), newest)
                };
                rest.iter().take(AT_ONCE).filter_map(points).collect()
            };
            next += AT_ONCE;
            if !points.is_empty() {
                let books = BooksMessage::of_series(points);
                self.say(&ToNewer::Books(Box::new(books))).await?;
            }
        }
    }

    async fn say(&mut self, message: &ToNewer) -> Option<()> {
        let sent = self.outgoing.send(message).await;
        sent.inspect_err(|error| tracing::warn!(%error, "cannot send to the newer Teal")).ok()
    }
}

impl Inner {
    /// Returns the colors whose targets a runner tells.
    fn left_to_runners(&self) -> Vec<(ServiceName, Color)> {
        let colors = self.roster.members.iter().flat_map(|member| {
            let told =
                Color::BOTH.into_iter().filter(|color| member.spec.color(*color).told.is_some());
            told.map(|color| (member.spec.name.clone(), color))
        });
        colors.collect()
    }
}

/// Returns the targets of a color in a table, without settings.
fn told(entry: &ColorEntry) -> Vec<TargetUrl> {
    let mut targets: Vec<_> =
        entry.targets.iter().map(|target| target.url.clone().bare()).collect();
    targets.dedup(); // the addresses of a name are adjacent
    targets
}
