//! Values that are a list or a table, or one word instead of it.

use std::borrow::Cow;
use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::value::MapAccessDeserializer;
use serde::de::{MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};

use super::deploy::ColorPorts;
use crate::key::{At, Key};

/// The targets of a color: a list, or a word, which should be `runner`.
#[derive(Clone, Debug)]
pub(crate) enum Targets {
    List(Vec<At<String>>),
    Word(String),
}

/// The ports of both colors: a table, or a word, which should be `auto`.
#[derive(Debug)]
pub(crate) enum Ports {
    Each(ColorPorts),
    Word(String),
}

// === impl Targets ===

impl Targets {
    /// The word that leaves the targets to a runner.
    pub(crate) const RUNNER: &str = "runner";
}

impl Key<Targets> {
    /// The listed targets, if the key is written as a list; else none.
    pub(crate) fn elements(&self) -> &[At<String>] {
        match self.get() {
            Some(Targets::List(list)) => list,
            Some(Targets::Word(_)) | None => &[],
        }
    }

    /// Returns true if a runner tells the targets.
    pub(crate) fn is_runner(&self) -> bool {
        matches!(self.get(), Some(Targets::Word(word)) if word == Targets::RUNNER)
    }
}

impl<'de> Deserialize<'de> for Targets {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Either;

        impl<'de> Visitor<'de> for Either {
            type Value = Targets;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list or a word")
            }

            fn visit_str<E>(self, word: &str) -> Result<Targets, E> {
                Ok(Targets::Word(word.to_owned()))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut all: A) -> Result<Targets, A::Error> {
                let mut list = Vec::new();
                while let Some(target) = all.next_element()? {
                    list.push(target);
                }
                Ok(Targets::List(list))
            }
        }

        deserializer.deserialize_any(Either)
    }
}

impl JsonSchema for Targets {
    fn schema_name() -> Cow<'static, str> {
        "targets".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": ["array", "string"],
            "title": "list of text, or \"runner\"",
            "items": { "type": "string" },
            "pattern": "^runner$",
        })
    }
}

// === impl Ports ===

impl Ports {
    /// The word for ports that the runner chooses.
    pub(crate) const AUTO: &str = "auto";
}

impl<'de> Deserialize<'de> for Ports {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Either;

        impl<'de> Visitor<'de> for Either {
            type Value = Ports;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a table or a word")
            }

            fn visit_str<E>(self, word: &str) -> Result<Ports, E> {
                Ok(Ports::Word(word.to_owned()))
            }

            fn visit_map<A: MapAccess<'de>>(self, table: A) -> Result<Ports, A::Error> {
                ColorPorts::deserialize(MapAccessDeserializer::new(table)).map(Ports::Each)
            }
        }

        deserializer.deserialize_any(Either)
    }
}

impl JsonSchema for Ports {
    fn schema_name() -> Cow<'static, str> {
        "ports".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let mut schema = ColorPorts::json_schema(generator);
        schema.insert("type".to_owned(), serde_json::json!(["object", "string"]));
        schema.insert("title".to_owned(), "table, or \"auto\"".into());
        schema.insert("pattern".to_owned(), "^auto$".into());
        schema
    }
}
