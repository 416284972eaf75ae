//! A small strict load: keep-alive clients with unique ids that count everything but a complete and
//! correct answer as lost. It never retries.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use crate::client::Client;
use crate::message::Response;
use crate::pki::Trust;
use crate::target::checksum;
use crate::wait::wait_until;
use crate::wire::WireError;

static RUNS: AtomicU64 = AtomicU64::new(0);
const EVIDENCE_MAX: usize = 20;
const PROGRESS_WITHIN: Duration = Duration::from_secs(20);

/// The options of a load.
#[derive(Clone, Copy, Debug)]
pub struct LoadOptions {
    /// The number of keep-alive connections, one thread each.
    pub connections: usize,
    /// The mean pause after each request; the pauses vary from none to twice this.
    pub pause: Duration,
}

impl Default for LoadOptions {
    fn default() -> Self {
        LoadOptions { connections: 8, pause: Duration::from_millis(2) }
    }
}

/// A running load.
#[derive(Debug)]
pub struct Load {
    shared: Arc<Shared>,
    threads: Vec<JoinHandle<()>>,
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

#[derive(Debug)]
struct Shared {
    address: SocketAddr,
    options: LoadOptions,
    /// The trusted CA; none without TLS.
    trust: Option<Trust>,
    run: u64,
    stop: AtomicBool,
    ending: AtomicBool,
    report: Mutex<LoadReport>,
    /// Grows with each change of `expected`.
    epoch: AtomicU64,
    expected: Mutex<Option<String>>,
}

impl Load {
    /// Starts the load and waits until every thread could have had an answer.
    #[track_caller]
    pub fn start(address: SocketAddr, options: LoadOptions) -> Self {
        Self::start_over(address, None, options)
    }

    /// The same over TLS.
    #[track_caller]
    pub fn start_tls(address: SocketAddr, trust: Trust, options: LoadOptions) -> Self {
        Self::start_over(address, Some(trust), options)
    }

    #[track_caller]
    fn start_over(address: SocketAddr, trust: Option<Trust>, options: LoadOptions) -> Self {
        let shared = Arc::new(Shared {
            address,
            options,
            trust,
            run: RUNS.fetch_add(1, Ordering::Relaxed),
            stop: AtomicBool::new(false),
            ending: AtomicBool::new(false),
            report: Mutex::default(),
            epoch: AtomicU64::new(0),
            expected: Mutex::new(None),
        });
        let threads = (0..options.connections).map(|thread| {
            let shared = Arc::clone(&shared);
            thread::spawn(move || keep_asking(&shared, thread))
        });
        let load = Load { threads: threads.collect(), shared };
        load.wait_for_more(options.connections as u64);
        load
    }

    /// Waits until this many more requests were sent.
    #[track_caller]
    pub fn wait_for_more(&self, requests: u64) {
        let goal = self.shared.report().sent + requests;
        wait_until(PROGRESS_WITHIN, "the load has sent more", || self.shared.report().sent >= goal);
    }

    /// From now on requests may be answered by any target: a switch begins.
    pub fn expect_anyone(&self) {
        self.expect(None);
    }

    /// Requests begun from now on must be answered by `target`: a switch is done.
    pub fn expect_only(&self, target: &str) {
        self.expect(Some(target.to_owned()));
    }

    /// From now on a refused connection is not a loss.
    pub fn expect_end(&self) {
        self.shared.ending.store(true, Ordering::Release);
    }

    /// The results so far.
    pub fn report(&self) -> LoadReport {
        self.shared.report().clone()
    }

    /// Ends the load; requests in flight finish first.
    #[track_caller]
    pub fn stop(mut self) -> LoadReport {
        self.shared.stop.store(true, Ordering::Release);
        for thread in self.threads.drain(..) {
            thread.join().expect("a load thread does not panic");
        }
        self.report()
    }

    fn expect(&self, target: Option<String>) {
        // The epoch changes before and after, so that a request that sees it unchanged saw one value.
        self.shared.epoch.fetch_add(1, Ordering::SeqCst);
        *self.shared.expected.lock().unwrap_or_else(PoisonError::into_inner) = target;
        self.shared.epoch.fetch_add(1, Ordering::SeqCst);
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::Release);
    }
}

impl Shared {
    fn connect(&self) -> std::io::Result<Client> {
        match &self.trust {
            Some(trust) => Client::try_connect_tls(self.address, trust),
            None => Client::try_connect(self.address),
        }
    }

    fn report(&self) -> MutexGuard<'_, LoadReport> {
        self.report.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn lose(&self, why: String) {
        let mut report = self.report();
        report.lost += 1;
        if report.evidence.len() < EVIDENCE_MAX {
            report.evidence.push(why);
        }
    }

