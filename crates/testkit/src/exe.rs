//! Runs a program to its end with a deadline and captures its output.

use std::ffi::OsStr;
use std::io::Read;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

const POLL: Duration = Duration::from_millis(2);

/// The result of a finished program.
#[derive(Clone, Debug)]
pub struct CliResult {
    /// The exit code; none if a signal, or the deadline, ended it.
    pub code: Option<i32>,
    /// All of its standard output.
    pub stdout: String,
    /// All of its standard error.
    pub stderr: String,
    /// The time it took.
    pub took: Duration,
}

impl CliResult {
    /// Standard output and standard error, one after the other.
    pub fn all(&self) -> String {
        format!("{}{}", self.stdout, self.stderr)
    }

    /// Panics unless it exited with this code.
    #[track_caller]
    pub fn assert_code(&self, code: i32) -> &Self {
        assert_eq!(self.code, Some(code), "{}", self.all());
        self
    }
}

/// Runs `program` in an environment without any of Teal's variables; kills it at the deadline.
#[track_caller]
pub fn run<S: AsRef<OsStr>>(
    program: &Path,
    arguments: impl IntoIterator<Item = S>,
    environment: &[(&str, &str)],
    deadline: Duration,
) -> CliResult {
    let mut command = command(program);
    command.args(arguments).envs(environment.iter().copied());
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let begun = Instant::now();
    let mut child = command.spawn().expect("the program can be started");
    let stdout = collect(child.stdout.take());
    let stderr = collect(child.stderr.take());
    let code = end(&mut child, begun + deadline);
    CliResult {
        code,
        stdout: stdout.join().expect("a reader does not panic"),
        stderr: stderr.join().expect("a reader does not panic"),
        took: begun.elapsed(),
    }
}

/// A command whose environment says nothing about Teal, terminals or colors.
pub(crate) fn command(program: &Path) -> Command {
    let mut command = Command::new(program);
    for name in [
        "TEAL_ADMIN",
        "TEAL_TOKEN",
        "TEAL_TOKEN_FILE",
        "STATE_DIRECTORY",
        "RUNTIME_DIRECTORY",
        "JOURNAL_STREAM",
        "XDG_STATE_HOME",
        "NO_COLOR",
        "CLICOLOR_FORCE",
    ] {
        command.env_remove(name);
    }
    command
}

fn collect(source: Option<impl Read + Send + 'static>) -> JoinHandle<String> {
    thread::spawn(move || {
        let mut bytes = Vec::new();
        if let Some(mut source) = source {
            // Output before an error counts.
            let _partial = source.read_to_end(&mut bytes);
        }
        String::from_utf8_lossy(&bytes).into_owned()
    })
}

/// The exit code of `child`, which is killed at `until`.
fn end(child: &mut Child, until: Instant) -> Option<i32> {
    loop {
        if let Some(status) = child.try_wait().expect("a child can be waited for") {
            return status.code();
        }
        if Instant::now() >= until {
            child.kill().expect("a child can be killed");
            child.wait().expect("a killed child ends");
            return None;
        }
        thread::sleep(POLL);
    }
}
