//! The plain text of responses, for people and shells: the API sends it and the command line
//! prints it.
//!
//! The first lines are the ones scripts match (`Switched from blue to green`, `Active: blue`). The lines
//! after them answer the next question: may the old color be stopped?

mod change;
mod color;
mod deploy;
mod dry_run;
mod event;
mod forecast;
mod many;
mod notify;
mod preview;
mod record;
mod rollout;
mod series;
mod status;
mod trace;
mod whoami;

use std::fmt::{self, Write as _};
use std::time::Duration;

pub use change::*;
pub use color::*;
pub use deploy::*;
pub use dry_run::*;
pub use event::*;
pub use forecast::*;
pub use notify::*;
pub use preview::*;
pub use record::*;
pub use rollout::*;
pub use series::*;
pub use status::*;
pub use trace::*;
pub use whoami::*;

use crate::duration::show;
use crate::wire::{Color, Evidence};

/// A text built line by line.
#[derive(Debug, Default)]
struct TextBuilder(String);

impl TextBuilder {
    fn add(&mut self, line: fmt::Arguments<'_>) {
        let _never_fails = self.0.write_fmt(line);
        self.0.push('\n');
    }
}

macro_rules! line {
    ($lines:expr, $($format:tt)+) => { $lines.add(format_args!($($format)+)) };
}
use line;

fn proofs(lines: &mut TextBuilder, evidence: &[Evidence]) {
    for Evidence { target, address, at, status, latency_ms } in evidence {
        let target = located(target, address.as_deref());
        line!(lines, "Probe: {target} answered {status} in {latency_ms} ms at {at}");
    }
}

/// Formats a target as configured, with the single address it stands for, if any.
fn located(url: &str, address: Option<&str>) -> String {
    let address = address.filter(|address| !url.ends_with(address));
    match address.and_then(|address| address.rsplit_once(':')) {
        Some((host, _)) => format!("{url} at {}", host.trim_matches(['[', ']'])),
        None => url.to_owned(),
    }
}

fn seconds(seconds: f64) -> String {
    show(Duration::try_from_secs_f64(seconds).unwrap_or_default())
}

fn capital(color: Color) -> &'static str {
    match color {
        Color::Blue => "Blue",
        Color::Green => "Green",
    }
}
