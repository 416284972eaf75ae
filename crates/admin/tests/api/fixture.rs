//! A served API, a script of what the controller answers, and a plain client.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::thread::{self, ThreadId};
use std::time::Duration;

use admin::{
    AdminListeners, ApiSettings, Certificate, Live, LogControl, PreviewListener, PreviewSettings,
    TraceStarter, bind_socket, serve,
};
use control::seam::{EventBuffer, Inbox, Input};
use control::{
    Answer, ColorRetired, DeployStatus, DryRunOutcome, Handle, HoldInForce, MaintenanceInForce,
    MetricsSnapshot, MetricsSource, PreviewsRevoked, Reloaded, Resumed, Status, SwitchRequest,
    Switched, TargetsInForce, Upgraded,
};
use rules::{Color, Generation, HistoryEntry, Receipt, Refusal, Role, Time, Token};
use sha2::{Digest, Sha256};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UnixStream};
use tokio::sync::{oneshot, watch};

use crate::sample::{grant, metrics, series, status, web};

/// The token of an operator.
pub(crate) const OPERATOR: &str = "the-operator's-token";
/// The token of a deployer.
pub(crate) const DEPLOYER: &str = "the-deployer's-token";
/// The token of a viewer.
pub(crate) const VIEWER: &str = "the-viewer's-token";

type OnSwitch = Box<dyn FnMut(&SwitchRequest) -> Answer<Vec<Switched>> + Send>;

/// The answers of the controller, and the calls that it received.
pub(crate) struct Script {
    pub(crate) on_switch: OnSwitch,
    pub(crate) on_hold: Answer<HoldInForce>,
    pub(crate) on_resume: Answer<Resumed>,
    pub(crate) on_dry_run: Answer<DryRunOutcome>,
    pub(crate) on_maintenance: Answer<MaintenanceInForce>,
    pub(crate) on_reload: Answer<Reloaded>,
    pub(crate) on_upgrade: Answer<Upgraded>,
    pub(crate) on_deploy: Answer<DeployStatus>,
    pub(crate) on_targets: Answer<TargetsInForce>,
    pub(crate) deploys: Vec<DeployStatus>,
    pub(crate) status: Status,
    pub(crate) metrics: MetricsSnapshot,
    /// The thread that last read the metrics, and its nice value.
    pub(crate) metrics_read_by: Arc<Mutex<Option<(ThreadId, i32)>>>,
    pub(crate) history: Vec<HistoryEntry>,
    pub(crate) receipts: Answer<Vec<Receipt>>,
    pub(crate) ready: bool,
    /// Keep every question without an answer.
    pub(crate) silent: bool,
    unanswered: Vec<Input>,
    /// One line per question.
    pub(crate) asked: Vec<String>,
}

/// The served API.
pub(crate) struct Fixture {
    pub(crate) address: SocketAddr,
    pub(crate) socket: PathBuf,
    pub(crate) script: Arc<Mutex<Script>>,
    pub(crate) events: EventBuffer,
    pub(crate) live: watch::Sender<Live>,
    stop: Option<oneshot::Sender<()>>,
    served: tokio::task::JoinHandle<()>,
    _dir: tempfile::TempDir,
}

/// A response.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: String,
}

/// A switch that is published and drained.
pub(crate) fn published(ask: &SwitchRequest) -> Switched {
    let _ = ask;
    Switched::Published {
        service: web(),
        from: Color::Blue,
        to: Color::Green,
        cause: rules::Cause::Switch,
        generation: Generation(7),
        drain: control::DrainWatch::ended(rules::DrainEnd::Drained),
        warm_up: None,
    }
}

/// Returns the nice value of this thread.
pub(crate) fn nice_value() -> i32 {
    rustix::process::getpriority_process(None).expect("the nice value")
}

// === impl Fixture ===

impl Fixture {
    pub(crate) async fn new() -> Self {
        Self::with_console(&[]).await
    }

