//! Checks a file against the schema.
//!
//! Walks the parsed document and the schema side by side, reports everything that
//! does not fit (unknown keys, wrong types, numbers out of range, unknown words, missing
//! keys) and removes it, so that the rest can always be deserialized. It knows no
//! key by name: the schema is the only list.

use std::fmt::Write as _;

use serde_json::Value;
use toml::Spanned;
use toml::de::{DeArray, DeString, DeTable, DeValue};

use crate::problem::ProblemList;
use crate::unit;

/// Reports what does not fit the schema and removes it from the document.
pub(crate) fn keep_well_formed(
    document: &mut Spanned<DeTable<'_>>,
    schema: &Value,
    found: &mut ProblemList,
) {
    let mut walk = Walk { root: schema, found };
    walk.table("", 0, document.get_mut(), schema);
}

/// Explains a syntax error, with better words for common mistakes.
pub(crate) fn syntax(message: &str) -> String {
    if message.starts_with("string values must be quoted") {
        return "text, durations and sizes need quotes; write \"5s\", not 5s".to_owned();
    }
    if message == "duplicate key" {
        return "this is defined twice; leave one of the two out".to_owned();
    }
    format!("this is not TOML: {message}")
}

/// The schema of one key of a table.
fn property<'s>(schema: &'s Value, key: &str) -> Option<&'s Value> {
    schema.get("properties")?.get(key)
}

/// The most words that are all named for a wrong one.
const FEW: usize = 5;

struct Walk<'a> {
    root: &'a Value,
    found: &'a mut ProblemList,
}

/// The path and position of a value.
#[derive(Clone, Copy)]
struct Location<'a> {
    /// The path of keys from the top, without indexes.
    path: &'a str,
    offset: usize,
}

// === impl Walk ===

impl Walk<'_> {
    fn table(&mut self, path: &str, offset: usize, table: &mut DeTable<'_>, schema: &Value) {
        self.missing(path, offset, table, schema);
        let mut misfits = Vec::new();
        for (key, value) in table.iter_mut() {
            let name: &str = key.get_ref();
            // A table of names that are not ours has a schema for all of them.
            let any = schema.get("additionalProperties").filter(|any| any.is_object());
            let fits = if let Some(schema) = property(schema, name).or(any) {
                self.value(&join(path, name), value, schema)
            } else {
                self.unknown(path, key, schema);
                false
            };
            if !fits {
                misfits.push(name.to_owned());
            }
        }
        for name in &misfits {
            table.remove(name.as_str());
        }
    }

    fn missing(&mut self, path: &str, offset: usize, table: &DeTable<'_>, schema: &Value) {
        let required = schema.get("required").and_then(Value::as_array);
        for key in required.into_iter().flatten().filter_map(Value::as_str) {
            if table.get(key).is_none() {
                let example = property(schema, key)
                    .map_or(String::new(), |schema| how_to_write(&join(path, key), key, schema));
                let table = if path.is_empty() { "the file" } else { path };
                self.found.at(offset, format!("{table} needs {key:?}{example}"));
            }
        }
    }

    /// Returns true if the value may stay, in whole or in part.
    fn value(&mut self, path: &str, value: &mut Spanned<DeValue<'_>>, schema: &Value) -> bool {
        let location = Location { path, offset: value.span().start };
        match value.get_mut() {
            DeValue::Table(table) if has_type(schema, "object") => {
                self.table(path, location.offset, table, schema);
                true
            }
            DeValue::Array(array) if has_type(schema, "array") => {
                self.array(path, array, schema);
                true
            }
            DeValue::String(text) if has_type(schema, "string") => {
                self.word(location, text, schema)
            }
            DeValue::Boolean(_) if has_type(schema, "boolean") => true,
            // Its range is checked with its meaning.
            DeValue::Integer(_) | DeValue::Float(_) if has_type(schema, "number") => true,
            DeValue::Integer(number) if has_type(schema, "integer") => {
                let read = i128::from_str_radix(number.as_str(), number.radix());
                self.number(location, read.ok(), schema)
            }
            other => {
                let message = wrong_type(path, other, schema);
                self.found.at(location.offset, message);
                false
            }
        }
    }

    fn array(&mut self, path: &str, array: &mut DeArray<'_>, schema: &Value) {
        let Some(items) = schema.get("items") else { return };
        let all = std::mem::replace(array, DeArray::new());
        for mut element in all {
            if self.value(path, &mut element, items) {
                array.push(element);
            }
        }
    }

    fn word(&mut self, location: Location<'_>, text: &str, schema: &Value) -> bool {
        let Some(words) = words(schema) else { return true };
        if words.contains(&text) {
            return true;
        }
        let Location { path, offset } = location;
        // Another spelling of one of them.
        let same = words.iter().find(|word| word.eq_ignore_ascii_case(text.trim()));
        // One of many is easier to find by its spelling.
        let near = (words.len() > FEW).then(|| nearest(text, &words)).flatten();
        let instead = match (same, near) {
            (Some(word), _) => format!("write {word:?}"),
            (None, Some(word)) => format!("did you mean {word:?}?"),
            (None, None) => format!("write {}", one_of(&words)),
        };
        self.found.at(offset, format!("{path} is {text:?}; {instead}"));
        false
    }

    /// Checks a number; one that does not fit in `i128` is out of any range.
    fn number(&mut self, location: Location<'_>, number: Option<i128>, schema: &Value) -> bool {
        let bound = |word| schema.get(word).and_then(Value::as_u64).map(i128::from);
        let (min, max) = (bound("minimum").unwrap_or(0), bound("maximum").unwrap_or(i128::MAX));
        if number.is_some_and(|number| (min..=max).contains(&number)) {
            return true;
        }
        let is = number.map_or("far too large".to_owned(), |number| number.to_string());
        let Location { path, offset } = location;
        let range = if max >= i128::from(i64::MAX) {
            format!("at least {min}")
        } else {
            format!("a number from {min} to {max}")
        };
        self.found.at(offset, format!("{path} is {is}; write {range}"));
        false
    }

    fn unknown(&mut self, path: &str, key: &Spanned<DeString<'_>>, schema: &Value) {
        let name: &str = key.get_ref();
        let table = if path.is_empty() { "the file" } else { path };
        let offset = key.span().start;
        let mut message = format!("unknown key {name:?} in {table}");
        let known = keys(schema);
        let written = name.to_ascii_lowercase().replace('-', "_");
        if let Some(near) = nearest(&written, &known) {
            let _ = write!(message, "; did you mean {near:?}?"); // infallible: into a String
        } else if let Some(elsewhere) = elsewhere(path, find(self.root, "", name)) {
            let _ = write!(message, "; it belongs in {elsewhere}"); // infallible
        } else {
            let _ = write!(message, "; known keys are {}", known.join(", ")); // infallible
        }
        self.found.at(offset, message);
    }
}

