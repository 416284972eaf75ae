//! The result of a soak, as text and as JSON.

use std::collections::BTreeMap;
use std::fmt;

use serde::Serialize;

use super::SoakOptions;
use crate::ledger::{Verdict, grouped};

/// The result of a soak.
#[derive(Debug, Serialize)]
pub struct SoakReport {
    /// The seed that replays it.
    pub seed: u64,
    /// The ledger of the whole run.
    #[serde(flatten)]
    pub verdict: Verdict,
    /// Faults by name.
    pub faults: BTreeMap<&'static str, u64>,
    /// The start and end of each round with a fault, in seconds from the start, and its fault.
    pub rounds: Vec<(f64, f64, &'static str)>,
    /// Goals that were missed, in words.
    pub shortfalls: Vec<String>,
    /// Ended by a signal.
    pub interrupted: bool,
}

impl SoakReport {
    pub(super) fn new(
        options: &SoakOptions,
        verdict: Verdict,
        rounds: Vec<(f64, f64, &'static str)>,
        interrupted: bool,
    ) -> Self {
        let mut faults = BTreeMap::new();
        for (_, _, name) in &rounds {
            *faults.entry(*name).or_default() += 1;
        }
        let mut shortfalls = Vec::new();
        for (what, found, wanted) in [
            ("switches", verdict.switches, options.switches),
            ("requests", verdict.sent, options.requests),
        ] {
            if found < wanted && !interrupted {
                let limit = options.limit;
                shortfalls.push(format!("only {found} of {wanted} {what} within {limit:?}"));
            }
        }
        Self { seed: options.seed, verdict, faults, rounds, shortfalls, interrupted }
    }

    /// Returns true if nothing was lost, doubled or late, and enough was done.
    pub fn passed(&self) -> bool {
        self.verdict.is_lossless() && self.shortfalls.is_empty()
    }
}

impl fmt::Display for SoakReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.verdict)?;
        for (name, count) in &self.faults {
            writeln!(f, "  {name:<34}{:>12}", grouped(*count))?;
        }
        for shortfall in &self.shortfalls {
            writeln!(f, "  {shortfall}")?;
        }
        writeln!(f, "  the same schedule again: --seed {}", self.seed)
    }
}
