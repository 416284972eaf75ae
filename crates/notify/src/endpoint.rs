//! An endpoint while Teal runs: when it is tried next, what it has answered, and what is counted.

use std::time::Duration;

use config::{Notify, NotifyFormat};
use rules::Time;
use tokio::time::Instant;

use crate::backoff;
use crate::delivery::Outcome;

/// The progress of an endpoint, for operators. It shows no secret.
#[derive(Clone, Debug, PartialEq)]
pub struct EndpointStatus {
    /// Its name.
    pub name: String,
    /// Scheme, host and port of its URL.
    pub url: String,
    /// True if it gets sentences instead of data.
    pub slack: bool,
    /// The events that it gets, by name.
    pub events: Vec<&'static str>,
    /// The number of messages that wait for it.
    pub pending: usize,
    /// The time of the oldest of them.
    pub oldest: Option<Time>,
    /// The time of the next try; `None`: there is nothing to send, or a try is under way.
    pub next_try: Option<Time>,
    /// The last delivery.
    pub last_success: Option<Success>,
    /// The last try that failed.
    pub last_failure: Option<Failure>,
    /// The number of tries that have failed since the last delivery.
    pub failures: u32,
    /// True if nothing is sent to it until a reload or restart, since it answered 410.
    pub disabled: bool,
    /// The reason why a crash would lose messages.
    pub outbox_problem: Option<String>,
    /// The messages delivered since this Teal began.
    pub delivered: u64,
    /// The tries that have failed.
    pub failed: u64,
    /// The messages given up after 24 hours.
    pub expired: u64,
    /// The messages dropped because too many waited.
    pub dropped: u64,
}

/// A delivery.
#[derive(Clone, Debug, PartialEq)]
pub struct Success {
    /// The time.
    pub at: Time,
    /// The status of the answer.
    pub status: u16,
    /// The time that it took.
    pub took: Duration,
}

/// A try that failed.
#[derive(Clone, Debug, PartialEq)]
pub struct Failure {
    /// The time.
    pub at: Time,
    /// The reason.
    pub reason: String,
}

/// An endpoint.
#[derive(Debug)]
pub(crate) struct Endpoint {
    pub(crate) config: Notify,
    /// The id of the message that is being sent.
    pub(crate) sending: Option<String>,
    /// The earliest time of the next try.
    pub(crate) not_before: Option<Instant>,
    failures: u32,
    pub(crate) disabled: bool,
    last_success: Option<Success>,
    last_failure: Option<Failure>,
    delivered: u64,
    failed: u64,
    expired: u64,
    dropped: u64,
}

/// The messages that wait for an endpoint.
#[derive(Clone, Debug, Default)]
pub(crate) struct PendingMessages {
    pub(crate) count: usize,
    pub(crate) oldest: Option<Time>,
    pub(crate) problem: Option<String>,
}

impl Endpoint {
    pub(crate) fn new(config: Notify) -> Self {
        Self {
            config,
            sending: None,
            not_before: None,
            failures: 0,
            disabled: false,
            last_success: None,
            last_failure: None,
            delivered: 0,
            failed: 0,
            expired: 0,
            dropped: 0,
        }
    }

    /// Takes its configuration after a reload, which may have fixed what was wrong.
    pub(crate) fn reload(&mut self, config: Notify) {
        self.config = config;
        (self.not_before, self.failures, self.disabled) = (None, 0, false);
    }

    /// Returns true if the next message may be sent now.
    pub(crate) fn is_ready(&self) -> bool {
        let waits = self.not_before.is_some_and(|at| at > Instant::now());
        self.sending.is_none() && !self.disabled && !waits
    }

    /// Takes in the outcome of a try; returns true if the message is done with.
    pub(crate) fn take_in(&mut self, outcome: &Outcome, now: Time) -> bool {
        self.sending = None;
        let name = &self.config.name;
        let Some(reason) = &outcome.problem else {
            if self.failures > 0 {
                tracing::info!(endpoint = name, "notifications are delivered again");
            }
            (self.failures, self.not_before) = (0, None);
            self.delivered += 1;
            let status = outcome.status.unwrap_or_default();
            self.last_success = Some(Success { at: now, status, took: outcome.took });
            return true;
        };
        self.failed += 1;
        self.failures = self.failures.saturating_add(1);
        let pause = backoff::pause(self.failures, outcome.retry_after);
        self.not_before = Some(Instant::now() + pause);
        if outcome.is_gone() {
            self.disabled = true;
            tracing::error!(
                endpoint = name,
                "the endpoint answered 410: nothing is sent to it until Teal is reloaded; remove it from the configuration \
                 or correct its URL"
            );
        } else if self.failures == 1 {
            tracing::warn!(
                endpoint = name,
                reason,
                "a notification was not delivered; it is retried for 24 hours"
            );
        } else {
            tracing::debug!(endpoint = name, reason, ?pause, "a notification was not delivered");
        }
        self.last_failure = Some(Failure { at: now, reason: reason.clone() });
        false
    }

    /// Counts a message that was given up.
    pub(crate) fn expire(&mut self) {
        self.expired += 1;
        tracing::error!(
            endpoint = self.config.name,
            "a notification was given up after 24 hours; see `teal notify`"
        );
    }

    /// Counts a message that was dropped.
    pub(crate) fn drop_one(&mut self) {
        self.dropped += 1;
        if self.dropped.is_power_of_two() {
            tracing::error!(
                endpoint = self.config.name,
                dropped = self.dropped,
                "too many notifications wait: the oldest are dropped; see `teal notify`"
            );
        }
    }

    pub(crate) fn status(&self, pending: PendingMessages, now: Time) -> EndpointStatus {
        let waits = pending.count > 0 && self.sending.is_none() && !self.disabled;
        let left = self.not_before.map(|at| at.saturating_duration_since(Instant::now()));
        EndpointStatus {
            name: self.config.name.clone(),
            url: self.config.url.shown(),
            slack: self.config.format == NotifyFormat::Slack,
            events: self.config.events.iter().map(|event| event.as_str()).collect(),
            pending: pending.count,
            oldest: pending.oldest,
            next_try: waits.then(|| now.plus(left.unwrap_or_default())),
            last_success: self.last_success.clone(),
            last_failure: self.last_failure.clone(),
            failures: self.failures,
            disabled: self.disabled,
            outbox_problem: pending.problem,
            delivered: self.delivered,
            failed: self.failed,
            expired: self.expired,
            dropped: self.dropped,
        }
    }
}
