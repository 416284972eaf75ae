//! Every dependency may be used under a licence that `deny.toml` allows: what cargo-deny checks,
//! also where it is not installed. Nothing is allowed here that is not allowed there.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use toml::Table;

use super::Findings;
use crate::tree::Tree;

const DENY: &str = "deny.toml";
const LOCK: &str = "Cargo.lock";

pub(super) fn check(tree: &Tree, findings: &mut Findings) {
    let Some(deny) = tree.file(DENY) else { return }; // its absence is reported by `standing`
    let deny: Table = match deny.text.parse() {
        Ok(deny) => deny,
        Err(error) => return findings.error(DENY, None, format!("can't be read: {error}")),
    };
    match packages(&tree.root, &list(&deny, "graph", "targets")) {
        Ok(packages) => judge(&packages, &list(&deny, "licenses", "allow"), findings),
        Err(error) => findings.error(LOCK, None, format!("{error:#}")),
    }
}

/// The strings of `[section] key = [...]`.
fn list<'d>(deny: &'d Table, section: &str, key: &str) -> Vec<&'d str> {
    let values = deny.get(section).and_then(|section| section.get(key)?.as_array());
    values.into_iter().flatten().filter_map(toml::Value::as_str).collect()
}

/// What the build for these targets consists of, as cargo resolves it.
fn packages(root: &Path, targets: &[&str]) -> Result<Vec<Value>> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command.args(["metadata", "--format-version", "1", "--locked", "--quiet"]).current_dir(root);
    command.args(targets.iter().flat_map(|target| ["--filter-platform", target]));
    let output = command.output().context("cargo can't be run")?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "`cargo metadata` fails: {}", said.trim());
    let mut metadata: Value = serde_json::from_slice(&output.stdout)?;
    match metadata["packages"].take() {
        Value::Array(packages) => Ok(packages),
        _ => Err(anyhow::anyhow!("`cargo metadata` names no packages")),
    }
}

fn judge(packages: &[Value], allowed: &[&str], findings: &mut Findings) {
    // What has no source is ours.
    for package in packages.iter().filter(|package| package["source"].is_string()) {
        let name = package["name"].as_str().unwrap_or_default();
        let message = match package["license"].as_str() {
            None => format!("{name} names no licence; use something else"),
            Some(licence) if is_allowed(licence, allowed) => continue,
            Some(licence) => format!(
                "{name} is under {licence:?}, which {DENY} does not allow; use something else, or \
                 allow it there if it may be"
            ),
        };
        findings.error(LOCK, None, message);
    }
}

/// Whether an SPDX expression can be met with what is allowed. `/` is how `OR` was once written.
fn is_allowed(expression: &str, allowed: &[&str]) -> bool {
    let spaced = expression.replace('/', " OR ").replace('(', " ( ").replace(')', " ) ");
    let words: Vec<&str> = spaced.split_whitespace().collect();
    let mut reader = Reader { words: &words, allowed };
    reader.any() == Some(true) && reader.words.is_empty()
}

/// Reads an expression; `None` where it is none.
struct Reader<'w> {
    words: &'w [&'w str],
    allowed: &'w [&'w str],
}

impl Reader<'_> {
    /// `all OR all …`
    fn any(&mut self) -> Option<bool> {
        let mut met = self.all()?;
        while self.skip("OR") {
            met |= self.all()?;
        }
        Some(met)
    }

    /// `one AND one …`
    fn all(&mut self) -> Option<bool> {
        let mut met = self.one()?;
        while self.skip("AND") {
            met &= self.one()?;
        }
        Some(met)
    }

    /// A licence, one with an exception, or an expression in parentheses.
    fn one(&mut self) -> Option<bool> {
        if self.skip("(") {
            let met = self.any()?;
            return self.skip(")").then_some(met);
        }
        let mut licence = (*self.words.split_off_first()?).to_owned();
        if self.skip("WITH") {
            licence = format!("{licence} WITH {}", self.words.split_off_first()?);
        }
        Some(self.allowed.contains(&licence.as_str()))
    }

    fn skip(&mut self, word: &str) -> bool {
        let found = self.words.first() == Some(&word);
        if found {
            self.words = &self.words[1..];
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::tidy::findings_of;

    const ALLOWED: [&str; 3] = ["MIT", "Apache-2.0 WITH LLVM-exception", "BSD-3-Clause"];

    #[test]
    fn an_expression_is_met_by_what_is_allowed_and_by_nothing_else() {
        for met in [
            "MIT",
            "MIT OR GPL-3.0",
            "GPL-3.0/MIT",
            "Apache-2.0 WITH LLVM-exception OR GPL-3.0",
            "(MIT OR GPL-3.0) AND BSD-3-Clause",
            "GPL-3.0 OR MIT AND BSD-3-Clause",
        ] {
            assert!(is_allowed(met, &ALLOWED), "{met}");
        }
        for unmet in [
            "GPL-3.0",
            "MIT AND GPL-3.0",
            "(MIT OR BSD-3-Clause) AND GPL-3.0",
            "Apache-2.0",
            "MIT WITH LLVM-exception",
            "",
            "MIT OR",
            "(MIT",
            "MIT MIT",
        ] {
            assert!(!is_allowed(unmet, &ALLOWED), "{unmet}");
        }
    }

    #[test]
    fn a_dependency_without_an_allowed_licence_is_found_and_ours_need_none() {
        let packages = [
            json!({ "name": "good", "source": "registry", "license": "MIT" }),
            json!({ "name": "bad", "source": "registry", "license": "GPL-3.0" }),
            json!({ "name": "silent", "source": "registry", "license": null }),
            json!({ "name": "ours", "source": null, "license": null }),
        ];
        let said = findings_of(&[], |_, findings| judge(&packages, &ALLOWED, findings));
        assert_eq!(said.len(), 2, "{said:?}");
        assert!(said[0].starts_with("Cargo.lock: bad is under \"GPL-3.0\""), "{said:?}");
        assert_eq!(said[1], "Cargo.lock: silent names no licence; use something else");
    }
}
