//! `cargo xtask packages`: an optimized build of Teal, and all packages of it in `target/packages`.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Result;
use packager::{Architecture, Facts, Inputs, build_release, make, write_checksums};

/// Builds and packages Teal for the architecture of this name, or for this machine.
#[expect(clippy::print_stderr, reason = "a command-line tool speaks to its terminal")]
pub(crate) fn run(root: &Path, architecture: Option<&str>) -> Result<()> {
    let architecture = match architecture {
        Some(name) => Architecture::from_debian(name)?,
        None => Architecture::of_this_machine()?,
    };
    let target = env::var_os("CARGO_TARGET_DIR").map_or(root.join("target"), PathBuf::from);
    let facts = Facts::of_tree(root, architecture)?;
    // A directory of its own: its flags differ from those of every other build.
    let release = build_release(root, &target.join("packaged"), &facts)?;
    let output = target.join("packages");
    let made = make(&Inputs {
        root: root.to_owned(),
        program: release.program,
        documents_by: release.for_this_machine,
        output: output.clone(),
        facts,
        compression: 9,
    })?;
    // Of all architectures that were made so far.
    let files = files_of(&output, env!("CARGO_PKG_VERSION"))?;
    let files: Vec<&Path> = files.iter().map(PathBuf::as_path).collect();
    let sums = write_checksums(&output, &files)?;
    for path in [&made.deb, &made.tarball, &made.components, &made.debug, &made.image, &sums] {
        eprintln!("made {}", path.display());
    }
    Ok(())
}

/// The files of a version.
fn files_of(output: &Path, version: &str) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(output)? {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let is_ours = name.starts_with("teal") && name.contains(version) && path.is_file();
        files.extend(is_ours.then_some(path));
    }
    Ok(files)
}
