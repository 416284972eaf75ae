//! The parent's few lines in the log.

use std::io::{self, Write};

/// Says something in the log, as the serving Teal would.
pub(crate) fn tell(text: &str, json: bool) {
    let mut out = io::stderr().lock();
    // Ignored: nobody reads it.
    let _ = if json {
        writeln!(out, "{{\"level\":\"ERROR\",\"message\":{text:?}}}")
    } else {
        writeln!(out, "teal: {text}")
    };
}
