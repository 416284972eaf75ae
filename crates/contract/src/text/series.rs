//! The recent traffic of services as a small table: the newest steps, a line for each color that had any.

use crate::unit::rfc3339;
use crate::wire::{Color, ColorSeries, Series, ServiceSeries};

use super::{TextBuilder, line};

/// The number of steps that are shown.
const STEPS: usize = 10;

/// The maximum number of services that are shown.
const SHOWN: usize = 10;

/// Formats the newest steps of each service.
pub fn series(series: &Series) -> String {
    let mut lines = TextBuilder::default();
    let several = series.services.len() > 1;
    for (place, service) in series.services.iter().take(SHOWN).enumerate() {
        if several {
            if place > 0 {
                line!(lines, "");
            }
            line!(lines, "Service: {}", service.service);
        }
        table(&mut lines, series, service);
    }
    match series.services.len() {
        0 => line!(lines, "No service is configured"),
        count if count > SHOWN => {
            line!(lines, "{} more services: name one with service=NAME", count - SHOWN);
        }
        _ => {}
    }
    lines.0
}

fn table(lines: &mut TextBuilder, series: &Series, service: &ServiceSeries) {
    let steps = service.steps();
    if steps == 0 {
        let step = series.step_seconds;
        line!(lines, "No step of {step}s has ended since Teal started, or since `after`");
        return;
    }
    line!(
        lines,
        "until     color  requests    4xx    5xx  failed    p50 ms    p99 ms  in flight  streams"
    );
    for step in steps.saturating_sub(STEPS)..steps {
        let back = (steps - 1 - step) as u64 * u64::from(series.step_seconds);
        let until = rfc3339(rules::Time(series.end.saturating_sub(back).saturating_mul(1000)));
        let until = until.get(11..19).unwrap_or_default();
        let mut quiet = true;
        for color in [Color::Blue, Color::Green] {
            if let Some(figures) = figures(service.of(color), step) {
                line!(lines, "{until}  {:5}  {figures}", color.to_string());
                quiet = false;
            }
        }
        let of = |counts: &[u64]| counts.get(step).copied().unwrap_or_default();
        let (teal, aborted) = (of(&service.teal), of(&service.aborted));
        match (teal, aborted) {
            (0, 0) if quiet => line!(lines, "{until}  no requests"),
            (0, 0) => {}
            _ => line!(lines, "{until}  {teal} answered by Teal, {aborted} aborted"),
        }
    }
}

/// Formats one step of a color; `None`: it had no traffic.
fn figures(color: &ColorSeries, step: usize) -> Option<String> {
    let of = |counts: &[u64]| counts.get(step).copied().unwrap_or_default();
    let time = |times: &[Option<f64>]| {
        let time = times.get(step).copied().flatten();
        time.map_or_else(|| "-".to_owned(), |time| format!("{time:.1}"))
    };
    let (requests, in_flight) = (of(&color.requests), of(&color.in_flight));
    if requests == 0 && in_flight == 0 {
        return None;
    }
    Some(format!(
        "{requests:>8} {:>6} {:>6}  {:>6}  {:>8}  {:>8}  {in_flight:>9}  {:>7}",
        of(&color.client_errors),
        of(&color.server_errors),
        of(&color.failed),
        time(&color.p50_ms),
        time(&color.p99_ms),
        of(&color.streams),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_steps_are_lines_with_the_time_at_which_each_ends() {
        let blue = ColorSeries {
            requests: vec![412, 0],
            client_errors: vec![3, 0],
            server_errors: vec![1, 0],
            failed: vec![0, 0],
            p50_ms: vec![Some(1.25), None],
            p99_ms: vec![Some(80.0), None],
            in_flight: vec![37, 0],
            streams: vec![2, 0],
        };
        let green = ColorSeries::default();
        let (teal, aborted, service) = (vec![5, 0], vec![1, 0], "web".to_owned());
        let services = vec![ServiceSeries { service, blue, green, teal, aborted }];
        let end = 1_795_446_245;
        let answer = Series { at: String::new(), end, step_seconds: 10, services };
        assert_eq!(
            series(&answer),
            "until     color  requests    4xx    5xx  failed    p50 ms    p99 ms  in flight  streams\n\
             15:03:55  blue        412      3      1       0       1.2      80.0         37        2\n\
             15:03:55  5 answered by Teal, 1 aborted\n\
             15:04:05  no requests\n"
        );
    }
}
