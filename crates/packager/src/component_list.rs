//! The list of components (SBOM) in CycloneDX 1.5: every crate that is part of the program, with its version, licence and
//! checksum, and which needs which. It is made from `cargo metadata` and `Cargo.lock`, and has neither a random number
//! nor a time but that of the packages.

use std::collections::{BTreeMap, BTreeSet};
use std::env;
use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result};
use serde_json::{Value, json};

use crate::facts::Facts;
use crate::run::output_of;

/// The whole document.
pub(crate) fn text(root: &Path, facts: &Facts) -> Result<String> {
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let platform = facts.architecture.rust_target();
    let metadata = output_of(
        Command::new(cargo)
            .args(["metadata", "--format-version=1", "--locked", "--filter-platform", platform])
            .current_dir(root),
    )?;
    let metadata: Value = serde_json::from_str(&metadata).context("cargo metadata is not JSON")?;
    let lock = fs::read_to_string(root.join("Cargo.lock")).context("cannot read Cargo.lock")?;
    let time = facts.time("+%Y-%m-%dT%H:%M:%SZ")?;
    let document = document(&metadata, &checksums(&lock), &time)?;
    Ok(serde_json::to_string_pretty(&document)? + "\n")
}

fn document(metadata: &Value, sums: &BTreeMap<String, String>, time: &str) -> Result<Value> {
    let packages = metadata["packages"].as_array().context("cargo names no packages")?;
    let packages: BTreeMap<&str, &Value> =
        packages.iter().map(|package| (word(&package["id"]), package)).collect();
    let nodes = metadata["resolve"]["nodes"].as_array().context("cargo names no dependencies")?;
    let needs: BTreeMap<&str, BTreeSet<&str>> =
        nodes.iter().map(|node| (word(&node["id"]), needed(node))).collect();
    let teal = packages.iter().find(|(_, package)| package["name"] == "teal");
    let (teal, program) = teal.context("cargo knows no package teal")?;
    let part = reached(teal, &needs);
    let components = part.iter().filter(|id| *id != teal);
    let components = components.filter_map(|id| packages.get(id).map(|it| component(it, sums)));
    let mut components: Vec<Value> = components.collect();
    components.sort_by(|one, other| word(&one["bom-ref"]).cmp(word(&other["bom-ref"])));
    let reference = |id: &str| packages.get(id).map(|package| reference(package));
    let mut dependencies: Vec<Value> = Vec::new();
    for id in &part {
        let mut on: Vec<_> = needs[id].iter().filter_map(|id| reference(id)).collect();
        on.sort();
        dependencies.push(json!({ "ref": reference(id), "dependsOn": on }));
    }
    dependencies.sort_by(|one, other| word(&one["ref"]).cmp(word(&other["ref"])));
    let mut program = component(program, sums);
    program["type"] = "application".into();
    Ok(json!({
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "version": 1,
        "metadata": { "timestamp": time, "component": program },
        "components": components,
        "dependencies": dependencies,
    }))
}

/// The packages that become part of one that needs them: neither those of its tests nor those of its build.
fn needed(node: &Value) -> BTreeSet<&str> {
    let all = node["deps"].as_array().into_iter().flatten();
    let normal = |dependency: &&Value| {
        let kinds = dependency["dep_kinds"].as_array();
        kinds.is_some_and(|kinds| kinds.iter().any(|kind| kind["kind"].is_null()))
    };
    all.filter(normal).map(|dependency| word(&dependency["pkg"])).collect()
}

/// A package and all that it needs, directly or indirectly.
fn reached<'m>(from: &'m str, needs: &BTreeMap<&'m str, BTreeSet<&'m str>>) -> BTreeSet<&'m str> {
    let mut reached = BTreeSet::new();
    let mut next = vec![from];
    while let Some(id) = next.pop() {
        if reached.insert(id) {
            next.extend(needs.get(id).into_iter().flatten());
        }
    }
    reached
}

fn component(package: &Value, sums: &BTreeMap<String, String>) -> Value {
    let (name, version) = (&package["name"], &package["version"]);
    let reference = reference(package);
    let mut component = json!({
        "type": "library", "bom-ref": reference, "name": name, "version": version, "purl": reference,
    });
    if let Some(license) = package["license"].as_str() {
        let license = license.replace('/', " OR ");
        component["licenses"] = json!([{ "expression": license }]);
    }
    if let Some(sum) = sums.get(&format!("{} {}", word(name), word(version))) {
        component["hashes"] = json!([{ "alg": "SHA-256", "content": sum }]);
    }
    component
}

/// The name that everybody has for a version of a crate.
fn reference(package: &Value) -> String {
    format!(
        "pkg:cargo/{}@{}",
        word(&package["name"]),
        word(&package["version"]).replace('+', "%2B")
    )
}

fn word(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

/// The checksums of `Cargo.lock` by name and version.
fn checksums(lock: &str) -> BTreeMap<String, String> {
    let field = |package: &str, name: &str| {
        let line = package.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(" = \""));
        line.and_then(|rest| rest.strip_suffix('"')).map(str::to_owned)
    };
    let packages = lock.split("[[package]]").filter_map(|package| {
        let sum = field(package, "checksum")?;
        Some((format!("{} {}", field(package, "name")?, field(package, "version")?), sum))
    });
    packages.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_part_of_the_program_is_listed() {
        let dep = |id: &str, kind: Value| json!({ "pkg": id, "dep_kinds": [{ "kind": kind }] });
        let node = |id: &str, deps: Vec<Value>| json!({ "id": id, "deps": deps });
        let package = |name: &str| json!({ "id": name, "name": name, "version": "1.0.0+x", "license": "MIT/Apache-2.0" });
        let packages = ["teal", "a", "b", "tests"].map(package);
        let metadata = json!({
            "packages": packages,
            "resolve": { "nodes": [
                node("teal", vec![dep("a", Value::Null), dep("tests", "dev".into())]),
                node("a", vec![dep("b", Value::Null)]),
                node("b", vec![]),
                node("tests", vec![]),
            ] },
        });
        let lock = "[[package]]\nname = \"b\"\nversion = \"1.0.0+x\"\nchecksum = \"00ff\"\n";
        let document = document(&metadata, &checksums(lock), "now").expect("a document");
        let names = document["components"].as_array().expect("a list").iter();
        let names: Vec<_> = names.map(|it| word(&it["name"])).collect();
        assert_eq!(names, ["a", "b"]);
        let b = &document["components"][1];
        assert_eq!(b["purl"], "pkg:cargo/b@1.0.0%2Bx");
        assert_eq!(b["hashes"][0]["content"], "00ff");
        assert_eq!(b["licenses"][0]["expression"], "MIT OR Apache-2.0");
        assert_eq!(document["dependencies"].as_array().map(Vec::len), Some(3));
        assert_eq!(document["metadata"]["component"]["type"], "application");
    }
}
