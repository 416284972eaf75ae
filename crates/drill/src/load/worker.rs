//! One closed loop: one connection, one request at a time, never twice.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::Instant;

use super::check::{Answered, Check, signature};
use super::connection::{Connection, Idle};
use super::kind::Kind;
use super::request::Request;
use super::{Work, pipeline, tunnel};
use crate::ledger::{Fault, Loss, Recorder};

/// Pause after a loss, so that a dead proxy is not hammered.
const PAUSE_AFTER_LOSS: Duration = Duration::from_millis(50);

/// What all loops of one load share.
#[derive(Debug)]
pub(super) struct Plan {
    pub(super) address: SocketAddr,
    pub(super) host: String,
    pub(super) work: Work,
    /// Whether loops catch up, and times count from when a request was due.
    pub(super) open: bool,
    /// Deadline of one request, from its connect to its last byte.
    pub(super) timeout: Duration,
    pub(super) recorder: Arc<Recorder>,
}

impl Plan {
    /// The request with this number.
    pub(super) fn request(&self, number: u64) -> Request<'_> {
        let page = match &self.work {
            Work::Mix | Work::Only(_) => "/",
            Work::Page(path) => path,
        };
        let (kind, id) = (self.recorder.kind(number), self.recorder.id(number));
        Request { kind, number, id, host: &self.host, page }
    }

    fn timed_out(&self) -> Fault {
        let text = format!("no complete answer within {:?}", self.timeout);
        Fault::lost(Loss::TimedOut, text)
    }
}

/// One loop and the connection that it keeps alive.
#[derive(Debug)]
pub(super) struct Worker {
    plan: Arc<Plan>,
    /// Time from one request to the next; zero: as fast as it goes.
    pace: watch::Receiver<Duration>,
    /// The idle connection, and the last request that was answered on it.
    kept: Option<(Connection, u64)>,
    /// When the request under way was due.
    due: Instant,
    next: Instant,
}

impl Worker {
    /// A loop whose first request waits for `delay`, so that loops do not march in step.
    pub(super) fn new(plan: Arc<Plan>, pace: watch::Receiver<Duration>, delay: Duration) -> Self {
        let next = Instant::now() + delay;
        Self { plan, pace, kept: None, due: next, next }
    }

    /// Sends requests of the plan's work until told to stop.
    pub(super) async fn run(mut self, mut stop: watch::Receiver<bool>) {
        let recorder = Arc::clone(&self.plan.recorder);
        while self.turn(&mut stop).await {
            let number = match self.plan.work {
                Work::Mix => recorder.begin(Kind::mixed),
                Work::Only(kind) => recorder.begin(|_| kind),
                Work::Page(_) => recorder.begin(|_| Kind::Page),
            };
            match recorder.kind(number) {
                Kind::Pipelined => self.ask_together(number).await,
                _ => self.ask(number).await,
            }
        }
    }

    /// Opens WebSocket sessions, one after another, until told to stop.
    pub(super) async fn run_tunnel(mut self, mut stop: watch::Receiver<bool>) {
        let recorder = Arc::clone(&self.plan.recorder);
        while self.turn(&mut stop).await {
            let number = recorder.begin(|_| Kind::Tunnel);
            self.ask(number).await;
        }
    }

    /// Waits for the next turn; false: stop.
    async fn turn(&mut self, stop: &mut watch::Receiver<bool>) -> bool {
        let now = Instant::now();
        if !self.plan.open {
            self.next = self.next.max(now); // a loop that fell behind does not catch up
        }
        if self.next > now {
            tokio::select! {
                _ = stop.wait_for(|stopped| *stopped) => return false,
                () = tokio::time::sleep_until(self.next) => {}
            }
        }
        self.due = self.next;
        self.next += *self.pace.borrow();
        !*stop.borrow()
    }

