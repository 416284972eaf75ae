//! Logs: to standard error, as text or JSON, one event per line.
//!
//! Guaranteed: an event is one line and no control character leaves as it is, so that nothing
//! that came with a request can pretend to be another event or reach into a terminal.

use std::io::{self, Write};

use tracing::Level;
use tracing_subscriber::fmt::MakeWriter;

use crate::cli::LogFormat;

/// Sends all events of this process to standard error.
pub(crate) fn start(format: LogFormat) {
    let events = tracing_subscriber::fmt()
        .with_max_level(Level::INFO)
        .with_ansi(false)
        .with_target(false)
        .with_writer(OneLine);
    match format {
        LogFormat::Text => events.init(),
        LogFormat::Json => events.json().flatten_event(true).init(),
    }
}

/// Gives each event a writer that escapes.
struct OneLine;

/// Escapes control characters, but for the line break at the end of an event.
struct Escaping<W>(W);

impl<'w> MakeWriter<'w> for OneLine {
    type Writer = Escaping<io::StderrLock<'static>>;

    fn make_writer(&'w self) -> Self::Writer {
        Escaping(io::stderr().lock())
    }
}

impl<W: Write> Write for Escaping<W> {
    /// Takes one whole event, as the subscriber hands it over.
    fn write(&mut self, event: &[u8]) -> io::Result<usize> {
        let text = String::from_utf8_lossy(event);
        let line = text.strip_suffix('\n').unwrap_or(&text);
        let mut escaped = String::with_capacity(line.len() + 1);
        for c in line.chars() {
            if c.is_control() || is_line_break(c) {
                escaped.extend(c.escape_default());
            } else {
                escaped.push(c);
            }
        }
        escaped.push('\n');
        self.0.write_all(escaped.as_bytes())?;
        Ok(event.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

/// What is no control character but still ends a line or turns its direction.
fn is_line_break(c: char) -> bool {
    matches!(c, '\u{2028}' | '\u{2029}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::*;

    // A8
    #[test]
    fn an_event_is_one_line_whatever_is_in_it() {
        let mut written = Vec::new();
        let event = "INFO refused reason=\"a\nERROR forged \x1b[31m\r\u{9b}2J\u{202e}\" é\n";
        let taken = Escaping(&mut written).write(event.as_bytes()).expect("written");
        assert_eq!(taken, event.len());
        let text = String::from_utf8(written).expect("text");
        assert_eq!(
            text,
            "INFO refused reason=\"a\\nERROR forged \\u{1b}[31m\\r\\u{9b}2J\\u{202e}\" é\n"
        );
    }
}
