//! Whatever the ticks are: what the counters have grown by is in the points, once.

use peer::{SeriesStart, SeriesUpdate};
use proptest::prelude::*;
use rules::{Color, Time};
use traffic::Histogram;

use super::*;

/// A service's counters, and what was asked of its series.
struct World {
    clock: SeriesClock,
    series: Series,
    sums: Counts,
    second: u64,
}

impl World {
    fn new(second: u64) -> Self {
        let clock = SeriesClock::start(Time(second * 1000));
        Self { clock, series: Series::default(), sums: Counts::default(), second }
    }

    /// Lets time pass and takes a point.
    fn pass(&mut self, seconds: u64) {
        self.second += seconds;
        self.tick();
    }

    fn tick(&mut self) {
        let Some(beat) = self.clock.tick(Time(self.second * 1000 + 3)) else { return };
        self.series.record(beat, Some(&self.sums), gauges(2));
        self.clock.taken(beat);
    }

    fn read(&self, step: SeriesStep) -> Vec<SeriesPoint> {
        self.series.read(&self.clock.span(step, None, None))
    }
}

fn gauges(in_flight: u64) -> [Gauges; 2] {
    [Gauges { in_flight, streams: 1 }, Gauges::default()]
}

fn sum(points: &[SeriesPoint], count: impl Fn(&SeriesPoint) -> u64) -> u64 {
    points.iter().map(count).sum()
}

proptest! {
    // L8
    #[test]
    fn whatever_the_ticks_the_points_add_up_to_the_counters(
        start in 1000_u64..1020,
        steps in prop::collection::vec((0_u64..4, prop_oneof![0_u64..50, Just(20_000_000)]), 1..30),
    ) {
        let mut world = World::new(start);
        for (seconds, requests) in steps {
            let [blue, green] = &mut world.sums.colors;
            blue.requests += requests;
            blue.server_errors += requests / 3;
            green.failed += requests / 2;
            world.sums.teal += requests / 5;
            world.sums.aborted += 1;
            world.pass(seconds);
        }
        // What exceeds a point's 24 bits goes into the next ones, and a step of ten seconds has an end.
        for _ in 0..400 {
            world.pass(1);
        }
        while !world.second.is_multiple_of(10) {
            world.pass(1);
        }
        for step in [SeriesStep::Second, SeriesStep::TenSeconds] {
            let points = world.read(step);
            let [blue, green] = &world.sums.colors;
            let of = |color: Color, count: fn(&ColorPoint) -> u64| {
                sum(&points, |point| count(point.color(color)))
            };
            prop_assert_eq!(of(Color::Blue, ColorPoint::requests), blue.requests);
            prop_assert_eq!(of(Color::Blue, ColorPoint::server_errors), blue.server_errors);
            prop_assert_eq!(of(Color::Green, ColorPoint::failed), green.failed);
            prop_assert_eq!(sum(&points, SeriesPoint::teal), world.sums.teal);
            prop_assert_eq!(sum(&points, SeriesPoint::aborted), world.sums.aborted);
        }
    }
}

#[test]
fn a_second_that_was_missed_is_without_requests_and_they_are_in_the_next_point() {
    let mut world = World::new(1000);
    world.sums.teal = 1;
    world.pass(1);
    world.sums.teal += 5;
    world.pass(4);
    let teal: Vec<u64> = world.read(SeriesStep::Second).iter().map(SeriesPoint::teal).collect();
    assert_eq!(teal, [1, 0, 0, 0, 5]);
    let missed = world.read(SeriesStep::Second)[2];
    assert_eq!(missed.color(Color::Blue).in_flight(), 2, "as far as is known");
    world.pass(1_000_000);
    let points = world.read(SeriesStep::Second);
    assert_eq!((points.len(), sum(&points, SeriesPoint::teal)), (900, 0));
    assert_eq!(world.read(SeriesStep::TenSeconds).len(), 360);
}

#[test]
fn quantiles_of_ten_seconds_are_those_of_all_their_requests() {
    let mut world = World::new(1000);
    let histogram = Histogram::default();
    // Nine seconds with one fast request each, and one with 991 slow ones.
    for second in 1..=10 {
        let (count, millis) = if second < 10 { (1, 1) } else { (991, 100) };
        for _ in 0..count {
            histogram.record(std::time::Duration::from_millis(millis));
        }
        let mut latency = traffic::HistogramSum::default();
        histogram.add_to(&mut latency);
        world.sums.colors[0].latency = latency;
        world.sums.colors[0].requests += count;
        world.pass(1);
    }
    let millis = |point: &SeriesPoint| {
        let blue = point.color(Color::Blue);
        [blue.p50(), blue.p99()].map(|time| time.map_or(0, |time| time.as_millis()))
    };
    let seconds = world.read(SeriesStep::Second);
    assert_eq!(millis(&seconds[0]), [1, 1]);
    let tens = world.read(SeriesStep::TenSeconds);
    assert_eq!(tens.len(), 1);
    assert!(millis(&tens[0])[0] >= 100, "the mean of the medians would be 11: {tens:?}");
    assert_eq!(tens[0].color(Color::Green).p50(), None, "no request, no latency");
}

#[test]
fn a_thousand_services_with_traffic_in_every_second_fit_into_64_mib() {
    let mut world = World::new(1000);
    for _ in 0..4000 {
        for color in &mut world.sums.colors {
            color.requests += 100;
            color.latency.buckets[20] += 100;
        }
        world.pass(1);
    }
    let bytes = world.series.bytes();
    assert!(bytes * 1000 <= 64 << 20, "{bytes} bytes for each service");
    assert_eq!(
        (world.read(SeriesStep::Second).len(), world.read(SeriesStep::TenSeconds).len()),
        (900, 360)
    );
}

