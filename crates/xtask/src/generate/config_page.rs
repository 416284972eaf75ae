//! `docs/reference/config.md`: every key of the file, from the schema.

use std::fmt::Write as _;

use packager::tables;
use serde_json::Value;

const OPENING: &str = "\
# Configuration

One TOML file, given by `teal run --config FILE`. Without a file `teal run` serves one service
named `web`, with every setting at the default given here. `teal check --config FILE` reports all
problems of a file at once, with line and column.

- **Durations** are text: whole numbers with the units `h`, `m`, `s`, `ms`, larger ones first, such
  as `\"500ms\"`, `\"5s\"`, `\"1m30s\"`; longer than zero and at most 720 hours.
- **Sizes** are a whole number of bytes, or text with a unit `B`, `kB`, `KiB`, `MB`, `MiB`, `GB`,
  `GiB`, `TiB`, such as `\"32MiB\"`.
- **Unknown keys** are refused; so are keys of versions to come.
- A JSON Schema for editors is in [config.schema.json](config.schema.json).

This page is generated from the code.
";

/// The whole page.
pub(super) fn page(schema: &Value) -> String {
    let mut page = OPENING.to_owned();
    for table in tables(schema) {
        // infallible: all writes go into a String
        let _ = write!(page, "\n## {}\n\n", table.title);
        for paragraph in table.about {
            let _ = write!(page, "{}\n\n", cell(&paragraph));
        }
        if !table.keys.is_empty() {
            page.push_str("| key | type | default | meaning |\n|---|---|---|---|\n");
        }
        for key in table.keys {
            let (name, kind, default) = (key.name, key.kind, key.default);
            let _ = writeln!(page, "| `{name}` | {kind} | {default} | {} |", cell(&key.meaning));
        }
    }
    page
}

fn cell(text: &str) -> String {
    text.replace('|', "\\|")
}
