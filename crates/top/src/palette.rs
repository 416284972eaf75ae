//! Styles. Hue only repeats what a word and a shape already say; without color (`NO_COLOR`) weight remains.

use contract::wire;
use ratatui_core::style::{Color, Modifier, Style};

/// Titles and names.
pub(crate) const STRONG: Style = Style::new().add_modifier(Modifier::BOLD);

/// Labels, rules and what is out of date.
pub(crate) const FAINT: Style = Style::new().add_modifier(Modifier::DIM);

/// The chosen line.
pub(crate) const CHOSEN: Style = Style::new().add_modifier(Modifier::REVERSED);

/// Everything else.
pub(crate) const PLAIN: Style = Style::new();

/// The styles that have a hue.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Palette {
    /// True if the terminal may be sent colors.
    pub(crate) has_colors: bool,
}

impl Palette {
    fn hue(self, color: Color) -> Style {
        if self.has_colors { Style::new().fg(color) } else { Style::new() }
    }

    /// One of the two colors of a service.
    pub(crate) fn of(self, color: wire::Color) -> Style {
        self.hue(match color {
            wire::Color::Blue => Color::LightBlue,
            wire::Color::Green => Color::Green,
        })
        .add_modifier(Modifier::BOLD)
    }

    /// A state that is as it should be.
    pub(crate) fn good(self) -> Style {
        self.hue(Color::Green)
    }

    /// A state that needs attention.
    pub(crate) fn warning(self) -> Style {
        self.hue(Color::Yellow).add_modifier(Modifier::BOLD)
    }

    /// A failure.
    pub(crate) fn bad(self) -> Style {
        self.hue(Color::Red).add_modifier(Modifier::BOLD)
    }
}