fn join(path: &str, key: &str) -> String {
    if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") }
}

fn keys(schema: &Value) -> Vec<&str> {
    let properties = schema.get("properties").and_then(Value::as_object);
    properties.into_iter().flatten().map(|(key, _)| key.as_str()).collect()
}

/// Returns the known word that was probably meant.
pub(crate) fn nearest<'k>(name: &str, known: &[&'k str]) -> Option<&'k str> {
    let distance = |key: &str| strsim::damerau_levenshtein(name, key);
    let near = known.iter().copied().min_by_key(|key| distance(key))?;
    let tolerated = (near.len().max(name.len()) / 3).clamp(1, 3);
    (distance(near) <= tolerated || near.starts_with(name)).then_some(near)
}

/// Returns the table that has a key, unless it is a part of something else: the same word means another thing there.
fn elsewhere(path: &str, found: Option<String>) -> Option<String> {
    let first = |path: &str| path.split('.').next().map(str::to_owned);
    let is_related = |found: &String| !found.contains('.') || first(found) == first(path);
    found.filter(|found| path.is_empty() || is_related(found))
}

/// The first table, from the top down, that has a key of this name.
fn find(schema: &Value, path: &str, name: &str) -> Option<String> {
    if !path.is_empty() && property(schema, name).is_some() {
        return Some(path.to_owned());
    }
    keys(schema).into_iter().find_map(|key| {
        let inner = property(schema, key)?;
        let inner = inner.get("items").unwrap_or(inner);
        find(inner, &join(path, key), name)
    })
}

fn has_type(schema: &Value, word: &str) -> bool {
    match schema.get("type") {
        Some(Value::String(one)) => one == word,
        Some(Value::Array(several)) => several.iter().any(|one| one == word),
        _ => false,
    }
}

fn is_table_list(schema: &Value) -> bool {
    schema.get("items").is_some_and(|items| has_type(items, "object"))
}

fn wrong_type(path: &str, value: &DeValue<'_>, schema: &Value) -> String {
    let key = path.rsplit('.').next().unwrap_or(path);
    if matches!(value, DeValue::Table(_)) && is_table_list(schema) {
        return format!("{path} is a list of tables; write [[{path}]] in double brackets");
    }
    if let (Some(is), Some(words)) = (plain(value), words(schema)) {
        return format!("{path} is {is}; write {}", one_of(&words));
    }
    let is = match value {
        DeValue::String(_) => "text",
        DeValue::Integer(_) => "a whole number",
        DeValue::Float(_) => "a decimal number",
        DeValue::Boolean(_) => "true or false",
        DeValue::Datetime(_) => "a date",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a table",
    };
    let wanted = if let Some(title) = schema.get("title").and_then(Value::as_str) {
        format!("a {title}")
    } else if has_type(schema, "object") {
        "a table".to_owned()
    } else if has_type(schema, "array") {
        "a list".to_owned()
    } else if has_type(schema, "integer") {
        "a whole number".to_owned()
    } else if has_type(schema, "number") {
        "a number".to_owned()
    } else if has_type(schema, "boolean") {
        "true or false".to_owned()
    } else {
        "text in quotes".to_owned()
    };
    let instead = match meant(path, value, schema) {
        Some(meant) if is_table_list(schema) => format!("; write [[{key}]] with {meant}"),
        Some(meant) => format!("; write {key} = {meant}"),
        None if has_type(schema, "boolean") => format!("; write {key} = true or {key} = false"),
        None => how_to_write(path, key, schema),
    };
    format!("{path} is {is} but must be {wanted}{instead}")
}

