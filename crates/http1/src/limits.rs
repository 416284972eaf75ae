//! The size limits of heads. Guarantees that no message makes us hold more than these bounds; the values
//! themselves come from the configuration.

/// The most fields in a head, whatever [`Limits::fields`] says: the size of [`FieldSlots`](crate::FieldSlots),
/// for requests and responses alike.
pub const MAX_FIELDS: usize = 256;

/// Bounds for one message head.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of a whole head, start line and final empty line included.
    pub head_bytes: usize,
    /// Field lines in a head; values above [`MAX_FIELDS`] count as [`MAX_FIELDS`].
    pub fields: usize,
    /// Bytes of a request target as received.
    pub uri_bytes: usize,
}

/// The most interim responses to one request; more are an attack.
pub const MAX_INTERIM: usize = 32;

/// The most bytes accepted in a response head, whatever the limit for requests.
const RESPONSE_HEAD: usize = 32 * 1024;

impl Limits {
    /// The limits of a response head where request heads may have `head_bytes`: targets are trusted with more
    /// than clients.
    pub fn of_responses(head_bytes: usize) -> Self {
        let head_bytes = head_bytes.max(RESPONSE_HEAD);
        Self { head_bytes, fields: MAX_FIELDS, ..Self::default() }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self { head_bytes: 32 * 1024, fields: 100, uri_bytes: 8 * 1024 }
    }
}
