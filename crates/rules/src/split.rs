//! The colors that receive the traffic of a service.
//!
//! The single place that decides whether a color receives requests, and which color a request goes to.
//! Today that is one color, the stable one. A candidate with a share of the traffic would be one more field
//! here; state, table and hand-over carry the split whole.

use crate::name::Color;

/// The colors of a service that receive requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Split {
    stable: Color,
}

impl Split {
    /// Sends all requests to one color.
    pub fn only(stable: Color) -> Self {
        Self { stable }
    }

    /// Returns the color that serves, which operators know as the active one.
    pub fn stable(self) -> Color {
        self.stable
    }

    /// Returns true if a color receives requests.
    pub fn receives(self, color: Color) -> bool {
        color == self.stable
    }

    /// Returns the colors that receive requests.
    pub fn receivers(self) -> impl Iterator<Item = Color> {
        Color::BOTH.into_iter().filter(move |color| self.receives(*color))
    }

    /// Chooses the color of one request.
    pub fn choose(self) -> Color {
        self.stable
    }
}
