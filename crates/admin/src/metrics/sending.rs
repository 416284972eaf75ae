//! A metrics page being sent: a piece is written once the one before has been read.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use hyper::body::{Body, Frame};
use tokio::sync::OwnedSemaphorePermit;
use tokio::task::{JoinError, JoinHandle};

use super::page::Page;
use crate::background::Background;
use crate::server::DeadlineGuard;

/// The body of a page, and the permits it holds until it has been read.
pub(super) struct Sending {
    state: State,
    background: Arc<Background>,
    _held: (OwnedSemaphorePermit, DeadlineGuard),
}

enum State {
    First(Box<Page>, String),
    Ready(Box<Page>),
    Writing(JoinHandle<Option<(Box<Page>, String)>>),
    Ended,
}

impl Sending {
    /// Creates a body for a page whose first piece is already written.
    pub(super) fn new(
        page: Page,
        first: String,
        background: Arc<Background>,
        held: (OwnedSemaphorePermit, DeadlineGuard),
    ) -> Self {
        Self { state: State::First(Box::new(page), first), background, _held: held }
    }
}

/// After a reader disconnects: thousands of sums are not dropped on the thread that answers switches.
impl Drop for Sending {
    fn drop(&mut self) {
        if let State::First(page, _) | State::Ready(page) =
            std::mem::replace(&mut self.state, State::Ended)
        {
            drop(self.background.run(move || drop(page)));
        }
    }
}

impl Body for Sending {
    type Data = Bytes;
    type Error = JoinError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, JoinError>>> {
        loop {
            match std::mem::replace(&mut self.state, State::Ended) {
                State::Ended => return Poll::Ready(None),
                State::First(page, piece) => {
                    self.state = State::Ready(page);
                    return Poll::Ready(Some(Ok(Frame::data(Bytes::from(piece)))));
                }
                State::Ready(mut page) => {
                    // Not on the thread that answers switches.
                    self.state = State::Writing(self.background.run(move || {
                        // After the last piece, the page and its data are dropped here.
                        page.next_piece().map(|piece| (page, piece))
                    }));
                }
                State::Writing(mut writing) => {
                    let polled = Pin::new(&mut writing).poll(cx);
                    if polled.is_pending() {
                        self.state = State::Writing(writing);
                        return Poll::Pending;
                    }
                    match ready!(polled) {
                        Ok(Some((page, piece))) => {
                            self.state = State::Ready(page);
                            return Poll::Ready(Some(Ok(Frame::data(Bytes::from(piece)))));
                        }
                        Ok(None) => return Poll::Ready(None),
                        Err(broken) => return Poll::Ready(Some(Err(broken))),
                    }
                }
            }
        }
    }
}
