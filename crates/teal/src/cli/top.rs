//! Arguments of `teal top`.

use clap::Args;

use super::client::ReachArgs;

/// Watch a service live: both colors side by side, with a switch and a rollback at hand.
///
/// Asks Teal once a second. Shows for each color its role, version, health, requests in flight, rates, targets and
/// whether it may be stopped; then deploys and calls under way, and the history. Several services are a list to
/// choose from, those with a problem first.
///
/// Keys: s switch, r rollback, h hold or resume, / find, ? help, q quit. Each action first shows what it would
/// do, and asks. While Teal is gone, the last picture stays, marked as stale.
#[derive(Args, Debug)]
pub(crate) struct TopArgs {
    /// The service to begin with [default: the only one, or the list].
    #[arg(long, value_name = "SERVICE")]
    pub(crate) service: Option<String>,
    /// Print the picture once as plain text of 80 columns, and exit; with --json the status.
    #[arg(long)]
    pub(crate) once: bool,
    #[command(flatten)]
    pub(crate) reach: ReachArgs,
}
