//! The setup: two targets, Teal in front of them, the load, and the verbs of the
//! script. Every switch goes through here, so the timeline knows all of them.

mod config;
mod outage;
mod upgrade;

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rustix::process::Signal;
use tempfile::TempDir;

use super::DemoError;
use super::process::Process;
use super::target::DemoTarget;
use crate::admin::{Admin, AdminResponse, WaitUntil};
use crate::ledger::{LedgerError, Switched, Timeline, Verdict};
use crate::load::{Load, LoadOptions, Protocol, Trust, Work};
use config::{Addresses, Config, HOST};

/// The deadline of one request of the load.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(10);
/// The deadline of one admin call: more than the drain timeout in the configuration.
const ADMIN_TIMEOUT: Duration = Duration::from_secs(20);
/// The time limit for Teal to notice a change of health.
const HEALTH_PATIENCE: Duration = Duration::from_secs(10);
/// The polling interval for conditions.
const GLANCE: Duration = Duration::from_millis(50);
/// The time limit for Teal to stop after SIGTERM.
const STOP_PATIENCE: Duration = Duration::from_secs(5);

/// The options of a setup.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SetupOptions<'a> {
    /// The idle timeout of the targets; none: their default.
    pub(crate) idle: Option<Duration>,
    /// True if Teal fails over from a dead color by itself.
    pub(crate) failover: bool,
    /// The protocols of Teal's listeners.
    pub(crate) over: &'a [Protocol],
}

/// All processes of the demo, and the load.
#[derive(Debug)]
pub(crate) struct DemoSetup {
    exe: PathBuf,
    /// The idle timeout of the targets; none: their default.
    idle: Option<Duration>,
    directory: TempDir,
    config: Config,
    blue: DemoTarget,
    green: DemoTarget,
    teal: Process,
    addresses: Addresses,
    admin: Admin,
    timeline: Timeline,
    load: Option<Load>,
}

impl DemoSetup {
    /// Starts both targets and Teal, and waits until both colors are healthy.
    pub(crate) async fn start(exe: &Path, options: SetupOptions<'_>) -> Result<Self, DemoError> {
        let SetupOptions { idle, failover, over } = options;
        let directory = tempfile::Builder::new()
            .prefix("teal-demo-")
            .tempdir()
            .map_err(DemoError::Directory)?;
        let anywhere = SocketAddr::from(([127, 0, 0, 1], 0));
        let blue = DemoTarget::start(exe, idle, directory.path(), "blue", anywhere).await?;
        let green = DemoTarget::start(exe, idle, directory.path(), "green", anywhere).await?;
        let targets = [blue.address(), green.address()];
        let config = Config::new(directory.path(), targets, failover, over)?;
        config.write(None)?;
        let (teal, addresses) = start_teal(exe, &config).await?;
        config.write(Some(addresses))?; // a restarted Teal must have the same addresses
        let token = directory.path().join("state/admin.token");
        let token = fs::read_to_string(&token).map_err(|source| {
            DemoError::Ledger(LedgerError::Read { path: token.clone(), source })
        })?;
        let admin = Admin::new(addresses.control, Some(token.trim().to_owned()), ADMIN_TIMEOUT);
        let setup = Self {
            exe: exe.to_owned(),
            idle,
            directory,
            config,
            blue,
            green,
            teal,
            addresses,
            admin,
            timeline: Timeline::new("blue"),
            load: None,
        };
        setup.until_health("blue", true).await?;
        setup.until_health("green", true).await?;
        Ok(setup)
    }

    /// The address of Teal's listener.
    pub(crate) fn public(&self) -> SocketAddr {
        self.addresses.public
    }

    /// The address of Teal's admin API.
    pub(crate) fn control(&self) -> SocketAddr {
        self.addresses.control
    }

