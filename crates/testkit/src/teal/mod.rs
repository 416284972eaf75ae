//! The real binary as a child process: started from a generated configuration, called over its
//! admin API and its command line, stopped, killed and restarted; never left behind.

mod ask;
mod metrics;
mod settings;
mod supervised;
mod upgrade;

use std::fs;
use std::io::{BufRead, BufReader};
use std::net::{SocketAddr, TcpListener};
use std::os::fd::AsRawFd;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use rustix::process::{Pid, Resource, Rlimit, Signal, kill_process, prlimit};
use tempfile::TempDir;

pub use metrics::Metrics;
pub use settings::Settings;
pub use upgrade::signal_process;

use crate::exe;
use crate::wait::{wait_for, wait_for_ok};

const STARTED_WITHIN: Duration = Duration::from_secs(10);
const READY_WITHIN: Duration = Duration::from_secs(10);
const LOGGED_WITHIN: Duration = Duration::from_secs(10);

/// The environment variable that keeps the directory of each Teal, with its log.
const KEEP: &str = "TESTKIT_KEEP";

/// A running Teal with its own directory.
pub struct Teal {
    program: PathBuf,
    directory: TempDir,
    child: Option<Child>,
    /// True if that is another program, with Teal somewhere below it.
    below: bool,
    log: Arc<Mutex<String>>,
    logging: Option<JoinHandle<()>>,
    listener: SocketAddr,
    admin: SocketAddr,
}

impl Teal {
    /// Starts `program` (the test passes `env!("CARGO_BIN_EXE_teal")`) and waits until it is ready.
    #[track_caller]
    pub fn start(program: &str, settings: &Settings) -> Self {
        let mut teal = Teal::prepare(program, settings);
        teal.start_again();
        teal
    }

    /// Starts it and waits until both colors are healthy.
    #[track_caller]
    pub fn start_healthy(program: &str, settings: &Settings) -> Self {
        let teal = Teal::start(program, settings);
        teal.wait_healthy("blue", true);
        teal.wait_healthy("green", true);
        teal
    }

    /// Writes the configuration and starts nothing yet.
    #[track_caller]
    pub fn prepare(program: &str, settings: &Settings) -> Self {
        let unbound = SocketAddr::from(([127, 0, 0, 1], 0));
        let teal = Teal {
            program: PathBuf::from(program),
            directory: tempfile::tempdir().expect("a temporary directory"),
            child: None,
            below: false,
            log: Arc::default(),
            logging: None,
            listener: unbound,
            admin: unbound,
        };
        teal.write_settings(settings);
        teal
    }

    /// Replaces the configuration file; a reload or a restart reads it.
    #[track_caller]
    pub fn write_settings(&self, settings: &Settings) {
        self.write_config(&settings.to_toml(&self.state_dir()));
    }

    /// Writes the configuration file as it is given.
    #[track_caller]
    pub fn write_config(&self, text: &str) {
        fs::write(self.config(), text).expect("the configuration can be written");
    }

    /// Starts or restarts it with the same state directory and waits until it is ready.
    #[track_caller]
    pub fn start_again(&mut self) {
        self.spawn(&[]);
        self.wait_ready();
    }

    /// The same through another program, such as a script that starts the real one.
    #[track_caller]
    pub fn start_again_by(&mut self, program: &str) {
        self.program = PathBuf::from(program);
        self.start_again();
    }

    /// Starts `run` with exactly these flags, without a file, and waits until it is ready.
    #[track_caller]
    pub fn start_bare(&mut self, flags: &[&str]) {
        let mut command = exe::command(&self.program);
        command.arg("run").args(flags);
        self.spawn_command(command);
        self.wait_ready();
    }

    /// Waits until it listens and is ready.
    #[track_caller]
    pub fn wait_ready(&mut self) {
        let log = Arc::clone(&self.log);
        let bound = wait_for(STARTED_WITHIN, "Teal says where it listens", || {
            let log = log.lock().unwrap_or_else(PoisonError::into_inner).clone();
            if let Some(child) = &mut self.child {
                let ended = child.try_wait().expect("a child can be waited for");
                assert!(ended.is_none(), "Teal ended with {ended:?} at its start:\n{log}");
            }
            Some((address_after(&log, "listening on ")?, address_after(&log, "admin on ")?))
        });
        (self.listener, self.admin) = bound;
        wait_for(READY_WITHIN, "Teal is ready", || {
            self.try_ask("GET", "/readyz", &[]).ok().filter(|answer| answer.status == 200)
        });
    }

