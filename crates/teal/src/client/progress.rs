//! Waits for a change, shows progress, and notices if Teal is gone.
//!
//! The answer to a switch may take as long as the drain, so it has no deadline of its own.
//! Instead, Teal is polled for its status meanwhile. When that fails for ten seconds, Teal is taken
//! to be gone. Progress is never written to standard output.

use std::time::Duration;

use contract::text::{standing, waiting};
use contract::wire::{Color, ColorStatus, PendingCall, Role, Service, Status};
use tokio::time::Instant;

use super::http::AdminResponse;
use super::interrupt::{Interrupts, interrupted, read};
use super::query;
use super::reach::Teal;
use crate::exit::{Exit, Failure};
use crate::show;

/// The intervals of progress: for a person, and for a script.
const RHYTHM: (Duration, Duration) = (Duration::from_millis(200), Duration::from_millis(500));
/// The interval of progress when all services are watched.
const RHYTHM_OF_ALL: Duration = Duration::from_secs(1);
/// The longest time that Teal may be silent.
const SILENCE_MAX: Duration = Duration::from_secs(10);
/// The interval at which a script sees an unchanged reason again.
const AGAIN: Duration = Duration::from_secs(10);

/// The call that is waited for.
#[derive(Clone, Debug, Default)]
pub(super) struct Watch {
    /// The kind of call; a rollback and a switch are listed under their own names.
    pub(super) verb: &'static str,
    /// True if it is about all services.
    pub(super) all: bool,
    pub(super) service: Option<String>,
    /// The group, instead of a service.
    pub(super) group: Option<String>,
}

/// The progress of a wait.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct WaitProgress {
    /// The reason for waiting, with times.
    pub(super) line: String,
    /// The same without the parts that change all the time.
    pub(super) reason: String,
}

/// Writes the progress of a wait: on a terminal, one line that is redrawn; else a line each time the reason
/// changes, and every ten seconds.
#[derive(Debug)]
pub(super) struct Reporter {
    drawn: bool,
    began: Instant,
    said: Option<(String, Instant)>,
}

/// Waits for the answer, and shows progress meanwhile. If interrupted, it reports whether anything was
/// decided.
pub(super) async fn watched(
    teal: &Teal,
    watch: &Watch,
    json: bool,
    answer: impl Future<Output = Result<AdminResponse, Failure>>,
) -> Result<AdminResponse, Failure> {
    let mut interrupts = Interrupts::listen()?;
    let path = watch.path();
    let before = tokio::select! {
        before = teal.get(&path) => read(&before?),
        () = interrupts.next() => {
            return Err(Failure::new(Exit::Interrupted, "interrupted before the call was sent"));
        }
    };
    let interrupt = tokio::select! {
        result = in_sight(teal, watch, json, answer) => return result,
        () = interrupts.next() => interrupted(teal, watch, before.as_ref(), &mut interrupts),
    };
    Err(interrupt.await)
}

async fn in_sight(
    teal: &Teal,
    watch: &Watch,
    json: bool,
    answer: impl Future<Output = Result<AdminResponse, Failure>>,
) -> Result<AdminResponse, Failure> {
    let mut reporter = Reporter::new(json);
    let mut answer = std::pin::pin!(answer);
    let path = watch.path();
    let mut ticks = tokio::time::interval(watch.rhythm(reporter.drawn));
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    ticks.tick().await; // the first is at once
    let mut heard = Instant::now();
    let result = loop {
        tokio::select! {
            biased;
            result = &mut answer => break result,
            _ = ticks.tick() => {}
        }
        tokio::select! {
            biased;
            result = &mut answer => break result,
            status = teal.get(&path) => match status {
                Ok(status) => {
                    heard = Instant::now();
                    if let Some(progress) = watch.progress(&status, reporter.began.elapsed()) {
                        reporter.tell(&progress);
                    }
                }
                Err(_) if heard.elapsed() > SILENCE_MAX => {
                    let message = "Teal accepted the call but has been silent for ten seconds; \
                                   what was begun may still happen; see: teal status";
                    break Err(Failure::new(Exit::Unreachable, message));
                }
                Err(_) => {}
            },
        }
    };
    reporter.clear();
    result
}

// === impl Reporter ===

impl Reporter {
    /// Creates a reporter, which draws on a terminal unless JSON output is wanted.
    pub(super) fn new(json: bool) -> Self {
        Self { drawn: show::is_watched() && !json, began: Instant::now(), said: None }
    }

    pub(super) fn tell(&mut self, progress: &WaitProgress) {
        if self.drawn {
            return show::progress(&progress.line);
        }
        let known = self.said.as_ref();
        if known.is_none_or(|(reason, at)| *reason != progress.reason || at.elapsed() >= AGAIN) {
            show::waiting(&progress.line);
            self.said = Some((progress.reason.clone(), Instant::now()));
        }
    }

    /// Clears the drawn line.
    pub(super) fn clear(&self) {
        if self.drawn {
            show::progress("");
        }
    }
}

