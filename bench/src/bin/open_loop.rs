//! The open-loop client: requests at a fixed rate, whether or not answers arrive.
//!
//! Every request has its intended time, and its latency counts from then: a stalled proxy delays all
//! requests that should have been sent meanwhile, and each is counted (no coordinated omission). Each
//! connection is a thread of blocking calls with its own share of the rate: sleeping on the kernel's
//! timers is accurate to about 50 µs, the same for every proxy, and unlike spinning leaves the core to
//! the backend.
//!
//! Usage: `open-loop ADDRESS CONNECTIONS REQUESTS_PER_SECOND SECONDS`; prints
//! `requests p50 p99 p99.9`, the latencies in microseconds.

#![forbid(unsafe_code)]

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::thread;
use std::time::{Duration, Instant};
use std::{env, str};

use anyhow::{Context, Result, bail};

const REQUEST: &[u8] = b"GET / HTTP/1.1\r\nHost: example.com\r\n\r\n";

/// The time without an answer after which the run ends.
const PATIENCE: Duration = Duration::from_secs(10);

#[expect(clippy::print_stdout, reason = "a command-line tool speaks to its terminal")]
fn main() -> Result<()> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let [address, connections, rate, seconds] = arguments.as_slice() else {
        bail!("usage: open-loop ADDRESS CONNECTIONS REQUESTS_PER_SECOND SECONDS");
    };
    let mut latencies =
        run(address.parse()?, connections.parse()?, rate.parse()?, seconds.parse()?)?;
    latencies.sort_unstable();
    let [p50, p99, p999] = [50.0, 99.0, 99.9].map(|percent| percentile(&latencies, percent));
    println!("{} {p50:.1} {p99:.1} {p999:.1}", latencies.len());
    Ok(())
}

fn run(address: SocketAddr, connections: u32, rate: f64, seconds: u64) -> Result<Vec<Duration>> {
    if connections == 0 || !rate.is_finite() || rate <= 0.0 {
        bail!("at least one connection, and a rate above 0");
    }
    let streams: Result<Vec<_>> = (0..connections).map(|_| connect(address)).collect();
    let period = Duration::from_secs_f64(f64::from(connections) / rate);
    let began = Instant::now() + Duration::from_millis(50); // every thread is up by then
    let end = began + Duration::from_secs(seconds);
    let threads: Vec<_> = (0..connections)
        .zip(streams?)
        .map(|(n, stream)| {
            let first = began + period * n / connections;
            thread::spawn(move || requests(stream, first, period, end))
        })
        .collect();
    let mut latencies = Vec::new();
    for thread in threads {
        latencies.extend(thread.join().ok().context("a thread panicked")??);
    }
    Ok(latencies)
}

fn connect(address: SocketAddr) -> Result<TcpStream> {
    let stream = TcpStream::connect(address)?;
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    Ok(stream)
}

/// Sends requests at their times until the end; returns the latencies.
fn requests(
    mut stream: TcpStream,
    first: Instant,
    period: Duration,
    end: Instant,
) -> Result<Vec<Duration>> {
    let mut latencies = Vec::new();
    let mut intended = first;
    while intended < end {
        thread::sleep(intended.saturating_duration_since(Instant::now()));
        stream.write_all(REQUEST)?;
        answer(&mut stream)?;
        latencies.push(intended.elapsed());
        intended += period;
    }
    Ok(latencies)
}

/// Reads one answer with a length, which must be a 200.
fn answer(stream: &mut TcpStream) -> Result<()> {
    let mut buffer = [0; 4096];
    let mut filled = 0;
    loop {
        let free = buffer.get_mut(filled..).filter(|free| !free.is_empty());
        match stream.read(free.context("an answer larger than the buffer")?)? {
            0 => bail!("the connection was closed"),
            count => filled += count,
        }
        let bytes = buffer.get(..filled).unwrap_or_default();
        let mut fields = [httparse::EMPTY_HEADER; 64];
        let mut answer = httparse::Response::new(&mut fields);
        let httparse::Status::Complete(head) = answer.parse(bytes)? else { continue };
        if answer.code != Some(200) {
            bail!("answered {:?}", answer.code);
        }
        let length = answer.headers.iter().find(|f| f.name.eq_ignore_ascii_case("content-length"));
        let length = length.context("an answer without a length")?.value;
        if filled >= head + str::from_utf8(length)?.parse::<usize>()? {
            return Ok(());
        }
    }
}

/// The latency, in microseconds, that this percentage of the requests did not exceed.
#[expect(clippy::cast_sign_loss, reason = "a share of a length is never negative")]
fn percentile(sorted: &[Duration], percent: f64) -> f64 {
    let rank = (sorted.len() as f64 * percent / 100.0).ceil() as usize;
    sorted.get(rank.saturating_sub(1)).map_or(f64::NAN, |latency| latency.as_secs_f64() * 1e6)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_percentile_is_a_latency_that_was_measured() {
        let sorted: Vec<_> = (1..=1000).map(Duration::from_micros).collect();
        assert!((percentile(&sorted, 50.0) - 500.0).abs() < 1e-6);
        assert!((percentile(&sorted, 99.9) - 999.0).abs() < 1e-6);
        assert!(percentile(&[], 50.0).is_nan());
    }
}
