//! `teal history`.

use contract::{text, wire};

use crate::Outcome;
use crate::cli::HistoryArgs;

/// Lists past decisions, newest first.
pub(crate) fn history(args: &HistoryArgs) -> Outcome {
    super::read(&args.reach, "/admin/history", |history: &wire::History| text::history(history))
}
