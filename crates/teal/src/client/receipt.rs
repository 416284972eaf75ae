//! `teal receipt`.

use control::api::{text, wire};

use crate::Outcome;
use crate::cli::ReceiptArgs;

/// Shows the record of one switch.
pub(crate) fn receipt(args: &ReceiptArgs) -> Outcome {
    let which = args.generation.map_or_else(|| "latest".to_owned(), |n| n.to_string());
    let path = format!("/admin/receipts/{which}");
    super::read(&args.reach, &path, |receipt: &wire::Receipt| text::receipt(receipt))
}
