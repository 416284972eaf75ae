//! `docs/reference/config.md`: every key of the file, from the schema.

use std::fmt::Write as _;

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
    table(&mut page, "", "At the top", "", schema);
    page
}

/// One table of the file: its description, its keys, then its subtables.
fn table(page: &mut String, path: &str, title: &str, about: &str, schema: &Value) {
    // infallible: all writes go into a String
    let _ = write!(page, "\n## {title}\n\n{about}");
    let properties: Vec<(&String, &Value)> =
        schema["properties"].as_object().into_iter().flatten().collect();
    let is_table = |schema: &Value| inner(schema).get("properties").is_some();
    let keys: Vec<_> = properties.iter().filter(|(_, schema)| !is_table(schema)).collect();
    if !keys.is_empty() {
        page.push_str("| key | type | default | meaning |\n|---|---|---|---|\n");
    }
    for (key, value) in keys {
        let required = schema["required"]
            .as_array()
            .is_some_and(|keys| keys.contains(&Value::from(key.as_str())));
        let _ = writeln!(
            page,
            "| `{key}` | {} | {} | {} |",
            kind(value),
            default(value, required),
            one_line(value["description"].as_str().unwrap_or_default())
        );
    }
    for (key, value) in properties.iter().filter(|(_, schema)| is_table(schema)) {
        let path = if path.is_empty() { (*key).clone() } else { format!("{path}.{key}") };
        let listed = value.get("items").is_some();
        let title = match (listed, path.contains('.')) {
            (true, false) => format!("`[[{path}]]`"),
            (true, true) => format!("`{path} = [{{ … }}]`"),
            (false, _) => format!("`[{path}]`"),
        };
        table(page, &path, &title, &about_both(value), inner(value));
    }
}

/// The description of a table; for a list of tables also that of one entry.
fn about_both(value: &Value) -> String {
    let of = |schema: &Value| schema["description"].as_str().map(one_line);
    let both = [of(value), value.get("items").and_then(of)];
    let paragraphs = both.into_iter().flatten().map(|about| about + "\n\n");
    paragraphs.collect()
}

fn inner(schema: &Value) -> &Value {
    schema.get("items").unwrap_or(schema)
}

fn kind(schema: &Value) -> String {
    if let Some(words) = schema["enum"].as_array() {
        let words: Vec<String> = words.iter().map(|word| format!("`{word}`")).collect();
        return words.join(" or ");
    }
    let name = match (schema["title"].as_str(), schema["type"].as_str()) {
        (Some(title), _) => title.to_owned(),
        (None, Some("string")) => "text".to_owned(),
        (None, Some("integer")) => "number".to_owned(),
        (None, Some("array")) => format!("list of {}", kind(&schema["items"])),
        (None, other) => other.unwrap_or("any").to_owned(),
    };
    let most = schema["maximum"].as_u64().filter(|most| *most < i64::MAX as u64);
    match (schema["minimum"].as_u64(), most) {
        (Some(least), Some(most)) => format!("{name}, {least} to {most}"),
        (Some(least), None) if least > 0 => format!("{name}, at least {least}"),
        _ => name,
    }
}

fn default(schema: &Value, required: bool) -> String {
    if required {
        return "required".to_owned();
    }
    match (schema.get("default"), schema["x-default"].as_str()) {
        (Some(default), _) => format!("`{default}`"),
        (None, Some(words)) => words.to_owned(),
        (None, None) => String::new(),
    }
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ").replace('|', "\\|")
}