    /// Takes the addresses of one that was started elsewhere with this configuration from its log.
    #[track_caller]
    pub fn adopt_addresses(&mut self, log: &str) {
        let address = |words| address_after(log, words).expect("the log says where it listens");
        (self.listener, self.admin) = (address("listening on "), address("admin on "));
    }

    /// Starts it with further arguments after `run --config FILE`, without waiting.
    #[track_caller]
    pub fn spawn(&mut self, further: &[&str]) {
        let mut command = exe::command(&self.program);
        command.arg("run").arg("--config").arg(self.config()).args(further);
        self.spawn_command(command);
    }

    /// Starts it below other programs, as a container runtime would: Teal's command line is appended to
    /// these words. Does not wait.
    #[track_caller]
    pub fn spawn_below(&mut self, words: &[&str]) {
        let mut command = exe::command(Path::new(words[0]));
        command.args(&words[1..]).arg(&self.program).arg("run").arg("--config").arg(self.config());
        self.spawn_command(command);
        self.below = true;
    }

    /// Starts it as a service manager would: with these variables, and this socket passed as
    /// descriptor 3. Does not wait.
    #[track_caller]
    pub fn spawn_as_service(&mut self, variables: &[(&str, &str)], socket: Option<&TcpListener>) {
        self.spawn_as_service_with(variables, socket, "");
    }

    /// The same after a script of bash.
    #[track_caller]
    pub fn spawn_as_service_with(
        &mut self,
        variables: &[(&str, &str)],
        socket: Option<&TcpListener>,
        further: &str,
    ) {
        let mut command = Command::new("bash"); // others know no descriptor beyond 9
        let (program, config) = (self.program.display(), self.config());
        let mut script = String::new();
        // The descriptor must survive the start of the shell.
        let kept = socket.map(|socket| {
            let kept = rustix::io::dup(socket).expect("a descriptor");
            script.push_str(&format!(
                "exec 3<&{}; export LISTEN_PID=$$ LISTEN_FDS=1; ",
                kept.as_raw_fd()
            ));
            kept
        });
        script.push_str(further);
        script.push_str(&format!("exec '{program}' run --config '{}'", config.display()));
        command.env_clear().env("PATH", "/usr/bin:/bin").envs(variables.iter().copied());
        command.arg("-c").arg(script);
        self.spawn_command(command);
        drop(kept);
    }

    #[track_caller]
    fn spawn_command(&mut self, mut command: Command) {
        assert!(self.child.is_none(), "one Teal at a time");
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("the program can be started");
        let stderr = child.stderr.take().expect("standard error is piped");
        self.log = Arc::default();
        let log = Arc::clone(&self.log);
        self.logging = Some(thread::spawn(move || {
            for line in BufReader::new(stderr).lines().map_while(Result::ok) {
                let mut log = log.lock().unwrap_or_else(PoisonError::into_inner);
                log.push_str(&line);
                log.push('\n');
            }
        }));
        self.child = Some(child);
        self.below = false;
    }

    /// The listener's address.
    pub fn listener(&self) -> SocketAddr {
        self.listener
    }

    /// The admin API's address.
    pub fn admin(&self) -> SocketAddr {
        self.admin
    }

    /// The program under test.
    pub fn program(&self) -> &Path {
        &self.program
    }

    /// The state directory.
    pub fn state_dir(&self) -> PathBuf {
        self.directory.path().join("state")
    }

    /// The configuration file.
    pub fn config(&self) -> PathBuf {
        self.directory.path().join("teal.toml")
    }

