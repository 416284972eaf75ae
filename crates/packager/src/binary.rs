//! Building the program that is packaged: an optimized build that records its commit and contains no path of the
//! machine it was built on.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use crate::facts::{Architecture, Facts};
use crate::run::{output_of, run};

/// The programs of one build.
#[derive(Clone, Debug)]
pub struct Release {
    /// The program to be packaged.
    pub program: PathBuf,
    /// The same for this machine.
    pub for_this_machine: PathBuf,
}

/// Builds the program for the architecture of `facts`, and for this machine if that is another one.
///
/// `target` is cargo's directory. With `CARGO_AUDITABLE=1`, `cargo auditable` adds the list of dependencies to the
/// program.
///
/// # Errors
/// A build that fails: for another architecture, Rust's target and a linker for it must be installed.
pub fn build_release(root: &Path, target: &Path, facts: &Facts) -> Result<Release> {
    let own = Architecture::of_this_machine()?;
    let for_this_machine = build(root, target, facts, own)?;
    let program = if facts.architecture == own {
        for_this_machine.clone()
    } else {
        build(root, target, facts, facts.architecture).with_context(|| {
            format!(
                "cannot build for {1}: it takes `rustup target add {0}`, and the compiler {2}-gcc (in Debian the \
                 package gcc-{3})",
                facts.architecture.rust_target(),
                facts.architecture.debian(),
                facts.architecture.gnu(),
                facts.architecture.gnu().replace('_', "-"),
            )
        })?
    };
    Ok(Release { program, for_this_machine })
}

fn build(root: &Path, target: &Path, facts: &Facts, to: Architecture) -> Result<PathBuf> {
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let triple = to.rust_target();
    let shouted = triple.to_uppercase().replace('-', "_");
    let remapped = remapped(root);
    let rust = remapped.iter().map(|(from, to)| format!("--remap-path-prefix={from}={to}"));
    let c = remapped.iter().map(|(from, to)| format!("-ffile-prefix-map={from}={to}"));
    let mut command = Command::new(cargo);
    if env::var_os("CARGO_AUDITABLE").is_some_and(|wanted| wanted == "1") {
        command.arg("auditable");
    }
    command
        .args(["build", "--release", "--locked", "--package", "teal", "--target", triple])
        .arg("--target-dir")
        .arg(target)
        .current_dir(root)
        .env("SOURCE_DATE_EPOCH", facts.epoch.to_string())
        .env("TEAL_COMMIT", commit(root)?)
        // Separated as cargo does it, since a path may contain spaces.
        .env("CARGO_ENCODED_RUSTFLAGS", rust.collect::<Vec<_>>().join("\u{1f}"))
        .env(format!("CFLAGS_{}", triple.replace('-', "_")), c.collect::<Vec<_>>().join(" "))
        // Packages have their symbols in a file of their own, with the lines of our code.
        .env("CARGO_PROFILE_RELEASE_STRIP", "none")
        .env("CARGO_PROFILE_RELEASE_DEBUG", "line-tables-only");
    if to != Architecture::of_this_machine()? {
        command.env(format!("CARGO_TARGET_{shouted}_LINKER"), format!("{}-gcc", to.gnu()));
    }
    run(&mut command)?;
    Ok(target.join(triple).join("release").join("teal"))
}

/// Paths of this machine, and what a program is told instead.
fn remapped(root: &Path) -> Vec<(String, &'static str)> {
    let mut paths = vec![(root.display().to_string(), "/usr/src/teal")];
    let home = env::var("HOME").unwrap_or_default();
    paths.push((env::var("CARGO_HOME").unwrap_or(format!("{home}/.cargo")), "/usr/src/cargo"));
    paths
}

/// The commit of the tree, marked if it has changes. A tree without git has none.
fn commit(root: &Path) -> Result<String> {
    if let Ok(told) = env::var("TEAL_COMMIT") {
        return Ok(told);
    }
    if !root.join(".git").exists() {
        return Ok(String::new());
    }
    let git = |words: &[&str]| output_of(Command::new("git").args(words).current_dir(root));
    let commit = git(&["rev-parse", "HEAD"])?;
    let changes = git(&["status", "--porcelain", "--untracked-files=no"])?;
    let mark = if changes.is_empty() { "" } else { "-dirty" };
    Ok(format!("{}{mark}", commit.trim()))
}
