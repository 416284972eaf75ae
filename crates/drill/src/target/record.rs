//! The target's ledger: one line `ID METHOD` per numbered request, appended with
//! a single write before the answer. It is never buffered in this process, so it is
//! complete even after a kill; it does not guard against power loss.

use std::fs::{File, OpenOptions};
use std::io;
use std::io::Write as _;
use std::path::Path;

/// An open ledger, or none.
#[derive(Debug)]
pub(super) struct Record(Option<File>);

impl Record {
    /// Opens the file for appending; a restarted target appends to the same one.
    pub(super) fn open(path: Option<&Path>) -> io::Result<Self> {
        let Some(path) = path else { return Ok(Self(None)) };
        let file = OpenOptions::new().create(true).append(true).open(path).map_err(|error| {
            let text = format!("cannot open the ledger {}: {error}", path.display());
            io::Error::new(error.kind(), text)
        })?;
        Ok(Self(Some(file)))
    }

    /// Records one request.
    ///
    /// `id` and `method` must hold no space and no line break.
    pub(super) fn write(&self, id: &str, method: &str) -> io::Result<()> {
        let Some(mut file) = self.0.as_ref() else { return Ok(()) };
        // One write call with O_APPEND: lines of several tasks never mix.
        file.write_all(format!("{id} {method}\n").as_bytes())
    }
}