    /// Its standard error since its last start: complete once it has ended; while it runs, the last lines
    /// may be missing ([`Teal::log_has`]).
    pub fn log(&self) -> String {
        self.log.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Waits until one of its log's lines has all these words.
    #[track_caller]
    pub fn log_has(&self, words: &[&str]) {
        wait_for_ok(LOGGED_WITHIN, &format!("the log has {words:?}"), || {
            let log = self.log();
            let said = log.lines().any(|line| words.iter().all(|word| line.contains(word)));
            said.then_some(()).ok_or_else(|| format!("it has\n{log}"))
        });
    }

    /// Returns true if the process that was started is still running.
    pub fn is_running(&mut self) -> bool {
        self.child
            .as_mut()
            .is_some_and(|child| child.try_wait().expect("a child can be waited for").is_none())
    }

    /// Sends a signal to the process that was started.
    #[track_caller]
    pub fn signal(&self, signal: Signal) {
        let pid = Pid::from_raw(self.parent_pid().cast_signed()).expect("a process id is not 0");
        kill_process(pid, signal).expect("the process is there");
    }

    /// Makes its writes to files fail beyond this offset, as on a full disk; none: ends that. The
    /// program must have been started by [`Teal::surviving_full_files`].
    #[track_caller]
    pub fn limit_file_size(&self, bytes: Option<u64>) {
        let pid = Pid::from_raw(self.pid().cast_signed()).expect("a process id is not 0");
        let limit = Rlimit { current: bytes, maximum: None };
        prlimit(Some(pid), Resource::Fsize, limit).expect("the limit of a child can be set");
    }

    /// A script that starts `program` so that a write beyond a limit is an error, not a signal.
    #[track_caller]
    pub fn surviving_full_files(program: &str, directory: &Path) -> String {
        Teal::script(directory, &format!("trap '' XFSZ\nexec {program} \"$@\"\n"))
    }

    /// An executable shell script with this text.
    #[track_caller]
    pub fn script(directory: &Path, text: &str) -> String {
        let path = directory.join("start-teal");
        fs::write(&path, format!("#!/bin/sh\n{text}")).expect("a script can be written");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755))
            .expect("a script can be made executable");
        path.display().to_string()
    }

    /// Asks it to stop gracefully (SIGTERM) and waits.
    #[track_caller]
    pub fn stop(&mut self, within: Duration) -> Option<i32> {
        self.signal(Signal::TERM);
        self.wait_exit(within)
    }

    /// Waits until the process that was started has ended; returns its exit code, none after a signal.
    #[track_caller]
    pub fn wait_exit(&mut self, within: Duration) -> Option<i32> {
        let child = self.child.as_mut().expect("Teal is running");
        let status = wait_for(within, "Teal has ended", || {
            child.try_wait().expect("a child can be waited for")
        });
        self.child = None;
        // Now the log is complete.
        if let Some(logging) = self.logging.take() {
            logging.join().expect("a reader does not panic");
        }
        status.code()
    }
}

impl Drop for Teal {
    fn drop(&mut self) {
        self.end_supervised();
        let Some(mut child) = self.child.take() else { return };
        if child.try_wait().is_ok_and(|ended| ended.is_none()) {
            upgrade::kill_all(child.id(), &[]);
        }
        let _reaped = child.wait();
        if std::env::var_os(KEEP).is_some() {
            let _ = fs::write(self.directory.path().join("log"), self.log()); // as far as can be
            self.directory.disable_cleanup(true);
            #[expect(clippy::print_stderr, reason = "the person that asked for it must find it")]
            {
                eprintln!("--- Teal's directory stays: {}", self.directory.path().display());
            }
        }
        if thread::panicking() {
            // The harness shows this beside the failure.
            #[expect(clippy::print_stderr, reason = "the log explains the failed test")]
            {
                eprintln!("--- Teal's log ---\n{}", self.log());
            }
        }
    }
}

impl std::fmt::Debug for Teal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Teal({} with admin {})", self.listener, self.admin)
    }
}

/// The address that follows `words` in the log.
fn address_after(log: &str, words: &str) -> Option<SocketAddr> {
    log.match_indices(words).find_map(|(at, _)| {
        let rest = log.get(at + words.len()..)?;
        let rest = rest.strip_prefix("http://").unwrap_or(rest);
        let end =
            rest.find(|c: char| !matches!(c, '0'..='9' | 'a'..='f' | '.' | ':' | '[' | ']'))?;
        rest.get(..end)?.parse().ok()
    })
}
