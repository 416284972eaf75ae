//! The setup of the scene: Teal with a service that the runner `command` deploys, the load, and the deploys. The switches
//! that a deploy makes are read from its output, so the timeline knows all of them.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use tempfile::TempDir;

use super::super::DemoError;
use super::super::process::Process;
use super::super::screen::Screen;
use super::links::Links;
use crate::admin::Admin;
use crate::ledger::{Switched, TargetLedger, Timeline, Verdict};
use crate::load::{Endpoint, Load, LoadOptions, Protocol, Trust, Work};

/// The version whose health checks fail.
pub(super) const UNHEALTHY: &str = "v3";
/// The version that fails the checks from outside.
pub(super) const FAULTY: &str = "v4";
/// The version that fails every other request of its clients.
pub(super) const BROKEN: &str = "v6";
/// The version that the scene begins with.
const FIRST: &str = "v1";
/// All versions that receive requests.
const SERVED: [&str; 5] = [FIRST, "v2", FAULTY, "v5", BROKEN];

const CONNECTIONS: usize = 32;
const REQUESTS_PER_SECOND: u32 = 1_000;
/// The deadline of one request of the load.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(10);
/// The deadline of one admin call.
const ADMIN_TIMEOUT: Duration = Duration::from_secs(10);
/// The time that one deploy may take.
const DEPLOY_PATIENCE: Duration = Duration::from_secs(60);
/// The requests that a version must have answered to be compared with: three seconds of the load.
const HISTORY: u64 = 3_000;
/// The time within which a version must be known, and a broken one be taken back.
const ROLLOUT_PATIENCE: Duration = Duration::from_secs(20);
/// The polling interval for the end of a rollout.
const GLANCE: Duration = Duration::from_millis(50);
/// The time limit for Teal, and for what was deployed, to stop.
const STOP_PATIENCE: Duration = Duration::from_secs(10);
/// The time that the unhealthy version has to become healthy, and that each other one has.
const HOPELESS: &str = "3s";
const HOPE: &str = "20s";

/// All processes of the scene, and the load.
#[derive(Debug)]
pub(super) struct DeploySetup {
    exe: PathBuf,
    directory: TempDir,
    teal: Process,
    admin: Admin,
    /// The version that has the traffic, and when which one had it.
    timeline: Timeline,
    /// The version in front of the one that has the traffic.
    before: String,
    /// The time at which the newest switch was told.
    moved: Instant,
    load: Option<Load>,
    links: Links,
}

impl DeploySetup {
    /// Starts Teal, deploys the first version, and starts the load.
    pub(super) async fn start(exe: &Path, screen: &Screen) -> Result<Self, DemoError> {
        let directory = tempfile::Builder::new()
            .prefix("teal-demo-")
            .tempdir()
            .map_err(DemoError::Directory)?;
        let [public, blue, green] = free_addresses().map_err(DemoError::Directory)?;
        let text = config(exe, directory.path(), [public, blue, green]);
        let path = directory.path().join("teal.toml");
        fs::write(&path, text).map_err(DemoError::Directory)?;
        let links = Links::listen(&directory.path().join("link")).map_err(DemoError::Directory)?;
        let mut teal = Process::start("Teal", exe, &["run", "--config", &path.to_string_lossy()])?;
        teal.has_children();
        let [control] = teal.announced(["admin on"]).await?;
        let mut setup = Self {
            exe: exe.to_owned(),
            directory,
            teal,
            admin: Admin::new(control, None, ADMIN_TIMEOUT),
            timeline: Timeline::new(FIRST),
            before: FIRST.to_owned(),
            moved: Instant::now(),
            load: None,
            links,
        };
        screen.say(&format!("{FIRST} is deployed; then the load begins: http://{public}/"));
        setup.deploy(FIRST, &[0], screen).await?;
        setup.load = Some(Load::start(LoadOptions {
            endpoints: vec![Endpoint { over: Protocol::Http1, address: public }],
            host: public.to_string(),
            trust: Trust::Machine,
            work: Work::Mix,
            connections: CONNECTIONS,
            rate: Some(REQUESTS_PER_SECOND),
            open: false,
            timeout: REQUEST_TIMEOUT,
        })?);
        Ok(setup)
    }

    /// Deploys a version with `teal deploy`, whose exit code must be one of these.
    pub(super) async fn deploy(
        &mut self,
        version: &str,
        exit: &[i32],
        screen: &Screen,
    ) -> Result<(), DemoError> {
        let path = self.directory.path().join("teal.toml");
        let path = path.to_string_lossy();
        let hope = if version == UNHEALTHY { HOPELESS } else { HOPE };
        let arguments =
            ["deploy", "demo", "--version", version, "--wait-healthy", hope, "--config", &path];
        let commanded = Instant::now();
        let mut deploy = Process::start("teal deploy", &self.exe, &arguments)?;
        let told = tokio::time::timeout(DEPLOY_PATIENCE, async {
            while let Some(line) = deploy.next_line().await {
                self.note(version, &line, commanded);
                screen.say(&format!("  {line}"));
            }
            deploy.ended().await
        });
        let Ok(status) = told.await else {
            return Err(deploy.too_late("did not end", DEPLOY_PATIENCE));
        };
        if status.code().is_some_and(|code| exit.contains(&code)) {
            return Ok(());
        }
        Err(DemoError::Ended {
            what: format!("teal deploy demo --version {version}, which should exit with {exit:?},"),
            status,
            tail: deploy.tail(),
        })
    }

