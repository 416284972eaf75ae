//! One color of a service, from its role to its targets.

use contract::text::{health, probed};
use contract::wire::{Color, ColorStatus, Health, Role, Target};
use ratatui_core::layout::Rect;
use ratatui_core::style::Style;

use crate::canvas::Canvas;
use crate::palette::{FAINT, PLAIN, Palette, STRONG};
use crate::rates::{ColorRates, bars};
use crate::words::{clean, count, many, millis, rate, seconds};

/// The width of the labels.
const LABELS: u16 = 10;

/// The width of a rate in front of its bars.
const RATE: u16 = 8;

/// The width from which a target is described in full.
const WIDE: u16 = 60;

/// The sign for a figure that the API has not given.
const NOT_KNOWN: &str = "–";

/// A color to draw.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Column<'s> {
    pub(crate) color: Color,
    pub(crate) status: &'s ColorStatus,
    /// The rates, and the highest of both colors; `None`: not given.
    pub(crate) rates: Option<(&'s ColorRates, f64)>,
    /// The lines of the bars.
    pub(crate) bars: u16,
    /// The lines of the targets.
    pub(crate) targets: u16,
}

/// The number of lines without targets and bars.
pub(crate) const HEIGHT: u16 = 7;

impl Column<'_> {
    pub(crate) fn draw(&self, canvas: &mut Canvas<'_>, area: Rect) {
        let palette = canvas.palette;
        self.title(canvas, area);
        let version = self.status.version.as_deref().map_or_else(|| NOT_KNOWN.to_owned(), clean);
        let (safety, style) = safety(self.status, palette);
        let rows = [
            ("version", version, PLAIN),
            ("health", clean(&health(self.status)), of_health(self.status, palette)),
            ("in flight", in_flight(self.status), PLAIN),
            ("stop it?", safety, style),
        ];
        let mut y = area.y + 1;
        for (label, value, style) in &rows {
            labeled(canvas, area, y, label, value, *style);
            y += 1;
        }
        self.chart(canvas, Rect { y, ..area });
        y += self.bars;
        let [errors, latency] = self.figures();
        labeled(canvas, area, y, "errors/s", &errors, PLAIN);
        labeled(canvas, area, y + 1, "latency", &latency, PLAIN);
        self.targets(canvas, Rect { y: y + 2, ..area });
    }

    fn title(&self, canvas: &mut Canvas<'_>, area: Rect) {
        let (sign, word) = role(self.status);
        let style = canvas.palette.of(self.color);
        let title = format!("{sign} {}: {word} ", self.color.to_string().to_uppercase());
        let x = canvas.text(area.x, area.y, area.width, &title, style);
        let rule = "━".repeat(usize::from(area.right().saturating_sub(x)));
        canvas.text(x, area.y, area.right().saturating_sub(x), &rule, style);
    }

    fn chart(&self, canvas: &mut Canvas<'_>, area: Rect) {
        let palette = canvas.palette;
        let Some((rates, highest)) = self.rates else {
            return labeled(canvas, area, area.y, "requests/s", NOT_KNOWN, PLAIN);
        };
        labeled(canvas, area, area.y, "requests/s", &rate(rates.newest()), STRONG);
        let x = area.x + LABELS + 1 + RATE;
        let room = area.right().saturating_sub(x);
        let lines = bars(&rates.requests, highest, usize::from(room), usize::from(self.bars));
        for (place, line) in lines.iter().enumerate() {
            canvas.text(x, area.y + place as u16, room, line, palette.of(self.color));
        }
    }

    /// Errors and latency of the newest step.
    fn figures(&self) -> [String; 2] {
        let Some((rates, _)) = self.rates else {
            return [NOT_KNOWN.to_owned(), NOT_KNOWN.to_owned()];
        };
        let latency = |value: Option<f64>| value.map_or_else(|| NOT_KNOWN.to_owned(), millis);
        [
            format!(
                "4xx {}  5xx {}  failed {}",
                rate(rates.client_errors),
                rate(rates.server_errors),
                rate(rates.failed)
            ),
            format!("p50 {}  p99 {}", latency(rates.p50_ms), latency(rates.p99_ms)),
        ]
    }

    fn targets(&self, canvas: &mut Canvas<'_>, area: Rect) {
        let palette = canvas.palette;
        let all = &self.status.targets;
        if all.is_empty() && self.targets > 0 {
            canvas.text(area.x, area.y, area.width, "no targets", FAINT);
        }
        let room = usize::from(self.targets);
        let shown = if all.len() > room { room.saturating_sub(1) } else { all.len() };
        for (place, target) in worst_first(all).into_iter().take(shown).enumerate() {
            let (sign, style) = match target.health {
                Health::Up => ("●", PLAIN),
                Health::Down => ("✕", palette.bad()),
                Health::Unknown => ("▲", palette.warning()),
            };
            let words = if area.width >= WIDE { clean(&probed(target)) } else { in_short(target) };
            let y = area.y + place as u16;
            canvas.text(area.x, y, area.width, &format!("{sign} {words}"), style);
        }
        if shown < all.len() && room > 0 {
            let more = format!("… and {}", many(all.len() - shown, "more target"));
            canvas.text(area.x, area.y + shown as u16, area.width, &more, FAINT);
        }
    }
}

