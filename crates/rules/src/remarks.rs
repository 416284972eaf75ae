//! The remarks of whoever asks for a switch.

use crate::version::Version;

/// The remarks of whoever asks for a switch. They decide nothing, and are kept with it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Remarks {
    /// The version that runs in the new color; `None`: the one that is known.
    pub version: Option<Version>,
    /// The reason, one line.
    pub reason: Option<String>,
}
