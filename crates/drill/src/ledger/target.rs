//! A target's side of the ledger, read back from its file.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// One color's ledger: the ids it saw, each as often as it saw it.
#[derive(Debug, Clone)]
pub struct TargetLedger {
    /// Its name: the color.
    pub name: String,
    /// The version that it names in its answers.
    pub version: String,
    /// The id of each request, in the order of arrival.
    pub seen: Vec<String>,
}

/// The error of an unusable ledger.
#[derive(Debug, thiserror::Error)]
pub enum LedgerError {
    /// The file could not be read.
    #[error("cannot read the ledger {}: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// The system's error.
        source: io::Error,
    },
    /// A line is not `ID METHOD`.
    #[error("the ledger {} is damaged at line {line}: {text:?} is not an id and a method", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// The text of that line.
        text: String,
    },
}

impl TargetLedger {
    /// Reads the file of one target; a missing file is an empty ledger.
    ///
    /// The last line may lack its end: the target was killed while it wrote, and
    /// so before it answered. It counts as seen if its id is whole.
    pub fn read(name: &str, version: &str, path: &Path) -> Result<Self, LedgerError> {
        let text = match fs::read_to_string(path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => String::new(),
            Err(source) => return Err(LedgerError::Read { path: path.to_owned(), source }),
        };
        let mut seen = Vec::new();
        let last = text.lines().count();
        for (index, line) in text.lines().enumerate() {
            match line.split_once(' ') {
                Some((id, method)) if !id.is_empty() && !method.is_empty() => {
                    seen.push(id.to_owned());
                }
                _ if index + 1 == last && !text.ends_with('\n') => {}
                _ => {
                    return Err(LedgerError::Damaged {
                        path: path.to_owned(),
                        line: index + 1,
                        text: line.chars().take(80).collect(),
                    });
                }
            }
        }
        Ok(Self { name: name.to_owned(), version: version.to_owned(), seen })
    }
}