    /// Notes the switch that a line of `teal deploy` tells of.
    fn note(&mut self, version: &str, line: &str, commanded: Instant) {
        let answered = Instant::now();
        let mut words = line.split_whitespace();
        let to = if words.clone().nth(1) == Some("switch") && line.contains(" is active") {
            version.to_owned()
        } else if words.next() == Some("switched") && words.next() == Some("back") {
            self.before.clone()
        } else {
            return;
        };
        self.timeline.active().clone_into(&mut self.before);
        self.moved = answered;
        self.timeline.switched(Switched { to, commanded, answered });
    }

    /// Waits until the newest version has answered so many requests that another one can be compared with it.
    pub(super) async fn known(&self) -> Result<(), DemoError> {
        let deadline = Instant::now() + ROLLOUT_PATIENCE;
        while answered(self.admin.rollouts().await?.lines().next()) < HISTORY {
            if Instant::now() >= deadline {
                return Err(self.teal.too_late("did not see enough requests", ROLLOUT_PATIENCE));
            }
            tokio::time::sleep(GLANCE).await;
        }
        Ok(())
    }

    /// Waits until Teal has taken the newest version back by itself, and says why.
    pub(super) async fn taken_back(&mut self, screen: &Screen) -> Result<(), DemoError> {
        let deadline = Instant::now() + ROLLOUT_PATIENCE;
        loop {
            let text = self.admin.rollouts().await?;
            let newest = text.lines().next().unwrap_or_default();
            if newest.contains(": rolled_back") {
                let answered = Instant::now();
                let to = self.before.clone();
                self.timeline.switched(Switched { to, commanded: self.moved, answered });
                screen.say(&format!("  {newest}"));
                return Ok(());
            }
            if Instant::now() >= deadline {
                return Err(self.teal.too_late("did not take the version back", ROLLOUT_PATIENCE));
            }
            tokio::time::sleep(GLANCE).await;
        }
    }

    /// Stops the load, Teal, and what was deployed, and joins the ledgers.
    pub(super) async fn finish(mut self) -> Result<Verdict, DemoError> {
        let client = match self.load.take() {
            Some(load) => Some(load.finish().await),
            None => None,
        };
        let books = self.admin.books().await?;
        self.teal.stop(STOP_PATIENCE).await;
        self.links.end(STOP_PATIENCE).await;
        let mut ledgers = Vec::new();
        for version in SERVED {
            let path = self.directory.path().join(format!("{version}.ledger"));
            if path.exists() {
                ledgers.push(TargetLedger::read(version, version, &path)?);
            }
        }
        let client = client.ok_or(DemoError::Interrupted)?;
        Ok(Verdict { books, ..Verdict::join(&client, &ledgers, &self.timeline) })
    }
}

/// The requests that a rollout has seen, from the line about it.
fn answered(line: Option<&str>) -> u64 {
    let before = line.and_then(|line| line.split_once(" requests, ")).map(|(before, _)| before);
    let number = before.and_then(|before| before.rsplit(' ').next());
    number.and_then(|number| number.parse().ok()).unwrap_or_default()
}

/// Returns three addresses that are free now.
fn free_addresses() -> std::io::Result<[SocketAddr; 3]> {
    let free = || TcpListener::bind((Ipv4Addr::LOCALHOST, 0));
    let held = [free()?, free()?, free()?]; // all at once, or one could be given twice
    let [one, two, three] = &held;
    Ok([one.local_addr()?, two.local_addr()?, three.local_addr()?])
}

/// The configuration; `[public, blue, green]`.
fn config(exe: &Path, directory: &Path, addresses: [SocketAddr; 3]) -> String {
    let [public, blue, green] = addresses;
    let place = |name: &str| directory.join(name).to_string_lossy().into_owned();
    let (ledger, link) = (place("{version}.ledger"), place("link"));
    let command = [
        &*exe.to_string_lossy(),
        "demo-target",
        "--listen",
        "127.0.0.1:{port}",
        "--version",
        "{version}",
        "--ledger",
        &ledger,
        "--link",
        &link,
        "--unhealthy",
        UNHEALTHY,
        "--faulty",
        FAULTY,
        "--broken",
        BROKEN,
    ];
    // A JSON string is also a TOML string.
    let command = serde_json::Value::from(command.map(str::to_owned).to_vec());
    let state = serde_json::Value::from(place("state"));
    format!(
        r#"state_dir = {state}

[admin]
listen = "127.0.0.1:0"

[[listener]]
address = "{public}"

[[service]]
name = "demo"
initial = "green"
blue = {{ targets = ["http://{blue}"] }}
green = {{ targets = ["http://{green}"] }}
health = {{ path = "/health", interval = "1s", timeout = "2s", fast_interval = "100ms" }}
drain = {{ timeout = "10s" }}
# The load is one client.
rollout = {{ bake = "60s", judge = {{ min_clients = 1 }} }}

[service.deploy]
runner = "command"
command = {command}
stop_timeout = "5s"
keep = "until-next"
smoke = [{{ path = "/", contains = "version" }}]
outside = [{{ url = "http://{public}/ready", within = "2s" }}]
"#
    )
}
