//! A parser of the metrics page, and the check that its books balance.

use std::collections::BTreeMap;

/// One scrape of `/metrics`.
#[derive(Clone, Debug, Default)]
pub struct Metrics {
    samples: Vec<Sample>,
}

#[derive(Clone, Debug)]
struct Sample {
    name: String,
    labels: BTreeMap<String, String>,
    value: f64,
}

impl Metrics {
    /// Reads the text exposition format; panics on an invalid line.
    #[track_caller]
    pub fn parse(text: &str) -> Self {
        let lines = text.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
        let samples = lines.map(|line| sample(line).ok_or(line));
        let samples = samples.collect::<Result<_, _>>().expect("every line is a sample");
        Metrics { samples }
    }

    /// The sum of all samples of `name` that carry these labels.
    pub fn sum(&self, name: &str, labels: &[(&str, &str)]) -> f64 {
        self.matching(name, labels).map(|sample| sample.value).sum()
    }

    /// The same as a whole number.
    #[track_caller]
    pub fn count(&self, name: &str, labels: &[(&str, &str)]) -> u64 {
        let sum = self.sum(name, labels).round() as i64;
        u64::try_from(sum).expect("a count is not negative")
    }

    /// Returns true if there is a sample of `name` with these labels.
    pub fn has(&self, name: &str, labels: &[(&str, &str)]) -> bool {
        self.matching(name, labels).next().is_some()
    }

    /// The values of `label` on the samples of `name`.
    pub fn label_values(&self, name: &str, label: &str) -> Vec<String> {
        self.matching(name, &[]).filter_map(|sample| sample.labels.get(label).cloned()).collect()
    }

    /// The violation of L8 at rest; none if the books balance.
    pub fn imbalance(&self) -> Option<String> {
        let accepted = self.sum("teal_requests_accepted_total", &[]);
        let answered = self.sum("teal_requests_answered_total", &[]);
        let aborted = self.sum("teal_requests_aborted_total", &[]);
        let in_flight = self.sum("teal_requests_in_flight", &[]);
        let opened = self.sum("teal_tunnels_opened_total", &[]);
        let closed = self.sum("teal_tunnels_closed_total", &[]);
        let open = self.sum("teal_tunnels_open", &[]);
        let own = self.sum("teal_books_difference", &[]);
        let difference = accepted - answered - aborted - in_flight;
        let tunnels = opened - closed - open;
        let known =
            self.has("teal_requests_accepted_total", &[]) && self.has("teal_books_difference", &[]);
        let off = [difference, tunnels, own, in_flight].iter().any(|value| value.abs() > 0.0);
        (!known || off).then(|| {
            format!(
                "accepted {accepted}, answered {answered}, aborted {aborted}, in flight \
                 {in_flight}; tunnels opened {opened}, closed {closed}, open {open}; \
                 teal_books_difference {own}; counters present: {known}"
            )
        })
    }

    fn matching<'a>(
        &'a self,
        name: &'a str,
        labels: &'a [(&'a str, &'a str)],
    ) -> impl Iterator<Item = &'a Sample> {
        self.samples.iter().filter(move |sample| {
            sample.name == name
                && labels
                    .iter()
                    .all(|(label, value)| sample.labels.get(*label).is_some_and(|v| v == value))
        })
    }
}

fn sample(line: &str) -> Option<Sample> {
    let name_end = line.find(['{', ' '])?;
    let (name, rest) = line.split_at(name_end);
    let (labels, rest) = match rest.strip_prefix('{') {
        Some(rest) => labels(rest)?,
        None => (BTreeMap::new(), rest),
    };
    let value = rest.split_whitespace().next()?.parse().ok()?;
    Some(Sample { name: name.to_owned(), labels, value })
}

/// Reads labels up to the closing brace; the text after it is returned too.
fn labels(text: &str) -> Option<(BTreeMap<String, String>, &str)> {
    let mut labels = BTreeMap::new();
    let mut rest = text.trim_start_matches(',');
    loop {
        if let Some(after) = rest.strip_prefix('}') {
            return Some((labels, after));
        }
        let (name, quoted) = rest.split_once("=\"")?;
        let (value, after) = unquote(quoted)?;
        labels.insert(name.to_owned(), value);
        rest = after.trim_start_matches(',');
    }
}

/// The text up to the closing quote with its escapes resolved, and what follows.
fn unquote(text: &str) -> Option<(String, &str)> {
    let mut value = String::new();
    let mut characters = text.char_indices();
    while let Some((at, character)) = characters.next() {
        match character {
            '"' => return Some((value, text.get(at + 1..)?)),
            '\\' => match characters.next()?.1 {
                'n' => value.push('\n'),
                escaped => value.push(escaped),
            },
            plain => value.push(plain),
        }
    }
    None
}
