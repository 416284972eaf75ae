//! Expected differences: `expected.toml`, each entry with its reason.

use std::sync::atomic::{AtomicU64, Ordering};

use anyhow::{Result, ensure};
use serde::Deserialize;

use crate::matrix::Difference;

/// One kind of difference; omitted keys match everything.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Entry {
    #[serde(default)]
    pub(crate) cases: Vec<String>,
    #[serde(default)]
    pub(crate) servers: Vec<String>,
    #[serde(default)]
    pub(crate) clients: Vec<String>,
    #[serde(default)]
    pub(crate) ways: Vec<String>,
    /// Steps of the case, from 1.
    #[serde(default)]
    steps: Vec<usize>,
    /// The possible differences, word for word.
    pub(crate) differences: Vec<String>,
    /// Words of which one must occur in the client's own error.
    #[serde(default)]
    words: Vec<String>,
    /// The reason why this is correct.
    pub(crate) reason: String,
    #[serde(skip)]
    met: AtomicU64,
}

#[derive(Deserialize)]
struct File {
    #[serde(default)]
    expected: Vec<Entry>,
}

/// All entries of the file.
pub(crate) fn read(text: &str) -> Result<Vec<Entry>> {
    let file: File = toml::from_str(text)?;
    for entry in &file.expected {
        ensure!(!entry.reason.is_empty(), "an expected difference has no reason: {entry:?}");
        ensure!(!entry.differences.is_empty(), "an entry expects nothing: {entry:?}");
    }
    Ok(file.expected)
}

/// The first entry that explains a difference; counts the match.
pub(crate) fn explains<'e>(entries: &'e [Entry], difference: &Difference) -> Option<&'e Entry> {
    let entry = entries.iter().find(|entry| entry.holds(difference))?;
    entry.met.fetch_add(1, Ordering::Relaxed);
    Some(entry)
}

impl Entry {
    /// The number of differences that it has explained.
    pub(crate) fn met(&self) -> u64 {
        self.met.load(Ordering::Relaxed)
    }

    fn holds(&self, difference: &Difference) -> bool {
        let found = &difference.found;
        let any =
            |list: &[String], name: &str| list.is_empty() || list.iter().any(|one| one == name);
        any(&self.cases, &difference.case)
            && any(&self.servers, difference.server)
            && any(&self.clients, difference.client)
            && any(&self.ways, difference.way)
            && (self.steps.is_empty() || found.step.is_some_and(|step| self.steps.contains(&step)))
            && self.differences.contains(&found.what)
            && (self.words.is_empty() || self.words.iter().any(|one| found.detail.contains(one)))
    }
}
