//! A program that runs to its end: input given, output bounded, killed with its process group at a deadline.
//!
//! Processes that the program leaves in the background are not touched if it ends in time. Dropping the future
//! kills the whole group.

use std::ffi::OsStr;
use std::io;
use std::path::{Path, PathBuf};
use std::pin::pin;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use rustix::fs::{Access, access};
use rustix::io::Errno;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _};
use tokio::process::{Child, ChildStdin, Command};
use tokio::time::{Instant, sleep, timeout, timeout_at};

use crate::group::{Group, KillOnDrop};
use crate::lines::{KEPT, Tail, last};
use crate::status::Exit;

/// The time that a program has to end after SIGTERM.
const TERM_PATIENCE: Duration = Duration::from_secs(2);
/// The time for the rest of the output after the exit, and for the end after SIGKILL.
const REST: Duration = Duration::from_secs(1);
/// The most bytes of standard output that are kept.
const OUTPUT_MAX: usize = 64 << 10;
/// The pause before a file that is still being written is executed again.
const BUSY_PAUSE: Duration = Duration::from_millis(50);

/// The variable that holds an operator's token. No program that runs for a deploy inherits it.
pub(crate) const SECRET: &str = "TEAL_TOKEN";

/// A program to run.
#[derive(Debug)]
pub(crate) struct Program<'p> {
    /// A path, or a name that is looked up in `PATH`.
    pub(crate) path: &'p Path,
    pub(crate) arguments: Vec<&'p OsStr>,
    /// Variables beside the inherited ones.
    pub(crate) variables: Vec<(&'static str, String)>,
    /// Its working directory; `None`: that of this process.
    pub(crate) directory: Option<&'p Path>,
    /// Written to its standard input.
    pub(crate) input: Vec<u8>,
}

/// The end of a program.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) exit: Exit,
    /// The beginning of its standard output.
    pub(crate) output: Vec<u8>,
    /// The last lines of its standard error, or of its standard output if there are none.
    pub(crate) lines: Vec<String>,
    /// True if something that it has started still holds its standard output or error.
    pub(crate) held: bool,
}

/// The reason why there is no end of a program to report.
#[derive(Debug)]
pub(crate) enum NoEnd {
    /// It could not be started.
    Unstarted(io::Error),
    /// It was killed at the deadline, after these lines.
    Late(Vec<String>),
}

impl Program<'_> {
    /// Runs it until it ends, or until the deadline.
    pub(crate) async fn run(self, deadline: Instant) -> Result<Ended, NoEnd> {
        let mut child = self.spawn(deadline).await.map_err(NoEnd::Unstarted)?;
        let mut guard = KillOnDrop(Group::of(&child));
        let (mut output, mut errors) = (Vec::new(), Tail::new(KEPT));
        let stdin = child.stdin.take();
        let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
        let (status, held) = {
            let mut reading = pin!(async {
                let keep = |bytes: &[u8]| {
                    let room = OUTPUT_MAX - output.len();
                    output.extend_from_slice(&bytes[..bytes.len().min(room)]);
                };
                tokio::join!(read(stdout, keep), read(stderr, |bytes| errors.push(bytes)));
            });
            let mut feeding = pin!(feed(stdin, &self.input));
            let (mut is_read, mut is_fed) = (false, false);
            let ended = timeout_at(deadline, async {
                loop {
                    tokio::select! {
                        status = child.wait() => return status,
                        () = &mut reading, if !is_read => is_read = true,
                        () = &mut feeding, if !is_fed => is_fed = true,
                    }
                }
            });
            let status = ended.await;
            if status.is_ok() {
                guard.0 = None; // waited for, so its id may pass to another
            }
            let held = status.is_ok() && !is_read && timeout(REST, &mut reading).await.is_err();
            (status, held)
        };
        let mut lines = errors.into_lines();
        if lines.is_empty() {
            lines = last(&output, KEPT);
        }
        match status {
            Ok(Ok(status)) => Ok(Ended { exit: Exit::of(status), output, lines, held }),
            Ok(Err(error)) => Err(NoEnd::Unstarted(error)),
            Err(_) => {
                kill(&mut child, &mut guard).await;
                Err(NoEnd::Late(lines))
            }
        }
    }

    /// Starts it. A file that is still open for writing, such as a script that is just being installed, is waited for.
    async fn spawn(&self, deadline: Instant) -> io::Result<Child> {
        let mut command = Command::new(self.path);
        command
            .args(&self.arguments)
            .env_remove(SECRET)
            .envs(self.variables.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0); // Ctrl-C at a terminal is for the command line, which decides
        if let Some(directory) = self.directory {
            command.current_dir(directory);
        }
        let busy_until = deadline.min(Instant::now() + REST);
        loop {
            match command.spawn() {
                Err(error)
                    if Errno::from_io_error(&error) == Some(Errno::TXTBSY)
                        && Instant::now() < busy_until =>
                {
                    sleep(BUSY_PAUSE).await;
                }
                other => return other,
            }
        }
    }
}

