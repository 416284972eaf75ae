//! `teal rollout status`.

use contract::{text, wire};

use super::query;
use crate::Outcome;
use crate::cli::{RolloutArgs, RolloutStatusArgs, RolloutVerb};

/// Carries out a command about rollouts.
pub(crate) fn rollout(args: &RolloutArgs) -> Outcome {
    match &args.verb {
        RolloutVerb::Status(args) => status(args),
    }
}

/// Lists the rollouts, newest first, or shows one in full.
fn status(args: &RolloutStatusArgs) -> Outcome {
    if let Some(id) = args.id {
        let path = format!("/admin/rollouts/{id}");
        return super::read(&args.reach, &path, |rollout: &wire::Rollout| text::rollout(rollout));
    }
    let path = query("/admin/rollouts", &[("service", args.service.as_deref())]);
    super::read(&args.reach, &path, |rollouts: &wire::Rollouts| text::rollouts(rollouts))
}
