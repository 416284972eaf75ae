//! The Teals of one parent: the serving one, those that are leaving, and their starts and ends.

use std::io;
use std::mem;
use std::os::fd::AsFd;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::ExitStatus;
use std::time::{Duration, Instant};

use crate::child::Child;
use crate::descriptors::KeptDescriptors;
use crate::log::tell;
use crate::notify::Manager;
use crate::program::Program;
use crate::revival::Revival;
use crate::signals::Signal;
use crate::watchdog::Watchdog;
use crate::wire::Message;

/// The time limit of a stop if no serving Teal has announced one.
// lossless: L10
const STOPS_WITHIN: Duration = Duration::from_secs(150);

/// The extra time beyond the limit that a serving Teal has announced, and the time limit once it was asked to
/// stop at once.
const LAST: Duration = Duration::from_secs(15);
const AT_ONCE: Duration = Duration::from_secs(5);

/// The processes of this parent: every Teal that it has started.
#[derive(Debug)]
pub(crate) struct Supervisor {
    pub(crate) children: Vec<Child>,
    /// The sockets of the serving one.
    pub(crate) kept: KeptDescriptors,
    /// The sockets that the service manager has passed, until others are kept.
    pub(crate) activated: KeptDescriptors,
    pub(crate) manager: Manager,
    pub(crate) watchdog: Watchdog,
    /// The program that the serving one was started from.
    pub(crate) program: Program,
    /// True if any has ever been ready.
    pub(crate) was_ready: bool,
    pub(crate) json: bool,
    pub(crate) revival: Revival,
    /// True if a signal has asked for a reload, and none has completed since.
    reload: bool,
    /// A newer Teal whose program the parent should continue as.
    pub(crate) renew: Option<u32>,
    /// Ended ones whose older ones are not reconnected yet, each with its newer one.
    pub(crate) gone: Vec<(u32, Option<u32>)>,
    /// The latest death without a successor: process, status, and how long it had served.
    death: Option<(u32, ExitStatus, Duration)>,
    /// The time when the next one is started.
    next: Option<Instant>,
    stopping: Option<Stopping>,
    code: Option<u8>,
}

/// A stop in progress.
#[derive(Debug)]
struct Stopping {
    /// The process whose exit code becomes ours.
    main: Option<u32>,
    /// The number of signals that have asked this process to stop.
    signals: u32,
    deadline: Instant,
    at_once: bool,
}

// === impl Supervisor ===

impl Supervisor {
    /// Starts the first one.
    pub(crate) fn begin(
        (manager, watchdog): (Manager, Watchdog),
        activated: KeptDescriptors,
    ) -> io::Result<Self> {
        let mut supervisor = Self { activated, ..Self::empty((manager, watchdog), Program::own()) };
        let path = supervisor.program.path.clone();
        supervisor.start(&path, "")?;
        Ok(supervisor)
    }

    pub(crate) fn empty((manager, watchdog): (Manager, Watchdog), program: Program) -> Self {
        Self {
            children: Vec::new(),
            kept: KeptDescriptors::default(),
            activated: KeptDescriptors::default(),
            manager,
            watchdog,
            program,
            was_ready: false,
            json: false,
            revival: Revival::default(),
            reload: false,
            renew: None,
            gone: Vec::new(),
            death: None,
            next: None,
            stopping: None,
            code: None,
        }
    }

    /// The exit code, once all have ended.
    pub(crate) fn outcome(&self) -> Option<u8> {
        let over = self.children.is_empty() && (self.stopping.is_some() || self.code.is_some());
        over.then(|| self.code.unwrap_or_default())
    }

    /// The time of the next scheduled action, if nothing else happens.
    pub(crate) fn due(&self) -> Option<Instant> {
        let next = self.stopping.as_ref().map(|stopping| stopping.deadline).or(self.next);
        [next, self.watchdog.due()].into_iter().flatten().min()
    }

    pub(crate) fn is_stopping(&self) -> bool {
        self.stopping.is_some()
    }

