//! The result of a trial, as text and as JSON.

use std::fmt;
use std::time::Duration;

use serde::Serialize;

use super::TrialOptions;
use crate::ledger::Verdict;

/// The result of a trial.
#[derive(Debug, Serialize)]
pub struct TrialReport {
    /// The command that switched.
    pub command: String,
    /// The ledger of the whole run.
    #[serde(flatten)]
    pub verdict: Verdict,
    /// The median duration of a switch, in seconds.
    pub switch_seconds_p50: f64,
    /// The duration of the slowest switch, in seconds.
    pub switch_seconds_max: f64,
    /// Ended by a signal.
    pub interrupted: bool,
}

impl TrialReport {
    pub(super) fn new(
        options: &TrialOptions,
        verdict: Verdict,
        took: &[Duration],
        interrupted: bool,
    ) -> Self {
        let mut took: Vec<f64> = took.iter().map(Duration::as_secs_f64).collect();
        took.sort_by(f64::total_cmp);
        Self {
            command: options.switch.clone(),
            verdict,
            switch_seconds_p50: took.get(took.len() / 2).copied().unwrap_or_default(),
            switch_seconds_max: took.last().copied().unwrap_or_default(),
            interrupted,
        }
    }

    /// Returns true if nothing was lost, doubled or late.
    pub fn passed(&self) -> bool {
        self.verdict.is_lossless() && !self.interrupted
    }
}

impl fmt::Display for TrialReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.verdict)?;
        writeln!(
            f,
            "  switches took {:.0} ms (median), {:.0} ms at most: {}",
            self.switch_seconds_p50 * 1e3,
            self.switch_seconds_max * 1e3,
            self.command
        )
    }
}
