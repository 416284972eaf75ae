//! The environment file of a unit: what `EnvironmentFile=` reads.
//!
//! It is replaced as a whole, so that a unit never reads half of it. Every value is plain (see
//! [`crate::environment`]), so none needs quotes.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use crate::environment::Environment;

/// The contents of an environment file.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Told {
    pub(super) version: Option<String>,
    pub(super) port: Option<u16>,
}

/// Writes the file of an environment, and its folder.
pub(super) fn write(path: &Path, environment: &Environment, port: Option<u16>) -> io::Result<()> {
    let color = format!("COLOR={}\n", environment.color);
    let version = environment.version.as_ref().map(|version| format!("VERSION={version}\n"));
    let port = port.map(|port| format!("PORT={port}\n"));
    let mut text = "# Written by teal deploy.\n".to_owned();
    text.extend([Some(color), version, port].into_iter().flatten());
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    let mut new = path.as_os_str().to_owned();
    new.push(".new");
    let mut file =
        File::options().write(true).create(true).truncate(true).mode(0o644).open(&new)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    fs::rename(&new, path)
}

/// Reads what was written; what cannot be read says nothing.
pub(super) fn read(path: &Path) -> Told {
    let mut told = Told::default();
    for line in fs::read_to_string(path).unwrap_or_default().lines() {
        match line.split_once('=') {
            Some(("VERSION", version)) => told.version = Some(version.to_owned()),
            Some(("PORT", port)) => told.port = port.parse().ok(),
            _ => {}
        }
    }
    told
}
