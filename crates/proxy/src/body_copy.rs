//! One direction of a message: read from one side, decoded, framed anew, written to the other. Requests,
//! answers and tunnels all use it; nothing is buffered beyond one read, so a slow reader slows the writer down.

use std::io::ErrorKind;
use std::task::{Context, Poll};
use std::time::Instant;

use http1::{BodyLength, BodyReader, CHUNK_END, Decoded, Forwarding, Limits};

use crate::boundary::Boundary;
use crate::buffer::Buffer;
use crate::copy_ends::{CopyEnds, Side};
use crate::frame::Frame;
use crate::splice::{self, Pipe};

/// Input that has yet to be written.
#[derive(Debug)]
pub(crate) struct BodyCopy {
    pub(crate) frame: Frame,
    reader: BodyReader,
    framing: Framing,
    state: CopyState,
    waiting: Option<Waiting>,
    /// Payload bytes read so far.
    taken: u64,
    /// Bytes written, framing and repeated bytes included.
    sent: u64,
    limit: Option<u64>,
    retention: Retention,
    /// The pipe of bytes that pass inside the kernel.
    pipe: Option<Pipe>,
    /// The state that finds places where a long stream may be ended.
    boundary: Option<Box<Boundary>>,
    /// The stream is to be ended at the next such place.
    ending: bool,
    /// It was ended there, before its source ended it.
    ended_early: bool,
    /// The bytes that end it there have yet to be written.
    tail_due: bool,
    /// Nothing may pass beyond the next such place, for now.
    holding: bool,
    /// Grows with every byte read or written, to detect progress.
    moved: u64,
}

/// The framing of the payload for the receiver.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Framing {
    /// Unchanged: its length was announced, or the end of the connection ends it.
    Plain,
    /// In our own chunks.
    Chunked,
    /// In chunks, and the last one has been written.
    Ended,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum CopyState {
    /// Put the input into the frame.
    Load,
    /// Write the frame.
    Write,
    /// Read more.
    Read,
    /// Move the rest inside the kernel.
    Splice,
    Done,
}

/// The side that the copy waits for, and since when.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Waiting {
    pub(crate) on: Side,
    pub(crate) since: Instant,
}

/// The bytes that may be sent again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Retention {
    /// Everything so far, as long as the payload is within this many bytes.
    Within(u64),
    /// The content of the frame, as long as no frame is finished.
    Frame,
    /// Nothing: some bytes are gone.
    Lost,
}

/// The reason why a copy stopped.
#[derive(Debug)]
pub(crate) enum Broken {
    /// The source closed or failed before the end of the payload.
    Source,
    /// The source broke the protocol.
    Malformed,
    /// The payload exceeds the limit.
    OverLimit,
    /// The sink accepts no more.
    Sink,
}

impl BodyCopy {
    /// A copy with nothing to move.
    pub(crate) fn new() -> Self {
        Self {
            frame: Frame::default(),
            reader: BodyReader::new(BodyLength::None),
            framing: Framing::Plain,
            state: CopyState::Done,
            waiting: None,
            taken: 0,
            sent: 0,
            limit: None,
            retention: Retention::Frame,
            pipe: None,
            boundary: None,
            ending: false,
            ended_early: false,
            tail_due: false,
            holding: false,
            moved: 0,
        }
    }

    /// Begins with payload that arrives framed as `from` and is written framed as `to`, after `lead`. Any rest
    /// of the message before is forgotten.
    pub(crate) fn begin(&mut self, lead: Vec<u8>, from: BodyLength, to: BodyLength) {
        self.frame.begin(lead);
        self.reader = BodyReader::new(from);
        self.framing = if to == BodyLength::Chunked { Framing::Chunked } else { Framing::Plain };
        self.state = CopyState::Load;
        self.waiting = None;
        self.taken = 0;
        self.sent = 0;
        self.limit = None;
        self.retention = Retention::Frame;
        self.pipe = None;
        self.boundary = None;
        self.ending = false;
        self.ended_early = false;
        self.tail_due = false;
        self.holding = false;
        self.moved = 0;
    }

