//! The cases of `responses.toml`, which says what each key means, and how one is played: a target
//! answers so, and what the client reads is looked at.

use std::net::SocketAddr;
use std::time::Duration;

use serde::Deserialize;
use testkit::{Behavior, Client, Response, Target, WireError};

use crate::case::expand;
use crate::play::ask_honestly;

/// One hostile answer and what must come of it.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ResponseCase {
    pub(crate) row: String,
    pub(crate) name: String,
    #[serde(default = "get")]
    method: String,
    pub(crate) answer: String,
    end: Option<End>,
    status: Vec<u16>,
    #[serde(default)]
    cut: bool,
    body: Option<String>,
    #[serde(default)]
    lacks: Vec<String>,
    hints: Option<usize>,
}

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
enum End {
    Close,
    Reset,
}

#[derive(Deserialize)]
struct File {
    case: Vec<ResponseCase>,
}

fn get() -> String {
    "GET".to_owned()
}

/// All cases, in the order of the file.
pub(crate) fn all() -> Vec<ResponseCase> {
    let file: File = toml::from_str(include_str!("responses.toml")).expect("a table of cases");
    file.case
}

/// Has both targets answer so at the path of each case.
pub(crate) fn prepare(cases: &[ResponseCase], targets: [&Target; 2]) {
    for (number, case) in cases.iter().enumerate() {
        for target in targets {
            target.behave_at(&path(number), case.behavior());
        }
    }
}

fn path(number: usize) -> String {
    format!("/response/{number}")
}

/// Asks for the case of this number, and lists what is not as it says.
pub(crate) fn problems(
    number: usize,
    case: &ResponseCase,
    proxy: SocketAddr,
    patience: Duration,
) -> Vec<String> {
    let mut client = Client::connect(proxy).patience(patience);
    client.send(format!("{} {} HTTP/1.1\r\nHost: test\r\n\r\n", case.method, path(number)));
    let mut problems = match client.read_answer(case.method == "HEAD") {
        Ok(answer) => case.wrong_with(&answer),
        Err(WireError::Closed | WireError::Reset | WireError::Truncated(_)) if case.cut => vec![],
        Err(error) => vec![format!("no answer: {error}")],
    };
    // The next request may get the connection to the target that this case has used.
    for _ in 0..2 {
        let mut other = Client::connect(proxy).patience(patience);
        problems.extend(ask_honestly(&mut other).err().map(|why| format!("then {why}")));
    }
    problems
}

impl ResponseCase {
    fn behavior(&self) -> Behavior {
        let byte = |c: char| u8::try_from(u32::from(c)).expect("a character below U+0100");
        let bytes: Vec<u8> = expand(&self.answer).chars().map(byte).collect();
        match self.end {
            None => Behavior::raw(bytes),
            Some(End::Close) => Behavior::raw_then_close(bytes),
            Some(End::Reset) => Behavior::raw_then_reset(bytes),
        }
    }

    fn wrong_with(&self, answer: &Response) -> Vec<String> {
        let mut wrong = Vec::new();
        if !self.status.contains(&answer.status) {
            wrong.push(format!("answered {}: {:.60?}", answer.status, answer.text()));
        }
        if self.body.as_ref().is_some_and(|body| *body != answer.text()) {
            wrong.push(format!("the client read {:?}", answer.text()));
        }
        let leaked = self.lacks.iter().filter(|name| answer.fields.get(name).is_some());
        wrong.extend(leaked.map(|name| format!("has {name}")));
        let hints = answer.informational.len();
        // Those before an answer that is refused may have gone out; no flood of them.
        if self.hints.map_or(hints > 64, |wanted| wanted != hints) {
            wrong.push(format!("{hints} informational answers"));
        }
        wrong
    }
}
