//! A strict load of keep-alive clients on targets of this crate: the drill's load client with requests and checks of
//! its own.
//!
//! It counts everything but a complete and correct answer as lost, also an idle connection that is closed without an
//! announcement, and never sends a request again. Requests have unique ids, so that targets show which came twice.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use drill::ledger::{Loss, LossNote, Recorder, Verdict};
use drill::load::{self as strict, Endpoint, Protocol, Question, Questions, Work};
use drill::message::Head;
use tokio::sync::oneshot;

use crate::pki::Trust;
use crate::target::checksum;
use crate::wait::wait_until;

const EVIDENCE_MAX: usize = 20;
const PROGRESS_WITHIN: Duration = Duration::from_secs(20);
/// The deadline of one request, from its connect to its last byte.
const PATIENCE: Duration = Duration::from_secs(10);
const HOST: &str = "load.test";

/// A page of an application that is not of this crate: it answers GET and POST with `version NAME` and a line end.
#[derive(Clone, Copy, Debug)]
pub struct Page {
    /// The host of the requests.
    pub host: &'static str,
    /// Its path.
    pub path: &'static str,
}

/// The options of a load.
#[derive(Clone, Copy, Debug)]
pub struct LoadOptions {
    /// The number of keep-alive connections, each with one request at a time.
    pub connections: usize,
    /// The mean pause after each request; the pauses vary from none to twice this.
    pub pause: Duration,
}

impl Default for LoadOptions {
    fn default() -> Self {
        LoadOptions { connections: 8, pause: Duration::from_millis(2) }
    }
}

/// A running load. It ends when it is dropped.
#[derive(Debug)]
pub struct Load {
    script: Arc<Script>,
    recorder: Arc<Recorder>,
    stop: oneshot::Sender<()>,
    thread: JoinHandle<Verdict>,
}

/// The results of a load.
#[derive(Clone, Debug, Default)]
pub struct LoadReport {
    /// Requests whose first byte was sent.
    pub sent: u64,
    /// Complete and correct answers by the name of the target.
    pub answered: BTreeMap<String, u64>,
    /// Requests without a complete and correct answer.
    pub lost: u64,
    /// Requests answered by the wrong target although they began after a switch was done: L2.
    pub late: u64,
    /// The first few losses in words.
    pub evidence: Vec<String>,
}

impl LoadReport {
    /// Panics unless every request was answered correctly.
    #[track_caller]
    pub fn assert_nothing_lost(&self) {
        assert!(self.sent > 0, "the load has sent nothing");
        assert_eq!((self.lost, self.late), (0, 0), "of {}: {:#?}", self.sent, self.evidence);
        assert_eq!(self.sent, self.answered.values().sum::<u64>(), "{self:?}");
    }
}

impl Load {
    /// Starts the load and waits until every connection could have had an answer.
    #[track_caller]
    pub fn start(address: SocketAddr, options: LoadOptions) -> Self {
        let endpoint = Endpoint::plain(address);
        Self::start_over(endpoint, strict::Trust::Machine, None, options)
    }

    /// The same over TLS.
    #[track_caller]
    pub fn start_tls(address: SocketAddr, trust: Trust, options: LoadOptions) -> Self {
        Self::start_over(Endpoint { over: Protocol::Tls, address }, trust.into(), None, options)
    }

    /// A load on a page, over TLS if there is something to trust. Answers count by the version that they name.
    #[track_caller]
    pub fn start_page(
        address: SocketAddr,
        page: Page,
        trust: Option<Trust>,
        options: LoadOptions,
    ) -> Self {
        let over = if trust.is_some() { Protocol::Tls } else { Protocol::Http1 };
        let trust = trust.map_or(strict::Trust::Machine, Into::into);
        Self::start_over(Endpoint { over, address }, trust, Some(page), options)
    }

    #[track_caller]
    fn start_over(
        endpoint: Endpoint,
        trust: strict::Trust,
        page: Option<Page>,
        options: LoadOptions,
    ) -> Self {
        let script = Arc::new(Script { pause: options.pause, page, ..Script::default() });
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.expect("a runtime");
        let guard = runtime.enter();
        let load = strict::Load::start(strict::LoadOptions {
            endpoints: vec![endpoint],
            host: page.map_or(HOST, |page| page.host).to_owned(),
            trust,
            work: Work::Own(script.clone()),
            connections: options.connections,
            rate: None,
            open: false,
            timeout: PATIENCE,
        });
        drop(guard);
        let load = load.expect("a load");
        let recorder = load.watch();
        let (stop, stopped) = oneshot::channel();
        let thread = thread::spawn(move || {
            runtime.block_on(async {
                // Told to, or dropped.
                let _ = stopped.await;
                Verdict::of_client(&load.finish().await)
            })
        });
        let load = Load { script, recorder, stop, thread };
        load.wait_for_more(options.connections as u64);
        load
    }

    /// Waits until this many more requests were sent.
    #[track_caller]
    pub fn wait_for_more(&self, requests: u64) {
        let goal = self.sent() + requests;
        wait_until(PROGRESS_WITHIN, "the load has sent more", || self.sent() >= goal);
    }

