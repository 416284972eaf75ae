//! A first configuration: five questions, and the files that their answers make.
//!
//! The steps are modules: `ask` goes through the questions and takes each answer from a flag, a person or a default;
//! `check` checks what has been answered so far as `teal check` does, in the same words; `files` makes the
//! texts; `write` puts them into a directory, all or none.
//!
//! Guaranteed: a set of answers that is returned makes a configuration without problems; a file that exists is never
//! changed; a set that cannot be written as a whole leaves nothing behind.
//!
//! Never here: starting anything, reading the terminal or the environment on its own.

#![forbid(unsafe_code)]

mod answer;
mod ask;
mod check;
mod command_line;
mod files;
mod given;
mod ports;
mod question;
mod write;

pub use answer::{Answers, CONFIG, Place, Runner, Tls};
pub use ask::{Person, Unanswered, ask};
pub use files::{File, files, next_steps};
pub use given::{Given, RunnerKind, TlsKind};
pub use ports::in_use;
pub use write::{Unwritten, Written, existing, write};
