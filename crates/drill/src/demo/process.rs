//! Child processes: started in their own process group, so that Ctrl-C reaches only
//! the demo; read to the last line, so that they never block on a full pipe; and
//! killed when dropped.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::path::Path;
use std::process::{ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process, kill_process_group};
use tokio::io::{AsyncBufReadExt as _, AsyncRead, BufReader};
use tokio::process::{Child, ChildStdin, Command};
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use super::DemoError;

/// The time limit for a child to print where it listens.
const START_PATIENCE: Duration = Duration::from_secs(10);
/// The polling interval for the end of processes.
const GLANCE: Duration = Duration::from_millis(5);
/// Lines kept for an error message.
const TAIL_LINES: usize = 60;

/// The last lines of a child.
type Tail = Arc<Mutex<VecDeque<String>>>;

/// A running child.
#[derive(Debug)]
pub(super) struct Process {
    what: String,
    child: Child,
    /// Held open while the child may run; `Child` itself would close it on a wait.
    _stdin: Option<ChildStdin>,
    tail: Tail,
    /// Its group, if others in it may outlive it.
    group: Option<Pid>,
    lines: mpsc::UnboundedReceiver<String>,
    /// Readers of its output; they end with it.
    _readers: JoinSet<()>,
}

impl Process {
    /// Starts a child; `what` names it in messages.
    pub(super) fn start(what: &str, exe: &Path, arguments: &[&str]) -> Result<Self, DemoError> {
        let failed =
            |source| DemoError::Start { what: what.to_owned(), exe: exe.to_owned(), source };
        let mut child = Command::new(exe)
            .args(arguments)
            .env("NO_COLOR", "1") // its lines are searched and shown in messages
            .stdin(Stdio::piped()) // stays open while we live: its end tells a target to stop
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0)
            .kill_on_drop(true)
            .spawn()
            .map_err(failed)?;
        let tail = Tail::default();
        let (sender, lines) = mpsc::unbounded_channel();
        let mut readers = JoinSet::new();
        if let Some(stdout) = child.stdout.take() {
            readers.spawn(read(stdout, Arc::clone(&tail), sender.clone()));
        }
        if let Some(stderr) = child.stderr.take() {
            readers.spawn(read(stderr, Arc::clone(&tail), sender));
        }
        let stdin = child.stdin.take();
        let what = what.to_owned();
        Ok(Self { what, child, _stdin: stdin, tail, group: None, lines, _readers: readers })
    }

    /// For a child whose own children may outlive it: they are killed with this value.
    pub(super) fn has_children(&mut self) {
        self.group = self.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw);
    }

    /// `kill -9` of it and of all its descendants, and waits until they have exited.
    pub(super) async fn kill_all(&mut self) {
        let Some(group) = self.group else { return };
        let _ = kill_process_group(group, Signal::KILL); // ignored: all have ended
        self.ended().await;
        let gone = async {
            while is_there(group) {
                tokio::time::sleep(GLANCE).await;
            }
        };
        // Timed out: a restart will notice processes that are left.
        let _ = tokio::time::timeout(START_PATIENCE, gone).await;
    }

    /// Reads lines until each of `words` has been followed by an address; equal ones get their
    /// addresses in order.
    pub(super) async fn announced<const N: usize>(
        &mut self,
        words: [&str; N],
    ) -> Result<[SocketAddr; N], DemoError> {
        let mut found = [None; N];
        let all = tokio::time::timeout(START_PATIENCE, async {
            while found.iter().any(Option::is_none) {
                let Some(line) = self.lines.recv().await else { return false };
                let mut open = words.iter().zip(&mut found).filter(|(_, slot)| slot.is_none());
                if let Some((slot, address)) = open.find_map(|(words, slot)| {
                    address_after(&line, words).map(|address| (slot, address))
                }) {
                    *slot = Some(address);
                }
            }
            true
        });
        let outcome = all.await;
        let found: Vec<SocketAddr> = found.into_iter().flatten().collect();
        match (<[SocketAddr; N]>::try_from(found), outcome) {
            (Ok(addresses), _) => {
                self.lines.close(); // later lines only go to the tail
                Ok(addresses)
            }
            (Err(_), Ok(_)) => Err(self.why_ended().await),
            (Err(_), Err(_)) => {
                let words = words.join("\" and \"");
                Err(self
                    .too_late(&format!("did not print \"{words}\" and an address"), START_PATIENCE))
            }
        }
    }

    /// The next line that it writes; `None`: it has closed its output.
    pub(super) async fn next_line(&mut self) -> Option<String> {
        self.lines.recv().await
    }

    /// The error of a child that did not do something in time.
    pub(super) fn too_late(&self, what: &str, waited: Duration) -> DemoError {
        let whose = self.what.clone();
        DemoError::TooLate { what: format!("{whose} {what}"), waited, whose, tail: self.tail() }
    }

    /// The process id, until the child has been waited for.
    pub(super) fn id(&self) -> Option<u32> {
        self.child.id()
    }

    /// Completes when the child has exited by itself.
    pub(super) async fn ended(&mut self) -> ExitStatus {
        self.child.wait().await.unwrap_or_default()
    }

    /// `kill -9`, and waits until it has exited.
    pub(super) async fn kill(mut self) {
        // ignored: it has ended already
        let _ = self.child.kill().await;
    }

    /// Sends a signal, unless it has ended already.
    pub(super) fn signal(&self, signal: Signal) {
        let id = self.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw);
        if let Some(id) = id {
            // ignored: it has ended already
            let _ = kill_process(id, signal);
        }
    }

    /// Stops it with SIGTERM, and after a time limit with SIGKILL.
    pub(super) async fn stop(mut self, patience: Duration) {
        self.signal(Signal::TERM);
        if tokio::time::timeout(patience, self.ended()).await.is_err() {
            self.kill().await;
        }
    }

    /// The error of a child that closed its output.
    async fn why_ended(&mut self) -> DemoError {
        let wait = tokio::time::timeout(Duration::from_secs(1), self.ended());
        match wait.await {
            Ok(status) => DemoError::Ended { what: self.what.clone(), status, tail: self.tail() },
            Err(_) => self.too_late("closed its output but kept running", START_PATIENCE),
        }
    }

    /// The last lines of it and of its descendants.
    pub(super) fn tail(&self) -> String {
        let tail = self.tail.lock().unwrap_or_else(PoisonError::into_inner);
        if tail.is_empty() {
            return "  (it wrote nothing)".to_owned();
        }
        tail.iter().map(|line| format!("  {line}")).collect::<Vec<_>>().join("\n")
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if let Some(group) = self.group {
            let _ = kill_process_group(group, Signal::KILL); // ignored: all have ended
        }
    }
}