    /// Looks for places where the stream may be ended, from its first byte on.
    pub(crate) fn watch(&mut self, boundary: Boundary) {
        self.boundary = Some(Box::new(boundary));
    }

    /// Returns true if it looks for such places.
    pub(crate) fn is_watched(&self) -> bool {
        self.boundary.is_some()
    }

    /// Ends the stream at the next such place; later input is dropped.
    pub(crate) fn end_at_boundary(&mut self) {
        self.ending = self.boundary.is_some();
    }

    /// Lets nothing pass beyond the next place at which the stream may be ended: later input waits.
    pub(crate) fn hold_at_boundary(&mut self) {
        self.holding = self.boundary.is_some();
    }

    /// Returns true if all input up to such a place has passed, and nothing beyond.
    pub(crate) fn is_at_boundary(&self) -> bool {
        let here = self.boundary.as_ref().is_some_and(|boundary| boundary.is_here());
        here && matches!(self.state, CopyState::Load | CopyState::Read)
    }

    /// Reads on after the stream was ended, and drops the input. Ready when its sender has closed it too, in
    /// its own protocol or with its connection.
    pub(crate) fn poll_discard(
        &mut self,
        ends: &mut CopyEnds<'_>,
        cx: &mut Context<'_>,
    ) -> Poll<()> {
        loop {
            if let Some(boundary) = &mut self.boundary {
                boundary.pass(ends.rx.filled(), false);
                if boundary.is_closed() {
                    return Poll::Ready(());
                }
            }
            ends.rx.clear();
            match ends.rx.poll_fill(&ends.worker.buffers, ends.source, cx) {
                Poll::Ready(Ok(count)) if count > 0 => {}
                Poll::Ready(_) => return Poll::Ready(()),
                Poll::Pending => return Poll::Pending,
            }
        }
    }

    /// Returns true if the stream was ended before its source ended it.
    pub(crate) fn is_ended_early(&self) -> bool {
        self.ended_early
    }

    /// Refuses payload of more bytes than this.
    pub(crate) fn limit(&mut self, limit: Option<u64>) {
        self.limit = limit;
    }

    /// Bounds the trailers by the limits of heads.
    pub(crate) fn limit_trailers(&mut self, limits: Limits) {
        self.reader.limit_trailers(limits);
    }

    /// Drops every trailer that would be dropped in the head.
    pub(crate) fn filter_trailers(&mut self, forwarding: &Forwarding<'_>) {
        self.reader.filter_trailers(forwarding);
    }

    /// Keeps what was sent, to be sent again, while the payload is within this many bytes.
    pub(crate) fn retain(&mut self, within: u64) {
        self.retention = Retention::Within(within);
    }

    pub(crate) fn is_done(&self) -> bool {
        self.state == CopyState::Done
    }

    pub(crate) fn waiting(&self) -> Option<Waiting> {
        self.waiting
    }

    /// Returns the payload bytes read.
    pub(crate) fn taken(&self) -> u64 {
        self.taken
    }

    /// Returns the bytes written.
    pub(crate) fn sent(&self) -> u64 {
        self.sent
    }

    pub(crate) fn moved(&self) -> u64 {
        self.moved
    }

    pub(crate) fn can_rewind(&self) -> bool {
        self.retention != Retention::Lost
    }

    /// Gives up the bytes kept to be sent again, unless some have yet to be written.
    pub(crate) fn forget(&mut self) {
        if self.state == CopyState::Read && self.frame.is_written() {
            self.frame.begin(Vec::new());
            self.retention = Retention::Lost;
        }
    }

    /// Begins again with the first byte. Only after [`BodyCopy::can_rewind`].
    pub(crate) fn rewind(&mut self) {
        self.frame.rewind();
        self.state = CopyState::Write;
        self.waiting = None;
    }

