//! `teal drill`, `teal demo` and the demo's target: the entry points to the crate `drill`.

use std::path::PathBuf;
use std::time::Duration;

use drill::demo::{DemoOptions, OutputMode};
use drill::load::{DrillError, DrillOptions, Protocol, Trust};
use drill::soak::{FaultPlan, SoakOptions};
use drill::target::TargetOptions;
use drill::trial::{Targets, TrialError, TrialOptions};

use crate::Outcome;
use crate::cli::{DemoArgs, DemoTargetArgs, DrillArgs};
use crate::client::block_on;
use crate::exit::{Exit, Failure};
use crate::show;

/// The timeout of one request of a drill.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(30);

/// The timeout of one upgrade of a drill, with its switch.
const UPGRADE_TIMEOUT: Duration = Duration::from_secs(10);

/// Loads a URL, or its own targets and Teal, for a while and reports what was lost.
pub(crate) fn drill(args: &DrillArgs) -> Outcome {
    match (&args.url, &args.switch) {
        (Some(url), Some(switch)) => trial(args, url.clone(), switch.clone()),
        (Some(url), None) => drill_page(args, url.clone()),
        (None, _) => soak(args),
    }
}

/// Loads a URL for a while and reports what was lost.
fn drill_page(args: &DrillArgs, url: String) -> Outcome {
    let options = DrillOptions {
        url,
        over: over(args),
        trust: trust(args),
        duration: args.time.duration,
        connections: usize::from(args.connections),
        rate: args.rate,
        open: args.open,
        timeout: REQUEST_TIMEOUT,
    };
    let verdict = block_on(drill::load::drill(options))?.map_err(|error| unbegun(&error))?;
    tell(args, &verdict)?;
    Ok(if verdict.is_lossless() { Exit::Done } else { Exit::Failed })
}

/// Switches a proxy with the user's commands and reports what it lost.
fn trial(args: &DrillArgs, url: String, switch: String) -> Outcome {
    let targets = match (&args.stop, &args.start) {
        (Some(stop), Some(start)) => Targets::Commands { stop: stop.clone(), start: start.clone() },
        _ => Targets::Own { blue: args.blue, green: args.green },
    };
    let options = TrialOptions {
        teal_exe: this_program()?,
        url,
        over: over(args),
        trust: trust(args),
        switch,
        targets,
        switches: args.switches,
        time: args.time.duration,
        connections: usize::from(args.connections),
        rate: args.rate,
        open: args.open,
        timeout: REQUEST_TIMEOUT,
    };
    let report = block_on(drill::trial::run(options))?.map_err(|error| match error {
        TrialError::Url(error) => unbegun(&error),
        error => Failure::failed(error.to_string()),
    })?;
    tell(args, &report)?;
    Ok(if report.passed() { Exit::Done } else { Exit::Failed })
}

/// The protocols to use; if empty, that of the URL's scheme.
fn over(args: &DrillArgs) -> Vec<Protocol> {
    args.over.iter().copied().map(Protocol::from).collect()
}

fn trust(args: &DrillArgs) -> Trust {
    args.ca.clone().map_or(Trust::Machine, Trust::File)
}

/// The failure of a drill that could not begin.
fn unbegun(error: &DrillError) -> Failure {
    match error {
        DrillError::Url { .. } | DrillError::Protocol { .. } | DrillError::Tls(_) => {
            Failure::usage(error.to_string())
        }
        _ => Failure::failed(error.to_string()),
    }
}

/// Prints the report, for people or for programs.
fn tell(
    args: &DrillArgs,
    report: &(impl serde::Serialize + std::fmt::Display),
) -> Result<(), Failure> {
    if args.json {
        show::value(report)
    } else {
        show::text(&report.to_string());
        Ok(())
    }
}

/// Drills targets and a Teal that are started for it.
fn soak(args: &DrillArgs) -> Outcome {
    let seed = args.seed.map_or_else(getrandom::u64, Ok);
    let seed =
        seed.map_err(|error| Failure::failed(format!("cannot draw a random seed: {error}")))?;
    let faults = match (args.harsh, args.upgrades) {
        (true, _) => FaultPlan::Harsh,
        (false, Some(_)) => FaultPlan::Upgrades,
        (false, None) => FaultPlan::Mild,
    };
    // With --upgrades, their number is the limit, not a time.
    let (time, limit) = match args.upgrades {
        Some(count) => (Duration::ZERO, UPGRADE_TIMEOUT * count),
        None => (args.time.duration, args.time.duration),
    };
    let options = SoakOptions {
        teal_exe: this_program()?,
        seed,
        time,
        switches: args.upgrades.map_or(1, u64::from),
        requests: 1,
        limit,
        over: if args.over.is_empty() { Protocol::ALL.to_vec() } else { over(args) },
        connections: usize::from(args.connections),
        rate: args.rate,
        faults,
    };
    let report = block_on(drill::soak::run(options))?
        .map_err(|error| Failure::failed(format!("{error}; repeat it with --seed {seed}")))?;
    tell(args, &report)?;
    Ok(if report.passed() { Exit::Done } else { Exit::Failed })
}

/// The path of this program.
fn this_program() -> Result<PathBuf, Failure> {
    std::env::current_exe()
        .map_err(|error| Failure::failed(format!("cannot find the path of this program: {error}")))
}

/// Runs the demo.
pub(crate) fn demo(args: &DemoArgs) -> Outcome {
    let teal_exe = this_program()?;
    let show = match (args.json, show::terminal()) {
        (true, _) => OutputMode::Nothing,
        (false, Some(color)) => OutputMode::Live { color },
        (false, None) => OutputMode::Plain,
    };
    let mut options = DemoOptions::new(teal_exe, args.once || args.json, show);
    options.deploys = args.deploy;
    let report =
        block_on(drill::demo::run(options))?.map_err(|error| Failure::failed(error.to_string()))?;
    if args.json {
        show::value(&report.verdict)?;
    }
    Ok(if report.passed() { Exit::Done } else { Exit::Failed })
}

/// Serves as a target of the demo until its parent ends it.
pub(crate) fn demo_target(args: DemoTargetArgs) -> Outcome {
    let DemoTargetArgs { listen, version, ledger, idle, link, unhealthy, faulty, broken } = args;
    let idle = idle.map(|idle| idle.duration);
    let options = TargetOptions { listen, version, ledger, idle, link, unhealthy, faulty, broken };
    let served = block_on(drill::target::serve(options))?;
    served
        .map(|()| Exit::Done)
        .map_err(|error| Failure::failed(format!("the demo target on {listen}: {error}")))
}
