//! The times at which each color may see requests: the outside view of promise L2.
//!
//! A color may see requests from the moment a switch to it is commanded, since
//! it may take effect before its answer is read, until the answer of the next
//! switch away from it has been read. A request is late when no such window of
//! the color that saw it overlaps the time from the request's first byte to its
//! outcome. So a request that was sent before the answer is never called late,
//! and one that was sent after it always is.

use std::collections::BTreeMap;
use std::time::Instant;

/// A switch, as its caller saw it.
#[derive(Debug, Clone)]
pub struct Switched {
    /// The color that became active.
    pub to: String,
    /// Just before the command was sent.
    pub commanded: Instant,
    /// Just after its answer was read.
    pub answered: Instant,
}

/// The windows of every color.
#[derive(Debug, Clone)]
pub struct Timeline {
    active: String,
    windows: BTreeMap<String, Vec<Window>>,
    switches: u64,
    outages: Vec<(Instant, Instant)>,
}

/// A time during which a color may see requests; no bound: always.
#[derive(Debug, Clone, Copy)]
struct Window {
    from: Option<Instant>,
    until: Option<Instant>,
}

impl Timeline {
    /// The timeline of a run that begins with this color active.
    pub fn new(initial: &str) -> Self {
        let windows =
            BTreeMap::from([(initial.to_owned(), vec![Window { from: None, until: None }])]);
        Self { active: initial.to_owned(), windows, switches: 0, outages: Vec::new() }
    }

    /// Adds a switch that took place; they must be added in order.
    pub fn switched(&mut self, switch: Switched) {
        if switch.to == self.active {
            return;
        }
        self.switches += 1;
        if let Some(window) = self.windows.get_mut(&self.active).and_then(|all| all.last_mut()) {
            window.until = Some(switch.answered);
        }
        let window = Window { from: Some(switch.commanded), until: None };
        self.windows.entry(switch.to.clone()).or_default().push(window);
        self.active = switch.to;
    }

    /// From now on others may switch too, unrecorded: every color may see requests.
    pub fn open(&mut self, from: Instant, colors: &[&str]) {
        for color in colors.iter().filter(|color| **color != self.active) {
            let window = Window { from: Some(from), until: None };
            self.windows.entry((*color).to_owned()).or_default().push(window);
        }
    }

    /// Records an outage between these instants: the active color, or Teal itself, was down.
    pub(crate) fn outage(&mut self, from: Instant, until: Instant) {
        self.outages.push((from, until));
    }

    /// Returns true if there was an outage between a request's first byte and its failure.
    pub(super) fn excuses(&self, sent: Instant, failed: Instant) -> bool {
        self.outages.iter().any(|(from, until)| *from <= failed && sent <= *until)
    }

    /// The color that is active after the last switch.
    pub fn active(&self) -> &str {
        &self.active
    }

    /// The number of switches that took place.
    pub fn switches(&self) -> u64 {
        self.switches
    }

    /// Returns true if the color may have seen a request sent and settled at these instants.
    pub(super) fn allows(&self, color: &str, sent: Instant, settled: Option<Instant>) -> bool {
        let Some(windows) = self.windows.get(color) else { return false };
        // Windows of one color are in order: the first that has not ended decides.
        let first =
            windows.partition_point(|window| window.until.is_some_and(|until| until < sent));
        windows.get(first).is_some_and(|window| match (window.from, settled) {
            (Some(from), Some(settled)) => from <= settled,
            _ => true,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    /// blue until 110, green from 100 to 210, blue again from 200.
    fn timeline(at: impl Fn(u64) -> Instant) -> Timeline {
        let mut timeline = Timeline::new("blue");
        for (to, commanded, answered) in [("green", 100, 110), ("blue", 200, 210)] {
            let (commanded, answered) = (at(commanded), at(answered));
            timeline.switched(Switched { to: to.to_owned(), commanded, answered });
        }
        timeline
    }

    #[test]
    fn a_request_sent_after_the_answer_is_late_on_the_old_color() {
        let start = Instant::now();
        let at = |ms| start + Duration::from_millis(ms);
        let timeline = timeline(at);
        assert!(!timeline.allows("blue", at(111), Some(at(120))));
        assert!(!timeline.allows("green", at(211), None));
    }

    #[test]
    fn a_request_sent_before_the_answer_may_be_seen_by_either() {
        let start = Instant::now();
        let at = |ms| start + Duration::from_millis(ms);
        let timeline = timeline(at);
        assert!(timeline.allows("blue", at(109), Some(at(150))));
        assert!(timeline.allows("green", at(90), Some(at(101))));
        assert!(timeline.allows("blue", at(50), None));
    }

    #[test]
    fn a_request_settled_before_the_command_is_misplaced_on_the_new_color() {
        let start = Instant::now();
        let at = |ms| start + Duration::from_millis(ms);
        assert!(!timeline(at).allows("green", at(10), Some(at(99))));
    }

    #[test]
    fn a_request_that_a_switch_back_overtakes_is_not_late() {
        let start = Instant::now();
        let at = |ms| start + Duration::from_millis(ms);
        assert!(timeline(at).allows("blue", at(150), Some(at(201))));
    }

    #[test]
    fn only_requests_in_flight_in_an_outage_are_excused() {
        let start = Instant::now();
        let at = |ms| start + Duration::from_millis(ms);
        let mut timeline = timeline(at);
        timeline.outage(at(300), at(400));
        for (sent, failed) in [(290, 300), (310, 320), (400, 900), (290, 900)] {
            assert!(timeline.excuses(at(sent), at(failed)), "{sent} to {failed}");
        }
        for (sent, failed) in [(100, 299), (401, 402)] {
            assert!(!timeline.excuses(at(sent), at(failed)), "{sent} to {failed}");
        }
    }

    #[test]
    fn after_opening_the_stage_nothing_is_called_late() {
        let start = Instant::now();
        let at = |ms| start + Duration::from_millis(ms);
        let mut timeline = timeline(at);
        timeline.open(at(300), &["blue", "green"]);
        assert!(!timeline.allows("green", at(250), Some(at(260))));
        assert!(timeline.allows("green", at(301), Some(at(302))));
        assert!(timeline.allows("blue", at(301), Some(at(302))));
    }
}
