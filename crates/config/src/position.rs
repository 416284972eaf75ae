//! Positions of the keys of a configuration, for problems that are found only when the things it names are
//! checked, such as a missing certificate file.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use toml::de::{DeTable, DeValue};

use crate::problem::{LineIndex, Problem};

/// The positions of the keys of one configuration.
#[derive(Debug)]
pub struct KeyPositions {
    /// The file and its text; `None`: the flags of the command line.
    file: Option<(PathBuf, String)>,
}

impl KeyPositions {
    /// The positions in the file at `path` with this text.
    pub fn of_file(path: &Path, text: String) -> Self {
        Self { file: Some((path.to_owned(), text)) }
    }

    /// The text of the file; `None`: the flags of the command line.
    pub fn text(&self) -> Option<&str> {
        self.file.as_ref().map(|(_, text)| text.as_str())
    }

    /// The names of the flags of the command line, instead of positions.
    pub fn of_flags() -> Self {
        Self { file: None }
    }

    /// Turns messages about keys, each named by its path such as `certificate[1].cert`, into problems with
    /// positions, in the order of the file. A key that is not written gets the position of its table.
    pub fn problems(&self, said: impl IntoIterator<Item = (String, String)>) -> Vec<Problem> {
        let said = said.into_iter();
        let Some((path, text)) = &self.file else {
            let of_flag = |(key, message): (String, String)| Problem {
                path: None,
                line: None,
                column: None,
                message: format!("{}: {message}", flag(&key)),
            };
            return said.map(of_flag).collect();
        };
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let mut offsets = HashMap::new();
        if let Ok(table) = DeTable::parse(text) {
            collect("", table.get_ref(), &mut offsets);
        }
        let lines = LineIndex::of(text);
        let located = said.map(|(key, message)| {
            let mut at: &str = &key;
            let offset = loop {
                if let Some(offset) = offsets.get(at) {
                    break Some(*offset);
                }
                let Some(end) = at.rfind(['.', '[']) else { break None };
                at = &at[..end];
            };
            let (line, column) = offset.map(|offset| lines.position(offset)).unzip();
            let message = format!("{}: {message}", without_indexes(&key));
            Problem { path: Some(path.clone()), line, column, message }
        });
        let mut problems: Vec<Problem> = located.collect();
        problems.sort_by_key(|problem| (problem.line, problem.column));
        problems
    }
}

fn collect(path: &str, table: &DeTable<'_>, offsets: &mut HashMap<String, usize>) {
    for (key, value) in table {
        let name: &str = key.get_ref();
        let path = if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") };
        one(path, value.span().start, value.get_ref(), offsets);
    }
}

fn one(path: String, offset: usize, value: &DeValue<'_>, offsets: &mut HashMap<String, usize>) {
    match value {
        DeValue::Table(table) => collect(&path, table, offsets),
        DeValue::Array(array) => {
            for (index, element) in array.iter().enumerate() {
                let path = format!("{path}[{index}]");
                one(path, element.span().start, element.get_ref(), offsets);
            }
        }
        _ => {}
    }
    offsets.insert(path, offset);
}

/// The flag of `teal run` that corresponds to a key.
fn flag(key: &str) -> &str {
    match key {
        "state_dir" => "--state-dir",
        "admin.listen" => "--admin",
        "listener[0].address" => "--listen",
        other => other,
    }
}

fn without_indexes(key: &str) -> String {
    let mut inside = false;
    let outside = |c: &char| {
        inside = (inside || *c == '[') && *c != ']';
        !inside && *c != ']'
    };
    key.chars().filter(outside).collect()
}
