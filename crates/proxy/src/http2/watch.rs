//! What a peer sends, frame by frame, below the library that understands it: that has no limits for
//! frames that cost us work and bring the peer nothing (D6), nor a deadline inside a head (D10).
//!
//! Never: a look inside a frame.

use std::cell::{Cell, RefCell};
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use connect::Stream;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// A connection whose frames are counted as they are read.
#[derive(Debug)]
pub(crate) struct Watched {
    stream: Stream,
    /// What had been read before it was known to be HTTP/2.
    early: Vec<u8>,
    given: usize,
    watch: Rc<Watch>,
}

/// What was seen on one connection.
#[derive(Debug)]
pub(crate) struct Watch {
    frames: RefCell<Frames>,
    budgets: RefCell<[Budget; KINDS]>,
    spent: Cell<Option<&'static str>>,
    /// Since when a head has been on its way.
    head_since: Cell<Option<Instant>>,
    /// Of the turn that is going on.
    now: Cell<Instant>,
}

/// Finds the frames in what is read, wherever that is cut.
#[derive(Debug)]
struct Frames {
    /// Bytes to pass until the next frame begins.
    skip: usize,
    header: [u8; HEADER],
    have: usize,
}

/// What a peer may send of one kind: so many at once, and then so many in a second.
#[derive(Clone, Copy, Debug)]
struct Budget {
    left: f64,
    most: f64,
    per_second: f64,
    at: Instant,
}

/// RFC 9113 section 3.4.
pub(crate) const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// RFC 9113 section 4.1.
const HEADER: usize = 9;

const DATA: u8 = 0;
const HEADERS: u8 = 1;
const CONTINUATION: u8 = 9;
const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;

/// Kinds of frames with a budget: name, how many at once, how many in a second. An honest client
/// that cancels every fifth of 1,000 requests a second stays within, and so does one that measures
/// the way with a PING for each window of data.
const KINDS: usize = 7;
const BUDGETS: [(&str, f64, f64); KINDS] = [
    ("empty DATA", 100.0, 20.0),
    ("PRIORITY", 300.0, 50.0),
    ("RST_STREAM", 500.0, 250.0),
    ("SETTINGS", 50.0, 5.0),
    ("PING", 2000.0, 500.0),
    ("WINDOW_UPDATE", 20_000.0, 20_000.0),
    ("unknown", 100.0, 10.0),
];

/// The place in [`BUDGETS`] of a frame that has one.
fn kind(kind: u8, flags: u8, length: usize) -> Option<usize> {
    match kind {
        DATA if length == 0 && flags & END_STREAM == 0 => Some(0),
        2 => Some(1),
        3 => Some(2),
        4 => Some(3),
        6 => Some(4),
        8 => Some(5),
        // Those without a budget are bounded otherwise: by streams, windows and the length of heads.
        DATA | HEADERS | CONTINUATION => None,
        _ => Some(6), // PUSH_PROMISE and GOAWAY too, of which one is enough
    }
}

// === impl Watch ===

impl Watch {
    /// `preface`: bytes that come before the first frame.
    pub(crate) fn new(preface: usize, now: Instant) -> Rc<Self> {
        let budget = |(_, most, per_second): (&str, f64, f64)| Budget {
            left: most,
            most,
            per_second,
            at: now,
        };
        Rc::new(Self {
            frames: RefCell::new(Frames { skip: preface, header: [0; HEADER], have: 0 }),
            budgets: RefCell::new(BUDGETS.map(budget)),
            spent: Cell::new(None),
            head_since: Cell::new(None),
            now: Cell::new(now),
        })
    }

    /// A turn begins.
    pub(crate) fn turn(&self, now: Instant) {
        self.now.set(now);
    }

    /// The kind of frame of which the peer has sent too many.
    pub(crate) fn spent(&self) -> Option<&'static str> {
        self.spent.get()
    }

    /// Since when a head has been on its way that is not whole yet.
    pub(crate) fn head_since(&self) -> Option<Instant> {
        self.head_since.get()
    }

    fn see(&self, bytes: &[u8]) {
        let mut frames = self.frames.borrow_mut();
        let mut rest = bytes;
        while let Some((header, after)) = frames.next(rest) {
            rest = after;
            let length =
                usize::from(header[0]) << 16 | usize::from(header[1]) << 8 | usize::from(header[2]);
            frames.skip = length;
            self.count(header[3], header[4], length);
        }
    }

    fn count(&self, of: u8, flags: u8, length: usize) {
        if of == HEADERS || of == CONTINUATION {
            let whole = flags & END_HEADERS != 0;
            let since = self.head_since.get().unwrap_or(self.now.get());
            self.head_since.set((!whole).then_some(since));
        }
        let Some(place) = kind(of, flags, length) else { return };
        if !self.budgets.borrow_mut()[place].spend(self.now.get()) {
            self.spent.set(Some(BUDGETS[place].0));
        }
    }
}

