//! Finding places where a long stream can be ended without losing anything: between two events
//! (`text/event-stream`, WHATWG HTML section 9.2), or between two WebSocket frames (RFC 6455 section 5.2). It
//! sees the bytes that pass, keeps none, and never changes any.

/// The parse state of a stream.
#[derive(Debug)]
pub(crate) enum Boundary {
    /// Of events.
    Events(Events),
    /// Of WebSocket frames.
    Frames(Frames),
}

/// The parse state of an event stream.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Events {
    /// Nothing of the next event has passed.
    clean: bool,
    /// The last byte ended a line.
    line_ended: bool,
    /// That byte was a CR, to which an LF may still belong.
    carriage: bool,
}

/// The parse state of WebSocket frames.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Frames {
    header: [u8; 10],
    seen: usize,
    /// Bytes left of the frame, mask and payload.
    left: u64,
    /// The message continues in a later frame.
    fragmented: bool,
    /// A Close frame has begun.
    closed: bool,
    /// The mask of a Close frame of ours to the server; to a client it has none.
    mask: Option<[u8; 4]>,
}

/// A Close frame of a server that goes away: code 1001, no reason.
const GOING_AWAY: [u8; 4] = [0x88, 2, 0x03, 0xe9];

/// The first opcode of control frames.
const CLOSE: u8 = 0x8;
const FINAL: u8 = 0x80;
const MASKED: u8 = 0x80;

impl Boundary {
    /// Parses a stream of events from its beginning.
    pub(crate) fn events() -> Self {
        Self::Events(Events { clean: true, ..Events::default() })
    }

    /// Parses a WebSocket server's frames from their beginning.
    pub(crate) fn frames() -> Self {
        Self::Frames(Frames::default())
    }

    /// Parses a client's frames; `mask` is for the frame that we add (RFC 6455 section 5.3).
    pub(crate) fn masked_frames(mask: [u8; 4]) -> Self {
        Self::Frames(Frames { mask: Some(mask), ..Frames::default() })
    }

    /// Returns true if the stream can be ended after the bytes that have passed.
    pub(crate) fn is_here(&self) -> bool {
        self.is_before(None)
    }

    /// Returns the same, if this byte comes next. An LF still belongs to the CR before it.
    fn is_before(&self, next: Option<u8>) -> bool {
        match self {
            Self::Events(Events { clean, carriage, .. }) => {
                *clean && (!carriage || next.is_some_and(|byte| byte != b'\n'))
            }
            Self::Frames(frames) => frames.is_between() && !frames.fragmented && !frames.closed,
        }
    }

    /// Returns true if the sender has ended it by itself, and all of that has passed.
    pub(crate) fn is_closed(&self) -> bool {
        matches!(self, Self::Frames(frames) if frames.closed && frames.is_between())
    }

    /// Appends the bytes that end the stream there.
    pub(crate) fn write_tail(&self, out: &mut Vec<u8>) {
        let Self::Frames(Frames { mask, .. }) = self else { return };
        let [first, length, code @ ..] = GOING_AWAY;
        match mask {
            None => out.extend(GOING_AWAY),
            Some(mask) => {
                out.extend([first, length | MASKED]);
                out.extend(mask);
                out.extend(code.iter().zip(mask).map(|(byte, mask)| byte ^ mask));
            }
        }
    }

    /// Parses bytes that pass. With `ending`: only up to the first place at which the stream can be ended;
    /// returns its position if there is one.
    pub(crate) fn pass(&mut self, bytes: &[u8], ending: bool) -> Option<usize> {
        let mut at = 0;
        loop {
            let next = bytes.get(at).copied();
            if ending && self.is_before(next) {
                return Some(at);
            }
            let byte = next?;
            at += match self {
                Self::Events(events) => events.pass(byte),
                Self::Frames(frames) if frames.left > 0 => frames.skip(bytes.len() - at),
                Self::Frames(frames) => frames.pass(byte),
            };
        }
    }
}

impl Events {
    /// An empty line ends an event; a line ends with CR, LF, or both.
    fn pass(&mut self, byte: u8) -> usize {
        match byte {
            b'\n' if self.carriage => {
                self.carriage = false; // it belongs to the CR
            }
            b'\n' | b'\r' => {
                self.clean = self.line_ended || self.clean;
                self.line_ended = true;
                self.carriage = byte == b'\r';
            }
            _ => {
                self.clean = false;
                self.line_ended = false;
                self.carriage = false;
            }
        }
        1
    }
}

impl Frames {
    fn is_between(self) -> bool {
        self.left == 0 && self.seen == 0
    }

    /// Skips as much of a payload as there is; returns how much.
    fn skip(&mut self, most: usize) -> usize {
        let skipped = most.min(usize::try_from(self.left).unwrap_or(usize::MAX));
        self.left -= skipped as u64;
        skipped
    }

