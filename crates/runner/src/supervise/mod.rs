//! The supervisor of one environment: it keeps a program running without a service manager.
//!
//! It is a process in a session of its own, so it outlives the command line that has started it, and an upgrade of
//! Teal. It starts the program again when it ends, later each time, and ends with it when it is asked to stop: SIGTERM
//! to the whole process group, then SIGKILL. Later command lines ask it through a socket in its folder.
//!
//! **Never here:** a decision about traffic, a restart because of a health check, the configuration.

mod app;
mod log;
mod place;
mod wire;

use std::fs::File;
use std::io;
use std::os::fd::AsFd as _;
use std::os::unix::net::UnixStream as StdStream;
use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rustix::process::setsid;
use tokio::net::{UnixListener, UnixStream};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::mpsc;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep, sleep_until, timeout};

use crate::status::State;

use app::App;

pub(crate) use log::{last_lines, lines_after, mark};
pub(crate) use place::{Place, Record};
pub(crate) use wire::{Ask, Begun, Order, Report, receive, send};

/// The time limit of a message on a socket.
const MESSAGE: Duration = Duration::from_secs(5);
/// The pause before the first restart, and the longest one.
const PAUSES: (Duration, Duration) = (Duration::from_millis(200), Duration::from_secs(30));
/// A program that has run for this long is started again without a long pause.
const STEADY: Duration = Duration::from_secs(60);
/// The interval at which the size of the log is checked.
const LOG_CHECK: Duration = Duration::from_secs(1);
/// The time to get a lock that someone has only tried.
const LOCK_PATIENCE: Duration = Duration::from_secs(1);
/// The pause before the lock is tried again.
const LOCK_PAUSE: Duration = Duration::from_millis(10);

/// The state shared by the tasks of a supervisor.
type View = Arc<Mutex<Report>>;

/// A running supervisor.
#[derive(Debug)]
struct Supervisor {
    order: Order,
    place: Place,
    view: View,
    app: Option<App>,
    /// When the program was or will be started.
    started: Instant,
    pause: Duration,
    /// Those who wait for the end.
    waiting: Vec<UnixStream>,
    /// Held until the process ends.
    _lock: File,
}

/// An event that wakes a supervisor.
#[derive(Debug)]
enum Event {
    Exited,
    Due,
    Stop(Option<UnixStream>),
    LogCheck,
}

/// Runs a supervisor until it is stopped. Its order comes from the runner `command`, through a socket that is the
/// standard input of this process.
///
/// # Errors
/// A message: this process was not started by a runner, or its order cannot be carried out.
pub fn supervise() -> Result<(), String> {
    let link = io::stdin().as_fd().try_clone_to_owned().map(StdStream::from);
    let link = link.and_then(|link| {
        link.local_addr()?; // fails if it is not a socket
        link.set_nonblocking(true)?;
        Ok(link)
    });
    let link = link.map_err(|error| {
        format!("the standard input is not a socket ({error}): teal deploy starts this")
    })?;
    // A new session: no terminal, and no Ctrl-C that was meant for the command line.
    setsid().map_err(|error| format!("cannot start a session: {error}"))?;
    let _ = std::env::set_current_dir("/"); // so that it keeps no folder in use; all its paths are absolute
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| format!("cannot start the async runtime: {error}"))?;
    runtime.block_on(async {
        let mut link = UnixStream::from_std(link).map_err(|error| error.to_string())?;
        let order = timeout(MESSAGE, receive(&mut link)).await;
        let order = order.map_err(|_| "no order has come: teal deploy starts this".to_owned())?;
        let order: Order = order.map_err(|error| format!("cannot read the order: {error}"))?;
        let begun = begin(order).await;
        let answer = match &begun {
            Ok(_) => Begun::Started,
            Err(why) => Begun::Refused(why.clone()),
        };
        // A command line that has gone meanwhile finds out by asking.
        let _ = timeout(MESSAGE, send(&mut link, &answer)).await;
        drop(link);
        let (supervisor, listener) = begun?;
        supervisor.run(listener).await
    })
}

/// Takes the lock, opens the control socket and starts the program.
async fn begin(order: Order) -> Result<(Supervisor, UnixListener), String> {
    let place = Place::new(order.folder.clone());
    let inside = |error: io::Error| format!("cannot use {}: {error}", order.folder.display());
    let lock = locked(&place).await.map_err(inside)?;
    let lock = lock.ok_or_else(|| "another supervisor has just started it".to_owned())?;
    place.clear();
    let listener = UnixListener::bind(place.control()).map_err(|error| {
        let control = place.control();
        let bytes = control.as_os_str().len();
        let shown = control.display();
        format!("cannot listen at {shown} ({bytes} bytes; at most 107 are allowed): {error}")
    })?;
    let report = Report {
        state: State::Running,
        version: order.version.clone(),
        port: order.port,
        session: std::process::id(),
        restarts: 0,
        exit: None,
        killed: false,
    };
    let mut supervisor = Supervisor {
        place,
        view: Arc::new(Mutex::new(report)),
        app: None,
        started: Instant::now(),
        pause: PAUSES.0,
        waiting: Vec::new(),
        order,
        _lock: lock,
    };
    if let Err(error) = supervisor.start().await {
        supervisor.place.clear();
        let program = supervisor.order.command.first().map_or("it", String::as_str);
        return Err(format!("cannot start {program}: {error}"));
    }
    Ok((supervisor, listener))
}

async fn locked(place: &Place) -> io::Result<Option<File>> {
    let deadline = Instant::now() + LOCK_PATIENCE;
    loop {
        match place.lock()? {
            None if Instant::now() < deadline => sleep(LOCK_PAUSE).await,
            lock => return Ok(lock),
        }
    }
}

