//! The files that the answers make, and what to do with them.

mod compose;
mod config;
mod hooks;
mod next;
mod script;
mod unit;

use crate::answer::{Answers, CONFIG, Place, Runner};

pub use next::next_steps;

pub(crate) use compose::port as compose_port;
pub(crate) use config::config;

/// A file to write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct File {
    /// Its path below the directory, of plain names.
    pub path: String,
    /// Its contents.
    pub text: String,
    /// True for programs.
    pub executable: bool,
}

/// All files of these answers, the configuration first.
pub fn files(answers: &Answers, place: &Place) -> Vec<File> {
    let document =
        |path: &str, text: String| File { path: path.to_owned(), text, executable: false };
    let mut files = vec![document(CONFIG, config(answers, place))];
    match &answers.runner {
        Runner::Systemd(line) => {
            files.push(document(&unit::name(answers), unit::unit(answers, line)));
        }
        Runner::Hooks(line) => files.extend(hooks::of_a_program(answers, line)),
        Runner::Compose(image) => {
            files.push(document("compose.yaml", compose::compose(answers, image)));
            files.extend(hooks::of_compose(answers));
        }
        Runner::Docker(_) | Runner::Command(_) => {}
    }
    files.push(script::deploy(answers));
    files
}
