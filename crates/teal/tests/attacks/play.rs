//! Plays one case: sends its bytes, reads what is answered, looks at what became of the connection
//! and at what the targets received.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::Duration;

use testkit::{Client, Framing, Request, Target};

use crate::case::{Case, Upstream};

/// The outcome of a case.
pub(crate) struct Outcome {
    /// The statuses of the answers, in order.
    pub(crate) statuses: Vec<u16>,
    /// True if the connection ended; `None` if nobody looked.
    pub(crate) ended: Option<bool>,
    /// Bytes behind the last answer.
    pub(crate) stray: Vec<u8>,
    /// Why an honest request behind the case was not answered as it should be.
    pub(crate) honest: Option<String>,
    /// The requests that targets received, in order.
    pub(crate) seen: Vec<Arc<Request>>,
}

/// Sends the bytes of a case to a proxy in front of these targets; `patience` is for an answer, and
/// for the end of the connection.
pub(crate) fn play(
    case: &Case,
    proxy: SocketAddr,
    targets: [&Target; 2],
    patience: Duration,
) -> Outcome {
    let source = next_source();
    let mut client = Client::connect_from(source, proxy).patience(patience);
    let (bytes, closes) = case.bytes();
    let _ = client.try_send(bytes); // ignored: it may be refused before it was all sent
    if closes {
        client.half_close();
    }
    let answers = match &case.upstream {
        Some(Upstream::Requests(requests)) => requests.len().max(1),
        _ => 1,
    };
    let to_head = case.send.starts_with("HEAD");
    let mut statuses = Vec::new();
    while statuses.len() < answers {
        let Ok(answer) = client.read_answer(to_head) else { break };
        statuses.push(answer.status);
    }
    let (mut ended, mut stray, mut honest) = (None, Vec::new(), None);
    match case.close {
        Some(true) => {
            let ending = client.ending(patience);
            ended = Some(ending.ended());
            stray = ending.bytes().to_vec();
        }
        Some(false) => honest = ask_honestly(&mut client).err(),
        None => {}
    }
    let mut seen: Vec<_> = targets.iter().flat_map(|target| target.seen().requests()).collect();
    seen.retain(|request| request.target != "/honest" && is_from(request, source));
    seen.sort_by_key(|request| request.at);
    Outcome { statuses, ended, stray, honest, seen }
}

/// An address of this machine for each case, so that what it sends is known by `X-Forwarded-For`
/// whenever and wherever it arrives.
fn next_source() -> IpAddr {
    static CASES: AtomicU16 = AtomicU16::new(1);
    let [high, low] = CASES.fetch_add(1, Ordering::Relaxed).to_be_bytes();
    IpAddr::from([127, 7, high, low])
}

fn is_from(request: &Request, source: IpAddr) -> bool {
    let source = source.to_string();
    request.fields.all("x-forwarded-for").iter().any(|value| value.ends_with(&source))
}

/// On the connection of the case: answered, and with the answer to this and to nothing else.
pub(crate) fn ask_honestly(client: &mut Client) -> Result<(), String> {
    let ask = "GET /honest HTTP/1.1\r\nHost: test\r\nX-Id: honest\r\n\r\n";
    client.try_send(ask).map_err(|error| error.to_string())?;
    let answer = client.read_answer(false).map_err(|error| error.to_string())?;
    if answer.status == 200 && answer.fields.get("x-id") == Some("honest") {
        return Ok(());
    }
    Err(format!("answered {}: {}", answer.status, answer.text()))
}

impl Outcome {
    /// Returns the deviations from the case.
    pub(crate) fn problems(&self, case: &Case) -> Vec<String> {
        let mut problems = Vec::new();
        let mut problem = |is: bool, what: &str| {
            if is {
                problems.push(what.to_owned());
            }
        };
        let expected = |status: &u16| case.status.contains(status);
        problem(
            !case.status.is_empty() && !self.statuses.first().is_some_and(expected),
            &format!("not answered {:?}", case.status),
        );
        problem(self.ended == Some(false), "the connection stays open");
        problem(!self.stray.is_empty(), "more bytes than answers");
        problem(self.honest.is_some(), "the connection is not as good as new");
        match &case.upstream {
            None => {}
            Some(Upstream::Incomplete(_)) => {
                problem(self.seen.iter().any(|r| r.complete), "a whole request went upstream");
            }
            Some(Upstream::Requests(requests)) => {
                let seen: Vec<String> = self.seen.iter().map(|r| summary(r)).collect();
                problem(seen != *requests, &format!("not {requests:?} upstream"));
            }
        }
        if let Some(first) = self.seen.first() {
            for has in &case.has {
                problem(!has_field(first, has), &format!("lacks {has}"));
            }
            for lacks in &case.lacks {
                problem(has_field(first, lacks), &format!("has {lacks}"));
            }
        }
        problems
    }
}

/// Method, target, framing and body.
pub(crate) fn summary(request: &Request) -> String {
    let framing = match request.framing {
        Framing::None => "none",
        Framing::Length(_) => "length",
        Framing::Chunked => "chunked",
        Framing::UntilClose => "close",
    };
    let body = String::from_utf8_lossy(&request.body);
    format!("{} {} {framing} {body}", request.method, request.target)
}

/// `name`: a field; `~name`: a trailer; `=value`: any field of this value.
pub(crate) fn has_field(request: &Request, what: &str) -> bool {
    if let Some(name) = what.strip_prefix('~') {
        return request.trailers.get(name).is_some();
    }
    match what.strip_prefix('=') {
        Some(value) => request.fields.iter().any(|(_, found)| found == value),
        None => request.fields.get(what).is_some(),
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let heads = self.seen.iter().map(|request| String::from_utf8_lossy(&request.raw));
        let heads: Vec<_> = heads.map(|head| head.chars().take(400).collect::<String>()).collect();
        write!(f, "answered {:?}, ended {:?}, upstream {heads:?}", self.statuses, self.ended)?;
        if let Some(honest) = &self.honest {
            write!(f, ", then an honest request: {honest}")?;
        }
        Ok(())
    }
}
