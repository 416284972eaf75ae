//! Teal, nginx, HAProxy and a bare relay side by side: `make bench`, explained in bench/README.md.
//!
//! `rows` says what is measured, `peers` starts the proxies, `load` sends, `statistics` judges,
//! `report` and `chart` write. Whatever is started ends with this process; everything stays on
//! loopback.

#![forbid(unsafe_code)]

mod chart;
mod load;
mod machine;
mod peers;
mod process;
mod report;
mod rows;
mod statistics;

use std::path::PathBuf;

use anyhow::{Result, bail};
use clap::{Parser, ValueEnum};

use testkit::Pki;

use crate::machine::Machine;
use crate::peers::Place;
use crate::rows::{Effort, Row};

/// Measure Teal beside its peers and write a report.
#[derive(Parser)]
struct Arguments {
    /// Paired rounds; fewer than 9 judge nothing.
    #[arg(long, default_value_t = 9, value_parser = clap::value_parser!(u16).range(1..))]
    rounds: u16,
    /// Seconds of each run.
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u64).range(1..))]
    seconds: u64,
    /// Only these rows, separated by commas.
    #[arg(long, value_enum, value_delimiter = ',')]
    rows: Vec<Row>,
    /// The source of the article's program in Go, to measure it as well.
    #[arg(long, value_name = "FILE")]
    article: Option<PathBuf>,
    /// The name of the report, such as a date.
    #[arg(long)]
    name: String,
    /// Where reports are written.
    #[arg(long, default_value = "bench/results")]
    out: PathBuf,
    /// Where the configurations of the peers are.
    #[arg(long, default_value = "bench/peers")]
    peers: PathBuf,
}

#[expect(clippy::print_stderr, reason = "a command-line tool speaks to its terminal")]
fn main() -> Result<()> {
    let arguments = Arguments::parse();
    // What is started here inherits it. Teal counts two descriptors for a connection.
    let connections = proxy::raise_descriptor_limit();
    let idle = connections.saturating_sub(rows::BUSY).min(rows::IDLE);
    let effort = Effort { rounds: arguments.rounds.into(), seconds: arguments.seconds, idle };
    let work = tempfile::tempdir()?;
    let place = Place {
        work: work.path().to_owned(),
        pki: Pki::new(work.path()),
        peers: arguments.peers,
        backend: peers::free_port()?.port(),
        article: arguments.article,
    };
    let machine = Machine::look(effort)?;
    let _backend = place.start_backend()?;
    let rows = match arguments.rows.as_slice() {
        [] => Row::value_variants(),
        rows => rows,
    };
    let (mut figures, mut failed) = (Vec::new(), Vec::new());
    for row in rows {
        eprintln!("{row:?} …");
        // One that fails must not cost the others their figures; the report says so.
        match row.measure(&place, effort) {
            Ok(measured) => figures.extend(measured),
            Err(error) => failed.push(format!("{row:?}: {error:#}")),
        }
    }
    report::write(&arguments.out, &arguments.name, &machine, &figures, &failed)?;
    if !failed.is_empty() {
        bail!("not measured:\n{}", failed.join("\n"));
    }
    Ok(())
}
