//! Losses during switches: `teal drill` tries Teal, nginx and HAProxy in turn, each switched by its usual
//! command, with the old target killed as soon as that returns.
//!
//! Writes a report with one line per way of switching. The configurations and commands are in
//! `bench/peers/losses`. The report covers this run only.

#![forbid(unsafe_code)]

use std::fmt::Write as _;
use std::fs::{self, File};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use std::{env, thread};

use anyhow::{Context, Result, bail};
use clap::Parser;
use serde_json::Value;

/// Compare what Teal and its peers lose during switches, and write a report.
#[derive(Parser)]
struct Arguments {
    /// The name of the report, such as a date.
    #[arg(long)]
    name: String,
    /// Switches per proxy.
    #[arg(long, default_value_t = 20)]
    switches: u32,
    /// Seconds of load per proxy.
    #[arg(long, default_value_t = 40)]
    seconds: u32,
    /// Requests per second.
    #[arg(long, default_value_t = 2000)]
    rate: u32,
    /// Directory for reports.
    #[arg(long, default_value = "bench/results")]
    out: PathBuf,
    /// Directory of the configurations and commands.
    #[arg(long, default_value = "bench/peers/losses")]
    peers: PathBuf,
}

/// One way of switching one proxy.
struct Way {
    name: &'static str,
    /// Templates that are filled in and written to the working directory.
    files: &'static [&'static str],
    /// The command that starts it there.
    start: &'static str,
    /// The switch command for the drill.
    switch: &'static str,
}

const WAYS: [Way; 5] = [
    Way {
        name: "Teal, `teal switch`",
        files: &["teal.toml"],
        start: "exec {{teal}} run --config {{work}}/teal.toml",
        switch: "{{teal}} switch {to} --wait-healthy 10s --admin unix:{{work}}/state/admin.sock",
    },
    Way {
        name: "HAProxy, runtime API, waiting until no session is left",
        files: &["haproxy-runtime.conf", "haproxy-runtime-switch.sh"],
        start: "exec haproxy -f {{work}}/haproxy-runtime.conf",
        switch: "bash {{work}}/haproxy-runtime-switch.sh {to}",
    },
    Way {
        name: "HAProxy, reload",
        files: &["haproxy-reload.conf", "haproxy-reload-switch.sh"],
        start: "exec haproxy -W -p {{work}}/haproxy.pid -f {{work}}/haproxy-reload.conf",
        switch: "bash {{work}}/haproxy-reload-switch.sh {to}",
    },
    Way {
        name: "nginx, reload",
        files: &["nginx.conf", "nginx-switch.sh"],
        start: "exec nginx -c {{work}}/nginx.conf -p {{work}}",
        switch: "bash {{work}}/nginx-switch.sh {to}",
    },
    Way {
        name: "nginx, reload and one second of patience",
        files: &["nginx.conf", "nginx-switch.sh"],
        start: "exec nginx -c {{work}}/nginx.conf -p {{work}}",
        switch: "bash {{work}}/nginx-switch.sh {to} 1",
    },
];

fn main() -> Result<()> {
    let arguments = Arguments::parse();
    let mut report = head(&arguments)?;
    for way in &WAYS {
        eprint(&format!("{} …", way.name));
        let found = try_way(way, &arguments).with_context(|| way.name)?;
        let line = line(way, &found)?;
        eprint(&line);
        report.push_str(&line);
    }
    let path = arguments.out.join(format!("{}-losses.md", arguments.name));
    fs::write(&path, report).with_context(|| format!("{} can't be written", path.display()))
}

#[expect(clippy::print_stderr, reason = "a command-line tool speaks to its terminal")]
fn eprint(text: &str) {
    eprintln!("{}", text.trim_end());
}

/// Starts the proxy, drills it, and stops it.
fn try_way(way: &Way, arguments: &Arguments) -> Result<Value> {
    let work = tempfile::tempdir()?;
    let ports = ports::<4>()?;
    let [port, control, blue, green] = ports.map(|port| port.to_string());
    let address = |port: &str| format!("127.0.0.1:{port}");
    let values = [
        ("work", work.path().display().to_string()),
        ("teal", teal()?.display().to_string()),
        ("port", port.clone()),
        ("control", control),
        ("blue", address(&blue)),
        ("green", address(&green)),
    ];
    for file in way.files {
        let text = fs::read_to_string(arguments.peers.join(file))?;
        fs::write(work.path().join(file), fill(&text, &values))?;
    }
    let upstream = format!("upstream app {{ server {}; keepalive 64; }}\n", address(&blue));
    fs::write(work.path().join("upstream.conf"), upstream)?; // what nginx begins with
    let _proxy = Proxy::start(&fill(way.start, &values), work.path(), &port)?;
    let output = Command::new(teal()?)
        .args(["drill", &format!("http://{}/", address(&port)), "--json"])
        .args(["--switch", &fill(way.switch, &values)])
        .args(["--blue", &address(&blue), "--green", &address(&green)])
        .args(["--switches", &arguments.switches.to_string()])
        .args(["--time", &format!("{}s", arguments.seconds)])
        .args(["--rate", &arguments.rate.to_string()])
        .stderr(Stdio::piped())
        .output()?;
    if output.stdout.is_empty() {
        bail!("the drill failed: {}", String::from_utf8_lossy(&output.stderr));
    }
    Ok(serde_json::from_slice(&output.stdout)?)
}

