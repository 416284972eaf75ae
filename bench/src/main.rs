//! Teal, nginx, HAProxy and a bare relay side by side: `make bench`, explained in bench/README.md.
//!
//! `rows` defines the measurements, `peers` starts the proxies, `load` sends requests, `statistics`
//! judges, `report` and `chart` write. All started processes end with this one; everything stays on
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

/// Measure Teal against its peers and write a report.
#[derive(Parser)]
struct Arguments {
    /// Paired rounds; with fewer than 9 nothing is judged.
    #[arg(long, default_value_t = 9, value_parser = clap::value_parser!(u16).range(1..))]
    rounds: u16,
    /// Seconds per run.
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u64).range(1..))]
    seconds: u64,
    /// Only these rows, separated by commas.
    #[arg(long, value_enum, value_delimiter = ',')]
    rows: Vec<Row>,
    /// The Go source of the article's program, to measure it as well.
    #[arg(long, value_name = "FILE")]
    article: Option<PathBuf>,
    /// The name of the report, such as a date.
    #[arg(long)]
    name: String,
    /// Directory for reports.
    #[arg(long, default_value = "bench/results")]
    out: PathBuf,
    /// Directory of the peers' configurations.
    #[arg(long, default_value = "bench/peers")]
    peers: PathBuf,
}

#[expect(clippy::print_stderr, reason = "a command-line tool speaks to its terminal")]
fn main() -> Result<()> {
    let arguments = Arguments::parse();
    // Child processes inherit it. Teal counts two descriptors per connection.
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
        // A failed row must not cost the others their figures; the report lists it.
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