    /// Parses one byte of a header.
    fn pass(&mut self, byte: u8) -> usize {
        self.header[self.seen] = byte;
        self.seen += 1;
        let [first, second, ..] = self.header;
        let (length, extended) = match second & !MASKED {
            126 => (None, 2),
            127 => (None, 8),
            length => (Some(u64::from(length)), 0),
        };
        if self.seen < 2 || self.seen < 2 + extended {
            return 1;
        }
        let extended = self.header[2..2 + extended].iter();
        let length = length.unwrap_or(extended.fold(0, |sum, byte| sum << 8 | u64::from(*byte)));
        let mask = if second & MASKED == 0 { 0 } else { 4 };
        self.left = length.saturating_add(mask);
        let opcode = first & 0xf;
        self.closed |= opcode == CLOSE;
        if opcode < CLOSE {
            self.fragmented = first & FINAL == 0; // control frames may come in between
        }
        self.seen = 0;
        1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns the places where a stream can be ended once `before` has passed, in pieces of any size.
    fn ends(fresh: fn() -> Boundary, before: &[u8], after: &[u8]) -> Option<usize> {
        let mut found = Vec::new();
        for size in 1..=before.len().max(1) {
            let mut boundary = fresh();
            for piece in before.chunks(size) {
                assert_eq!(boundary.pass(piece, false), None);
            }
            found.push(boundary.pass(after, true));
        }
        assert!(found.windows(2).all(|pair| pair[0] == pair[1]), "{found:?}");
        found[0]
    }

    #[test]
    fn events_end_at_empty_lines_however_lines_end() {
        for (before, after, end) in [
            ("", "data: 1\n\n", Some(0)),
            ("data: 1\n\n", "data: 2", Some(0)),
            ("data: 1", "\n\ndata: 2\n\n", Some(2)),
            ("data: 1\n", "data: 2\n\ndata: 3", Some(9)),
            ("data: 1\r\n", "\r\ndata", Some(2)),
            ("data: 1\r\n\r\n", "data", Some(0)),
            ("data: 1\r\n\r", "\ndata", Some(1)),
            ("data: 1\r\n\r", "", None),
            ("data: 1\r", "\rdata", Some(1)),
            ("data: 1\r\r", "data", Some(0)),
            ("data: 1", "more", None),
            ("data: 1\n", "data: 2\n", None),
            (": comment\n\n\n", "x", Some(0)),
        ] {
            let found = ends(Boundary::events, before.as_bytes(), after.as_bytes());
            assert_eq!(found, end, "{before:?} {after:?}");
        }
    }

    #[test]
    fn a_web_socket_ends_between_frames_of_any_length() {
        let frame = |head: &[u8], length: usize| [head, &vec![b'x'; length]].concat();
        let short = frame(&[0x81, 5], 5);
        let medium = frame(&[0x82, 126, 1, 0], 256);
        let long = frame(&[0x82, 127, 0, 0, 0, 0, 0, 1, 0, 0], 65_536);
        let masked = frame(&[0x81, 0x80 | 3], 4 + 3);
        for frame in [&short, &medium, &masked] {
            assert_eq!(ends(Boundary::frames, frame, b"\x81\x01y"), Some(0));
            for cut in 1..frame.len() {
                let (before, after) = frame.split_at(cut);
                assert_eq!(ends(Boundary::frames, before, after), Some(after.len()), "{cut}");
                assert_eq!(ends(Boundary::frames, before, &after[..after.len() - 1]), None);
            }
        }
        let mut boundary = Boundary::frames();
        assert_eq!(boundary.pass(&long, false), None);
        assert!(boundary.is_here());
        assert_eq!(ends(Boundary::frames, b"", &short), Some(0));
    }

    #[test]
    fn a_message_in_several_frames_is_not_ended_between_them() {
        let [begin, ping, more, last] =
            [&b"\x01\x01a"[..], b"\x89\x00", b"\x00\x01b", b"\x80\x01c"];
        let rest = [ping, more, last, b"\x81\x01d"].concat();
        assert_eq!(ends(Boundary::frames, begin, &rest), Some(8));
        assert_eq!(ends(Boundary::frames, &[begin, ping].concat(), more), None);
    }

    #[test]
    fn a_close_has_passed_with_its_last_byte() {
        let mut boundary = Boundary::frames();
        for byte in b"\x88\x82\x01\x02\x03\x04\x02\xeb" {
            assert!(!boundary.is_closed());
            assert_eq!(boundary.pass(&[*byte], false), None);
        }
        assert!(boundary.is_closed());
    }

    #[test]
    fn a_web_socket_that_closes_by_itself_is_left_to_do_so() {
        let mut boundary = Boundary::frames();
        assert_eq!(boundary.pass(b"\x81\x01x\x88\x02\x03\xe8", false), None);
        assert!(boundary.is_closed() && !boundary.is_here());
        assert_eq!(boundary.pass(b"", true), None);
    }

    #[test]
    fn the_tail_is_a_close_frame_with_1001_masked_for_a_server() {
        let tail = |boundary: Boundary| {
            let mut out = Vec::new();
            boundary.write_tail(&mut out);
            out
        };
        assert_eq!(tail(Boundary::events()), b"");
        assert_eq!(tail(Boundary::frames()), b"\x88\x02\x03\xe9");
        let masked = tail(Boundary::masked_frames([1, 2, 3, 4]));
        assert_eq!(masked, b"\x88\x82\x01\x02\x03\x04\x02\xeb");
        assert_eq!(u16::from_be_bytes([3, 0xe9]), 1001);
    }
}
