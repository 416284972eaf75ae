//! The log of a container as the Engine sends it: frames of two streams, or plain bytes of a terminal.
//!
//! Bounded: only the last lines are kept, and of each stream the line that is being read.

use crate::lines::Tail;

/// The length of a frame's header: the stream, three zeros, and the length of the payload in big endian.
const HEADER: usize = 8;
/// The streams that there are: standard input, output, error, and messages of the Engine.
const STREAMS: usize = 4;
/// The most bytes of a line that are kept until it ends; more than a line of [`Tail`] has.
const LINE_MAX: usize = 4 << 10;

/// The reader of a log.
#[derive(Debug)]
pub(super) struct Frames {
    tail: Tail,
    terminal: bool,
    header: Vec<u8>,
    /// The bytes that are left of a frame's payload.
    left: usize,
    /// The line of each stream that has not ended.
    lines: [Vec<u8>; STREAMS],
    broken: bool,
}

impl Frames {
    /// Keeps the last `kept` lines; `terminal`: the container has one, so there are no frames.
    pub(super) fn new(kept: usize, terminal: bool) -> Self {
        Self {
            tail: Tail::new(kept),
            terminal,
            header: Vec::with_capacity(HEADER),
            left: 0,
            lines: Default::default(),
            broken: false,
        }
    }

    /// Takes the next bytes of the log, wherever they are cut.
    pub(super) fn push(&mut self, mut bytes: &[u8]) {
        if self.terminal {
            self.tail.push(bytes);
            return;
        }
        while !bytes.is_empty() && !self.broken {
            let wanted = if self.left > 0 { self.left } else { HEADER - self.header.len() };
            let (now, rest) = bytes.split_at(wanted.min(bytes.len()));
            bytes = rest;
            if self.left > 0 {
                self.left -= now.len();
                self.payload(now);
            } else {
                self.header.extend_from_slice(now);
                self.begin();
            }
        }
    }

    /// Returns the lines, oldest first; `None` if there were no such frames.
    pub(super) fn into_lines(mut self) -> Option<Vec<String>> {
        if self.broken {
            return None;
        }
        for line in std::mem::take(&mut self.lines) {
            self.tail.push(&line);
            self.tail.push(b"\n");
        }
        Some(self.tail.into_lines())
    }

    /// Begins a frame, once its header is whole.
    fn begin(&mut self) {
        let Ok([stream, zeros @ .., a, b, c, d]) = <[u8; HEADER]>::try_from(&*self.header) else {
            return;
        };
        self.broken = usize::from(stream) >= STREAMS || zeros != [0; 3];
        self.left = u32::from_be_bytes([a, b, c, d]) as usize;
        if self.left == 0 {
            self.header.clear();
        }
    }

    fn payload(&mut self, bytes: &[u8]) {
        let stream = self.header.first().map_or(0, |stream| usize::from(*stream));
        let Some(line) = self.lines.get_mut(stream) else { return };
        for (index, piece) in bytes.split(|byte| *byte == b'\n').enumerate() {
            if index > 0 {
                self.tail.push(line);
                self.tail.push(b"\n");
                line.clear();
            }
            let room = LINE_MAX - line.len();
            line.extend_from_slice(&piece[..piece.len().min(room)]);
        }
        if self.left == 0 {
            self.header.clear();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(stream: u8, payload: &[u8]) -> Vec<u8> {
        let length = u32::try_from(payload.len()).expect("short").to_be_bytes();
        [&[stream, 0, 0, 0], &length[..], payload].concat()
    }

    #[test]
    fn streams_are_taken_apart_wherever_they_are_cut() {
        let log = [
            frame(1, b"one\ntw"),
            frame(2, b"err"),
            frame(1, b""),
            frame(1, b"o\n"),
            frame(2, b"or \xff\n"),
            frame(1, b"last"),
        ]
        .concat();
        for size in 1..=log.len() {
            let mut frames = Frames::new(3, false);
            log.chunks(size).for_each(|piece| frames.push(piece));
            let lines = frames.into_lines().expect("frames");
            assert_eq!(lines, ["two", "error \u{fffd}", "last"], "{size}");
        }
    }

    #[test]
    fn a_terminal_has_no_frames_and_frames_are_not_guessed() {
        let mut frames = Frames::new(9, true);
        frames.push(b"\x01\x00\x00\x00plain\r\nte");
        frames.push(b"xt");
        assert_eq!(frames.into_lines(), Some(vec!["plain".to_owned(), "text".to_owned()]));
        for bad in [&b"plain text"[..], b"\x01\x00\x01\x00\x00\x00\x00\x01x"] {
            let mut frames = Frames::new(9, false);
            frames.push(bad);
            assert_eq!(frames.into_lines(), None);
        }
    }

    #[test]
    fn a_line_without_end_is_bounded() {
        let mut frames = Frames::new(1, false);
        for _ in 0..1000 {
            frames.push(&frame(1, &[b'x'; 1000]));
        }
        assert!(frames.lines.iter().all(|line| line.len() <= LINE_MAX));
        assert_eq!(frames.into_lines().expect("frames").len(), 1);
    }
}
