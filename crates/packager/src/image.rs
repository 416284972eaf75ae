//! The directory that a container image is built from: the Containerfile, and an archive of what it adds to its base.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::archive;
use crate::facts::Facts;
use crate::payload::File;

/// Makes the directory `image-ARCHITECTURE`.
pub(crate) fn make(files: &[File], root: &Path, output: &Path, facts: &Facts) -> Result<PathBuf> {
    let directory = output.join(format!("image-{}", facts.architecture.debian()));
    fs::create_dir_all(&directory)
        .with_context(|| format!("cannot create {}", directory.display()))?;
    archive::write_tar(files, &directory.join("root.tar"), "", facts)?;
    let file = "packaging/Containerfile";
    fs::copy(root.join(file), directory.join("Containerfile"))
        .with_context(|| format!("cannot copy {file}"))?;
    Ok(directory)
}