// === impl Supervisor ===

impl Supervisor {
    async fn run(mut self, listener: UnixListener) -> Result<(), String> {
        let listen =
            |kind| signal(kind).map_err(|error| format!("cannot listen for signals: {error}"));
        let mut ends = (listen(SignalKind::terminate())?, listen(SignalKind::interrupt())?);
        let (sender, mut stops) = mpsc::channel(16);
        let mut listening = pin!(listen_for_questions(listener, Arc::clone(&self.view), sender));
        let mut checks = interval(LOG_CHECK);
        checks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let event = tokio::select! {
                event = wake(self.app.as_ref(), self.started) => event,
                stop = stops.recv() => Event::Stop(stop),
                () = ended_by_signal(&mut ends) => Event::Stop(None),
                _ = checks.tick() => Event::LogCheck,
                () = &mut listening => continue,
            };
            match event {
                Event::Exited => self.exited().await,
                Event::Due => self.restart().await,
                Event::LogCheck => {
                    let _ = log::rotate(&self.order.log, self.order.log_bytes); // tried again soon
                }
                Event::Stop(stream) => {
                    self.waiting.extend(stream);
                    if self.stop().await {
                        break;
                    }
                }
            }
        }
        while let Ok(stream) = stops.try_recv() {
            self.waiting.push(stream);
        }
        self.place.clear();
        self.answer().await;
        Ok(())
    }

    /// Starts the program and records its identity, without which it would be lost if this process is killed.
    async fn start(&mut self) -> io::Result<()> {
        let version = self.order.version.as_deref().unwrap_or("a program without a version");
        log::note_start(&self.order.log, version);
        let mut app = App::start(&self.order)?;
        let recorded = app.identity().and_then(|process| {
            let Order { version, port, .. } = &self.order;
            self.place.write(&Record { process, version: version.clone(), port: *port })
        });
        if let Err(error) = recorded {
            app.end(Duration::ZERO).await;
            return Err(error);
        }
        self.app = Some(app);
        self.started = Instant::now();
        self.see(|report| report.state = State::Running);
        Ok(())
    }

    /// The program has ended by itself: ends the rest of its group and plans the next start.
    async fn exited(&mut self) {
        let Some(mut app) = self.app.take() else { return };
        let exit = app.rest().await;
        if self.started.elapsed() >= STEADY {
            self.pause = PAUSES.0;
        }
        self.see(|report| {
            report.state = State::Starting;
            report.exit = exit;
        });
        let exit = exit.map_or_else(|| "an unknown result".to_owned(), |exit| exit.to_string());
        self.plan(&format!("it ended with {exit}"));
    }

    async fn restart(&mut self) {
        self.see(|report| report.restarts = report.restarts.saturating_add(1));
        if let Err(error) = self.start().await {
            self.plan(&format!("cannot start it: {error}"));
        }
    }

    fn plan(&mut self, why: &str) {
        log::note(&self.order.log, &format!("{why}; next start in {:?}", self.pause));
        self.started = Instant::now() + self.pause;
        self.pause = PAUSES.1.min(self.pause * 2);
    }

    /// Stops the program. Returns false if it cannot even be killed, as in an endless read from a disk.
    async fn stop(&mut self) -> bool {
        self.see(|report| report.state = State::Stopping);
        let patience = Duration::from_millis(self.order.stop_timeout_ms);
        let killed = match &mut self.app {
            Some(app) => app.end(patience).await,
            None => Some(false),
        };
        let Some(killed) = killed else {
            log::note(&self.order.log, "it does not end, not even by SIGKILL");
            self.answer().await;
            return false;
        };
        let how = if killed { format!("killed after {patience:?}") } else { "stopped".to_owned() };
        log::note(&self.order.log, &how);
        self.app = None;
        self.see(|report| {
            report.state = State::Stopped;
            report.killed = killed;
        });
        true
    }

    /// Answers those who wait for the end.
    async fn answer(&mut self) {
        let report = self.view.lock().unwrap_or_else(PoisonError::into_inner).clone();
        for mut stream in self.waiting.drain(..) {
            let _ = timeout(MESSAGE, send(&mut stream, &report)).await; // the caller may have gone
        }
    }

    fn see(&self, change: impl FnOnce(&mut Report)) {
        change(&mut self.view.lock().unwrap_or_else(PoisonError::into_inner));
    }
}

/// Waits for the end of the program, or for the time of its next start.
async fn wake(app: Option<&App>, due: Instant) -> Event {
    if let Some(app) = app {
        app.exited().await;
        Event::Exited
    } else {
        sleep_until(due).await;
        Event::Due
    }
}

async fn ended_by_signal((terminate, interrupt): &mut (Signal, Signal)) {
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
}

/// Answers questions about the state, and passes on those who ask to stop. Each question has its own task, so that
/// one that never comes delays nothing.
async fn listen_for_questions(listener: UnixListener, view: View, stops: mpsc::Sender<UnixStream>) {
    loop {
        let Ok((mut stream, _)) = listener.accept().await else {
            sleep(LOCK_PAUSE).await; // out of descriptors
            continue;
        };
        let (view, stops) = (Arc::clone(&view), stops.clone());
        tokio::spawn(async move {
            match timeout(MESSAGE, receive(&mut stream)).await {
                Ok(Ok(Ask::Status)) => {
                    let report = view.lock().unwrap_or_else(PoisonError::into_inner).clone();
                    let _ = timeout(MESSAGE, send(&mut stream, &report)).await;
                }
                Ok(Ok(Ask::Stop)) => {
                    let _ = stops.send(stream).await;
                }
                Ok(Err(_)) | Err(_) => {} // not a question
            }
        });
    }
}
