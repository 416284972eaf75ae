//! Rules for documents: no line numbers, no paths of a single machine.

use super::Findings;
use crate::tree::{SourceFile, Tree};

/// Paths of machines, written in halves so that this file has none.
const MACHINE: [&str; 4] = [
    concat!("/wo", "rk/"),
    concat!("/ro", "ot/"),
    concat!("/home/", "user"),
    concat!("/tmp/", "t-"),
];

/// Documents that users and contributors cannot do without.
const NEEDED: [&str; 8] = [
    "README.md",
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    "LICENSE-APACHE",
    "LICENSE-MIT",
    "docs/architecture.md",
    "docs/promises.md",
    "docs/reference/config.md",
];

pub(super) fn check(tree: &Tree, findings: &mut Findings) {
    for path in NEEDED {
        if tree.file(path).is_none() {
            findings.error(path, None, "is missing");
        }
    }
    if let Some(file) = tree.file("CHANGELOG.md")
        && !file.text.contains("## [Unreleased]")
    {
        findings.error(&file.path, None, "has no section `## [Unreleased]`");
    }
    for file in &tree.files {
        citations(file, findings);
        machine_paths(file, findings);
    }
}

/// Forbids line numbers: they are wrong after the next edit, while a symbol can be found again.
fn citations(file: &SourceFile, findings: &mut Findings) {
    if !file.has_extension("md") && !file.has_extension("rs") {
        return;
    }
    for (number, line) in file.lines() {
        let prose = if file.has_extension("rs") {
            line.split_once("//").map(|(_, c)| c)
        } else {
            Some(line)
        };
        let cited = prose.unwrap_or_default().split(".rs:").skip(1);
        if cited.into_iter().any(|after| after.starts_with(|c: char| c.is_ascii_digit())) {
            findings.error(&file.path, number, "cites a line by its number; name the symbol");
        }
    }
}

fn machine_paths(file: &SourceFile, findings: &mut Findings) {
    for (number, line) in file.lines() {
        if let Some(path) = MACHINE.iter().find(|path| line.contains(**path)) {
            findings.error(&file.path, number, format!("{path} exists on one machine only"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tidy::findings_of;

    fn said_of(path: &str, text: &str) -> Vec<String> {
        let said = findings_of(&[(path, text)], check);
        said.into_iter().filter(|said| !said.ends_with(": is missing")).collect()
    }

    #[test]
    fn a_line_cited_by_number_is_found_in_documents_and_comments() {
        let cite = concat!("see lease.rs", ":17");
        assert_eq!(said_of("docs/a.md", cite).len(), 1);
        assert_eq!(said_of("a.rs", &format!("x(); // {cite}")).len(), 1);
        assert!(said_of("a.rs", &format!("let x = \"{cite}\";")).is_empty());
        assert!(said_of("docs/a.md", "see `claim` in lease.rs: it counts").is_empty());
    }

    #[test]
    fn paths_of_one_machine_are_found() {
        for path in MACHINE {
            assert_eq!(said_of("docs/a.md", path).len(), 1, "{path}");
        }
    }

    #[test]
    fn a_missing_document_is_found() {
        assert_eq!(findings_of(&[], check).len(), NEEDED.len());
    }
}
