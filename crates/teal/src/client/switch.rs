//! `teal switch` and `teal rollback`.

use contract::wire::{DrainState, ProblemDocument, SwitchAnswer, SwitchOutcome};
use contract::{Code, text};
use hyper::Method;

use super::http::AdminResponse;
use super::progress::{Watch, watched};
use super::reach::{Intent, Teal};
use super::{block_on, deploy, print, query};
use crate::Outcome;
use crate::cli::{ReachArgs, RollbackArgs, SwitchArgs, SwitchOptionArgs};
use crate::exit::{Exit, Failure};

/// Moves a service or a group to a color.
pub(crate) fn switch(args: &SwitchArgs) -> Outcome {
    let answer = asked("/admin/switch", Some(args), &args.how, &args.reach)?;
    told(&answer, &args.how, &args.reach)
}

/// Moves a service or a group back to its previous color. If it was stopped, and the configuration says how it is
/// started, it is started first.
pub(crate) fn rollback(args: &RollbackArgs) -> Outcome {
    let answer = asked("/admin/rollback", None, &args.how, &args.reach)?;
    if !is_retired(&answer) {
        return told(&answer, &args.how, &args.reach);
    }
    if let Some(outcome) = deploy::rollback(args)? {
        return outcome;
    }
    let mut refused = told(&answer, &args.how, &args.reach);
    if let Err(failure) = &mut refused
        && !args.reach.json
    {
        failure.message.push_str(
            "\nTo have it started again by its runner, name the configuration with its deploy table: --config FILE",
        );
    }
    refused
}

/// Returns true if the color to go to was retired, and so may have been stopped.
fn is_retired(answer: &AdminResponse) -> bool {
    let problem = serde_json::from_slice::<ProblemDocument>(&answer.body);
    problem.is_ok_and(|problem| Code::parse(&problem.code) == Some(Code::ColorRetired))
}

fn asked(
    path: &str,
    to: Option<&SwitchArgs>,
    how: &SwitchOptionArgs,
    reach: &ReachArgs,
) -> Result<AdminResponse, Failure> {
    let target = query(
        path,
        &[
            ("to", to.map(|args| args.color.as_str())),
            ("version", to.and_then(|args| args.version.as_deref())),
            ("reason", how.reason.as_deref()),
            ("service", how.service.as_deref()),
            ("group", how.group.as_deref()),
            ("wait", how.no_wait.then_some("published")),
            ("wait_healthy", how.wait_healthy.as_ref().map(|time| &*time.text)),
            ("drain", how.drain.as_ref().map(|time| &*time.text)),
            ("dry_run", how.dry_run.then_some("true")),
            ("supersede", how.supersede.then_some("true")),
        ],
    );
    block_on(async {
        let teal = Teal::find(reach, Intent::Change).await?;
        let (service, group) = (how.service.clone(), how.group.clone());
        let verb = if to.is_some() { "switch" } else { "rollback" };
        let watch = Watch { verb, service, group, all: false };
        let asking = teal.ask(Method::POST, &target, how.if_generation);
        Box::pin(watched(&teal, &watch, reach.json, asking)).await
    })?
}

fn told(answer: &AdminResponse, how: &SwitchOptionArgs, reach: &ReachArgs) -> Outcome {
    let outcome: SwitchOutcome = print(reach, answer, text::switch)?;
    Ok(worst(outcome.services().iter().map(|answer| exit(answer, how.no_wait || how.dry_run))))
}

/// The worst exit code of a group: 0 means that all old colors are safe to stop.
fn worst(exits: impl Iterator<Item = Exit>) -> Exit {
    exits.fold(Exit::Done, |worst, exit| match (worst, exit) {
        (Exit::Done, exit) => exit,
        (Exit::Cut, Exit::Failed) => Exit::Failed,
        (worst, _) => worst,
    })
}

/// The exit code of one switch: 0 only if the old color is safe to stop, or if the caller did not
/// ask to wait for that.
fn exit(answer: &SwitchAnswer, no_wait: bool) -> Exit {
    match answer.drain.as_ref().map(|drain| drain.state) {
        None | Some(DrainState::Drained) => Exit::Done,
        Some(DrainState::Draining) if no_wait => Exit::Done,
        Some(DrainState::Cut) => Exit::Cut,
        Some(
            DrainState::Draining
            | DrainState::Stuck
            | DrainState::Superseded
            | DrainState::Interrupted,
        ) => Exit::Failed,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ended(state: &str, no_wait: bool) -> Exit {
        let answer = serde_json::json!({
            "result": "switched", "service": "web", "from": "blue", "to": "green",
            "generation": 1, "drain": { "color": "blue", "state": state }, "evidence": [],
        });
        exit(&serde_json::from_value(answer).expect("an answer"), no_wait)
    }

    #[test]
    fn only_a_color_that_may_be_stopped_ends_a_wait_well() {
        // L4
        assert_eq!(ended("drained", false), Exit::Done);
        assert_eq!(ended("cut", false), Exit::Cut);
        for state in ["draining", "stuck", "superseded", "interrupted"] {
            assert_eq!(ended(state, false), Exit::Failed, "{state}");
        }
        assert_eq!(ended("draining", true), Exit::Done, "no caller waits");
    }

    #[test]
    fn a_group_ends_as_badly_as_the_worst_of_its_services() {
        // L4
        let of = |states: &[&str]| worst(states.iter().map(|state| ended(state, false)));
        assert_eq!(of(&["drained", "drained"]), Exit::Done);
        assert_eq!(of(&["drained", "cut"]), Exit::Cut);
        assert_eq!(of(&["cut", "drained"]), Exit::Cut);
        assert_eq!(of(&["cut", "superseded", "drained"]), Exit::Failed);
        assert_eq!(of(&["stuck", "cut"]), Exit::Failed);
    }
}
