//! Maintenance: a service that Teal answers itself, for all clients but those that are let through.

use std::net::IpAddr;
use std::sync::Arc;

use crate::name::{Actor, ServiceName};
use crate::network::Network;
use crate::time::Time;

/// A maintenance of a service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Maintenance {
    /// The time since when.
    pub since: Time,
    /// The actor that asked for it, or for its present notice.
    pub by: Actor,
    /// The answer to clients.
    pub notice: Arc<Notice>,
}

/// The beginning, change or end of a maintenance, of one service or of those of a group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Maintained {
    /// The services.
    pub services: Vec<ServiceName>,
    /// The actor that asked for it.
    pub actor: Actor,
    /// The time of the decision.
    pub at: Time,
    /// The answer to clients from here on; `None`: it has ended.
    pub notice: Option<Arc<Notice>>,
}

/// The answer to the clients of a service in maintenance.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Notice {
    /// A sentence for them.
    pub message: Option<String>,
    /// A page of HTML, instead of the service's own.
    pub page: Option<Arc<str>>,
    /// Clients whose requests go to the service as always.
    pub allow: Vec<Network>,
}

// === impl Notice ===

impl Notice {
    /// The longest message, in bytes.
    pub const MESSAGE_MAX: usize = 500;

    /// Returns true if requests of this client go to the service as always.
    pub fn allows(&self, client: IpAddr) -> bool {
        self.allow.iter().any(|network| network.contains(client))
    }

    /// Checks a message: one line, not empty, and not too long.
    ///
    /// # Errors
    /// The requirement that it does not meet.
    pub fn check_message(message: &str) -> Result<(), String> {
        let fits = (1..=Self::MESSAGE_MAX).contains(&message.len());
        if fits && !message.chars().any(char::is_control) {
            return Ok(());
        }
        Err(format!("must be one line of 1 to {} bytes", Self::MESSAGE_MAX))
    }
}
