//! Teal under third-party test suites, and between third-party servers and clients: `make conformance`,
//! explained in conformance/README.md.
//!
//! `place` installs, `servers` and `clients` start processes, `cases` defines the requests, `matrix` plays
//! them directly at the target and through Teal, `compare` finds differences, `expected` explains the
//! expected ones, `suites` runs whole suites, `report` writes docs/conformance.md.
//! Everything stays on loopback, and all started processes end with this one.

#![forbid(unsafe_code)]

mod cases;
mod clients;
mod compare;
mod expected;
mod matrix;
mod place;
mod process;
mod report;
mod servers;
mod suites;
mod versions;

use std::path::PathBuf;
use std::time::Instant;

use anyhow::{Context, Result, bail, ensure};
use clap::Parser;

use crate::place::Place;
use crate::report::Report;
use crate::suites::{SUITES, Verdict};

/// Run third-party servers, clients and suites against Teal, and write the result.
#[derive(Parser)]
struct Arguments {
    /// Only these parts, separated by commas: matrix, and the names of suites.
    #[arg(long, value_delimiter = ',')]
    only: Vec<String>,
    /// Only these servers of the matrix.
    #[arg(long, value_delimiter = ',')]
    servers: Vec<String>,
    /// Only these clients of the matrix.
    #[arg(long, value_delimiter = ',')]
    clients: Vec<String>,
    /// The date of the result.
    #[arg(long)]
    name: String,
    /// Directory with the sources of servers and clients.
    #[arg(long, default_value = "conformance")]
    sources: PathBuf,
    /// File for the result.
    #[arg(long, default_value = "docs/conformance.md")]
    out: PathBuf,
}

fn main() -> Result<()> {
    let arguments = Arguments::parse();
    check(&arguments)?;
    let begun = Instant::now();
    let program = std::env::current_exe()?;
    let place = Place::prepare(&arguments.sources, program.parent().context("a directory")?)?;
    let work = tempfile::tempdir()?;
    // Servers that run as another user must be able to reach their files below it.
    let open = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    std::fs::set_permissions(work.path(), open)?;
    let chosen =
        |name: &str| arguments.only.is_empty() || arguments.only.iter().any(|one| one == name);
    let mut verdicts: Vec<Verdict> = Vec::new();
    for suite in SUITES.iter().filter(|suite| chosen(suite.name)) {
        tell(suite.name);
        let found = (suite.run)(&place, work.path()).with_context(|| suite.name)?;
        for one in &found {
            tell(&format!("{}: {}: {}", one.suite, one.tried, one.said));
        }
        verdicts.extend(found);
    }
    let matrix = if chosen("matrix") {
        Some(matrix::run(&place, work.path(), &arguments.servers, &arguments.clients)?)
    } else {
        None
    };
    let only = [&arguments.only[..], &arguments.servers, &arguments.clients].concat();
    let report = Report {
        date: &arguments.name,
        begun,
        only: &only,
        suites: &verdicts,
        matrix: matrix.as_ref(),
    };
    report.write(&place, &arguments.out)?;
    let failed = verdicts.iter().filter(|one| !one.passed).count();
    let faults = matrix.map_or(0, |matrix| matrix.faults.len());
    if failed + faults > 0 {
        bail!(
            "{failed} suites failed, {faults} differences have no reason; see {}",
            arguments.out.display()
        );
    }
    Ok(())
}

/// Rejects unknown names, which would select nothing and pass.
fn check(arguments: &Arguments) -> Result<()> {
    let suites = SUITES.iter().map(|suite| suite.name);
    let parts: Vec<_> = suites.chain(["matrix"]).collect();
    let servers: Vec<_> = servers::KINDS.iter().map(|kind| kind.name).collect();
    let clients: Vec<_> = clients::KINDS.iter().map(|kind| kind.name).collect();
    for (given, known) in
        [(&arguments.only, parts), (&arguments.servers, servers), (&arguments.clients, clients)]
    {
        for name in given {
            ensure!(known.contains(&&**name), "{name:?} is not one of {}", known.join(", "));
        }
    }
    Ok(())
}

/// A line of progress.
#[expect(clippy::print_stderr, reason = "a command-line tool speaks to its terminal")]
fn tell(line: &str) {
    eprintln!("{line}");
}
