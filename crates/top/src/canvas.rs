//! Drawing on cells: nothing leaves its width or the screen, and what is too long ends with `…`.

use ratatui_core::buffer::Buffer;
use ratatui_core::layout::Rect;
use ratatui_core::style::Style;

use crate::palette::{FAINT, PLAIN, Palette, STRONG};
use crate::words::{cut, width};

/// An area of the screen and the palette to draw with.
#[derive(Debug)]
pub(crate) struct Canvas<'b> {
    buffer: &'b mut Buffer,
    pub(crate) palette: Palette,
}

impl<'b> Canvas<'b> {
    pub(crate) fn new(buffer: &'b mut Buffer, palette: Palette) -> Self {
        Self { buffer, palette }
    }

    /// The whole screen.
    pub(crate) fn area(&self) -> Rect {
        self.buffer.area
    }

    /// Writes a text of at most `room` cells, and returns the column after it.
    pub(crate) fn text(&mut self, x: u16, y: u16, room: u16, text: &str, style: Style) -> u16 {
        let area = self.buffer.area;
        let room = room.min(area.right().saturating_sub(x));
        if y < area.top() || y >= area.bottom() || x < area.left() || room == 0 {
            return x;
        }
        let text = cut(text, usize::from(room));
        self.buffer.set_stringn(x, y, text, usize::from(room), style).0
    }

    /// Writes pieces one after the other into `room` cells.
    pub(crate) fn pieces(&mut self, x: u16, y: u16, room: u16, pieces: &[(&str, Style)]) -> u16 {
        let end = x.saturating_add(room);
        let mut x = x;
        for (text, style) in pieces {
            x = self.text(x, y, end.saturating_sub(x), text, *style);
        }
        x
    }

    /// Writes a text that ends before the column `right`, and returns its first column.
    pub(crate) fn text_before(&mut self, right: u16, y: u16, text: &str, style: Style) -> u16 {
        let x = right.saturating_sub(width(text) as u16);
        self.text(x, y, right - x, text, style);
        x
    }

    /// Draws a horizontal rule with a title in it.
    pub(crate) fn rule(&mut self, x: u16, y: u16, room: u16, title: &str) {
        let rule = "─".repeat(usize::from(room));
        self.text(x, y, room, &rule, FAINT);
        if !title.is_empty() {
            let title = format!(" {title} ");
            self.text(x + 1, y, room.saturating_sub(2), &title, STRONG);
        }
    }

    /// Draws an empty box with a title.
    pub(crate) fn empty_box(&mut self, area: Rect, title: &str, style: Style) {
        let inner = usize::from(area.width.saturating_sub(2));
        for y in area.top()..area.bottom() {
            let (left, middle, right) = match y {
                y if y == area.top() => ("┌", "─", "┐"),
                y if y + 1 == area.bottom() => ("└", "─", "┘"),
                _ => ("│", " ", "│"),
            };
            let line = format!("{left}{}{right}", middle.repeat(inner));
            self.clear(Rect { y, height: 1, ..area });
            self.text(area.x, y, area.width, &line, PLAIN);
        }
        let title = format!(" {title} ");
        self.text(area.x + 2, area.y, area.width.saturating_sub(4), &title, style);
    }

    /// Empties an area.
    fn clear(&mut self, area: Rect) {
        let area = area.intersection(self.buffer.area);
        for position in area.positions() {
            if let Some(cell) = self.buffer.cell_mut(position) {
                cell.reset();
            }
        }
    }

    /// Changes the style of what is in an area already.
    pub(crate) fn restyle(&mut self, area: Rect, style: Style) {
        self.buffer.set_style(area, style);
    }
}
