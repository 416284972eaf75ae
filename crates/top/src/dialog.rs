//! The dialog of an action: first what Teal says would happen, then the question, then the outcome in words.
//!
//! Only a call that has passed its dry run can be confirmed, so that a key that was typed too early does nothing.

use contract::wire::Color;
use ratatui_core::layout::Rect;

use crate::canvas::Canvas;
use crate::key::Key;
use crate::palette::{PLAIN, STRONG};
use crate::words::{clean, wrapped};

/// The command of an action.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verb {
    /// Move the service to a color.
    Switch(Color),
    /// Move it back to its previous color.
    Rollback,
    /// Keep new requests waiting.
    Hold,
    /// Release waiting requests.
    Resume,
}

/// An action about a service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call {
    /// The number of the dialog, which the answer must name.
    pub ticket: u32,
    /// The command.
    pub verb: Verb,
    /// The service.
    pub service: String,
    /// The generation of the service that the person has seen, for `If-Match`.
    pub generation: u64,
}

/// The end of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The dry run has passed, or the action is done.
    Done,
    /// There is nothing to do.
    Nothing,
    /// Teal has refused; nothing was changed.
    Refused,
    /// It is not known, or an error.
    Failed,
}

/// The answer to a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The number of the dialog.
    pub ticket: u32,
    /// The end.
    pub outcome: Outcome,
    /// The words of Teal, in lines.
    pub text: String,
}

/// An open dialog.
#[derive(Clone, Debug)]
pub(crate) struct Dialog {
    call: Call,
    state: State,
}

#[derive(Clone, Debug)]
enum State {
    /// The dry run is under way.
    Asking,
    /// These would happen.
    Ready(Vec<String>),
    /// The action is under way.
    Acting,
    /// These did happen.
    Ended(Outcome, Vec<String>),
}

/// The effect of a key.
#[derive(Clone, Debug)]
pub(crate) enum Step {
    Stay,
    Close,
    Act(Call),
}

// === impl Verb ===

impl Verb {
    fn of(self, service: &str) -> String {
        match self {
            Self::Switch(to) => format!("Switch {service} to {to}"),
            Self::Rollback => format!("Roll back {service}"),
            Self::Hold => format!("Hold {service}"),
            Self::Resume => format!("Resume {service}"),
        }
    }

    /// The key's word in the dialog.
    fn word(self) -> &'static str {
        match self {
            Self::Switch(_) => "switch",
            Self::Rollback => "roll back",
            Self::Hold => "hold",
            Self::Resume => "resume",
        }
    }
}

// === impl Dialog ===

impl Dialog {
    pub(crate) fn new(call: Call) -> Self {
        Self { call, state: State::Asking }
    }

    pub(crate) fn ticket(&self) -> u32 {
        self.call.ticket
    }

    pub(crate) fn key(&mut self, key: Key) -> Step {
        match (&self.state, key) {
            (State::Ready(_), Key::Enter | Key::Char('y' | 'Y')) => {
                self.state = State::Acting;
                Step::Act(self.call.clone())
            }
            (State::Asking | State::Ready(_), Key::Escape | Key::Char('n' | 'N' | 'q'))
            | (State::Ended(..), Key::Escape | Key::Enter | Key::Char('q')) => Step::Close,
            _ => Step::Stay,
        }
    }

    pub(crate) fn answered(&mut self, answer: &Answer) {
        let lines: Vec<String> =
            answer.text.lines().map(clean).filter(|line| !line.is_empty()).collect();
        self.state = match (&self.state, answer.outcome) {
            (State::Asking, Outcome::Done) => State::Ready(lines),
            (_, outcome) => State::Ended(outcome, lines),
        };
    }

    pub(crate) fn draw(&self, canvas: &mut Canvas<'_>) {
        let area = canvas.area();
        let palette = canvas.palette;
        let what = self.call.verb.of(&self.call.service);
        let key = self.call.verb.word();
        let (title, style, text, keys) = match &self.state {
            State::Asking => {
                let text = vec!["Asking Teal what would happen…".to_owned()];
                (what, STRONG, text, "Esc: cancel".to_owned())
            }
            State::Ready(text) => {
                let keys = format!("Enter or y: {key} · Esc: cancel, change nothing");
                (format!("{what}?"), palette.warning(), text.clone(), keys)
            }
            State::Acting => {
                let text = vec!["Waiting for the answer of Teal…".to_owned()];
                (what, STRONG, text, String::new())
            }
            State::Ended(outcome, text) => {
                let (word, style) = match outcome {
                    Outcome::Done => ("● done", palette.good()),
                    Outcome::Nothing => ("○ nothing to do", STRONG),
                    Outcome::Refused => ("▲ refused, nothing was changed", palette.warning()),
                    Outcome::Failed => ("✕ failed", palette.bad()),
                };
                (format!("{what}: {word}"), style, text.clone(), "Esc: close".to_owned())
            }
        };
        let width = area.width.saturating_sub(4).min(72);
        let room = width.saturating_sub(4);
        let mut lines: Vec<String> =
            text.iter().flat_map(|line| wrapped(line, usize::from(room), 4)).collect();
        let most = usize::from(area.height.saturating_sub(6)).max(1);
        if lines.len() > most {
            lines.truncate(most - 1);
            lines.push("…".to_owned());
        }
        let height = (lines.len() as u16 + 4).min(area.height);
        let frame =
            Rect { x: (area.width - width) / 2, y: (area.height - height) / 2, width, height };
        canvas.empty_box(frame, &title, style);
        for (place, line) in lines.iter().enumerate() {
            canvas.text(frame.x + 2, frame.y + 1 + place as u16, room, line, PLAIN);
        }
        canvas.text(frame.x + 2, frame.bottom() - 2, room, &keys, STRONG);
    }
}
