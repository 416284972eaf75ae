//! Bar charts in SVG: one bar per series with its median, and a line from lowest to highest.

use std::fmt::Write as _;

use crate::report::Figure;
use crate::statistics::median;

const WIDTH: f64 = 760.0;
const LABELS: f64 = 240.0;
const FIGURES: f64 = 120.0;
const BAR: f64 = 20.0;
const HEADING: f64 = 34.0;

/// All figures of a group, each with its own scale, from zero.
pub(crate) fn bars(group: &str, figures: &[&Figure]) -> String {
    let mut body = String::new();
    let mut y = 44.0;
    for figure in figures {
        let _ = writeln!(
            body,
            "<text x=\"12\" y=\"{y}\" class=\"work\">{}, {}</text>",
            escaped(&figure.work),
            figure.unit
        );
        y += 10.0;
        let all = figure.series.iter().flat_map(|series| &series.values);
        let highest = all.copied().fold(f64::MIN_POSITIVE, f64::max);
        let scale = (WIDTH - LABELS - FIGURES) / highest;
        for series in &figure.series {
            bar(&mut body, y, scale, &series.name, &series.values);
            y += BAR;
        }
        y += HEADING;
    }
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{WIDTH}\" height=\"{y}\" \
         viewBox=\"0 0 {WIDTH} {y}\" font-family=\"sans-serif\" font-size=\"12\">\n\
         <style>.work{{font-weight:bold}}</style>\n\
         <rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>\n\
         <text x=\"12\" y=\"22\" font-size=\"16\">{}</text>\n{body}</svg>\n",
        escaped(group)
    )
}

fn bar(body: &mut String, y: f64, scale: f64, name: &str, values: &[f64]) {
    let low = values.iter().copied().fold(f64::INFINITY, f64::min) * scale + LABELS;
    let high = values.iter().copied().fold(0.0, f64::max) * scale + LABELS;
    let (middle, median) = (y + BAR / 2.0, median(values));
    let width = (median * scale).max(0.0);
    let fill = if name.starts_with("Teal") { "#0f766e" } else { "#94a3b8" };
    let _ = write!(
        body,
        "<text x=\"{}\" y=\"{}\" text-anchor=\"end\">{}</text>\n\
         <rect x=\"{LABELS}\" y=\"{}\" width=\"{width:.1}\" height=\"{}\" fill=\"{fill}\"/>\n\
         <line x1=\"{low:.1}\" x2=\"{high:.1}\" y1=\"{middle}\" y2=\"{middle}\" stroke=\"#111\"/>\n\
         <text x=\"{:.1}\" y=\"{}\">{median:.2}</text>\n",
        LABELS - 8.0,
        middle + 4.0,
        escaped(name),
        y + 3.0,
        BAR - 6.0,
        high + 8.0,
        middle + 4.0,
    );
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::Series;

    #[test]
    fn the_longest_bar_ends_within_the_chart_and_text_is_escaped() {
        let series = vec![Series::new("Teal", vec![10.0]), Series::new("a<b", vec![20.0])];
        let figure = Figure::new("CPU", "64 B", "µs", series, None);
        let svg = bars("CPU", &[&figure]);
        assert!(svg.contains("width=\"200.0\"") && svg.contains("width=\"400.0\""), "{svg}");
        assert!(svg.contains("a&lt;b") && svg.ends_with("</svg>\n"));
    }
}
