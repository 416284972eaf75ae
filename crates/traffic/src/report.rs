//! Reports of the data plane about targets, for passive health (design §3.4).

use crate::sync::{Mutex, lock};
use crate::table::TargetId;
use std::task::{Context, Poll, Waker};

/// One report.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Report {
    /// The target.
    pub target: TargetId,
    /// The event.
    pub kind: ReportKind,
}

/// An event on a connection to a target.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReportKind {
    /// The connect was refused or reset: nothing listens there.
    Refused,
    /// The connect had no answer in time, or the address can't be reached.
    Unreachable,
    /// An answer broke the protocol, and was not passed on; the reason.
    Malformed(&'static str),
}

// A dead target is reported by every request at once; one report is enough.
const ROOM: usize = 256;

/// The channel of reports from all workers to the control plane. Locked only when something went wrong.
#[derive(Debug, Default)]
pub(crate) struct Reports {
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    waiting: Vec<Report>,
    waker: Option<Waker>,
}

impl Reports {
    pub(crate) fn send(&self, report: Report) {
        let mut inner = lock(&self.inner);
        if inner.waiting.len() >= ROOM || inner.waiting.contains(&report) {
            return;
        }
        inner.waiting.push(report);
        let waker = inner.waker.take();
        drop(inner);
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    pub(crate) fn poll(&self, cx: &mut Context<'_>) -> Poll<Vec<Report>> {
        let mut inner = lock(&self.inner);
        if inner.waiting.is_empty() {
            inner.waker = Some(cx.waker().clone());
            return Poll::Pending;
        }
        Poll::Ready(std::mem::take(&mut inner.waiting))
    }
}
