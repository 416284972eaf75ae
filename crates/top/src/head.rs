//! The first lines: what this is about, its state in one sentence, and how far the picture can be trusted.

use std::time::Duration;

use contract::text::{running, standing};
use contract::wire::{Color, Role, Service, Severity};

use crate::canvas::Canvas;
use crate::palette::{FAINT, PLAIN, STRONG};
use crate::words::{clean, whole_seconds};

/// The number of lines.
pub(crate) const HEIGHT: u16 = 3;

/// How far the picture can be trusted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Trust {
    /// Teal has answered just now.
    Connected,
    /// Teal has not answered for so long, for this reason.
    Stale(Duration, String),
}

/// Draws the head: a name, what belongs to it, a sentence, and a problem with the number of all of them.
pub(crate) fn draw(
    canvas: &mut Canvas<'_>,
    (name, of_it): (&str, &str),
    sentence: &str,
    problem: Option<(Severity, String)>,
    trust: &Trust,
) {
    let (room, palette) = (canvas.area().width, canvas.palette);
    let right = match trust {
        Trust::Connected => canvas.text_before(room, 0, "● connected", palette.good()),
        Trust::Stale(since, _) => {
            let text = format!("▲ stale for {}", whole_seconds(*since));
            canvas.text_before(room, 0, &text, palette.warning())
        }
    };
    let pieces = [(name, STRONG), (of_it, FAINT)];
    canvas.pieces(0, 0, right.saturating_sub(1), &pieces);
    canvas.text(0, 1, room, sentence, PLAIN);
    match (trust, problem) {
        (Trust::Stale(_, why), _) => {
            let text = format!("▲ the last picture: {}", clean(why));
            canvas.text(0, 2, room, &text, palette.warning());
        }
        (Trust::Connected, Some((severity, text))) => {
            let (sign, style) = match severity {
                Severity::Outage => ("✕", palette.bad()),
                Severity::Degraded => ("▲", palette.warning()),
                Severity::Unknown | Severity::Notice => ("▲", STRONG),
            };
            canvas.text(0, 2, room, &format!("{sign} {text}"), style);
        }
        (Trust::Connected, None) => {}
    }
}

/// The most severe problem of a service, and how many more there are.
pub(crate) fn problem(service: &Service) -> Option<(Severity, String)> {
    let first = service.problems.first()?;
    let more = match service.problems.len() {
        1 => String::new(),
        all => format!(" (and {} more)", all - 1),
    };
    Some((first.severity, clean(&first.text) + &more))
}

/// The state of a service in a few words: its most severe problem, or what is out of the ordinary.
pub(crate) fn in_short(service: &Service) -> String {
    if let Some(first) = service.problems.first() {
        let text = clean(&first.text);
        let more = match service.problems.len() {
            1 => String::new(),
            all => format!(" (+{})", all - 1),
        };
        let short = text.split(": ").next().unwrap_or(&text);
        return format!("{} {short}{more}", sign(first.severity));
    }
    let (active, idle) = (service.active, other(service.active));
    let status = service.colors.of(idle);
    match (&service.maintenance, &service.held) {
        (Some(_), _) => "in maintenance".to_owned(),
        (None, Some(_)) => "held".to_owned(),
        (None, None) if status.role == Role::Draining && !status.drained => {
            format!("draining {idle}: {} left", status.in_flight)
        }
        (None, None) => format!("{active} serves"),
    }
}

/// The sign of a problem.
pub(crate) fn sign(severity: Severity) -> &'static str {
    if severity == Severity::Outage { "✕" } else { "▲" }
}

/// The state of a service in one sentence.
pub(crate) fn sentence(service: &Service) -> String {
    let words = |color| {
        let status = service.colors.of(color);
        running(color, status.version.as_deref().map(clean).as_deref())
    };
    let (active, idle) = (service.active, other(service.active));
    let status = service.colors.of(idle);
    let standing = match status.role {
        // Its column has the rest.
        Role::Draining if !status.drained => {
            format!("draining {}: do not stop {idle}", status.in_flight)
        }
        _ => standing(idle, status),
    };
    let does = match (&service.maintenance, &service.held) {
        (Some(_), _) => "is in maintenance",
        (None, Some(_)) => "is held",
        (None, None) => "serves",
    };
    format!("{} {does}; {} is {standing}", words(active), words(idle))
}

/// The other color.
pub(crate) fn other(color: Color) -> Color {
    match color {
        Color::Blue => Color::Green,
        Color::Green => Color::Blue,
    }
}
