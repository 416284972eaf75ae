//! Tar archives and checksums. An archive has the owners, modes and times that it is told, in a fixed order.

use std::fmt::Write as _;
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use sha2::{Digest, Sha256};

use crate::Inputs;
use crate::facts::Facts;
use crate::payload::File;
use crate::run::run;

const BLOCK: usize = 512;

/// The longest path of an entry: more would need an extension of the format.
const PATH_MAX: usize = 100;

/// Makes `STEM.tar.gz` with these files below a directory of that name.
pub(crate) fn make(files: &[File], inputs: &Inputs) -> Result<PathBuf> {
    let Inputs { output, facts, compression, .. } = inputs;
    let stem = facts.stem();
    let effort = format!("-{}", compression.max(&1));
    let tar = output.join(format!("{stem}.tar"));
    write_tar(files, &tar, &format!("{stem}/"), facts)?;
    run(Command::new("gzip").args([&*effort, "--no-name", "--force"]).arg(&tar))?;
    Ok(output.join(format!("{stem}.tar.gz")))
}

/// Writes an archive of these files, with this in front of their paths.
pub(crate) fn write_tar(files: &[File], path: &Path, below: &str, facts: &Facts) -> Result<()> {
    let mut files: Vec<&File> = files.iter().collect();
    files.sort_by(|one, other| one.path.cmp(&other.path));
    let cannot = || format!("cannot write {}", path.display());
    let archive = fs::File::create(path).with_context(cannot)?;
    let mut archive = io::BufWriter::new(archive);
    for file in files {
        let contents = file.contents.as_deref().unwrap_or_default();
        archive.write_all(&header(file, below, facts.epoch)?).with_context(cannot)?;
        archive.write_all(contents).with_context(cannot)?;
        let rest = contents.len().next_multiple_of(BLOCK) - contents.len();
        archive.write_all(&[0; BLOCK][..rest]).with_context(cannot)?;
    }
    archive.write_all(&[0; 2 * BLOCK]).with_context(cannot)?;
    archive.flush().with_context(cannot)
}

/// The header of an entry, in the format of POSIX (ustar).
fn header(file: &File, below: &str, epoch: u64) -> Result<[u8; BLOCK]> {
    let is_directory = file.contents.is_none();
    let path = format!("{below}{}{}", file.path, if is_directory { "/" } else { "" });
    ensure!(path.len() <= PATH_MAX, "{path} is longer than {PATH_MAX} bytes; choose a shorter one");
    let size = file.contents.as_ref().map_or(0, Vec::len);
    let owner = format!("{:07o}\0", file.owner);
    let fields: [(usize, &str); 10] = [
        (0, &path),
        (100, &format!("{:07o}\0", file.mode)),
        (108, &owner),
        (116, &owner),
        (124, &format!("{size:011o}\0")),
        (136, &format!("{epoch:011o}\0")),
        (148, "        "), // the checksum counts itself as spaces
        (156, if is_directory { "5" } else { "0" }),
        (257, "ustar\0"),
        (263, "00"),
    ];
    let mut header = [0; BLOCK];
    for (at, field) in fields {
        header[at..at + field.len()].copy_from_slice(field.as_bytes());
    }
    let sum: u32 = header.iter().map(|byte| u32::from(*byte)).sum();
    header[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    Ok(header)
}

/// Writes `SHA256SUMS` of these files, as `sha256sum --check` reads it.
pub(crate) fn write_checksums(output: &Path, files: &[&Path]) -> Result<PathBuf> {
    let mut lines = Vec::new();
    for file in files {
        let bytes = fs::read(file).with_context(|| format!("cannot read {}", file.display()))?;
        let mut sum = String::new();
        for byte in Sha256::digest(&bytes) {
            let _ = write!(sum, "{byte:02x}"); // infallible: into a String
        }
        let name = file.file_name().unwrap_or_default().to_string_lossy();
        lines.push((name.clone().into_owned(), format!("{sum}  {name}\n")));
    }
    lines.sort();
    let sums = output.join("SHA256SUMS");
    let text: String = lines.into_iter().map(|(_, line)| line).collect();
    fs::write(&sums, text).with_context(|| format!("cannot write {}", sums.display()))?;
    Ok(sums)
}
