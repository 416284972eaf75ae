//! Runs a program on a pseudo-terminal, as if a person were watching.

use std::ffi::{OsStr, OsString};
use std::fs::{File, OpenOptions};
use std::io::{self, Read};
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStringExt;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::process::{Child, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use rustix::fs::OFlags;
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};

use crate::exe;
use crate::wait::wait_for;

/// A program whose standard output and standard error are one terminal.
#[derive(Debug)]
pub struct OnTerminal {
    child: Child,
    shown: Arc<Mutex<String>>,
    reading: Option<JoinHandle<()>>,
}

impl OnTerminal {
    /// Starts `program` in an environment without any of Teal's variables, or panics.
    #[track_caller]
    pub fn start<S: AsRef<OsStr>>(
        program: &Path,
        arguments: impl IntoIterator<Item = S>,
        environment: &[(&str, &str)],
    ) -> Self {
        let (mut near, far) = pseudo_terminal().expect("a pseudo-terminal");
        let mut command = exe::command(program);
        command.args(arguments).env("TERM", "xterm-256color").envs(environment.iter().copied());
        let also = far.try_clone().expect("a descriptor can be duplicated");
        command.stdin(Stdio::null()).stdout(also).stderr(far);
        let child = command.spawn().expect("the program can be started");
        // This drops our copies of the far end; otherwise reading would not end with the program.
        drop(command);
        let shown = Arc::<Mutex<String>>::default();
        let into = Arc::clone(&shown);
        let reading = thread::spawn(move || {
            let mut bytes = [0; 4096];
            // Once the far end is closed, a read fails.
            while let Ok(read @ 1..) = near.read(&mut bytes) {
                let text = String::from_utf8_lossy(&bytes[..read]);
                into.lock().unwrap_or_else(PoisonError::into_inner).push_str(&text);
            }
        });
        OnTerminal { child, shown, reading: Some(reading) }
    }

    /// The output so far, including control sequences.
    pub fn shown(&self) -> String {
        self.shown.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Waits until it has ended; returns its exit code and all output.
    #[track_caller]
    pub fn end(mut self, within: Duration) -> (Option<i32>, String) {
        let child = &mut self.child;
        let status = wait_for(within, "the program on the terminal has ended", || {
            child.try_wait().expect("a child can be waited for")
        });
        if let Some(reading) = self.reading.take() {
            reading.join().expect("a reader does not panic");
        }
        (status.code(), self.shown())
    }
}

impl Drop for OnTerminal {
    fn drop(&mut self) {
        // It has exited by itself, unless a test has failed.
        let _gone = self.child.kill();
        let _reaped = self.child.wait();
    }
}

/// Both ends: we read the near one, the far one is the program's terminal.
fn pseudo_terminal() -> io::Result<(File, OwnedFd)> {
    let near = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC)?;
    grantpt(&near)?;
    unlockpt(&near)?;
    let name = OsString::from_vec(ptsname(&near, Vec::new())?.into_bytes());
    let not_ours = OFlags::NOCTTY.bits().cast_signed();
    let far = OpenOptions::new().read(true).write(true).custom_flags(not_ours).open(name)?;
    Ok((File::from(near), OwnedFd::from(far)))
}
