//! One closed loop: one request at a time, never twice, over its own connection or, with HTTP/2, a
//! shared one.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::Instant;

use super::check::Answered;
use super::http1::Http1;
use super::http2::Http2;
use super::request::Request;
use super::tls::Tls;
use super::{Work, pipeline};
use crate::endpoint::Protocol;
use crate::kind::Kind;
use crate::ledger::{Fault, Loss, Recorder};
use crate::message::Grammar;

/// Pause after a loss, so that a dead proxy is not hammered.
const PAUSE_AFTER_LOSS: Duration = Duration::from_millis(50);

/// The state shared by all loops of a load.
#[derive(Debug)]
pub(super) struct Plan {
    pub(super) host: String,
    /// For protocols over TLS.
    pub(super) tls: Option<Tls>,
    pub(super) work: Work,
    /// True if loops catch up, and times count from when a request was due.
    pub(super) open: bool,
    /// The deadline of one request, from its connect to its last byte.
    pub(super) timeout: Duration,
    pub(super) recorder: Arc<Recorder>,
}

impl Plan {
    /// The request with this number.
    pub(super) fn request(&self, number: u64) -> Request<'_> {
        let page = match &self.work {
            Work::Page(path) => path,
            Work::Mix | Work::Only(_) | Work::Own(_) => "/",
        };
        let (kind, id) = (self.recorder.kind(number), self.recorder.id(number));
        let own = match &self.work {
            Work::Own(questions) => Some((&**questions, questions.ask(number, &id))),
            Work::Mix | Work::Only(_) | Work::Page(_) => None,
        };
        Request { kind, number, id, host: &self.host, page, own }
    }

    /// The grammar that answers must follow.
    pub(super) fn grammar(&self) -> Grammar {
        match self.work {
            Work::Own(_) => Grammar::Plain,
            Work::Mix | Work::Only(_) | Work::Page(_) => Grammar::Full,
        }
    }

    fn timed_out(&self) -> Fault {
        let text = format!("no complete answer within {:?}", self.timeout);
        Fault::lost(Loss::TimedOut, text)
    }
}

/// The connection of a loop.
#[derive(Debug)]
pub(super) enum LoopConnection {
    /// An HTTP/1.1 connection.
    Own(Http1),
    /// An HTTP/2 connection, for several loops.
    Shared(Arc<Http2>),
}

/// One loop and its connection.
#[derive(Debug)]
pub(super) struct Worker {
    plan: Arc<Plan>,
    over: Protocol,
    line: LoopConnection,
    /// The time from one request to the next; zero: unlimited.
    pace: watch::Receiver<Duration>,
    /// The time when the current request was due.
    due: Instant,
    next: Instant,
}

impl Worker {
    /// A loop whose first request waits for `delay`, so that loops do not run in step.
    pub(super) fn new(
        plan: Arc<Plan>,
        over: Protocol,
        line: LoopConnection,
        pace: watch::Receiver<Duration>,
        delay: Duration,
    ) -> Self {
        let next = Instant::now() + delay;
        Self { plan, over, line, pace, due: next, next }
    }

    /// Sends requests of the plan's work until told to stop.
    pub(super) async fn run(mut self, mut stop: watch::Receiver<bool>) {
        let recorder = Arc::clone(&self.plan.recorder);
        while self.turn(&mut stop).await {
            let number = match self.plan.work {
                Work::Mix => recorder.begin(self.over, Kind::mixed),
                Work::Only(kind) => recorder.begin(self.over, |_| kind),
                Work::Page(_) => recorder.begin(self.over, |_| Kind::Page),
                Work::Own(_) => recorder.begin(self.over, |_| Kind::Own),
            };
            let goes_on = match recorder.kind(number) {
                Kind::Pipelined => self.ask_together(number).await,
                _ => self.ask(number).await,
            };
            if !goes_on {
                return;
            }
            if let Work::Own(questions) = &self.plan.work {
                self.next = Instant::now() + questions.pause(number);
            }
        }
    }

    /// Opens WebSocket sessions, one after another, until told to stop.
    pub(super) async fn run_tunnel(mut self, mut stop: watch::Receiver<bool>) {
        let recorder = Arc::clone(&self.plan.recorder);
        while self.turn(&mut stop).await {
            let number = recorder.begin(self.over, |_| Kind::Tunnel);
            self.ask(number).await;
        }
    }

    /// Waits for the next request's time; false: stop.
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

    /// Makes one request, from its number to its outcome; false: the server has ended, as expected.
    async fn ask(&mut self, number: u64) -> bool {
        let (plan, due) = (Arc::clone(&self.plan), self.due());
        let result = tokio::time::timeout(plan.timeout, self.exchange(&plan, number, due)).await;
        match result.unwrap_or_else(|_| Err(plan.timed_out())) {
            Ok(answered) => plan.recorder.answered(number, answered.version.as_deref()),
            Err(fault) => {
                let goes_on = !matches!(fault, Fault::NotAccepted(_));
                plan.recorder.failed(number, fault);
                self.pause_after_loss();
                return goes_on;
            }
        }
        true
    }

    async fn exchange(
        &mut self,
        plan: &Plan,
        number: u64,
        due: Option<std::time::Instant>,
    ) -> Result<Answered, Fault> {
        match &mut self.line {
            LoopConnection::Own(http1) => http1.exchange(plan, number, due).await,
            LoopConnection::Shared(http2) => http2.exchange(plan, number, due).await,
        }
    }

    /// Sends a request and others of its kind before the first is answered. Not for HTTP/2: its answers
    /// have no order, and loops that share a connection do this all the time.
    async fn ask_together(&mut self, first: u64) -> bool {
        let (plan, due) = (Arc::clone(&self.plan), self.due());
        let LoopConnection::Own(http1) = &mut self.line else { return self.ask(first).await };
        let others =
            (1..pipeline::DEPTH).map(|_| plan.recorder.begin(self.over, |_| Kind::Pipelined));
        let mut open: VecDeque<u64> = std::iter::once(first).chain(others).collect();
        let exchange = http1.exchange_together(&plan, &mut open, due);
        let result = tokio::time::timeout(plan.timeout, exchange).await;
        let Err(fault) = result.unwrap_or_else(|_| Err(plan.timed_out())) else { return true };
        self.pause_after_loss();
        let mut fault = Some(fault);
        for number in open {
            let behind = || "an earlier answer of the pipeline failed".to_owned();
            let rest = || Fault::lost(Loss::Unanswered, behind());
            plan.recorder.failed(number, fault.take().unwrap_or_else(rest));
        }
        true
    }

    /// The time when the current request was due; none in a closed loop.
    fn due(&self) -> Option<std::time::Instant> {
        self.plan.open.then(|| self.due.into_std())
    }

    /// Pauses a closed loop; an open one keeps to its schedule in any case.
    fn pause_after_loss(&mut self) {
        if !self.plan.open {
            self.next = self.next.max(Instant::now() + PAUSE_AFTER_LOSS);
        }
    }
}