    fn expected(&self) -> (u64, Option<String>) {
        let expected = self.expected.lock().unwrap_or_else(PoisonError::into_inner).clone();
        (self.epoch.load(Ordering::SeqCst), expected)
    }
}

fn keep_asking(shared: &Shared, thread: usize) {
    let mut connection: Option<Client> = None;
    let mut number = 0_u64;
    while !shared.stop.load(Ordering::Acquire) {
        let fresh = connection.is_none();
        let mut client = match connection.take() {
            Some(client) => client,
            None => match shared.connect() {
                Ok(client) => client,
                Err(_) if shared.ending.load(Ordering::Acquire) => return,
                Err(error) => {
                    shared.report().sent += 1;
                    shared.lose(format!("no connection: {error}"));
                    thread::sleep(shared.options.pause);
                    continue;
                }
            },
        };
        let question = Question::new(shared.run, thread, number);
        number += 1;
        let (epoch, expected) = shared.expected();
        shared.report().sent += 1;
        match question.ask(&mut client) {
            Ok(answer) => {
                let who = judge(shared, &question, &answer);
                let settled = shared.epoch.load(Ordering::SeqCst) == epoch && epoch % 2 == 0;
                if let (true, Some(who), Some(expected)) = (settled, who, expected)
                    && who != expected
                {
                    let mut report = shared.report();
                    report.late += 1;
                    report.evidence.push(format!("{} late on {who}", question.id));
                }
                connection = (!answer.closes()).then_some(client);
            }
            // A listener that closes resets connections that were only in the kernel's queue.
            Err(_) if fresh && shared.ending.load(Ordering::Acquire) => {
                shared.report().sent -= 1;
                return;
            }
            Err(error) => shared.lose(format!("{} {}: {error}", question.id, question.method)),
        }
        thread::sleep(varied(shared.options.pause, number.wrapping_add(thread as u64)));
    }
}

/// The target that has answered, if the answer is complete and correct.
fn judge(shared: &Shared, question: &Question, answer: &Response) -> Option<String> {
    let who = answer.fields.get("x-target").unwrap_or_default().to_owned();
    let right = answer.status == 200
        && answer.fields.get("x-id") == Some(&question.id)
        && (question.method == "HEAD" || answer.text() == question.expected(&who));
    if !right {
        let (id, method) = (&question.id, question.method);
        shared.lose(format!("{id} {method}: {} {:?}", answer.status, answer.text()));
        return None;
    }
    *shared.report().answered.entry(who.clone()).or_default() += 1;
    Some(who)
}

/// One request of the load.
struct Question {
    id: String,
    method: &'static str,
    body: Vec<u8>,
    chunked: bool,
}

impl Question {
    fn new(run: u64, thread: usize, number: u64) -> Self {
        let id = format!("{run}-{thread}-{number}");
        let body = id.repeat(20).into_bytes();
        let (method, body, chunked) = match number % 6 {
            1 => ("POST", body, false),
            3 => ("POST", body, true),
            4 => ("HEAD", Vec::new(), false),
            5 => ("PUT", body, false),
            _ => ("GET", Vec::new(), false),
        };
        Question { id, method, body, chunked }
    }

    fn ask(&self, client: &mut Client) -> Result<Response, WireError> {
        let Question { id, method, .. } = self;
        let mut bytes =
            format!("{method} /load HTTP/1.1\r\nHost: load.test\r\nX-Id: {id}\r\n").into_bytes();
        if self.chunked {
            bytes.extend_from_slice(b"Transfer-Encoding: chunked\r\n\r\n");
            for piece in self.body.chunks(97) {
                bytes.extend_from_slice(format!("{:x}\r\n", piece.len()).as_bytes());
                bytes.extend_from_slice(piece);
                bytes.extend_from_slice(b"\r\n");
            }
            bytes.extend_from_slice(b"0\r\n\r\n");
        } else if self.body.is_empty() {
            bytes.extend_from_slice(b"\r\n");
        } else {
            let length = format!("Content-Length: {}\r\n\r\n", self.body.len());
            bytes.extend_from_slice(length.as_bytes());
            bytes.extend_from_slice(&self.body);
        }
        client.try_send(bytes)?;
        client.read_answer(*method == "HEAD")
    }

    fn expected(&self, who: &str) -> String {
        let sum = if self.body.is_empty() { 0 } else { checksum(0, &self.body) };
        format!("{who} {} /load {} {sum:016x}\n", self.method, self.body.len())
    }
}

/// A pause between none and twice the mean, distributed evenly by the number.
fn varied(mean: Duration, number: u64) -> Duration {
    let share = number.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 54;
    mean * u32::try_from(share).unwrap_or_default() / 512
}
