//! The rules of the tree that no compiler knows.
//!
//! Each rule reads the files as they are, reports every violation with its place, and
//! says what to do. Warnings are printed and do not fail.

mod circles;
mod edges;
mod guards;
mod links;
mod promises;
mod prose;
mod reference;
mod source;
mod standing;
mod trouble;

use std::fmt;
use std::path::Path;

use anyhow::{Result, bail};

use crate::tree::Tree;

/// One violation of a rule.
#[derive(Debug)]
struct Finding {
    path: String,
    /// The line number, from 1; `None`: the file as a whole.
    line: Option<usize>,
    message: String,
    weight: Weight,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Weight {
    Warning,
    Error,
}

/// The violations found so far.
#[derive(Debug, Default)]
struct Findings(Vec<Finding>);

/// Prints every finding; fails if one of them is an error.
#[expect(clippy::print_stderr, reason = "a command-line tool speaks to its terminal")]
pub(crate) fn run(root: &Path) -> Result<()> {
    let tree = Tree::read(root)?;
    let mut findings = Findings::default();
    edges::check(&tree, &mut findings);
    circles::check(&tree, &mut findings);
    source::check(&tree, &mut findings);
    prose::check(&tree, &mut findings);
    links::check(&tree, &mut findings);
    trouble::check(&tree, &mut findings);
    promises::check(&tree, &mut findings);
    guards::check(&tree, &mut findings);
    reference::check(&tree, &mut findings);
    standing::check(&tree, &mut findings);
    for finding in &findings.0 {
        eprintln!("{finding}");
    }
    let errors = findings.0.iter().filter(|finding| finding.weight == Weight::Error);
    match errors.count() {
        0 => Ok(()),
        count => bail!("tidy: {count} errors to fix, listed above"),
    }
}

// === impl Findings, Finding ===

impl Findings {
    fn error(&mut self, path: &str, line: impl Into<Option<usize>>, message: impl Into<String>) {
        self.add(path, line.into(), message.into(), Weight::Error);
    }

    fn warning(&mut self, path: &str, line: impl Into<Option<usize>>, message: impl Into<String>) {
        self.add(path, line.into(), message.into(), Weight::Warning);
    }

    fn add(&mut self, path: &str, line: Option<usize>, message: String, weight: Weight) {
        self.0.push(Finding { path: path.to_owned(), line, message, weight });
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.path)?;
        if let Some(line) = self.line {
            write!(f, ":{line}")?;
        }
        let weight = if self.weight == Weight::Warning { "warning: " } else { "" };
        write!(f, ": {weight}{}", self.message)
    }
}

#[cfg(test)]
fn findings_of(files: &[(&str, &str)], rule: impl Fn(&Tree, &mut Findings)) -> Vec<String> {
    let files = files.iter().map(|(path, text)| crate::tree::SourceFile {
        path: (*path).to_owned(),
        text: (*text).to_owned(),
    });
    let tree = Tree { root: ".".into(), files: files.collect() };
    let mut findings = Findings::default();
    rule(&tree, &mut findings);
    findings.0.iter().map(ToString::to_string).collect()
}
