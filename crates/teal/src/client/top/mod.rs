//! `teal top`: the screen of crate `top` on this terminal, fed by the admin API.
//!
//! One task draws and takes keys, one polls Teal (`poll`), and one carries out each action (`act`); a thread writes what
//! is drawn (`output`). The terminal is as before at every end ([`terminal`]), unless nobody reads it any more.

mod act;
mod keyboard;
mod output;
mod poll;
mod terminal;

use std::io::{IsTerminal, stdin};
use std::time::Duration;

use contract::text::{self, Extent};
use contract::wire::Status;
use rustix::process::Signal;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior, interval};
use top::{Answer, Buffer, Intent, Key, Options, Painter, Rect, Top};

use self::act::{act, rehearse};
use self::keyboard::keys;
use self::poll::{Wish, ask, follow, poll};
use self::terminal::Screen;
use super::interrupt::Interrupts;
use super::reach::{Intent as Purpose, Teal};
use super::{block_on, print, query};
use crate::Outcome;
use crate::cli::TopArgs;
use crate::exit::{Exit, Failure};
use crate::show;

/// The interval at which the age of the picture is drawn again.
const RHYTHM: Duration = Duration::from_secs(1);

/// Shows a service, or the list of them, until the person leaves.
pub(crate) fn top(args: &TopArgs) -> Outcome {
    if args.once {
        return block_on(once(args))?;
    }
    if args.reach.json {
        let message = "teal top draws a screen; for JSON use: teal top --once --json";
        return Err(Failure::usage(message));
    }
    let is_dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
    let colors = show::terminal().filter(|_| stdin().is_terminal() && !is_dumb);
    let Some(has_colors) = colors else {
        return Err(Failure::usage(
            "teal top needs a terminal; for a script or a pipe use: teal top --once, or: teal status --json",
        ));
    };
    block_on(watched(args, has_colors))?
}

/// Prints the picture as text.
async fn once(args: &TopArgs) -> Outcome {
    let teal = Teal::find(&args.reach, Purpose::Read).await?;
    if args.reach.json {
        let answer =
            teal.get(&query("/admin/status", &[("service", args.service.as_deref())])).await?;
        print(&args.reach, &answer, |status: &Status| text::status(status, Extent::default()))?;
        return Ok(Exit::Done);
    }
    let mut top = Top::new(Options { has_colors: false, service: args.service.clone() });
    let (reading, _) = ask(&args.reach, &teal, &Wish::of(&top)).await?;
    top.read(Duration::ZERO, reading);
    if top.wanted().is_some() {
        let (reading, history) = ask(&args.reach, &teal, &Wish::of(&top)).await?;
        top.read(Duration::ZERO, reading);
        if let Some(history) = history {
            top.remember(history);
        }
    }
    show::document(&top.text());
    Ok(Exit::Done)
}

/// The state of the loop of a screen.
struct Watch<'a> {
    args: &'a TopArgs,
    top: Top,
    began: Instant,
    screen: Screen,
    painter: Painter,
    wishes: watch::Sender<Wish>,
    actions: JoinSet<Answer>,
}

/// Draws until the person leaves, or a signal ends it.
async fn watched(args: &TopArgs, has_colors: bool) -> Outcome {
    let mut interrupts = Interrupts::listen()?;
    let listen = |kind| {
        signal(kind).map_err(|error| Failure::failed(format!("cannot listen for signals: {error}")))
    };
    let (mut resized, mut hung_up) =
        (listen(SignalKind::window_change())?, listen(SignalKind::hangup())?);
    let mut stopped = listen(SignalKind::from_raw(Signal::TSTP.as_raw()))?;
    let began = Instant::now();
    // Before the screen: a Teal that cannot be reached is told as by any other command.
    let mut teal = Teal::find(&args.reach, Purpose::Read).await?;
    let mut top = Top::new(Options { has_colors, service: args.service.clone() });
    let (reading, _) = ask(&args.reach, &teal, &Wish::of(&top)).await?;
    top.read(began.elapsed(), reading);
    let _told_by_the_screen = teal.take_advice();

    let (wishes, wished) = watch::channel(Wish::of(&top));
    let (heard, mut news) = mpsc::channel(4);
    let mut polling = JoinSet::new();
    polling.spawn(follow(args.reach.clone(), heard.clone()));
    polling.spawn(poll(args.reach.clone(), teal, wished, heard));
    let screen = Screen::enter(std::io::stdout())?;
    let mut keys = keys();
    let mut ticks = interval(RHYTHM);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let (painter, actions) = (Painter::default(), JoinSet::new());
    let mut watch = Watch { args, top, began, screen, painter, wishes, actions };
    loop {
        watch.draw()?;
        tokio::select! {
            Some(news) = news.recv() => {
                poll::tell(&mut watch.top, began.elapsed(), news);
                watch.wish();
            }
            end = watch.screen.pictures().written() => end.map_err(|error| unwritten(&error))?,
            key = keys.recv() => match key {
                Some(key) => if watch.key(key)? { return Ok(Exit::Done) },
                None => return Ok(Exit::Interrupted), // the terminal is gone
            },
            Some(answer) = watch.actions.join_next() => if let Ok(answer) = answer {
                watch.top.answered(&answer);
            },
            _ = ticks.tick() => {}
            _ = resized.recv() => watch.painter.forget(),
            _ = stopped.recv() => watch.suspend()?,
            _ = hung_up.recv() => return Ok(Exit::Interrupted),
            () = interrupts.next() => return Ok(Exit::Interrupted),
        }
    }
}

fn unwritten(error: &std::io::Error) -> Failure {
    Failure::failed(format!("cannot write to the terminal: {error}"))
}

impl Watch<'_> {
    /// Draws, unless the terminal has not taken the picture before: the next one has everything that this one had.
    fn draw(&mut self) -> Result<(), Failure> {
        if self.screen.pictures().is_busy() {
            return Ok(());
        }
        let (width, height) = self.screen.size();
        let mut buffer = Buffer::empty(Rect::new(0, 0, width, height));
        self.top.draw(&mut buffer, self.began.elapsed());
        let bytes = self.painter.paint(buffer);
        if bytes.is_empty() {
            return Ok(());
        }
        self.screen.pictures().show(bytes).map_err(|error| unwritten(&error))
    }

    /// Takes a key; returns true if it leaves.
    fn key(&mut self, key: Key) -> Result<bool, Failure> {
        let (_, height) = self.screen.size();
        match self.top.key(key, height) {
            None => {}
            Some(Intent::Leave) => return Ok(true),
            Some(Intent::Suspend) => self.suspend()?,
            Some(Intent::Redraw) => self.painter.forget(),
            Some(Intent::Look) => self.wish(),
            Some(Intent::Rehearse(call)) => {
                self.actions.spawn(rehearse(self.args.reach.clone(), call));
            }
            Some(Intent::Act(call)) => {
                self.actions.spawn(act(self.args.reach.clone(), call));
            }
        }
        Ok(false)
    }

    /// Stops, with the terminal as it was, until the shell lets it go on.
    fn suspend(&mut self) -> Result<(), Failure> {
        self.screen.suspend()?;
        self.painter.forget();
        Ok(())
    }

    /// Has other answers polled for, if others are wanted.
    fn wish(&mut self) {
        let wish = Wish::of(&self.top);
        self.wishes.send_if_modified(|old| {
            let is_new = *old != wish;
            *old = wish;
            is_new
        });
    }
}
