//! The last lines of an output, for messages to people.
//!
//! Bounded in number and length, whatever is written. Without control characters and escape sequences, so that no
//! application's log can write to the terminal of the one who deploys.

use std::collections::VecDeque;

/// The number of lines kept for a failure.
pub(crate) const KEPT: usize = 20;
/// The longest line, in bytes; the rest of a longer one is dropped.
const LINE_MAX: usize = 1000;

/// The last lines of a stream of bytes.
#[derive(Debug)]
pub(crate) struct Tail {
    kept: usize,
    lines: VecDeque<String>,
    partial: Vec<u8>,
}

impl Tail {
    /// Keeps the last `kept` lines.
    pub(crate) fn new(kept: usize) -> Self {
        Self { kept, lines: VecDeque::new(), partial: Vec::new() }
    }

    /// Takes the next bytes of the stream.
    pub(crate) fn push(&mut self, bytes: &[u8]) {
        for (index, piece) in bytes.split(|byte| *byte == b'\n').enumerate() {
            if index > 0 {
                self.end_line();
            }
            let room = LINE_MAX - self.partial.len();
            self.partial.extend_from_slice(&piece[..piece.len().min(room)]);
        }
    }

    /// Returns the lines, oldest first, with a last one that has no end.
    pub(crate) fn into_lines(mut self) -> Vec<String> {
        self.end_line();
        self.lines.into()
    }

    fn end_line(&mut self) {
        let line = clean(&String::from_utf8_lossy(&self.partial));
        self.partial.clear();
        if line.is_empty() || self.kept == 0 {
            return;
        }
        if self.lines.len() == self.kept {
            self.lines.pop_front();
        }
        self.lines.push_back(line);
    }
}

/// Returns the last lines of a text.
pub(crate) fn last(bytes: &[u8], kept: usize) -> Vec<String> {
    let mut tail = Tail::new(kept);
    tail.push(bytes);
    tail.into_lines()
}

/// Returns a text as a part of a message: its last lines in one, without control characters.
pub(crate) fn line(text: &[u8]) -> String {
    last(text, KEPT).join(" ")
}

/// Removes escape sequences and control characters, and white space at the end.
fn clean(line: &str) -> String {
    let mut clean = String::with_capacity(line.len());
    let mut chars = line.chars();
    while let Some(next) = chars.next() {
        match next {
            '\x1b' => {
                // A control sequence ends with its first letter or symbol from @ on; others have two characters.
                if chars.next() == Some('[') {
                    chars.by_ref().find(|end| ('@'..='~').contains(end));
                }
            }
            '\t' => clean.push(' '),
            control if control.is_control() => {}
            other => clean.push(other),
        }
    }
    clean.truncate(clean.trim_end().len());
    clean
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_lines_are_kept_however_they_arrive() {
        let mut tail = Tail::new(2);
        for piece in ["one\ntw", "o\n\nthr", "ee"] {
            tail.push(piece.as_bytes());
        }
        assert_eq!(tail.into_lines(), ["two", "three"]);
        assert!(last(b"", 2).is_empty() && last(b"a\n", 0).is_empty());
    }

    #[test]
    fn a_line_without_end_costs_no_more_than_a_long_one() {
        let mut tail = Tail::new(2);
        for _ in 0..10_000 {
            tail.push(&[b'x'; 1000]);
        }
        tail.push(b"\nend\n");
        let lines = tail.into_lines();
        assert_eq!((lines[0].len(), &*lines[1]), (LINE_MAX, "end"));
    }

    #[test]
    fn nothing_that_a_terminal_would_obey_is_left_in_a_line() {
        let lines = last(b"\x1b[31mred\x1b[0m\r\n\x1b]0;title\x07a\tb\x00\x9b\xff\n\x1b", 9);
        assert_eq!(lines, ["red", "0;titlea b\u{fffd}\u{fffd}"]);
    }
}
