//! Whatever the ticks are: what the counters have grown by is in the points, once.

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
