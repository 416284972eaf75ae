//! What a peer sends, frame by frame, below the library that understands it: that has no limits for
//! frames that cost us work and bring the peer nothing (D6), nor a deadline inside a head (D10).
//!
//! Never: a look inside a frame.

use std::cell::{Cell, RefCell};
use std::io;
use std::ops::Range;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Instant;

use connect::Stream;
use h2::Reason;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::STREAM_WINDOW;
use super::answered::Answered;
use super::budget::{BUDGETS, Budget, KINDS, PING, RST_STREAM, WINDOW_UPDATE, kind};
use super::frames::{
    ACK, CONTINUATION, DATA, END_HEADERS, END_STREAM, Frames, HEADER, HEADERS, RESET, SETTINGS,
    WINDOW_UPDATE as WINDOW,
};
use super::outflow::Outflow;
use super::refusals::{Refusals, Refused, reset};
use super::unread::Unread;

/// A connection whose frames are counted as they pass.
#[derive(Debug)]
pub(crate) struct Watched {
    /// Others may look at it, but nobody else reads or writes.
    stream: Rc<RefCell<Stream>>,
    /// What had been read before it was known to be HTTP/2.
    early: Vec<u8>,
    given: usize,
    watch: Rc<Watch>,
}

/// What was seen on one connection.
#[derive(Debug)]
pub(crate) struct Watch {
    peer: Peer,
    read: RefCell<Frames>,
    written: RefCell<Frames>,
    budgets: RefCell<[Budget; KINDS]>,
    spent: Cell<Option<&'static str>>,
    /// Since when a head has been on its way.
    head_since: Cell<Option<Instant>>,
    /// The frame that is read ends a head.
    ends_head: Cell<bool>,
    /// The peer has said what it takes.
    settled: Cell<bool>,
    /// When something was last written.
    wrote: Cell<Instant>,
    /// Of the turn that is going on.
    now: Cell<Instant>,
    progress: Arc<Progress>,
    outflow: Arc<Outflow>,
    /// Of a client: requests that the library refuses.
    refusals: RefCell<Refusals>,
    /// Of a client: requests that may be answered before they end.
    unread: RefCell<Unread>,
    answered: Arc<Answered>,
    /// The socket took no more when something was last to be written.
    full: Cell<bool>,
    /// Streams that wait for their share of what is moved.
    streams: Cell<u64>,
    /// Bytes that were moved and belong to no share yet.
    rest: Cell<u64>,
}

/// How much a connection has moved for each of its streams, were it dealt out evenly. What is moved
/// in frames comes to a stream in leaps, and one that waits for its turn is not one that stalls.
#[derive(Debug, Default)]
pub(crate) struct Progress(AtomicU64);

/// Who is at the other end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Peer {
    Client,
    Target,
}

/// The stream of a frame: 31 bits of its header.
fn stream_of(header: &[u8; HEADER]) -> u32 {
    number(&header[5..]) & 0x7fff_ffff
}

/// A number in the order of the network.
fn number(bytes: &[u8]) -> u32 {
    bytes.iter().fold(0, |all, byte| all << 8 | u32::from(*byte))
}

/// A frame of RST_STREAM (RFC 9113 section 6.4).
const RESET_BYTES: usize = HEADER + 4;

/// The codes by which the library resets streams for what the peer has sent; ours are others.
const INDUCED: [Reason; 6] = [
    Reason::PROTOCOL_ERROR,
    Reason::FLOW_CONTROL_ERROR,
    Reason::STREAM_CLOSED,
    Reason::FRAME_SIZE_ERROR,
    Reason::REFUSED_STREAM,
    Reason::ENHANCE_YOUR_CALM,
];

/// RFC 9113 section 3.4.
pub(crate) const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

// === impl Watch ===

impl Watch {
    /// Of a connection on which nothing was moved yet. What a client sends begins with the preface.
    pub(crate) fn new(peer: Peer, now: Instant) -> Rc<Self> {
        let frames = |skip| RefCell::new(Frames::new(skip));
        let (read, written) = match peer {
            Peer::Client => (PREFACE.len(), 0),
            Peer::Target => (0, PREFACE.len()),
        };
        Rc::new(Self {
            peer,
            read: frames(read),
            written: frames(written),
            budgets: RefCell::new(Budget::all(now)),
            spent: Cell::new(None),
            head_since: Cell::new(None),
            ends_head: Cell::new(false),
            settled: Cell::new(false),
            wrote: Cell::new(now),
            now: Cell::new(now),
            progress: Arc::default(),
            outflow: Arc::default(),
            refusals: RefCell::default(),
            unread: RefCell::default(),
            answered: Arc::default(),
            full: Cell::new(false),
            streams: Cell::new(0),
            rest: Cell::new(0),
        })
    }

