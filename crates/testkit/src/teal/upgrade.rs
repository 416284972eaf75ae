//! The processes of a Teal: the parent, the serving one, and those that are leaving.

use std::fs;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

use super::Teal;
use crate::message::Response;
use crate::wait::{wait_for, wait_until};

const GONE_WITHIN: Duration = Duration::from_secs(20);
const KILLED_WITHIN: Duration = Duration::from_secs(10);

/// The facts about a process from /proc.
struct Seen {
    pid: u32,
    name: String,
    parent: u32,
    state: String,
    threads: u32,
    /// The start time, in ticks since boot.
    started: u64,
}

impl Teal {
    /// The process id of the parent, which never changes.
    #[track_caller]
    pub fn parent_pid(&self) -> u32 {
        let started = self.child.as_ref().expect("Teal is running").id();
        if self.below { parent_below(started).expect("it is running") } else { started }
    }

    /// Sends a signal to the first child of the surrounding program, as `docker stop` would.
    #[track_caller]
    pub fn signal_first(&self, signal: Signal) {
        let started = self.child.as_ref().expect("Teal is running").id();
        let first = children_of(started).into_iter().next().expect("it has started one");
        signal_process(first.pid, signal);
    }

    /// The serving process: the newest.
    #[track_caller]
    pub fn pid(&self) -> u32 {
        self.serving().expect("a Teal serves")
    }

    /// The newest process of all that the parent has started.
    pub fn serving(&self) -> Option<u32> {
        let mut serving = self.serving_all();
        serving.sort_by_key(|seen| (seen.started, seen.pid));
        serving.last().map(|seen| seen.pid)
    }

    fn serving_all(&self) -> Vec<Seen> {
        let started = self.child.as_ref().map(std::process::Child::id);
        let parent = started.and_then(|pid| if self.below { parent_below(pid) } else { Some(pid) });
        parent.map(children_of).unwrap_or_default()
    }

    /// Upgrades Teal; returns the newer one's process id.
    #[track_caller]
    pub fn upgrade(&mut self) -> u32 {
        let answer = self.try_upgrade();
        assert_eq!(answer.status, 200, "{}\n{}", answer.text(), self.log());
        self.pid()
    }

    /// Requests an upgrade; returns the whole answer.
    #[track_caller]
    pub fn try_upgrade(&mut self) -> Response {
        let answer = self.ask("POST", "/admin/upgrade", &[("Accept", "application/json")]);
        let json: serde_json::Value =
            serde_json::from_slice(&answer.body).expect("the answer is JSON");
        if answer.status == 200 {
            let pid = json["pid"].as_u64().and_then(|pid| u32::try_from(pid).ok());
            // In its own namespace a process has another id.
            assert!(self.below || pid == self.serving(), "the newest is the one that serves");
        }
        answer
    }

    /// Kills the serving process but not the parent; returns its process id.
    #[track_caller]
    pub fn kill_serving(&self) -> u32 {
        let pid = self.pid();
        signal_process(pid, Signal::KILL);
        wait_until(GONE_WITHIN, "the one that served has gone", || !is_there(pid));
        pid
    }

    /// Waits until another process serves; returns its process id.
    #[track_caller]
    pub fn wait_revived(&mut self, killed: u32) -> u32 {
        let pid = wait_for(GONE_WITHIN, "another process serves", || {
            let answer = self.try_ask("GET", "/admin/status", &[("Accept", "application/json")]);
            let status: serde_json::Value = serde_json::from_slice(&answer.ok()?.body).ok()?;
            let pid = u32::try_from(status["teal"]["pid"].as_u64()?).ok()?;
            (pid != killed).then_some(pid)
        });
        self.wait_ready();
        pid
    }

    /// The number of Teals under the parent.
    pub fn processes(&self) -> usize {
        self.serving_all().len()
    }

    /// Waits until all but the newest have left.
    #[track_caller]
    pub fn wait_alone(&self, within: Duration) {
        wait_until(within, "only the newest Teal is there", || self.processes() == 1);
    }

    /// Kills the parent and all others at once (SIGKILL), as in a power failure.
    #[track_caller]
    pub fn kill(&mut self) {
        let pids = self.serving_pids();
        self.kill_at_once(&pids);
    }

    /// The ids of the serving processes, to kill them later without the milliseconds of a search.
    pub fn serving_pids(&self) -> Vec<u32> {
        self.serving_all().iter().map(|seen| seen.pid).collect()
    }

    /// Kills the parent and all others at this very instant: `pids` are from [`Teal::serving_pids`].
    #[track_caller]
    pub fn kill_at_once(&mut self, pids: &[u32]) {
        let mut child = self.child.take().expect("Teal is running");
        kill_all(child.id(), pids);
        child.wait().expect("a killed child ends");
    }
}

/// Kills a parent and its children: the `known` ones at once, then all others. The parent is stopped first,
/// so that it starts no more.
pub(super) fn kill_all(parent: u32, known: &[u32]) {
    signal_process(parent, Signal::STOP);
    for pid in known {
        signal_process(*pid, Signal::KILL);
    }
    let stopped = || see(parent).is_none_or(|seen| ["T", "Z", "X"].contains(&&*seen.state));
    wait_until(KILLED_WITHIN, "the parent has stopped", stopped);
    let children = children_of(parent);
    for child in &children {
        signal_process(child.pid, Signal::KILL);
    }
    signal_process(parent, Signal::KILL);
    wait_until(KILLED_WITHIN, "all have gone", || {
        children.iter().all(|child| !is_there(child.pid))
    });
}

/// Sends a signal to a process, if it exists.
pub fn signal_process(pid: u32, signal: Signal) {
    if let Some(pid) = Pid::from_raw(pid.cast_signed()) {
        let _gone = kill_process(pid, signal);
    }
}

/// The running children of this process.
fn children_of(parent: u32) -> Vec<Seen> {
    let entries = fs::read_dir("/proc").expect("the processes can be listed");
    let pids = entries.flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    let seen = pids.filter_map(see);
    seen.filter(|seen| seen.parent == parent && seen.is_alive()).collect()
}

/// The parent of all Teals, somewhere below this process.
fn parent_below(pid: u32) -> Option<u32> {
    let mut below = children_of(pid);
    while let Some(seen) = below.pop() {
        if seen.name == "teal: parent" {
            return Some(seen.pid);
        }
        below.extend(children_of(seen.pid));
    }
    None
}

/// Returns true if a process is running. Zombies do not count: init may be slow to reap.
fn is_there(pid: u32) -> bool {
    see(pid).is_some_and(|seen| seen.is_alive())
}

fn see(pid: u32) -> Option<Seen> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // After the name, which may contain anything. The 20th field is the number of threads, the 22nd the
    // start time.
    let fields: Vec<&str> = stat.rsplit(')').next()?.split_whitespace().collect();
    let name = stat.split_once('(')?.1.rsplit_once(')')?.0.to_owned();
    Some(Seen {
        pid,
        name,
        state: (*fields.first()?).to_owned(),
        parent: fields.get(1)?.parse().ok()?,
        threads: fields.get(17)?.parse().ok()?,
        started: fields.get(19)?.parse().ok()?,
    })
}

impl Seen {
    /// The first thread may have ended before others, which still hold open files.
    fn is_alive(&self) -> bool {
        self.threads > 1 || (self.state != "Z" && self.state != "X")
    }
}