    /// One request, from its number to its outcome.
    async fn ask(&mut self, number: u64) {
        let plan = Arc::clone(&self.plan);
        let result = tokio::time::timeout(plan.timeout, self.exchange(&plan, number)).await;
        match result.unwrap_or_else(|_| Err(plan.timed_out())) {
            Ok(answered) => plan.recorder.answered(number, answered.version.as_deref()),
            Err(fault) => {
                plan.recorder.failed(number, fault);
                self.pause_after_loss();
            }
        }
    }

    /// A request and others of its kind, sent before the first is answered.
    async fn ask_together(&mut self, first: u64) {
        let plan = Arc::clone(&self.plan);
        let others = (1..pipeline::DEPTH).map(|_| plan.recorder.begin(|_| Kind::Pipelined));
        let mut open: VecDeque<u64> = std::iter::once(first).chain(others).collect();
        let last = first.max(open.back().copied().unwrap_or(first));
        let result = tokio::time::timeout(plan.timeout, async {
            let mut connection = match self.reuse() {
                Some(connection) => connection,
                None => Connection::open(plan.address).await?,
            };
            let behind = self.behind();
            loop {
                let kept = pipeline::exchange(&plan, &mut open, connection, behind).await?;
                if open.is_empty() {
                    return Ok(kept);
                }
                connection = Connection::open(plan.address).await?;
            }
        })
        .await;
        match result.unwrap_or_else(|_| Err(plan.timed_out())) {
            Ok(kept) => self.kept = kept.map(|connection| (connection, last)),
            Err(fault) => {
                self.pause_after_loss();
                let mut fault = Some(fault);
                for number in open {
                    let behind = || "an earlier answer of the pipeline failed".to_owned();
                    let rest = || Fault::lost(Loss::Unanswered, behind());
                    plan.recorder.failed(number, fault.take().unwrap_or_else(rest));
                }
            }
        }
    }

    async fn exchange(&mut self, plan: &Plan, number: u64) -> Result<Answered, Fault> {
        let request = plan.request(number);
        let mut connection = match self.reuse() {
            Some(connection) => connection,
            None => Connection::open(plan.address).await?,
        };
        plan.recorder.sent(number, self.behind());
        if request.kind == Kind::Tunnel {
            return tunnel::session(&request, connection).await;
        }
        if let Err(fault) = request.send(&mut connection).await {
            // The other side may have refused early; then its answer is the better reason.
            let early = connection.head(request.kind.method()).await.ok();
            let reason = early.and_then(|head| signature(&request, &head).err());
            return Err(reason.unwrap_or(fault));
        }
        let head = connection.head(request.kind.method()).await?;
        let mut check = Check::new(&request);
        connection.body(head.framing, |data| check.feed(data)).await?;
        let keep = !head.close && request.kind != Kind::GetClose;
        let answered = check.finish(head)?;
        connection.nothing_behind()?;
        if keep {
            self.kept = Some((connection, number));
        }
        Ok(answered)
    }

    /// How long the request under way has been due; nothing in a closed loop.
    fn behind(&self) -> Duration {
        if self.plan.open { self.due.elapsed() } else { Duration::ZERO }
    }

    /// A closed loop rests; an open one keeps to its schedule, whatever becomes of it.
    fn pause_after_loss(&mut self) {
        if !self.plan.open {
            self.next = self.next.max(Instant::now() + PAUSE_AFTER_LOSS);
        }
    }

    /// The kept connection, if it may carry another request.
    fn reuse(&mut self) -> Option<Connection> {
        let (connection, last) = self.kept.take()?;
        match connection.look() {
            Idle::Open => return Some(connection),
            Idle::Closed => self.plan.recorder.idle_closed(),
            Idle::Reset => self.plan.recorder.idle_reset(),
            Idle::Stray => {
                let text = "bytes behind the end of the answer, seen before the next request";
                self.plan.recorder.failed(last, Fault::lost(Loss::Stray, text.to_owned()));
            }
        }
        None
    }
}
