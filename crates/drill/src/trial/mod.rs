//! The trial: any proxy in front of two targets, switched by commands under strict
//! load, with the old target killed in the instant when the command has returned.
//!
//! That instant is the point: who deploys takes the end of the command for leave to
//! stop the old version. A proxy that says so too early loses requests here, and
//! the ledgers of client and targets say which.
//!
//! The commands are the user's own and are run by the shell. The targets are the
//! drill's, unless the user gives commands that stop and start theirs; then only
//! the client's ledger speaks.

mod command;
mod report;

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::demo::actor::Actor;
use crate::demo::{DemoError, Signals};
use crate::ledger::{Switched, Timeline, Verdict};
use crate::load::look::look;
use crate::load::tls::Tls;
use crate::load::url::Url;
use crate::load::{DrillError, Load, LoadOptions, Over, Trust, Way, Work};
use command::Command;

pub use command::CommandError;
pub use report::TrialReport;

/// How long the proxy may take until it answers at all.
const START_PATIENCE: Duration = Duration::from_secs(15);
const GLANCE: Duration = Duration::from_millis(50);

/// What to try.
#[derive(Debug, Clone)]
pub struct TrialOptions {
    /// The program that is run as `EXE demo-target …`.
    pub teal_exe: PathBuf,
    /// Where the proxy is.
    pub url: String,
    /// What to speak; empty: HTTP/1.1, with TLS if the URL says so.
    pub over: Vec<Over>,
    /// Whose signature makes the proxy's certificate good.
    pub trust: Trust,
    /// Makes a color active; `{to}` is replaced by it.
    pub switch: String,
    /// Whose targets there are.
    pub targets: Targets,
    /// How many switches.
    pub switches: u32,
    /// How long to send requests; the switches are spread over it.
    pub time: Duration,
    /// Number of loops, each with a connection of its own; over HTTP/2 up to four share one.
    pub connections: usize,
    /// Most requests per second of all loops together; none: as fast as it goes.
    pub rate: Option<u32>,
    /// Keep to the rate whatever the answers do.
    pub open: bool,
    /// Deadline of one request.
    pub timeout: Duration,
}

/// Whose targets the proxy stands in front of.
#[derive(Debug, Clone)]
pub enum Targets {
    /// The drill's own, at these addresses.
    Own {
        /// Where blue listens.
        blue: SocketAddr,
        /// Where green listens.
        green: SocketAddr,
    },
    /// The user's, by these commands; `{color}` is replaced.
    Commands {
        /// Ends a color.
        stop: String,
        /// Brings a color back.
        start: String,
    },
}

/// Why a trial could not be held.
#[derive(Debug, thiserror::Error)]
pub enum TrialError {
    /// The URL is no use.
    #[error(transparent)]
    Url(#[from] DrillError),
    /// A command of the user failed.
    #[error(transparent)]
    Command(#[from] CommandError),
    /// The drill's own side failed.
    #[error(transparent)]
    Stage(#[from] DemoError),
    /// The drill's own targets can't have their addresses.
    #[error(
        "cannot listen on {address} for the drill's own {color} target: {source}; stop what listens there, choose \
         another address with --{color}, or have the drill use your targets with --stop and --start"
    )]
    Taken {
        /// Of which target.
        color: &'static str,
        /// Its address.
        address: SocketAddr,
        /// What the system says.
        source: io::Error,
    },
    /// The proxy never answered.
    #[error(
        "{url} gave no 2xx answer over {over} within {START_PATIENCE:?} ({last}); does the proxy forward to {targets}?"
    )]
    Silent {
        /// Where.
        url: String,
        /// What was spoken.
        over: Over,
        /// What the last try brought.
        last: String,
        /// What it should stand in front of.
        targets: String,
    },
}