    /// From now on requests may be answered by any target: a switch begins.
    pub fn expect_anyone(&self) {
        self.script.expect(None);
    }

    /// Requests begun from now on must be answered by `target`: a switch is done.
    pub fn expect_only(&self, target: &str) {
        self.script.expect(Some(target.to_owned()));
    }

    /// From now on a connection that is not accepted is not a loss.
    pub fn expect_end(&self) {
        self.script.ending.store(true, Ordering::Release);
    }

    /// Ends the load; requests in flight finish first.
    #[track_caller]
    pub fn stop(self) -> LoadReport {
        // A load that has ended needs no telling.
        let _ = self.stop.send(());
        let verdict = self.thread.join().expect("the load does not panic");
        let mut evidence: Vec<_> = verdict.notes.iter().map(words).collect();
        let state = self.script.state();
        evidence.extend_from_slice(&state.evidence);
        evidence.truncate(EVIDENCE_MAX);
        LoadReport {
            sent: verdict.sent,
            lost: verdict.lost + verdict.wrong_echo + verdict.in_flight,
            late: state.late,
            answered: verdict.answered,
            evidence,
        }
    }

    fn sent(&self) -> u64 {
        self.recorder.snapshot().sent
    }
}

fn words(note: &LossNote) -> String {
    let LossNote { id, why, .. } = note;
    match note.loss {
        Some(Loss::Connect) => format!("{id}: no connection: {why}"),
        Some(loss) => format!("{id}: {}: {why}", loss.words()),
        None => format!("{id}: {why}"),
    }
}

/// The requests of a load, and what is expected of their answers.
#[derive(Debug, Default)]
struct Script {
    pause: Duration,
    /// The page that is asked for, instead of a target of this crate.
    page: Option<Page>,
    state: Mutex<State>,
    ending: AtomicBool,
}

#[derive(Debug, Default)]
struct State {
    /// The only target that may answer, and requests from when on.
    only: Option<(String, Instant)>,
    late: u64,
    /// The first few late answers in words.
    evidence: Vec<String>,
}

impl Script {
    fn expect(&self, target: Option<String>) {
        let mut state = self.state();
        state.only = target.map(|target| (target, Instant::now()));
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn judge_page(&self, question: &Question, head: &Head, found: &[u8]) -> Result<String, String> {
        let text = String::from_utf8_lossy(found);
        let version = text.strip_prefix("version ").and_then(|rest| rest.strip_suffix('\n'));
        let version = version.filter(|_| head.status == 200);
        let version =
            version.ok_or_else(|| format!("{}: {} {text:?}", question.method, head.status))?;
        self.watch(question, version);
        Ok(version.to_owned())
    }

    /// Counts an answer of the wrong target to a request that began after the switch.
    fn watch(&self, question: &Question, who: &str) {
        let mut state = self.state();
        let expected = state.only.as_ref().filter(|(_, since)| *since <= question.at);
        if expected.is_none_or(|(only, _)| only == who) {
            return;
        }
        state.late += 1;
        if state.evidence.len() < EVIDENCE_MAX {
            state.evidence.push(format!("{} late on {who}", question.id));
        }
    }
}

impl Questions for Script {
    fn ask(&self, number: u64, id: &str) -> Question {
        let body = id.repeat(20).into_bytes();
        let (method, body, chunked) = match number % 6 {
            1 => ("POST", body, false),
            3 => ("POST", body, true),
            4 => ("HEAD", Vec::new(), false),
            5 => ("PUT", body, false),
            _ => ("GET", Vec::new(), false),
        };
        let (id, at) = (id.to_owned(), Instant::now());
        match self.page {
            None => Question { id, at, method, path: "/load", id_field: "X-Id", body, chunked },
            Some(Page { path, .. }) => {
                let (method, body) = if number % 3 == 1 { ("POST", body) } else { ("GET", vec![]) };
                Question { id, at, method, path, id_field: "X-Id", body, chunked: false }
            }
        }
    }

    fn judge(&self, question: &Question, head: &Head, found: &[u8]) -> Result<String, String> {
        let Question { id, method, body, .. } = question;
        if self.page.is_some() {
            return self.judge_page(question, head, found);
        }
        let who = head.fields.get("x-target").unwrap_or_default();
        let sum = if body.is_empty() { 0 } else { checksum(0, body) };
        let expected = format!("{who} {method} /load {} {sum:016x}\n", body.len());
        let expected = if *method == "HEAD" { "" } else { &expected };
        let is_right = head.status == 200
            && head.fields.get("x-id") == Some(id.as_str())
            && found == expected.as_bytes();
        if !is_right {
            let text = String::from_utf8_lossy(found);
            return Err(format!("{method}: {} {text:?}", head.status));
        }
        self.watch(question, who);
        Ok(who.to_owned())
    }

    /// Between none and twice the mean, distributed evenly by the number.
    fn pause(&self, number: u64) -> Duration {
        let share = number.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 54;
        self.pause * u32::try_from(share).unwrap_or_default() / 512
    }

    fn may_end(&self) -> bool {
        self.ending.load(Ordering::Acquire)
    }
}
