//! The output of a deploy: a line for each step, or an object for each (`--json`).
//!
//! It only writes what it is told. Nothing that a program or a server has said reaches a terminal with control
//! characters: lines come from [`runner`] without them, and texts are cleaned here.

use std::cell::Cell;
use std::fmt;
use std::time::Duration;

use contract::duration::show;
use contract::wire::{Color, DeployStep};
use serde_json::{Value, json};

use crate::stop::{Ended, Problem, Verdict};

/// The writer of the output.
pub struct Reporter {
    /// Writes whole lines to standard output.
    pub print: Write,
    /// Redraws the line of progress on a terminal; `None`: there is no terminal.
    pub draw: Option<Write>,
    /// True for one JSON object a line.
    pub json: bool,
    /// True to mark a failure for GitHub Actions, beside text.
    pub actions: bool,
    /// The steps printed so far.
    pub printed: Cell<u32>,
}

/// A planned step, for the output.
#[derive(Debug)]
pub(crate) struct PrintedPlan {
    pub(crate) headline: String,
    pub(crate) services: Vec<String>,
    pub(crate) group: Option<String>,
    pub(crate) color: Color,
    pub(crate) version: Option<String>,
    pub(crate) from_version: Option<String>,
    /// The steps with what they do.
    pub(crate) steps: Vec<(DeployStep, String)>,
}

/// The outcome of a sweep for one service, as it is printed.
#[derive(Debug)]
pub(crate) struct Swept<'s> {
    pub(crate) service: &'s str,
    /// The idle color, if it is known.
    pub(crate) color: Option<Color>,
    pub(crate) word: SweptWord,
    /// The reason.
    pub(crate) text: &'s str,
    /// The time until which the environment stays up, if it is limited.
    pub(crate) until: Option<&'s str>,
}

/// The outcome of a sweep for one service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SweptWord {
    /// The environment was stopped.
    Stopped,
    /// It would be, but for `--dry-run`.
    WouldStop,
    /// It stays up.
    Kept,
    /// There is nothing to stop.
    Nothing,
    /// It failed.
    Failed,
}

/// A function that writes a line.
pub type Write = Box<dyn Fn(&str)>;

/// The width of the texts of steps, before their durations.
const WIDTH: usize = 60;

impl Reporter {
    /// The planned work.
    pub(crate) fn planned(&self, plan: &PrintedPlan) {
        if self.json {
            let step = |(step, text): &(DeployStep, String)| json!({ "step": step, "text": text });
            let steps: Vec<Value> = plan.steps.iter().map(step).collect();
            self.object(&json!({
                "plan": steps,
                "services": plan.services,
                "group": plan.group,
                "color": plan.color,
                "version": plan.version,
                "from_version": plan.from_version,
            }));
            return;
        }
        self.line(&plan.headline);
        let names: Vec<&str> = plan.steps.iter().map(|(step, _)| step.as_str()).collect();
        self.line(&format!("plan: {}", names.join(", ")));
    }

    /// Prints the work of each step of a plan.
    pub(crate) fn described(&self, steps: &[(DeployStep, String)]) {
        if self.json {
            return; // it is in the plan
        }
        for (step, text) in steps {
            for (index, text) in text.lines().enumerate() {
                let name = if index == 0 { step.as_str() } else { "" };
                self.line(&format!("  {name:<8} {text}"));
            }
        }
        self.line("Dry run: nothing was changed.");
    }

    /// A step has ended well.
    pub(crate) fn done(&self, id: u64, step: DeployStep, text: &str, took: Duration) {
        let text = clean(text);
        self.step(id, step, &text, took, true);
    }

    /// A step has not ended well. The whole reason comes with the end.
    pub(crate) fn failed(&self, id: u64, step: DeployStep, problem: &Problem, took: Duration) {
        let first = problem.message.lines().next().unwrap_or_default();
        self.step(id, step, &clean(&format!("failed: {first}")), took, false);
    }

    /// The reason why a step waits; shown on a terminal only.
    pub(crate) fn waiting(&self, step: DeployStep, reason: &str) {
        if let Some(draw) = self.draw.as_ref().filter(|_| !self.json) {
            draw(&format!("   {:<8} {}", step.as_str(), clean(reason)));
        }
    }

    /// Something else that is worth knowing.
    pub(crate) fn note(&self, text: &str) {
        let text = clean(text);
        if self.json {
            self.object(&json!({ "note": text }));
        } else {
            self.line(&format!("   {text}"));
        }
    }

    /// The outcome of a sweep for one service.
    pub(crate) fn swept(&self, swept: &Swept<'_>) {
        let Swept { service, color, word, text, until } = swept;
        let text = clean(text);
        if self.json {
            self.object(&json!({
                "service": service,
                "color": color,
                "outcome": word.as_str(),
                "reason": text,
                "until": until,
            }));
            return;
        }
        let color = color.map(|color| format!(" {color}")).unwrap_or_default();
        let until = until.map(|until| format!(" until {until}")).unwrap_or_default();
        let word = word.as_str().replace('_', " ");
        self.line(&format!("{service}{color}: {word}{until} ({text})"));
    }

    /// The end.
    pub(crate) fn ended(&self, ended: &Ended, took: Duration) {
        if self.json {
            self.object(&json!({
                "deploy": ended.id,
                "result": ended.result.map(contract::wire::DeployResult::as_str),
                "exit": ended.verdict.code(),
                "message": ended.message,
                "seconds": seconds(took),
            }));
        } else if matches!(ended.verdict, Verdict::Done | Verdict::Cut) {
            let word = ended.result.map_or("ok", contract::wire::DeployResult::as_str);
            self.line(&format!("{word} ({})", show(took)));
        }
        let failed = !matches!(ended.verdict, Verdict::Done);
        if self.actions && failed && !self.json {
            let escaped =
                ended.message.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A");
            self.line(&format!("::error title=teal deploy::{escaped}"));
        }
    }

    fn step(&self, id: u64, step: DeployStep, text: &str, took: Duration, ok: bool) {
        if self.json {
            self.object(&json!({
                "deploy": id,
                "step": step.as_str(),
                "ok": ok,
                "text": text,
                "seconds": seconds(took),
            }));
            return;
        }
        let number = self.printed.get() + 1;
        self.printed.set(number);
        let name = step.as_str();
        self.line(&format!("{number:>2} {name:<8} {text:<WIDTH$} {:>7}", show(took)));
    }

    fn object(&self, object: &Value) {
        (self.print)(&object.to_string());
    }

    fn line(&self, line: &str) {
        if let Some(draw) = &self.draw {
            draw("");
        }
        (self.print)(line);
    }
}

impl SweptWord {
    fn as_str(self) -> &'static str {
        match self {
            Self::Stopped => "stopped",
            Self::WouldStop => "would_be_stopped",
            Self::Kept => "kept",
            Self::Nothing => "nothing_to_do",
            Self::Failed => "failed",
        }
    }
}

impl fmt::Debug for Reporter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reporter").field("json", &self.json).finish_non_exhaustive()
    }
}

/// Seconds with three digits behind the point.
fn seconds(took: Duration) -> f64 {
    (took.as_secs_f64() * 1000.0).round() / 1000.0
}

/// A text on one line without control characters.
fn clean(text: &str) -> String {
    let text: Vec<&str> = text.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    text.join(" · ").chars().map(|c| if c.is_control() { '?' } else { c }).collect()
}
