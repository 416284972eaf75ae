//! The protocol of a client's connection.

/// A protocol, as both sides have agreed on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Protocol {
    Http1,
    Http2,
}

impl Protocol {
    /// Returns true if a connection carries many requests at once, so that it belongs to none of them.
    pub(crate) fn carries_many(self) -> bool {
        match self {
            Self::Http1 => false,
            Self::Http2 => true,
        }
    }
}
