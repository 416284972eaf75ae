//! Output of the commands: text or JSON on standard output, a failure on standard error.
//!
//! Colors only on a terminal and without `NO_COLOR`. A reader that has gone, as in
//! `teal history | head`, is not a failure. Any other error of standard output, such as a full disk, is one,
//! once the command has done its work ([`end`]).

use std::io::{self, ErrorKind, IsTerminal, Write};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};

use serde::Serialize;

use crate::Outcome;
use crate::exit::{Exit, Failure};

const RESET: &str = "\x1b[0m";

/// The first error of writing to standard output.
static UNWRITTEN: OnceLock<io::Error> = OnceLock::new();

/// The reader of standard output has gone.
static GONE: AtomicBool = AtomicBool::new(false);

/// Ends a command: output that could not be written turns success into failure.
pub(crate) fn end(outcome: Outcome) -> Outcome {
    let Some(error) = UNWRITTEN.get() else { return outcome };
    let exit = outcome?;
    let message = format!("cannot write to standard output: {error}");
    if exit == Exit::Done {
        let done = "the command itself succeeded";
        return Err(Failure::failed(format!("{message}; {done}, but its output is incomplete")));
    }
    Err(Failure::new(exit, message))
}

/// Returns true if standard output no longer has a reader, or no longer has room.
pub(crate) fn is_in_vain() -> bool {
    GONE.load(Ordering::Relaxed) || UNWRITTEN.get().is_some()
}

/// Records an error of standard output. A reader that has gone is not an error.
fn note(written: io::Result<()>) {
    match written {
        Ok(()) => {}
        Err(error) if error.kind() == ErrorKind::BrokenPipe => GONE.store(true, Ordering::Relaxed),
        Err(error) => {
            let _ = UNWRITTEN.set(error); // the first one says why
        }
    }
}

/// Writes text that is whole lines.
pub(crate) fn text(text: &str) {
    let mut out = anstream::stdout();
    let mut write = || {
        for line in text.lines() {
            writeln!(out, "{}", painted(line))?;
        }
        out.flush()
    };
    note(write());
}

/// Writes JSON as the admin API sent it.
pub(crate) fn json(body: &[u8]) {
    let mut out = io::stdout().lock();
    let end: &[u8] = if body.ends_with(b"\n") { b"" } else { b"\n" };
    note(out.write_all(body).and_then(|()| out.write_all(end)).and_then(|()| out.flush()));
}

/// Writes a value as JSON.
pub(crate) fn value<T: Serialize>(value: &T) -> Result<(), Failure> {
    let text = serde_json::to_vec_pretty(value)
        .map_err(|error| Failure::failed(format!("cannot write the answer as JSON: {error}")))?;
    json(&text);
    Ok(())
}

/// Writes a value as JSON on one line.
pub(crate) fn line<T: Serialize>(value: &T) -> Result<(), Failure> {
    let text = serde_json::to_vec(value)
        .map_err(|error| Failure::failed(format!("cannot write the answer as JSON: {error}")))?;
    json(&text);
    Ok(())
}

/// Writes plain bytes, such as a document.
pub(crate) fn document(text: &str) {
    let mut out = io::stdout().lock();
    note(out.write_all(text.as_bytes()).and_then(|()| out.flush()));
}

/// Prints help if it was asked for, or the problem with the arguments.
pub(crate) fn usage(told: &clap::Error) -> Exit {
    let printed = told.print().and_then(|()| io::stdout().flush());
    if told.use_stderr() {
        return Exit::Usage;
    }
    note(printed);
    Exit::Done
}

/// Prints a failure as JSON on standard output, for a caller that asked for JSON: a problem document like
/// those of the admin API.
pub(crate) fn failure_as_json(failure: &Failure) {
    if failure.message.is_empty() {
        return; // printed already
    }
    let (title, detail) = failure.message.split_once('\n').unwrap_or((&failure.message, ""));
    let code = failure.exit.code();
    let mut document = serde_json::json!({
        "type": format!("urn:teal:problem:{code}"),
        "title": title,
        "code": code,
        "exit": failure.exit as u8,
    });
    if !detail.is_empty() {
        document["detail"] = detail.into();
    }
    json(format!("{document:#}").as_bytes());
}

/// Prints a failure on standard error.
pub(crate) fn failure(failure: &Failure) {
    if failure.message.is_empty() {
        return; // printed already, as JSON
    }
    say("<3>", "\x1b[1;31merror", &failure.message);
}

/// Prints a warning on standard error.
pub(crate) fn warning(text: &str) {
    say("<4>", "\x1b[1;33mwarning", text);
}

fn say(priority: &str, word: &str, text: &str) {
    let mut err = anstream::stderr();
    let text = format!("{word}{RESET}: {text}\n");
    let text = if parent::is_journal() {
        // One entry for each line.
        text.lines().fold(String::new(), |lines, line| lines + priority + line + "\n")
    } else {
        text
    };
    let _nobody_reads = err.write_all(text.as_bytes());
}

/// Prints the reason for waiting on standard error, as a line.
pub(crate) fn waiting(line: &str) {
    let mut err = io::stderr().lock();
    let _nobody_reads = writeln!(err, "{line}").and_then(|()| err.flush());
}

/// Returns true if standard error is a terminal on which progress can be drawn.
pub(crate) fn is_watched() -> bool {
    let dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
    io::stderr().is_terminal() && !dumb
}

/// Returns `None` if standard output is not a terminal, else true if it wants colors.
pub(crate) fn terminal() -> Option<bool> {
    let colors = || anstream::AutoStream::choice(&io::stdout()) != anstream::ColorChoice::Never;
    io::stdout().is_terminal().then(colors)
}

/// Redraws the line of progress.
pub(crate) fn progress(line: &str) {
    let mut err = io::stderr().lock();
    let _nobody_reads = write!(err, "\r\x1b[2K{line}").and_then(|()| err.flush());
}

/// Colors the words that matter; the colors are stripped where they are not wanted.
fn painted(line: &str) -> String {
    const PAINT: [(&str, &str); 5] = [
        ("do not stop", "\x1b[33m"),
        ("safe to stop", "\x1b[32m"),
        ("healthy: true", "\x1b[32m"),
        ("healthy: false", "\x1b[31m"),
        ("stale_lost", "\x1b[33m"),
    ];
    PAINT.iter().fold(line.to_owned(), |line, (words, color)| {
        line.replace(words, &format!("{color}{words}{RESET}"))
    })
}
