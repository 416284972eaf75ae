//! Measures the cost of a scrape, and of a switch during scrapes, with few and with many idle services.
//!
//! Prints a table: the page's bytes, its CPU time and wall time, and the time from a switch's command to
//! `published`, alone and during continuous scrapes. Also the startup time, and the CPU time at rest.

#![forbid(unsafe_code)]

use std::fs;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use clap::Parser;
use testkit::{Client, Settings, Target, Teal, wait_until};

/// Measure scrapes, and switches during them.
#[derive(Parser)]
struct Arguments {
    /// The Teal binary.
    #[arg(long, default_value = "target/release/teal")]
    teal: String,
    /// Numbers of services.
    #[arg(long, value_delimiter = ',', default_values_t = [1, 100, 2000])]
    services: Vec<usize>,
    /// The number of them with traffic on both colors.
    #[arg(long, default_value_t = 0)]
    used: usize,
    /// Scrapes to measure.
    #[arg(long, default_value_t = 20)]
    scrapes: u32,
    /// Switches to measure, alone and during scrapes.
    #[arg(long, default_value_t = 200)]
    switches: usize,
}

/// The time limit until all targets are known.
const KNOWN: Duration = Duration::from_secs(120);

/// The duration of the measurement at rest.
const REST: Duration = Duration::from_secs(10);

/// Clock ticks of /proc per second.
const TICKS: f64 = 100.0;

#[expect(clippy::print_stdout, reason = "a command-line tool speaks to its terminal")]
fn main() -> Result<()> {
    let arguments = Arguments::parse();
    println!(
        "| services | start | CPU at rest | page | CPU of a scrape | wall | switch p50, p99 | beside scrapes p50, p99 |"
    );
    println!("|---|---|---|---|---|---|---|---|");
    for services in &arguments.services {
        measure(&arguments, *services)?;
    }
    Ok(())
}

#[expect(clippy::print_stdout, reason = "a command-line tool speaks to its terminal")]
fn measure(arguments: &Arguments, services: usize) -> Result<()> {
    let (blue, green) = (Target::start("blue"), Target::start("green"));
    let health = "health = { path = \"/health\" }"; // every 5 s
    let mut further = String::new();
    for number in 1..services {
        let (blue, green) = (blue.url(), green.url());
        let name = format!("name = \"s{number}\"\nhosts = [\"s{number}.test\"]\n{health}");
        let blue = format!("blue = {{ targets = [\"{blue}\"] }}");
        let green = format!("green = {{ targets = [\"{green}\"] }}");
        further.extend(["[[service]]\n", &name, "\n", &blue, "\n", &green, "\n"]);
    }
    let settings = Settings::new(&blue, &green).service("health", "{ path = \"/health\" }");
    let began = Instant::now();
    let teal = Teal::start(&arguments.teal, &settings.extra(&further));
    let start = began.elapsed();
    let up = 2 * services as u64;
    wait_until(KNOWN, "every target is up", || teal.metrics().count("teal_target_up", &[]) == up);
    for number in 1..=arguments.used.min(services.saturating_sub(1)) {
        for color in ["green", "blue"] {
            let mut client = Client::connect(teal.listener());
            client.send(format!("GET / HTTP/1.1\r\nHost: s{number}.test\r\n\r\n"));
            ensure!(client.answer().status == 200, "s{number} does not answer");
            switch(&teal, color, &format!("s{number}"))?;
        }
    }
    let process = teal.serving().context("a serving process")?;
    let (began, before) = (Instant::now(), cpu(process)?);
    thread::sleep(REST);
    let rest = (cpu(process)? - before) / began.elapsed().as_secs_f64();

    let admin = teal.admin();
    let (began, before) = (Instant::now(), cpu(process)?);
    let mut bytes = 0;
    for _ in 0..arguments.scrapes {
        bytes = scrape(admin)?;
    }
    let wall = began.elapsed().as_secs_f64();
    let each = f64::from(arguments.scrapes);
    let own = (cpu(process)? - before - rest * wall).max(0.0) / each;

    let alone = switches(&teal, arguments.switches)?;
    let stop = Arc::new(AtomicBool::new(false));
    let told = stop.clone();
    let scraping = thread::spawn(move || {
        let mut scrapes = 0;
        while !told.load(Ordering::Relaxed) && scrape(admin).is_ok() {
            scrapes += 1;
        }
        scrapes
    });
    let beside = switches(&teal, arguments.switches)?;
    stop.store(true, Ordering::Relaxed);
    let scrapes = scraping.join().unwrap_or_default();
    ensure!(scrapes > 0, "no scrape was made during the switches");
    let milliseconds = |times: &[Duration], percent: usize| {
        times[(times.len() - 1) * percent / 100].as_secs_f64() * 1e3
    };
    println!(
        "| {services} | {:.2} s | {:.1} % | {:.0} KB | {:.1} ms | {:.1} ms | {:.1}, {:.1} ms | {:.1}, {:.1} ms ({scrapes} scrapes) |",
        start.as_secs_f64(),
        rest * 100.0,
        bytes as f64 / 1e3,
        own * 1e3,
        wall / each * 1e3,
        milliseconds(&alone, 50),
        milliseconds(&alone, 99),
        milliseconds(&beside, 50),
        milliseconds(&beside, 99),
    );
    Ok(())
}

/// The bytes of one page.
fn scrape(admin: SocketAddr) -> Result<usize> {
    let mut stream = TcpStream::connect(admin)?;
    let accept = "Accept: application/openmetrics-text;version=1.0.0";
    write!(stream, "GET /metrics HTTP/1.0\r\nHost: localhost\r\n{accept}\r\n\r\n")?;
    let mut page = Vec::new();
    stream.read_to_end(&mut page)?;
    ensure!(page.ends_with(b"# EOF\n"), "the page is incomplete");
    Ok(page.len())
}

/// The times of this many switches of the first service, each from the command to `published`, sorted.
fn switches(teal: &Teal, count: usize) -> Result<Vec<Duration>> {
    let mut times = Vec::new();
    for number in 0..count {
        let color = if number % 2 == 0 { "green" } else { "blue" };
        let began = Instant::now();
        switch(teal, color, "web")?;
        times.push(began.elapsed());
    }
    times.sort_unstable();
    Ok(times)
}

fn switch(teal: &Teal, color: &str, service: &str) -> Result<()> {
    let answer = teal.switch(color, &format!("&service={service}&wait=published"));
    ensure!(answer.status == 200, "{}", answer.text());
    Ok(())
}

/// The CPU time of a process, in seconds.
fn cpu(process: u32) -> Result<f64> {
    let stat = fs::read_to_string(format!("/proc/{process}/stat"))?;
    // The name in parentheses may contain spaces; user and system time are 12th and 13th after it.
    let fields = stat.rsplit(") ").next().unwrap_or_default().split(' ').skip(11).take(2);
    let ticks: Vec<f64> = fields.map(str::parse).collect::<Result<_, _>>()?;
    Ok(ticks.iter().sum::<f64>() / TICKS)
}
