//! Problems of a configuration, with their positions and what to write instead.
//!
//! [`ProblemList`] collects them with byte offsets while the steps run; [`Problems`] is the result for
//! people and programs, with lines and columns.

use std::fmt;
use std::path::{Path, PathBuf};

/// A problem of a configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The file, as it was named; `None`: the problem is with a flag of the command line.
    pub path: Option<PathBuf>,
    /// The line, from 1; `None`: the problem is with the file as a whole.
    pub line: Option<usize>,
    /// The column in characters, from 1; present exactly if the line is.
    pub column: Option<usize>,
    /// The problem in words, and what to write instead.
    pub message: String,
}

/// All problems, in the order of the file; never empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problems(Vec<Problem>);

/// The most problems that are printed; thousands of them usually have one cause.
const SHOWN: usize = 100;

/// The problems found so far.
#[derive(Debug, Default)]
pub(crate) struct ProblemList(Vec<(Option<usize>, String)>);

// === impl Problem ===

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(path) = &self.path {
            write!(f, "{}:", path.display())?;
            if let (Some(line), Some(column)) = (self.line, self.column) {
                write!(f, "{line}:{column}:")?;
            }
            f.write_str(" ")?;
        }
        f.write_str(&self.message)
    }
}

// === impl Problems ===

impl Problems {
    /// The problem of a file that could not be read at all.
    pub(crate) fn of_file(path: &Path, message: String) -> Self {
        let path = Some(path.to_owned());
        Self(vec![Problem { path, line: None, column: None, message }])
    }

    /// Wraps these problems; `None` if there are none.
    pub fn from_all(all: Vec<Problem>) -> Option<Self> {
        (!all.is_empty()).then_some(Self(all))
    }

    /// The problems, in the order of the file.
    pub fn iter(&self) -> impl Iterator<Item = &Problem> {
        self.0.iter()
    }

    /// The number of problems; at least one.
    #[expect(clippy::len_without_is_empty, reason = "no problems is not a value of this type")]
    pub fn len(&self) -> usize {
        self.0.len()
    }
}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for problem in self.0.iter().take(SHOWN) {
            writeln!(f, "{problem}")?;
        }
        if let Some(left @ 1..) = self.len().checked_sub(SHOWN) {
            writeln!(f, "and {left} more; fix these first")?;
        }
        match self.len() {
            1 => f.write_str("1 problem"),
            count => write!(f, "{count} problems"),
        }
    }
}

impl std::error::Error for Problems {}

// === impl ProblemList ===

impl ProblemList {
    /// Adds a problem at a byte offset of the file.
    pub(crate) fn at(&mut self, offset: usize, message: impl Into<String>) {
        self.0.push((Some(offset), message.into()));
    }

    /// Adds a problem without a position in the file.
    pub(crate) fn anywhere(&mut self, message: impl Into<String>) {
        self.0.push((None, message.into()));
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns the value, or every problem with its line and column in `text`.
    ///
    /// A value is returned only if there are no problems, since a reported part is a placeholder.
    pub(crate) fn verdict<T>(
        mut self,
        value: Option<T>,
        path: Option<&Path>,
        text: &str,
    ) -> Result<T, Problems> {
        match value {
            Some(value) if self.0.is_empty() => return Ok(value),
            None if self.0.is_empty() => self.anywhere("is incomplete for an unknown reason"),
            _ => {}
        }
        self.0.sort_by_key(|(offset, _)| *offset);
        self.0.dedup();
        let lines = LineIndex::of(text);
        let problems = self.0.into_iter().map(|(offset, message)| {
            let (line, column) = offset.map(|offset| lines.position(offset)).unzip();
            Problem { path: path.map(Path::to_owned), line, column, message }
        });
        Err(Problems(problems.collect()))
    }
}

/// The start of each line of a text, so that the text is scanned only once for many positions.
#[derive(Debug)]
pub(crate) struct LineIndex<'t> {
    text: &'t str,
    starts: Vec<usize>,
}

impl<'t> LineIndex<'t> {
    pub(crate) fn of(text: &'t str) -> Self {
        let ends = text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n');
        Self { text, starts: std::iter::once(0).chain(ends.map(|(end, _)| end + 1)).collect() }
    }

    /// Returns line and column of a byte offset, both from 1; an offset beyond the end is taken as the end.
    pub(crate) fn position(&self, offset: usize) -> (usize, usize) {
        let offset = if self.text.is_char_boundary(offset) { offset } else { self.text.len() };
        let line = self.starts.partition_point(|start| *start <= offset);
        let start = self.starts.get(line.saturating_sub(1)).copied().unwrap_or(0);
        let before = self.text.get(start..offset).unwrap_or_default();
        (line, before.chars().count() + 1)
    }
}
