//! The two ends of a client's connection, for the log: an operator who reads of a failure needs to know whose
//! connection it was.

use std::net::SocketAddr;

/// The client of a connection, and the listener that accepted it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Origin {
    /// The client, according to the connection alone.
    pub(crate) client: SocketAddr,
    pub(crate) listener: Option<SocketAddr>,
}

impl Origin {
    /// Returns the address of the listener, as a field of a log line.
    pub(crate) fn listener(&self) -> Option<impl tracing::Value> {
        self.listener.map(tracing::field::display)
    }
}
