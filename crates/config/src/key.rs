//! A key of the file: its value and position, if it is written.
//!
//! [`Key`] keeps the position of a value through serde, and shows itself to the schema
//! as the value alone, since TOML has no null. [`Time`] and [`Size`] are text with a
//! meaning, read by `unit` when the values are checked.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer};
use toml::Spanned;

/// An optional value of the file.
#[derive(Clone, Debug)]
pub(crate) struct Key<T>(pub(crate) Option<At<T>>);

/// A value and its position.
#[derive(Clone, Debug)]
pub(crate) struct At<T> {
    pub(crate) value: T,
    /// The byte offset of its first character.
    pub(crate) offset: usize,
}

/// A duration as written.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Time(pub(crate) String);

/// A size in bytes as written: a number, or text with a unit.
#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
pub(crate) enum Size {
    Bytes(u64),
    Text(String),
}

// === impl Key ===

impl<T> Key<T> {
    /// The value, if it is written.
    pub(crate) fn get(&self) -> Option<&T> {
        self.0.as_ref().map(|at| &at.value)
    }

    /// The value and its position, if it is written.
    pub(crate) fn at(&self) -> Option<&At<T>> {
        self.0.as_ref()
    }
}

impl<T> Key<Vec<At<T>>> {
    /// The elements, if the key is written; else none.
    pub(crate) fn elements(&self) -> &[At<T>] {
        self.get().map_or(&[], Vec::as_slice)
    }
}

impl<T> Default for Key<T> {
    fn default() -> Self {
        Self(None)
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Key<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        At::deserialize(deserializer).map(Some).map(Self)
    }
}

impl<T: JsonSchema> JsonSchema for Key<T> {
    fn schema_name() -> Cow<'static, str> {
        T::schema_name()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        T::json_schema(generator)
    }
}

// === impl At ===

impl<'de, T: Deserialize<'de>> Deserialize<'de> for At<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let spanned = Spanned::<T>::deserialize(deserializer)?;
        let offset = spanned.span().start;
        Ok(Self { value: spanned.into_inner(), offset })
    }
}

impl<T: JsonSchema> JsonSchema for At<T> {
    fn schema_name() -> Cow<'static, str> {
        T::schema_name()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        T::json_schema(generator)
    }
}

// === impl Time, Size ===

impl JsonSchema for Time {
    fn schema_name() -> Cow<'static, str> {
        "duration".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "title": "duration",
            "minLength": 2,
            "pattern": "^([0-9]+h)?([0-9]+m)?([0-9]+s)?([0-9]+ms)?$",
            "examples": ["1m30s"],
        })
    }
}

impl JsonSchema for Size {
    fn schema_name() -> Cow<'static, str> {
        "size".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": ["integer", "string"],
            "title": "size",
            "minimum": 0,
            "maximum": i64::MAX,
            "pattern": "^[0-9]+ ?(B|kB|KiB|MB|MiB|GB|GiB|TiB)?$",
            "examples": ["32MiB"],
        })
    }
}
