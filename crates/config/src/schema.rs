//! The JSON Schema of the file, made from the structs of `raw`.
//!
//! Besides the standard keywords it has `x-default`, for a default that depends on where Teal
//! runs, and `title`, for a value of a kind of our own ("duration", "size").

use std::sync::LazyLock;

use schemars::generate::SchemaSettings;
use serde_json::Value;

use crate::raw::Document;

static SCHEMA: LazyLock<Value> = LazyLock::new(|| {
    let settings = SchemaSettings::draft2020_12().with(|settings| {
        settings.inline_subschemas = true;
    });
    settings.into_generator().into_root_schema_for::<Document>().to_value()
});

/// The JSON Schema (draft 2020-12) of the configuration file, without references.
pub fn schema() -> Value {
    SCHEMA.clone()
}

/// The same schema by reference, for lookups.
pub(crate) fn root() -> &'static Value {
    &SCHEMA
}
