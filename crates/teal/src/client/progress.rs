//! Waiting for a change: shows how far it is, and notices if Teal is gone.
//!
//! The answer to a switch may take as long as the drain, so it has no deadline of its own.
//! Instead Teal is asked for its status beside it: when that fails for ten seconds, nobody is
//! there to answer.

use std::time::Duration;

use control::api::text::{standing, waiting};
use control::api::wire::{Color, ColorStatus, Role, Service, Status, Wait};
use tokio::time::Instant;

use super::http::Answer;
use super::interrupt::{Interrupts, interrupted, read};
use super::reach::Teal;
use crate::exit::{Exit, Failure};
use crate::show;

/// How often a person sees news, and how often a script's Teal is looked after.
const RHYTHM: (Duration, Duration) = (Duration::from_millis(200), Duration::from_secs(2));
/// How long Teal may be silent.
const SILENCE_MAX: Duration = Duration::from_secs(10);

/// What is being waited for.
#[derive(Clone, Debug, Default)]
pub(super) struct Watch {
    /// What is asked for; a rollback and a switch are listed under their own names.
    pub(super) verb: &'static str,
    /// It is about all services.
    pub(super) all: bool,
    pub(super) service: Option<String>,
    /// The group, instead of a service.
    pub(super) group: Option<String>,
}

/// Waits for the answer. On a terminal, what is watched is drawn on one line meanwhile, unless the
/// answer is wanted as JSON. Whoever interrupts it hears whether anything was decided.
pub(super) async fn watched(
    teal: &Teal,
    watch: &Watch,
    json: bool,
    answer: impl Future<Output = Result<Answer, Failure>>,
) -> Result<Answer, Failure> {
    let mut interrupts = Interrupts::listen()?;
    let before = tokio::select! {
        before = teal.get("/admin/status") => read(&before?),
        () = interrupts.next() => {
            return Err(Failure::new(Exit::Interrupted, "interrupted before anything was asked"));
        }
    };
    let interrupt = tokio::select! {
        result = in_sight(teal, (!json).then_some(watch), answer) => return result,
        () = interrupts.next() => interrupted(teal, watch, before.as_ref(), &mut interrupts),
    };
    Err(interrupt.await)
}

async fn in_sight(
    teal: &Teal,
    watch: Option<&Watch>,
    answer: impl Future<Output = Result<Answer, Failure>>,
) -> Result<Answer, Failure> {
    let watch = watch.filter(|_| show::is_watched());
    let mut answer = std::pin::pin!(answer);
    let mut ticks = tokio::time::interval(if watch.is_some() { RHYTHM.0 } else { RHYTHM.1 });
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
            status = teal.get("/admin/status") => match status {
                Ok(status) => {
                    heard = Instant::now();
                    if let Some(line) = watch.and_then(|watch| watch.line(&status)) {
                        show::progress(&line);
                    }
                }
                Err(_) if heard.elapsed() > SILENCE_MAX => {
                    let message = "Teal took the call but has been silent for ten seconds since; \
                                   what was begun may still happen; see: teal status";
                    break Err(Failure::new(Exit::Unreachable, message));
                }
                Err(_) => {}
            },
        }
    };
    if watch.is_some() {
        show::progress("");
    }
    result
}

// === impl Watch ===

impl Watch {
    /// One line on how far it is; `None` if the answer can't be understood.
    fn line(&self, status: &Answer) -> Option<String> {
        let status = read(status)?;
        if let Some(wait) = self.waits(&status).next() {
            return Some(waiting(wait));
        }
        let services = self.services(&status);
        let draining: Vec<_> = services.into_iter().filter_map(draining).collect();
        (!draining.is_empty()).then(|| draining.join("; "))
    }

    /// What Teal lists of this call, or of a later one like it.
    pub(super) fn waits<'s>(&self, status: &'s Status) -> impl Iterator<Item = &'s Wait> {
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

fn draining(service: &Service) -> Option<String> {
    let colors = [Color::Blue, Color::Green].map(|color| (color, service.colors.of(color)));
    let draining = |(_, status): &&(Color, &ColorStatus)| status.role == Role::Draining;
    let (color, status) = colors.iter().find(draining)?;
    Some(format!("{}: {color} is {}", service.name, standing(*color, status)))
}
