//! The loads on a proxy: closed-loop load by wrk, open-loop load by our client, idle clients, clients
//! with full TLS handshakes, switches.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::Command;
use std::time::{Duration, Instant};
use std::{fs, thread};

use anyhow::{Context, Result, bail};

use crate::peers::{LOAD_CORE, NAME, Peer, Place, beside};

const PATIENCE: Duration = Duration::from_secs(10);

/// The measurements of one run of wrk.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Run {
    /// The proxy's CPU time per request, in microseconds.
    pub(crate) cpu: f64,
    /// Requests per second.
    pub(crate) rate: f64,
}

/// As many requests as possible over this many connections.
pub(crate) fn closed(peer: &Peer, path: &str, connections: u32, seconds: u64) -> Result<Run> {
    load(peer, path, connections, seconds, &[])
}

/// The same, with a new connection for each request.
pub(crate) fn connecting(peer: &Peer, connections: u32, seconds: u64) -> Result<Run> {
    load(peer, "/", connections, seconds, &["-H", "Connection: close"])
}

fn load(peer: &Peer, path: &str, connections: u32, seconds: u64, more: &[&str]) -> Result<Run> {
    let before = peer.process.cpu()?;
    let scheme = if peer.tls { "https" } else { "http" };
    let (count, time) = (format!("-c{connections}"), format!("-d{seconds}s"));
    let url = format!("{scheme}://{}{path}", peer.address);
    let said = run(&[&["wrk", "-t1", &count, &time], more, &[&url]].concat())?;
    let cpu = peer.process.cpu()? - before;
    if said.contains("Socket errors") || said.contains("Non-2xx") {
        bail!("{} lost requests under load:\n{said}", peer.name);
    }
    let (requests, took) = requests(&said).with_context(|| format!("wrk said:\n{said}"))?;
    Ok(Run { cpu: cpu * 1e6 / requests, rate: requests / took })
}

/// As many requests as possible by HTTP/2 over TLS, over this many connections of this many streams.
pub(crate) fn http2(peer: &Peer, connections: u32, streams: u32, seconds: u64) -> Result<Run> {
    let before = peer.process.cpu()?;
    let (count, each) = (connections.to_string(), streams.to_string());
    let (time, url) = (seconds.to_string(), format!("https://{}/", peer.address));
    let said = run(&["h2load", "-D", &time, "-c", &count, "-m", &each, &url])?;
    let cpu = peer.process.cpu()? - before;
    let counted = |what: &str| {
        let line = said.lines().find(|line| line.starts_with("requests:"))?;
        let field = line.split([':', ',']).find_map(|field| field.trim().strip_suffix(what))?;
        field.trim().parse::<f64>().ok()
    };
    let (done, failed) = counted("done").zip(counted("failed")).context(said.clone())?;
    // Requests in flight at the end count as neither.
    if failed > f64::from(connections * streams) || done < 1.0 {
        bail!("{} lost requests under load:\n{said}", peer.name);
    }
    Ok(Run { cpu: cpu * 1e6 / done, rate: done / seconds as f64 })
}

/// Requests and seconds from the line `91 requests in 3.00s, 1.2MB read`.
fn requests(said: &str) -> Option<(f64, f64)> {
    let line = said.lines().find(|line| line.contains(" requests in "))?;
    let (count, rest) = line.trim().split_once(" requests in ")?;
    let took = rest.split_once("s,")?.0;
    Some((count.parse().ok().filter(|count| *count > 0.0)?, took.parse().ok()?))
}

/// The 50th, 99th and 99.9th percentiles, in microseconds, at a fixed rate.
pub(crate) fn open(peer: &Peer, connections: u32, rate: f64, seconds: u64) -> Result<[f64; 3]> {
    let said = run(&[
        &beside("open-loop")?,
        &peer.address.to_string(),
        &connections.to_string(),
        &format!("{rate:.0}"),
        &seconds.to_string(),
    ])?;
    let figures: Vec<f64> = said.split_whitespace().flat_map(str::parse).collect();
    let [_, p50, p99, p999] = figures.as_slice() else { bail!("open-loop said {said:?}") };
    Ok([*p50, *p99, *p999])
}