    /// Starts the load.
    pub(crate) fn start_load(
        &mut self,
        over: &[Protocol],
        connections: usize,
        rate: Option<u32>,
    ) -> Result<(), DemoError> {
        self.load = Some(Load::start(LoadOptions {
            endpoints: self.addresses.endpoints(over),
            host: HOST.to_owned(),
            trust: Trust::File(self.config.certificate()),
            work: Work::Mix,
            connections,
            rate,
            open: false,
            timeout: REQUEST_TIMEOUT,
        })?);
        Ok(())
    }

    /// The load, once it was started.
    pub(crate) fn load(&self) -> Option<&Load> {
        self.load.as_ref()
    }

    /// Both colors, blue first.
    pub(crate) fn targets(&self) -> [&DemoTarget; 2] {
        [&self.blue, &self.green]
    }

    /// The switches so far.
    pub(crate) fn timeline(&self) -> &Timeline {
        &self.timeline
    }

    /// The color that does not receive traffic.
    pub(crate) fn idle(&self) -> &'static str {
        if self.timeline.active() == "blue" { "green" } else { "blue" }
    }

    /// The path of the operator's token.
    pub(crate) fn token_file(&self) -> PathBuf {
        self.directory.path().join("state/admin.token")
    }

    /// Switches to the idle color; returns as soon as the switch is published.
    pub(crate) async fn switch(
        &mut self,
        patience: Option<Duration>,
    ) -> Result<AdminResponse, DemoError> {
        let to = self.idle();
        let answer = self.admin.switch(to, WaitUntil::Published, patience).await?;
        self.took_effect(format!("teal switch {to}"), to, answer)
    }

    /// Rolls back to the previous color.
    pub(crate) async fn rollback(&mut self) -> Result<AdminResponse, DemoError> {
        let to = self.idle();
        let answer = self.admin.rollback(WaitUntil::Published).await?;
        self.took_effect("teal rollback".to_owned(), to, answer)
    }

    /// Attempts a switch to the idle color, which must be refused.
    pub(crate) async fn refused_switch(&mut self) -> Result<AdminResponse, DemoError> {
        let to = self.idle();
        let answer = self.admin.switch(to, WaitUntil::Published, None).await?;
        expect(format!("teal switch {to}"), answer, 412, "412, because the target is dead")
    }

    /// Waits for the drain of the last switch; then the idle color may be stopped.
    pub(crate) async fn drained(&self) -> Result<AdminResponse, DemoError> {
        let active = self.timeline.active();
        let answer = self.admin.switch(active, WaitUntil::Drained, None).await?;
        let command = format!("teal switch {active}, to wait until {} is drained", self.idle());
        let answer = expect(command.clone(), answer, 200, "200")?;
        if answer.text.contains("do not stop") {
            return Err(DemoError::Unexpected {
                command,
                status: answer.status,
                expected: "the end of the drain",
                text: answer.text,
            });
        }
        Ok(answer)
    }

    /// `kill -9` of a color's target, and waits until Teal has noticed.
    pub(crate) async fn kill(&mut self, color: &str) -> Result<(), DemoError> {
        self.drop_dead(color).await;
        self.until_health(color, false).await
    }

    /// `kill -9` of a color's target.
    pub(crate) async fn drop_dead(&mut self, color: &str) {
        self.target(color).kill().await;
    }

    /// Sends SIGTERM to a color's target, and waits until it has exited.
    pub(crate) async fn stop(&mut self, color: &str) {
        self.target(color).stop().await;
    }

    /// Freezes a color's target (SIGSTOP), with its sockets open; or resumes it.
    pub(crate) fn freeze(&mut self, color: &str, frozen: bool) {
        if let Some(process) = &self.target(color).process {
            process.signal(if frozen { Signal::STOP } else { Signal::CONT });
        }
    }

    /// Makes a color's target answer its next health checks with 503.
    pub(crate) async fn ail(&mut self, color: &str, times: u32) -> Result<(), DemoError> {
        let target = Admin::new(self.target(color).address(), None, ADMIN_TIMEOUT);
        let answer = target.ail(times).await?;
        expect(format!("failing health checks of {color}"), answer, 200, "200").map(|_| ())
    }

    /// Starts a color's target again, at its old address.
    pub(crate) async fn restart(&mut self, color: &str) -> Result<(), DemoError> {
        let (exe, idle) = (self.exe.clone(), self.idle);
        self.target(color).restart(&exe, idle).await
    }

    /// Waits until a color has the given health.
    pub(crate) async fn until_health(&self, color: &str, wanted: bool) -> Result<(), DemoError> {
        let deadline = Instant::now() + HEALTH_PATIENCE;
        loop {
            let status = self.admin.status().await?;
            if status.is_some_and(|status| status.healthy(color) == wanted) {
                return Ok(());
            }
            if Instant::now() > deadline {
                let what = format!("did not report {color} healthy: {wanted}");
                return Err(self.teal.too_late(&what, HEALTH_PATIENCE));
            }
            tokio::time::sleep(GLANCE).await;
        }
    }

    /// From now on the user may switch and kill, too.
    pub(crate) fn open_to_all(&mut self) {
        self.timeline.open(Instant::now(), &["blue", "green"]);
    }

    /// The color that Teal says is active.
    pub(crate) async fn active_by_status(&self) -> Result<Option<String>, DemoError> {
        Ok(self.admin.status().await?.map(|status| status.active))
    }

    /// Completes when a target has exited unexpectedly; returns its color.
    pub(crate) async fn casualty(&mut self) -> &'static str {
        let (blue, green) = (self.blue.process.as_mut(), self.green.process.as_mut());
        let ended = async |process: Option<&mut Process>| match process {
            Some(process) => {
                process.ended().await;
            }
            None => std::future::pending().await,
        };
        let color = tokio::select! {
            () = ended(blue) => "blue",
            () = ended(green) => "green",
        };
        self.target(color).process = None;
        color
    }

    /// Stops the load, then Teal, then the targets, and joins their ledgers.
    pub(crate) async fn finish(mut self) -> Result<Verdict, DemoError> {
        let client = match self.load.take() {
            Some(load) => Some(load.finish().await),
            None => None,
        };
        let books = self.admin.books().await?;
        self.teal.stop(STOP_PATIENCE).await;
        let mut ledgers = Vec::new();
        for target in [self.blue, self.green] {
            ledgers.push(target.stop_and_read().await?);
        }
        let client = client.ok_or(DemoError::Interrupted)?;
        Ok(Verdict { books, ..Verdict::join(&client, &ledgers, &self.timeline) })
    }

    fn target(&mut self, color: &str) -> &mut DemoTarget {
        if color == "blue" { &mut self.blue } else { &mut self.green }
    }

    /// Records an accepted switch in the timeline.
    fn took_effect(
        &mut self,
        command: String,
        to: &str,
        answer: AdminResponse,
    ) -> Result<AdminResponse, DemoError> {
        let answer = expect(command, answer, 200, "200")?;
        self.timeline.switched(Switched {
            to: to.to_owned(),
            commanded: answer.commanded,
            answered: answer.answered,
        });
        Ok(answer)
    }
}

/// Starts Teal; returns the addresses where it listens.
async fn start_teal(exe: &Path, config: &Config) -> Result<(Process, Addresses), DemoError> {
    let path = config.path();
    let mut teal = Process::start("Teal", exe, &["run", "--config", &path.to_string_lossy()])?;
    teal.has_children();
    let (serves, commands) = ("listening on", "admin on");
    let addresses = if config.is_secure() {
        let [public, secure, control] = teal.announced([serves, serves, commands]).await?;
        Addresses { public, secure: Some(secure), control }
    } else {
        let [public, control] = teal.announced([serves, commands]).await?;
        Addresses { public, secure: None, control }
    };
    Ok((teal, addresses))
}

fn expect(
    command: String,
    answer: AdminResponse,
    status: u16,
    expected: &'static str,
) -> Result<AdminResponse, DemoError> {
    if answer.status == status {
        return Ok(answer);
    }
    Err(DemoError::Unexpected { command, status: answer.status, expected, text: answer.text })
}
