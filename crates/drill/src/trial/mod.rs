//! The trial: any proxy in front of two targets, switched by commands under strict
//! load, with the old target killed the instant the command has returned.
//!
//! That instant is the point: in a deploy, the end of the command means that the old
//! version may be stopped. A proxy that returns too early loses requests here, and
//! the ledgers of client and targets show which.
//!
//! The commands are the user's own and are run by the shell. The targets are the
//! drill's, unless the user gives commands that stop and start theirs; then there is
//! only the client's ledger.

mod command;
mod report;

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::demo::target::DemoTarget;
use crate::demo::{DemoError, Signals};
use crate::ledger::{Switched, Timeline, Verdict};
use crate::load::look::look;
use crate::load::tls::Tls;
use crate::load::url::Url;
use crate::load::{DrillError, Endpoint, Load, LoadOptions, Protocol, Trust, Work};
use command::Command;

pub use command::CommandError;
pub use report::TrialReport;

/// The time limit for the proxy's first answer.
const START_PATIENCE: Duration = Duration::from_secs(15);
const GLANCE: Duration = Duration::from_millis(50);

/// The options of a trial.
#[derive(Debug, Clone)]
pub struct TrialOptions {
    /// The program that is run as `EXE demo-target …`.
    pub teal_exe: PathBuf,
    /// The proxy's URL.
    pub url: String,
    /// The protocols; empty: HTTP/1.1, with TLS if the URL is https.
    pub over: Vec<Protocol>,
    /// The CAs to trust for the proxy's certificate.
    pub trust: Trust,
    /// The command that makes a color active; `{to}` is replaced by the color.
    pub switch: String,
    /// The targets.
    pub targets: Targets,
    /// The number of switches.
    pub switches: u32,
    /// The duration of the load; the switches are spread over it.
    pub time: Duration,
    /// The number of loops, each with its own connection; over HTTP/2 up to four share one.
    pub connections: usize,
    /// The most requests per second of all loops together; none: unlimited.
    pub rate: Option<u32>,
    /// Keep to the rate however slow the answers are.
    pub open: bool,
    /// The deadline of one request.
    pub timeout: Duration,
}

/// The targets that the proxy forwards to.
#[derive(Debug, Clone)]
pub enum Targets {
    /// The drill's own, at these addresses.
    Own {
        /// Blue's address.
        blue: SocketAddr,
        /// Green's address.
        green: SocketAddr,
    },
    /// The user's, by these commands; `{color}` is replaced.
    Commands {
        /// The command that stops a color.
        stop: String,
        /// The command that starts it again.
        start: String,
    },
}

/// The error of a trial.
#[derive(Debug, thiserror::Error)]
pub enum TrialError {
    /// The URL is unusable.
    #[error(transparent)]
    Url(#[from] DrillError),
    /// A command of the user failed.
    #[error(transparent)]
    Command(#[from] CommandError),
    /// The drill's own side failed.
    #[error(transparent)]
    Stage(#[from] DemoError),
    /// The address of one of the drill's own targets is taken.
    #[error(
        "cannot listen on {address} for the drill's own {color} target: {source}; stop what listens there, choose \
         another address with --{color}, or have the drill use your targets with --stop and --start"
    )]
    Taken {
        /// The target's color.
        color: &'static str,
        /// Its address.
        address: SocketAddr,
        /// The system's error.
        source: io::Error,
    },
    /// The proxy never answered.
    #[error(
        "{url} gave no 2xx answer over {over} within {START_PATIENCE:?} ({last}); does the proxy forward to {targets}?"
    )]
    Silent {
        /// The URL.
        url: String,
        /// The protocol.
        over: Protocol,
        /// The result of the last attempt.
        last: String,
        /// The targets that it should forward to.
        targets: String,
    },
}

/// Runs the trial. A signal ends it early, with its report.
///
/// # Cancellation
/// Dropping the future kills all children.
pub async fn run(options: TrialOptions) -> Result<TrialReport, TrialError> {
    let mut signals = Signals::listen().map_err(DemoError::Signals)?;
    let url = Url::parse(&options.url)?;
    let endpoints = url.endpoints(&options.over).await?;
    let tls = url.tls(&options.trust).map_err(DrillError::Tls)?;
    let mut proxy = ProxyUnderTest::start(&options).await?;
    proxy.switch("blue").await?; // to begin in a known state
    for endpoint in &endpoints {
        proxy.until_answered(*endpoint, tls.as_ref(), &url).await?;
    }
    let work = match options.targets {
        Targets::Own { .. } => Work::Mix,
        Targets::Commands { .. } => Work::Page(url.path.clone()),
    };
    let load = Load::start(LoadOptions {
        endpoints,
        host: url.authority.to_owned(),
        trust: options.trust.clone(),
        work,
        connections: options.connections,
        rate: options.rate,
        open: options.open,
        timeout: options.timeout,
    })
    .map_err(DemoError::Load)?;
    let played = tokio::select! {
        played = proxy.play(&options) => Some(played),
        () = signals.next() => None,
    };
    let client = load.finish().await;
    let interrupted = played.is_none();
    played.transpose()?;
    let ProxyUnderTest { own, timeline, took, .. } = proxy;
    let verdict = match own {
        None => Verdict { switches: timeline.switches(), ..Verdict::of_client(&client) },
        Some(own) => {
            let ledgers = own.stop_and_read().await?;
            Verdict::join(&client, &ledgers, &timeline)
        }
    };
    Ok(TrialReport::new(&options, verdict, &took, interrupted))
}

