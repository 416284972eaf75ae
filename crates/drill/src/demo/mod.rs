//! `teal demo`: real targets, a real Teal, real load, and a script that switches,
//! kills, refuses, restarts and rolls back while every request is counted.
//!
//! Read it in this order: `script` is what happens, `setup` is what it happens
//! on, `deploys` is a scene of its own with `teal deploy`, `process` is how children are started and always ended, `screen` is what
//! is shown. The verdict comes from [`crate::ledger`], not from what was shown.
//!
//! No child outlives the demo: not on success, on an error, or on Ctrl-C.

mod deploys;
mod process;
mod screen;
mod script;
pub(crate) mod setup;
pub(crate) mod target;

use std::io;
use std::path::PathBuf;
use std::process::ExitStatus;
use std::time::Duration;

use tokio::signal::unix::{SignalKind, signal};

use crate::admin::AdminError;
use crate::ledger::{LedgerError, Verdict};
use crate::load::{LoadError, Protocol};
use screen::Screen;
use setup::{DemoSetup, SetupOptions};

pub use screen::OutputMode;

/// The load: enough to catch a gap of a millisecond, but light for two cores.
const CONNECTIONS: usize = 64;
const REQUESTS_PER_SECOND: u32 = 4_000;

/// A setup that a user can try by hand: one port with HTTP/1.1.
const SETUP: SetupOptions<'_> =
    SetupOptions { idle: None, failover: false, over: &[Protocol::Http1] };

/// The options of a demo.
#[derive(Debug, Clone)]
pub struct DemoOptions {
    /// The program that is run as `EXE run --config FILE` and as `EXE demo-target …`.
    pub teal_exe: PathBuf,
    /// End with the script instead of going on until Ctrl-C.
    pub once: bool,
    /// Play the scene of deploys, which ends by itself, instead of the script.
    pub deploys: bool,
    /// The display on standard output.
    pub show: OutputMode,
    /// Switches that the script makes.
    pub switches: u64,
    /// Requests that a run must have sent to pass; only with `once`.
    pub requests: u64,
    /// The time limit of the script; only with `once`.
    pub time: Duration,
}

/// The result of a demo.
#[derive(Debug)]
pub struct DemoReport {
    /// The ledger of the whole run.
    pub verdict: Verdict,
    /// Goals that were missed, in words.
    pub shortfalls: Vec<String>,
    /// Ended by a signal before the script was over.
    pub interrupted: bool,
}