#[test]
fn a_service_without_traffic_stores_nothing() {
    let mut world = World::new(1000);
    for _ in 0..100 {
        let beat = world.clock.tick(Time((world.second + 1) * 1000)).expect("a new second");
        world.series.record(beat, None, [Gauges::default(); 2]);
        world.clock.taken(beat);
        world.second += 1;
    }
    assert_eq!(world.series.bytes(), size_of::<Series>());
    assert_eq!(world.read(SeriesStep::Second), vec![SeriesPoint::default(); 100]);
}

#[test]
fn counters_from_before_are_not_traffic() {
    let before = Counts { teal: 7, ..Counts::default() };
    let mut world = World { series: Series::beginning_at(before), ..World::new(1000) };
    world.sums.teal = 9;
    world.pass(1);
    assert_eq!(sum(&world.read(SeriesStep::Second), SeriesPoint::teal), 2);
}

/// A Teal that takes over from another one: its counters have those of the other one, as reported.
struct Newer<'w> {
    series: &'w mut Series,
    sums: Counts,
}

impl Recorded for Newer<'_> {
    fn name(&self) -> &'static str {
        "web"
    }

    fn sums(&self) -> Counts {
        self.sums.clone()
    }

    fn series(&mut self) -> &mut Series {
        self.series
    }
}

proptest! {
    // L8
    #[test]
    fn a_series_that_is_handed_over_adds_up_whenever_that_happens(
        start in 1000_u64..1020,
        before in prop::collection::vec((0_u64..3, 0_u64..50), 1..30),
        departed in 0_u64..50,
        after in prop::collection::vec((0_u64..3, 0_u64..50), 1..30),
    ) {
        let mut older = World::new(start);
        for (seconds, requests) in before {
            older.sums.colors[0].requests += requests;
            older.sums.teal += requests / 2;
            older.pass(seconds);
        }
        older.sums.colors[0].requests += 3; // not in a point yet
        // Counters of targets that have left are not reported.
        let mut reported = older.sums.clone();
        reported.colors[0].requests = reported.colors[0].requests.saturating_sub(departed);
        let services: Vec<_> =
            older.series.start_of("web", &reported, &older.sums).into_iter().collect();
        let handed = SeriesStart { began: older.clock.began(), services };
        let points = older.series.points_until("web", older.clock.newest());

        let mailbox = peer::SeriesMailbox::default();
        let mut inherited = Inherited::new(mailbox.clone());
        let mut newer = World::new(older.second);
        newer.pass(1);
        mailbox.put(SeriesUpdate::Start(2, handed));
        let mut take = |newer: &mut World| {
            let World { clock, series, sums, .. } = newer;
            let mut services = [Newer { series, sums: sums.clone() }];
            inherited.apply(clock, &mut services);
            inherited.add_points(clock, &mut services);
        };
        take(&mut newer);
        mailbox.put(SeriesUpdate::Points(2, points.into_iter().collect()));
        newer.sums = reported.clone();
        for (seconds, requests) in after {
            newer.sums.colors[0].requests += requests;
            newer.sums.teal += requests / 2;
            newer.pass(seconds);
            take(&mut newer);
        }
        for _ in 0..11 {
            newer.pass(1);
            take(&mut newer);
        }
        while !newer.second.is_multiple_of(10) {
            newer.pass(1);
        }
        let since = newer.sums.since(&reported);
        for step in [SeriesStep::Second, SeriesStep::TenSeconds] {
            let points = newer.read(step);
            let requests = sum(&points, |point| point.color(Color::Blue).requests());
            let all = older.sums.colors[0].requests + since.colors[0].requests;
            prop_assert_eq!(requests, all, "{:?}", step);
            prop_assert_eq!(sum(&points, SeriesPoint::teal), older.sums.teal + since.teal);
        }
    }
}

#[test]
fn counters_of_a_teal_that_hands_nothing_over_are_not_traffic() {
    let mailbox = peer::SeriesMailbox::default();
    let mut inherited = Inherited::new(mailbox.clone());
    let mut world = World::new(1000);
    world.sums.teal = 1;
    world.pass(1);
    world.sums.teal = 1_000_000;
    mailbox.put(SeriesUpdate::Anew);
    let World { clock, series, sums, .. } = &mut world;
    inherited.apply(clock, &mut [Newer { series, sums: sums.clone() }]);
    world.pass(1);
    world.sums.teal += 4;
    world.pass(1);
    let teal: Vec<u64> = world.read(SeriesStep::Second).iter().map(SeriesPoint::teal).collect();
    assert_eq!(teal, [1, 0, 4]);
}

#[test]
fn a_point_keeps_its_values_over_a_hand_over() {
    let mut values = [0; peer::POINT_VALUES];
    for (place, value) in values.iter_mut().zip(1_u32..) {
        *place = 3 * value;
    }
    assert_eq!(SeriesPoint::of_values(&values).values(), values);
    let beyond = [u32::MAX; peer::POINT_VALUES];
    let read = SeriesPoint::of_values(&beyond);
    assert_eq!(read.color(Color::Green).p99(), None, "no such bucket");
    assert_eq!(read.teal(), (1 << 24) - 1);
}