/// Runs a program to its end, on the load's core.
fn run(command: &[&str]) -> Result<String> {
    let output = Command::new("taskset")
        .args(["-c", &LOAD_CORE.to_string()])
        .args(command)
        .output()
        .with_context(|| format!("{command:?} can't be run"))?;
    if !output.status.success() {
        bail!("{command:?} failed: {}", String::from_utf8_lossy(&output.stderr));
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Clients that have received one answer each and keep their connections.
pub(crate) fn idle_clients(address: SocketAddr, count: usize) -> Result<Vec<TcpStream>> {
    (0..count).map(|_| idle_client(address)).collect()
}

fn idle_client(address: SocketAddr) -> Result<TcpStream> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.write_all(b"GET / HTTP/1.1\r\nHost: example.com\r\n\r\n")?;
    let answer = read_until(&mut stream, |answer| {
        answer
            .windows(4)
            .position(|end| end == b"\r\n\r\n")
            .is_some_and(|head| answer.len() >= head + 4 + 64)
    })?;
    if !answer.starts_with(b"HTTP/1.1 200") {
        bail!("an idle client was answered {:?}", String::from_utf8_lossy(&answer));
    }
    Ok(stream)
}

fn read_until(stream: &mut TcpStream, whole: impl Fn(&[u8]) -> bool) -> Result<Vec<u8>> {
    let (mut answer, mut buffer) = (Vec::new(), [0; 4096]);
    while !whole(&answer) {
        match stream.read(&mut buffer)? {
            0 => bail!("the connection was closed after {:?}", String::from_utf8_lossy(&answer)),
            count => answer.extend_from_slice(buffer.get(..count).unwrap_or_default()),
        }
    }
    Ok(answer)
}

/// Full handshakes at a steady pace, each on a new connection and followed by a request; returns their
/// number.
pub(crate) fn handshakes(
    place: &Place,
    peer: &Peer,
    every: Duration,
    seconds: u64,
) -> Result<usize> {
    let mut next = Instant::now();
    let end = next + Duration::from_secs(seconds);
    let mut made = 0;
    while next < end {
        thread::sleep(next.saturating_duration_since(Instant::now()));
        let fresh = place.pki.trust(Some(NAME)); // a used one would resume its session
        let mut stream = fresh.connect(peer.address)?;
        write!(stream, "GET / HTTP/1.1\r\nHost: {NAME}\r\nConnection: close\r\n\r\n")?;
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer)?;
        if !answer.starts_with(b"HTTP/1.1 200") {
            bail!("a client was answered {:?}", String::from_utf8_lossy(&answer));
        }
        made += 1;
        next += every;
    }
    Ok(made)
}

/// Switches Teal to a color; returns the time from the command until the new table was in force.
pub(crate) fn switch(teal: &Peer, to: &str) -> Result<Duration> {
    let token = fs::read_to_string(teal.directory.join("state/admin.token"))?;
    let began = Instant::now();
    let mut stream = TcpStream::connect(teal.admin)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    write!(
        stream,
        "POST /admin/switch?to={to}&wait=published HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n\
         Authorization: Bearer {}\r\nContent-Length: 0\r\n\r\n",
        teal.admin,
        token.trim()
    )?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    if !answer.starts_with("HTTP/1.1 200") {
        bail!("the switch to {to} was answered:\n{answer}");
    }
    Ok(began.elapsed())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_figures_of_wrk_are_read_and_a_run_without_requests_has_none() {
        let said = "Running 3s test\n  139104 requests in 3.10s, 28MB read\n";
        let (count, took) = requests(said).unwrap();
        assert!((count - 139_104.0).abs() < 1e-9 && (took - 3.1).abs() < 1e-9);
        assert!(requests("  0 requests in 3.10s, 0B read").is_none());
        assert!(requests("nothing").is_none());
    }
}
