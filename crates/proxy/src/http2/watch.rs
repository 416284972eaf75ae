//! Counting a peer's frames, below the library that parses them: the library has no limits for frames that cost
//! us work and bring the peer nothing (D6), nor a deadline inside a head (D10).
//!
//! Never looks inside a frame, except at the error codes of RST_STREAM and GOAWAY.

#[cfg(test)]
mod tests;
mod transport;

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
use tokio::io::AsyncWrite;

use super::STREAM_WINDOW;
use super::answered::Answered;
use super::budget::{BUDGETS, Budget, KINDS, PING, RST_STREAM, WINDOW_UPDATE, kind};
use super::frames::{
    ACK, CONTINUATION, DATA, END_HEADERS, END_STREAM, Frames, GOAWAY, HEADER, HEADERS, RESET,
    SETTINGS, WINDOW_UPDATE as WINDOW,
};
use super::refusals::{Refusals, RefusedCount, reset, widen};
use super::unread::Unread;
use crate::carried::Outflow;

pub(crate) use transport::Watched;

/// The state of one connection.
#[derive(Debug)]
pub(crate) struct Watch {
    peer: Peer,
    read: RefCell<Frames>,
    written: RefCell<Frames>,
    budgets: RefCell<[Budget; KINDS]>,
    spent: Cell<Option<&'static str>>,
    /// The time since when a head has been incomplete.
    head_since: Cell<Option<Instant>>,
    /// The frame being read ends a head.
    ends_head: Cell<bool>,
    /// The peer has sent its SETTINGS.
    settled: Cell<bool>,
    /// The time of the last write.
    wrote: Cell<Instant>,
    /// The time of the current turn.
    now: Cell<Instant>,
    progress: Arc<Progress>,
    outflow: Arc<Outflow>,
    /// Only for a client: requests that the library refuses.
    refusals: RefCell<Refusals>,
    /// Only for a client: requests that may be answered before they end.
    unread: RefCell<Unread>,
    answered: Arc<Answered>,
    /// The socket was full at the last write.
    full: Cell<bool>,
    /// The number of streams that share what is moved.
    streams: Cell<u64>,
    /// Bytes moved that are not yet dealt out.
    rest: Cell<u64>,
    /// The cost of the frames read whose output may not have been written yet.
    taken: Cell<usize>,
    /// Bytes written since that are not yet set off against [`Watch::taken`].
    written_since: Cell<usize>,
}

/// The bytes that a connection has moved for each of its streams, if dealt out evenly. Frames reach a stream in
/// bursts, and a stream that waits for its turn is not a stalled one.
#[derive(Debug, Default)]
pub(crate) struct Progress(AtomicU64);

/// The kind of peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Peer {
    Client,
    Target,
}

/// The stream of a frame: 31 bits of its header.
fn stream_of(header: &[u8; HEADER]) -> u32 {
    number(&header[5..]) & 0x7fff_ffff
}

/// A number in network byte order.
fn number(bytes: &[u8]) -> u32 {
    bytes.iter().fold(0, |all, byte| all << 8 | u32::from(*byte))
}

/// The codes with which the library resets streams because of the peer's frames; we use others.
const INDUCED: [Reason; 6] = [
    Reason::PROTOCOL_ERROR,
    Reason::FLOW_CONTROL_ERROR,
    Reason::STREAM_CLOSED,
    Reason::FRAME_SIZE_ERROR,
    Reason::REFUSED_STREAM,
    Reason::ENHANCE_YOUR_CALM,
];

/// The cost of frames read in one turn, and that of a head, which may cause an answer. More than [as many
/// heads](super::STREAMS) as a client within its limit has to send.
const TURN: usize = 512;
const HEAD: usize = 4;

/// Output bytes that one unit of cost may cause: a head causes an answer of 400 (about 100 bytes).
const OUTPUT: usize = 32;

/// RFC 9113 section 3.4.
pub(crate) const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

// === impl Watch ===

