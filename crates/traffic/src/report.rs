//! What the data plane noticed about a target, for passive health (design §3.4).

use crate::sync::{Mutex, lock};
use crate::table::TargetId;
use std::task::{Context, Poll, Waker};

/// One thing noticed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Report {
    /// Which target.
    pub target: TargetId,
    /// What happened.
    pub kind: ReportKind,
}

/// What happened to a connection to a target.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReportKind {
    /// The connect was refused or reset: nobody listens.
    Refused,
    /// The connect had no answer in time, or the address can't be reached.
    Unreachable,
    /// An answer broke the protocol, and was not passed on; how.
    Malformed(&'static str),
}

// A target that dies is reported by every request at once; one report says it all.
const ROOM: usize = 256;

/// The way of reports from all workers to the control plane. Locked only when something
/// went wrong.
#[derive(Debug, Default)]
pub(crate) struct Reports {
    inside: Mutex<Inside>,
}

#[derive(Debug, Default)]
struct Inside {
    waiting: Vec<Report>,
    waker: Option<Waker>,
}

impl Reports {
    pub(crate) fn send(&self, report: Report) {
        let mut inside = lock(&self.inside);
        if inside.waiting.len() >= ROOM || inside.waiting.contains(&report) {
            return;
        }
        inside.waiting.push(report);
        let waker = inside.waker.take();
        drop(inside);
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    pub(crate) fn poll(&self, cx: &mut Context<'_>) -> Poll<Vec<Report>> {
        let mut inside = lock(&self.inside);
        if inside.waiting.is_empty() {
            inside.waker = Some(cx.waker().clone());
            return Poll::Pending;
        }
        Poll::Ready(std::mem::take(&mut inside.waiting))
    }
}