    /// Handles all messages from all children.
    pub(crate) fn listen(&mut self) {
        let heard = self.children.iter_mut().map(|child| (child.pid, child.heard()));
        for (pid, messages) in heard.collect::<Vec<_>>() {
            for message in messages {
                self.take(pid, message);
            }
        }
    }

    fn take(&mut self, pid: u32, message: Message) {
        let current = self.current().map(|child| child.pid);
        let Some(child) = self.children.iter_mut().find(|child| child.pid == pid) else { return };
        match message.verb() {
            b"keep" => {
                let whole = child.arriving.take(message).filter(|_| self.stopping.is_none());
                if child.watched_by.is_some() {
                    child.kept = whole.or(child.kept.take());
                } else if let Some(kept) = whole {
                    self.kept = kept;
                }
            }
            b"ready" => {
                child.ready = true;
                child.state_version = message.text("state");
                child.answers = message.count("answers") == 1;
                child.since = Instant::now();
                self.was_ready = true;
                self.json = message.count("json") == 1;
                if !self.kept.is_empty() {
                    self.activated = KeptDescriptors::default(); // now among the kept ones
                }
                if self.stopping.is_none() {
                    let version = message.text("version");
                    self.manager.ready(&format!("Teal {version} serves as process {pid}"));
                }
            }
            b"alive" if current == Some(pid) => self.manager.alive(),
            b"reloaded" if self.stopping.is_none() => {
                self.reload = false;
                self.manager.reloaded();
            }
            b"stopping" => {
                let within = u64::try_from(message.count("within")).unwrap_or_default();
                let deadline = Instant::now().checked_add(Duration::from_millis(within) + LAST);
                if self.stopping.is_none() && current == Some(pid) {
                    self.stop("SIGTERM"); // it has received the signal itself
                } else {
                    child.leaving = true;
                    // Its sockets are no longer kept, or belong to a newer one.
                    child.say(&Message::new("stop").with("signal", "SIGTERM"));
                    self.adopt(pid);
                }
                if let Some((stopping, deadline)) = self.stopping.as_mut().zip(deadline) {
                    stopping.deadline = stopping.deadline.max(deadline);
                }
            }
            b"spawn" => self.spawn(pid, &message),
            b"kill" => {
                let ours = |child: &&Child| child.watched_by == Some(pid);
                let killed = self.children.iter().filter(ours).find(|c| c.pid == message.pid());
                if let Some(child) = killed {
                    child.kill();
                }
            }
            b"settled" => {
                child.leaving = true;
                self.adopt(pid);
                self.renew = Some(message.pid());
            }
            _ => {} // from a later version
        }
    }

    /// The serving one: the newest that is ready, else the newest that is starting.
    pub(crate) fn current(&self) -> Option<&Child> {
        let here = || self.children.iter().rev().filter(|child| !child.leaving);
        here().find(|child| child.ready).or_else(|| here().next())
    }

    /// Starts a newer one, to take over from the one that asks.
    fn spawn(&mut self, older: u32, message: &Message) {
        let path = PathBuf::from(message.get("program"));
        let started = || -> io::Result<Child> {
            let talk = message.descriptors.first().ok_or(io::ErrorKind::InvalidData)?;
            let child = Child::start(&path, Some(older))?;
            let sent = child.send(&Message::new("take-over"), &[talk.as_fd()]);
            unless_gone(sent).inspect_err(|_| child.kill())?;
            Ok(child)
        };
        let answer = match started() {
            Ok(child) => {
                let answer = Message::new("started").number("pid", child.pid);
                self.children.push(child);
                answer
            }
            Err(error) => Message::new("not-started").with("why", error.to_string()),
        };
        if let Some(older) = self.children.iter().find(|child| child.pid == older) {
            older.say(&answer);
        }
    }

