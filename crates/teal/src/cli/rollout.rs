//! Arguments of `teal rollout`.

use clap::{Args, Subcommand};

use super::ReachArgs;

/// Show what a switch has released, and what is known about it.
#[derive(Args, Debug)]
pub(crate) struct RolloutArgs {
    #[command(subcommand)]
    pub(crate) verb: RolloutVerb,
}

/// The commands about rollouts.
#[derive(Debug, Subcommand)]
pub(crate) enum RolloutVerb {
    Status(RolloutStatusArgs),
}

/// List the rollouts, newest first, or show one in full.
///
/// A service with a `rollout` table is watched for a while after each switch. If the new color fails more often than the
/// old one did, beyond doubt, Teal moves traffic back; `teal rollback` does so by hand.
#[derive(Args, Debug)]
pub(crate) struct RolloutStatusArgs {
    /// The number of one rollout [default: all that are kept].
    #[arg(value_name = "ID")]
    pub(crate) id: Option<u64>,
    /// Only those of this service.
    #[arg(long, value_name = "SERVICE", conflicts_with = "id")]
    pub(crate) service: Option<String>,
    #[command(flatten)]
    pub(crate) reach: ReachArgs,
}
