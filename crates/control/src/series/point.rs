//! One step of one service, packed: 46 bytes, so that the points of a thousand busy services stay within 64 MiB.

use std::time::Duration;

use peer::{POINT_VALUES, PointValues, SeriesColorCounts, SeriesCounts};
use rules::Color;
use traffic::{BUCKETS, HistogramSum, latency_of};

/// A count of up to 24 bits. What exceeds it is counted in the next step, so that no count is lost.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Packed([u8; 3]);

/// The number of a latency bucket, from 1; 0: there was no answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct PackedLatency(u8);

/// The traffic of a service in one step.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SeriesPoint {
    colors: [ColorPoint; 2],
    teal: Packed,
    aborted: Packed,
}

/// The traffic of a color in one step.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ColorPoint {
    requests: Packed,
    client_errors: Packed,
    server_errors: Packed,
    failed: Packed,
    in_flight: Packed,
    streams: Packed,
    p50: PackedLatency,
    p99: PackedLatency,
}

/// Leases at one instant.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Gauges {
    pub(crate) in_flight: u64,
    pub(crate) streams: u64,
}

/// Counts of a service that are not in a point yet.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    pub(crate) teal: u64,
    pub(crate) aborted: u64,
    pub(crate) colors: [ColorCounts; 2],
}

/// The same of a color.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct ColorCounts {
    pub(crate) requests: u64,
    pub(crate) client_errors: u64,
    pub(crate) server_errors: u64,
    pub(crate) failed: u64,
    pub(crate) latency: HistogramSum,
}

// === impl Packed, PackedLatency ===

impl Packed {
    const MAX: u64 = (1 << 24) - 1;

    /// Packs as much of a count as fits, and leaves the rest.
    fn take(count: &mut u64) -> Self {
        let taken = (*count).min(Self::MAX);
        *count -= taken;
        Self::of(taken)
    }

    fn of(value: u64) -> Self {
        let [low, middle, high, ..] = value.min(Self::MAX).to_le_bytes();
        Self([low, middle, high])
    }

    fn value(self) -> u64 {
        let Self([low, middle, high]) = self;
        u64::from(low) | u64::from(middle) << 8 | u64::from(high) << 16
    }
}

impl PackedLatency {
    fn of(latency: &HistogramSum, share: f64) -> Self {
        let bucket = latency.bucket_at(share).and_then(|bucket| u8::try_from(bucket + 1).ok());
        Self(bucket.unwrap_or_default())
    }

    fn value(self) -> Option<Duration> {
        self.0.checked_sub(1).map(|bucket| latency_of(usize::from(bucket)))
    }
}

// === impl SeriesPoint, ColorPoint ===

impl SeriesPoint {
    /// Takes counts out of `counts`, except those beyond 24 bits; latencies completely.
    pub(super) fn take(counts: &mut Counts, gauges: [Gauges; 2]) -> Self {
        let mut gauges = gauges.into_iter();
        Self {
            colors: counts.colors.each_mut().map(|color| {
                let Gauges { in_flight, streams } = gauges.next().unwrap_or_default();
                let latency = std::mem::take(&mut color.latency);
                ColorPoint {
                    requests: Packed::take(&mut color.requests),
                    client_errors: Packed::take(&mut color.client_errors),
                    server_errors: Packed::take(&mut color.server_errors),
                    failed: Packed::take(&mut color.failed),
                    in_flight: Packed::of(in_flight),
                    streams: Packed::of(streams),
                    p50: PackedLatency::of(&latency, 0.5),
                    p99: PackedLatency::of(&latency, 0.99),
                }
            }),
            teal: Packed::take(&mut counts.teal),
            aborted: Packed::take(&mut counts.aborted),
        }
    }

    /// Returns its values for another Teal.
    pub(super) fn values(&self) -> PointValues {
        let mut values = [0; POINT_VALUES];
        let mut places = values.iter_mut();
        let mut put = |value: u64| {
            if let Some(place) = places.next() {
                *place = u32::try_from(value).unwrap_or(u32::MAX);
            }
        };
        put(self.teal());
        put(self.aborted());
        for color in &self.colors {
            put(color.requests());
            put(color.client_errors());
            put(color.server_errors());
            put(color.failed());
            put(color.in_flight());
            put(color.streams());
            put(color.p50.0.into());
            put(color.p99.0.into());
        }
        values
    }

    /// Returns the point with these values, from another Teal.
    pub(super) fn of_values(values: &PointValues) -> Self {
        let [teal, aborted, colors @ ..] = values;
        let packed = |value: &u32| Packed::of(u64::from(*value));
        let latency = |value: &u32| {
            let bucket = u8::try_from(*value).ok().filter(|bucket| usize::from(*bucket) <= BUCKETS);
            PackedLatency(bucket.unwrap_or_default())
        };
        let mut all = [ColorPoint::default(); 2];
        let (parts, _) = colors.as_chunks::<8>();
        for (color, part) in all.iter_mut().zip(parts) {
            let [requests, client_errors, server_errors, failed, in_flight, streams, p50, p99] =
                part;
            *color = ColorPoint {
                requests: packed(requests),
                client_errors: packed(client_errors),
                server_errors: packed(server_errors),
                failed: packed(failed),
                in_flight: packed(in_flight),
                streams: packed(streams),
                p50: latency(p50),
                p99: latency(p99),
            };
        }
        Self { colors: all, teal: packed(teal), aborted: packed(aborted) }
    }

