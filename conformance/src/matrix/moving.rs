//! Cases without a counterpart at the target: the ends of idle connections, switches and an upgrade of Teal
//! while clients send requests. Nothing may be lost, and every answer must be the same as at rest.

use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, anyhow, ensure};
use serde_json::Value;
use testkit::Teal;

use super::Ground;
use super::cell::{Difference, Played, play};
use crate::cases::{Case, Speech, Step};
use crate::clients::{Client, Way};
use crate::compare::{Found, detail, differences};
use crate::servers;

/// Servers close an idle connection after a second: requests come just before, at and after that.
const CLOSES_AFTER: u64 = 1000;
const BEFORE: u64 = 12;
const AROUND: [u64; 7] = [0, 4, 8, 12, 16, 20, 24];

/// The time limit for the older Teal to leave.
const LEFT_WITHIN: Duration = Duration::from_secs(40);

/// The time after which clients have begun; between two changes they continue for longer than this.
const BETWEEN: Duration = Duration::from_millis(700);

/// The number of requests, or rounds of calls, during a change.
const LONG: usize = 30;

/// Requests at the instant when the target closes its idle connection to Teal. The target itself may
/// lose them; Teal may not.
pub(super) fn idle_closes(
    server: &'static servers::Kind,
    ground: &Ground,
    clients: &mut [&mut Client],
) -> Result<Vec<Played>> {
    let mut steps = vec![Step::get("/small", 0)];
    for offset in AROUND {
        steps.push(Step::get("/small", CLOSES_AFTER - BEFORE + offset));
    }
    let race = Case::of_steps("keep-alive close", steps);
    // Long after both the target and Teal have closed their idle connections.
    let pause = u64::try_from(super::IDLE.as_millis())? + CLOSES_AFTER / 2;
    let rest = vec![Step::get("/small", 0), Step::get("/small", pause), Step::post("/echo", 9, 0)];
    let rest = Case::of_steps("idle for longer than Teal keeps a connection", rest);
    together(clients, |client| {
        let mut played = Played::new(client.kind.name);
        if !(speaks(client, Speech::Http) && server.speaks.contains(&Speech::Http)) {
            return Ok(played);
        }
        let way = client.kind.ways[0];
        let results = play(ground, &race, client, Some(way))?;
        played.moved += results.len();
        for (step, result) in results.iter().enumerate() {
            if result["status"] != 200 {
                let what = format!("{} instead of 200", outcome(result));
                let found = Found { step: Some(step + 1), what, detail: detail(result) };
                played.differences.push(difference(server, client, way, &race, found));
            }
        }
        let direct = play(ground, &rest, client, None)?;
        let results = play(ground, &rest, client, Some(way))?;
        played.moved += results.len();
        for found in differences(&direct, &results, way, false) {
            played.differences.push(difference(server, client, way, &rest, found));
        }
        Ok(played)
    })
}

/// A change during which clients send requests.
#[derive(Clone, Copy, Debug)]
enum Change {
    Switches,
    Upgrade,
}

/// Requests, WebSockets and calls during two switches and an upgrade, in the first and the last way
/// of each client.
pub(super) fn switches(
    server: &'static servers::Kind,
    ground: &mut Ground,
    clients: &mut [&mut Client],
) -> Result<Vec<Played>> {
    // The answers never vary, so one run at rest gives the expected results.
    let rest = together(clients, |client| {
        let case = long(server, client, "at rest");
        play(ground, &case, client, None)
    })?;
    let mut found = Vec::new();
    for change in [Change::Switches, Change::Upgrade] {
        for last in [false, true] {
            let at = &*ground;
            let (played, moved) = thread::scope(|scope| {
                let moving = scope.spawn(|| move_teal(&at.teal, change));
                let played = together(clients, |client| through(server, at, client, change, last));
                let moved = moving.join().map_err(|_| anyhow!("{change:?}: panicked"));
                (played, moved)
            });
            moved?.with_context(|| format!("{change:?}"))?;
            for ((mut played, results, way), rest) in played?.into_iter().zip(&rest) {
                let case = Case::of_steps(name(change), Vec::new());
                played.moved += results.len();
                for found in differences(rest, &results, way, false) {
                    let (server, client, case) = (server.name, played.client, case.name.clone());
                    let way = way.word();
                    played.differences.push(Difference { server, client, way, case, found });
                }
                found.push(played);
            }
            if matches!(change, Change::Upgrade) {
                ground.teal.wait_alone(LEFT_WITHIN);
            }
        }
    }
    Ok(found)
}

