//! Rates from the series: of a color, with its past as bars on a scale that both share; and of a service as a whole.

use std::collections::HashMap;

use contract::wire::{Color, ColorSeries, Series, ServiceSeries};

/// The steps of a bar in one cell.
const BARS: [char; 9] = [' ', '▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

/// The rates of both colors of a service.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Rates {
    blue: ColorRates,
    green: ColorRates,
    /// The highest rate of requests of both.
    pub(crate) highest: f64,
}

/// The rates of a color, per second.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct ColorRates {
    /// Requests, oldest first.
    pub(crate) requests: Vec<f64>,
    /// Answers 4xx in the newest step.
    pub(crate) client_errors: f64,
    /// Answers 5xx in the newest step.
    pub(crate) server_errors: f64,
    /// Requests without a whole answer in the newest step.
    pub(crate) failed: f64,
    /// The median of the newest step; `None` without a request.
    pub(crate) p50_ms: Option<f64>,
    /// The 99th percentile of the newest step; `None` without a request.
    pub(crate) p99_ms: Option<f64>,
}

/// The rates of a service as a whole in the newest step, per second.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Totals {
    /// Requests to the targets of both colors.
    pub(crate) requests: f64,
    /// Answers 5xx, and requests without a whole answer.
    pub(crate) errors: f64,
}

/// Returns the rates of every service that a series has, by name.
pub(crate) fn totals(series: &Series) -> HashMap<String, Totals> {
    let of = |found: &ServiceSeries| {
        let rates = Rates::read(found, step(series))?;
        let sum = |figure: fn(&ColorRates) -> f64| figure(&rates.blue) + figure(&rates.green);
        let errors = sum(|color| color.server_errors + color.failed);
        Some((found.service.clone(), Totals { requests: sum(ColorRates::newest), errors }))
    };
    series.services.iter().filter_map(of).collect()
}

/// The length of a step in seconds.
fn step(series: &Series) -> f64 {
    f64::from(series.step_seconds.max(1))
}

impl Rates {
    /// The rates of a service; `None`: the API has not given any.
    pub(crate) fn of(series: &Series, service: &str) -> Option<Self> {
        let found = series.services.iter().find(|one| one.service == service)?;
        Self::read(found, step(series))
    }

    fn read(found: &ServiceSeries, step: f64) -> Option<Self> {
        let (blue, green) =
            (ColorRates::of(&found.blue, step)?, ColorRates::of(&found.green, step)?);
        let all = blue.requests.iter().chain(&green.requests);
        let highest = all.fold(0.0, |highest: f64, rate| highest.max(*rate));
        Some(Self { blue, green, highest })
    }

    /// The rates of one color.
    pub(crate) fn color(&self, color: Color) -> &ColorRates {
        match color {
            Color::Blue => &self.blue,
            Color::Green => &self.green,
        }
    }
}

impl ColorRates {
    fn of(series: &ColorSeries, step: f64) -> Option<Self> {
        let newest = |counts: &[u64]| counts.last().map(|count| *count as f64 / step);
        Some(Self {
            requests: series.requests.iter().map(|count| *count as f64 / step).collect(),
            client_errors: newest(&series.client_errors)?,
            server_errors: newest(&series.server_errors)?,
            failed: newest(&series.failed)?,
            p50_ms: series.p50_ms.last().copied().flatten(),
            p99_ms: series.p99_ms.last().copied().flatten(),
        })
    }

    /// Requests per second in the newest step.
    pub(crate) fn newest(&self) -> f64 {
        self.requests.last().copied().unwrap_or_default()
    }
}

/// Draws rates as bars, newest at the right: `height` lines, the top one first. A step without a request is the
/// lowest bar, a step that is not known is empty.
pub(crate) fn bars(rates: &[f64], highest: f64, width: usize, height: usize) -> Vec<String> {
    let shown = &rates[rates.len().saturating_sub(width)..];
    let unknown = width - shown.len();
    let most = 8 * height - 1;
    let eighths = |rate: f64| {
        let share = if highest > 0.0 { rate / highest } else { 0.0 };
        let is_reached = |level: &usize| share * most as f64 + 0.5 >= *level as f64;
        1 + (0..=most).rev().find(is_reached).unwrap_or_default()
    };
    (0..height)
        .rev()
        .map(|line| {
            let bar = |rate: &f64| BARS[eighths(*rate).saturating_sub(8 * line).min(8)];
            " ".repeat(unknown) + &shown.iter().map(bar).collect::<String>()
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bars_share_a_scale_and_leave_what_is_not_known_empty() {
        assert_eq!(bars(&[0.0, 5.0, 10.0], 10.0, 5, 1), ["  ▁▅█"]);
        assert_eq!(bars(&[0.0, 5.0, 10.0], 10.0, 2, 1), ["▅█"]);
        assert_eq!(bars(&[0.0, 0.0], 0.0, 2, 1), ["▁▁"]);
        assert_eq!(bars(&[0.0, 10.0, 5.0], 10.0, 3, 2), [" █▁", "▁██"]);
    }
}
