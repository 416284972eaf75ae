//! The picture as plain text, for `--once`: no control sequence, no trailing space.

use ratatui_core::buffer::Buffer;

/// The text of a picture, without empty lines at its end.
pub(crate) fn text(buffer: &Buffer) -> String {
    let width = usize::from(buffer.area.width).max(1);
    let mut text = String::new();
    for row in buffer.content().chunks(width) {
        let mut line = String::new();
        let mut covered = 0;
        for cell in row {
            if covered > 0 {
                covered -= 1; // by the wide character before it
                continue;
            }
            line.push_str(cell.symbol());
            covered = crate::words::width(cell.symbol()).saturating_sub(1);
        }
        text.push_str(line.trim_end());
        text.push('\n');
    }
    let end = text.trim_end().len();
    text.truncate(end);
    text.push('\n');
    text
}
