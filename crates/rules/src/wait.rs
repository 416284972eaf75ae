//! The kinds of calls, and the ends of waits that have decided nothing.

use std::fmt;

use crate::name::{Actor, Color};

/// The kind of a call: "switch to green".
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verb {
    /// To move to this color.
    Switch(Color),
    /// To move back to the color before.
    Rollback,
    /// To keep new requests waiting.
    Hold,
    /// To release waiting requests.
    Resume,
    /// To begin, change or end a maintenance.
    Maintenance,
    /// To use other targets for a color.
    Targets,
    /// To reload the configuration.
    Reload,
    /// To move away from a color that is down.
    Failover,
}

/// The way a wait ended before anything was decided.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WaitEnd {
    /// A later command about the same service came.
    Superseded {
        /// The later command.
        by: Verb,
        /// The actor that asked for it.
        actor: Actor,
    },
    /// The caller disconnected.
    Abandoned,
}

// === impl Verb ===

impl Verb {
    /// The word used in every interface.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Switch(_) => "switch",
            Self::Rollback => "rollback",
            Self::Hold => "hold",
            Self::Resume => "resume",
            Self::Maintenance => "maintenance",
            Self::Targets => "targets",
            Self::Reload => "reload",
            Self::Failover => "failover",
        }
    }

    /// The color of a switch.
    pub fn color(self) -> Option<Color> {
        match self {
            Self::Switch(color) => Some(color),
            _ => None,
        }
    }
}

impl fmt::Display for Verb {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())?;
        self.color().map_or(Ok(()), |color| write!(f, " to {color}"))
    }
}

// === impl WaitEnd ===

impl fmt::Display for WaitEnd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Superseded { by, actor } => write!(f, "superseded by {by}, by {actor}"),
            Self::Abandoned => f.write_str("abandoned by its caller"),
        }
    }
}
