//! `teal init` with the real program: what it asks on a terminal, what it takes by flags, what it refuses, and that
//! what it writes deploys.

mod deployed;
mod flags;
mod terminal;

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use testkit::CliResult;

/// The program under test.
const TEAL: &str = env!("CARGO_BIN_EXE_teal");

const SOON: Duration = Duration::from_secs(20);

/// Runs `teal init` without a terminal.
fn init(directory: &Path, flags: &[&str]) -> CliResult {
    let directory = directory.display().to_string();
    let arguments = ["init", &*directory].into_iter().chain(flags.iter().copied());
    testkit::run(Path::new(TEAL), arguments, &[], SOON)
}

/// All files below a directory, in order; none if it does not exist.
fn files_below(directory: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(directory).into_iter().flatten() {
        let path = entry.expect("an entry").path();
        if path.is_dir() { found.extend(files_below(&path)) } else { found.push(path) }
    }
    found.sort();
    found
}

/// The result of `teal check` of the configuration there.
fn check(directory: &Path) -> CliResult {
    let config = directory.join("teal.toml").display().to_string();
    testkit::run(Path::new(TEAL), ["check", "--config", &config], &[], SOON)
}
