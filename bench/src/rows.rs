//! The rows of the comparison, with the bar of each.

use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use clap::ValueEnum;

use crate::load;
use crate::peers::{Kind, Peer, Place, Shape};
use crate::report::{Figure, Judged, Series};
use crate::statistics::{median, percentile};

/// The number of idle connections, if that many descriptors are allowed.
pub(crate) const IDLE: usize = 10_000;

/// The number of connections besides idle ones.
pub(crate) const BUSY: usize = 200;

const SWITCH_EVERY: Duration = Duration::from_millis(100);

/// The pace of handshakes: two hundred per second.
const HANDSHAKE_EVERY: Duration = Duration::from_millis(5);

/// A row, or several that belong together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Row {
    /// 64 bytes over 64 connections.
    Small,
    /// 64 bytes over 512 connections.
    Many,
    /// 16 KiB over 64 connections.
    Medium,
    /// 1 MB over 16 connections.
    Large,
    /// TLS 1.3: 64 bytes over 64 connections, and full handshakes.
    Tls,
    /// HTTP/2 over TLS: 64 bytes over 8 connections of 32 streams.
    Http2,
    /// Latency at half the slower one's maximum.
    Latency,
    /// The time of a switch, and the cost of requests while switching.
    Switch,
    /// The time of a switch during new TLS connections.
    Handshakes,
    /// Memory per idle connection.
    Memory,
    /// Cost against the number of services.
    Routes,
    /// Cost against the number of targets.
    Targets,
    /// Cost in the presence of 10,000 idle connections.
    Idle,
}

/// The duration and number of rounds.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Effort {
    pub(crate) rounds: usize,
    pub(crate) seconds: u64,
    /// The number of idle connections.
    pub(crate) idle: usize,
}

impl Row {
    pub(crate) fn measure(self, place: &Place, effort: Effort) -> Result<Vec<Figure>> {
        match self {
            Self::Small => closed(place, effort, ("64 B, 64 connections", "/", 64, 0.90)),
            Self::Many => closed(place, effort, ("64 B, 512 connections", "/", 512, 0.85)),
            Self::Medium => closed(place, effort, ("16 KiB, 64 connections", "/16k", 64, 0.85)),
            Self::Large => closed(place, effort, ("1 MB, 16 connections", "/1m", 16, 0.65)),
            Self::Tls => tls(place, effort),
            Self::Http2 => http2(place, effort),
            Self::Latency => latency(place, effort),
            Self::Switch => switching(place, effort),
            Self::Handshakes => beside_handshakes(place, effort),
            Self::Memory => memory(place, effort),
            Self::Routes => shapes(place, effort, "Services", [(1, 1), (100, 1), (10_000, 1)]),
            Self::Targets => shapes(place, effort, "Targets", [(1, 1), (1, 100)]),
            Self::Idle => beside_idle(place, effort),
        }
    }
}

/// CPU per request and throughput under closed-loop load.
fn closed(
    place: &Place,
    effort: Effort,
    (work, path, connections, bar): (&str, &str, u32, f64),
) -> Result<Vec<Figure>> {
    let mut kinds = vec![Kind::Teal, Kind::Nginx, Kind::Haproxy, Kind::Relay];
    kinds.extend(place.article.as_ref().map(|_| Kind::Article));
    let peers = start(place, &kinds)?;
    let runs = interleaved(&peers, effort.rounds, |peer| {
        load::closed(peer, path, connections, effort.seconds)
    })?;
    let cpu = series(&peers, &runs, |run| run.cpu);
    let judged = Judged { values: ratios(&cpu), what: "CPU, Teal / better peer", bar };
    Ok(vec![
        Figure::new("CPU per request", work, "µs", cpu, Some(judged)),
        Figure::new("Throughput", work, "requests/s", series(&peers, &runs, |run| run.rate), None),
    ])
}

/// Requests over streams of a few TLS connections.
fn http2(place: &Place, effort: Effort) -> Result<Vec<Figure>> {
    let kinds = [Kind::Teal, Kind::Nginx, Kind::Haproxy];
    let peers: Vec<Peer> =
        kinds.iter().map(|kind| place.start(*kind, Shape::TLS)).collect::<Result<_>>()?;
    let runs = interleaved(&peers, effort.rounds, |peer| load::http2(peer, 8, 32, effort.seconds))?;
    let cpu = series(&peers, &runs, |run| run.cpu);
    let judged = Judged { values: ratios(&cpu), what: "CPU, Teal / better peer", bar: 1.0 };
    let work = "64 B, 8 connections of 32 streams";
    Ok(vec![
        Figure::new("CPU by streams over TLS", work, "µs", cpu, Some(judged)),
        Figure::new("Throughput", work, "requests/s", series(&peers, &runs, |run| run.rate), None),
    ])
}

