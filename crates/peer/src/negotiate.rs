//! The messages before the newer Teal takes over: an offer, a reply, and the hand-over.

use std::net::SocketAddr;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// The version of all messages of a hand-over. It is increased whenever an older Teal would misread
/// a newer one.
pub const PROTOCOL: u32 = 2;

/// Older to newer: what there is to take over.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Offer {
    /// The [`PROTOCOL`] that the older one speaks.
    pub protocol: u32,
    /// The version of the older one.
    pub version: String,
    /// Its process id.
    pub pid: u32,
    /// The state directory, which cannot change in a hand-over.
    pub state_dir: PathBuf,
    /// The number of Teals that leave through the older one.
    #[serde(default)]
    pub through: usize,
    /// The colors that are healthy for the older Teal, and must be for the newer one before it serves.
    #[serde(default)]
    pub up: Vec<UpColor>,
    /// The targets of active colors that its traffic uses, whatever their health: the newer Teal sends nothing to
    /// other addresses of their names before they have passed probes.
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
    /// Its targets; empty: not stated.
    #[serde(default)]
    pub targets: Vec<UpTarget>,
}

/// A target of a color.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub struct UpTarget {
    /// Its address as configured.
    pub url: String,
    /// The single address it stands for.
    pub address: Option<SocketAddr>,
}

/// Newer to older: the reply to the offer.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Reply {
    /// It can take over.
    Ready {
        /// Its version.
        version: String,
        /// Its process id, which must be that of the started process.
        pid: u32,
    },
    /// It cannot take over, and exits.
    Refused {
        /// The reason, for the person who asked for the upgrade.
        reason: String,
    },
}

/// Older to newer: the hand-over. The descriptors follow in this order: the lock of the state directory, the
/// admin listener, the admin socket, the metrics listener if there is one, and the sockets of each listener.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Taking {
    /// The admin listener, as configured and as bound.
    pub admin: Place,
    /// The metrics listener, as configured and as bound; `None`: there is none.
    #[serde(default)]
    pub metrics: Option<Place>,
    /// The public listeners.
    pub listeners: Vec<Listening>,
    /// The journal has entries, which the newer one must find.
    #[serde(default)]
    pub is_recorded: bool,
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
    /// Its address.
    pub place: Place,
    /// The number of its sockets.
    pub sockets: usize,
}

impl Taking {
    /// Returns the number of descriptors that follow.
    pub fn descriptors(&self) -> usize {
        3 + usize::from(self.metrics.is_some())
            + self.listeners.iter().map(|listener| listener.sockets).sum::<usize>()
    }
}