fn labeled(canvas: &mut Canvas<'_>, area: Rect, y: u16, label: &str, value: &str, style: Style) {
    canvas.text(area.x, y, LABELS, label, FAINT);
    let x = area.x + LABELS + 1;
    canvas.text(x, y, area.right().saturating_sub(x), value, style);
}

/// The shape and the word of a color's role.
pub(crate) fn role(status: &ColorStatus) -> (&'static str, &'static str) {
    let is_down = !status.targets.is_empty()
        && status.targets.iter().all(|target| target.health == Health::Down);
    match (status.role, status.healthy) {
        (Role::Active, _) if is_down => ("✕", "active, down"),
        (Role::Active, Some(false)) => ("▲", "active, not healthy"),
        (Role::Active, _) => ("●", "active"),
        (Role::Draining, _) if status.drained => ("○", "idle"),
        (Role::Draining, _) => ("▲", "draining"),
        (Role::Idle, _) if status.retired => ("○", "retired"),
        (Role::Idle, _) if is_down => ("✕", "idle, down"),
        (Role::Idle, Some(false)) => ("○", "idle, not healthy"),
        (Role::Idle, _) => ("○", "idle"),
    }
}

/// The answer to "may I stop it?", as in `teal status`.
fn safety(status: &ColorStatus, palette: Palette) -> (String, Style) {
    let no = |why: &str| (format!("no: {why}"), palette.warning());
    match (status.role, status.deadline_seconds) {
        (Role::Active, Some(left)) => no(&format!("active, {} to the deadline", seconds(left))),
        (Role::Active, None) => ("no: active".to_owned(), PLAIN),
        _ if status.retired => ("yes: retired".to_owned(), palette.good()),
        _ if status.drained => ("yes: drained".to_owned(), palette.good()),
        _ if status.cutting => no("cutting the rest"),
        (_, Some(left)) => no(&format!("{} to the deadline", seconds(left))),
        (_, None) => no("not drained"),
    }
}

fn of_health(status: &ColorStatus, palette: Palette) -> Style {
    match (status.healthy, status.role) {
        (Some(true), _) => palette.good(),
        (Some(false), Role::Active) => palette.bad(),
        (Some(false) | None, _) => PLAIN,
    }
}

fn in_flight(status: &ColorStatus) -> String {
    let streams = match status.streams {
        0 => String::new(),
        streams => format!(", {}", many(streams as usize, "stream")),
    };
    let oldest = status.oldest_age_seconds;
    let oldest = oldest.map_or_else(String::new, |age| format!(", oldest {}", seconds(age)));
    count(status.in_flight) + &streams + &oldest
}

fn worst_first(targets: &[Target]) -> Vec<&Target> {
    let mut sorted: Vec<_> = targets.iter().collect();
    sorted.sort_by_key(|target| match target.health {
        Health::Down => 0,
        Health::Unknown => 1,
        Health::Up => 2,
    });
    sorted
}

/// A target in few words: without its scheme, and with the reason before the age.
fn in_short(target: &Target) -> String {
    let name = target.url.strip_prefix("http://").unwrap_or(&target.url);
    let health = match target.health {
        Health::Up => " up",
        Health::Down => "", // the sign and the reason say it
        Health::Unknown => " unknown",
    };
    let found = target.last_probe.as_ref().map_or_else(
        || "not probed yet".to_owned(),
        |probe| match (&probe.reason, probe.status) {
            (Some(reason), _) => reason.clone(),
            (None, Some(status)) => format!("{status} in {}", millis(probe.latency_ms)),
            (None, None) => format!("passed in {}", millis(probe.latency_ms)),
        },
    );
    let in_flight = match target.in_flight {
        0 => String::new(),
        in_flight => format!(", {} in flight", count(in_flight)),
    };
    clean(&format!("{name}{health}{in_flight}: {found}"))
}
