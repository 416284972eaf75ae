//! Interrupted calls: reports whether anything was decided.
//!
//! The connection is closed first, which ends a call that has decided nothing. Then Teal is polled
//! until it no longer lists the call: from then on the generations are final.

use std::time::Duration;

use contract::wire::{Service, Status};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::time::{Instant, sleep};

use super::http::AdminResponse;
use super::progress::Watch;
use super::reach::Teal;
use crate::exit::{Exit, Failure};

/// The time limit for Teal to notice that the caller has gone.
const PATIENCE: Duration = Duration::from_secs(3);
const RHYTHM: Duration = Duration::from_millis(50);

/// SIGINT (Ctrl-C) and SIGTERM (a cancelled pipeline). A second one ends the command at once.
#[derive(Debug)]
pub(super) struct Interrupts {
    interrupt: Signal,
    terminate: Signal,
}

impl Interrupts {
    pub(super) fn listen() -> Result<Self, Failure> {
        let listen = |kind| signal(kind);
        let both = listen(SignalKind::interrupt())
            .and_then(|interrupt| Ok((interrupt, listen(SignalKind::terminate())?)));
        let (interrupt, terminate) =
            both.map_err(|error| Failure::failed(format!("cannot listen for signals: {error}")))?;
        Ok(Self { interrupt, terminate })
    }

    pub(super) async fn next(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}

/// The failure of a command whose call was interrupted.
pub(super) async fn interrupted(
    teal: &Teal,
    watch: &Watch,
    before: Option<&Status>,
    interrupts: &mut Interrupts,
) -> Failure {
    let message = tokio::select! {
        message = outcome(teal, watch, before) => message,
        () = interrupts.next() => "interrupted twice; see: teal status".to_owned(),
    };
    Failure::new(Exit::Interrupted, message)
}

async fn outcome(teal: &Teal, watch: &Watch, before: Option<&Status>) -> String {
    let unknown = |why: &str| {
        format!("interrupted: cannot tell whether anything was decided ({why}); see: teal status")
    };
    let Some(before) = before else { return unknown("the state before the call is unknown") };
    let limit = Instant::now() + PATIENCE;
    loop {
        let Some(now) = teal.get("/admin/status").await.ok().and_then(|answer| read(&answer))
        else {
            return unknown("Teal does not answer");
        };
        let stages: Vec<_> = watch.waits(&now).map(|wait| wait.stage.as_str()).collect();
        if stages.is_empty() {
            return decided(watch, before, &now);
        }
        if Instant::now() >= limit {
            return if stages.contains(&"writing") {
                "interrupted: the change is decided and goes on; see: teal status".to_owned()
            } else {
                unknown("the call, or a later one, is still waiting there")
            };
        }
        sleep(RHYTHM).await;
    }
}

fn decided(watch: &Watch, before: &Status, now: &Status) -> String {
    if watch.verb == "upgrade" {
        return "interrupted: an upgrade that has begun goes on; see: teal status".to_owned();
    }
    let state = |service: &Service| (service.generation, service.held.is_some());
    let was = |name: &str| before.services.iter().find(|one| one.name == name).map(state);
    let services = watch.services(now);
    let changed = services.iter().find(|service| was(&service.name) != Some(state(service)));
    match (changed, services.first()) {
        (Some(service), _) => format!(
            "interrupted: {} was changed meanwhile: {} is active at generation {}; what was \
             begun goes on; see: teal status and teal history",
            service.name, service.active, service.generation
        ),
        (None, Some(service)) if services.len() == 1 => format!(
            "interrupted: nothing was decided; {} stays on {}, generation {}",
            service.name, service.active, service.generation
        ),
        (None, _) => "interrupted: nothing was decided about where traffic goes".to_owned(),
    }
}

/// Parses a status; `None` if the answer is something else.
pub(super) fn read(answer: &AdminResponse) -> Option<Status> {
    serde_json::from_slice(&answer.body).ok()
}
