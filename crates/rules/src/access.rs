//! Holders of tokens, and what they may do.

/// One holder of a token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Token {
    /// The name that stands in receipts and logs.
    pub name: String,
    /// What the holder may do.
    pub role: Role,
    /// The SHA-256 of the token; the token itself is nowhere.
    pub sha256: [u8; 32],
}

/// What the holder of a token may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Read.
    Viewer,
    /// Read and change.
    Operator,
}

// === impl Role ===

impl Role {
    /// The word used in every interface.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Viewer => "viewer",
            Self::Operator => "operator",
        }
    }
}
