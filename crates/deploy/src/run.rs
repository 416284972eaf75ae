//! A deploy under way: its record in Teal, its members, and what every step needs.
//!
//! Guaranteed: a step is durable in the record before it begins, the record hears of this command line at each
//! heartbeat, and a command line that was replaced ends its step at once.

use std::cell::Cell;

use contract::wire::{Deploy, DeployReport, DeployResult, DeployStep};
use tokio::time::{Instant, sleep};

use crate::admin::NoReply;
use crate::context::{Context, Options};
use crate::plan::Plan;
use crate::stop::{Ended, Problem, Stop, Verdict};

/// A deploy under way.
pub(crate) struct Run<'r> {
    pub(crate) context: &'r Context<'r>,
    pub(crate) options: &'r Options,
    pub(crate) plan: Plan,
    pub(crate) id: u64,
    pub(crate) claim: u32,
    /// True for each member whose new environment this or an earlier command line may have started.
    pub(crate) started: Vec<Cell<bool>>,
    /// The time for which the old environment stays up from the end on, in seconds; set by the step `keep`.
    pub(crate) keep_seconds: Cell<Option<u64>>,
}

// === impl Run ===

impl<'r> Run<'r> {
    /// A deploy with its record. `started`: an earlier command line may have started something.
    pub(crate) fn new(
        context: &'r Context<'r>,
        options: &'r Options,
        plan: Plan,
        record: &Deploy,
        started: bool,
    ) -> Self {
        let started = plan.members.iter().map(|_| Cell::new(started)).collect();
        let (id, claim) = (record.id, record.claim);
        Self { context, options, plan, id, claim, started, keep_seconds: Cell::new(None) }
    }

    /// Makes a step: records it, does its work, and prints its end. An interrupt ends the work.
    pub(crate) async fn step(
        &self,
        step: DeployStep,
        work: impl Future<Output = Result<String, Stop>>,
    ) -> Result<(), Stop> {
        let interruptible = async {
            tokio::select! {
                biased;
                () = self.context.interrupted(1) => Err(Stop::Interrupted),
                done = work => done,
            }
        };
        self.certain_step(step, interruptible).await
    }

    /// Makes a step that nothing but its own end ends.
    pub(crate) async fn certain_step(
        &self,
        step: DeployStep,
        work: impl Future<Output = Result<String, Stop>>,
    ) -> Result<(), Stop> {
        let began = Instant::now();
        let report = DeployReport { step: Some(step), ..self.sign_of_life() };
        let done = match self.report(&report).await {
            Ok(_) => self.alive(work).await,
            Err(stop) => Err(stop),
        };
        let (reporter, took) = (self.context.reporter, began.elapsed());
        match done {
            Ok(text) => {
                reporter.done(self.id, step, &text, took);
                Ok(())
            }
            Err(stop) => {
                reporter.failed(self.id, step, &stop.problem(), took);
                Err(stop)
            }
        }
    }

    /// Does work while the record hears that this command line is alive.
    pub(crate) async fn alive<T>(
        &self,
        work: impl Future<Output = Result<T, Stop>>,
    ) -> Result<T, Stop> {
        tokio::select! {
            biased;
            done = work => done,
            stop = self.heartbeats() => Err(stop),
        }
    }

    /// Ends only when another command line has taken over.
    async fn heartbeats(&self) -> Stop {
        loop {
            sleep(self.context.pace.heartbeat).await;
            let alive = self.context.admin.report(self.id, &self.sign_of_life()).await;
            if let Err(no_reply) = alive
                && let Some(stop) = self.replaced(&no_reply)
            {
                return stop;
            }
        }
    }

    /// Changes the record.
    pub(crate) async fn report(&self, report: &DeployReport) -> Result<Deploy, Stop> {
        let call = async || self.context.admin.report(self.id, report).await;
        let reported = self.context.persistently(call).await;
        reported.map_err(|no_reply| match self.replaced(&no_reply) {
            Some(stop) => stop,
            None => {
                Stop::doubt(format!("cannot write to the record of deploy {}: {no_reply}", self.id))
            }
        })
    }

    /// Returns the stop of a command line whose deploy is another's by now, if a refusal says so.
    pub(crate) fn replaced(&self, no_reply: &NoReply) -> Option<Stop> {
        let gone = ["deploy_taken_over", "deploy_ended", "unknown_deploy"];
        no_reply.code().filter(|code| gone.contains(code))?;
        let id = self.id;
        Some(Stop::Replaced(Problem::new(format!(
            "deploy {id} is no longer this command's: {no_reply}"
        ))))
    }

    fn sign_of_life(&self) -> DeployReport {
        DeployReport { claim: self.claim, ..DeployReport::default() }
    }

    /// Pauses the deploy, so that a later command line can go on.
    pub(crate) async fn pause(&self) -> Result<(), Stop> {
        let report = DeployReport { pause: true, ..self.sign_of_life() };
        self.report(&report).await.map(drop)
    }

    /// Records the result. A record that cannot be ended is said in the message.
    pub(crate) async fn finish(
        &self,
        result: DeployResult,
        verdict: Verdict,
        message: impl Into<String>,
    ) -> Ended {
        let message = message.into();
        let report = DeployReport {
            result: Some(result),
            detail: (!message.is_empty()).then(|| short(&message)),
            keep_seconds: self.keep_seconds.get().filter(|_| result == DeployResult::Succeeded),
            ..self.sign_of_life()
        };
        match self.report(&report).await {
            Ok(_) => self.ended(verdict, Some(result), message),
            Err(stop) if self.has_ended_with(result).await => {
                drop(stop);
                self.ended(verdict, Some(result), message)
            }
            Err(stop) => {
                let why = stop.problem().message;
                let id = self.id;
                let verdict = if verdict == Verdict::Done { Verdict::Failed } else { verdict };
                let open =
                    format!("its result ({result}) is not recorded: {why}; see: teal deploys {id}");
                let message = if message.is_empty() { open } else { format!("{message}\n{open}") };
                self.ended(verdict, None, message)
            }
        }
    }

    /// Returns true if the record has this result, as after a report whose answer was lost.
    async fn has_ended_with(&self, result: DeployResult) -> bool {
        let record = self.context.persistently(async || self.context.admin.deploy(self.id).await);
        record.await.is_ok_and(|record| record.result == Some(result) && record.claim == self.claim)
    }

    /// The end of this command.
    pub(crate) fn ended(
        &self,
        verdict: Verdict,
        result: Option<DeployResult>,
        message: impl Into<String>,
    ) -> Ended {
        Ended { verdict, id: Some(self.id), result, message: message.into() }
    }
}

/// The first 500 characters of a text, on one line, as the record takes them.
fn short(text: &str) -> String {
    let line: Vec<&str> = text.lines().map(str::trim).collect();
    line.join("; ").chars().filter(|c| !c.is_control()).take(500).collect()
}
