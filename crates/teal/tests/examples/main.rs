//! The files and commands that people copy from the repository work as they stand: the deploy script, the unit for
//! systemd, the commands in the documents.

mod dashboard;
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

/// The pages of the guide, those in its folders included.
fn guides() -> Vec<PathBuf> {
    let mut pages = Vec::new();
    let mut folders = vec![file("docs/guide")];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).expect("a folder of the guide") {
            let path = entry.expect("an entry").path();
            if path.is_dir() { folders.push(path) } else { pages.push(path) }
        }
    }
    pages
}
