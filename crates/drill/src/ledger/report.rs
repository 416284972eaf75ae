//! The verdict as text: a table of one screen, and its statistical weight.

use std::fmt;

use super::tally::Tally;
use super::verdict::Verdict;
use crate::endpoint::Protocol;

/// The most failed requests whose details are printed; the JSON form has more.
const STORIES: usize = 5;

/// A number with commas between groups of three digits.
pub(crate) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (position, digit) in digits.chars().enumerate() {
        if position > 0 && (digits.len() - position).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A number rounded down to its two leading digits.
fn two_digits(number: u64) -> u64 {
    let scale = 10_u64.pow(number.checked_ilog10().unwrap_or(0).saturating_sub(1));
    number / scale * scale
}

impl Verdict {
    /// The statistical weight of the number of lost requests.
    ///
    /// Zero failures in n trials bound the rate below 3/n with 95 % confidence:
    /// the rule of three.
    pub fn bound(&self) -> String {
        let (lost, sent) = (grouped(self.lost), grouped(self.sent));
        if self.sent < 3 {
            return format!("{lost} of {sent} lost: too few requests to judge");
        }
        if self.lost == 0 {
            let bound = grouped(two_digits(self.sent / 3));
            return format!("0 of {sent} lost: with 95 % confidence fewer than 1 in {bound}");
        }
        format!("{lost} of {sent} lost: 1 in {}", grouped(self.sent / self.lost))
    }

    fn rows(&self) -> Vec<(String, u64, &'static str)> {
        let mut rows = vec![("sent".to_owned(), self.sent, "")];
        for (name, count) in &self.answered {
            rows.push((format!("answered by {name}"), *count, ""));
        }
        rows.push(("lost".to_owned(), self.lost, "no complete answer from a target"));
        if self.cut_by_faults > 0 {
            let remark = "in flight when the active color or Teal was killed";
            rows.push(("cut by faults".to_owned(), self.cut_by_faults, remark));
        }
        for (loss, count) in &self.losses {
            rows.push((format!("  {}", loss.words()), *count, ""));
        }
        rows.push(("wrong echo".to_owned(), self.wrong_echo, "answered with something else"));
        if let Some(seen) = &self.seen {
            rows.extend([
                ("doubled".to_owned(), seen.doubled, "non-idempotent, seen twice"),
                ("late".to_owned(), seen.late, "sent after the switch, seen by the old color"),
                ("replayed".to_owned(), seen.replayed, "idempotent, seen twice: allowed"),
            ]);
            if seen.unaccounted > 0 {
                rows.push(("unaccounted".to_owned(), seen.unaccounted, "answered, never seen"));
            }
            if seen.unknown > 0 {
                rows.push(("unknown".to_owned(), seen.unknown, "seen, never sent"));
            }
        }
        if self.turned_away > 0 {
            let remark = "pipelined after an answer that closed: sent again";
            rows.push(("turned away".to_owned(), self.turned_away, remark));
        }
        if self.moved > 0 {
            rows.push((
                "moved".to_owned(),
                self.moved,
                "not processed, as HTTP/2 says: sent again",
            ));
        }
        if self.in_flight > 0 {
            rows.push(("in flight".to_owned(), self.in_flight, "without an outcome at the end"));
        }
        if let Some(books) = self.books.as_ref().filter(|books| !books.balance()) {
            rows.push(("off Teal's books".to_owned(), books.difference(), "accepted, end unknown"));
        }
        if self.switches > 0 {
            rows.push(("switches".to_owned(), self.switches, ""));
        }
        rows
    }
}

impl Verdict {
    /// Writes one line for each protocol, if there is more than plain HTTP/1.1.
    fn write_over(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.over.keys().all(|over| *over == Protocol::Http1) {
            return Ok(());
        }
        writeln!(
            f,
            "\n  {:<10}{:>12}{:>12}{:>8}{:>8}{:>9}{:>8}{:>8}",
            "over", "sent", "answered", "lost", "cut", "doubled", "late", "moved"
        )?;
        for (over, tally) in &self.over {
            let Tally { sent, answered, lost, cut_by_faults, doubled, late, moved, .. } = tally;
            let figures = [sent, answered, lost, cut_by_faults, doubled, late, moved];
            let [sent, answered, lost, cut, doubled, late, moved] = figures.map(|n| grouped(*n));
            let word = over.word();
            writeln!(
                f,
                "  {word:<10}{sent:>12}{answered:>12}{lost:>8}{cut:>8}{doubled:>9}{late:>8}{moved:>8}"
            )?;
        }
        Ok(())
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (name, count, remark) in self.rows() {
            let line = format!("{name:<34}{:>12}  {remark}", grouped(count));
            writeln!(f, "  {}", line.trim_end())?;
        }
        self.write_over(f)?;
        writeln!(
            f,
            "\n  {:.0} requests per second over {:.1} s, p50 {:.1} ms, p99 {:.1} ms",
            self.requests_per_second,
            self.seconds,
            f64::from(self.p50_micros) / 1_000.0,
            f64::from(self.p99_micros) / 1_000.0,
        )?;
        if self.idle_closed + self.idle_reset > 0 {
            let (closed, reset) = (grouped(self.idle_closed), grouped(self.idle_reset));
            writeln!(f, "  idle connections ended by the server: {closed} closed, {reset} reset")?;
        }
        if self.told_to_go > 0 {
            writeln!(f, "  connections that got GOAWAY: {}", grouped(self.told_to_go))?;
        }
        writeln!(f, "  {}", self.bound())?;
        for note in self.notes.iter().take(STORIES) {
            let loss = note.loss.map_or("wrong echo", super::Loss::words);
            writeln!(f, "  {} ({} over {}): {loss}: {}", note.id, note.kind, note.over, note.why)?;
        }
        let more = self.lost + self.wrong_echo;
        if more > STORIES as u64 {
            writeln!(f, "  and {} more", grouped(more - STORIES as u64))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_grouped_by_three() {
        let texts: Vec<_> = [0, 999, 1_000, 51_234, 1_234_567].into_iter().map(grouped).collect();
        assert_eq!(texts, ["0", "999", "1,000", "51,234", "1,234,567"]);
    }

    #[test]
    fn a_bound_is_rounded_down_never_up() {
        assert_eq!(two_digits(17_078), 17_000);
        assert_eq!(two_digits(99), 99);
        assert_eq!(two_digits(7), 7);
        assert_eq!(two_digits(0), 0);
    }
}
