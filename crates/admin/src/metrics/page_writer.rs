//! Lines of a metrics page, in either format.

use std::fmt::Write as _;

use traffic::{BUCKETS, HistogramSum, bucket_bound};

use super::format::Format;
use super::names::{INFO, Kind, Metric};

/// A page being written, one metric after the other.
#[derive(Debug)]
pub(super) struct PageWriter {
    text: String,
    format: Format,
    metric: &'static Metric,
}

// Writing to a string cannot fail.
macro_rules! put {
    ($lines:expr, $($what:tt)*) => { let _never_fails = write!($lines.text, $($what)*); };
}

impl PageWriter {
    pub(super) fn new(format: Format) -> Self {
        Self { text: String::new(), format, metric: &INFO }
    }

    /// Returns the number of bytes written and not taken yet.
    pub(super) fn len(&self) -> usize {
        self.text.len()
    }

    /// Takes what has been written, to be sent.
    pub(super) fn take(&mut self) -> String {
        std::mem::take(&mut self.text)
    }

    /// Begins a metric. Its description is written whether or not it has a sample.
    pub(super) fn begin(&mut self, metric: &'static Metric) {
        self.metric = metric;
        let (name, kind) = match (self.format, metric.kind) {
            // In OpenMetrics `_total` belongs to the sample, not to the name.
            (Format::OpenMetrics, Kind::Counter) => {
                (metric.name.trim_end_matches("_total"), Kind::Counter)
            }
            (_, kind) => (metric.name, kind),
        };
        put!(self, "# HELP {name} {}\n# TYPE {name} {}\n", metric.help, kind.as_str());
        if self.format == Format::OpenMetrics
            && let Some(unit) = metric.unit()
        {
            put!(self, "# UNIT {name} {unit}\n");
        }
    }

    /// Ends the page.
    pub(super) fn end(&mut self) {
        if self.format == Format::OpenMetrics {
            self.text.push_str("# EOF\n");
        }
    }

    /// Writes a sample, with as many labels as the metric has.
    pub(super) fn sample(&mut self, labels: &[&str], value: impl std::fmt::Display) {
        self.text.push_str(self.metric.name);
        self.labels(labels, None);
        put!(self, " {value}\n");
    }

    /// Writes a value, if it is known.
    pub(super) fn known(&mut self, value: Option<f64>) {
        if let Some(value) = value {
            self.sample(&[], value);
        }
    }

    /// Writes 1 or 0.
    pub(super) fn flag(&mut self, is: bool) {
        self.sample(&[], u64::from(is));
    }

    /// Writes a sample of events, unless there were none.
    pub(super) fn event(&mut self, labels: &[&str], count: u64) {
        if count > 0 {
            self.sample(labels, count);
        }
    }

    /// Writes one bucket for each power of two; the finer ones only serve the quantiles of receipts.
    pub(super) fn histogram(&mut self, labels: &[&str], sum: &HistogramSum) {
        let mut count = 0u64;
        for (bucket, more) in sum.buckets.iter().enumerate() {
            count += more;
            let bound = match bucket_bound(bucket) {
                Some(micros) if bucket % 4 == 0 => format!("{}", micros as f64 / 1e6),
                None if bucket + 1 == BUCKETS => "+Inf".to_owned(),
                _ => continue,
            };
            put!(self, "{}_bucket", self.metric.name);
            self.labels(labels, Some(&bound));
            put!(self, " {count}\n");
        }
        for (suffix, value) in [("_sum", sum.total_micros as f64 / 1e6), ("_count", count as f64)] {
            put!(self, "{}{suffix}", self.metric.name);
            self.labels(labels, None);
            put!(self, " {value}\n");
        }
    }

    fn labels(&mut self, values: &[&str], bound: Option<&str>) {
        debug_assert_eq!(values.len(), self.metric.labels.len(), "{}", self.metric.name);
        let mut before = '{';
        let pairs = self.metric.labels.iter().copied().zip(values.iter().copied());
        for (name, value) in pairs.chain(bound.map(|bound| ("le", bound))) {
            self.text.push(before);
            self.text.push_str(name);
            self.text.push_str("=\"");
            escape(value, &mut self.text);
            self.text.push('"');
            before = ',';
        }
        if before == ',' {
            self.text.push('}');
        }
    }
}

/// Escapes a label value, which is the same in both formats.
fn escape(value: &str, into: &mut String) {
    if !value.contains(['\\', '"', '\n']) {
        return into.push_str(value);
    }
    for character in value.chars() {
        match character {
            '\\' => into.push_str("\\\\"),
            '"' => into.push_str("\\\""),
            '\n' => into.push_str("\\n"),
            plain => into.push(plain),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::names::METRICS;

    #[test]
    fn r71_a_label_value_can_not_end_its_line() {
        let mut into = String::new();
        escape("a\"b\\c\nd", &mut into);
        assert_eq!(into, r#"a\"b\\c\nd"#);
    }

    #[test]
    fn r71_counters_are_named_as_each_format_wants_it() {
        let counter = METRICS.iter().find(|metric| metric.kind == Kind::Counter).expect("one");
        for (format, shown) in [
            (Format::Text, counter.name),
            (Format::OpenMetrics, counter.name.trim_end_matches("_total")),
        ] {
            let mut lines = PageWriter::new(format);
            lines.begin(counter);
            let text = lines.take();
            assert!(text.contains(&format!("# TYPE {shown} counter\n")), "{text}");
        }
    }
}
