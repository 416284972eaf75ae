//! The JSON of the admin API, on which other people's programs rely.
//!
//! Domain types do not derive serde; these types do, and are converted from them. A field is never
//! renamed or removed within a major version. Fields may be added, so clients must ignore fields they
//! do not know. Units are part of the names.

mod books;
mod certificate;
mod deploy;
mod dry_run;
mod event;
mod forecast;
mod history;
mod notify;
mod preview;
mod problems;
mod rollout;
mod series;
mod service;
mod status;
mod switch;
mod target;
mod trace;
mod whoami;

pub use books::*;
pub use certificate::*;
pub use deploy::*;
pub use dry_run::*;
pub use event::*;
pub use forecast::*;
pub use history::*;
pub use notify::*;
pub use preview::*;
pub use problems::*;
pub use rollout::*;
pub use series::*;
pub use service::*;
pub use status::*;
pub use switch::*;
pub use target::*;
pub use trace::*;
pub use whoami::*;

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

/// The caller that asked for a change.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Actor {
    /// The holder of the token with this name.
    Token(String),
    /// A local user on the Unix socket, by user id.
    Uid(u32),
    /// Teal itself: a failover, or a reload on a signal.
    Teal,
}

/// A problem document (RFC 9457). Further members depend on the code.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ProblemDocument {
    /// `urn:teal:problem:` followed by the code.
    #[serde(rename = "type")]
    pub kind: String,
    /// A one-line summary of the problem.
    pub title: String,
    /// The HTTP status code.
    pub status: u16,
    /// The stable code for scripts, such as `unhealthy`.
    pub code: String,
    /// The reason, and what to do about it.
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
