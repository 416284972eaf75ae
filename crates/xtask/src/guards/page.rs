//! The table of the patches for docs/reference/guards.md.

use std::fmt::Write as _;
use std::path::Path;

use anyhow::Result;

use super::patch::in_folder;

const HEAD: &str = "# Guards that patches take out

Each file in `guards/` takes one guard out of the code and names the tests that must fail then.
`make guards` tries all of them, `cargo xtask guards R66` those whose names begin with R66. This page is
generated. The guards that were taken out by hand are in [guards.md](../guards.md).

| patch | guard that it takes out | tests that must fail |
|---|---|---|
";

/// `docs/reference/guards.md`.
pub(crate) fn page(root: &Path) -> Result<String> {
    let mut page = HEAD.to_owned();
    for guard in in_folder(root)? {
        let functions: Vec<String> =
            guard.tests.iter().map(|test| format!("`{}`", test.function)).collect();
        let (name, tests) = (&guard.name, functions.join(", "));
        let _never_fails = writeln!(page, "| {name} | {} | {tests} |", guard.takes_out);
    }
    Ok(page)
}
