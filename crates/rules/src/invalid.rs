//! Explanations of invalid configuration values.

use std::fmt;

/// An invalid value, with the values that would be accepted instead.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Invalid(pub String);

// === impl Invalid ===

impl fmt::Display for Invalid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Invalid {}
