//! How large a head may be. Guarantees that no message makes us hold more than these bounds; the
//! values themselves come from the configuration.

/// The most fields that a head may have, whatever [`Limits::fields`] says: the size of
/// [`FieldSlots`](crate::FieldSlots), for requests and responses alike.
pub const MAX_FIELDS: usize = 256;

/// Bounds for one message head.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of a whole head, start line and final empty line included.
    pub head_bytes: usize,
    /// Field lines in a head; values above [`MAX_FIELDS`] count as [`MAX_FIELDS`].
    pub fields: usize,
    /// Bytes of a request target as received.
    pub target_bytes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { head_bytes: 32 * 1024, fields: 100, target_bytes: 8 * 1024 }
    }
}
