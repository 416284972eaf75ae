//! The screen at a terminal of a given size, for given answers of Teal; and the wishes that keys make.

mod actions;
mod documents;
mod lists;
mod services;

use std::time::Duration;

use ratatui_core::backend::TestBackend;
use ratatui_core::buffer::Cell;
use ratatui_core::terminal::Terminal;
use top::{Intent, Key, Options, Top};

/// The time of the newest reading.
const NOW: Duration = Duration::from_secs(100);

/// A screen that may use colors.
fn colored() -> Top {
    Top::new(Options { has_colors: true, service: None })
}

/// A terminal of this size, showing this.
fn terminal(top: &Top, width: u16, height: u16, now: Duration) -> Terminal<TestBackend> {
    let mut terminal = Terminal::new(TestBackend::new(width, height)).expect("a terminal");
    terminal.draw(|frame| top.draw(frame.buffer_mut(), now)).expect("drawn");
    terminal
}

/// The lines of a terminal of this size.
fn lines_at(top: &Top, width: u16, height: u16, now: Duration) -> Vec<String> {
    let terminal = terminal(top, width, height, now);
    let cells = terminal.backend().buffer().content().chunks(usize::from(width));
    cells.map(|row| row.iter().map(Cell::symbol).collect::<String>()).collect()
}

/// The lines of a terminal of the usual size.
fn lines(top: &Top) -> Vec<String> {
    lines_at(top, 80, 24, NOW)
}

#[track_caller]
fn assert_has(lines: &[String], words: &[&str]) {
    for word in words {
        assert!(
            lines.iter().any(|line| line.contains(word)),
            "{word:?} is not in\n{}",
            lines.join("\n")
        );
    }
}

/// Types keys; returns what the last one asks for.
fn types(top: &mut Top, keys: &[Key]) -> Option<Intent> {
    keys.iter().map(|key| top.key(*key, 24)).last().flatten()
}