/// The proxy's environment during the trial.
struct ProxyUnderTest {
    switch: Command,
    own: Option<OwnTargets>,
    stop_start: Option<(Command, Command)>,
    timeline: Timeline,
    /// The durations of the switches.
    took: Vec<Duration>,
}

/// The drill's own targets.
struct OwnTargets {
    options: TrialOptions,
    blue: DemoTarget,
    green: DemoTarget,
    _directory: TempDir,
}

/// Checks before anything is started that a target's address is free.
fn is_free(color: &'static str, address: SocketAddr) -> Result<(), TrialError> {
    let bound = TcpListener::bind(address).map(drop);
    bound.map_err(|source| TrialError::Taken { color, address, source })
}

impl ProxyUnderTest {
    async fn start(options: &TrialOptions) -> Result<Self, TrialError> {
        let (own, stop_start) = match &options.targets {
            Targets::Own { blue, green } => {
                is_free("blue", *blue)?;
                is_free("green", *green)?;
                (Some(OwnTargets::start(options, *blue, *green).await?), None)
            }
            Targets::Commands { stop, start } => {
                (None, Some((Command::new(stop, "{color}"), Command::new(start, "{color}"))))
            }
        };
        Ok(Self {
            switch: Command::new(&options.switch, "{to}"),
            own,
            stop_start,
            timeline: Timeline::new("blue"),
            took: Vec::new(),
        })
    }

    /// Makes the switches, each followed by the kill and restart of the old target.
    async fn play(&mut self, options: &TrialOptions) -> Result<(), TrialError> {
        let began = Instant::now();
        let every = options.time / options.switches.max(1);
        for number in 0..options.switches {
            // In the middle of its share of the time, so that there is load before and after it.
            let at = began + every * number + every / 2;
            tokio::time::sleep_until(at.into()).await;
            let old = self.timeline.active().to_owned();
            let new = if old == "blue" { "green" } else { "blue" };
            self.switch(new).await?;
            self.end(&old).await?;
            self.bring_back(&old).await?;
        }
        tokio::time::sleep_until((began + options.time).into()).await;
        Ok(())
    }

    async fn switch(&mut self, to: &str) -> Result<(), TrialError> {
        let commanded = Instant::now();
        self.switch.run(to).await?;
        let answered = Instant::now();
        if self.timeline.active() != to {
            self.took.push(answered - commanded);
            self.timeline.switched(Switched { to: to.to_owned(), commanded, answered });
        }
        Ok(())
    }

    /// Kills the old color; called as soon as the command has returned.
    async fn end(&mut self, color: &str) -> Result<(), TrialError> {
        match (&mut self.own, &self.stop_start) {
            (Some(own), _) => own.target(color).kill().await,
            (None, Some((stop, _))) => stop.run(color).await?,
            (None, None) => {}
        }
        Ok(())
    }

    async fn bring_back(&mut self, color: &str) -> Result<(), TrialError> {
        match (&mut self.own, &self.stop_start) {
            (Some(own), _) => own.bring_back(color).await?,
            (None, Some((_, start))) => start.run(color).await?,
            (None, None) => {}
        }
        Ok(())
    }

    /// Waits until the proxy has noticed its targets.
    async fn until_answered(
        &self,
        endpoint: Endpoint,
        tls: Option<&Tls>,
        url: &Url<'_>,
    ) -> Result<(), TrialError> {
        let path = if self.own.is_some() { "/health" } else { &url.path };
        let deadline = Instant::now() + START_PATIENCE;
        loop {
            let last = match look(endpoint, tls, url.authority, path).await {
                Ok(200..=299) => return Ok(()),
                Ok(status) => format!("last: {status}"),
                Err(fault) => format!("last: {}", fault.why()),
            };
            if Instant::now() > deadline {
                let targets = match &self.own {
                    Some(own) => format!("{} and {}", own.blue.address(), own.green.address()),
                    None => "your targets, and are they running".to_owned(),
                };
                let (url, over) = (url.at(path), endpoint.over);
                return Err(TrialError::Silent { url, over, last, targets });
            }
            tokio::time::sleep(GLANCE).await;
        }
    }
}

impl OwnTargets {
    async fn start(
        options: &TrialOptions,
        blue: SocketAddr,
        green: SocketAddr,
    ) -> Result<Self, DemoError> {
        let directory = tempfile::Builder::new()
            .prefix("teal-drill-")
            .tempdir()
            .map_err(DemoError::Directory)?;
        let start = async |color, address| {
            DemoTarget::start(&options.teal_exe, None, directory.path(), color, address).await
        };
        let (blue, green) = (start("blue", blue).await?, start("green", green).await?);
        Ok(Self { options: options.clone(), blue, green, _directory: directory })
    }

    fn target(&mut self, color: &str) -> &mut DemoTarget {
        if color == "blue" { &mut self.blue } else { &mut self.green }
    }

    async fn bring_back(&mut self, color: &str) -> Result<(), DemoError> {
        let exe = self.options.teal_exe.clone();
        self.target(color).restart(&exe, None).await
    }

    async fn stop_and_read(self) -> Result<Vec<crate::ledger::TargetLedger>, DemoError> {
        Ok(vec![self.blue.stop_and_read().await?, self.green.stop_and_read().await?])
    }
}
