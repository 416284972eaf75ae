//! The reference is complete: every key and every metric name of the code is in it.

use serde_json::Value;

use super::Findings;
use crate::tree::Tree;

const CONFIG: &str = "docs/reference/config.md";
const METRICS: &str = "docs/reference/metrics.md";

pub(super) fn check(tree: &Tree, findings: &mut Findings) {
    if let Some(document) = tree.file(CONFIG) {
        let mut keys = Vec::new();
        collect(&config::schema(), &mut keys);
        for key in keys.iter().filter(|key| !document.text.contains(&format!("`{key}`"))) {
            findings.error(CONFIG, None, format!("does not document {key}; run `make reference`"));
        }
    }
    let document = tree.file(METRICS).map_or("", |file| file.text.as_str());
    for file in tree.rust().filter(|file| file.path.starts_with("crates/admin/src/")) {
        for (number, line) in file.lines() {
            for name in metric_names(line).filter(|name| !document.contains(name)) {
                let message =
                    format!("the metric {name} is not in {METRICS}; run `make reference`");
                findings.error(&file.path, number, message);
            }
        }
    }
}

/// Every key of every table.
fn collect(schema: &Value, keys: &mut Vec<String>) {
    for (key, schema) in schema["properties"].as_object().into_iter().flatten() {
        let inner = schema.get("items").unwrap_or(schema);
        if inner.get("properties").is_none() {
            keys.push(key.clone());
        }
        collect(inner, keys);
    }
}

/// The metric names among the string literals of a line.
fn metric_names(line: &str) -> impl Iterator<Item = &str> {
    line.split('"').skip(1).step_by(2).filter(|text| {
        text.len() > "teal_".len()
            && text.starts_with("teal_")
            && text.bytes().all(|c| c.is_ascii_lowercase() || c == b'_')
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tidy::findings_of;

    #[test]
    fn a_key_or_metric_that_the_reference_leaves_out_is_found() {
        let said = findings_of(&[(CONFIG, "`interval`")], check);
        assert!(said.iter().all(|said| !said.contains(" interval;")), "{said:?}");
        assert!(said.iter().any(|said| said.contains(" fast_interval;")), "{said:?}");
        let code = ("crates/admin/src/a.rs", "register(\"teal_generation\", \"teal_x y\");");
        let said = findings_of(&[code], check);
        assert_eq!(
            said,
            ["crates/admin/src/a.rs:1: the metric teal_generation is not in \
              docs/reference/metrics.md; run `make reference`"]
        );
        assert!(findings_of(&[code, (METRICS, "### teal_generation")], check).is_empty());
    }
}
