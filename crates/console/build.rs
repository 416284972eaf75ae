//! The list of the console's files: what `make web` has left in `web/dist`, or nothing.
//!
//! Guaranteed: the same files give the same list. A file that is listed has both compressed forms beside it;
//! one without them is an error, because the page would be sent at its full size.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs, io};

use sha2::{Digest, Sha256};

/// The media types of the files that the console has.
const TYPES: [(&str, &str); 6] = [
    ("html", "text/html; charset=utf-8"),
    ("js", "text/javascript; charset=utf-8"),
    ("css", "text/css; charset=utf-8"),
    ("svg", "image/svg+xml"),
    ("png", "image/png"),
    ("webmanifest", "application/manifest+json"),
];

fn main() -> io::Result<()> {
    let source = env::var_os("CARGO_MANIFEST_DIR").map(PathBuf::from).unwrap_or_default();
    let dist = source.join("../../web/dist");
    println!("cargo::rerun-if-changed=build.rs");
    // The directory is in the repository even when it is empty: cargo takes a missing path as changed each time.
    println!("cargo::rerun-if-changed={}", dist.display());
    let mut files = Vec::new();
    if dist.join("index.html").is_file() {
        collect(&fs::canonicalize(&dist)?, "", &mut files)?;
    }
    files.sort();
    let mut list = String::from("&[\n");
    for (path, file) in &files {
        list.push_str(&entry(path, file)?);
    }
    list.push_str("]\n");
    let out = env::var_os("OUT_DIR").map(PathBuf::from).unwrap_or_default();
    fs::write(out.join("files.rs"), list)
}

/// Collects the files below a directory that have a known media type, each with its path in the URL.
fn collect(directory: &Path, prefix: &str, files: &mut Vec<(String, PathBuf)>) -> io::Result<()> {
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let path = format!("{prefix}/{name}");
        if entry.file_type()?.is_dir() {
            collect(&entry.path(), &path, files)?;
        } else if media_type(&entry.path()).is_some() {
            files.push((path, entry.path()));
        }
    }
    Ok(())
}

fn media_type(file: &Path) -> Option<&'static str> {
    let extension = file.extension()?.to_str()?;
    TYPES.iter().find(|(known, _)| *known == extension).map(|(_, media_type)| *media_type)
}

/// Returns the Rust expression for one file.
fn entry(path: &str, file: &Path) -> io::Result<String> {
    let media_type = media_type(file).unwrap_or_default();
    let tag =
        Sha256::digest(fs::read(file)?).iter().take(8).fold(String::new(), |mut hex, byte| {
            let _never_fails = write!(hex, "{byte:02x}");
            hex
        });
    let beside = |extension: &str| {
        let name = format!("{}.{extension}", file.display());
        if Path::new(&name).is_file() {
            return Ok(name);
        }
        let lacks = format!("{name} is missing: build the console again with `make web`");
        Err(io::Error::new(io::ErrorKind::NotFound, lacks))
    };
    let (plain, gzip, brotli) = (file.display().to_string(), beside("gz")?, beside("br")?);
    Ok(format!(
        "    File {{ path: {path:?}, media_type: {media_type:?}, tag: {tag:?}, plain: include_bytes!({plain:?}), \
         gzip: include_bytes!({gzip:?}), brotli: include_bytes!({brotli:?}) }},\n"
    ))
}
