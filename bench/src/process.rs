//! Measured processes: started on one core, read from /proc, stopped by their id.

use std::fs::{self, File};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

/// Clock ticks of /proc per second, on every Linux that Teal is built for.
const TICKS: f64 = 100.0;

/// The time that a process must be quiet to count as settled, and the time limit for that.
const QUIET: Duration = Duration::from_millis(300);
const PATIENCE: Duration = Duration::from_secs(60);

/// The time after SIGTERM until a process is killed.
const END: Duration = Duration::from_secs(5);

/// A process that is stopped when this is dropped.
#[derive(Debug)]
pub(crate) struct Process {
    child: Child,
}

impl Process {
    /// Starts a program on that core, with its output in a file.
    pub(crate) fn start(core: u32, command: &[String], log: &Path) -> Result<Self> {
        let log = File::create(log)?;
        // It is killed when the driver ends, for whatever reason.
        let child = Command::new("setpriv")
            .args(["--pdeathsig", "TERM", "taskset", "-c", &core.to_string()])
            .args(command)
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .spawn()
            .with_context(|| format!("{command:?} can't be started"))?;
        Ok(Self { child })
    }

    pub(crate) fn has_ended(&mut self) -> Result<bool> {
        Ok(self.child.try_wait()?.is_some())
    }

    /// The CPU time of the process and its children, in seconds.
    pub(crate) fn cpu(&self) -> Result<f64> {
        self.family()?.into_iter().map(cpu).sum()
    }

    /// Waits until the process is nearly idle: first probes, for example, are not a cost of requests.
    pub(crate) fn settle(&self) -> Result<()> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let before = self.cpu()?;
            thread::sleep(QUIET);
            if self.cpu()? - before < QUIET.as_secs_f64() / 10.0 {
                return Ok(());
            }
            if Instant::now() > deadline {
                bail!("process {} is still busy without load", self.child.id());
            }
        }
    }

    /// The resident memory of the process and its children, in bytes.
    pub(crate) fn resident(&self) -> Result<f64> {
        self.family()?.into_iter().map(resident).sum()
    }

    /// The process and its children, each once. No program here has grandchildren.
    fn family(&self) -> Result<Vec<u32>> {
        let id = self.child.id();
        let mut family = vec![id];
        for task in fs::read_dir(format!("/proc/{id}/task"))? {
            let children = fs::read_to_string(task?.path().join("children"))?;
            family.extend(children.split_whitespace().flat_map(str::parse::<u32>));
        }
        Ok(family)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // SIGTERM first, so that nginx stops its worker, too. A process that has exited is not an error.
        let id = self.child.id().to_string();
        let _ = Command::new("kill").args(["-TERM", &id]).stderr(Stdio::null()).status();
        let deadline = Instant::now() + END;
        while Instant::now() < deadline && matches!(self.child.try_wait(), Ok(None)) {
            thread::sleep(Duration::from_millis(10));
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn cpu(id: u32) -> Result<f64> {
    let stat = fs::read_to_string(format!("/proc/{id}/stat"))?;
    // The name in parentheses may contain spaces; user and system time are 12th and 13th after it.
    let fields = stat.rsplit(") ").next().unwrap_or_default().split(' ').skip(11).take(2);
    let ticks: Vec<f64> = fields.map(str::parse).collect::<Result<_, _>>()?;
    Ok(ticks.iter().sum::<f64>() / TICKS)
}

fn resident(id: u32) -> Result<f64> {
    let status = fs::read_to_string(format!("/proc/{id}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kibibytes = line.and_then(|line| line.split_whitespace().next());
    Ok(kibibytes.context("a process without VmRSS")?.parse::<f64>()? * 1024.0)
}
