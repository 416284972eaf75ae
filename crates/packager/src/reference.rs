//! The keys of the configuration file, table by table, as its schema describes them: for the reference and the manual.

use serde_json::Value;

/// One table of the file.
#[derive(Clone, Debug)]
pub struct Table {
    /// `At the top`, or the table as it is written, in backticks.
    pub title: String,
    /// Paragraphs that describe it.
    pub about: Vec<String>,
    /// Its keys, without subtables.
    pub keys: Vec<Key>,
}

/// One key. Texts are Markdown without line breaks.
#[derive(Clone, Debug)]
pub struct Key {
    /// Its name.
    pub name: String,
    /// The values that it takes.
    pub kind: String,
    /// Its default; empty if it has none.
    pub default: String,
    /// Its purpose.
    pub meaning: String,
}

/// All tables, each before its subtables.
#[must_use]
pub fn tables(schema: &Value) -> Vec<Table> {
    let mut tables = Vec::new();
    add(&mut tables, "", "At the top".to_owned(), Vec::new(), schema);
    tables
}

fn add(tables: &mut Vec<Table>, path: &str, title: String, about: Vec<String>, schema: &Value) {
    let properties: Vec<(&String, &Value)> =
        schema["properties"].as_object().into_iter().flatten().collect();
    let is_table = |schema: &Value| inner(schema).get("properties").is_some();
    let keys = properties.iter().filter(|(_, value)| !is_table(value));
    let keys = keys.map(|(name, value)| key(name, value, schema)).collect();
    tables.push(Table { title, about, keys });
    for (key, value) in properties.iter().filter(|(_, value)| is_table(value)) {
        let path = if path.is_empty() { (*key).clone() } else { format!("{path}.{key}") };
        let listed = value.get("items").is_some();
        let title = match (listed, path.contains('.')) {
            (true, false) => format!("`[[{path}]]`"),
            (true, true) => format!("`{path} = [{{ … }}]`"),
            (false, _) => format!("`[{path}]`"),
        };
        add(tables, &path, title, about_both(value), inner(value));
    }
}

fn key(name: &str, value: &Value, schema: &Value) -> Key {
    let required = schema["required"].as_array();
    let required = required.is_some_and(|keys| keys.contains(&Value::from(name)));
    Key {
        name: name.to_owned(),
        kind: kind(value),
        default: default(value, required),
        meaning: one_line(value["description"].as_str().unwrap_or_default()),
    }
}

/// The description of a table; for a list of tables also that of one entry.
fn about_both(value: &Value) -> Vec<String> {
    let of = |schema: &Value| schema["description"].as_str().map(one_line);
    [of(value), value.get("items").and_then(of)].into_iter().flatten().collect()
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
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}
