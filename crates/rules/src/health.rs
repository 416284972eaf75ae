//! The health of a target, from its probes: counted by rise and fall, never guessed.
//!
//! A target is `Unknown` until proven. [`TargetHealth`] counts; [`TargetHealth::proof`] is
//! the target's part of promise L9. Moments are durations since the process started, so
//! that a wall clock that is set can't make old evidence look fresh.

use std::collections::VecDeque;
use std::time::Duration;

use crate::spec::Health;
use crate::target::TargetName;
use crate::time::Time;

/// One finished probe of one target.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Probe {
    /// The time of its end.
    pub at: Time,
    /// The time of its end, since the process started.
    pub moment: Duration,
    /// The time it took.
    pub latency: Duration,
    /// The result.
    pub outcome: ProbeOutcome,
}

/// The result of a probe.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ProbeOutcome {
    /// The target answered as expected.
    Passed {
        /// The status of the answer.
        status: u16,
    },
    /// It did not.
    Failed {
        /// The status, if an answer came.
        status: Option<u16>,
        /// The reason, in words for people: "connection refused".
        reason: Box<str>,
    },
}

/// The health state of a target.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Standing {
    /// Not proven either way yet.
    #[default]
    Unknown,
    /// `rise` probes in a row passed, and fewer than `fall` in a row failed since.
    Up,
    /// `fall` probes in a row failed, and fewer than `rise` in a row passed since.
    Down,
}

/// One passed probe, as evidence for a switch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proof {
    /// The target that was probed.
    pub target: TargetName,
    /// The time of the probe's end.
    pub at: Time,
    /// The status of the answer.
    pub status: u16,
    /// The time it took.
    pub latency: Duration,
}

/// The result of all probes of one target so far.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TargetHealth {
    standing: Standing,
    last: Option<Probe>,
    passes: VecDeque<Pass>, // since the last failure, the newest `rise` of them
    failures: u32,          // in a row, up to now
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Pass {
    at: Time,
    moment: Duration,
    status: u16,
    latency: Duration,
}

/// The reason why a target is not proven healthy now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unproven {
    /// The newest probe failed, with this reason.
    Failing(Box<str>),
    /// Too few probes passed, or the newest is too old: more probes can tell.
    TooLittle,
}

// === impl TargetHealth ===

impl TargetHealth {
    /// Counts one probe; `Some` is the new standing if it changed.
    pub fn record(&mut self, probe: Probe, settings: &Health) -> Option<Standing> {
        let before = self.standing;
        match &probe.outcome {
            ProbeOutcome::Passed { status } => {
                let (at, moment, latency) = (probe.at, probe.moment, probe.latency);
                self.passes.push_back(Pass { at, moment, status: *status, latency });
                while self.passes.len() > rise(settings) {
                    self.passes.pop_front();
                }
                self.failures = 0;
                if self.passes.len() >= rise(settings) {
                    self.standing = Standing::Up;
                }
            }
            ProbeOutcome::Failed { .. } => {
                self.passes.clear();
                self.failures = self.failures.saturating_add(1);
                if self.failures >= settings.fall {
                    self.standing = Standing::Down;
                }
            }
        }
        self.last = Some(probe);
        (self.standing != before).then_some(self.standing)
    }

    /// Forgets everything but the last probe, because the way of probing, or the environment, has changed.
    pub fn forget(&mut self) {
        *self = Self { last: self.last.take(), ..Self::default() };
    }

    /// The current health state.
    pub fn standing(&self) -> Standing {
        self.standing
    }

    /// The newest probe.
    pub fn last(&self) -> Option<&Probe> {
        self.last.as_ref()
    }

    /// The number of probes that passed in a row up to now; at most `rise`.
    pub fn passes(&self) -> u32 {
        u32::try_from(self.passes.len()).unwrap_or(u32::MAX)
    }

    /// The number of probes that failed in a row up to now.
    pub fn failures(&self) -> u32 {
        self.failures
    }

    /// Returns true if the newest probe and the state agree, so that the usual interval is enough.
    pub fn is_settled(&self) -> bool {
        match self.standing {
            Standing::Unknown => false,
            Standing::Up => self.failures == 0,
            Standing::Down => self.passes.is_empty(),
        }
    }

    /// Returns true if the newest `rise` probes passed, however old they are.
    pub fn is_healthy(&self, settings: &Health) -> bool {
        self.passes.len() >= rise(settings)
    }

    /// This target's part of the evidence for a switch (L9): the newest `rise` probes, all
    /// passed, the last less than one interval before `now`.
    // lossless: L9
    pub fn proof(
        &self,
        target: &TargetName,
        settings: &Health,
        now: Duration,
    ) -> Result<Vec<Proof>, Unproven> {
        if let Some(ProbeOutcome::Failed { reason, .. }) =
            self.last.as_ref().map(|probe| &probe.outcome)
        {
            return Err(Unproven::Failing(reason.clone()));
        }
        let fresh = |pass: &Pass| now.saturating_sub(pass.moment) < settings.interval;
        if !self.is_healthy(settings) || !self.passes.back().is_some_and(fresh) {
            return Err(Unproven::TooLittle);
        }
        let proof = |pass: &Pass| Proof {
            target: target.clone(),
            at: pass.at,
            status: pass.status,
            latency: pass.latency,
        };
        Ok(self.passes.iter().map(proof).collect())
    }
}

fn rise(settings: &Health) -> usize {
    settings.rise.max(1) as usize
}

// === impl ProbeOutcome, Standing ===

impl ProbeOutcome {
    /// Returns true if the probe passed.
    pub fn passed(&self) -> bool {
        matches!(self, Self::Passed { .. })
    }

    /// The status of the answer, if one came.
    pub fn status(&self) -> Option<u16> {
        match self {
            Self::Passed { status } => Some(*status),
            Self::Failed { status, .. } => *status,
        }
    }

    /// The reason why it failed; `None` if it passed.
    pub fn reason(&self) -> Option<&str> {
        match self {
            Self::Passed { .. } => None,
            Self::Failed { reason, .. } => Some(reason),
        }
    }
}

impl Standing {
    /// The word used in every interface.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Up => "up",
            Self::Down => "down",
        }
    }
}
