//! The way through the questions: each answer is that of a flag, a person or a default, and is checked at once.

use std::fmt;

use crate::answer::{Answers, Place};
use crate::given::{Given, RunnerKind, TlsKind};
use crate::question::{Question, runner_of};

/// Somebody who answers questions.
pub trait Person {
    /// Shows a question with its default and returns the line that was written; `None`: there will be no more.
    fn answer(&mut self, question: &str, default: &str) -> Option<String>;

    /// Shows what is wrong with an answer, or what to know about it.
    fn hear(&mut self, text: &str);
}

/// The reason why there are no answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unanswered {
    /// Nobody can be asked, and these flags are missing.
    Missing(Vec<&'static str>),
    /// A flag, or all of them together, cannot be an answer.
    Wrong(String),
    /// The person left.
    Left,
}

/// Answers all questions. Without a person, defaults are taken if `defaults` is true.
///
/// # Errors
/// Questions without an answer, or one that cannot be right.
pub fn ask(
    given: &Given,
    mut person: Option<&mut dyn Person>,
    defaults: bool,
    usual: RunnerKind,
    place: &Place,
) -> Result<Answers, Unanswered> {
    let missing = given.missing();
    if person.is_none() && !defaults && !missing.is_empty() {
        return Err(Unanswered::Missing(missing));
    }
    let mut answers = Answers::default_for(usual);
    answers.listen.clone_from(&given.listen);
    for question in Question::ALL {
        if !question.applies(&answers) {
            continue;
        }
        let before = answers.clone();
        match flag(question, given, &answers) {
            Some(text) => {
                let taken = question.take(&text, &mut answers);
                taken
                    .and_then(|()| checked(question, &answers, place))
                    .map_err(Unanswered::Wrong)?;
            }
            None => {
                if let Some(person) = person.as_deref_mut() {
                    answers = asked(question, &before, person, place)?;
                }
            }
        }
    }
    strangers(given, &answers).map_err(Unanswered::Wrong)?;
    answers.check(place).map_err(Unanswered::Wrong)?;
    Ok(answers)
}

/// The answer to a question by flags; `None`: it is open.
fn flag(question: Question, given: &Given, answers: &Answers) -> Option<String> {
    match question {
        Question::Service => given.service.clone(),
        Question::Hosts => given.hosts.as_ref().map(|hosts| hosts.join(" ")),
        Question::Targets => match (&given.blue, &given.green) {
            (None, None) => None,
            (blue, green) => {
                let [default_blue, default_green] = &answers.targets;
                let blue = blue.as_deref().unwrap_or(default_blue);
                let green = green.as_deref().unwrap_or(default_green);
                Some(format!("{blue} {green}"))
            }
        },
        Question::Tls => given.tls.map(|kind| kind.as_str().to_owned()),
        Question::Certificate => given.cert.clone(),
        Question::Key => given.key.clone(),
        Question::Email => given.email.clone(),
        Question::Runner => given.runner.map(|kind| kind.as_str().to_owned()),
        Question::Command => given.command.clone(),
        Question::Image => given.image.clone(),
    }
}

/// Asks until the answer is right.
fn asked(
    question: Question,
    before: &Answers,
    person: &mut dyn Person,
    place: &Place,
) -> Result<Answers, Unanswered> {
    loop {
        let default = question.default(before);
        let written = person.answer(question.words(), &default).ok_or(Unanswered::Left)?;
        let written = match written.trim() {
            "" => &default,
            written => written,
        };
        let mut answers = before.clone();
        let taken = question.take(written, &mut answers);
        match taken.and_then(|()| checked(question, &answers, place)) {
            Ok(()) => {
                if question == Question::Targets {
                    for warning in crate::in_use(&answers) {
                        person.hear(&warning);
                    }
                }
                return Ok(answers);
            }
            Err(why) => person.hear(&why),
        }
    }
}

/// Checks what is answered so far. Defaults of questions that are still open cannot be at fault, but for the runner:
/// what it needs of the targets is checked when it is chosen.
fn checked(question: Question, answers: &Answers, place: &Place) -> Result<(), String> {
    let mut so_far = answers.clone();
    if matches!(question, Question::Service | Question::Hosts | Question::Targets | Question::Tls) {
        so_far.runner = Answers::default_for(RunnerKind::Command).runner;
    }
    so_far.check(place).map(drop)
}

/// Refuses flags that the answers have no place for.
fn strangers(given: &Given, answers: &Answers) -> Result<(), String> {
    let tls = Question::Tls.default(answers);
    let files = given.cert.is_some() || given.key.is_some();
    if files && tls != TlsKind::Files.as_str() {
        return Err(format!("--cert and --key are for --tls files, and TLS is {tls}"));
    }
    if given.email.is_some() && tls != TlsKind::Acme.as_str() {
        return Err(format!("--email is for --tls acme, and TLS is {tls}"));
    }
    let runner = runner_of(&answers.runner);
    let (kind, images) = (runner.as_str(), runner.runs_images());
    if given.command.is_some() && images {
        return Err(format!(
            "--command is for the runners hooks, systemd and command; {kind} runs an --image"
        ));
    }
    if given.image.is_some() && !images {
        return Err(format!(
            "--image is for the runners docker and compose; {kind} runs a --command"
        ));
    }
    Ok(())
}

impl fmt::Display for Unanswered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing(flags) => write!(
                f,
                "there is no terminal to ask on, and these answers are missing: {}; give them, or --yes to take \
                 the defaults",
                flags.join(", ")
            ),
            Self::Wrong(why) => f.write_str(why),
            Self::Left => f.write_str("the questions were not answered; nothing was written"),
        }
    }
}

impl std::error::Error for Unanswered {}

#[cfg(test)]
mod tests;
