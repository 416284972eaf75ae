//! The two ends of a pump, and how much is read for a receiver that takes little: one of many streams
//! that stand still must not keep what one connection alone may (D8).

use std::io;
use std::task::{Context, Poll};

use connect::Stream;

use crate::buffer::Buffer;
use crate::worker::Worker;

/// The two ends of a pump.
#[derive(Debug)]
pub(crate) struct Ends<'e> {
    pub(crate) worker: &'e Worker,
    pub(crate) rx: &'e mut Buffer,
    pub(crate) source: &'e mut Stream,
    pub(crate) sink: &'e mut Stream,
}

/// One end of a pump.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    Source,
    Sink,
}

/// Read even where there is no room: the end of a payload needs none, and must not wait for any.
const LEAST: usize = 512;

impl Ends<'_> {
    /// Reads as much as the sink would take at once, which is `room`.
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

    /// The sink stands still: what waits for it takes no more memory than it needs, if there may be
    /// many such.
    pub(crate) fn keep_little(&mut self) {
        if self.sink.is_exchange() {
            self.rx.shrink(&self.worker.buffers);
        }
    }
}
