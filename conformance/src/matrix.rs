//! Every server with every client: each case directly at the target and through Teal, then compared.

mod cell;
mod moving;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Result, anyhow};
use testkit::{Pki, Settings, Teal};

use crate::cases::{self, Case};
use crate::clients::{self, Client};
use crate::compare::Found;
use crate::expected::{self, Entry};
use crate::place::Place;
use crate::process::free_port;
use crate::servers::{self, Server};
use crate::tell;

pub(crate) use cell::Difference;
use cell::Played;

/// Teal's idle timeout for clients, after which an older Teal also closes their unused connections.
const IDLE: Duration = Duration::from_secs(8);

/// The number of servers at a time.
const LANES: usize = 3;

/// A Teal in front of two servers, with the facts for its clients.
#[derive(Debug)]
pub(crate) struct Ground {
    pub(crate) teal: Teal,
    pub(crate) plain: u16,
    pub(crate) secure: u16,
    pub(crate) direct: u16,
    pub(crate) pki: Pki,
    _servers: [Server; 2],
}

/// Results of the matrix.
#[derive(Debug, Default)]
pub(crate) struct Outcome {
    /// Server, client: how many cases were compared, and how many differences were explained.
    pub(crate) cells: BTreeMap<(&'static str, &'static str), (usize, usize)>,
    /// Differences without a reason.
    pub(crate) faults: Vec<Difference>,
    /// Differences with a reason.
    pub(crate) explained: Vec<Difference>,
    /// The entries of `expected.toml`, with the number of matches of each.
    pub(crate) expected: Vec<Entry>,
    /// Cases that are not played at some servers, and why.
    pub(crate) left_out: Vec<String>,
    /// The number of requests during switches and upgrades, and around the ends of idle connections.
    pub(crate) moved: usize,
}

/// Plays all cases between these servers and these clients; an empty list means all.
pub(crate) fn run(
    place: &Place,
    work: &Path,
    servers: &[String],
    names: &[String],
) -> Result<Outcome> {
    let cases = cases::read(&fs::read_to_string(place.sources.join("cases.toml"))?)?;
    let expected = expected::read(&fs::read_to_string(place.sources.join("expected.toml"))?)?;
    let chosen =
        |list: &[String], name: &str| list.is_empty() || list.iter().any(|one| one == name);
    let left_out = cases
        .iter()
        .filter(|case| !case.left_out.is_empty())
        .map(|case| format!("{} at {}: {}", case.name, case.left_out.join(", "), case.why))
        .collect();
    let outcome = Mutex::new(Outcome { expected, left_out, ..Outcome::default() });
    let waiting: Vec<_> = servers::KINDS.iter().filter(|kind| chosen(servers, kind.name)).collect();
    let next = AtomicUsize::new(0);
    // Most of the time is spent waiting, so several servers run at once, each with all clients.
    thread::scope(|scope| {
        let lanes: Vec<_> = (0..LANES.min(waiting.len()))
            .map(|lane| {
                let (cases, outcome, waiting, next) = (&cases, &outcome, &waiting, &next);
                scope.spawn(move || -> Result<()> {
                    let work = work.join(format!("lane-{lane}"));
                    fs::create_dir_all(&work)?;
                    let mut clients = Vec::new();
                    for kind in clients::KINDS.iter().filter(|kind| chosen(names, kind.name)) {
                        clients.push(Client::start(kind, place, &work)?);
                    }
                    while let Some(kind) = waiting.get(next.fetch_add(1, Ordering::Relaxed)) {
                        let begun = Instant::now();
                        let ground = Ground::prepare(kind, place, &work.join(kind.name));
                        let found =
                            ground.and_then(|ground| one_server(kind, ground, cases, &mut clients));
                        let mut outcome = outcome.lock().unwrap_or_else(PoisonError::into_inner);
                        match found {
                            Ok(found) => outcome.add(kind, found),
                            // The other servers continue: a fault of one must not hide theirs.
                            Err(error) => outcome.fail(kind, &error),
                        }
                        tell(&format!("{}: {:.0} s", kind.name, begun.elapsed().as_secs_f64()));
                    }
                    Ok(())
                })
            })
            .collect();
        lanes.into_iter().try_for_each(|lane| {
            lane.join().map_err(|_| anyhow!("a lane of the matrix has panicked"))?
        })
    })?;
    let outcome = outcome.into_inner().unwrap_or_else(PoisonError::into_inner);
    // For writing entries of `expected.toml`.
    let explained: Vec<String> = outcome.explained.iter().map(ToString::to_string).collect();
    fs::write(place.installed.join("explained.log"), explained.join("\n"))?;
    Ok(outcome)
}

