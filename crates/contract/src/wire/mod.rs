//! The JSON of the admin API: what other people's programs rely on.
//!
//! Domain types derive no serde; these do, and are made from them. A field is never renamed
//! or taken away within a major version; new ones may come, so readers ignore what they do
//! not know. Units stand in the names.

mod certificate;
mod event;
mod history;
mod problems;
mod service;
mod status;
mod switch;
mod target;
mod trace;

pub use certificate::*;
pub use event::*;
pub use history::*;
pub use problems::*;
pub use service::*;
pub use status::*;
pub use switch::*;
pub use target::*;
pub use trace::*;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// One of the two environments of a service.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Color {
    /// The first environment.
    Blue,
    /// The second environment.
    Green,
}

/// Who asked for a change.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Actor {
    /// The holder of the token with this name.
    Token(String),
    /// A local user on the Unix socket, by user id.
    Uid(u32),
    /// Teal itself: failover, reload on a signal.
    Teal,
}

/// An error, as in RFC 9457. Further members depend on the code.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ProblemDocument {
    /// `urn:teal:problem:` and the code.
    #[serde(rename = "type")]
    pub kind: String,
    /// What is wrong, in one line.
    pub title: String,
    /// The HTTP status.
    pub status: u16,
    /// The stable word for scripts, such as `unhealthy`.
    pub code: String,
    /// Why, and what to do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
}

impl From<rules::Color> for Color {
    fn from(color: rules::Color) -> Self {
        match color {
            rules::Color::Blue => Self::Blue,
            rules::Color::Green => Self::Green,
        }
    }
}

impl From<&rules::Actor> for Actor {
    fn from(actor: &rules::Actor) -> Self {
        match actor {
            rules::Actor::Token(name) => Self::Token(name.to_string()),
            rules::Actor::Uid(uid) => Self::Uid(*uid),
            rules::Actor::Teal => Self::Teal,
        }
    }
}

impl std::fmt::Display for Actor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Token(name) => write!(f, "token {name}"),
            Self::Uid(uid) => write!(f, "uid {uid}"),
            Self::Teal => f.write_str("teal"),
        }
    }
}

impl std::fmt::Display for Color {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Blue => "blue",
            Self::Green => "green",
        })
    }
}
