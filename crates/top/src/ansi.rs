//! From cells to the bytes that make a terminal show them: only what changed since the last picture.

use std::fmt::Write as _;

use ratatui_core::buffer::{Buffer, Cell};
use ratatui_core::layout::Rect;
use ratatui_core::style::{Color, Modifier};

use crate::words::width;

/// The picture that a terminal shows.
#[derive(Debug, Default)]
pub struct Painter {
    shown: Option<Buffer>,
}

impl Painter {
    /// Forgets what the terminal shows: the next picture is sent whole.
    pub fn forget(&mut self) {
        self.shown = None;
    }

    /// Returns the bytes that turn the last picture into this one.
    pub fn paint(&mut self, next: Buffer) -> String {
        let mut bytes = String::new();
        let shown = self.shown.take().filter(|shown| shown.area == next.area);
        let shown = shown.unwrap_or_else(|| {
            bytes.push_str("\x1b[0m\x1b[2J");
            Buffer::empty(Rect { ..next.area })
        });
        let mut style = None;
        let mut cursor = None;
        for (x, y, cell) in shown.diff_iter(&next) {
            if cursor != Some((x, y)) {
                let _never_fails = write!(bytes, "\x1b[{};{}H", y + 1, x + 1);
            }
            if style != Some((cell.fg, cell.modifier)) {
                graphics(&mut bytes, cell);
                style = Some((cell.fg, cell.modifier));
            }
            bytes.push_str(cell.symbol());
            cursor = Some((x + width(cell.symbol()) as u16, y));
        }
        if style.is_some() {
            bytes.push_str("\x1b[0m");
        }
        self.shown = Some(next);
        bytes
    }
}

/// Selects the color and the weight of what follows.
fn graphics(bytes: &mut String, cell: &Cell) {
    bytes.push_str("\x1b[0");
    for (modifier, code) in
        [(Modifier::BOLD, ";1"), (Modifier::DIM, ";2"), (Modifier::REVERSED, ";7")]
    {
        if cell.modifier.contains(modifier) {
            bytes.push_str(code);
        }
    }
    bytes.push_str(match cell.fg {
        Color::Red => ";31",
        Color::Green => ";32",
        Color::Yellow => ";33",
        Color::LightBlue => ";94",
        _ => "",
    });
    bytes.push('m');
}

#[cfg(test)]
mod tests {
    use super::*;
    use ratatui_core::style::Style;

    fn picture(text: &str, style: Style) -> Buffer {
        let mut buffer = Buffer::empty(Rect::new(0, 0, 10, 2));
        buffer.set_string(1, 1, text, style);
        buffer
    }

    #[test]
    fn a_picture_is_sent_whole_once_and_then_by_its_changes() {
        let mut painter = Painter::default();
        let first = painter.paint(picture("abc", Style::new()));
        assert_eq!(first, "\x1b[0m\x1b[2J\x1b[2;2H\x1b[0mabc\x1b[0m");
        assert_eq!(painter.paint(picture("abc", Style::new())), "");
        let red = Style::new().fg(Color::Red).add_modifier(Modifier::BOLD);
        assert_eq!(painter.paint(picture("ab", red)), "\x1b[2;2H\x1b[0;1;31mab\x1b[0m \x1b[0m");
        painter.forget();
        assert!(painter.paint(picture("ab", red)).contains("\x1b[2J"));
    }

    #[test]
    fn a_wide_character_takes_two_cells() {
        let mut painter = Painter::default();
        let bytes = painter.paint(picture("青x", Style::new()));
        assert!(bytes.contains("青x"), "{bytes:?}");
    }
}