    /// Starts a serving Teal with the kept sockets.
    fn start(&mut self, path: &Path, died: &str) -> io::Result<()> {
        let child = Child::start(path, None)?;
        let begun =
            self.kept.say("sockets", |message, descriptors| child.send(message, descriptors));
        let begun = begun.and_then(|()| {
            self.activated.say("activated", |message, descriptors| child.send(message, descriptors))
        });
        let (pids, ways) = self.pair_with_leaving(child.pid);
        let ways: Vec<_> = ways.iter().map(AsFd::as_fd).collect();
        let leaving = self.children.iter().filter(|child| child.leaving).count();
        let behind = i64::try_from(leaving.saturating_sub(pids.len())).unwrap_or_default();
        let start = Message::new("start")
            .with("died", died)
            .with("older", pids.join(","))
            .number("behind", behind);
        let sent = begun.and_then(|()| child.send(&start, &ways));
        unless_gone(sent).inspect_err(|_| child.kill())?;
        // It serves with the configuration of the dead one. Only once: the reload may be what kills it.
        if mem::take(&mut self.reload) {
            child.say(&Message::new("reload"));
        }
        self.children.push(child);
        Ok(())
    }

    /// Answers a signal.
    pub(crate) fn signal(&mut self, signal: Signal) {
        let command = |verb| Message::new(verb);
        match signal {
            Signal::Terminate => self.asked_to_stop("SIGTERM"),
            Signal::Interrupt => self.asked_to_stop("SIGINT"),
            Signal::Hangup => {
                self.manager.reloading();
                self.reload = true;
                if let Some(child) = self.current() {
                    child.say(&command("reload"));
                }
            }
            Signal::User1 => self.children.iter().for_each(|child| child.say(&command("reopen"))),
            Signal::User2 => {
                if let Some(child) = self.current() {
                    child.say(&command("upgrade"));
                }
            }
            Signal::Child => {} // ended children are reaped in each round
        }
    }

    /// The first signal asks to stop, the second to stop at once. A serving Teal that has received the
    /// first one itself, and is stopping, is not asked twice.
    fn asked_to_stop(&mut self, signal: &str) {
        self.stop(signal);
        let Some(stopping) = &mut self.stopping else { return };
        stopping.signals += 1;
        if stopping.signals > 1 {
            self.stop_at_once(signal);
        }
    }

    /// Tells all of them to stop.
    fn stop(&mut self, signal: &str) {
        if self.stopping.is_some() {
            return;
        }
        let main = self.current().map(|child| child.pid);
        let deadline = Instant::now() + STOPS_WITHIN;
        self.stopping = Some(Stopping { main, signals: 0, deadline, at_once: false });
        self.manager.stopping();
        // Nothing will accept from our copies of the sockets: leave the queues to the Teals that still do.
        drop(mem::take(&mut self.kept));
        for child in &mut self.children {
            child.kept = None;
            child.say(&Message::new("stop").with("signal", signal));
        }
    }

    fn stop_at_once(&mut self, signal: &str) {
        let Some(stopping) = &mut self.stopping else { return };
        stopping.deadline = Instant::now() + AT_ONCE;
        stopping.at_once = true;
        for child in &self.children {
            child.say(&Message::new("stop-now").with("signal", signal));
        }
    }

    /// Handles the end of a child, or of an orphan.
    pub(crate) fn ended(&mut self, pid: u32, status: i32) {
        let Some(place) = self.children.iter().position(|child| child.pid == pid) else { return };
        let child = self.children.remove(place);
        let watched = self.children.iter().find(|child| child.watched_by == Some(pid));
        let newer = child.newer.or_else(|| watched.map(|child| child.pid));
        self.gone.push((pid, newer));
        self.adopt(pid);
        let older = self.children.iter().find(|older| Some(older.pid) == child.watched_by);
        if let Some(older) = older {
            let ended = Message::new("ended").number("pid", pid).number("status", status);
            older.say(&ended);
        }
        let how = ExitStatus::from_raw(status);
        if !child.leaving {
            let lived = if child.ready { child.since.elapsed() } else { Duration::ZERO };
            self.death = Some((pid, how, lived));
        }
        if self.stopping.as_ref().is_some_and(|stopping| stopping.main == Some(pid)) {
            self.code = self.code.or(Some(code(how)));
        }
    }

