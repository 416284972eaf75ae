//! The memory of the series of many services, as the kernel counts it: with what the allocator takes for itself and
//! cannot use again.
//!
//! It is measured in a process of its own, since other tests use memory beside it.

use std::fs;
use std::process::Command;

use rules::Time;

use super::{Beat, Counts, Gauges, Series, SeriesClock, SeriesStep};

/// The variable that makes the test the process to measure.
const MEASURED: &str = "TEAL_TEST_MEASURED";

const SERVICES: usize = 1000;

/// The time before the last 15 minutes of an hour, and those, in seconds.
const LONG_AGO: u64 = 2700;
const RECENT: u64 = 900;

#[test]
fn a_thousand_services_with_an_hour_of_traffic_take_less_than_64_mib_of_real_memory() {
    // D10
    const NAME: &str = "series::memory::a_thousand_services_with_an_hour_of_traffic_take_less_than_64_mib_of_real_memory";
    if std::env::var_os(MEASURED).is_some() {
        println!("taken: {} bytes", measure());
        return;
    }
    let mut command = Command::new(std::env::current_exe().expect("a test has a program"));
    let output = command.args(["--exact", NAME, "--nocapture"]).env(MEASURED, "1").output();
    let output = output.expect("it can be started");
    let text = String::from_utf8_lossy(&output.stdout);
    let taken = text.lines().find_map(|line| line.split_once("taken: ")?.1.strip_suffix(" bytes"));
    let taken: usize = taken.and_then(|count| count.parse().ok()).expect(&text);
    assert!(taken <= 64 << 20, "{taken} bytes");
    assert!(taken >= SERVICES * 50_000, "{taken} bytes: all points were there");
}

/// Fills all series, second by second as Teal does, and returns by how many bytes the process has grown.
fn measure() -> usize {
    let mut all: Vec<Series> = Vec::new();
    all.resize_with(SERVICES, Series::default);
    let mut sums = Counts::default();
    let mut second = 1_000_000;
    let mut clock = SeriesClock::start(Time(second * 1000));
    let before = resident();
    // A step of ten seconds is filled by one point, too.
    let steps = (0..LONG_AGO / 10).map(|_| 10).chain((0..RECENT).map(|_| 1));
    for seconds in steps {
        second += seconds;
        for color in &mut sums.colors {
            color.requests += 100;
            color.latency.buckets[20] += 100;
        }
        sums.teal += 1;
        let beat: Beat = clock.tick(Time(second * 1000)).expect("a new second");
        let gauges = [Gauges { in_flight: 2, streams: 1 }; 2];
        for series in &mut all {
            series.record(beat, Some(&sums), gauges);
        }
        clock.taken(beat);
    }
    let taken = resident().saturating_sub(before);
    for (step, points) in [(SeriesStep::Second, 900), (SeriesStep::TenSeconds, 360)] {
        let span = clock.span(step, None, None);
        assert!(all.iter().all(|series| series.read(&span).len() == points));
        assert!(
            all[0].read(&span).iter().all(|point| point.teal() > 0 || step == SeriesStep::Second)
        );
    }
    taken
}

/// The memory of this process that is in use, in bytes.
fn resident() -> usize {
    let status = fs::read_to_string("/proc/self/status").expect("a process has a status");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("its memory");
    let kib: usize = line.trim().trim_end_matches(" kB").trim().parse().expect("a number");
    kib << 10
}