/// Returns true if a process of this group is still running. Zombies do not count: init may be slow to reap.
fn is_there(group: Pid) -> bool {
    let group = group.as_raw_nonzero().to_string();
    let entries = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    let stats = entries.filter_map(|entry| std::fs::read_to_string(entry.path().join("stat")).ok());
    // After the name, which may contain anything: state, parent, group, and as 18th field the number of
    // threads, of which the first may have ended before others.
    let mut fields = stats.filter_map(|stat| Some(stat.rsplit(')').next()?.to_owned()));
    fields.any(|fields| {
        let fields: Vec<&str> = fields.split_whitespace().collect();
        let dead = fields.first().is_none_or(|state| *state == "Z" || *state == "X");
        let threads = fields.get(17).and_then(|threads| threads.parse().ok()).unwrap_or(1_u32);
        (!dead || threads > 1) && fields.get(2) == Some(&&*group)
    })
}

/// Reads one pipe to its end.
async fn read(pipe: impl AsyncRead + Unpin, tail: Tail, lines: mpsc::UnboundedSender<String>) {
    let mut reader = BufReader::new(pipe).lines();
    while let Ok(Some(line)) = reader.next_line().await {
        let mut tail = tail.lock().unwrap_or_else(PoisonError::into_inner);
        if tail.len() == TAIL_LINES {
            tail.pop_front();
        }
        tail.push_back(line.clone());
        // ignored: after the start nothing waits for lines
        let _ = lines.send(line);
    }
}

/// The address that follows these words in a line, with or without `http://`.
fn address_after(line: &str, words: &str) -> Option<SocketAddr> {
    let (_, rest) = line.split_once(words)?;
    let rest = rest.trim_start();
    let rest = rest.strip_prefix("http://").unwrap_or(rest);
    let end = rest.find(|c: char| !(c.is_ascii_hexdigit() || ".:[]".contains(c)));
    rest.get(..end.unwrap_or(rest.len()))?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_found_behind_its_words() {
        let found = |line| address_after(line, "listening on").map(|address| address.port());
        assert_eq!(found("listening on 127.0.0.1:4711"), Some(4711));
        assert_eq!(found("INFO teal: listening on http://127.0.0.1:4711/, plain"), Some(4711));
        assert_eq!(found("listening on [::1]:4711"), Some(4711));
        assert_eq!(found("listening on the socket"), None);
        assert_eq!(found("admin on 127.0.0.1:4711"), None);
    }

    #[tokio::test]
    async fn a_child_that_ends_at_once_is_reported_with_its_last_words() {
        let arguments = ["-c", "echo no such port >&2; exit 3"];
        let mut child = Process::start("the child", Path::new("/bin/sh"), &arguments).unwrap();
        let error = child.announced(["listening on"]).await.unwrap_err().to_string();
        assert!(error.contains("the child") && error.contains("no such port"), "{error}");
    }

    #[tokio::test]
    async fn a_program_that_is_not_there_is_named() {
        let error = Process::start("the child", Path::new("/no/such/exe"), &[]).unwrap_err();
        assert!(error.to_string().contains("/no/such/exe"));
    }
}
