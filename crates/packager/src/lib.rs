//! The packages of Teal, made from a built program: a `.deb`, a tarball, the files of a container image, the list of
//! components (SBOM) and checksums. For `cargo xtask packages`, and for the tests that install what it makes.
//!
//! The same tree, program and time give the same bytes: owners, modes, times and orders are all set here. It never
//! downloads anything, and needs only the programs of a Debian system (dpkg-deb, tar, gzip).

#![forbid(unsafe_code)]

mod archive;
mod binary;
mod component_list;
mod config_manual;
mod deb;
mod document;
mod facts;
mod image;
mod payload;
mod program;
mod reference;
mod run;
mod unit;

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

pub use binary::{Release, build_release};
pub use facts::{Architecture, Facts};
pub use reference::{Key, Table, tables};

/// The inputs of all packages.
#[derive(Clone, Debug)]
pub struct Inputs {
    /// The root of the repository.
    pub root: PathBuf,
    /// The program to be packaged, stripped or not: packages get a stripped copy.
    pub program: PathBuf,
    /// The same version of the program for this machine, which prints the manual and the completions. It is another file
    /// only if the packaged one is for another architecture.
    pub documents_by: PathBuf,
    /// The directory for the results. Files with the same names are replaced.
    pub output: PathBuf,
    /// Version, time and maintainer.
    pub facts: Facts,
    /// The effort of compression, from 0 to 9.
    pub compression: u8,
}

/// The files made from one program.
#[derive(Clone, Debug)]
pub struct Packages {
    /// The Debian package.
    pub deb: PathBuf,
    /// The tarball.
    pub tarball: PathBuf,
    /// The directory to build the container image from.
    pub image: PathBuf,
    /// The list of components, in CycloneDX.
    pub components: PathBuf,
    /// The symbols that were stripped from the program, for debuggers.
    pub debug: PathBuf,
}

/// Makes all packages of one program.
///
/// # Errors
/// A program that is missing, or a file that cannot be read or written, with its name.
pub fn make(inputs: &Inputs) -> Result<Packages> {
    let Inputs { output, facts, .. } = inputs;
    fs::create_dir_all(output).with_context(|| format!("cannot create {}", output.display()))?;
    let stem = facts.stem();
    let program = program::strip(&inputs.program, output, facts)?;
    let documents = document::Documents::read(&inputs.documents_by)?;
    let components = component_list::text(&inputs.root, facts)?;
    let listed = output.join(format!("{stem}.cdx.json"));
    fs::write(&listed, &components)?;
    let payload = payload::Payload { root: &inputs.root, facts, program: &program.stripped };
    Ok(Packages {
        deb: deb::make(&payload.debian(&documents, &components)?, inputs)?,
        tarball: archive::make(&payload.tarball(&documents, &components)?, inputs)?,
        image: image::make(&payload.image(), &inputs.root, output, facts)?,
        components: listed,
        debug: program.debug,
    })
}

/// Makes only the directory to build the container image from.
///
/// # Errors
/// As [`make`].
pub fn make_image(inputs: &Inputs) -> Result<PathBuf> {
    let Inputs { root, program, output, facts, .. } = inputs;
    let program = program::strip(program, output, facts)?.stripped;
    let payload = payload::Payload { root, facts, program: &program };
    image::make(&payload.image(), root, output, facts)
}

/// Writes `SHA256SUMS` beside these files, in the order of their names.
///
/// # Errors
/// A file that cannot be read, or written.
pub fn write_checksums(output: &Path, files: &[&Path]) -> Result<PathBuf> {
    archive::write_checksums(output, files)
}