    /// Does the work that is due: liveness checks, deadlines of a stop, restarts.
    pub(crate) fn see_to_it(&mut self, now: Instant) {
        if self.watchdog.is_due(now) {
            self.ask_whether_it_lives();
        }
        if let Some(stopping) = &self.stopping {
            if now < stopping.deadline {
            } else if stopping.at_once {
                self.children.iter().for_each(Child::kill);
                self.postpone(AT_ONCE);
            } else {
                self.stop_at_once("a deadline");
            }
            return;
        }
        self.reunite();
        if self.code.is_some() || self.children.iter().any(|child| !child.leaving) {
            return; // one serves or is starting; or is on trial and watched by one that serves
        }
        if self.next.is_none() {
            self.mourn(now);
        }
        if self.next.take_if(|next| *next <= now).is_some() {
            self.revive();
        }
    }

    /// Feeds the service manager's watchdog if Teal is alive: the serving one is asked; for a starting one
    /// the parent answers itself.
    // lossless: L10
    fn ask_whether_it_lives(&self) {
        match self.current() {
            Some(child) if child.ready && child.answers => child.say(&Message::new("live")),
            Some(child) if !child.ready && !Watchdog::trusts_a_start_of(child.since.elapsed()) => {}
            Some(_) | None => self.manager.alive(),
        }
    }

    fn postpone(&mut self, by: Duration) {
        if let Some(stopping) = &mut self.stopping {
            stopping.deadline = Instant::now() + by;
        }
    }

    /// Schedules the next start after the serving one has died, or gives up.
    fn mourn(&mut self, now: Instant) {
        let Some((pid, how, lived)) = self.death else { return };
        if self.was_ready
            && let Some(delay) = self.revival.after(lived)
        {
            self.next = Some(now + delay);
            self.manager.status(&format!("the serving process {pid} {}", told(how)));
            return;
        }
        if self.was_ready {
            let deaths = self.revival.0;
            let text =
                format!("the serving process {pid} {}, {deaths} in a row: giving up", told(how));
            tell(&text, self.json);
        } else if how.code().is_none() {
            tell(&format!("the serving process {pid} {} before it was ready", told(how)), false);
        }
        self.code = Some(code(how));
        self.stop("the end of the serving process");
    }

    fn revive(&mut self) {
        let Some((pid, how, lived)) = self.death else { return };
        let seconds = lived.as_secs_f64();
        let died = format!("the serving process {pid} {} after {seconds:.1} s", told(how));
        let path = self.program.again();
        if let Err(error) = self.start(&path, &died) {
            tell(&format!("cannot start the serving process: {error}"), self.json);
            self.death = Some((pid, how, Duration::ZERO));
        }
    }
}

/// Treats sending to an ended process as success: its exit code says more.
fn unless_gone(sent: io::Result<()>) -> io::Result<()> {
    use io::ErrorKind::{BrokenPipe, ConnectionReset};
    sent.or_else(|error| match error.kind() {
        BrokenPipe | ConnectionReset => Ok(()),
        _ => Err(error),
    })
}

/// The exit code for this process that corresponds to a child's status.
fn code(status: ExitStatus) -> u8 {
    let signal = || status.signal().map(|signal| 128 + signal);
    let code = status.code().or_else(signal).and_then(|code| u8::try_from(code).ok());
    code.unwrap_or(1)
}

fn told(status: ExitStatus) -> String {
    match (status.code(), status.signal()) {
        (Some(code), _) => format!("ended with exit code {code}"),
        (_, Some(libc::SIGSYS)) => "was killed by SIGSYS: a seccomp filter forbids a system call that Teal \
            makes (its number is in the kernel log); set SystemCallFilter=@system-service in the unit"
            .to_owned(),
        (_, Some(signal)) => format!("was killed by signal {signal}"),
        _ => "ended".to_owned(),
    }
}
