//! Keys from the bytes that a terminal sends.
//!
//! A lone escape byte is the key Escape only once nothing has followed it for a moment, which the caller measures.
//! Sequences of keys that mean nothing here are skipped, and so is everything beyond ASCII: names have none of it.

/// A key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Key {
    /// A printable character.
    Char(char),
    /// Enter.
    Enter,
    /// Escape.
    Escape,
    /// The arrow up.
    Up,
    /// The arrow down.
    Down,
    /// Page up.
    PageUp,
    /// Page down.
    PageDown,
    /// Home.
    Home,
    /// End.
    End,
    /// Backspace.
    Backspace,
    /// Ctrl-C.
    Leave,
    /// Ctrl-L.
    Redraw,
    /// Ctrl-Z.
    Suspend,
}

/// The longest sequence; a longer one is not a key.
const SEQUENCE_MAX: usize = 16;

/// Reads keys; keeps the begin of one that is not complete yet.
#[derive(Debug, Default)]
pub struct Keys {
    unread: Vec<u8>,
}

/// The begin of the unread bytes.
enum First {
    /// This many bytes are this key, or nothing of use.
    Known(usize, Option<Key>),
    /// More bytes must tell.
    Unfinished,
}

impl Keys {
    /// Takes bytes, and returns the keys that are complete.
    pub fn read(&mut self, bytes: &[u8]) -> Vec<Key> {
        self.unread.extend_from_slice(bytes);
        let mut keys = Vec::new();
        while !self.unread.is_empty() {
            match first(&self.unread) {
                First::Known(length, key) => {
                    self.unread.drain(..length);
                    keys.extend(key);
                }
                First::Unfinished => break,
            }
        }
        keys
    }

    /// Returns true if an escape byte waits for what follows it.
    pub fn is_unfinished(&self) -> bool {
        !self.unread.is_empty()
    }

    /// Ends the wait: nothing has followed, so that it was the key Escape.
    pub fn settle(&mut self) -> Option<Key> {
        let was_waiting = self.is_unfinished();
        self.unread.clear();
        was_waiting.then_some(Key::Escape)
    }
}

fn first(bytes: &[u8]) -> First {
    let key = match bytes {
        [0x1b] => return First::Unfinished,
        [0x1b, b'[' | b'O', ..] => return sequence(bytes),
        [0x1b, ..] => Some(Key::Escape),
        [b'\r' | b'\n', ..] => Some(Key::Enter),
        [0x7f | 0x08, ..] => Some(Key::Backspace),
        [0x03, ..] => Some(Key::Leave),
        [0x1a, ..] => Some(Key::Suspend),
        [0x0c, ..] => Some(Key::Redraw),
        [printable @ b' '..=b'~', ..] => Some(Key::Char(char::from(*printable))),
        _ => None,
    };
    First::Known(1, key)
}

/// A sequence: its introducer (two bytes), parameters, and the byte that ends it.
fn sequence(bytes: &[u8]) -> First {
    let rest = bytes.get(2..).unwrap_or_default();
    let Some(length) = rest.iter().position(|byte| (0x40..=0x7e).contains(byte)) else {
        let is_too_long = bytes.len() > SEQUENCE_MAX;
        return if is_too_long { First::Known(bytes.len(), None) } else { First::Unfinished };
    };
    let (parameters, end) = (&rest[..length], rest[length]);
    let key = match (end, parameters) {
        (b'A', _) => Some(Key::Up),
        (b'B', _) => Some(Key::Down),
        (b'H', _) | (b'~', b"1" | b"7") => Some(Key::Home),
        (b'F', _) | (b'~', b"4" | b"8") => Some(Key::End),
        (b'~', b"5") => Some(Key::PageUp),
        (b'~', b"6") => Some(Key::PageDown),
        (b'M', b"") if bytes[1] == b'O' => Some(Key::Enter), // that of the numeric keypad
        _ => None,
    };
    First::Known(length + 3, key)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_read_whole_or_in_pieces() {
        let mut keys = Keys::default();
        assert_eq!(keys.read(b"s\r"), [Key::Char('s'), Key::Enter]);
        assert_eq!(
            keys.read(b"\x1b[A\x1bOB\x1b[5~\x1b[6~"),
            [Key::Up, Key::Down, Key::PageUp, Key::PageDown]
        );
        assert_eq!(keys.read(b"\x1b"), []);
        assert_eq!(keys.read(b"["), []);
        assert!(keys.is_unfinished());
        assert_eq!(keys.read(b"1~x"), [Key::Home, Key::Char('x')]);
        assert!(!keys.is_unfinished());
        assert_eq!(keys.read(b"\x03\x0c\x7f"), [Key::Leave, Key::Redraw, Key::Backspace]);
    }

    #[test]
    fn escape_is_a_key_once_nothing_has_followed() {
        let mut keys = Keys::default();
        assert_eq!(keys.read(b"\x1b"), []);
        assert_eq!(keys.settle(), Some(Key::Escape));
        assert_eq!(keys.settle(), None);
        assert_eq!(keys.read(b"\x1bq"), [Key::Escape, Key::Char('q')]);
    }

    #[test]
    fn what_is_not_a_key_is_skipped() {
        let mut keys = Keys::default();
        assert_eq!(keys.read("é\u{0}\x1b[200~y".as_bytes()), [Key::Char('y')]);
        let endless = [b"\x1b[".as_slice(), &[b'1'; 40]].concat();
        assert_eq!(keys.read(&endless), []);
        assert_eq!(keys.read(b"q"), [Key::Char('q')]);
    }
}
