//! Carries out the actions of a screen: first as a dry run, then, at the generation that the person has seen.

use std::time::Duration;

use contract::text;
use contract::wire::{DryRun, HoldAnswer, Resumed, SwitchOutcome, SwitchResult};
use hyper::Method;
use serde::de::DeserializeOwned;
use tokio::time::timeout;
use top::{Answer, Call, Outcome, Verb};

use super::super::http::AdminResponse;
use super::super::reach::{Intent, Teal};
use super::super::{query, understood};
use crate::cli::ReachArgs;
use crate::exit::{Exit, Failure};

/// The longest time to wait for an answer: a switch may warm the new color up first.
const PATIENCE: Duration = Duration::from_secs(120);

/// Asks what an action would do.
pub(super) async fn rehearse(reach: ReachArgs, call: Call) -> Answer {
    answer(&reach, &call, true).await
}

/// Carries an action out. Its answer comes once no new request goes to the old color; the screen shows the drain.
pub(super) async fn act(reach: ReachArgs, call: Call) -> Answer {
    answer(&reach, &call, false).await
}

async fn answer(reach: &ReachArgs, call: &Call, dry_run: bool) -> Answer {
    let (outcome, text) = match sent(reach, call, dry_run).await {
        Ok(told) => told,
        Err(failure) => {
            let was_refused = failure.exit == Exit::Refused;
            let outcome = if was_refused { Outcome::Refused } else { Outcome::Failed };
            (outcome, failure.message)
        }
    };
    Answer { ticket: call.ticket, outcome, text }
}

async fn sent(reach: &ReachArgs, call: &Call, dry_run: bool) -> Result<(Outcome, String), Failure> {
    let (path, to) = match call.verb {
        Verb::Switch(to) => ("/admin/switch", Some(to.to_string())),
        Verb::Rollback => ("/admin/rollback", None),
        Verb::Hold => ("/admin/hold", None),
        Verb::Resume => ("/admin/resume", None),
    };
    let target = query(
        path,
        &[
            ("to", to.as_deref()),
            ("service", Some(&call.service)),
            ("wait", (call.verb != Verb::Resume).then_some("published")),
            ("dry_run", dry_run.then_some("true")),
        ],
    );
    let mut teal = Teal::find(reach, Intent::Change).await?;
    let advice = teal.take_advice();
    let asking = teal.ask(Method::POST, &target, Some(call.generation));
    let answer = timeout(PATIENCE, asking).await.unwrap_or_else(|_| {
        let seconds = PATIENCE.as_secs();
        let message =
            format!("Teal has not answered within {seconds} s; what was begun may still happen");
        Err(Failure::new(Exit::Unreachable, message))
    })?;
    told(reach, call.verb, dry_run, &answer).map_err(|mut failure| {
        if (400..500).contains(&answer.status) {
            failure.exit = Exit::Refused; // a token that may not do it, too
        }
        if let Some(advice) = advice.filter(|_| answer.status == 401) {
            failure.message = format!("{}\n{advice}", failure.message);
        }
        failure
    })
}

/// The end of a call in the words of the command line.
fn told(
    reach: &ReachArgs,
    verb: Verb,
    dry_run: bool,
    answer: &AdminResponse,
) -> Result<(Outcome, String), Failure> {
    fn done<T: DeserializeOwned>(
        reach: &ReachArgs,
        answer: &AdminResponse,
        text: impl FnOnce(&T) -> String,
    ) -> Result<(Outcome, String), Failure> {
        Ok((Outcome::Done, text(&understood(reach, answer)?)))
    }
    match verb {
        Verb::Hold | Verb::Resume if dry_run => {
            done(reach, answer, |dry: &DryRun| text::dry_run(dry))
        }
        Verb::Hold => done(reach, answer, |held: &HoldAnswer| text::hold(held)),
        Verb::Resume => done(reach, answer, |resumed: &Resumed| text::resume(resumed)),
        Verb::Switch(_) | Verb::Rollback => {
            let outcome: SwitchOutcome = understood(reach, answer)?;
            let result = outcome.services().first().map(|answer| answer.result);
            let end = match result {
                Some(SwitchResult::Already) | None => Outcome::Nothing,
                Some(SwitchResult::Switched | SwitchResult::WouldSwitch) => Outcome::Done,
            };
            Ok((end, text::switch(&outcome)))
        }
    }
}