// === impl WaitProgress ===

impl WaitProgress {
    /// The progress of a call that Teal lists.
    fn of_wait(wait: &PendingCall) -> Self {
        let reason = format!("{} {}", wait.stage, wait.reason.as_deref().unwrap_or_default());
        Self { line: waiting(wait), reason }
    }

    /// The progress of colors that still drain.
    pub(super) fn of_drains(all: &[(&Service, Color)], waited: Duration) -> Self {
        let words = |(service, color): &(&Service, Color)| {
            let standing = standing(*color, service.colors.of(*color));
            format!("{}: {color} is {standing}", service.name)
        };
        let names = |(service, color): &(&Service, Color)| format!("{} {color}", service.name);
        let few = all.iter().take(FEW);
        let more = match all.len().saturating_sub(FEW) {
            0 => String::new(),
            more => format!("; and {more} more services"),
        };
        let line = few.clone().map(words).collect::<Vec<_>>().join("; ");
        let reason = few.map(names).collect::<Vec<_>>().join(" ");
        Self { line: format!("{line}{more}; waited {}", seconds(waited)), reason }
    }
}

/// The most services in one line.
const FEW: usize = 3;

/// Formats a wait in whole seconds.
fn seconds(waited: Duration) -> String {
    format!("{}s", waited.as_secs())
}

// === impl Watch ===

impl Watch {
    /// The path of the status, restricted to the watched service if there is one.
    fn path(&self) -> String {
        query("/admin/status", &[("service", self.service.as_deref())])
    }

    fn rhythm(&self, drawn: bool) -> Duration {
        match (drawn, self.all || self.group.is_some()) {
            (_, true) => RHYTHM_OF_ALL,
            (true, false) => RHYTHM.0,
            (false, false) => RHYTHM.1,
        }
    }

    /// Returns the progress; `None` if the answer can't be understood, or nothing is known yet.
    fn progress(&self, status: &AdminResponse, waited: Duration) -> Option<WaitProgress> {
        let status = read(status)?;
        if let Some(wait) = self.waits(&status).next() {
            return Some(WaitProgress::of_wait(wait));
        }
        let services = self.services(&status);
        let draining: Vec<_> = services.into_iter().filter_map(draining).collect();
        if !draining.is_empty() {
            return Some(WaitProgress::of_drains(&draining, waited));
        }
        let verb = self.verb;
        (waited >= AGAIN).then(|| WaitProgress {
            line: format!("Waiting for Teal to finish the {verb}; waited {}", seconds(waited)),
            reason: verb.to_owned(),
        })
    }

    /// The waits that Teal lists for this call, or for a later one like it.
    pub(super) fn waits<'s>(&self, status: &'s Status) -> impl Iterator<Item = &'s PendingCall> {
        let services: Vec<&str> = self.services(status).iter().map(|s| &*s.name).collect();
        let verb = self.verb;
        status.waits.iter().filter(move |wait| {
            let shares = wait.services.iter().any(|name| services.contains(&&**name));
            wait.verb == verb && (wait.services.is_empty() || shares)
        })
    }

    /// The services that it is about.
    pub(super) fn services<'s>(&self, status: &'s Status) -> Vec<&'s Service> {
        if self.all {
            return status.services.iter().collect();
        }
        let Some(group) = &self.group else {
            let named =
                |service: &&Service| self.service.as_ref().is_none_or(|n| *n == service.name);
            return status.services.iter().find(named).into_iter().collect();
        };
        let group = status.groups.iter().find(|one| one.name == *group);
        let is_in = |service: &&Service| group.is_some_and(|g| g.services.contains(&service.name));
        status.services.iter().filter(is_in).collect()
    }
}

/// The color of a service that still drains: the one that was left, or that of a service that is held.
fn draining(service: &Service) -> Option<(&Service, Color)> {
    if service.held.is_some() && !service.colors.of(service.active).drained {
        return Some((service, service.active));
    }
    let colors = [Color::Blue, Color::Green].map(|color| (color, service.colors.of(color)));
    let draining = |(_, status): &&(Color, &ColorStatus)| status.role == Role::Draining;
    let (color, _) = colors.iter().find(draining)?;
    Some((service, *color))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn r70_a_script_hears_of_each_reason_once_and_again_after_a_time() {
        let mut reporter = Reporter { drawn: false, began: Instant::now(), said: None };
        let progress = |reason: &str| WaitProgress {
            line: format!("{reason}, 1s"),
            reason: reason.to_owned(),
        };
        for (reason, is_new) in [("a", true), ("a", false), ("b", true), ("a", true)] {
            let before = reporter.said.clone();
            reporter.tell(&progress(reason));
            assert_eq!(reporter.said != before, is_new, "{reason}");
        }
        reporter.said = Instant::now().checked_sub(AGAIN).map(|at| ("a".to_owned(), at));
        let before = reporter.said.clone();
        reporter.tell(&progress("a"));
        assert_ne!(reporter.said, before);
    }
}
