//! The two ends of a body copy, and the amount read for a slow receiver: many stalled streams must not hold the
//! memory allowed for one connection each (D8).

use std::io;
use std::task::{Context, Poll};

use connect::Stream;

use crate::buffer::Buffer;
use crate::worker::Worker;

/// The two ends of a copy.
#[derive(Debug)]
pub(crate) struct CopyEnds<'e> {
    pub(crate) worker: &'e Worker,
    pub(crate) rx: &'e mut Buffer,
    pub(crate) source: &'e mut Stream,
    pub(crate) sink: &'e mut Stream,
}

/// One end of a copy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    Source,
    Sink,
}

/// The least that is read: the end of a payload needs no room, and must not wait for any.
const LEAST: usize = 512;

impl CopyEnds<'_> {
    /// Reads as much as the sink would accept at once, which is `room`.
    pub(crate) fn poll_fill(
        &mut self,
        room: usize,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<usize>> {
        let most = room.max(LEAST);
        let read = self.rx.poll_fill_within(&self.worker.buffers, most, self.source, cx);
        if read.is_pending() {
            self.sink.leave_room();
        }
        read
    }

    /// Shrinks the memory of a stalled sink to what it needs, if there may be many of them.
    pub(crate) fn keep_little(&mut self) {
        if self.sink.is_multiplexed() {
            self.rx.shrink(&self.worker.buffers);
        }
    }
}