    /// A turn begins, with so many streams.
    pub(crate) fn turn(&self, now: Instant, streams: usize) {
        self.now.set(now);
        self.streams.set(streams as u64);
    }

    /// The kind of frame of which the peer has sent too many.
    pub(crate) fn spent(&self) -> Option<&'static str> {
        self.spent.get()
    }

    /// Since when a head has been on its way that is not whole yet.
    pub(crate) fn head_since(&self) -> Option<Instant> {
        self.head_since.get()
    }

    /// Whether the peer has said what it takes (RFC 9113 section 3.4).
    pub(crate) fn is_settled(&self) -> bool {
        self.settled.get()
    }

    /// Since when the socket has taken nothing, though there is something.
    pub(crate) fn stalled_since(&self) -> Option<Instant> {
        self.full.get().then(|| self.wrote.get())
    }

    /// When something was last written.
    pub(crate) fn wrote(&self) -> Instant {
        self.wrote.get()
    }

    /// For streams, to see how the connection gets on.
    pub(crate) fn progress(&self) -> Arc<Progress> {
        self.progress.clone()
    }

    /// For streams, to see how much they may hand over.
    pub(crate) fn outflow(&self) -> Arc<Outflow> {
        self.outflow.clone()
    }

    /// For streams to a target, to see whether their answers have begun.
    pub(crate) fn answered(&self) -> Arc<Answered> {
        self.answered.clone()
    }

    /// A turn ends: what was handed over was written as far as the socket takes it.
    pub(crate) fn settle(&self) {
        if !self.full.get() {
            self.outflow.emptied();
        }
    }

    /// A stream of the client is served.
    pub(crate) fn served(&self, stream: u32) {
        self.refusals.borrow_mut().served(stream);
    }

    /// Whether the client has opened a stream in this turn that is not served.
    pub(crate) fn has_unseen(&self) -> bool {
        self.refusals.borrow().has_unseen()
    }

    /// A turn ends: how many requests the library has refused in it. Their answers are to be written with
    /// [`Watch::poll_own`].
    pub(crate) fn refused(&self, via: &str) -> Refused {
        let hold = |stream| self.unread.borrow_mut().hold(stream, self.now.get());
        self.refusals.borrow_mut().settle(via, hold)
    }

    /// When a reset that waits for its client is due.
    pub(crate) fn unread_due(&self) -> Option<Instant> {
        self.unread.borrow().due()
    }

    /// Resets the streams whose clients had time enough. To be written with [`Watch::poll_own`].
    pub(crate) fn reset_unread(&self) {
        let mut unread = self.unread.borrow_mut();
        while let Some(stream) = unread.next_due(self.now.get()) {
            reset(self.refusals.borrow_mut().own_mut(), stream, Reason::NO_ERROR.into());
        }
    }

    /// How much of what the library writes next may be written; none if the first frame is a reset that is
    /// kept back.
    fn passes(&self, bytes: &[u8]) -> Option<usize> {
        let next = self.written.borrow().find(bytes, RESET);
        let Some(Range { start, end }) = next else { return Some(bytes.len()) };
        if start > 0 {
            return Some(start);
        }
        let held = self.refusals.borrow_mut().hold(&bytes[..end]);
        if held {
            self.spend(RST_STREAM); // answered or reset, it costs the same
        }
        (!held && !self.waits(&bytes[..end])).then_some(end)
    }

    /// Whether this is the reset of a request that was answered, and its client still sends.
    fn waits(&self, frame: &[u8]) -> bool {
        let Some((header, code)) = frame.split_first_chunk() else { return false };
        number(code) == u32::from(Reason::NO_ERROR)
            && self.unread.borrow_mut().hold(stream_of(header), self.now.get())
    }

    /// Whether what is written has to be looked at.
    fn is_busy(&self) -> bool {
        self.refusals.borrow().is_busy() || !self.unread.borrow().is_empty()
    }

    /// Writes what is ours, if that may be written now. Ready if there is nothing that may.
    pub(crate) fn poll_own(
        &self,
        stream: &mut Stream,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<()>> {
        let mut refusals = self.refusals.borrow_mut();
        while !refusals.own().is_empty() && self.written.borrow().is_between() {
            let count = ready!(Pin::new(&mut *stream).poll_write(cx, refusals.own()))?;
            if count == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            refusals.written(count);
            self.wrote.set(self.now.get());
        }
        Poll::Ready(Ok(()))
    }

    fn see_read(&self, bytes: &[u8]) {
        self.share(bytes.len());
        let mut frames = self.read.borrow_mut();
        let mut rest = bytes;
        while let Some(next) = frames.pass(rest) {
            if self.ends_head.take() {
                self.head_since.set(None);
            }
            let Some((header, behind)) = frames.header(next) else { return };
            rest = behind;
            self.count(header, frames.length());
        }
    }

    fn see_written(&self, bytes: &[u8]) {
        let mut frames = self.written.borrow_mut();
        let mut rest = bytes;
        while let Some(next) = frames.pass(rest) {
            let Some((header, behind)) = frames.header(next) else { return };
            rest = behind;
            match header[3] {
                DATA => self.outflow.sent(frames.length()),
                RESET => self.count_induced(rest),
                WINDOW if self.peer == Peer::Client => {
                    let more = number(rest.get(..4).unwrap_or_default()) as usize;
                    self.unread.borrow_mut().widened(stream_of(&header), more);
                }
                HEADERS if self.refusals.borrow_mut().answered(stream_of(&header)) => {
                    self.spend(RST_STREAM); // 431 costs what a reset does, and earns nothing
                    continue;
                }
                _ => {}
            }
            self.earn(header[3], frames.length(), self.peer == Peer::Client);
        }
    }

    fn count(&self, header: [u8; HEADER], length: usize) {
        let (of, flags) = (header[3], header[4]);
        if of == HEADERS || of == CONTINUATION {
            self.head_since.set(self.head_since.get().or(Some(self.now.get())));
            self.ends_head.set(flags & END_HEADERS != 0);
        }
        if of == SETTINGS && flags & ACK == 0 {
            self.settled.set(true);
        }
        match (of, self.peer) {
            (HEADERS, Peer::Client) => {
                let fresh = self.refusals.borrow_mut().opened(stream_of(&header), flags);
                self.follow(&header, fresh, length);
            }
            (DATA | RESET, Peer::Client) => self.follow(&header, false, length),
            (HEADERS, Peer::Target) => self.answered.head(stream_of(&header)),
            (DATA, Peer::Target) => self.answered.data(stream_of(&header)),
            _ => {}
        }
        self.earn(of, length, self.peer == Peer::Target);
        if let Some(place) = kind(of, flags, length) {
            self.spend(place);
        }
    }

    /// Follows the bodies of a client, as far as they have not ended with their heads.
    fn follow(&self, header: &[u8; HEADER], fresh: bool, length: usize) {
        let (of, stream) = (header[3], stream_of(header));
        let ends = of == RESET || header[4] & END_STREAM != 0;
        let mut unread = self.unread.borrow_mut();
        if ends && !unread.is_empty() {
            unread.ended(stream);
        } else if fresh && !ends {
            unread.opened(stream, STREAM_WINDOW as usize);
        } else if of == DATA && unread.received(stream, length, self.now.get()) {
            reset(self.refusals.borrow_mut().own_mut(), stream, Reason::NO_ERROR.into());
        }
    }

    /// We have reset a stream of a client, with this code. Where that is for what the client has sent, it
    /// costs us what a reset of its own would, and is paid for alike (D2).
    fn count_induced(&self, payload: &[u8]) {
        let code = payload.get(..4).map(number);
        let induced = code.is_some_and(|code| INDUCED.contains(&Reason::from(code)));
        if self.peer == Peer::Client && induced {
            self.spend(RST_STREAM);
        }
    }

    fn spend(&self, place: usize) {
        if !self.budgets.borrow_mut()[place].spend(self.now.get()) {
            self.spent.set(Some(BUDGETS[place].0));
        }
    }

    /// What passes earns the frames that come of it: peers that measure the way send a PING for each
    /// piece of data, and those that read little at a time give little room at a time. One that gets
    /// an answer may break its request off. Without work nothing is earned.
    fn earn(&self, of: u8, length: usize, answers: bool) {
        let mut budgets = self.budgets.borrow_mut();
        match of {
            DATA if length > 0 => {
                budgets[PING].earn(2);
                budgets[WINDOW_UPDATE].earn(2 + length / 1024);
            }
            HEADERS => {
                budgets[PING].earn(1);
                budgets[RST_STREAM].earn(usize::from(answers));
            }
            _ => {}
        }
    }

    /// Deals out what was moved.
    fn share(&self, bytes: usize) {
        let streams = self.streams.get().max(1);
        let moved = self.rest.get() + bytes as u64;
        self.progress.0.fetch_add(moved / streams, Ordering::Relaxed);
        self.rest.set(moved % streams);
    }
}

