//! Teal replaced by itself: the processes that have taken over are followed by their ids.

use std::fs;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

use super::Teal;
use crate::message::Response;
use crate::wait::wait_until;

const GONE_WITHIN: Duration = Duration::from_secs(20);

impl Teal {
    /// Has a newer Teal take over; the process of that.
    #[track_caller]
    pub fn upgrade(&mut self) -> u32 {
        let answer = self.try_upgrade();
        assert_eq!(answer.status, 200, "{}\n{}", answer.text(), self.log());
        self.pid()
    }

    /// Asks for it; the whole answer.
    #[track_caller]
    pub fn try_upgrade(&mut self) -> Response {
        let answer = self.ask("POST", "/admin/upgrade", &[("Accept", "application/json")]);
        let json: serde_json::Value =
            serde_json::from_slice(&answer.body).expect("the answer is JSON");
        if answer.status == 200 {
            let pid = json["pid"].as_u64().and_then(|pid| u32::try_from(pid).ok());
            self.newer.push(pid.expect("a process id"));
        }
        answer
    }

    /// Takes note of a newer Teal that was asked for in another way.
    #[track_caller]
    pub fn upgraded_to(&mut self, pid: u32) {
        self.newer.push(pid);
    }

    /// Forgets the newest, which has ended: the one before serves again.
    #[track_caller]
    pub fn came_back(&mut self) {
        let gone = self.newer.pop().expect("there was a newer one");
        wait_until(GONE_WITHIN, "the newest has gone", || !is_there(gone));
    }

    /// How many of its processes are there.
    pub fn processes(&mut self) -> usize {
        let newer = self.newer.iter().filter(|pid| is_there(**pid)).count();
        newer + usize::from(self.is_running())
    }

    /// Waits until all but the newest have left.
    #[track_caller]
    pub fn wait_alone(&mut self, within: Duration) {
        wait_until(within, "only the newest Teal is there", || self.processes() == 1);
        assert!(is_there(self.pid()), "and that is the newest");
    }

    /// Ends what has taken over and is still there.
    pub(super) fn end_newer(&mut self) {
        for pid in self.newer.drain(..).filter(|pid| is_there(*pid)) {
            if let Some(pid) = Pid::from_raw(pid.cast_signed()) {
                let _gone = kill_process(pid, Signal::KILL);
            }
        }
    }
}

/// Whether a process is there and has not ended. Whoever inherits it may be late to bury it.
fn is_there(pid: u32) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let state = stat.rsplit(')').next().and_then(|rest| rest.split_whitespace().next());
    state.is_some_and(|state| state != "Z" && state != "X")
}