/// Holds the trial. A signal ends it early, with its report.
///
/// # Cancellation
/// Dropping the future kills all children.
pub async fn run(options: TrialOptions) -> Result<TrialReport, TrialError> {
    let mut signals = Signals::listen().map_err(DemoError::Signals)?;
    let url = Url::parse(&options.url)?;
    let ways = url.ways(&options.over).await?;
    let tls = url.tls(&options.trust).map_err(DrillError::Tls)?;
    let mut ring = Ring::enter(&options).await?;
    ring.switch("blue").await?; // so that the beginning is known
    for way in &ways {
        ring.until_answered(*way, tls.as_ref(), &url).await?;
    }
    let work = match options.targets {
        Targets::Own { .. } => Work::Mix,
        Targets::Commands { .. } => Work::Page(url.path.clone()),
    };
    let load = Load::start(LoadOptions {
        ways,
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
        played = ring.play(&options) => Some(played),
        () = signals.next() => None,
    };
    let client = load.finish().await;
    let interrupted = played.is_none();
    played.transpose()?;
    let Ring { own, timeline, took, .. } = ring;
    let verdict = match own {
        None => Verdict { switches: timeline.switches(), ..Verdict::of_client(&client) },
        Some(own) => {
            let ledgers = own.leave().await?;
            Verdict::join(&client, &ledgers, &timeline)
        }
    };
    Ok(TrialReport::new(&options, verdict, &took, interrupted))
}

/// The proxy's surroundings while it is tried.
struct Ring {
    switch: Command,
    own: Option<Own>,
    stop_start: Option<(Command, Command)>,
    timeline: Timeline,
    /// How long each switch took.
    took: Vec<Duration>,
}

/// Targets of the drill itself.
struct Own {
    options: TrialOptions,
    blue: Actor,
    green: Actor,
    _directory: TempDir,
}

/// Finds out before anything is started whether a target can have its address.
fn is_free(color: &'static str, address: SocketAddr) -> Result<(), TrialError> {
    let bound = TcpListener::bind(address).map(drop);
    bound.map_err(|source| TrialError::Taken { color, address, source })
}

impl Ring {
    async fn enter(options: &TrialOptions) -> Result<Self, TrialError> {
        let (own, stop_start) = match &options.targets {
            Targets::Own { blue, green } => {
                is_free("blue", *blue)?;
                is_free("green", *green)?;
                (Some(Own::enter(options, *blue, *green).await?), None)
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

    /// Switch after switch, each followed by the end of the old target and its return.
    async fn play(&mut self, options: &TrialOptions) -> Result<(), TrialError> {
        let began = Instant::now();
        let every = options.time / options.switches.max(1);
        for number in 0..options.switches {
            // In the middle of its part of the time, so that there is load before and behind.
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

    /// The old version is gone as soon as the command has returned.
    async fn end(&mut self, color: &str) -> Result<(), TrialError> {
        match (&mut self.own, &self.stop_start) {
            (Some(own), _) => own.actor(color).kill().await,
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
        way: Way,
        tls: Option<&Tls>,
        url: &Url<'_>,
    ) -> Result<(), TrialError> {
        let path = if self.own.is_some() { "/health" } else { &url.path };
        let deadline = Instant::now() + START_PATIENCE;
        loop {
            let last = match look(way, tls, url.authority, path).await {
                Ok(200..=299) => return Ok(()),
                Ok(status) => format!("last: {status}"),
                Err(fault) => format!("last: {}", fault.why()),
            };
            if Instant::now() > deadline {
                let targets = match &self.own {
                    Some(own) => format!("{} and {}", own.blue.address(), own.green.address()),
                    None => "your targets, and are they running".to_owned(),
                };
                let (url, over) = (url.at(path), way.over);
                return Err(TrialError::Silent { url, over, last, targets });
            }
            tokio::time::sleep(GLANCE).await;
        }
    }
}

impl Own {
    async fn enter(
        options: &TrialOptions,
        blue: SocketAddr,
        green: SocketAddr,
    ) -> Result<Self, DemoError> {
        let directory = tempfile::Builder::new()
            .prefix("teal-drill-")
            .tempdir()
            .map_err(DemoError::Directory)?;
        let enter = async |color, address| {
            Actor::enter(&options.teal_exe, None, directory.path(), color, address).await
        };
        let (blue, green) = (enter("blue", blue).await?, enter("green", green).await?);
        Ok(Self { options: options.clone(), blue, green, _directory: directory })
    }

    fn actor(&mut self, color: &str) -> &mut Actor {
        if color == "blue" { &mut self.blue } else { &mut self.green }
    }

    async fn bring_back(&mut self, color: &str) -> Result<(), DemoError> {
        let exe = self.options.teal_exe.clone();
        self.actor(color).restart(&exe, None).await
    }

    async fn leave(self) -> Result<Vec<crate::ledger::TargetLedger>, DemoError> {
        Ok(vec![self.blue.leave().await?, self.green.leave().await?])
    }
}
