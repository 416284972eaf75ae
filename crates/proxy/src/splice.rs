//! The path of large bodies: from one socket into a pipe, and from the pipe into the other, inside the kernel
//! (splice(2)). Copying a megabyte to our memory and back costs more than the rest of its request.
//!
//! A pipe is held only while bytes are in it, and their number is limited: without one a body takes the usual
//! path, through a buffer. Never looks at the bytes: only a body of known length that is written unchanged may
//! take this path.

use std::cell::{Cell, RefCell};
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::rc::Rc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, ready};

use connect::Stream;
use rustix::pipe::{PipeFlags, pipe_with};

/// The least rest of a body that is spliced: below, a pipe costs more than it saves.
pub(crate) const LEAST: u64 = 32 * 1024;

/// The most pipes of one worker with bytes in them. Each takes two descriptors, which connections need too, and
/// part of the memory that one user may have in pipes (pipe(7)).
const MOST: usize = 128;

/// The pipes of one worker.
#[derive(Debug, Default)]
pub(crate) struct Pipes {
    free: RefCell<Vec<Pipe>>,
    made: Rc<()>,
    /// The kernel does not allow this process to use splice.
    forbidden: Cell<bool>,
}

/// Bytes on their way through the kernel.
#[derive(Debug)]
pub(crate) struct Pipe {
    mouth: OwnedFd,
    end: OwnedFd,
    filled: usize,
    _made: Rc<()>,
}

// === impl Pipes ===

impl Pipes {
    /// Returns an empty pipe; none if there are too many, or the system has none left.
    pub(crate) fn take(&self) -> Option<Pipe> {
        if self.forbidden.get() {
            return None;
        }
        if let Some(pipe) = self.free.borrow_mut().pop() {
            return Some(pipe);
        }
        if Rc::strong_count(&self.made) > MOST {
            return None;
        }
        let (end, mouth) = pipe_with(PipeFlags::NONBLOCK | PipeFlags::CLOEXEC).ok()?;
        Some(Pipe { mouth, end, filled: 0, _made: self.made.clone() })
    }

    /// Stops using pipes if this error means that splice is forbidden; returns true if it does. All bodies take
    /// the usual path from then on.
    pub(crate) fn give_up(&self, error: &io::Error) -> bool {
        let forbids =
            matches!(error.kind(), io::ErrorKind::PermissionDenied | io::ErrorKind::Unsupported);
        if forbids && !self.forbidden.replace(true) {
            static TOLD: AtomicBool = AtomicBool::new(false); // once, not by each worker
            if !TOLD.swap(true, Ordering::Relaxed) {
                tracing::warn!(
                    "splice(2) is not allowed ({error}): long bodies use more CPU; allow it with \
                     SystemCallFilter=@system-service in the unit"
                );
            }
        }
        forbids
    }

    /// Takes back a pipe. One with bytes in it, because its request was cut, is closed.
    pub(crate) fn give_back(&self, pipe: Pipe) {
        if pipe.is_empty() {
            self.free.borrow_mut().push(pipe);
        }
    }
}

// === impl Pipe ===

impl Pipe {
    pub(crate) fn is_empty(&self) -> bool {
        self.filled == 0
    }

    /// Reads up to `most` bytes from a socket into the empty pipe; 0 means that the peer has closed its side.
    pub(crate) fn poll_fill(
        &mut self,
        source: &Stream,
        most: u64,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<usize>> {
        let most = usize::try_from(most).unwrap_or(usize::MAX);
        let count = ready!(source.poll_splice_into(self.mouth.as_fd(), most, cx))?;
        self.filled += count;
        Poll::Ready(Ok(count))
    }

    /// Writes the content of the pipe to a socket, as much as it accepts.
    pub(crate) fn poll_empty(
        &mut self,
        sink: &Stream,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<usize>> {
        let count = ready!(sink.poll_splice_from(self.end.as_fd(), self.filled, cx))?;
        self.filled = self.filled.saturating_sub(count);
        Poll::Ready(Ok(count))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_are_only_so_many_pipes_and_those_given_back_are_used_again() {
        let pipes = Pipes::default();
        let mut taken: Vec<Pipe> = (0..MOST).filter_map(|_| pipes.take()).collect();
        assert_eq!(taken.len(), MOST);
        assert!(pipes.take().is_none());
        let mut torn = taken.pop().unwrap();
        torn.filled = 1;
        pipes.give_back(torn);
        assert!(pipes.free.borrow().is_empty(), "its bytes belong to no request");
        pipes.give_back(taken.pop().unwrap());
        assert!(pipes.take().is_some() && pipes.take().is_some());
    }
}