fn one_server(
    kind: &'static servers::Kind,
    mut ground: Ground,
    cases: &[Case],
    clients: &mut [Client],
) -> Result<Vec<Played>> {
    let speaks = |client: &Client| client.kind.speaks.iter().any(|one| kind.speaks.contains(one));
    let mut found = Vec::new();
    let of = &ground;
    thread::scope(|scope| -> Result<()> {
        let clients = clients.iter_mut().filter(|client| speaks(client));
        let running: Vec<_> = clients
            .map(|client| scope.spawn(move || cell::play_all(kind, of, cases, client)))
            .collect();
        for one in running {
            found.push(one.join().map_err(|_| anyhow!("a client's thread has panicked"))??);
        }
        Ok(())
    })?;
    let mut clients: Vec<_> = clients.iter_mut().filter(|client| speaks(client)).collect();
    found.extend(moving::idle_closes(kind, &ground, &mut clients)?);
    found.extend(moving::switches(kind, &mut ground, &mut clients)?);
    Ok(found)
}

impl Outcome {
    /// The fault of a server that could not be started, or of a client that stopped answering.
    fn fail(&mut self, kind: &servers::Kind, error: &anyhow::Error) {
        let fault = Difference {
            server: kind.name,
            client: "all clients",
            way: "every way",
            case: "the whole row".to_owned(),
            found: Found {
                step: None,
                what: format!("not played to its end: {error:#}"),
                detail: String::new(),
            },
        };
        tell(&format!("fault: {fault}"));
        self.faults.push(fault);
    }

    /// Adds the results of one server.
    fn add(&mut self, kind: &servers::Kind, found: Vec<Played>) {
        for one in found {
            let cell = self.cells.entry((kind.name, one.client)).or_default();
            cell.0 += one.compared;
            self.moved += one.moved;
            for difference in one.differences {
                if expected::explains(&self.expected, &difference).is_some() {
                    cell.1 += 1;
                    self.explained.push(difference);
                } else {
                    if !self.faults.iter().any(|fault| fault.is_like(&difference)) {
                        tell(&format!("fault: {difference}"));
                    }
                    self.faults.push(difference);
                }
            }
        }
    }
}

impl Ground {
    fn prepare(kind: &servers::Kind, place: &Place, work: &Path) -> Result<Self> {
        fs::create_dir_all(work)?;
        let blue = Server::start(kind, place, &work.join("blue"))?;
        let green = Server::start(kind, place, &work.join("green"))?;
        let pki = Pki::new(work);
        let pair = pki.issue("localhost", &["localhost"]);
        let secure = free_port()?;
        let grpc = kind.name == "grpcio" || kind.name == "tonic";
        let kind_of_probe = if grpc { "type = \"grpc\"" } else { "path = \"/health\"" };
        let health = format!(
            "{{ {kind_of_probe}, interval = \"500ms\", timeout = \"2s\", rise = 2, fall = 3 }}"
        );
        let settings = Settings::of_urls(&[&blue.url(kind)], &[&green.url(kind)])
            .listener_key("http2", "true")
            .service("health", &health)
            .drain("20s")
            .timeouts(&format!("idle = \"{}s\"", IDLE.as_secs()))
            .extra(&format!(
                "[[listener]]\naddress = \"127.0.0.1:{secure}\"\ntls = true\n\n\
                 [[certificate]]\ncert = '{}'\nkey = '{}'\n",
                pair.cert.display(),
                pair.key.display()
            ));
        let teal = Teal::start_healthy(&place.teal.display().to_string(), &settings);
        let plain = teal.listener().port();
        Ok(Self { teal, plain, secure, direct: blue.port, pki, _servers: [blue, green] })
    }
}
