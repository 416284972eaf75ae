//! The files and commands that people copy from the repository work as they stand: the deploy script, the unit for
//! systemd, the commands in the documents.

mod deploy_script;
mod deploys;
mod documented_commands;
mod documented_settings;
mod systemd_unit;

use std::fs;
use std::path::{Path, PathBuf};

/// The program under test.
const TEAL: &str = env!("CARGO_BIN_EXE_teal");

/// A file of the repository.
fn file(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(path)
}

fn read(path: &str) -> String {
    fs::read_to_string(file(path)).expect(path)
}