impl Watch {
    /// Watches a connection on which nothing has moved yet. A client's input begins with the preface.
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
            taken: Cell::new(0),
            written_since: Cell::new(0),
        })
    }

    /// A turn begins, with this many streams.
    pub(crate) fn turn(&self, now: Instant, streams: usize) {
        self.now.set(now);
        self.streams.set(streams as u64);
    }

    /// Returns the kind of frame of which the peer has sent too many.
    pub(crate) fn spent(&self) -> Option<&'static str> {
        self.spent.get()
    }

    /// Returns the time since when a head has been incomplete.
    pub(crate) fn head_since(&self) -> Option<Instant> {
        self.head_since.get()
    }

    /// Returns true if the peer has sent its SETTINGS (RFC 9113 section 3.4).
    pub(crate) fn is_settled(&self) -> bool {
        self.settled.get()
    }

    /// Returns the time since when the socket has accepted nothing, though there is output.
    pub(crate) fn stalled_since(&self) -> Option<Instant> {
        self.full.get().then(|| self.wrote.get())
    }

    /// Returns the time of the last write.
    pub(crate) fn wrote(&self) -> Instant {
        self.wrote.get()
    }

    /// Returns the progress of the connection, for its streams.
    pub(crate) fn progress(&self) -> Arc<Progress> {
        self.progress.clone()
    }

    /// Returns the limit of handed-over bytes, for the streams.
    pub(crate) fn outflow(&self) -> Arc<Outflow> {
        self.outflow.clone()
    }

    /// Returns the answers that have begun, for streams to a target.
    pub(crate) fn answered(&self) -> Arc<Answered> {
        self.answered.clone()
    }

    /// Ends a turn: what was handed over was written as far as the socket accepts it. Returns true if reading
    /// was [held back](Watch::is_sated) and may go on.
    pub(crate) fn settle(&self) -> bool {
        let sated = self.is_sated();
        if self.full.get() {
            // A peer that reads slowly is read at the same pace.
            let written = self.written_since.get();
            self.written_since.set(written % OUTPUT);
            self.taken.set(self.taken.get().saturating_sub(written / OUTPUT));
        } else {
            self.outflow.emptied();
            self.written_since.set(0);
            self.taken.set(0);
        }
        sated && !self.is_sated()
    }

    /// Returns true if no more is read in this turn. The library answers refused requests only once it has read
    /// all input, so its answers are counted late, and for a peer that does not read they would be kept without
    /// a bound.
    // lossless: D2
    fn is_sated(&self) -> bool {
        self.taken.get() >= TURN
    }

    /// A stream of the client is served.
    pub(crate) fn served(&self, stream: u32) {
        self.refusals.borrow_mut().served(stream);
    }

    /// Returns true if the client has opened a stream in this turn that is not served.
    pub(crate) fn has_unseen(&self) -> bool {
        self.refusals.borrow().has_unseen()
    }

    /// Ends a turn: returns how many requests the library has refused in it. Their answers are to be written
    /// with [`Watch::poll_own`].
    pub(crate) fn refused(&self, via: &str) -> RefusedCount {
        let waits = |stream, code| {
            let mut unread = self.unread.borrow_mut();
            if code != u32::from(Reason::NO_ERROR) {
                unread.ended(stream);
                return false;
            }
            unread.hold(stream, self.now.get())
        };
        self.refusals.borrow_mut().settle(via, waits)
    }

    /// Returns the time at which the next delayed reset is due.
    pub(crate) fn unread_due(&self) -> Option<Instant> {
        self.unread.borrow().due()
    }

    /// Lets clients that were answered go on sending, and resets the streams whose time is up. To be written
    /// with [`Watch::poll_own`].
    pub(crate) fn settle_unread(&self) {
        let mut unread = self.unread.borrow_mut();
        let mut refusals = self.refusals.borrow_mut();
        while let Some(stream) = unread.next_due(self.now.get()) {
            reset(refusals.own_mut(), stream, Reason::NO_ERROR.into());
        }
        unread.make_room(STREAM_WINDOW as usize, |stream, bytes| {
            widen(refusals.own_mut(), stream, u32::try_from(bytes).unwrap_or(STREAM_WINDOW));
        });
    }

    /// Returns how much of the library's next output may be written; none if the first frame is a reset that is
    /// held back.
    fn passes(&self, bytes: &[u8]) -> Option<usize> {
        let next = self.written.borrow().find(bytes, RESET);
        let Some(Range { start, end }) = next else { return Some(bytes.len()) };
        if start > 0 {
            return Some(start);
        }
        let held = self.refusals.borrow_mut().hold(&bytes[..end]);
        if held {
            self.spend(RST_STREAM); // an answer costs the same as a reset
        }
        (!held && !self.waits(&bytes[..end])).then_some(end)
    }

    /// Returns true for the reset of an answered request whose client is still sending.
    fn waits(&self, frame: &[u8]) -> bool {
        let Some((header, code)) = frame.split_first_chunk() else { return false };
        number(code) == u32::from(Reason::NO_ERROR)
            && self.unread.borrow_mut().hold(stream_of(header), self.now.get())
    }

    /// Returns true if output must be inspected frame by frame.
    fn is_busy(&self) -> bool {
        self.refusals.borrow().is_busy() || !self.unread.borrow().is_empty()
    }

    /// Writes our own frames, if that is allowed now. Ready if there is nothing left to write.
    pub(crate) fn poll_own(
        &self,
        stream: &mut Stream,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<()>> {
        let mut refusals = self.refusals.borrow_mut();
        while !refusals.own().is_empty() && self.written.borrow().is_between() {
            let written = Pin::new(&mut *stream).poll_write(cx, refusals.own());
            self.full.set(written.is_pending());
            let count = ready!(written)?;
            self.written_since.set(self.written_since.get() + count);
            if count == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            refusals.written(count);
            self.wrote.set(self.now.get());
        }
        Poll::Ready(Ok(()))
    }

    /// Counts what was read. Returns how much of it may go on to the library in this turn.
    fn see_read(&self, bytes: &[u8]) -> usize {
        let taken = bytes.len() - self.pass_read(bytes).len();
        self.share(taken);
        taken
    }

    /// Counts the frames read. Returns what follows those of this turn.
    fn pass_read<'r>(&self, bytes: &'r [u8]) -> &'r [u8] {
        let mut frames = self.read.borrow_mut();
        let mut rest = bytes;
        while let Some(next) = frames.pass(rest) {
            if self.ends_head.take() {
                self.head_since.set(None);
            }
            if self.is_sated() {
                return next;
            }
            let Some((header, behind)) = frames.header(next) else { return &[] };
            rest = behind;
            if header[3] == GOAWAY {
                // A frame that arrives in two pieces is not parsed; only its message is lost.
                self.answered.leave(rest.get(4..8).map_or(0, number));
            }
            self.count(header, frames.length());
            let cost = if header[3] == HEADERS { HEAD } else { 1 };
            self.taken.set(self.taken.get() + cost);
        }
        &[]
    }

    fn see_written(&self, bytes: &[u8]) {
        self.written_since.set(self.written_since.get() + bytes.len());
        let mut frames = self.written.borrow_mut();
        let mut rest = bytes;
        while let Some(next) = frames.pass(rest) {
            let Some((header, behind)) = frames.header(next) else { return };
            rest = behind;
            match header[3] {
                DATA => self.outflow.sent(frames.length()),
                RESET => {
                    self.count_induced(rest);
                    self.unread.borrow_mut().ended(stream_of(&header));
                }
                WINDOW if self.peer == Peer::Client => {
                    let more = number(rest.get(..4).unwrap_or_default()) as usize;
                    self.unread.borrow_mut().widened(stream_of(&header), more);
                }
                HEADERS if self.refusals.borrow_mut().answered(stream_of(&header)) => {
                    self.spend(RST_STREAM); // a 431 costs as much as a reset, and earns nothing
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

    /// Follows the bodies of a client's requests that have not ended with their heads.
    fn follow(&self, header: &[u8; HEADER], fresh: bool, length: usize) {
        let (of, stream) = (header[3], stream_of(header));
        let ends = of == RESET || header[4] & END_STREAM != 0;
        let mut unread = self.unread.borrow_mut();
        if ends && !unread.is_empty() {
            unread.ended(stream);
        } else if fresh && !ends {
            unread.opened(stream, STREAM_WINDOW as usize);
        } else if of == DATA {
            unread.received(stream, length, self.now.get());
        }
    }

    /// We have reset a stream, with this code. If the cause is a frame of the peer, it costs as much as a reset
    /// by the peer (D2).
    fn count_induced(&self, payload: &[u8]) {
        let code = payload.get(..4).map(number);
        if code.is_some_and(|code| INDUCED.contains(&Reason::from(code))) {
            self.spend(RST_STREAM);
        }
    }

    fn spend(&self, place: usize) {
        if !self.budgets.borrow_mut()[place].spend(self.now.get()) {
            self.spent.set(Some(BUDGETS[place].0));
        }
    }

    /// Data that is moved earns the frames that it normally causes: peers that measure bandwidth send a PING
    /// for each piece of data, and those with small reads send small window updates. A request that gets an
    /// answer may be reset. Without work nothing is earned.
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

    /// Deals out bytes that were moved.
    fn share(&self, bytes: usize) {
        let streams = self.streams.get().max(1);
        let moved = self.rest.get() + bytes as u64;
        self.progress.0.fetch_add(moved / streams, Ordering::Relaxed);
        self.rest.set(moved % streams);
    }
}

impl Progress {
    /// Returns the bytes for each stream since the connection began.
    pub(crate) fn each(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}