/// The error of a demo that could not be played.
#[derive(Debug, thiserror::Error)]
pub enum DemoError {
    /// The directory for state and ledgers could not be created or written.
    #[error("cannot prepare a temporary directory: {0}; is TMPDIR writable?")]
    Directory(#[source] io::Error),
    /// A child process could not be started.
    #[error("cannot start {what} with {}: {source}", exe.display())]
    Start {
        /// The child.
        what: String,
        /// Its program.
        exe: PathBuf,
        /// The system's error.
        source: io::Error,
    },
    /// A child exited unexpectedly.
    #[error("{what} exited unexpectedly ({status}); its last lines:\n{tail}")]
    Ended {
        /// The child.
        what: String,
        /// Its exit status.
        status: ExitStatus,
        /// The last lines that it wrote.
        tail: String,
    },
    /// Something did not happen in time.
    #[error("{what} within {waited:?}; last lines of {whose}:\n{tail}")]
    TooLate {
        /// The event that did not happen.
        what: String,
        /// The time that it was waited for.
        waited: Duration,
        /// The child that should have done it.
        whose: String,
        /// The last lines that it wrote.
        tail: String,
    },
    /// Teal gave the wrong answer to a command.
    #[error("{command}: expected {expected}, got {status}: {text}")]
    Unexpected {
        /// The command.
        command: String,
        /// The status of the answer.
        status: u16,
        /// The expected answer.
        expected: &'static str,
        /// The body of the answer.
        text: String,
    },
    /// The admin API could not be used.
    #[error(transparent)]
    Admin(#[from] AdminError),
    /// A target's ledger could not be used.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// Standard output was closed.
    #[error("cannot write to standard output: {0}")]
    Output(#[source] io::Error),
    /// Signals cannot be received.
    #[error("cannot listen for signals: {0}")]
    Signals(#[source] io::Error),
    /// The load can't be started.
    #[error(transparent)]
    Load(#[from] LoadError),
    /// The certificate of the run can't be made.
    #[error("cannot make a certificate: {0}")]
    Certificate(#[from] rcgen::Error),
    /// A second signal arrived during shutdown.
    #[error("interrupted twice; the ledger is incomplete")]
    Interrupted,
}

/// Plays the demo and prints its ledger.
///
/// # Cancellation
/// Dropping the future kills all children.
pub async fn run(options: DemoOptions) -> Result<DemoReport, DemoError> {
    let screen = Screen::new(options.show);
    if options.deploys {
        return deploys::run(&options, &screen).await;
    }
    let mut signals = Signals::listen().map_err(DemoError::Signals)?;
    let started = tokio::select! {
        started = DemoSetup::start(&options.teal_exe, SETUP) => Some(started?),
        () = signals.next() => None,
    };
    let Some(mut setup) = started else { return Err(DemoError::Interrupted) };
    setup.start_load(SETUP.over, CONNECTIONS, Some(REQUESTS_PER_SECOND))?;
    screen.open(&setup);
    let played = tokio::select! {
        played = script::play(&mut setup, &screen, &options) => Some(played),
        () = signals.next() => None,
    };
    screen.say("stopping: waiting for pending requests");
    screen.close();
    let verdict = tokio::select! {
        verdict = setup.finish() => verdict,
        () = signals.next() => return Err(DemoError::Interrupted),
    };
    let interrupted = played.is_none();
    played.transpose()?;
    let verdict = verdict?;
    let shortfalls = if options.once { shortfalls(&options, &verdict) } else { Vec::new() };
    let report = DemoReport { verdict, shortfalls, interrupted };
    screen.ledger(&report).map_err(DemoError::Output)?;
    Ok(report)
}

/// The goals that a run with `once` has missed.
fn shortfalls(options: &DemoOptions, verdict: &Verdict) -> Vec<String> {
    let mut missing = Vec::new();
    for (what, found, wanted) in [
        ("switches", verdict.switches, options.switches),
        ("requests", verdict.sent, options.requests),
    ] {
        if found < wanted {
            let time = options.time;
            missing.push(format!("only {found} of {wanted} {what} within {time:?}"));
        }
    }
    missing
}

/// The signals that end a demo.
pub(crate) struct Signals {
    interrupt: tokio::signal::unix::Signal,
    terminate: tokio::signal::unix::Signal,
    /// The terminal was closed.
    hangup: tokio::signal::unix::Signal,
}

// === impl DemoOptions ===

impl DemoOptions {
    /// The demo as `teal demo` plays it, or with `once` as `teal demo --once` does.
    pub fn new(teal_exe: PathBuf, once: bool, show: OutputMode) -> Self {
        let switches = if once { 24 } else { 8 };
        let (deploys, requests, time) = (false, 50_000, Duration::from_secs(40));
        Self { teal_exe, once, deploys, show, switches, requests, time }
    }
}

// === impl DemoReport ===

impl DemoReport {
    /// Returns true if nothing was lost, doubled or late, and the script was played to its end.
    pub fn passed(&self) -> bool {
        self.verdict.is_lossless() && self.shortfalls.is_empty()
    }
}

// === impl Signals ===

impl Signals {
    pub(crate) fn listen() -> io::Result<Self> {
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
            hangup: signal(SignalKind::hangup())?,
        })
    }

    pub(crate) async fn next(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
            _ = self.hangup.recv() => {}
        }
    }
}