impl Frames {
    /// The next frame header in what was read, and what is behind it.
    fn next<'r>(&mut self, mut rest: &'r [u8]) -> Option<([u8; HEADER], &'r [u8])> {
        let skipped = self.skip.min(rest.len());
        self.skip -= skipped;
        rest = rest.get(skipped..)?;
        let count = (HEADER - self.have).min(rest.len());
        self.header[self.have..self.have + count].copy_from_slice(&rest[..count]);
        self.have += count;
        if self.have < HEADER {
            return None;
        }
        self.have = 0;
        Some((self.header, &rest[count..]))
    }
}

impl Budget {
    /// False: there is nothing left.
    fn spend(&mut self, now: Instant) -> bool {
        let since = now.saturating_duration_since(self.at);
        if since > Duration::from_millis(100) {
            self.left = self.most.min(self.left + since.as_secs_f64() * self.per_second);
            self.at = now;
        }
        self.left -= 1.0;
        self.left >= 0.0
    }
}

// === impl Watched ===

impl Watched {
    pub(crate) fn new(stream: Stream, early: Vec<u8>, watch: Rc<Watch>) -> Self {
        Self { stream, early, given: 0, watch }
    }
}

impl AsyncRead for Watched {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if this.watch.spent().is_some() {
            return Poll::Pending; // nothing more is taken: whoever serves it ends it
        }
        let before = buf.filled().len();
        let early = this.early.get(this.given..).unwrap_or_default();
        if early.is_empty() {
            ready!(Pin::new(&mut this.stream).poll_read(cx, buf))?;
        } else {
            let count = early.len().min(buf.remaining());
            buf.put_slice(&early[..count]);
            this.given += count;
        }
        this.watch.see(buf.filled().get(before..).unwrap_or_default());
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Watched {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().stream).poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().stream).poll_write_vectored(cx, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(kind: u8, flags: u8, payload: &[u8]) -> Vec<u8> {
        let length = payload.len() as u32;
        [&length.to_be_bytes()[1..], &[kind, flags, 0, 0, 0, 1], payload].concat()
    }

    #[test]
    fn frames_are_counted_wherever_the_reads_are_cut() {
        let now = Instant::now();
        let all = [PREFACE, &frame(6, 0, &[0; 8]), &frame(0, 0, b"abc"), &frame(6, 0, &[0; 8])];
        let all = all.concat();
        for size in 1..=all.len() {
            let watch = Watch::new(PREFACE.len(), now);
            all.chunks(size).for_each(|piece| watch.see(piece));
            let left = watch.budgets.borrow()[4].left;
            assert!((left - (BUDGETS[4].1 - 2.0)).abs() < 0.5, "{left} in pieces of {size}");
        }
    }

    #[test]
    fn a_budget_ends_and_comes_back_with_time() {
        let now = Instant::now();
        let watch = Watch::new(0, now);
        let settings = frame(4, 0, &[]);
        (0..50).for_each(|_| watch.see(&settings));
        assert_eq!(watch.spent(), None);
        watch.turn(now + Duration::from_secs(2));
        (0..10).for_each(|_| watch.see(&settings));
        assert_eq!(watch.spent(), None);
        watch.see(&settings);
        assert_eq!(watch.spent(), Some("SETTINGS"));
    }

    #[test]
    fn a_head_in_pieces_has_begun_with_its_first() {
        // L10
        let now = Instant::now();
        let watch = Watch::new(0, now);
        watch.see(&frame(HEADERS, 0, b"a"));
        watch.turn(now + Duration::from_secs(1));
        watch.see(&frame(CONTINUATION, 0, b"b"));
        assert_eq!(watch.head_since(), Some(now));
        watch.see(&frame(CONTINUATION, END_HEADERS, b"c"));
        assert_eq!(watch.head_since(), None);
    }
}
