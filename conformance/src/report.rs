//! The dated result: `docs/conformance.md`.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::time::Instant;

use anyhow::{Context, Result};

use crate::matrix::{Difference, Outcome};
use crate::place::Place;
use crate::suites::Verdict;
use crate::versions::version;
use crate::{clients, servers};

/// The results of one run.
#[derive(Debug)]
pub(crate) struct Report<'r> {
    pub(crate) date: &'r str,
    /// The start of the run.
    pub(crate) begun: Instant,
    /// The selected parts; empty: all.
    pub(crate) only: &'r [String],
    pub(crate) suites: &'r [Verdict],
    pub(crate) matrix: Option<&'r Outcome>,
}

impl Report<'_> {
    /// Writes the page.
    pub(crate) fn write(&self, place: &Place, file: &Path) -> Result<()> {
        let mut text = format!(
            "# Conformance, {}\n\nWritten by `make conformance`: Teal under suites, and between servers and clients, that \
             are not ours. What each part does: [conformance/README.md](../conformance/README.md).\n",
            self.date
        );
        let minutes = self.begun.elapsed().as_secs().div_ceil(60);
        let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        writeln!(text, "\nIt took {minutes} minutes on {cores} cores.")?;
        if cfg!(debug_assertions) {
            let build =
                "Teal was built without optimization, and its figures of speed say nothing.";
            writeln!(text, "{build}")?;
        }
        if !self.only.is_empty() {
            writeln!(text, "\nNot a whole run: only {}.", self.only.join(", "))?;
        }
        if !self.suites.is_empty() {
            text.push_str(
                "\n## Suites\n\n| suite | version | what was tried | result |\n|---|---|---|---|\n",
            );
            for one in self.suites {
                let Verdict { suite, version, tried, said, passed } = one;
                let verdict = if *passed { "passed" } else { "**failed**" };
                writeln!(text, "| {suite} | {version} | {tried} | {verdict}: {said} |")?;
            }
            text.push_str(SKIPPED);
        }
        if let Some(matrix) = self.matrix {
            text.push_str(&of_matrix(matrix)?);
        }
        text.push_str("\n## Versions\n\n");
        let teal = version(place, &format!("{} --version", place.teal.display()));
        writeln!(text, "- {teal}")?;
        let mut told = Vec::new();
        let clients = clients::KINDS.iter().map(|kind| (kind.name, kind.version));
        for (name, how) in
            clients.chain(servers::KINDS.iter().map(|kind| (kind.name, kind.version)))
        {
            if !told.contains(&how) {
                told.push(how);
                writeln!(text, "- {name}: {}", version(place, how))?;
            }
        }
        fs::write(file, text).with_context(|| format!("{} cannot be written", file.display()))
    }
}

/// Suites that no registry has in a form that runs here.
const SKIPPED: &str = "\nNot run: h2spec (a Go program, in none of Debian, PyPI, npm and the crate registry) and Autobahn's \
    test suite (its package on PyPI needs Python 2).\n";

fn of_matrix(matrix: &Outcome) -> Result<String> {
    let compared: usize = matrix.cells.values().map(|cell| cell.0).sum();
    let mut text = format!(
        "\n## Servers by clients\n\n{compared} runs of a case through Teal, each compared with the same client at the target itself; \
         {} more requests, messages and calls over the ends of idle connections, switches and upgrades of Teal. Each cell: \
         runs compared, and in parentheses the differences that are listed below with their reasons.\n\n",
        matrix.moved
    );
    let columns: Vec<_> = clients::KINDS.iter().map(|kind| kind.name).collect();
    writeln!(text, "| | {} |", columns.join(" | "))?;
    writeln!(text, "|---|{}", "---|".repeat(columns.len()))?;
    for server in &servers::KINDS {
        let cells = columns.iter().map(|client| match matrix.cells.get(&(server.name, client)) {
            None => String::new(),
            Some((runs, 0)) => runs.to_string(),
            Some((runs, explained)) => format!("{runs} ({explained})"),
        });
        writeln!(text, "| {} | {} |", server.name, cells.collect::<Vec<_>>().join(" | "))?;
    }
    for one in &matrix.left_out {
        writeln!(text, "\nNot played: {one}.")?;
    }
    if matrix.faults.is_empty() {
        text.push_str("\nNo other difference.\n");
    } else {
        text.push_str("\n### Faults\n\n");
        let mut told: Vec<(&Difference, usize)> = Vec::new();
        for fault in &matrix.faults {
            match told.iter_mut().find(|(one, _)| one.is_like(fault)) {
                Some((_, times)) => *times += 1,
                None => told.push((fault, 1)),
            }
        }
        for (fault, times) in told {
            writeln!(text, "- {times} × {fault}")?;
        }
    }
    text.push_str("\n### Differences that are right\n\n| times | where | difference | reason |\n|---|---|---|---|\n");
    for entry in matrix.expected.iter().filter(|entry| entry.met() > 0) {
        let lists = [&entry.cases, &entry.servers, &entry.clients, &entry.ways];
        let place = lists.iter().filter(|list| !list.is_empty()).map(|list| list.join(", "));
        let place = place.collect::<Vec<_>>().join("; ");
        let place = if place.is_empty() { "everywhere".to_owned() } else { place };
        let what = entry.differences.join(", ");
        writeln!(text, "| {} | {place} | {what} | {} |", entry.met(), entry.reason)?;
    }
    let unmet: Vec<_> = matrix.expected.iter().filter(|entry| entry.met() == 0).collect();
    if !unmet.is_empty() {
        text.push_str("\nNot met in this run:\n\n");
        for entry in unmet {
            writeln!(text, "- {}: {}", entry.differences.join(", "), entry.reason)?;
        }
    }
    Ok(text)
}
