//! The report: a Markdown file with every figure, and a chart for each group.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

use crate::chart;
use crate::machine::Machine;
use crate::statistics::{median, upper_bound};

/// The fewest paired rounds that are judged.
const ROUNDS_JUDGED: usize = 9;

/// The results of one of the compared proxies, by round.
#[derive(Clone, Debug)]
pub(crate) struct Series {
    pub(crate) name: String,
    pub(crate) values: Vec<f64>,
}

/// The values that are compared with the bar, by round.
#[derive(Debug)]
pub(crate) struct Judged {
    pub(crate) values: Vec<f64>,
    pub(crate) what: &'static str,
    pub(crate) bar: f64,
}

/// One row of the report.
#[derive(Debug)]
pub(crate) struct Figure {
    pub(crate) group: &'static str,
    pub(crate) work: String,
    pub(crate) unit: &'static str,
    pub(crate) series: Vec<Series>,
    judged: Option<Judged>,
}

impl Series {
    pub(crate) fn new(name: &str, values: Vec<f64>) -> Self {
        Self { name: name.to_owned(), values }
    }
}

impl Judged {
    /// The verdict: met only if even the upper bound is within the bar, and there were enough rounds.
    fn verdict(&self) -> &'static str {
        if self.values.len() < ROUNDS_JUDGED {
            "too few rounds"
        } else if upper_bound(&self.values) <= self.bar {
            "met"
        } else {
            "not met"
        }
    }
}

impl Figure {
    pub(crate) fn new(
        group: &'static str,
        work: &str,
        unit: &'static str,
        series: Vec<Series>,
        judged: Option<Judged>,
    ) -> Self {
        Self { group, work: work.to_owned(), unit, series, judged }
    }
}

/// Writes `NAME.md` and its charts into a directory.
pub(crate) fn write(
    directory: &Path,
    name: &str,
    machine: &Machine,
    figures: &[Figure],
    failed: &[String],
) -> Result<()> {
    fs::create_dir_all(directory)?;
    let mut text = format!("# Teal beside its peers, {name}\n\n{machine}\n");
    text.push_str("\n## Bars\n\n");
    text.push_str("| work | what is judged | median | upper 95 % bound | bar | |\n|---|---|---|---|---|---|\n");
    for figure in figures {
        if let Some(judged) = &figure.judged {
            let Judged { values, what, bar } = judged;
            let (median, bound) = (median(values), upper_bound(values));
            let verdict = judged.verdict();
            let work = &figure.work;
            writeln!(
                text,
                "| {work} | {what} | {median:.3} | {bound:.3} | {bar:.2} | {verdict} |"
            )?;
        }
    }
    if !failed.is_empty() {
        write!(text, "\n## Not measured\n\n```text\n{}\n```\n", failed.join("\n"))?;
    }
    let mut groups: Vec<&str> = figures.iter().map(|figure| figure.group).collect();
    groups.dedup();
    groups.sort_unstable();
    groups.dedup();
    for group in groups {
        let figures: Vec<&Figure> = figures.iter().filter(|figure| figure.group == group).collect();
        let chart = format!("{name}-{}.svg", group.to_lowercase().replace(' ', "-"));
        fs::write(directory.join(&chart), chart::bars(group, &figures))?;
        write!(text, "\n## {group}\n\n![{group}]({chart})\n\n{}", table(&figures)?)?;
    }
    let file = directory.join(format!("{name}.md"));
    fs::write(&file, text).with_context(|| format!("{} can't be written", file.display()))
}

fn table(figures: &[&Figure]) -> Result<String> {
    let mut text =
        "| work | | median | lowest to highest | unit | rounds |\n|---|---|---|---|---|---|\n"
            .to_owned();
    for figure in figures {
        for Series { name, values } in &figure.series {
            let low = values.iter().copied().fold(f64::INFINITY, f64::min);
            let high = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            let (work, unit, rounds) = (&figure.work, figure.unit, values.len());
            let median = median(values);
            writeln!(
                text,
                "| {work} | {name} | {median:.2} | {low:.2} to {high:.2} | {unit} | {rounds} |"
            )?;
        }
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bar_is_met_only_if_the_bound_is_within_it_and_rounds_suffice() {
        let judged = |values: &[f64], bar| Judged { values: values.to_vec(), what: "", bar };
        assert_eq!(judged(&[0.8; 9], 0.8).verdict(), "met");
        assert_eq!(judged(&[0.8; 8], 0.9).verdict(), "too few rounds");
        let spread = [0.8, 0.8, 0.8, 0.8, 0.8, 1.2, 1.2, 1.2, 1.2];
        assert_eq!(judged(&spread, 0.9).verdict(), "not met", "the median alone would be");
        assert_eq!(judged(&[f64::NAN; 9], 0.9).verdict(), "not met");
    }
}
