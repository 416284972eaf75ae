//! Facts of a build for `teal version`: profile, target, features, compiler, and the commit.
//!
//! The commit is `TEAL_COMMIT` if that is set, as it is for packages. Otherwise only builds of the profile `release` ask
//! git, so that no other build is done again because of a commit. Nothing here depends on the time or the machine.

use std::env;
use std::path::Path;
use std::process::Command;

fn main() {
    let profile = profile();
    let (commit, dirty) = commit(&profile);
    for (name, value) in [
        ("PROFILE", profile),
        ("TARGET", variable("TARGET")),
        ("FEATURES", variable("CARGO_CFG_FEATURE")),
        ("RUSTC", output(Command::new(variable("RUSTC")).arg("--version"))),
        ("COMMIT", commit),
        ("DIRTY", dirty.to_string()),
    ] {
        println!("cargo::rustc-env=TEAL_BUILD_{name}={value}");
    }
}

/// The name of the profile: cargo tells only whether it is more like `debug` or like `release`, but names its directory
/// after it: `…/PROFILE/build/teal-HASH/out`.
fn profile() -> String {
    let out = variable("OUT_DIR");
    let name = Path::new(&out).ancestors().nth(3).and_then(Path::file_name);
    name.map_or_else(|| variable("PROFILE"), |name| name.to_string_lossy().into_owned())
}

/// The commit, empty if it is not known, and whether the tree had changes beyond it.
fn commit(profile: &str) -> (String, bool) {
    println!("cargo::rerun-if-env-changed=TEAL_COMMIT");
    println!("cargo::rerun-if-changed=build.rs");
    let told = variable("TEAL_COMMIT");
    if !told.is_empty() {
        return match told.strip_suffix("-dirty") {
            Some(commit) => (commit.to_owned(), true),
            None => (told, false),
        };
    }
    if profile != "release" {
        return (String::new(), false);
    }
    let git = |words: &[&str]| output(Command::new("git").args(words));
    // The index changes with each commit and each change that git has noticed; the sources change with the rest.
    println!("cargo::rerun-if-changed=..");
    let index = git(&["rev-parse", "--path-format=absolute", "--git-path", "index"]);
    if !index.is_empty() {
        println!("cargo::rerun-if-changed={index}");
    }
    let changes = git(&["status", "--porcelain", "--untracked-files=no"]);
    (git(&["rev-parse", "HEAD"]), !changes.is_empty())
}

fn variable(name: &str) -> String {
    env::var(name).unwrap_or_default()
}

/// Runs a program and returns its output; empty if it fails or is not there.
fn output(command: &mut Command) -> String {
    let output = command.output().ok().filter(|output| output.status.success());
    output
        .map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned())
        .unwrap_or_default()
}
