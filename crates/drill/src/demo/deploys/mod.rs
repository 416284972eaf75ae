//! `teal demo --deploy`: real deploys by `teal deploy`, under load, while every request is counted. One version is
//! good, one never becomes healthy, one fails once it has the traffic and goes back, and one is good again. The last one
//! passes all checks and fails every other request of its clients: its rollout takes it back.
//!
//! `setup` is what it happens on.

mod links;
mod setup;

use std::time::Duration;

use super::screen::Screen;
use super::{DemoError, DemoOptions, DemoReport, Signals};
use setup::{BROKEN, DeploySetup, FAULTY, UNHEALTHY};

/// The pause between two deploys, with and without an audience.
const BEAT_ONCE: Duration = Duration::from_millis(500);
const BEAT_SHOWN: Duration = Duration::from_millis(2_500);

/// One deploy of the scene.
struct Act {
    version: &'static str,
    /// The kind of version that it deploys, in words.
    shows: &'static str,
    /// The exit codes that `teal deploy` may have.
    exit: &'static [i32],
}

const ACTS: [Act; 5] = [
    Act { version: "v2", shows: "a good version", exit: &[0] },
    Act { version: UNHEALTHY, shows: "a version that never becomes healthy", exit: &[3] },
    Act { version: FAULTY, shows: "a version that fails once it has the traffic", exit: &[6] },
    Act { version: "v5", shows: "a version with all of that repaired", exit: &[0] },
    // The deploy may be over by then.
    Act {
        version: BROKEN,
        shows: "a version that passes all checks and fails every other client",
        exit: &[0, 6],
    },
];

/// The switches of all acts: one of each good version, and those there and back.
const SWITCHES: u64 = 6;

/// Plays the scene and prints its ledger.
///
/// # Cancellation
/// Dropping the future ends all that was deployed.
pub(super) async fn run(options: &DemoOptions, screen: &Screen) -> Result<DemoReport, DemoError> {
    let mut signals = Signals::listen().map_err(DemoError::Signals)?;
    let started = tokio::select! {
        started = DeploySetup::start(&options.teal_exe, screen) => Some(started?),
        () = signals.next() => None,
    };
    let Some(mut setup) = started else { return Err(DemoError::Interrupted) };
    let played = tokio::select! {
        played = play(&mut setup, screen, options) => Some(played),
        () = signals.next() => None,
    };
    screen.say("stopping: waiting for pending requests");
    let verdict = tokio::select! {
        verdict = setup.finish() => verdict,
        () = signals.next() => return Err(DemoError::Interrupted),
    };
    let interrupted = played.is_none();
    played.transpose()?;
    let verdict = verdict?;
    let mut shortfalls = Vec::new();
    if verdict.switches < SWITCHES {
        shortfalls.push(format!("only {} of {SWITCHES} switches", verdict.switches));
    }
    let report = DemoReport { verdict, shortfalls, interrupted };
    screen.ledger(&report).map_err(DemoError::Output)?;
    Ok(report)
}

async fn play(
    setup: &mut DeploySetup,
    screen: &Screen,
    options: &DemoOptions,
) -> Result<(), DemoError> {
    let beat = if options.once { BEAT_ONCE } else { BEAT_SHOWN };
    for Act { version, shows, exit } in ACTS {
        tokio::time::sleep(beat).await;
        if version == BROKEN {
            setup.known().await?;
        }
        screen.say(&format!("{version} is {shows}"));
        setup.deploy(version, exit, screen).await?;
    }
    setup.taken_back(screen).await?;
    tokio::time::sleep(beat).await;
    Ok(())
}
