//! The allowed imports between crates: the arrows of docs/architecture.md.
//!
//! Cargo forbids cycles between crates; this forbids edges that are not in the picture.
//! It reads only the manifests, so an edge is found before it is used.

use toml::{Table, Value};

use super::Findings;
use crate::tree::Tree;

/// Each crate, and which of ours it may import. A new crate must be added here, on purpose.
const EDGES: [(&str, &[&str]); 28] = [
    ("rules", &[]),
    ("http1", &[]),
    ("connect", &[]),
    ("console", &[]),
    ("journal", &[]),
    ("judge", &[]),
    ("drill", &[]),
    ("parent", &[]),
    ("certificate", &["connect"]),
    ("fetch", &[]),
    ("traffic", &["rules"]),
    ("config", &["rules"]),
    ("contract", &["rules"]),
    ("runner", &["fetch", "rules"]),
    ("deploy", &["config", "connect", "contract", "fetch", "rules", "runner"]),
    ("acme", &["certificate", "config", "connect", "fetch"]),
    ("notify", &["config", "connect", "contract", "fetch", "rules"]),
    ("init", &["config"]),
    ("peer", &["traffic", "rules"]),
    ("preview", &["rules"]),
    ("top", &["contract"]),
    ("proxy", &["certificate", "connect", "http1", "preview", "traffic", "rules"]),
    (
        "admin",
        &["connect", "console", "contract", "control", "notify", "preview", "traffic", "rules"],
    ),
    ("control", &["connect", "http1", "journal", "judge", "peer", "traffic", "rules"]),
    (
        "teal",
        &[
            "acme",
            "admin",
            "certificate",
            "config",
            "console",
            "contract",
            "control",
            "deploy",
            "fetch",
            "init",
            "journal",
            "notify",
            "parent",
            "peer",
            "preview",
            "proxy",
            "drill",
            "connect",
            "traffic",
            "rules",
            "runner",
            "top",
        ],
    ),
    ("testkit", &["drill"]),
    ("packager", &["config"]),
    ("xtask", &["config", "packager"]),
];

/// Crates of ours that any tests may import.
const FOR_TESTS: [&str; 2] = ["testkit", "packager"];

/// Third-party crates that would defeat the purpose of one of ours.
const FORBIDDEN: [(&str, &[&str]); 7] = [
    ("traffic", &["tokio", "hyper", "serde", "serde_json"]),
    ("http1", &["tokio", "hyper", "bytes", "serde"]),
    ("config", &["tokio", "hyper"]),
    ("contract", &["axum", "hyper", "tokio"]),
    ("control", &["axum", "utoipa"]),
    ("proxy", &["hyper", "instant-acme"]),
    ("top", &["hyper", "rustix", "tokio"]),
];

pub(super) fn check(tree: &Tree, findings: &mut Findings) {
    for file in &tree.files {
        let Some(name) = crate_of(&file.path) else { continue };
        let manifest: Table = match file.text.parse() {
            Ok(manifest) => manifest,
            Err(error) => {
                findings.error(&file.path, None, format!("is not a valid manifest: {error}"));
                continue;
            }
        };
        check_manifest(name, &file.path, &manifest, findings);
    }
}

fn crate_of(path: &str) -> Option<&str> {
    path.strip_prefix("crates/")?.strip_suffix("/Cargo.toml")
}

fn check_manifest(name: &str, path: &str, manifest: &Table, findings: &mut Findings) {
    let Some((_, allowed)) = EDGES.iter().find(|(known, _)| *known == name) else {
        let message = "is missing in xtask's table of edges; add it there";
        return findings.error(path, None, message);
    };
    let package = manifest.get("package").and_then(|package| package.get("name"));
    if package.and_then(Value::as_str) != Some(name) {
        findings.error(
            path,
            None,
            format!("the package must have the name of its folder, {name:?}"),
        );
    }
    if manifest.contains_key("features") {
        findings.error(path, None, "has [features]; every build of ours is the same build");
    }
    let forbidden = FORBIDDEN.iter().find(|(known, _)| *known == name);
    let forbidden = forbidden.map_or(&[][..], |(_, forbidden)| forbidden);
    for dependency in dependencies(manifest, "dependencies") {
        let ours = EDGES.iter().any(|(known, _)| *known == dependency);
        if name == "rules" {
            let message = format!("depends on {dependency}; [dependencies] of rules stay empty");
            findings.error(path, None, message);
        } else if ours && !allowed.contains(&dependency) {
            let message = format!("{name} must not import {dependency} (docs/architecture.md)");
            findings.error(path, None, message);
        } else if forbidden.contains(&dependency) {
            findings.error(path, None, format!("{name} must never need {dependency}"));
        }
    }
    for dependency in dependencies(manifest, "dev-dependencies") {
        let ours = EDGES.iter().any(|(known, _)| *known == dependency);
        if ours && !FOR_TESTS.contains(&dependency) && !allowed.contains(&dependency) {
            let message = format!("tests of {name} must not import {dependency} either");
            findings.error(path, None, message);
        }
    }
}

fn dependencies<'m>(manifest: &'m Table, section: &str) -> Vec<&'m str> {
    let table = manifest.get(section).and_then(Value::as_table);
    table.into_iter().flatten().map(|(name, _)| name.as_str()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tidy::findings_of;

    fn manifest(name: &str, rest: &str) -> Vec<String> {
        let path = format!("crates/{name}/Cargo.toml");
        let text = format!("[package]\nname = {name:?}\n{rest}");
        findings_of(&[(&path, &text)], check)
    }

    #[test]
    fn the_two_planes_never_import_each_other() {
        for (one, other) in [("proxy", "control"), ("control", "proxy")] {
            let line = format!("{other}.workspace = true");
            assert_eq!(
                manifest(one, &format!("[dependencies]\n{line}")),
                [format!(
                    "crates/{one}/Cargo.toml: {one} must not import {other} (docs/architecture.md)"
                )]
            );
            assert_eq!(
                manifest(one, &format!("[dev-dependencies]\n{line}")),
                [format!("crates/{one}/Cargo.toml: tests of {one} must not import {other} either")]
            );
        }
    }

    #[test]
    fn rules_depend_on_nothing() {
        let said = manifest("rules", "[dependencies]\nlog = \"0.4\"");
        assert_eq!(
            said,
            ["crates/rules/Cargo.toml: depends on log; [dependencies] of rules stay empty"]
        );
        assert!(manifest("rules", "[dev-dependencies]\nproptest = \"1\"").is_empty());
    }

    #[test]
    fn features_strange_crates_and_forbidden_ones_are_found() {
        assert_eq!(manifest("http1", "[dependencies]\ntokio = \"1\"").len(), 1);
        assert_eq!(manifest("connect", "[features]\nfast = []").len(), 1);
        assert_eq!(manifest("novelty", "").len(), 1);
        assert!(manifest("traffic", "[dependencies]\nrules = { path = \"x\" }").is_empty());
    }
}
