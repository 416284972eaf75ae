//! The clients: one process each, which reads jobs and writes its observations.

use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

use crate::cases::{Case, Speech};
use crate::place::Place;
use crate::process::words;

/// The time limit of a job.
const ANSWERS_WITHIN: Duration = Duration::from_secs(150);

/// The protocol of a client's connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    /// HTTP/1.1 without TLS; for gRPC, HTTP/2 without TLS.
    Http1,
    /// HTTP/1.1 over TLS.
    Tls,
    /// HTTP/1.1 without TLS, with an offer of HTTP/2 (`Upgrade: h2c`).
    Upgrade,
    /// HTTP/2 over TLS.
    Http2,
}

/// A client.
#[derive(Debug)]
pub(crate) struct Kind {
    pub(crate) name: &'static str,
    pub(crate) ways: &'static [Way],
    pub(crate) speaks: &'static [Speech],
    /// The source of its version, for `versions`.
    pub(crate) version: &'static str,
}

/// All clients, in the order of the report.
pub(crate) const KINDS: [Kind; 10] = {
    use Speech::{Grpc, Http, WebSocket};
    use Way::{Http1, Http2, Tls, Upgrade};
    [
        kind("curl", &[Http1, Tls, Http2], &[Http], "curl --version"),
        kind("node", &[Http1, Tls, Http2], &[Http, WebSocket], "node --version"),
        kind("http.client", &[Http1, Tls], &[Http], "python3 --version"),
        kind("aiohttp", &[Http1, Tls], &[Http, WebSocket], "pip:aiohttp"),
        kind("httpx", &[Http1, Tls, Http2], &[Http], "pip:httpx"),
        kind("go", &[Http1, Tls, Http2], &[Http], "go version"),
        kind("java", &[Http1, Tls, Upgrade, Http2], &[Http], "java --version"),
        kind("chromium", &[Http1, Http2], &[Http, WebSocket], "chromium --version"),
        kind("websockets", &[Http1, Tls], &[WebSocket], "pip:websockets"),
        kind("grpcio", &[Http1, Http2], &[Grpc], "pip:grpcio"),
    ]
};

const fn kind(
    name: &'static str,
    ways: &'static [Way],
    speaks: &'static [Speech],
    version: &'static str,
) -> Kind {
    Kind { name, ways, speaks, version }
}

impl Way {
    /// Its name in jobs and in `expected.toml`.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Way::Http1 => "http1",
            Way::Tls => "tls",
            Way::Upgrade => "upgrade",
            Way::Http2 => "http2",
        }
    }
}

/// A running client.
#[derive(Debug)]
pub(crate) struct Client {
    pub(crate) kind: &'static Kind,
    child: Child,
    input: Option<ChildStdin>,
    lines: Receiver<String>,
    jobs: u64,
}

impl Client {
    /// Starts it; its standard error goes into a file.
    pub(crate) fn start(kind: &'static Kind, place: &Place, work: &Path) -> Result<Self> {
        let log = File::create(work.join(format!("client-{}.log", kind.name)))?;
        let mut child = Command::new("setpriv")
            .args(["--pdeathsig", "TERM"])
            .args(command(kind.name, place))
            .envs(place.variables())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(log)
            .spawn()
            .with_context(|| format!("{} cannot be started", kind.name))?;
        let input = child.stdin.take();
        let output = child.stdout.take().context("standard output is piped")?;
        let (send, lines) = channel();
        thread::spawn(move || {
            for line in BufReader::new(output).lines().map_while(Result::ok) {
                if send.send(line).is_err() {
                    break;
                }
            }
        });
        Ok(Self { kind, child, input, lines, jobs: 0 })
    }

    /// Has it play a case, and returns its observations, step by step.
    pub(crate) fn play(
        &mut self,
        case: &Case,
        way: Way,
        port: u16,
        ca: &Path,
    ) -> Result<Vec<Value>> {
        self.jobs += 1;
        let mut job = case.job();
        job["id"] = json!(self.jobs);
        job["way"] = json!(way.word());
        job["port"] = json!(port);
        job["ca"] = json!(ca);
        let input = self.input.as_mut().context("standard input is piped")?;
        writeln!(input, "{job}").with_context(|| format!("{} has ended", self.kind.name))?;
        input.flush()?;
        let begun = Instant::now();
        let mut answer = loop {
            let left = ANSWERS_WITHIN.saturating_sub(begun.elapsed());
            let line = self.lines.recv_timeout(left);
            let line = line.with_context(|| format!("{} did not answer", self.kind.name))?;
            let answer: Value = serde_json::from_str(&line).with_context(|| line.clone())?;
            // Ignore an answer to a job that was given up.
            if answer["id"] == self.jobs {
                break answer;
            }
        };
        let results = match answer["results"].take() {
            Value::Array(results) => results,
            other => vec![other],
        };
        // A skipped wait has tested nothing.
        let (took, least) = (begun.elapsed(), case.least(&results));
        ensure!(took >= least, "{}: {:?} in {took:?}, not {least:?}", self.kind.name, case.name);
        Ok(results)
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        // It exits at the end of its input.
        self.input = None;
        for _ in 0..200 {
            if !matches!(self.child.try_wait(), Ok(None)) {
                return;
            }
            thread::sleep(Duration::from_millis(50));
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn command(name: &str, place: &Place) -> Vec<String> {
    let file = |file: &str| place.sources.join("clients").join(file).display().to_string();
    match name {
        "node" => vec!["node".to_owned(), file("node_client.js")],
        "go" => words(&place.installed.join("client").display().to_string()),
        "java" => place.java("Client"),
        "http.client" => vec!["python3".to_owned(), file("http_client.py")],
        name => vec!["python3".to_owned(), file(&format!("{name}_client.py"))],
    }
}