    /// A Teal that was built with these files of the console.
    pub(crate) async fn with_console(console: &'static [console::File]) -> Self {
        let tcp = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a port");
        let address = tcp.local_addr().expect("bound");
        let dir = tempfile::tempdir().expect("a directory");
        let socket = dir.path().join("admin.sock");
        let unix = bind_socket(&socket, None).expect("a socket").0;
        let token = |name: &str, role, token: &str| Token {
            name: name.to_owned(),
            role,
            sha256: Sha256::digest(token).into(),
        };
        let live = watch::Sender::new(Live {
            tokens: vec![
                token("ci", Role::Operator, OPERATOR),
                token("cd", Role::Deployer, DEPLOYER),
                token("eyes", Role::Viewer, VIEWER),
            ],
            hosts: vec!["deploy.example".to_owned()],
            listeners: vec![SocketAddr::from(([127, 0, 0, 1], 8080))],
            certificates: vec![Certificate {
                file: "/etc/teal/a.pem".into(),
                names: vec!["a.test".to_owned()],
                not_after: Time(1_900_000_000_000),
            }],
            certificate_problem: None,
            orders: Vec::new(),
            tls: None,
            older_pid: None,
        });
        let settings = ApiSettings {
            version: "1.2.3",
            instance: "teal-test".to_owned(),
            admin: address,
            metrics: None,
            socket: socket.clone(),
            uid: rustix::process::getuid().as_raw(),
            socket_gid: None,
            live: live.subscribe(),
            connections: 10_000,
            previews: PreviewSettings {
                listeners: vec![PreviewListener {
                    bound: ([127, 0, 0, 1], 8080).into(),
                    tls: false,
                    redirects: false,
                    preview: None,
                }],
                key: preview_key(),
            },
            follow: TraceStarter(Arc::new(|_| None)),
            notify: notify::Handle::none(),
            log: LogControl { levels: || "info".to_owned(), change: |_| Ok(()) },
            console,
            since: std::time::Instant::now(),
        };
        let (handle, inbox) = Handle::pair();
        let events = inbox.events().clone();
        let script = Arc::new(Mutex::new(Script::new()));
        tokio::spawn(play(inbox, Arc::clone(&script)));
        let (stop, stopped) = oneshot::channel::<()>();
        let served = tokio::spawn(serve(
            AdminListeners { tcp, unix, metrics: None },
            handle,
            settings,
            async {
                let _ = stopped.await;
            },
        ));
        Self { address, socket, script, events, live, stop: Some(stop), served, _dir: dir }
    }

    /// Changes what the controller answers.
    pub(crate) fn script(&self, change: impl FnOnce(&mut Script)) {
        change(&mut self.script.lock().expect("no panic before"));
    }

    pub(crate) fn asked(&self) -> Vec<String> {
        self.script.lock().expect("no panic before").asked.clone()
    }

    /// A call with an operator's token and these further fields.
    pub(crate) async fn ask(&self, method: &str, path: &str, fields: &[(&str, &str)]) -> Reply {
        let token = format!("Bearer {OPERATOR}");
        let mut all = vec![("Authorization", &*token)];
        all.extend_from_slice(fields);
        self.bare(method, path, &all).await
    }

    /// The same with JSON as the answer.
    pub(crate) async fn json(&self, method: &str, path: &str) -> (u16, serde_json::Value) {
        let reply = self.ask(method, path, &[("Accept", "application/json")]).await;
        (reply.status, serde_json::from_str(&reply.body).expect("JSON"))
    }

    /// A call with exactly these fields and the right Host.
    pub(crate) async fn bare(&self, method: &str, path: &str, fields: &[(&str, &str)]) -> Reply {
        let mut text = format!("{method} {path} HTTP/1.1\r\nHost: {}\r\n", self.address);
        for (name, value) in fields {
            text.extend([*name, ": ", *value, "\r\n"]);
        }
        text.push_str("Connection: close\r\n\r\n");
        self.raw(text.as_bytes()).await
    }

    /// Exactly these bytes.
    pub(crate) async fn raw(&self, bytes: &[u8]) -> Reply {
        exchange(TcpStream::connect(self.address).await.expect("connected"), bytes).await
    }

    /// A call over the socket, without a token.
    pub(crate) async fn on_socket(&self, method: &str, path: &str) -> Reply {
        self.on_socket_with(method, path, "").await
    }

    /// The same with further field lines.
    pub(crate) async fn on_socket_with(&self, method: &str, path: &str, lines: &str) -> Reply {
        let stream = UnixStream::connect(&self.socket).await.expect("connected");
        let text =
            format!("{method} {path} HTTP/1.1\r\nHost: any\r\nConnection: close\r\n{lines}\r\n");
        exchange(stream, text.as_bytes()).await
    }

    /// Stops the API and waits until it is gone.
    pub(crate) async fn stop(mut self) {
        drop(self.stop.take());
        self.served.await.expect("the API ended well");
    }
}

/// Sends, then reads until the other side closes.
async fn exchange<S: AsyncRead + AsyncWrite + Unpin>(mut stream: S, bytes: &[u8]) -> Reply {
    // The other side may answer and close before it has read all.
    let _ = stream.write_all(bytes).await;
    let mut answer = Vec::new();
    let read = tokio::time::timeout(Duration::from_secs(60), stream.read_to_end(&mut answer));
    let _ = read.await.expect("an answer in time");
    Reply::parse(&answer)
}

fn preview_key() -> preview::PreviewKeyCell {
    let cell = preview::PreviewKeyCell::default();
    cell.put(preview::PreviewKey::new(&[7; preview::PreviewKey::BYTES]));
    cell
}

async fn play(mut inbox: Inbox, script: Arc<Mutex<Script>>) {
    while let Some(input) = inbox.next().await {
        script.lock().expect("no panic before").answer(input);
    }
}

// === impl Reply ===

impl Reply {
    fn parse(bytes: &[u8]) -> Self {
        let text = String::from_utf8_lossy(bytes);
        let (head, body) = text.split_once("\r\n\r\n").unwrap_or((&text, ""));
        let status = head.split(' ').nth(1).and_then(|status| status.parse().ok());
        assert!(status.is_some(), "no answer: {text:?}");
        let reply = Self {
            status: status.unwrap_or_default(),
            head: head.to_ascii_lowercase(),
            body: body.to_owned(),
        };
        reply.assert_code_is_listed();
        reply
    }

