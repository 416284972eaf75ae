//! `teal status`.

use control::api::{text, wire};

use crate::Outcome;
use crate::cli::StatusArgs;

/// Says where traffic goes and which color may be stopped.
pub(crate) fn status(args: &StatusArgs) -> Outcome {
    super::read(&args.reach, "/admin/status", |status: &wire::Status| text::status(status))
}
