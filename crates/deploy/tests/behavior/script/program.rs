//! A runner that does what a test has written down.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use rules::TargetUrl;
use runner::{Call, Environment, Exit, Failure, FailureKind, Port, Runner, Started, State};

use super::Journal;

/// A scripted runner.
#[derive(Clone, Debug)]
pub(crate) struct Program {
    pub(crate) journal: Journal,
    pub(crate) state: Arc<Mutex<ProgramState>>,
}

#[derive(Debug, Default)]
pub(crate) struct ProgramState {
    /// The running environments, such as `web.green`.
    pub(crate) running: Vec<String>,
    /// The failure of calls by their first word in the journal.
    pub(crate) failures: BTreeMap<&'static str, FailureKind>,
    /// Restarts that a status reports.
    pub(crate) restarts: u32,
}

impl Program {
    pub(crate) fn lock(&self) -> std::sync::MutexGuard<'_, ProgramState> {
        self.state.lock().expect("no test has panicked")
    }

    fn call<T>(
        &self,
        word: &'static str,
        environment: &Environment,
        value: T,
    ) -> Result<T, Failure> {
        let name = format!("{}.{}", environment.service, environment.color);
        if word != "status" && word != "logs" && word != "check" {
            let version = environment.version.as_ref().map_or("", |version| version.as_str());
            let asked = format!("{word} {name} {version}");
            self.journal.lock().expect("no test has panicked").push(asked.trim().to_owned());
        }
        let mut state = self.lock();
        let runs = word == "status" && state.running.contains(&name);
        let word_or_state = if runs { "status of what runs" } else { word };
        let failure = state.failures.get(word).or_else(|| state.failures.get(word_or_state));
        if let Some(kind) = failure.copied() {
            if matches!(kind, FailureKind::Failed { .. }) && word == "start" {
                state.running.push(name);
            }
            let message = format!("{word} does not work");
            return Err(Failure { kind, message, lines: vec!["a line".to_owned()] });
        }
        match word {
            "start" => state.running.push(name),
            "stop" => state.running.retain(|running| *running != name),
            _ => {}
        }
        Ok(value)
    }
}

impl Runner for Program {
    fn check<'r>(&'r self, environment: &'r Environment) -> Call<'r, ()> {
        Box::pin(async move { self.call("check", environment, ()) })
    }

    fn start<'r>(&'r self, environment: &'r Environment) -> Call<'r, Started> {
        Box::pin(async move {
            let chosen = (environment.port == Port::Auto)
                .then(|| TargetUrl::parse("http://127.0.0.1:4002").expect("a target"));
            self.call("start", environment, Started { target: chosen })
        })
    }

    fn stop<'r>(&'r self, environment: &'r Environment) -> Call<'r, ()> {
        Box::pin(async move { self.call("stop", environment, ()) })
    }

    fn status<'r>(&'r self, environment: &'r Environment) -> Call<'r, runner::Status> {
        Box::pin(async move {
            let name = format!("{}.{}", environment.service, environment.color);
            let (runs, restarts) = {
                let state = self.lock();
                (state.running.contains(&name), state.restarts)
            };
            let mut status =
                runner::Status::from(if runs { State::Running } else { State::Stopped });
            status.restarts = restarts;
            status.exit = (restarts > 0).then_some(Exit::Code(1));
            self.call("status", environment, status)
        })
    }

    fn logs<'r>(&'r self, environment: &'r Environment, _: usize) -> Call<'r, Vec<String>> {
        Box::pin(async move { self.call("logs", environment, vec!["no database".to_owned()]) })
    }
}
