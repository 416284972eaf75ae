//! Hostile clients and targets, as tables: each row sends raw bytes, and is judged by the answer,
//! by what becomes of the connection, and by what the target received. After every row another
//! client's request must be answered intact (F19).

mod expect;
mod framing;
mod pipelining;
mod requests;
mod responses;
mod upgrade;

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use testkit::{Response, wait_until};

use crate::setup::{SOON, Setup};

static CANARY: AtomicU64 = AtomicU64::new(0);

/// A fresh client's request is answered with its own id, by a target, and nothing else.
#[track_caller]
fn canary(setup: &Setup, after: &str) {
    let id = format!("canary-{}", CANARY.fetch_add(1, Ordering::Relaxed));
    let mut client = setup.client();
    for n in 0..2 {
        client.send(format!("GET /{id}/{n} HTTP/1.1\r\nHost: test\r\nX-Id: {id}\r\n\r\n"));
        let answer = client.answer();
        assert_eq!(answer.fields.get("x-id"), Some(&*id), "after {after}: {}", answer.text());
        assert!(answer.text().contains(&format!("/{id}/{n} ")), "after {after}: {}", answer.text());
    }
}

/// Each of these must be answered with one of the statuses, followed by the end of the connection,
/// and the target must have received nothing.
fn refused(setup: &Setup, statuses: &[u16], rows: &[(&str, String)]) {
    let mut wrong = Vec::new();
    for (row, bytes) in rows {
        if let Err(why) = try_refused(setup, statuses, bytes) {
            wrong.push(format!("{row} {bytes:.120?}: {why}"));
        }
        canary(setup, row);
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

fn try_refused(setup: &Setup, statuses: &[u16], bytes: &str) -> Result<(), String> {
    setup.blue.seen().forget();
    let mut client = setup.client().patience(Duration::from_secs(2));
    client.send(latin1(bytes));
    let answer = client.read_answer(false).map_err(|error| error.to_string())?;
    let ended = client.ending(Duration::from_secs(2));
    let seen = setup.blue.seen();
    let problems = [
        (!statuses.contains(&answer.status), format!("answered {}", answer.status)),
        (!answer.closes(), "does not announce the close".to_owned()),
        (!ended.ended(), "the connection stays open".to_owned()),
        (!ended.bytes().is_empty(), format!("answered more: {:?}", ended.bytes())),
        (seen.count() > 0, format!("the target received {:?}", seen.requests())),
    ];
    let found = problems.into_iter().filter(|(found, _)| *found).map(|(_, what)| what);
    let found = found.collect::<Vec<_>>();
    if found.is_empty() { Ok(()) } else { Err(found.join("; ")) }
}

/// Each of these must be passed on as exactly one well-formed request.
fn passed(setup: &Setup, rows: &[(&str, String)]) {
    for (row, bytes) in rows {
        setup.blue.seen().forget();
        let mut client = setup.client();
        client.send(latin1(bytes));
        let answer = client.answer();
        assert_eq!(answer.status, 200, "{row} {bytes:?}: {}", answer.text());
        let seen = setup.blue.seen().requests();
        assert_eq!(seen.len(), 1, "{row} {bytes:?}: {seen:?}");
        assert!(seen[0].complete, "{row} {bytes:?}");
        setup.blue.assert_well_formed();
        canary(setup, row);
    }
}

/// Each of these has a faulty body: the client gets 400 and the end of its connection, and the
/// target never gets a complete request, nor a second use of the connection.
fn cut_short(setup: &Setup, rows: &[(&str, String)]) {
    let mut wrong = Vec::new();
    for (row, bytes) in rows {
        setup.blue.seen().forget();
        let mut client = setup.client().patience(Duration::from_secs(2));
        client.send(latin1(bytes));
        let answer = client.read_answer(false).map(|answer: Response| answer.status);
        let ended = client.ending(Duration::from_secs(2)).ended();
        if answer != Ok(400) || !ended {
            wrong.push(format!("{row} {bytes:.120?}: {answer:?}, ended: {ended}"));
        }
        if setup.blue.seen().requests().iter().any(|request| request.complete) {
            wrong.push(format!("{row} {bytes:.120?}: the target received a complete request"));
        }
        let partly = setup.blue.seen().requests();
        canary(setup, row);
        let reused = setup
            .blue
            .seen()
            .requests()
            .iter()
            .skip(partly.len())
            .any(|later| partly.iter().any(|begun| begun.connection == later.connection));
        if reused {
            wrong.push(format!("{row} {bytes:.120?}: the connection was used again"));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    wait_until(SOON, "nothing is in flight", || setup.teal.color("blue")["in_flight"] == 0);
}

/// The bytes of a text whose characters are all below U+0100.
fn latin1(text: &str) -> Vec<u8> {
    text.chars().map(|c| u8::try_from(u32::from(c)).expect("a character below U+0100")).collect()
}

/// A row's bytes: a GET with these further field lines.
fn get(row: &'static str, lines: &str) -> (&'static str, String) {
    (row, format!("GET /attack HTTP/1.1\r\nHost: test\r\n{lines}\r\n\r\n"))
}

/// A row's bytes: a POST with these field lines and this body.
fn post(row: &'static str, lines: &str, body: &str) -> (&'static str, String) {
    (row, format!("POST /attack HTTP/1.1\r\nHost: test\r\n{lines}\r\n\r\n{body}"))
}
