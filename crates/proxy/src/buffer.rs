//! Read buffers, kept per worker. A buffer has memory only while bytes are in it: a waiting connection has
//! given it back, so that ten thousand idle connections cost no buffer at all, and a busy worker reads into the
//! same few, which are still in the processor's cache.

use std::cell::{Cell, RefCell};
use std::io;
use std::ops::Range;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use connect::Stream;
use tokio::io::{AsyncRead, ReadBuf};

/// The size of a read: the best for bodies in measurements.
pub(crate) const READ_BYTES: usize = 32 * 1024;

// More free buffers than this are given back to the allocator.
const KEEP: usize = 256;

// A vector that holds a retained body is not worth keeping.
const LEAD_KEPT: usize = 4096;

/// The free buffers of one worker.
#[derive(Debug)]
pub(crate) struct Buffers {
    size: Cell<usize>,
    free: RefCell<Vec<Box<[u8]>>>,
    leads: RefCell<Vec<Vec<u8>>>,
}

/// Bytes read and not yet consumed. Has memory only while there are any.
#[derive(Debug, Default)]
pub(crate) struct Buffer {
    bytes: Box<[u8]>,
    filled: Range<usize>,
}

// === impl Buffers ===

impl Buffers {
    pub(crate) fn new() -> Self {
        Self { size: Cell::new(READ_BYTES), free: RefCell::default(), leads: RefCell::default() }
    }

    /// Makes new buffers large enough for a head of this many bytes.
    pub(crate) fn fit(&self, head_bytes: usize) {
        self.size.set(READ_BYTES.max(head_bytes));
    }

    /// Returns an empty vector for a head to be written.
    pub(crate) fn lead(&self) -> Vec<u8> {
        self.leads.borrow_mut().pop().unwrap_or_default()
    }

    /// Takes back a vector from [`Buffers::lead`], unless it has grown large.
    pub(crate) fn return_lead(&self, mut lead: Vec<u8>) {
        let mut leads = self.leads.borrow_mut();
        if leads.len() < KEEP && (1..=LEAD_KEPT).contains(&lead.capacity()) {
            lead.clear();
            leads.push(lead);
        }
    }

    fn take(&self) -> Box<[u8]> {
        let size = self.size.get();
        match self.free.borrow_mut().pop() {
            Some(bytes) if bytes.len() >= size => bytes,
            _ => vec![0; size].into_boxed_slice(),
        }
    }

    fn give_back(&self, bytes: Box<[u8]>) {
        let mut free = self.free.borrow_mut();
        if free.len() < KEEP && bytes.len() >= self.size.get() {
            free.push(bytes);
        }
    }
}

// === impl Buffer ===

impl Buffer {
    /// Makes sure that there is memory to read into.
    fn equip(&mut self, buffers: &Buffers) {
        if self.bytes.len() >= buffers.size.get() {
            return;
        }
        let mut bytes = buffers.take(); // no buffer yet, or the size limit of heads has grown
        let filled = self.filled();
        bytes[..filled.len()].copy_from_slice(filled);
        self.filled = 0..filled.len();
        self.bytes = bytes;
    }

    /// Gives the memory back if nothing is in it, before a wait or at an end.
    pub(crate) fn strip(&mut self, buffers: &Buffers) {
        if self.is_empty() && !self.bytes.is_empty() {
            buffers.give_back(std::mem::take(&mut self.bytes));
            self.filled = 0..0;
        }
    }

    /// Drops its content, so that [`Buffer::strip`] gives the memory back.
    pub(crate) fn clear(&mut self) {
        self.filled = 0..0;
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.filled.is_empty()
    }

    pub(crate) fn filled(&self) -> &[u8] {
        self.bytes.get(self.filled.clone()).unwrap_or_default()
    }

    pub(crate) fn filled_mut(&mut self) -> &mut [u8] {
        self.bytes.get_mut(self.filled.clone()).unwrap_or_default()
    }

    /// Drops this many bytes from the front.
    pub(crate) fn consume(&mut self, count: usize) {
        self.filled.start = (self.filled.start + count).min(self.filled.end);
        if self.filled.is_empty() {
            self.filled = 0..0;
        }
    }

    /// Reads what has arrived, and keeps memory only if there was something; 0 means that the peer has closed its side.
    ///
    /// # Errors
    /// Those of the connection, and for a full buffer, which callers must not fill.
    pub(crate) fn poll_fill(
        &mut self,
        buffers: &Buffers,
        stream: &mut Stream,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<usize>> {
        self.poll_fill_within(buffers, usize::MAX, stream, cx)
    }

    /// Reads likewise, but at most `most` bytes.
    pub(crate) fn poll_fill_within(
        &mut self,
        buffers: &Buffers,
        most: usize,
        stream: &mut Stream,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<usize>> {
        self.equip(buffers);
        let read = self.poll_read(most, stream, cx);
        if read.is_pending() {
            self.strip(buffers);
        }
        read
    }

    /// Shrinks the memory to the filled part, before a wait during which it can't be given back.
    pub(crate) fn shrink(&mut self, buffers: &Buffers) {
        if self.filled.len() < self.bytes.len() / 2 {
            let filled = self.filled().into();
            buffers.give_back(std::mem::replace(&mut self.bytes, filled));
            self.filled = 0..self.bytes.len();
        }
    }

    fn poll_read(
        &mut self,
        most: usize,
        stream: &mut Stream,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<usize>> {
        if self.filled.end == self.bytes.len() {
            self.bytes.copy_within(self.filled.clone(), 0);
            self.filled = 0..self.filled.len();
        }
        let end = self.filled.end;
        let Some(room) = self.bytes.get_mut(end..).filter(|room| !room.is_empty()) else {
            return Poll::Ready(Err(io::ErrorKind::OutOfMemory.into()));
        };
        let most = room.len().min(most);
        let mut read = ReadBuf::new(&mut room[..most]);
        ready!(Pin::new(stream).poll_read(cx, &mut read))?;
        let count = read.filled().len();
        self.filled.end += count;
        Poll::Ready(Ok(count))
    }
}