/// A proxy that is stopped when this is dropped.
struct Proxy(Child);

impl Proxy {
    /// Starts it and waits until it listens.
    fn start(command: &str, work: &Path, port: &str) -> Result<Self> {
        let log = File::create(work.join("log"))?;
        let child = Command::new("sh")
            .args(["-c", command])
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .spawn()?;
        let proxy = Self(child);
        let deadline = Instant::now() + Duration::from_secs(10);
        while std::net::TcpStream::connect(format!("127.0.0.1:{port}")).is_err() {
            if Instant::now() > deadline {
                bail!("the proxy does not listen: {}", fs::read_to_string(work.join("log"))?);
            }
            thread::sleep(Duration::from_millis(20));
        }
        Ok(proxy)
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        // nginx and HAProxy stop their children on SIGTERM, not on SIGKILL. An error is ignored: it has
        // exited by itself.
        let _ = Command::new("kill").arg(self.0.id().to_string()).status();
        let _ = self.0.wait();
    }
}

fn head(arguments: &Arguments) -> Result<String> {
    let mut text = format!("# What is lost at a switch, {}\n\n", arguments.name);
    write!(
        text,
        "{} switches in {} s under {} requests per second over 64 connections: GET and POST, chunked \
         and large\nbodies both ways, Expect, pipelining, event streams, WebSocket. As soon as the \
         command of a switch has\nreturned, the old target is killed with SIGKILL, and brought back. \
         Written by `make losses`; commands and\nconfigurations are in `bench/peers/losses`.\n\n",
        arguments.switches, arguments.seconds, arguments.rate
    )?;
    for program in [&["nginx", "-v"], &["haproxy", "-v"]] {
        let output = Command::new(program[0]).args(&program[1..]).output()?;
        let said = [output.stdout, output.stderr].concat();
        let said = String::from_utf8_lossy(&said);
        writeln!(text, "- {}", said.lines().next().unwrap_or_default())?;
    }
    text.push_str(
        "\n| way of switching | sent | lost | doubled | late | wrong | replayed | switch, ms (median, most) |\n\
         |---|---|---|---|---|---|---|---|\n",
    );
    Ok(text)
}

fn line(way: &Way, found: &Value) -> Result<String> {
    let count = |value: &Value| value.as_u64().context("a count is missing in the drill's report");
    let millis = |name: &str| found[name].as_f64().unwrap_or_default() * 1e3;
    let seen = &found["seen"];
    Ok(format!(
        "| {} | {} | {} | {} | {} | {} | {} | {:.0}, {:.0} |\n",
        way.name,
        count(&found["sent"])?,
        count(&found["lost"])?,
        count(&seen["doubled"])?,
        count(&seen["late"])?,
        count(&found["wrong_echo"])?,
        count(&seen["replayed"])?,
        millis("switch_seconds_p50"),
        millis("switch_seconds_max"),
    ))
}

fn fill(text: &str, values: &[(&str, String)]) -> String {
    values.iter().fold(text.to_owned(), |text, (place, value)| {
        text.replace(&format!("{{{{{place}}}}}"), value)
    })
}

/// The Teal that was built together with this program.
fn teal() -> Result<PathBuf> {
    let own = env::current_exe()?;
    let teal = own.parent().context("no folder")?.join("teal");
    if !teal.exists() {
        bail!("{} is missing: cargo build --release --package teal", teal.display());
    }
    Ok(teal)
}

/// Currently free ports.
fn ports<const N: usize>() -> Result<[u16; N]> {
    let listeners =
        (0..N).map(|_| TcpListener::bind("127.0.0.1:0")).collect::<Result<Vec<_>, _>>()?;
    let ports = listeners.iter().map(|listener| Ok(listener.local_addr()?.port()));
    let ports = ports.collect::<Result<Vec<u16>>>()?;
    ports.try_into().ok().context("as many ports as asked for")
}