fn through(
    server: &servers::Kind,
    ground: &Ground,
    client: &mut Client,
    change: Change,
    last: bool,
) -> Result<(Played, Vec<Value>, Way)> {
    let ways = client.kind.ways;
    let way = ways[if last { ways.len() - 1 } else { 0 }];
    let case = long(server, client, name(change));
    let results = play(ground, &case, client, Some(way))?;
    Ok((Played::new(client.kind.name), results, way))
}

/// Makes the change while clients send requests.
fn move_teal(teal: &Teal, change: Change) -> Result<()> {
    match change {
        Change::Switches => {
            for color in ["green", "blue"] {
                thread::sleep(BETWEEN);
                teal.switch_to(color);
            }
        }
        Change::Upgrade => {
            thread::sleep(BETWEEN);
            let answer = teal.ask("POST", "/admin/upgrade", &[("Accept", "application/json")]);
            ensure!(
                answer.status == 200,
                "the upgrade was answered {}: {}",
                answer.status,
                answer.text()
            );
        }
    }
    Ok(())
}

fn name(change: Change) -> &'static str {
    match change {
        Change::Switches => "two switches",
        Change::Upgrade => "an upgrade of Teal",
    }
}

/// Several seconds of requests for a client, in a protocol that the server supports, too.
fn long(server: &servers::Kind, client: &Client, name: &str) -> Case {
    let both = |speech| speaks(client, speech) && server.speaks.contains(&speech);
    if both(Speech::Grpc) {
        let mut case = Case::of_steps(name, Vec::new());
        (case.grpc, case.repeat, case.pause) = (true, LONG, 100);
        return case;
    }
    if !both(Speech::Http) {
        let mut case = Case::of_steps(name, Vec::new());
        (case.websocket, case.pause) = (Some(vec![1000; LONG]), 120);
        return case;
    }
    let steps = (0..LONG).map(|index| match index % 12 {
        3 => Step::post("/echo", 20_000, 60),
        5 => Step::get("/large", 60),
        7 => Step::get("/events", 60),
        10 => Step::get("/slow", 60),
        _ => Step::get("/small", 60),
    });
    Case::of_steps(name, steps.collect())
}

fn speaks(client: &Client, speech: Speech) -> bool {
    client.kind.speaks.contains(&speech)
}

/// Runs all clients at once.
fn together<T: Send>(
    clients: &mut [&mut Client],
    work: impl Fn(&mut Client) -> Result<T> + Sync,
) -> Result<Vec<T>> {
    thread::scope(|scope| {
        let work = &work;
        let running: Vec<_> =
            clients.iter_mut().map(|client| scope.spawn(move || work(client))).collect();
        let ended = running
            .into_iter()
            .map(|one| one.join().map_err(|_| anyhow!("a client's thread has panicked"))?);
        ended.collect()
    })
}

fn outcome(result: &Value) -> String {
    let error = result["error"].as_str().map(|error| format!("error {error}"));
    error.unwrap_or_else(|| result["status"].to_string())
}

fn difference(
    server: &servers::Kind,
    client: &Client,
    way: Way,
    case: &Case,
    found: Found,
) -> Difference {
    Difference {
        server: server.name,
        client: client.kind.name,
        way: way.word(),
        case: case.name.clone(),
        found,
    }
}
