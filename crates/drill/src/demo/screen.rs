//! The display of the demo: steps as lines, and on a terminal below them a block that
//! is redrawn in place: the active color, the rate, requests in flight and lost.
//!
//! Without a terminal there is one line per step and no control sequence at all.
//! The verdict never comes from the display.

use std::collections::VecDeque;
use std::fmt::Write as _;
use std::io;
use std::io::Write as _;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::task::JoinHandle;

use super::DemoReport;
use super::setup::DemoSetup;
use crate::ledger::{Recorder, Snapshot, grouped};

/// Time between two redraws, and the number of them that a rate is taken over.
const TICK: Duration = Duration::from_millis(100);
const RATE_TICKS: usize = 10;
/// Width of a bar in characters.
const BAR: u64 = 30;

/// The form of the demo's output.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OutputMode {
    /// Steps, and a block that is redrawn; for a terminal.
    Live {
        /// Use colors.
        color: bool,
    },
    /// One plain line per step.
    Plain,
    /// Nothing; the caller prints the verdict itself.
    Nothing,
}

/// Standard output.
#[derive(Debug)]
pub(super) struct Screen {
    shared: Arc<Mutex<ScreenState>>,
    ticker: Mutex<Option<JoinHandle<()>>>,
}

/// The contents of the screen.
#[derive(Debug)]
struct ScreenState {
    show: OutputMode,
    started: Instant,
    /// The load, once it runs.
    recorder: Option<Arc<Recorder>>,
    title: String,
    active: String,
    switches: u64,
    colors: Vec<Color>,
    /// Correct answers by version, at each of the last ticks.
    history: VecDeque<(Instant, Vec<(String, u64)>)>,
    /// The number of lines of the block now at the bottom of the screen.
    drawn: usize,
}

/// One color, as it is shown.
#[derive(Debug)]
struct Color {
    name: &'static str,
    version: &'static str,
    process_id: Option<u32>,
}

// === impl Screen ===

impl Screen {
    pub(super) fn new(show: OutputMode) -> Self {
        let picture = ScreenState {
            show,
            started: Instant::now(),
            recorder: None,
            title: String::new(),
            active: String::new(),
            switches: 0,
            colors: Vec::new(),
            history: VecDeque::new(),
            drawn: 0,
        };
        Self { shared: Arc::new(Mutex::new(picture)), ticker: Mutex::new(None) }
    }

    /// Starts drawing the live block.
    pub(super) fn open(&self, setup: &DemoSetup) {
        let mut picture = self.picture();
        picture.recorder = setup.load().map(crate::load::Load::watch);
        let console = format!("http://{}/", setup.control());
        picture.title = format!("http://{} · console {console}", setup.public());
        picture.started = Instant::now();
        let is_live = matches!(picture.show, OutputMode::Live { .. });
        drop(picture);
        self.update(setup);
        let invitation = if is_live { "; open it in a browser" } else { "" };
        self.say(&format!("the console is at {console}{invitation}"));
        if is_live {
            let shared = Arc::clone(&self.shared);
            let ticker = tokio::spawn(async move {
                loop {
                    shared.lock().unwrap_or_else(PoisonError::into_inner).tick();
                    tokio::time::sleep(TICK).await;
                }
            });
            *self.ticker.lock().unwrap_or_else(PoisonError::into_inner) = Some(ticker);
        }
    }

    /// Updates the screen from the setup.
    pub(super) fn update(&self, setup: &DemoSetup) {
        let mut picture = self.picture();
        setup.timeline().active().clone_into(&mut picture.active);
        picture.switches = setup.timeline().switches();
        picture.colors = setup
            .targets()
            .into_iter()
            .map(|target| Color {
                name: target.color,
                version: target.version,
                process_id: target.process_id(),
            })
            .collect();
    }

    /// Shows another color as active.
    pub(super) fn active(&self, color: &str) {
        color.clone_into(&mut self.picture().active);
    }

    /// One step of the script.
    pub(super) fn say(&self, text: &str) {
        self.picture().say(text);
    }

    /// Ends the live block; it stays as it was last drawn.
    pub(super) fn close(&self) {
        let ticker = self.ticker.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(ticker) = ticker {
            ticker.abort();
        }
        self.picture().end();
    }

    /// Prints the ledger, and its meaning in one line.
    pub(super) fn ledger(&self, report: &DemoReport) -> io::Result<()> {
        if self.picture().show == OutputMode::Nothing {
            return Ok(());
        }
        let mut out = io::stdout().lock();
        writeln!(out, "\nThe ledger\n{}", report.verdict)?;
        for shortfall in &report.shortfalls {
            writeln!(out, "  {shortfall}")?;
        }
        let meaning = match (report.verdict.is_lossless(), report.passed()) {
            (true, true) => "Nothing was lost, cut, doubled, late or misrouted.",
            (true, false) => "Nothing was lost, but the script did not run to its end.",
            (false, _) => "Requests were lost, doubled, late or misrouted: see above.",
        };
        writeln!(out, "  {meaning}")?;
        out.flush()
    }