impl Progress {
    /// Bytes for each stream since the connection began.
    pub(crate) fn each(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

// === impl Watched ===

impl Watched {
    pub(crate) fn new(stream: Rc<RefCell<Stream>>, early: Vec<u8>, watch: Rc<Watch>) -> Self {
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
            ready!(Pin::new(&mut *this.stream.borrow_mut()).poll_read(cx, buf))?;
        } else {
            let count = early.len().min(buf.remaining());
            buf.put_slice(&early[..count]);
            this.given += count;
        }
        this.watch.see_read(buf.filled().get(before..).unwrap_or_default());
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Watched {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.poll_write_vectored(cx, &[io::IoSlice::new(bytes)])
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let Self { stream, watch, .. } = self.get_mut();
        let mut stream = stream.borrow_mut();
        let one;
        let mut slices = slices;
        if watch.is_busy() {
            ready!(watch.poll_own(&mut stream, cx))?;
            let first = slices.iter().find(|slice| !slice.is_empty());
            let bytes: &[u8] = first.map_or(&[], |slice| slice);
            let Some(most) = watch.passes(bytes) else { return Poll::Ready(Ok(RESET_BYTES)) };
            if most < bytes.len() {
                one = [io::IoSlice::new(&bytes[..most])];
                slices = &one;
            }
        }
        let written = Pin::new(&mut *stream).poll_write_vectored(cx, slices);
        watch.full.set(written.is_pending());
        let written = ready!(written)?;
        watch.wrote.set(watch.now.get());
        watch.share(written);
        let mut left = written;
        for slice in slices {
            let count = left.min(slice.len());
            watch.see_written(&slice[..count]);
            left -= count;
        }
        Poll::Ready(Ok(written))
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.borrow().is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let Self { stream, watch, .. } = self.get_mut();
        let mut stream = stream.borrow_mut();
        ready!(watch.poll_own(&mut stream, cx))?;
        Pin::new(&mut *stream).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut *self.get_mut().stream.borrow_mut()).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

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
            let watch = Watch::new(Peer::Client, now);
            all.chunks(size).for_each(|piece| watch.see_read(piece));
            let left = watch.budgets.borrow()[PING].left;
            assert!((left - (BUDGETS[PING].1 - 1.0)).abs() < 0.5, "{left} in pieces of {size}");
        }
    }

