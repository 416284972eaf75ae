//! Finding the end of a head. Guarantees that each byte is looked at once, however slowly it arrives, and that
//! every line of an accepted head ends in CRLF. Never looks past the head: pipelined bytes stay untouched.

use memchr::memchr2;

use crate::{BadResponse, Limits, Reject, token};

/// The bytes of a request line besides its target: a method of [`METHOD_BYTES`], two spaces and the version.
const LINE_OVERHEAD: usize = METHOD_BYTES + 10;

/// The longest method accepted by the scan; a longer one is answered 501.
pub(crate) const METHOD_BYTES: usize = 32;

/// Progress through one head. Lives in the connection; [`reset`](Self::reset) before each message. The bytes
/// given to one scan must all begin with those given before.
#[derive(Clone, Debug, Default)]
pub struct HeadScan {
    /// Everything before is known to be well-formed lines; the next scan starts here.
    at: usize,
    /// The start of the current line.
    line: usize,
    /// True once the start line has been seen to its end.
    started: bool,
}

impl HeadScan {
    /// A scan at the start of a message.
    pub fn new() -> Self {
        Self::default()
    }

    /// Forgets the scanned head.
    pub fn reset(&mut self) {
        *self = Self::default();
    }

    /// The length of the request head at the start of `bytes`, final empty line included, or `None`
    /// while it is incomplete. One empty line before the request line is tolerated (RFC 9112
    /// section 2.2) and counts as part of the head.
    ///
    /// # Errors
    /// 400 for a bare LF or CR, or a first byte that cannot begin a method; 414 for a request line
    /// beyond [`Limits::uri_bytes`]; 431 for a head beyond [`Limits::head_bytes`].
    pub fn scan(&mut self, bytes: &[u8], limits: &Limits) -> Result<Option<usize>, Reject> {
        let line_bytes = limits.uri_bytes.saturating_add(LINE_OVERHEAD);
        self.advance(bytes, limits.head_bytes, line_bytes, true)
    }

    /// Returns the same for a response: no empty line before it, and its first line is limited only by the head.
    ///
    /// # Errors
    /// Whenever the bytes cannot become a response head within [`Limits::head_bytes`].
    pub fn scan_response(
        &mut self,
        bytes: &[u8],
        limits: &Limits,
    ) -> Result<Option<usize>, BadResponse> {
        self.advance(bytes, limits.head_bytes, usize::MAX, false)
            .map_err(|reject| BadResponse { reason: reject.reason })
    }

    fn advance(
        &mut self,
        bytes: &[u8],
        head_bytes: usize,
        line_bytes: usize,
        request: bool,
    ) -> Result<Option<usize>, Reject> {
        let within = &bytes[..bytes.len().min(head_bytes)];
        loop {
            if request && !self.started {
                self.check_first(within)?;
            }
            let found = memchr2(b'\r', b'\n', &within[self.at.min(within.len())..]);
            let stop = found.map_or(within.len(), |offset| self.at + offset);
            if !self.started && stop.saturating_sub(self.line) > line_bytes {
                return Err(TARGET_TOO_LONG);
            }
            if found.is_none() {
                self.at = within.len();
                break;
            }
            if within[stop] == b'\n' {
                return Err(BARE_LF);
            }
            match within.get(stop + 1) {
                None => {
                    self.at = stop;
                    break;
                }
                Some(b'\n') => {}
                Some(_) => return Err(BARE_CR),
            }
            let empty = stop == self.line;
            self.at = stop + 2;
            self.line = stop + 2;
            if !empty {
                self.started = true;
            } else if self.started {
                return Ok(Some(stop + 2));
            } else if stop > 0 || !request {
                return Err(EMPTY_LINES);
            }
        }
        if bytes.len() >= head_bytes { Err(HEAD_TOO_LARGE) } else { Ok(None) }
    }

    /// Refuses at the first byte input that cannot become a request: most often TLS sent to a plain port, which
    /// would otherwise wait for the deadline.
    fn check_first(&self, bytes: &[u8]) -> Result<(), Reject> {
        match bytes.get(self.line) {
            None | Some(b'\r' | b'\n') => Ok(()),
            Some(&first) if token::is_token_byte(first) => Ok(()),
            Some(0x16) => Err(TLS_ON_PLAIN),
            Some(_) => Err(NOT_A_METHOD),
        }
    }
}

const BARE_LF: Reject = Reject::bad("A line ends in LF without CR; each line must end in CRLF.");
const BARE_CR: Reject = Reject::bad("The head has a CR without LF; each line must end in CRLF.");
const EMPTY_LINES: Reject = Reject::bad("The head begins with empty lines.");
const TARGET_TOO_LONG: Reject = Reject::new(414, "The request target is too long.");
const HEAD_TOO_LARGE: Reject = Reject::new(431, "The head is too large.");

const NOT_A_METHOD: Reject = Reject::bad("The request does not begin with a method.");
const TLS_ON_PLAIN: Reject =
    Reject::bad("This is a TLS handshake, but the listener speaks plain HTTP.");
