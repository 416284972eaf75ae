//! The page of `?`: keys and signs.

use ratatui_core::layout::Rect;

use crate::canvas::Canvas;
use crate::palette::{PLAIN, STRONG};

const LINES: [&str; 14] = [
    "s    switch to the other color",
    "r    roll back to the previous color",
    "h    hold new requests, or resume",
    "     Each first shows what would happen, and asks.",
    "Esc  all services        /  find one by a part of its name",
    "↑ ↓  choose in the list (also k j, PgUp PgDn, Home End)",
    "Enter  open the chosen service",
    "q    quit (also Ctrl-C)  Ctrl-L  draw again  Ctrl-Z  suspend",
    "",
    "●  active, or up         ○  idle",
    "▲  attention: draining, not healthy, stale",
    "✕  down",
    "–  not given by this Teal",
    "Figures are of the newest second; bars share one scale.",
];

pub(crate) fn draw(canvas: &mut Canvas<'_>) {
    let area = canvas.area();
    let (width, height) = (62.min(area.width), (LINES.len() as u16 + 2).min(area.height));
    let frame = Rect { x: (area.width - width) / 2, y: (area.height - height) / 2, width, height };
    canvas.empty_box(frame, "Keys and signs (any key closes)", STRONG);
    for (place, line) in LINES.iter().take(usize::from(height.saturating_sub(2))).enumerate() {
        canvas.text(frame.x + 2, frame.y + 1 + place as u16, width.saturating_sub(4), line, PLAIN);
    }
}
