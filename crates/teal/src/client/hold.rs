//! `teal hold` and `teal resume`.

use contract::text;
use contract::wire::{DrainState, DryRun, HoldAnswer, Resumed};
use hyper::Method;

use super::http::AdminResponse;
use super::progress::{Watch, watched};
use super::reach::{Intent, Teal};
use super::{block_on, print, query};
use crate::Outcome;
use crate::cli::{HoldArgs, ReachArgs, ResumeArgs};
use crate::exit::Exit;

/// Keeps new requests waiting.
pub(crate) fn hold(args: &HoldArgs) -> Outcome {
    let target = query(
        "/admin/hold",
        &[
            ("service", args.service.as_deref()),
            ("max_wait", args.max_wait.as_ref().map(|time| &*time.text)),
            ("drain", args.drain.as_ref().map(|time| &*time.text)),
            ("wait", args.no_wait.then_some("published")),
            ("dry_run", args.dry_run.then_some("true")),
        ],
    );
    let answer = block_on(async {
        let teal = Teal::find(&args.reach, Intent::Change).await?;
        let service = args.service.clone();
        let watch = Watch { verb: "hold", service, ..Watch::default() };
        let asking = teal.ask(Method::POST, &target, args.if_generation);
        Box::pin(watched(&teal, &watch, args.reach.json, asking)).await
    })??;
    if args.dry_run {
        return said(&args.reach, &answer);
    }
    let answer: HoldAnswer = print(&args.reach, &answer, text::hold)?;
    Ok(match answer.drain.state {
        DrainState::Cut => Exit::Cut,
        DrainState::Drained | DrainState::Draining => Exit::Done,
        DrainState::Stuck | DrainState::Superseded | DrainState::Interrupted => Exit::Failed,
    })
}

/// Releases waiting requests.
pub(crate) fn resume(args: &ResumeArgs) -> Outcome {
    let parameters =
        [("service", args.service.as_deref()), ("dry_run", args.dry_run.then_some("true"))];
    let target = query("/admin/resume", &parameters);
    let answer = block_on(async {
        Teal::find(&args.reach, Intent::Change).await?.post_at(&target, args.if_generation).await
    })??;
    if args.dry_run {
        return said(&args.reach, &answer);
    }
    print(&args.reach, &answer, |resumed: &Resumed| text::resume(resumed))?;
    Ok(Exit::Done)
}

/// Prints what a dry run has said.
pub(super) fn said(reach: &ReachArgs, answer: &AdminResponse) -> Outcome {
    print(reach, answer, |dry: &DryRun| text::dry_run(dry))?;
    Ok(Exit::Done)
}