/// Guesses the intended value from one of the wrong type, as it would be written.
fn meant(path: &str, value: &DeValue<'_>, schema: &Value) -> Option<String> {
    // No message repeats a token or its hash, a secret or a URL that is one.
    if path.starts_with("admin.tokens") || path.starts_with("notify") {
        return None;
    }
    if let DeValue::String(text) = value {
        let bare = has_type(schema, "integer") && text.parse::<u64>().is_ok()
            || has_type(schema, "boolean") && matches!(&**text, "true" | "false");
        if bare {
            return Some(text.to_string());
        }
    }
    let written = plain(value)?;
    if schema.get("title").and_then(Value::as_str) == Some("duration") {
        return matches!(value, DeValue::Integer(_)).then(|| format!("\"{written}s\""));
    }
    if is_table_list(schema) {
        let items = schema.get("items")?;
        return of_table(value, items).map(|(key, meant)| format!("{key} = {meant}"));
    }
    if has_type(schema, "object") {
        return of_table(value, schema).map(|(key, meant)| format!("{{ {key} = {meant} }}"));
    }
    let items = schema.get("items").filter(|items| has_type(items, "string"))?;
    (matches!(value, DeValue::String(_)) && words(items).is_none()).then(|| format!("[{written}]"))
}

/// The key for a value that was written in place of its table: the only required key, or the one that such
/// a value is usually for.
fn of_table<'s>(value: &DeValue<'_>, schema: &'s Value) -> Option<(&'s str, String)> {
    let written = plain(value)?;
    let required = schema.get("required").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    let key = match (required, value) {
        ([only], _) => only.as_str()?,
        ([], DeValue::String(text)) if text.starts_with('/') => "path",
        ([], DeValue::String(text)) if unit::duration(text).is_ok() => "timeout",
        _ => return None,
    };
    let (key, schema) = schema.get("properties")?.as_object()?.get_key_value(key)?;
    let is_list = matches!(value, DeValue::Array(_));
    if has_type(schema, "array") {
        return Some((key, if is_list { written } else { format!("[{written}]") }));
    }
    (has_type(schema, "string") && matches!(value, DeValue::String(_))).then_some((key, written))
}

/// A value as it is written, if it is short and has no table in it.
fn plain(value: &DeValue<'_>) -> Option<String> {
    const LONG: usize = 200;
    let written = match value {
        DeValue::String(text) => format!("{text:?}"),
        DeValue::Integer(number) => number.as_str().to_owned(),
        DeValue::Float(number) => number.as_str().to_owned(),
        DeValue::Boolean(is) => is.to_string(),
        DeValue::Array(all) => {
            let all: Option<Vec<String>> = all.iter().map(|one| plain(one.get_ref())).collect();
            format!("[{}]", all?.join(", "))
        }
        DeValue::Datetime(_) | DeValue::Table(_) => return None,
    };
    (written.len() <= LONG).then_some(written)
}

fn words(schema: &Value) -> Option<Vec<&str>> {
    let words = schema.get("enum").and_then(Value::as_array)?;
    Some(words.iter().filter_map(Value::as_str).collect())
}

fn one_of(words: &[&str]) -> String {
    let quoted: Vec<String> = words.iter().map(|word| format!("{word:?}")).collect();
    quoted.join(" or ")
}

/// `; write KEY = EXAMPLE`, from the example or the default that the schema gives.
fn how_to_write(path: &str, key: &str, schema: &Value) -> String {
    if is_table_list(schema) && !path.contains('.') {
        return format!("; write [[{key}]]");
    }
    if let Some(example) = example(schema) {
        return format!("; write {key} = {}", as_toml(example));
    }
    let properties = schema.get("properties").and_then(Value::as_object);
    let first = properties.into_iter().flatten().find_map(|(key, schema)| {
        example(schema).map(|example| format!("{key} = {}", as_toml(example)))
    });
    first.map_or(String::new(), |first| format!("; write {key} = {{ {first} }}"))
}

/// A value that the schema gives: its default, or an example.
fn example(schema: &Value) -> Option<&Value> {
    let default =
        schema.get("default").filter(|value| value.as_array().is_none_or(|a| !a.is_empty()));
    default.or_else(|| schema.get("examples")?.get(0))
}

/// An example of the schema as it is written in the file.
fn as_toml(value: &Value) -> String {
    match value {
        Value::Array(items) => {
            let items: Vec<String> = items.iter().map(as_toml).collect();
            format!("[{}]", items.join(", "))
        }
        Value::Object(entries) => {
            let entries: Vec<String> =
                entries.iter().map(|(key, value)| format!("{key} = {}", as_toml(value))).collect();
            format!("{{ {} }}", entries.join(", "))
        }
        other => other.to_string(),
    }
}
