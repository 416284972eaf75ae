//! The older Teal's end: lays the charge down, follows the newer one, and leaves; or takes the charge
//! up again where the newer one has died.

use std::sync::Arc;
use std::time::Duration;

use journal::Opened;
use peer::{Host, Incoming, Link, Mirror, Outgoing, TableMessage, ToNewer, ToOlder, Told};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;
use tokio::time::{Instant, MissedTickBehavior, interval, timeout};
use traffic::{Report, ReportKind};

use crate::controller::{StartError, resume};
use crate::core::{Core, Frozen};

/// How often the books are told: at once where a drain may wait for them, else for who looks.
const TELL_DRAINING: Duration = Duration::from_millis(10);
const TELL: Duration = Duration::from_millis(500);

/// How long the last books may take to be told.
// lossless: L10
const FAREWELL: Duration = Duration::from_secs(5);

/// How long it may take to hear what a newer one that has gone has said before.
// lossless: L10
const LAST_WORDS: Duration = Duration::from_millis(500);

/// A newer Teal that decides, followed. Dropped without [`Follower::farewell`], this one is taken for
/// dead, and what it holds for cut.
#[derive(Debug)]
pub struct Follower {
    frozen: Frozen,
    course: mpsc::UnboundedReceiver<Course>,
    leave: oneshot::Sender<()>,
    task: JoinHandle<()>,
}

/// How far the newer one is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Course {
    /// It serves.
    Serving,
    /// A third one takes over from it.
    Confirmed,
    /// It gives up, for this reason.
    Failed(String),
    /// It has gone, or does not listen any more.
    Lost,
}

/// The task that follows.
struct Following {
    core: Arc<Core>,
    incoming: Incoming<ToOlder>,
    outgoing: Outgoing,
    reports: mpsc::UnboundedReceiver<Report>,
    mirror: Mirror,
    told: Told,
    draining: bool,
    course: mpsc::UnboundedSender<Course>,
    older: Option<Host>,
}

// === impl Frozen ===

impl Frozen {
    /// Takes the charge up again, with the journal as the newer one has left it. That one must be
    /// dead.
    ///
    /// # Errors
    /// If the journal can't be understood; then it is as after [`Frozen::go_on_without_journal`].
    pub async fn take_back(mut self, opened: Opened) -> Result<(), StartError> {
        let journal = match self.core.restore(opened) {
            Ok(journal) => journal,
            Err(error) => {
                self.go_on_without_journal(&error.to_string());
                return Err(error);
            }
        };
        self.ledger.reopen(journal);
        let core = self.core.clone();
        drop(self);
        resume(&core).await.map_err(StartError::Refused)
    }

    /// Follows whoever is at the other end of the link. `older` is who leaves through this one.
    pub fn follow(mut self, link: Link, older: Option<Host>) -> Follower {
        let (incoming, outgoing) = link.split();
        let (tell, course) = mpsc::unbounded_channel();
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
            told: Told::default(),
            draining: false,
            course: tell,
            older,
        };
        self.followed = true;
        let (leave, left) = oneshot::channel();
        let task = tokio::spawn(async move {
            following.follow(left).await;
        });
        Follower { frozen: self, course, leave, task }
    }
}

// === impl Follower ===

impl Follower {
    /// What the newer one does next. Waiting for it may be given up at any time.
    pub async fn next(&mut self) -> Course {
        self.course.recv().await.unwrap_or(Course::Lost)
    }

    /// Follows no longer.
    pub async fn stop(self) -> Frozen {
        let Self { frozen, task, .. } = self;
        task.abort();
        let _ = task.await; // it was told to end
        frozen
    }

    /// Follows another one, which was started after the one before had died.
    // lossless: L4
    pub async fn follow_instead(self, link: Link, older: Option<Host>) -> Self {
        self.stop().await.follow(link, older)
    }

    /// Tells the books for the last time and takes leave, if the other side listens. Nothing may be
    /// held here any more.
    // lossless: L8 L10
    pub async fn farewell(self) {
        let Self { leave, mut task, .. } = self;
        let _ = leave.send(()); // the task may have ended
        if timeout(FAREWELL, &mut task).await.is_err() {
            tracing::error!("the newer Teal was not told the last books: a worker here hangs");
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
            leaving = 0; // it has gone, as the first message will say
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
                told = &mut leave => {
                    if told.is_ok() && self.tell_books().await.is_some() {
                        self.say(&ToNewer::Farewell).await;
                    }
                    return;
                }
                message = self.incoming.next() => match message {
                    Some(ToOlder::Table(table)) => self.take(&table).await,
                    Some(ToOlder::Serving) => self.course.send(Course::Serving).ok(),
                    Some(ToOlder::Failed { reason }) => {
                        self.course.send(Course::Failed(reason)).ok()
                    }
                    Some(ToOlder::Confirmed) => self.course.send(Course::Confirmed).ok(),
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
                let last = self.last_words().await.unwrap_or(Course::Lost);
                let _ = self.course.send(last); // perhaps nobody wants to know
                return;
            }
        }
    }

    /// The reason of one that has given up, where something was to be told to it before that was heard.
    // lossless: L10
    async fn last_words(&mut self) -> Option<Course> {
        let heard = async {
            while let Some(message) = self.incoming.next().await {
                if let ToOlder::Failed { reason } = message {
                    return Some(Course::Failed(reason));
                }
            }
            None
        };
        timeout(LAST_WORDS, heard).await.ok().flatten()
    }

    /// Takes a table over: publishes it here, waits until every worker has it, tells what is
    /// counted since, and only then acknowledges.
    // lossless: L2 L4
    async fn take(&mut self, message: &TableMessage) -> Option<()> {
        let table = {
            let mut inside = self.core.lock();
            self.mirror.table(message, &mut inside.roster)
        };
        let not_understood = |reason: &String| {
            tracing::error!(reason, "the newer Teal says what is not understood");
        };
        let table = table.inspect_err(not_understood).ok()?;
        // What drains here alone, nobody else waits for.
        self.draining = message.is_draining();
        let version = self.core.publisher.publish(table);
        self.core.publisher.acknowledged(version).await;
        self.tell_books().await?;
        self.say(&ToNewer::Acknowledged(message.number())).await
    }

    async fn pass_on(&mut self, report: Report) -> Option<()> {
        let Some(target) = self.mirror.number_of(report.target) else { return Some(()) };
        // The newer one sees by itself what its own requests are answered.
        if matches!(report.kind, ReportKind::Malformed(_)) {
            return Some(());
        }
        let refused = report.kind == ReportKind::Refused;
        self.say(&ToNewer::Report { target, refused }).await
    }

    async fn tell_books(&mut self) -> Option<()> {
        self.core.count_own();
        match self.told.changes(&self.core.publisher, &self.mirror) {
            Some(books) => self.say(&ToNewer::Books(Box::new(books))).await,
            None => Some(()),
        }
    }

    async fn say(&mut self, message: &ToNewer) -> Option<()> {
        let sent = self.outgoing.send(message).await;
        sent.inspect_err(|error| tracing::warn!(%error, "the newer Teal does not listen")).ok()
    }
}
