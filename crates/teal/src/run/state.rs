//! The state directory: the journal in it, and the socket.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};

use config::Config;
use control::journal::{FileStorage, Journal, Opened};

use crate::exit::Failure;

/// The admin socket of a Teal with this state directory.
pub(super) fn socket(state_dir: &Path) -> PathBuf {
    state_dir.join("admin.sock")
}

/// Takes the state directory for this process and reads the journal.
pub(super) fn open(state_dir: &Path, adopt: Option<u64>) -> Result<Opened, Failure> {
    let storage = FileStorage::open(state_dir).map_err(|failure| {
        Failure::failed(format!(
            "{failure}; the state directory must be writable for the user that Teal runs as \
             (choose another with state_dir or --state-dir)"
        ))
    })?;
    Journal::open(Box::new(storage), adopt).map_err(|error| Failure::failed(error.to_string()))
}

/// The id of the group that may use the socket.
pub(super) fn socket_gid(config: &Config) -> Result<Option<u32>, Failure> {
    let Some(group) = &config.admin.socket_group else { return Ok(None) };
    if let Ok(id) = group.parse() {
        return Ok(Some(id));
    }
    let file = std::fs::File::open("/etc/group");
    let lines = file.into_iter().flat_map(|file| BufReader::new(file).lines());
    let found = lines.map_while(Result::ok).find_map(|line| {
        let mut fields = line.split(':');
        (fields.next() == Some(group)).then(|| fields.nth(1)?.parse().ok())?
    });
    match found {
        Some(id) => Ok(Some(id)),
        None => Err(Failure::usage(format!(
            "admin.socket_group: there is no group {group:?} in /etc/group; write the name of a \
             local group, or its number"
        ))),
    }
}
