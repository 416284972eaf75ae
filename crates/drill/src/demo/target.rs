//! One color of a setup: its only target, a child process that can be killed and
//! comes back at the same address with the same ledger.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::DemoError;
use super::process::Process;
use crate::ledger::{LedgerError, TargetLedger};

/// The time limit for a target to stop after SIGTERM.
const STOP_PATIENCE: Duration = Duration::from_secs(5);

/// One color and its only target.
#[derive(Debug)]
pub(crate) struct DemoTarget {
    pub(crate) color: &'static str,
    pub(crate) version: &'static str,
    address: SocketAddr,
    ledger: PathBuf,
    /// None while it is killed.
    pub(super) process: Option<Process>,
}

// === impl DemoTarget ===

impl DemoTarget {
    /// Starts a target at this address; with port 0 at a free port, which it keeps.
    pub(crate) async fn start(
        exe: &Path,
        idle: Option<Duration>,
        directory: &Path,
        color: &'static str,
        address: SocketAddr,
    ) -> Result<Self, DemoError> {
        let ledger = directory.join(format!("{color}.ledger"));
        let version = if color == "blue" { "v1" } else { "v2" };
        let mut target = Self { color, version, address, ledger, process: None };
        target.restart(exe, idle).await?;
        Ok(target)
    }

    /// Starts the target at its address; it appends to its ledger.
    pub(crate) async fn restart(
        &mut self,
        exe: &Path,
        idle: Option<Duration>,
    ) -> Result<(), DemoError> {
        let (listen, ledger) = (self.address.to_string(), self.ledger.to_string_lossy());
        let idle = idle.map(|idle| format!("{}ms", idle.as_millis()));
        let mut arguments = vec![
            "demo-target",
            "--listen",
            &listen,
            "--version",
            self.version,
            "--ledger",
            &ledger,
        ];
        if let Some(idle) = &idle {
            arguments.extend(["--idle", idle]);
        }
        let what = format!("the {} target ({})", self.color, self.version);
        let mut process = Process::start(&what, exe, &arguments)?;
        [self.address] = process.announced(["listening on"]).await?;
        self.process = Some(process);
        Ok(())
    }

    /// `kill -9`.
    pub(crate) async fn kill(&mut self) {
        if let Some(process) = self.process.take() {
            process.kill().await;
        }
    }

    /// Sends SIGTERM, and waits until it has exited.
    pub(crate) async fn stop(&mut self) {
        if let Some(process) = self.process.take() {
            process.stop(STOP_PATIENCE).await;
        }
    }

    /// Stops it for good and reads its ledger.
    pub(crate) async fn stop_and_read(mut self) -> Result<TargetLedger, LedgerError> {
        self.stop().await;
        TargetLedger::read(self.color, self.version, &self.ledger)
    }

    /// The address where it listens.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Its process id, while it runs.
    pub(crate) fn process_id(&self) -> Option<u32> {
        self.process.as_ref().and_then(Process::id)
    }
}