/// Requests over keep-alive TLS connections, and requests that each begin with a handshake.
fn tls(place: &Place, effort: Effort) -> Result<Vec<Figure>> {
    let kinds = [Kind::Teal, Kind::Nginx, Kind::Haproxy];
    let peers: Vec<Peer> =
        kinds.iter().map(|kind| place.start(*kind, Shape::TLS)).collect::<Result<_>>()?;
    let kept =
        interleaved(&peers, effort.rounds, |peer| load::closed(peer, "/", 64, effort.seconds))?;
    let new =
        interleaved(&peers, effort.rounds, |peer| load::connecting(peer, 64, effort.seconds))?;
    let figure = |work, runs: &[Vec<load::Run>], bar| {
        let cpu = series(&peers, runs, |run| run.cpu);
        let judged = Judged { values: ratios(&cpu), what: "CPU, Teal / better peer", bar };
        Figure::new("CPU under TLS 1.3", work, "µs", cpu, Some(judged))
    };
    Ok(vec![
        figure("64 B, 64 keep-alive connections", &kept, 0.90),
        figure("a handshake and a request", &new, 0.65),
    ])
}

/// Latencies at half the maximum rate of the slowest of Teal and the peers.
fn latency(place: &Place, effort: Effort) -> Result<Vec<Figure>> {
    let peers = start(place, &[Kind::Teal, Kind::Nginx, Kind::Haproxy])?;
    let most = interleaved(&peers, 3, |peer| load::closed(peer, "/", 64, effort.seconds))?;
    let most = most.iter().map(|runs| median(&runs.iter().map(|r| r.rate).collect::<Vec<_>>()));
    let rate = most.fold(f64::INFINITY, f64::min) / 2.0;
    let runs =
        interleaved(&peers, effort.rounds, |peer| load::open(peer, 64, rate, effort.seconds))?;
    let [p50, p99, p999] = [0, 1, 2]
        .map(|at| series(&peers, &runs, |run: &[f64; 3]| run.get(at).copied().unwrap_or(f64::NAN)));
    let judged = Judged { values: ratios(&p99), what: "p99, Teal / better peer", bar: 1.10 };
    let work = |name: &str| format!("{name}, open loop, {rate:.0} requests/s");
    Ok(vec![
        Figure::new("Latency", &work("p50"), "µs", p50, None),
        Figure::new("Latency", &work("p99"), "µs", p99, Some(judged)),
        Figure::new("Latency", &work("p99.9"), "µs", p999, None),
    ])
}

/// Teal alone: switches under load, and load during switches; compared with the same load at rest.
fn switching(place: &Place, effort: Effort) -> Result<Vec<Figure>> {
    let teal = place.start(Kind::Teal, Shape::PLAIN)?;
    let (mut rest, mut busy, mut p99) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..effort.rounds {
        rest.push(load::closed(&teal, "/", 64, effort.seconds)?.cpu);
        let (run, took) = thread::scope(|scope| {
            let run = scope.spawn(|| load::closed(&teal, "/", 64, effort.seconds));
            let took = switches(&teal, effort.seconds);
            run.join().ok().context("the load panicked").map(|run| (run, took))
        })?;
        busy.push(run?.cpu);
        p99.push(percentile(&took?, 99.0));
    }
    let judged = Judged { values: p99.clone(), what: "p99 of Teal, ms", bar: 5.0 };
    let cost = vec![Series::new("at rest", rest), Series::new("10 switches/s", busy)];
    Ok(vec![
        Figure::new(
            "Switching",
            "p99, command to published, 64 connections",
            "ms",
            vec![Series::new("Teal", p99)],
            Some(judged),
        ),
        Figure::new("CPU while switching", "64 B, 64 connections", "µs", cost, None),
    ])
}

/// Teal alone, with one worker: switches while that worker does TLS handshakes.
fn beside_handshakes(place: &Place, effort: Effort) -> Result<Vec<Figure>> {
    let teal = place.start(Kind::Teal, Shape::TLS)?;
    let (mut p99, mut rate) = (Vec::new(), Vec::new());
    for _ in 0..effort.rounds {
        let (made, took) = thread::scope(|scope| {
            let made =
                scope.spawn(|| load::handshakes(place, &teal, HANDSHAKE_EVERY, effort.seconds));
            let took = switches(&teal, effort.seconds);
            made.join().ok().context("the clients panicked").map(|made| (made, took))
        })?;
        rate.push(made? as f64 / effort.seconds as f64);
        p99.push(percentile(&took?, 99.0));
    }
    let judged = Judged { values: p99.clone(), what: "p99 of Teal, ms", bar: 5.0 };
    let work = "p99, command to published, beside 200 full handshakes/s on one worker";
    let series = |values| vec![Series::new("Teal", values)];
    Ok(vec![
        Figure::new("Switching beside handshakes", work, "ms", series(p99), Some(judged)),
        Figure::new("Handshakes meanwhile", "meant: 200", "/s", series(rate), None),
    ])
}

/// Switches back and forth; returns the time of each in milliseconds.
fn switches(teal: &Peer, seconds: u64) -> Result<Vec<f64>> {
    let end = Instant::now() + Duration::from_secs(seconds);
    let mut took = Vec::new();
    let mut next = Instant::now();
    while next < end {
        thread::sleep(next.saturating_duration_since(Instant::now()));
        let to = if took.len() % 2 == 0 { "green" } else { "blue" };
        took.push(load::switch(teal, to)?.as_secs_f64() * 1e3);
        next += SWITCH_EVERY;
    }
    if took.len() % 2 == 1 {
        load::switch(teal, "blue")?; // the next round begins on blue
    }
    Ok(took)
}

