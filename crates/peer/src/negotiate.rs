//! What the two say before the newer one takes over: a question, an answer, and what is handed over.

use std::net::SocketAddr;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// The version of all messages of a hand-over. It grows whenever an older Teal would misunderstand
/// a newer one.
pub const PROTOCOL: u32 = 2;

/// Older to newer: what there is to take.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Offer {
    /// The [`PROTOCOL`] that the older one speaks.
    pub protocol: u32,
    /// The version of the older one.
    pub version: String,
    /// Its process.
    pub pid: u32,
    /// The state directory, which can't move in a hand-over.
    pub state_dir: PathBuf,
    /// The number of Teals that leave through the older one.
    #[serde(default)]
    pub through: usize,
    /// The colors that are healthy for the older one, and have to be for the newer one before it serves.
    #[serde(default)]
    pub up: Vec<UpColor>,
    /// The targets of active colors that its traffic uses, whatever their health: of a name, the newer one
    /// sends nothing to other addresses before they are proven.
    #[serde(default)]
    pub used: Vec<UpColor>,
}

/// A color with some of its targets.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub struct UpColor {
    /// The name of its service.
    pub service: String,
    /// Its own name.
    pub color: String,
    /// Its targets; empty: they are not told.
    #[serde(default)]
    pub targets: Vec<UpTarget>,
}

/// A target of a color.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub struct UpTarget {
    /// Its address as configured.
    pub url: String,
    /// The one address that it is.
    pub address: Option<SocketAddr>,
}

/// Newer to older: whether it can.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Reply {
    /// It can.
    Ready {
        /// Its version.
        version: String,
        /// Its process, which has to be the one that was started.
        pid: u32,
    },
    /// It can't, and ends.
    Refused {
        /// Why, for the person who asked for the upgrade.
        reason: String,
    },
}

/// Older to newer: it is yours. The descriptors follow: the lock of the state directory, the admin
/// listener, the admin socket, the listener of metrics if there is one, and the sockets of each listener in this order.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Taking {
    /// The admin listener, as configured and as bound.
    pub admin: Place,
    /// The listener of metrics, as configured and as bound; `None`: there is none.
    #[serde(default)]
    pub metrics: Option<Place>,
    /// The public listeners.
    pub listeners: Vec<Listening>,
}

/// An address.
#[derive(Clone, Copy, Debug, Deserialize, Serialize)]
pub struct Place {
    /// As configured, perhaps with port 0.
    pub configured: SocketAddr,
    /// As bound.
    pub bound: SocketAddr,
}

/// One public listener.
#[derive(Clone, Copy, Debug, Deserialize, Serialize)]
pub struct Listening {
    /// Where.
    pub place: Place,
    /// How many sockets it has.
    pub sockets: usize,
}

impl Taking {
    /// How many descriptors follow.
    pub fn descriptors(&self) -> usize {
        3 + usize::from(self.metrics.is_some())
            + self.listeners.iter().map(|listener| listener.sockets).sum::<usize>()
    }
}
