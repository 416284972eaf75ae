//! Requests, answers and tunnels cut by drain deadlines.

use rules::Cut;

use crate::cell::Count;

/// The kinds of what was cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CutKind {
    /// A request before an answer began (504).
    Unanswered,
    /// An answer that had begun.
    Answering,
    /// A tunnel.
    Tunnel,
}

/// One worker's count of cuts on a color or on a target.
#[derive(Debug, Default)]
pub struct CutCell {
    unanswered: Count,
    answering: Count,
    tunnels: Count,
}

// === impl CutCell ===

impl CutCell {
    /// Returns the sums of this worker.
    pub fn value(&self) -> Cut {
        Cut {
            unanswered: self.unanswered.value(),
            answering: self.answering.value(),
            tunnels: self.tunnels.value(),
        }
    }

    pub(super) fn set(&self, cut: Cut) {
        self.unanswered.set(cut.unanswered);
        self.answering.set(cut.answering);
        self.tunnels.set(cut.tunnels);
    }

    pub(crate) fn add(&self, kind: CutKind) {
        let count = match kind {
            CutKind::Unanswered => &self.unanswered,
            CutKind::Answering => &self.answering,
            CutKind::Tunnel => &self.tunnels,
        };
        count.add(1);
    }
}