    #[test]
    fn a_budget_ends_and_comes_back_with_time() {
        let now = Instant::now();
        let watch = Watch::new(Peer::Target, now);
        let settings = frame(4, 0, &[]);
        (0..50).for_each(|_| watch.see_read(&settings));
        assert_eq!(watch.spent(), None);
        watch.turn(now + Duration::from_secs(2), 0);
        (0..10).for_each(|_| watch.see_read(&settings));
        assert_eq!(watch.spent(), None);
        watch.see_read(&settings);
        assert_eq!(watch.spent(), Some("SETTINGS"));
    }

    #[test]
    fn a_head_in_pieces_has_begun_with_its_first() {
        // L10
        let now = Instant::now();
        let watch = Watch::new(Peer::Target, now);
        watch.see_read(&frame(HEADERS, 0, b"a"));
        watch.turn(now + Duration::from_secs(1), 0);
        watch.see_read(&frame(CONTINUATION, 0, b"b"));
        assert_eq!(watch.head_since(), Some(now));
        watch.see_read(&frame(CONTINUATION, END_HEADERS, b"c"));
        assert_eq!(watch.head_since(), None);
    }

    #[test]
    fn a_head_in_one_frame_is_on_its_way_until_its_last_byte() {
        // L10
        let now = Instant::now();
        let watch = Watch::new(Peer::Target, now);
        let head = frame(HEADERS, END_HEADERS, b"abc");
        let (most, last) = head.split_at(head.len() - 1);
        watch.see_read(most);
        assert_eq!(watch.head_since(), Some(now));
        watch.see_read(last);
        assert_eq!(watch.head_since(), None);
    }

    #[test]
    fn what_passes_earns_the_frames_that_come_of_it_and_nothing_earns_a_flood() {
        // D6
        let now = Instant::now();
        let watch = Watch::new(Peer::Client, now);
        watch.see_read(PREFACE);
        let (ping, data) = (frame(6, 0, &[0; 8]), frame(DATA, 0, b"abc"));
        for _ in 0..10_000 {
            watch.see_written(&data);
            watch.see_read(&ping);
        }
        assert_eq!(watch.spent(), None, "one for each piece of data");
        let (asked, broken) = (frame(HEADERS, END_HEADERS, b"a"), frame(3, 0, &[0; 4]));
        for _ in 0..500 {
            watch.see_read(&asked);
            watch.see_read(&broken);
        }
        assert_eq!(watch.spent(), None);
        watch.see_read(&broken);
        assert_eq!(watch.spent(), Some("RST_STREAM"), "a request earns nothing, an answer does");
    }

    #[test]
    fn what_is_moved_is_dealt_out_evenly() {
        let watch = Watch::new(Peer::Client, Instant::now());
        watch.turn(Instant::now(), 4);
        (0..10).for_each(|_| watch.share(3));
        assert_eq!(watch.progress().each(), 7);
    }
}