    fn picture(&self) -> MutexGuard<'_, ScreenState> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        self.close();
    }
}

// === impl ScreenState ===

impl ScreenState {
    /// Prints a step above the live block.
    fn say(&mut self, text: &str) {
        let seconds = self.started.elapsed().as_secs_f64();
        let mut lines = text.lines();
        let mut output = self.erase();
        let first = lines.next().unwrap_or_default();
        let _ = writeln!(output, "{} {first}", self.paint("2", &format!("{seconds:6.1} s ")));
        for line in lines {
            let _ = writeln!(output, "          {line}");
        }
        self.put(&output);
        self.draw();
    }

    /// Records the current figures and redraws.
    fn tick(&mut self) {
        if let Some(recorder) = &self.recorder {
            self.history.push_back((Instant::now(), recorder.snapshot().answered));
            if self.history.len() > RATE_TICKS {
                self.history.pop_front();
            }
        }
        self.draw();
    }

    /// Draws the block in place of the last one.
    fn draw(&mut self) {
        if !matches!(self.show, OutputMode::Live { .. }) {
            return;
        }
        let Some(snapshot) = self.recorder.as_ref().map(|recorder| recorder.snapshot()) else {
            return;
        };
        let block = self.block(&snapshot);
        // No line wrap while drawing, so that lines of the block stay lines; no cursor.
        let mut output = self.erase();
        output.push_str("\x1b[?25l\x1b[?7l");
        for line in &block {
            let _ = writeln!(output, "{line}");
        }
        output.push_str("\x1b[?7h");
        self.put(&output);
        self.drawn = block.len();
    }

    /// The lines of the live block.
    fn block(&self, snapshot: &Snapshot) -> Vec<String> {
        let rates: Vec<u64> = self.colors.iter().map(|color| self.rate(color.version)).collect();
        let total: u64 = rates.iter().sum();
        let mut lines = vec![String::new(), self.paint("1", &format!(" Teal  {}", self.title))];
        for (color, rate) in self.colors.iter().zip(&rates) {
            let filled = (rate * BAR).checked_div(total).unwrap_or(0) as usize;
            let empty = (BAR as usize).saturating_sub(filled);
            let bar = format!("{}{}", "█".repeat(filled), "·".repeat(empty));
            let state = match color.process_id {
                None => "killed",
                Some(_) if color.name == self.active => "active",
                Some(_) => "idle",
            };
            let code = if color.name == "blue" { "34" } else { "32" };
            let answered = count(&snapshot.answered, color.version);
            lines.push(format!(
                " {} {} {state:<6} {} {:>6}/s {:>11} answered",
                self.paint(code, &format!("{:<5}", color.name)),
                color.version,
                self.paint(code, &bar),
                grouped(*rate),
                grouped(answered),
            ));
        }
        let bad = snapshot.lost + snapshot.wrong;
        let lost = format!("{} lost", grouped(bad));
        lines.push(format!(
            " {}/s   {} sent   {} in flight   {}   p99 {:.1} ms   {} switches",
            grouped(total),
            grouped(snapshot.sent),
            snapshot.in_flight,
            self.paint(if bad == 0 { "32" } else { "1;31" }, &lost),
            f64::from(snapshot.p99_micros) / 1_000.0,
            self.switches,
        ));
        lines
    }

    /// Correct answers per second of a version, over the last ticks.
    fn rate(&self, version: &str) -> u64 {
        let (Some((then, old)), Some((now, new))) = (self.history.front(), self.history.back())
        else {
            return 0;
        };
        let more = count(new, version).saturating_sub(count(old, version));
        let millis = now.duration_since(*then).as_millis() as u64;
        (more * 1_000).checked_div(millis).unwrap_or(0)
    }

    /// Leaves the block on the screen.
    fn end(&mut self) {
        if self.drawn > 0 {
            self.draw();
            self.drawn = 0;
            self.recorder = None;
            self.put("\x1b[?25h");
        }
    }

    /// The sequence that removes the block.
    fn erase(&mut self) -> String {
        match std::mem::take(&mut self.drawn) {
            0 => String::new(),
            lines => format!("\x1b[{lines}F\x1b[J"),
        }
    }

    fn paint(&self, code: &str, text: &str) -> String {
        match self.show {
            OutputMode::Live { color: true } => format!("\x1b[{code}m{text}\x1b[0m"),
            _ => text.to_owned(),
        }
    }

    fn put(&self, text: &str) {
        if self.show != OutputMode::Nothing {
            let mut out = io::stdout().lock();
            // ignored: a closed output must not end the drill; printing the ledger reports it
            let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
        }
    }
}

/// The share of a version in all correct answers.
fn count(answered: &[(String, u64)], version: &str) -> u64 {
    answered.iter().find(|(name, _)| name == version).map_or(0, |(_, count)| *count)
}
