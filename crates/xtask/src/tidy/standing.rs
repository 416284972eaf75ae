//! The standard files at the root exist, and continuous integration runs the same as
//! developers do.

use super::Findings;
use crate::tree::Tree;

/// Each file, and its readers.
const STANDING: [(&str, &str); 8] = [
    ("README.md", "every new user"),
    ("LICENSE-MIT", "every user"),
    ("LICENSE-APACHE", "every user"),
    ("CHANGELOG.md", "every user who upgrades"),
    ("CONTRIBUTING.md", "every contributor"),
    ("deny.toml", "cargo-deny: licences, advisories, sources"),
    ("clippy.toml", "cargo clippy"),
    ("rustfmt.toml", "cargo fmt"),
];
const WORKFLOWS: &str = ".github/workflows/";
/// The commands that run everything that must pass.
const RUNS: [&str; 2] = [".ci/run", "make test"];

pub(super) fn check(tree: &Tree, findings: &mut Findings) {
    for (path, who) in STANDING {
        match tree.file(path) {
            None => findings.error(path, None, format!("is missing; {who} needs it")),
            Some(file) if file.text.trim().is_empty() => {
                findings.error(path, None, format!("is empty; {who} needs it"));
            }
            Some(_) => {}
        }
    }
    let mut workflows = tree.files.iter().filter(|file| file.path.starts_with(WORKFLOWS));
    let runs_all = |text: &str| {
        let mut lines = text.lines().filter(|line| !line.trim_start().starts_with('#'));
        lines.any(|line| RUNS.iter().any(|command| line.contains(command)))
    };
    if !workflows.any(|file| runs_all(&file.text)) {
        findings.error(WORKFLOWS, None, "no workflow runs .ci/run or `make test`");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tidy::findings_of;

    fn tree(workflow: &'static str) -> Vec<(&'static str, &'static str)> {
        let mut files = STANDING.map(|(path, _)| (path, "text")).to_vec();
        files.push((".github/workflows/ci.yml", workflow));
        files
    }

    #[test]
    fn a_file_that_is_missing_or_empty_is_found() {
        let whole = tree("run: .ci/run");
        assert!(findings_of(&whole, check).is_empty());
        for at in 0..STANDING.len() {
            let mut lacking = whole.clone();
            let (path, _) = lacking.remove(at);
            let said = findings_of(&lacking, check);
            assert!(said.len() == 1 && said[0].starts_with(&format!("{path}: is missing")));
            lacking.push((path, "\n"));
            let said = findings_of(&lacking, check);
            assert!(said.len() == 1 && said[0].starts_with(&format!("{path}: is empty")));
        }
    }

    #[test]
    fn a_workflow_that_leaves_tests_out_is_found() {
        for workflow in ["run: cargo build", "# run: make test"] {
            let said = findings_of(&tree(workflow), check);
            assert_eq!(said, [".github/workflows/: no workflow runs .ci/run or `make test`"]);
        }
        assert!(findings_of(&tree("run: make test"), check).is_empty());
    }
}
