//! Processes that the runner `command` keeps running: they would outlive Teal and every test.

use std::fs;

use rustix::process::Signal;

use super::{Teal, signal_process};

impl Teal {
    /// Kills the supervisors of this state directory and the programs that they keep running.
    pub(super) fn end_supervised(&self) {
        let folders = fs::read_dir(self.state_dir().join("runner"));
        for folder in folders.into_iter().flatten().flatten() {
            // The process id of the program is in the record of its folder.
            let record = fs::read_to_string(folder.path().join("process")).unwrap_or_default();
            let pid = record.split("\"pid\":").nth(1).and_then(|rest| rest.split(',').next());
            let Some(program) = pid.and_then(|pid| pid.parse().ok()) else { continue };
            // First the supervisor, which would start it again.
            for pid in supervisor_of(program).into_iter().chain([program]) {
                signal_process(pid, Signal::KILL);
            }
        }
    }
}

/// The supervisor of a program, which leads its session; `None` if it has ended.
fn supervisor_of(program: u32) -> Option<u32> {
    let stat = fs::read_to_string(format!("/proc/{program}/stat")).ok()?;
    let session: u32 = stat.rsplit(") ").next()?.split(' ').nth(3)?.parse().ok()?;
    let command = fs::read_to_string(format!("/proc/{session}/cmdline")).ok()?;
    command.split('\0').any(|word| word == "supervise").then_some(session)
}
