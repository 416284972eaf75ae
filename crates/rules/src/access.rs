//! Holders of tokens, and their roles.

/// One holder of a token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Token {
    /// The name shown in receipts and logs.
    pub name: String,
    /// The role of the holder.
    pub role: Role,
    /// The SHA-256 of the token; the token itself is not stored.
    pub sha256: [u8; 32],
}

/// The role of the holder of a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Read.
    Viewer,
    /// Read, deploy, switch, hold.
    Deployer,
    /// Read and change.
    Operator,
}

// === impl Role ===

impl Role {
    /// The word used in every interface.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Viewer => "viewer",
            Self::Deployer => "deployer",
            Self::Operator => "operator",
        }
    }
}
