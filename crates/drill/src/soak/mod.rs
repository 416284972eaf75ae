//! The soak: the demo's setup under full load, with a seeded schedule of switches and
//! faults instead of a script, until enough was done.
//!
//! Every fault here must cost nothing: a color is drained before it is stopped, killed or
//! frozen for good, as a deploy script would do it; Teal is upgraded to itself. So a single
//! lost, doubled or late request fails the soak. The targets close idle connections early
//! throughout.
//!
//! A harsh soak kills processes with requests in flight: the active color, and Teal itself in the
//! middle of a switch. The requests in flight at that time are counted separately; all others, and
//! all promises about color, order and journal, are checked as strictly as ever.
//!
//! A soak of upgrades upgrades Teal before every switch, and nothing may be lost.

mod report;
mod schedule;

use std::path::PathBuf;
use std::time::{Duration, Instant};

use tokio::time::MissedTickBehavior;

use crate::demo::setup::{DemoSetup, SetupOptions};
use crate::demo::{DemoError, Signals};
use crate::load::Protocol;
use schedule::{Fault, Round, STORM_PACE, Schedule};

pub use report::SoakReport;

/// The targets' idle timeout: much shorter than Teal's. More than twice the longest freeze, so
/// that no target wakes up after this time and closes a connection with a new request on it. At
/// 400 ms a run lost three POSTs to 502.
const IDLE: Duration = Duration::from_millis(800);
/// The time that a switch waits for a color that was unhealthy or just started.
const WAIT_HEALTHY: Duration = Duration::from_secs(15);

/// The options of a soak.
#[derive(Debug, Clone)]
pub struct SoakOptions {
    /// The program that is run as `EXE run --config FILE` and as `EXE demo-target …`.
    pub teal_exe: PathBuf,
    /// The seed of the schedule.
    pub seed: u64,
    /// The minimum duration.
    pub time: Duration,
    /// The minimum number of switches.
    pub switches: u64,
    /// The minimum number of requests.
    pub requests: u64,
    /// The time limit for reaching them; beyond it the soak has failed.
    pub limit: Duration,
    /// The protocols; loops are assigned to them in turn.
    pub over: Vec<Protocol>,
    /// The number of closed loops, each with its own connection; over HTTP/2 up to four share one.
    pub connections: usize,
    /// The most requests per second of all loops together; none: unlimited.
    pub rate: Option<u32>,
    /// The kind of faults.
    pub faults: FaultPlan,
}

/// The faults of a soak, besides its switches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FaultPlan {
    /// All faults that must cost nothing.
    Mild,
    /// Kill the active color and Teal itself, and nothing else.
    Harsh,
    /// Upgrade Teal to itself before each switch, and nothing else.
    Upgrades,
}

/// Plays the soak. A signal ends it early, with its report.
///
/// # Cancellation
/// Dropping the future kills all children.
pub async fn run(options: SoakOptions) -> Result<SoakReport, DemoError> {
    let mut signals = Signals::listen().map_err(DemoError::Signals)?;
    let setup = SetupOptions {
        idle: Some(IDLE),
        failover: options.faults == FaultPlan::Harsh,
        over: &options.over,
    };
    let started = tokio::select! {
        started = DemoSetup::start(&options.teal_exe, setup) => Some(started?),
        () = signals.next() => None,
    };
    let Some(mut setup) = started else { return Err(DemoError::Interrupted) };
    setup.start_load(&options.over, options.connections, options.rate)?;
    let mut rounds = Vec::new();
    let played = tokio::select! {
        played = play(&mut setup, &options, &mut rounds) => Some(played),
        () = signals.next() => None,
    };
    // An interrupted fault may have left a target frozen.
    for color in ["blue", "green"] {
        setup.freeze(color, false);
    }
    let verdict = tokio::select! {
        verdict = setup.finish() => verdict,
        () = signals.next() => return Err(DemoError::Interrupted),
    };
    let interrupted = played.is_none();
    played.transpose()?;
    Ok(SoakReport::new(&options, verdict?, rounds, interrupted))
}

/// Plays rounds until there are enough, or until the time limit.
async fn play(
    setup: &mut DemoSetup,
    options: &SoakOptions,
    rounds: &mut Vec<(f64, f64, &'static str)>,
) -> Result<(), DemoError> {
    let started = Instant::now();
    for round in Schedule::new(options.seed, options.faults) {
        let sent = setup.load().map_or(0, |load| load.snapshot().sent);
        let enough = started.elapsed() >= options.time
            && setup.timeline().switches() >= options.switches
            && sent >= options.requests;
        if enough || started.elapsed() >= options.limit {
            break;
        }
        let began = started.elapsed().as_secs_f64();
        play_round(setup, round).await?;
        if let Some(name) = round.fault.name() {
            rounds.push((began, started.elapsed().as_secs_f64(), name));
        }
    }
    Ok(())
}

/// Makes one switch, with its fault before or after it.
async fn play_round(setup: &mut DemoSetup, round: Round) -> Result<(), DemoError> {
    tokio::time::sleep(round.pause).await;
    let (old, new) = (setup.timeline().active().to_owned(), setup.idle());
    if let Fault::KillTeal(delay) = round.fault {
        setup.until_health(new, true).await?;
        return setup.kill_teal(delay).await;
    }
    if let Fault::Upgrade = round.fault {
        setup.upgrade().await?;
    }
    if let Fault::FreezeOld(_) = round.fault {
        setup.freeze(&old, true);
    }
    setup.switch(Some(WAIT_HEALTHY)).await?;
    match round.fault {
        Fault::Nothing | Fault::KillTeal(_) | Fault::Upgrade => {}
        Fault::KillActive => {
            setup.until_health(&old, true).await?;
            setup.fail_over().await?;
            setup.restart(new).await?;
        }
        Fault::Stop => {
            setup.drained().await?;
            setup.stop(&old).await;
            setup.restart(&old).await?;
        }
        Fault::Kill => {
            setup.drained().await?;
            setup.drop_dead(&old).await;
            setup.restart(&old).await?;
        }
        Fault::KillAndTry => {
            setup.drained().await?;
            setup.kill(&old).await?;
            setup.refused_switch().await?;
            setup.restart(&old).await?;
        }
        Fault::FreezeIdle(time) => {
            setup.drained().await?;
            freeze(setup, &old, time).await;
        }
        Fault::FreezeActive(time) => freeze(setup, new, time).await,
        Fault::FreezeOld(time) => freeze(setup, &old, time).await,
        Fault::AilIdle(times) => setup.ail(&old, times).await?,
        Fault::AilActive(times) => setup.ail(new, times).await?,
        Fault::Storm(switches) => storm(setup, switches).await?,
    }
    Ok(())
}

/// Switches there and back at a steady pace, however long the last drain takes.
async fn storm(setup: &mut DemoSetup, switches: u32) -> Result<(), DemoError> {
    let mut pace = tokio::time::interval(STORM_PACE);
    pace.set_missed_tick_behavior(MissedTickBehavior::Skip);
    for _ in 0..switches {
        pace.tick().await;
        setup.switch(Some(WAIT_HEALTHY)).await?;
    }
    Ok(())
}

/// Freezes a color's target for a while.
async fn freeze(setup: &mut DemoSetup, color: &str, time: Duration) {
    setup.freeze(color, true);
    tokio::time::sleep(time).await;
    setup.freeze(color, false);
}