    /// Checks that the code of a problem document is in the list, with its status.
    fn assert_code_is_listed(&self) {
        if !self.head.contains("\r\ncontent-type: application/problem+json") || self.body.is_empty()
        {
            return;
        }
        let problem = self.json();
        let code = problem["code"].as_str().and_then(contract::Code::parse);
        assert_eq!(code.map(contract::Code::status), Some(self.status), "{problem}");
        assert_eq!(problem["status"], self.status, "{problem}");
    }

    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.body).expect("the body is JSON")
    }
}

// === impl Script ===

impl Script {
    fn new() -> Self {
        Self {
            on_switch: Box::new(|ask| Ok(vec![published(ask)])),
            on_hold: Err(Refusal::AlreadyHeld { service: web() }),
            on_resume: Err(Refusal::NotHeld { service: web() }),
            on_dry_run: Err(Refusal::NotHeld { service: web() }),
            on_maintenance: Err(Refusal::NotInMaintenance { services: vec![web()] }),
            on_reload: Ok(Reloaded { generation: None, changes: Vec::new() }),
            on_upgrade: Err(Refusal::UpgradeInProgress),
            on_deploy: Err(Refusal::Stopping),
            on_targets: Err(Refusal::Stopping),
            deploys: Vec::new(),
            status: status(),
            metrics: metrics(),
            history: Vec::new(),
            receipts: Err(Refusal::NoReceipt { generation: Generation(9), service: None }),
            ready: true,
            silent: false,
            unanswered: Vec::new(),
            metrics_read_by: Arc::default(),
            asked: Vec::new(),
        }
    }

    fn metrics_source(&self) -> MetricsSource {
        let (metrics, read_by) = (self.metrics.clone(), self.metrics_read_by.clone());
        MetricsSource::new(move || {
            let reader = (thread::current().id(), nice_value());
            *read_by.lock().expect("no panic before") = Some(reader);
            metrics
        })
    }

    fn note(&mut self, ask: &impl std::fmt::Debug) {
        self.asked.push(format!("{ask:?}"));
    }

    fn answer(&mut self, input: Input) {
        if self.silent {
            self.unanswered.push(input);
            return;
        }
        // A caller that has gone takes no answer.
        match input {
            Input::Status(_, to) => drop(to.send(Ok(self.status.clone()))),
            Input::Series(ask, to) => {
                self.note(&ask);
                drop(to.send(Ok(series(ask.step))));
            }
            Input::Switch(ask, to) => {
                self.note(&ask);
                drop(to.send((self.on_switch)(&ask)));
            }
            Input::Hold(ask, to) => {
                self.note(&ask);
                drop(to.send(self.on_hold.clone()));
            }
            Input::Maintenance(ask, to) => {
                self.note(&ask);
                drop(to.send(self.on_maintenance.clone()));
            }
            Input::Resume(ask, to) => {
                self.note(&ask);
                drop(to.send(self.on_resume.clone()));
            }
            Input::Reload(ask, to) => {
                self.note(&ask);
                drop(to.send(self.on_reload.clone()));
            }
            Input::Upgrade(ask, to) => {
                self.note(&ask);
                drop(to.send(self.on_upgrade.clone()));
            }
            Input::BeginDeploy(ask, to) => {
                self.note(&ask);
                drop(to.send(self.on_deploy.clone()));
            }
            Input::ReportDeploy(ask, to) => {
                self.note(&ask);
                drop(to.send(self.on_deploy.clone()));
            }
            Input::Preview(ask, to) => {
                self.note(&ask);
                drop(to.send(Ok(grant())));
            }
            Input::RevokePreviews(ask, to) => {
                self.note(&ask);
                drop(to.send(Ok(PreviewsRevoked { service: web() })));
            }
            Input::DryRun(ask, to) => {
                self.note(&ask);
                drop(to.send(self.on_dry_run.clone()));
            }
            Input::Targets(ask, to) => {
                self.note(&ask);
                drop(to.send(self.on_targets.clone()));
            }
            Input::Retire(ask, to) => {
                self.note(&ask);
                drop(to.send(Ok(ColorRetired { service: web(), color: ask.color })));
            }
            read => self.answer_read(read),
        }
    }

    fn answer_read(&mut self, input: Input) {
        match input {
            Input::Deploys(_, to) => drop(to.send(Ok(self.deploys.clone()))),
            Input::History(to) => drop(to.send(self.history.clone())),
            Input::Receipts(generation, to) => {
                self.asked.push(format!("{generation:?}"));
                drop(to.send(self.receipts.clone()));
            }
            Input::Metrics(to) => drop(to.send(Ok(self.metrics_source()))),
            Input::Ready(to) => drop(to.send(self.ready)),
            _ => {} // the caller gets `Refusal::Stopping`
        }
    }
}
