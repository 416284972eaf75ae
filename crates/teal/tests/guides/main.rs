//! The guides of `docs/guide`: each recipe and each configuration that people move from is run with its files as they stand.
//!
//! Each test runs in namespaces below a systemd of its own, so that users, ports, units and paths are those of the guides.
//! Without root, or without a program that a guide needs, it says that it was skipped.

mod ground;
mod recipe;

mod cdn;
mod ci;
mod django;
mod excerpts;
mod go;
mod moving;
mod node;
mod rails;
mod reasons;
mod start;

use std::path::{Path, PathBuf};

/// The program under test.
const TEAL: &str = env!("CARGO_BIN_EXE_teal");

/// A file of the repository.
fn file(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(path)
}

/// What `.ci/tools` has installed beside the build.
fn tools(path: &str) -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join("..").join(path)
}
