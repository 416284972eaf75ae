//! `teal hold` and `teal resume`.

use contract::text;
use contract::wire::{DrainState, HoldAnswer, Resumed};
use hyper::Method;

use super::progress::{Watch, watched};
use super::reach::{Intent, Teal};
use super::{block_on, print, query};
use crate::Outcome;
use crate::cli::{HoldArgs, ResumeArgs};
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
        ],
    );
    let answer = block_on(async {
        let teal = Teal::find(&args.reach, Intent::Change).await?;
        let service = args.service.clone();
        let watch = Watch { verb: "hold", service, ..Watch::default() };
        let asking = teal.ask(Method::POST, &target, None);
        Box::pin(watched(&teal, &watch, args.reach.json, asking)).await
    })??;
    let answer: HoldAnswer = print(&args.reach, &answer, text::hold)?;
    Ok(match answer.drain.state {
        DrainState::Cut => Exit::Cut,
        DrainState::Drained | DrainState::Draining => Exit::Done,
        DrainState::Stuck | DrainState::Superseded | DrainState::Interrupted => Exit::Failed,
    })
}

/// Releases waiting requests.
pub(crate) fn resume(args: &ResumeArgs) -> Outcome {
    let target = query("/admin/resume", &[("service", args.service.as_deref())]);
    let answer =
        block_on(async { Teal::find(&args.reach, Intent::Change).await?.post(&target).await })??;
    print(&args.reach, &answer, |resumed: &Resumed| text::resume(resumed))?;
    Ok(Exit::Done)
}