    /// Moves as much as possible. Ready when the whole message is written.
    pub(crate) fn poll(
        &mut self,
        ends: &mut CopyEnds<'_>,
        cx: &mut Context<'_>,
    ) -> Poll<Result<(), Broken>> {
        loop {
            if self.ending && self.state == CopyState::Read {
                self.end_here();
            } else if self.holding && !self.ending && self.is_at_boundary() {
                return self.wait(Side::Source, ends.worker.now());
            }
            match self.state {
                CopyState::Load => self.load(ends.rx)?,
                CopyState::Write => {
                    let before = self.sent;
                    let written = self.frame.poll_write(ends.rx, ends.sink, &mut self.sent, cx);
                    self.progress(self.sent > before);
                    match written {
                        Poll::Pending => {
                            ends.keep_little();
                            return self.wait(Side::Sink, ends.worker.now());
                        }
                        Poll::Ready(Err(_)) => return Poll::Ready(Err(Broken::Sink)),
                        Poll::Ready(Ok(())) => {
                            let plain = ends.source.is_plain() && ends.sink.is_plain();
                            self.written(ends.rx, plain);
                            ends.rx.strip(&ends.worker.buffers);
                        }
                    }
                }
                CopyState::Read => {
                    let Poll::Ready(room) = ends.sink.poll_room(cx) else {
                        return self.wait(Side::Sink, ends.worker.now());
                    };
                    match ends.poll_fill(room, cx) {
                        Poll::Pending => return self.wait(Side::Source, ends.worker.now()),
                        Poll::Ready(Err(error)) if error.kind() == ErrorKind::InvalidData => {
                            return Poll::Ready(Err(Broken::Malformed));
                        }
                        // A reset is never the end of a payload, not even of one that ends with the connection.
                        Poll::Ready(Err(_)) => return Poll::Ready(Err(Broken::Source)),
                        Poll::Ready(Ok(count)) => self.read(count)?,
                    }
                }
                CopyState::Splice => match self.poll_splice(ends, cx)? {
                    Poll::Pending => return Poll::Pending,
                    Poll::Ready(()) => {}
                },
                CopyState::Done => return Poll::Ready(Ok(())),
            }
        }
    }

    /// Puts the input into the frame, so that it is written together with what is already there.
    fn load(&mut self, rx: &mut Buffer) -> Result<(), Broken> {
        self.state = CopyState::Write;
        let mut carried = 0;
        if !self.reader.is_done() && !rx.is_empty() {
            let decoded = self.reader.decode(rx.filled_mut());
            let Decoded { mut data, mut consumed, .. } = decoded.map_err(|_| Broken::Malformed)?;
            if let Some(boundary) = &mut self.boundary {
                let bytes = rx.filled().get(data.clone()).unwrap_or_default();
                if let Some(keep) = boundary.pass(bytes, self.ending || self.holding) {
                    // A tunnel has no framing: bytes beyond the boundary stay in the buffer.
                    let rest = data.len() - keep;
                    data.end -= rest;
                    if self.reader.remaining().is_none() && self.framing == Framing::Plain {
                        consumed -= rest;
                    }
                    if self.ending {
                        self.end_source();
                    }
                }
            }
            carried = data.len();
            self.taken += carried as u64;
            if self.limit.is_some_and(|limit| self.taken > limit) {
                return Err(Broken::OverLimit);
            }
            if carried == 0 {
                rx.consume(consumed);
            } else {
                let of_chunk = self.frame_chunk(carried);
                self.frame.carry(rx, data, consumed, of_chunk);
            }
        }
        if carried == 0
            && std::mem::take(&mut self.tail_due)
            && let Some(boundary) = &self.boundary
        {
            boundary.write_tail(&mut self.frame.lead);
        }
        if carried == 0 && self.reader.is_done() && self.framing == Framing::Chunked {
            http1::write_last_chunk(&mut self.frame.lead, self.reader.trailers());
            self.framing = Framing::Ended;
        }
        Ok(())
    }

    /// Ends the stream if nothing of the next event or frame has passed yet.
    fn end_here(&mut self) {
        if self.boundary.as_ref().is_some_and(|boundary| boundary.is_here()) {
            self.end_source();
            self.state = CopyState::Load;
        }
    }

    /// Stops reading from the source.
    fn end_source(&mut self) {
        self.reader = BodyReader::new(BodyLength::None);
        self.ended_early = true;
        self.ending = false;
        self.tail_due = true;
    }

