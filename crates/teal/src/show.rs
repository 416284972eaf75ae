//! What a verb shows: text or JSON on standard output, a failure on standard error.
//!
//! Colors only on a terminal and without `NO_COLOR`. A reader that has gone, as in
//! `teal history | head`, is no failure.

use std::io::{self, IsTerminal, Write};

use serde::Serialize;

use crate::exit::Failure;

const RESET: &str = "\x1b[0m";

/// Writes text that is whole lines.
pub(crate) fn text(text: &str) {
    let mut out = anstream::stdout();
    for line in text.lines() {
        // A reader that has gone wants no more.
        if writeln!(out, "{}", painted(line)).is_err() {
            return;
        }
    }
    let _reader_gone = out.flush();
}

/// Writes JSON as the admin API sent it.
pub(crate) fn json(body: &[u8]) {
    let mut out = io::stdout().lock();
    let end: &[u8] = if body.ends_with(b"\n") { b"" } else { b"\n" };
    let _reader_gone = out.write_all(body).and_then(|()| out.write_all(end));
}

/// Writes a value as JSON.
pub(crate) fn value<T: Serialize>(value: &T) -> Result<(), Failure> {
    let text = serde_json::to_vec_pretty(value)
        .map_err(|error| Failure::failed(format!("the answer can't be written: {error}")))?;
    json(&text);
    Ok(())
}

/// Writes plain bytes, such as a document.
pub(crate) fn document(text: &str) {
    let mut out = io::stdout().lock();
    let _reader_gone = out.write_all(text.as_bytes());
}

/// Says why a verb failed.
pub(crate) fn failure(failure: &Failure) {
    if failure.message.is_empty() {
        return; // said already, as JSON
    }
    let mut err = anstream::stderr();
    let _nobody_reads = writeln!(err, "\x1b[1;31merror{RESET}: {}", failure.message);
}

/// Says on standard error what somebody should look at.
pub(crate) fn warning(text: &str) {
    let mut err = anstream::stderr();
    let _nobody_reads = writeln!(err, "\x1b[1;33mwarning{RESET}: {text}");
}

/// Whether somebody watches standard error, so that progress can be drawn there.
pub(crate) fn is_watched() -> bool {
    let dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
    io::stderr().is_terminal() && !dumb
}

/// Whether standard output is a terminal, and if so, whether it wants colors.
pub(crate) fn terminal() -> Option<bool> {
    let colors = || anstream::AutoStream::choice(&io::stdout()) != anstream::ColorChoice::Never;
    io::stdout().is_terminal().then(colors)
}

/// Draws over the last line of progress.
pub(crate) fn progress(line: &str) {
    let mut err = io::stderr().lock();
    let _nobody_reads = write!(err, "\r\x1b[2K{line}").and_then(|()| err.flush());
}

/// Colors for the words that matter; stripped where nobody would see them.
fn painted(line: &str) -> String {
    const PAINT: [(&str, &str); 6] = [
        ("do not stop", "\x1b[33m"),
        ("safe to stop", "\x1b[32m"),
        ("healthy: true", "\x1b[32m"),
        ("healthy: false", "\x1b[31m"),
        (" down,", "\x1b[31m"),
        ("stale_lost", "\x1b[33m"),
    ];
    PAINT.iter().fold(line.to_owned(), |line, (words, color)| {
        line.replace(words, &format!("{color}{words}{RESET}"))
    })
}
