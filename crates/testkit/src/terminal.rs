//! Runs a program on a pseudo-terminal, as if a person were watching.

use std::ffi::{OsStr, OsString};
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStringExt;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use rustix::fs::OFlags;
use rustix::process::Signal;
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{LocalModes, Winsize, tcgetattr, tcsetwinsize};

use crate::exe;
use crate::teal::signal_process;
use crate::wait::{wait_for, wait_until};

/// A program whose standard output and standard error are one terminal.
#[derive(Debug)]
pub struct OnTerminal {
    child: Child,
    keyboard: File,
    shown: Arc<Mutex<Vec<u8>>>,
    reading: Option<JoinHandle<()>>,
    is_ignored: Arc<AtomicBool>,
}

impl OnTerminal {
    /// Starts `program` in an environment without any of Teal's variables, or panics. It reads nothing.
    #[track_caller]
    pub fn start<S: AsRef<OsStr>>(
        program: &Path,
        arguments: impl IntoIterator<Item = S>,
        environment: &[(&str, &str)],
    ) -> Self {
        let mut command = with_usual_signals();
        command.arg(program).args(arguments).envs(environment.iter().copied());
        Self::spawned(command, false)
    }

    /// The same with the terminal as its standard input, too, and as the terminal that controls it: Ctrl-C there
    /// interrupts it.
    #[track_caller]
    pub fn start_with_keyboard<S: AsRef<OsStr>>(
        program: &Path,
        arguments: impl IntoIterator<Item = S>,
        environment: &[(&str, &str)],
    ) -> Self {
        let mut command = with_usual_signals();
        command
            .args(["setsid", "--ctty"])
            .arg(program)
            .args(arguments)
            .envs(environment.iter().copied());
        Self::spawned(command, true)
    }

    fn spawned(mut command: Command, keyboard: bool) -> Self {
        let (mut near, far) = pseudo_terminal().expect("a pseudo-terminal");
        let also = || far.try_clone().expect("a descriptor can be duplicated");
        command.env("TERM", "xterm-256color");
        command.stdin(if keyboard { also().into() } else { Stdio::null() });
        command.stdout(also()).stderr(also());
        drop(far);
        let child = command.spawn().expect("the program can be started");
        // This drops our copies of the far end; otherwise reading would not end with the program.
        drop(command);
        let keyboard = near.try_clone().expect("a descriptor can be duplicated");
        let shown = Arc::<Mutex<Vec<u8>>>::default();
        let into = Arc::clone(&shown);
        let is_ignored = Arc::<AtomicBool>::default();
        let ignore = Arc::clone(&is_ignored);
        let reading = thread::spawn(move || {
            let mut bytes = [0; 4096];
            // Once the far end is closed, a read fails.
            while let Ok(read @ 1..) = near.read(&mut bytes) {
                while ignore.load(Ordering::Relaxed) {
                    thread::park(); // until `wait` has seen the end
                }
                let mut shown = into.lock().unwrap_or_else(PoisonError::into_inner);
                shown.extend_from_slice(&bytes[..read]);
            }
        });
        OnTerminal { child, keyboard, shown, reading: Some(reading), is_ignored }
    }

    /// The output so far, including control sequences.
    pub fn shown(&self) -> String {
        String::from_utf8_lossy(&self.bytes()).into_owned()
    }

    /// The same as bytes.
    pub fn bytes(&self) -> Vec<u8> {
        self.shown.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Returns true if the terminal edits lines, echoes and interrupts: as a shell leaves and expects it.
    #[track_caller]
    pub fn is_as_usual(&self) -> bool {
        let modes = tcgetattr(&self.keyboard).expect("a terminal has settings").local_modes;
        modes.contains(LocalModes::ICANON | LocalModes::ECHO | LocalModes::ISIG)
    }

    /// Reads nothing more from the terminal, as a connection over ssh that is stalled, until the program has ended.
    pub fn ignore(&self) {
        self.is_ignored.store(true, Ordering::Relaxed);
    }

    /// The bytes that the program has written so far, to whatever.
    #[track_caller]
    pub fn written(&self) -> u64 {
        let io = fs::read_to_string(format!("/proc/{}/io", self.child.id())).expect("it runs");
        let count = io.lines().find_map(|line| line.strip_prefix("wchar: "));
        count.and_then(|count| count.parse().ok()).expect("a count of bytes")
    }

    /// Gives the terminal another size; the program is told by a signal.
    #[track_caller]
    pub fn resize(&self, columns: u16, lines: u16) {
        let size = Winsize { ws_row: lines, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 };
        tcsetwinsize(&self.keyboard, size).expect("a terminal takes a size");
    }

    /// Types on the keyboard at once.
    #[track_caller]
    pub fn press(&mut self, keys: &str) {
        self.keyboard.write_all(keys.as_bytes()).expect("a terminal takes keys");
    }

    /// Sends the program a signal.
    #[track_caller]
    pub fn signal(&self, signal: Signal) {
        signal_process(self.child.id(), signal);
    }

    /// Types on the keyboard, once the program has shown something.
    #[track_caller]
    pub fn types(&mut self, after: &str, keys: &str) {
        let limit = Duration::from_secs(20);
        wait_until(limit, &format!("{after:?} is shown"), || self.shown().contains(after));
        self.press(keys);
    }

    /// Waits until it has ended; returns its exit code and all output.
    #[track_caller]
    pub fn end(mut self, within: Duration) -> (Option<i32>, String) {
        let code = self.wait(within);
        (code, self.shown())
    }

    /// Waits until it has ended and all its output is here; returns its exit code.
    #[track_caller]
    pub fn wait(&mut self, within: Duration) -> Option<i32> {
        let child = &mut self.child;
        let status = wait_for(within, "the program on the terminal has ended", || {
            child.try_wait().expect("a child can be waited for")
        });
        self.is_ignored.store(false, Ordering::Relaxed);
        if let Some(reading) = self.reading.take() {
            reading.thread().unpark();
            reading.join().expect("a reader does not panic");
        }
        status.code()
    }
}

impl Drop for OnTerminal {
    fn drop(&mut self) {
        // It has exited by itself, unless a test has failed.
        let _gone = self.child.kill();
        let _reaped = self.child.wait();
    }
}

/// A program that is named next, with no signal ignored: a shell starts what is in its background with Ctrl-C ignored,
/// and a test that is started there would hand that on.
fn with_usual_signals() -> Command {
    let mut command = exe::command(Path::new("env"));
    command.arg("--default-signal");
    command
}

/// Opens a pseudo-terminal. Both ends: we read the near one, the far one is the program's terminal.
pub fn pseudo_terminal() -> io::Result<(File, OwnedFd)> {
    let near = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC)?;
    grantpt(&near)?;
    unlockpt(&near)?;
    let name = OsString::from_vec(ptsname(&near, Vec::new())?.into_bytes());
    let not_ours = OFlags::NOCTTY.bits().cast_signed();
    let far = OpenOptions::new().read(true).write(true).custom_flags(not_ours).open(name)?;
    Ok((File::from(near), OwnedFd::from(far)))
}
