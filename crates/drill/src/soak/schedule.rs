//! The schedule of a soak, drawn from a seed: the same seed gives the same schedule,
//! so a failure can be replayed.

use std::time::Duration;

use super::FaultPlan;
use crate::kind::scramble;

/// The fault around one switch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fault {
    /// None: the next switch comes while this one may still drain.
    Nothing,
    /// The old color is stopped with SIGTERM once it is drained, and restarted.
    Stop,
    /// The same with SIGKILL.
    Kill,
    /// Killed, and a switch to it is attempted, which must be refused.
    KillAndTry,
    /// The old color freezes once it is drained.
    FreezeIdle(Duration),
    /// The active color freezes.
    FreezeActive(Duration),
    /// The old color freezes before the switch, with requests on it, and drains after it.
    FreezeOld(Duration),
    /// The idle color fails this many health checks.
    AilIdle(u32),
    /// The active color fails this many health checks.
    AilActive(u32),
    /// This many more switches, a thousand a minute, each during the drain of the one before.
    Storm(u32),
    /// Teal is upgraded, and the switch is the newer one's first action.
    Upgrade,
    /// The active color is killed with SIGKILL, and Teal fails over by itself.
    KillActive,
    /// Teal is killed with SIGKILL this long after a switch was commanded, so that it may be during, before
    /// or after a write to its journal; and restarted.
    KillTeal(Duration),
}

/// One switch and what goes with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Round {
    /// Time before the switch.
    pub(super) pause: Duration,
    /// The fault around it.
    pub(super) fault: Fault,
}

/// The endless schedule of a seed.
#[derive(Debug, Clone)]
pub(super) struct Schedule {
    state: u64,
    faults: FaultPlan,
}

/// A switch without a fault takes at least this long with its pause, so that there
/// are never more than 1,000 switches in a minute.
const PAUSE_MIN_MS: u64 = 60;
const PAUSE_MAX_MS: u64 = 160;
/// The pause if Teal is upgraded in each round, which takes time itself.
const UPGRADE_PAUSE: Duration = Duration::from_millis(10);
/// Longest time that a target is frozen: well under every deadline of a request.
const FREEZE_MAX_MS: u64 = 300;
/// The longest delay of the kill: a switch is decided and published in less.
const KILL_MAX_MICROS: u64 = 4_000;
/// Most health checks that fail in a row.
const AIL_MAX: u64 = 4;
/// The number of switches in a storm.
const STORM_MIN: u64 = 16;
const STORM_MAX: u64 = 32;
/// The time from one switch of a storm to the next: a thousand a minute.
pub(super) const STORM_PACE: Duration = Duration::from_millis(60);

impl Schedule {
    /// The schedule of this seed.
    pub(super) fn new(seed: u64, faults: FaultPlan) -> Self {
        Self { state: scramble(seed), faults }
    }

    /// A fault that must cost nothing; most rounds have none.
    fn mild_fault(&mut self) -> Fault {
        let fault = self.draw(0, 31);
        let freeze = Duration::from_millis(self.draw(20, FREEZE_MAX_MS));
        let times = self.draw(1, AIL_MAX) as u32;
        let storm = self.draw(STORM_MIN, STORM_MAX) as u32;
        match fault {
            0 => Fault::Stop,
            1 => Fault::Kill,
            2 => Fault::KillAndTry,
            3 => Fault::FreezeIdle(freeze),
            4 | 5 => Fault::FreezeActive(freeze),
            6 | 7 => Fault::FreezeOld(freeze),
            8 => Fault::AilIdle(times),
            9 => Fault::AilActive(times),
            10 => Fault::Storm(storm),
            11 | 12 => Fault::Upgrade,
            _ => Fault::Nothing,
        }
    }

    /// A fault that kills processes with requests in flight, in one round of four.
    fn harsh_fault(&mut self) -> Fault {
        let delay = Duration::from_micros(self.draw(0, KILL_MAX_MICROS));
        match self.draw(0, 15) {
            0 => Fault::KillActive,
            1..4 => Fault::KillTeal(delay),
            _ => Fault::Nothing,
        }
    }

    /// A number from `least` to `most`.
    fn draw(&mut self, least: u64, most: u64) -> u64 {
        self.state = scramble(self.state);
        least + self.state % (most - least + 1)
    }
}

impl Iterator for Schedule {
    type Item = Round;

    fn next(&mut self) -> Option<Round> {
        let pause = Duration::from_millis(self.draw(PAUSE_MIN_MS, PAUSE_MAX_MS));
        let fault = match self.faults {
            FaultPlan::Mild => self.mild_fault(),
            FaultPlan::Harsh => self.harsh_fault(),
            FaultPlan::Upgrades => {
                return Some(Round { pause: UPGRADE_PAUSE, fault: Fault::Upgrade });
            }
        };
        Some(Round { pause, fault })
    }
}

impl Fault {
    /// Its name in the report; none if there is no fault.
    pub(super) fn name(self) -> Option<&'static str> {
        Some(match self {
            Self::Nothing => return None,
            Self::Stop => "stopped when drained",
            Self::Kill => "killed when drained",
            Self::KillAndTry => "killed, and a switch to it refused",
            Self::FreezeIdle(_) => "idle color frozen",
            Self::FreezeActive(_) => "active color frozen",
            Self::FreezeOld(_) => "frozen during a switch away",
            Self::AilIdle(_) => "idle color failed health checks",
            Self::AilActive(_) => "active color failed health checks",
            Self::Storm(_) => "a storm of switches",
            Self::Upgrade => "Teal upgraded to itself",
            Self::KillActive => "active color killed, failed over",
            Self::KillTeal(_) => "Teal killed during a switch",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn the_same_seed_is_the_same_schedule_and_another_is_another() {
        let first = |seed| Schedule::new(seed, FaultPlan::Mild).take(500).collect::<Vec<_>>();
        assert_eq!(first(7), first(7));
        assert_ne!(first(7), first(8));
    }

    #[test]
    fn two_hundred_rounds_of_any_seed_have_every_fault_in_bounds() {
        for seed in 0..20 {
            let rounds: Vec<_> = Schedule::new(seed, FaultPlan::Mild).take(200).collect();
            let faults: BTreeSet<_> =
                rounds.iter().filter_map(|round| round.fault.name()).collect();
            assert!(faults.len() >= 8, "seed {seed}: {faults:?}");
            // At most 1,000 switches in a minute.
            assert!(rounds.iter().all(|round| round.pause >= Duration::from_millis(60)));
        }
    }

    #[test]
    fn a_harsh_schedule_has_faults_that_cost_requests_and_nothing_else() {
        let rounds = Schedule::new(1, FaultPlan::Harsh).take(200);
        let faults: BTreeSet<_> = rounds.filter_map(|round| round.fault.name()).collect();
        assert_eq!(faults.len(), 2, "{faults:?}");
    }
}