    /// Returns the sum of the points of two Teals for the same step. Leases are those of this one, which has both;
    /// quantiles are those of the one with more requests.
    pub(super) fn with_earlier(&self, earlier: &Self) -> Self {
        let sum = |one: Packed, other: Packed| Packed::of(one.value() + other.value());
        let mut colors = self.colors;
        for (color, before) in colors.iter_mut().zip(&earlier.colors) {
            if before.requests.value() > color.requests.value() {
                (color.p50, color.p99) = (before.p50, before.p99);
            }
            color.requests = sum(color.requests, before.requests);
            color.client_errors = sum(color.client_errors, before.client_errors);
            color.server_errors = sum(color.server_errors, before.server_errors);
            color.failed = sum(color.failed, before.failed);
        }
        let (teal, aborted) = (sum(self.teal, earlier.teal), sum(self.aborted, earlier.aborted));
        Self { colors, teal, aborted }
    }

    /// Returns the leases at its end.
    pub(super) fn gauges(&self) -> [Gauges; 2] {
        self.colors.map(|color| Gauges { in_flight: color.in_flight(), streams: color.streams() })
    }

    /// Returns the traffic of a color.
    pub fn color(&self, color: Color) -> &ColorPoint {
        match color {
            Color::Blue => &self.colors[0],
            Color::Green => &self.colors[1],
        }
    }

    /// Returns the number of requests that Teal answered itself.
    pub fn teal(&self) -> u64 {
        self.teal.value()
    }

    /// Returns the number of requests that were aborted.
    pub fn aborted(&self) -> u64 {
        self.aborted.value()
    }
}

impl ColorPoint {
    /// Returns the number of requests to targets that ended.
    pub fn requests(&self) -> u64 {
        self.requests.value()
    }

    /// Returns the number of answers with a status from 400 to 499.
    pub fn client_errors(&self) -> u64 {
        self.client_errors.value()
    }

    /// Returns the number of answers with a status from 500 to 599.
    pub fn server_errors(&self) -> u64 {
        self.server_errors.value()
    }

    /// Returns the number of requests that got no complete answer.
    pub fn failed(&self) -> u64 {
        self.failed.value()
    }

    /// Returns the leases at the end of the step.
    pub fn in_flight(&self) -> u64 {
        self.in_flight.value()
    }

    /// Returns the long streams among them.
    pub fn streams(&self) -> u64 {
        self.streams.value()
    }

    /// Returns the time within which half of the answers came; `None`: there were none.
    pub fn p50(&self) -> Option<Duration> {
        self.p50.value()
    }

    /// Returns the time within which 99 % of the answers came; `None`: there were none.
    pub fn p99(&self) -> Option<Duration> {
        self.p99.value()
    }
}

// === impl Counts ===

impl Counts {
    /// Adds the difference between two sums, and moves `from` to `to`. A sum that has gone down adds nothing.
    pub(super) fn add_since(&mut self, from: &mut Self, to: &Self) {
        let add = |into: &mut u64, from: &mut u64, to: u64| {
            *into += to.saturating_sub(*from);
            *from = to;
        };
        add(&mut self.teal, &mut from.teal, to.teal);
        add(&mut self.aborted, &mut from.aborted, to.aborted);
        let before = self.colors.iter_mut().zip(&mut from.colors);
        for ((into, from), to) in before.zip(&to.colors) {
            add(&mut into.requests, &mut from.requests, to.requests);
            add(&mut into.client_errors, &mut from.client_errors, to.client_errors);
            add(&mut into.server_errors, &mut from.server_errors, to.server_errors);
            add(&mut into.failed, &mut from.failed, to.failed);
            into.latency.add(&to.latency.since(&from.latency));
            from.latency.clone_from(&to.latency);
        }
    }

    /// Returns the counts since an earlier sum.
    pub(super) fn since(&self, earlier: &Self) -> Self {
        let mut since = Self::default();
        since.add_since(&mut earlier.clone(), self);
        since
    }

    /// Adds other counts.
    pub(crate) fn add(&mut self, other: &Self) {
        self.add_since(&mut Self::default(), other);
    }
}

impl From<&Counts> for SeriesCounts {
    fn from(counts: &Counts) -> Self {
        let colors = counts.colors.each_ref().map(|color| SeriesColorCounts {
            requests: color.requests,
            client_errors: color.client_errors,
            server_errors: color.server_errors,
            failed: color.failed,
            latency: {
                let buckets = color.latency.buckets.iter().copied().enumerate();
                buckets.filter(|(_, count)| *count > 0).collect()
            },
        });
        Self { teal: counts.teal, aborted: counts.aborted, colors }
    }
}

impl From<&SeriesCounts> for Counts {
    fn from(counts: &SeriesCounts) -> Self {
        let colors = counts.colors.each_ref().map(|color| {
            let mut latency = HistogramSum::default();
            for (bucket, count) in &color.latency {
                if let Some(place) = latency.buckets.get_mut(*bucket) {
                    *place = *count;
                }
            }
            ColorCounts {
                requests: color.requests,
                client_errors: color.client_errors,
                server_errors: color.server_errors,
                failed: color.failed,
                latency,
            }
        });
        Self { teal: counts.teal, aborted: counts.aborted, colors }
    }
}
