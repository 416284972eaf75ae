//! Values of a configuration that can't be used, in words.

use std::fmt;

/// A value that can't be used, with what would be accepted instead.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Invalid(pub String);

// === impl Invalid ===

impl fmt::Display for Invalid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Invalid {}