/// Resident memory per idle connection, with new processes in each round.
fn memory(place: &Place, effort: Effort) -> Result<Vec<Figure>> {
    let kinds = [Kind::Teal, Kind::Nginx, Kind::Haproxy];
    let mut all = kinds.map(|kind| Series::new(kind.name(), Vec::new()));
    for _ in 0..effort.rounds {
        for (kind, series) in kinds.iter().zip(&mut all) {
            let peer = place.start(*kind, Shape::PLAIN)?;
            drop(load::idle_clients(peer.address, 1)?); // excludes what the first request allocates
            let before = peer.process.resident()?;
            let clients = load::idle_clients(peer.address, effort.idle)?;
            let grown = peer.process.resident()? - before;
            series.values.push(grown / 1024.0 / clients.len() as f64);
        }
    }
    let teal = all.first().map(|teal| teal.values.clone()).unwrap_or_default();
    let judged = Judged { values: teal, what: "Teal, KiB", bar: 4.0 };
    let work = format!("{} idle keep-alive connections", effort.idle);
    Ok(vec![Figure::new("Memory per idle connection", &work, "KiB", all.to_vec(), Some(judged))])
}

/// Teal with a larger configuration, compared with itself.
fn shapes<const N: usize>(
    place: &Place,
    effort: Effort,
    group: &'static str,
    shapes: [(usize, usize); N],
) -> Result<Vec<Figure>> {
    let start = |(routes, targets)| place.start(Kind::Teal, Shape { routes, targets, tls: false });
    let peers: Vec<Peer> = shapes.into_iter().map(start).collect::<Result<_>>()?;
    let runs =
        interleaved(&peers, effort.rounds, |peer| load::closed(peer, "/", 64, effort.seconds))?;
    let cpu = series(&peers, &runs, |run| run.cpu);
    Ok(vec![Figure::new(group, "64 B, 64 connections", "µs", cpu, None)])
}

fn beside_idle(place: &Place, effort: Effort) -> Result<Vec<Figure>> {
    let peers = start(place, &[Kind::Teal, Kind::Nginx, Kind::Haproxy])?;
    let runs = interleaved(&peers, effort.rounds, |peer| {
        let idle = load::idle_clients(peer.address, effort.idle)?;
        peer.process.settle()?;
        let run = load::closed(peer, "/", 64, effort.seconds);
        drop(idle);
        run
    })?;
    let cpu = series(&peers, &runs, |run| run.cpu);
    let work = format!("64 B, 64 connections beside {} idle ones", effort.idle);
    Ok(vec![Figure::new("Idle connections", &work, "µs", cpu, None)])
}

fn start(place: &Place, kinds: &[Kind]) -> Result<Vec<Peer>> {
    kinds.iter().map(|kind| place.start(*kind, Shape::PLAIN)).collect()
}

/// Measures every peer once per round, each round beginning with the next peer, so that neither other
/// activity on the machine nor the order favors one. Returns the values of each peer, by round.
fn interleaved<T>(
    peers: &[Peer],
    rounds: usize,
    mut measure: impl FnMut(&Peer) -> Result<T>,
) -> Result<Vec<Vec<T>>> {
    let mut values: Vec<Vec<T>> = peers.iter().map(|_| Vec::new()).collect();
    for round in 0..rounds {
        let mut order: Vec<_> = peers.iter().zip(&mut values).collect();
        let first = round % order.len().max(1);
        order.rotate_left(first);
        for (peer, values) in order {
            values.push(measure(peer)?);
        }
    }
    Ok(values)
}

fn series<T>(peers: &[Peer], runs: &[Vec<T>], value: impl Fn(&T) -> f64) -> Vec<Series> {
    let named = peers.iter().zip(runs);
    named.map(|(peer, runs)| Series::new(&peer.name, runs.iter().map(&value).collect())).collect()
}

/// Round by round: Teal against the better of nginx and HAProxy in the same round.
fn ratios(series: &[Series]) -> Vec<f64> {
    let of = |kind: Kind| {
        let found = series.iter().find(|series| series.name == kind.name());
        found.map_or(&[][..], |series| series.values.as_slice())
    };
    let peers = of(Kind::Nginx).iter().zip(of(Kind::Haproxy));
    of(Kind::Teal).iter().zip(peers).map(|(teal, (one, other))| teal / one.min(*other)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ratio_is_to_the_better_peer_of_the_same_round() {
        let all = [
            Series::new("Teal", vec![9.0, 8.0]),
            Series::new("nginx", vec![10.0, 20.0]),
            Series::new("HAProxy", vec![20.0, 16.0]),
            Series::new("bare relay", vec![1.0, 1.0]),
        ];
        assert_eq!(ratios(&all), [0.9, 0.5]);
    }
}
