//! The reference documents, generated from the code that they describe.
//!
//! Every document is a function of the code: written by `generate`, and compared by
//! `generate --check`, so that none can differ from the code.

mod config_page;
mod dashboard;
mod teal;

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail};

use crate::guards;
use teal::Teal;

/// One generated file, relative to the root.
struct Document {
    path: &'static str,
    text: String,
}

/// Writes every document that has changed.
#[expect(clippy::print_stderr, reason = "a command-line tool speaks to its terminal")]
pub(crate) fn write(root: &Path) -> Result<()> {
    for document in documents(root)? {
        let path = root.join(document.path);
        if fs::read_to_string(&path).is_ok_and(|text| text == document.text) {
            continue;
        }
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder)?;
        }
        fs::write(&path, document.text)
            .with_context(|| format!("{} can't be written", path.display()))?;
        eprintln!("wrote {}", document.path);
    }
    Ok(())
}

/// Fails and names every document that is out of date.
pub(crate) fn check(root: &Path) -> Result<()> {
    let stale: Vec<&str> = documents(root)?
        .iter()
        .filter(|document| {
            let there = fs::read_to_string(root.join(document.path));
            !there.is_ok_and(|text| text == document.text)
        })
        .map(|document| document.path)
        .collect();
    if !stale.is_empty() {
        bail!("out of date: {}; run `make reference` and commit", stale.join(", "));
    }
    Ok(())
}

fn documents(root: &Path) -> Result<Vec<Document>> {
    let schema = config::schema();
    let mut schema_text = serde_json::to_string_pretty(&schema)?;
    schema_text.push('\n');
    let teal = Teal::find_or_build(root)?;
    let metrics = teal.document("metrics")?;
    Ok(vec![
        Document { path: "packaging/grafana/teal.json", text: dashboard::document(&metrics)? },
        Document { path: "docs/reference/config.md", text: config_page::page(&schema) },
        Document { path: "docs/reference/config.schema.json", text: schema_text },
        Document { path: "docs/reference/cli.md", text: teal.document("cli")? },
        Document { path: "docs/reference/metrics.md", text: metrics },
        Document { path: "docs/reference/problems.md", text: teal.document("problems")? },
        Document { path: "docs/reference/openapi.json", text: teal.document("openapi")? },
        Document { path: "docs/reference/guards.md", text: guards::page(root)? },
    ])
}
