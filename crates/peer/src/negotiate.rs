//! The messages before the newer Teal takes over: an offer, a reply, and the hand-over.

use std::net::SocketAddr;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// The version of all messages of a hand-over. It is increased whenever an older Teal would misread
/// a newer one.
pub const PROTOCOL: u32 = 3;

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
    pub up: Vec<OfferedColor>,
    /// The targets of active colors that its traffic uses, whatever their health: the newer Teal sends nothing to
    /// other addresses of their names before they have passed probes.
    #[serde(default)]
    pub used: Vec<OfferedColor>,
}

/// A color with some of its targets.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub struct OfferedColor {
    /// The name of its service.
    pub service: String,
    /// Its own name.
    pub color: String,
    /// Its targets; empty: not stated.
    #[serde(default)]
    pub targets: Vec<OfferedTarget>,
}

/// A target of a color.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub struct OfferedTarget {
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
pub struct Handover {
    /// The admin listener, as configured and as bound.
    pub admin: ListenAddress,
    /// The metrics listener, as configured and as bound; `None`: there is none.
    #[serde(default)]
    pub metrics: Option<ListenAddress>,
    /// The public listeners.
    pub listeners: Vec<OfferedListener>,
    /// The generation of the state in the journal, which the newer one must find; `None`: there is no state.
    #[serde(default)]
    pub recorded: Option<u64>,
}

/// An address.
#[derive(Clone, Copy, Debug, Deserialize, Serialize)]
pub struct ListenAddress {
    /// As configured, perhaps with port 0.
    pub configured: SocketAddr,
    /// As bound.
    pub bound: SocketAddr,
}

/// One public listener.
#[derive(Clone, Copy, Debug, Deserialize, Serialize)]
pub struct OfferedListener {
    /// Its address.
    pub place: ListenAddress,
    /// The number of its sockets.
    pub sockets: usize,
}

impl Handover {
    /// Returns the number of descriptors that follow.
    pub fn descriptors(&self) -> usize {
        3 + usize::from(self.metrics.is_some())
            + self.listeners.iter().map(|listener| listener.sockets).sum::<usize>()
    }
}
