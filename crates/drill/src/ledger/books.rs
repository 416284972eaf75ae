//! Teal's own books (L8), read from its metrics page: every request that it accepted
//! has exactly one end.

use serde::Serialize;

/// Teal's counts.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Books {
    /// Requests that were accepted.
    pub accepted: u64,
    /// Requests that were answered, by a target or by Teal.
    pub answered: u64,
    /// Requests that were aborted, for whatever reason.
    pub aborted: u64,
    /// Requests in flight.
    pub in_flight: u64,
    /// Tunnels that were opened.
    pub tunnels_opened: u64,
    /// Tunnels that have ended.
    pub tunnels_closed: u64,
    /// The difference that Teal itself reports.
    pub own_difference: u64,
}

impl Books {
    /// Reads the text form of the metrics; `None` if they are not Teal's.
    pub fn parse(text: &str) -> Option<Self> {
        let samples = text.lines().filter(|line| !line.starts_with('#'));
        let sum = |metric: &str| -> u64 {
            let of_it = samples.clone().filter_map(|line| line.strip_prefix(metric));
            let of_it = of_it.filter(|rest| rest.starts_with([' ', '{']));
            of_it
                .filter_map(|rest| rest.rsplit(' ').next()?.parse::<i64>().ok())
                .map(i64::unsigned_abs)
                .sum()
        };
        text.contains("teal_requests_accepted_total").then(|| Self {
            accepted: sum("teal_requests_accepted_total"),
            answered: sum("teal_requests_answered_total"),
            aborted: sum("teal_requests_aborted_total"),
            in_flight: sum("teal_requests_in_flight"),
            tunnels_opened: sum("teal_tunnels_opened_total"),
            tunnels_closed: sum("teal_tunnels_closed_total"),
            own_difference: sum("teal_books_difference"),
        })
    }

    /// Requests and tunnels, at rest, whose end is not known or that ended more than once.
    pub fn difference(&self) -> u64 {
        self.accepted.abs_diff(self.answered + self.aborted)
            + self.tunnels_opened.abs_diff(self.tunnels_closed)
    }

    /// Returns true if everything has exactly one end and nothing is in flight.
    pub fn balance(&self) -> bool {
        self.difference() == 0 && self.own_difference == 0 && self.in_flight == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: &str = "# HELP teal_requests_accepted Requests\n\
        teal_requests_accepted_total{service=\"a\"} 7\n\
        teal_requests_answered_total{by=\"blue\"} 4\n\
        teal_requests_answered_total{by=\"teal\"} 2\n\
        teal_requests_aborted_total{by=\"client\"} 1\n\
        teal_requests_in_flight 0\n\
        teal_tunnels_opened_total 1\nteal_tunnels_closed_total 1\nteal_books_difference 0\n# EOF\n";

    #[test]
    fn books_balance_only_if_everything_has_one_end() {
        // L8
        let books = Books::parse(PAGE).unwrap();
        assert!(books.balance(), "{books:?}");
        for (from, to) in [
            ("aborted_total{by=\"client\"} 1", "aborted_total{by=\"client\"} 2"),
            ("{by=\"teal\"} 2", "{by=\"teal\"} 1"),
            ("in_flight 0", "in_flight 1"),
            ("closed_total 1", "closed_total 0"),
            ("difference 0", "difference -1"),
        ] {
            let books = Books::parse(&PAGE.replace(from, to)).unwrap();
            assert!(!books.balance(), "{to}: {books:?}");
        }
        assert_eq!(Books::parse("not found\n"), None);
    }
}