    /// Frames a chunk of ours; the last chunk is appended if it has no trailers.
    fn frame_chunk(&mut self, length: usize) -> &'static [u8] {
        if self.framing != Framing::Chunked {
            return b"";
        }
        let mut room = [0; 18];
        self.frame.lead.extend_from_slice(http1::chunk_head(length, &mut room));
        if self.reader.is_done() && self.reader.trailers().is_empty() {
            self.framing = Framing::Ended;
            return b"\r\n0\r\n\r\n";
        }
        CHUNK_END
    }

    /// `plain`: both ends are sockets without TLS.
    fn written(&mut self, rx: &mut Buffer, plain: bool) {
        self.waiting = None;
        let over = self.reader.is_done() && self.framing != Framing::Chunked && !self.tail_due;
        match self.retention {
            Retention::Within(bytes) if self.taken <= bytes => self.frame.finish_and_retain(rx),
            _ => {
                self.frame.finish(rx);
                self.retention = Retention::Lost;
            }
        }
        self.state = match (over, self.reader.is_done() || !rx.is_empty()) {
            (true, _) => CopyState::Done,
            (false, true) => CopyState::Load,
            (false, false) if plain && self.may_splice() => CopyState::Splice,
            (false, false) => CopyState::Read,
        };
    }

    /// Returns true if the rest of the payload is long, is written unchanged, and is not retained.
    fn may_splice(&self) -> bool {
        let long = self.reader.remaining().is_some_and(|left| left >= splice::LEAST);
        long && self.framing == Framing::Plain && self.retention == Retention::Lost
    }

    /// Moves one piece. Ready when there is something else to do.
    fn poll_splice(
        &mut self,
        ends: &mut CopyEnds<'_>,
        cx: &mut Context<'_>,
    ) -> Poll<Result<(), Broken>> {
        let (worker, left) = (ends.worker, self.reader.remaining().unwrap_or_default());
        let taken = self.pipe.take().or_else(|| (left > 0).then(|| worker.pipes.take()).flatten());
        let Some(mut pipe) = taken else {
            self.state = if left > 0 { CopyState::Read } else { CopyState::Done };
            return Poll::Ready(Ok(()));
        };
        if pipe.is_empty() {
            let filled = pipe.poll_fill(ends.source, left, cx);
            let Poll::Ready(filled) = filled else {
                worker.pipes.give_back(pipe);
                return self.wait(Side::Source, worker.now());
            };
            let count = match filled {
                Ok(count) => count as u64,
                Err(error) if worker.pipes.give_up(&error) => {
                    self.state = CopyState::Read;
                    return Poll::Ready(Ok(()));
                }
                Err(_) => return Poll::Ready(Err(Broken::Source)),
            };
            self.reader.pass(count);
            self.taken += count;
            if count == 0 {
                return Poll::Ready(Err(Broken::Source));
            }
            self.progress(true);
        }
        let emptied = pipe.poll_empty(ends.sink, cx);
        if pipe.is_empty() {
            worker.pipes.give_back(pipe);
        } else {
            self.pipe = Some(pipe);
        }
        let Poll::Ready(emptied) = emptied else {
            return self.wait(Side::Sink, worker.now());
        };
        self.sent += emptied.map_err(|_| Broken::Sink)? as u64;
        self.progress(true);
        Poll::Ready(Ok(()))
    }

    fn read(&mut self, count: usize) -> Result<(), Broken> {
        self.state = CopyState::Load;
        if count == 0 {
            return self.reader.eof().map_err(|_| Broken::Source);
        }
        self.progress(true);
        Ok(())
    }

    fn progress(&mut self, progress: bool) {
        if progress {
            self.moved += 1;
            self.waiting = None;
        }
    }

    fn wait<T>(&mut self, on: Side, now: Instant) -> Poll<T> {
        if self.waiting.is_none_or(|waiting| waiting.on != on) {
            self.waiting = Some(Waiting { on, since: now });
        }
        Poll::Pending
    }
}