/// Checks that a file can be executed by this user. The message says what is wrong and what to do.
pub(crate) fn executable(path: &Path) -> Result<PathBuf, String> {
    let shown = path.display();
    let absolute = std::path::absolute(path)
        .map_err(|error| format!("cannot use {:?} as a program: {error}", path.display()))?;
    let metadata = match absolute.metadata() {
        Ok(metadata) => metadata,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Err(format!("{shown} does not exist: create it, or correct the path"));
        }
        Err(error) => return Err(format!("cannot read {shown}: {error}")),
    };
    if metadata.is_dir() {
        return Err(format!("{shown} is a directory: name an executable file"));
    }
    if !metadata.is_file() {
        return Err(format!("{shown} is not a file: name an executable file"));
    }
    access(&absolute, Access::EXEC_OK)
        .map_err(|_| format!("{shown} is not executable for this user: chmod +x {shown}"))?;
    Ok(absolute)
}

/// Finds a program in `PATH`. The message says what to do.
pub(crate) fn in_path(name: &str) -> Result<PathBuf, String> {
    let folders = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&folders)
        .find_map(|folder| executable(&folder.join(name)).ok())
        .ok_or_else(|| format!("{name} is not in PATH: install it, or name it by its path"))
}

/// The explanation of a program that exists and could not be started.
pub(crate) fn unstarted(path: &Path, error: &io::Error) -> String {
    let shown = path.display();
    match Errno::from_io_error(error) {
        Some(Errno::NOEXEC) => format!(
            "{shown} cannot be executed: a script needs a first line such as #!/bin/sh, and a \
             program must be built for this machine"
        ),
        Some(Errno::NOENT) => format!(
            "{shown} cannot be executed: the interpreter in its first line (#!) does not exist"
        ),
        _ => format!("cannot start {shown}: {error}"),
    }
}

async fn read(source: Option<impl AsyncRead + Unpin>, mut take: impl FnMut(&[u8])) {
    let Some(mut source) = source else { return };
    let mut buffer = vec![0; 8 << 10];
    // An error ends the output like its end does.
    while let Ok(count @ 1..) = source.read(&mut buffer).await {
        take(&buffer[..count]);
    }
}

async fn feed(stdin: Option<ChildStdin>, input: &[u8]) {
    if let Some(mut stdin) = stdin {
        let _ = stdin.write_all(input).await; // a program need not read it
    }
}

/// Ends a program that is late, and everything else in its group.
async fn kill(child: &mut Child, guard: &mut KillOnDrop) {
    if let Some(group) = guard.0 {
        group.end(TERM_PATIENCE).await;
        let waited: Result<io::Result<ExitStatus>, _> = timeout(REST, child.wait()).await;
        if waited.is_ok() {
            guard.0 = None;
        }
    }
}
