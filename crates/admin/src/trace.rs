//! `GET /admin/trace`: follows single requests through their steps, as server-sent events.
//!
//! Bounded in requests and in time. A slow reader misses steps, and each step says how many; it never slows
//! a request down. For operators only, since the steps name clients, hosts and paths.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::response::Response;
use contract::Code;
use contract::wire::{ProblemDocument, TraceEnd, TraceStep};
use http_body_util::channel::{Channel, Sender};
use serde::Serialize;
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep_until};

use crate::auth::Operator;
use crate::form::body;
use crate::problem::Problem;
use crate::query::{NoBody, Parameters, Query, RawParameters, invalid, whole};
use crate::server::stopped;
use crate::settings::{Api, TraceFilter};

/// The default number of requests.
const REQUESTS: u64 = 10;
/// The maximum number of requests.
const REQUESTS_MAX: u64 = 1000;
/// The default duration.
const TIME: Duration = Duration::from_secs(60);
/// The maximum duration.
const TIME_MAX: Duration = Duration::from_secs(600);
/// The maximum length of a field value and of a path, in bytes.
const TEXT_MAX: usize = 1024;
/// The interval of comments that show that Teal is alive and detect that the reader is gone, which must not
/// keep its slot.
const HEARTBEAT: Duration = Duration::from_secs(1);

/// The requests to follow, and for how long.
#[derive(Debug)]
pub(crate) struct TraceParameters {
    filter: TraceFilter,
    time: Duration,
}

/// Follows single requests through their steps, from now on. Each event is named `step`, the last one `ended`.
#[utoipa::path(
    get,
    path = "/admin/trace",
    tag = "read",
    params(
        ("header" = Option<String>, Query, description = "Only requests with this header field, as NAME=VALUE"),
        ("client" = Option<String>, Query, description = "Only requests from this client address"),
        ("path" = Option<String>, Query, description = "Only requests whose path begins with this"),
        ("count" = Option<u64>, Query, description = "The number of requests, from 1 to 1000; 10 by default"),
        ("for" = Option<String>, Query, description = "The time after which it ends, up to 10m; 60s by default"),
    ),
    responses(
        (status = 200, description = "Steps, until all requests have ended or the time is up", body = TraceStep, content_type = "text/event-stream"),
        (status = "4XX", description = "Refused", body = ProblemDocument),
        (status = 503, description = "Too many traces are running", body = ProblemDocument),
    ),
    security(("token" = [])),
)]
pub(crate) async fn trace(
    State(api): State<Arc<Api>>,
    Operator(_): Operator,
    Query(TraceParameters { filter, time }): Query<TraceParameters>,
    _: NoBody,
) -> Result<Response, Problem> {
    let Some(steps) = (api.follow.0)(filter) else {
        return Err(Problem::new(Code::TooManyTraces, "Too many traces are running")
            .because("At most four run at once; end one and try again")
            .retry_after(5));
    };
    let (sender, channel) = Channel::<Bytes>::new(16);
    let until = Instant::now() + time;
    tokio::spawn(feed(steps, sender, until, api.stopping.clone()));
    Ok(body("text/event-stream", Body::new(channel)))
}

/// Writes to one reader, until it disconnects or the trace has ended.
async fn feed(
    mut steps: mpsc::Receiver<TraceStep>,
    mut to: Sender<Bytes>,
    until: Instant,
    mut stopping: watch::Receiver<bool>,
) {
    let mut requests = 0;
    let mut text = ": following\n\n".to_owned();
    let reason = loop {
        if to.send_data(Bytes::from(text)).await.is_err() {
            return;
        }
        text = tokio::select! {
            () = stopped(&mut stopping) => break "stopping",
            () = sleep_until(until) => break "time",
            step = steps.recv() => {
                let Some(step) = step else { break "done" };
                requests = step.request.max(requests);
                frame("step", &step)
            }
            () = tokio::time::sleep(HEARTBEAT) => ": still here\n\n".to_owned(),
        };
    };
    let end = TraceEnd { requests, reason: reason.to_owned() };
    let _ = to.send_data(Bytes::from(frame("ended", &end))).await; // ignored: the reader is gone
}

fn frame(name: &str, data: &impl Serialize) -> String {
    // JSON has no line break, so one data line is enough.
    let data = serde_json::to_string(data).unwrap_or_default();
    format!("event: {name}\ndata: {data}\n\n")
}

impl Parameters for TraceParameters {
    const ALLOWED: &'static [&'static str] = &["header", "client", "path", "count", "for"];

    fn read(given: &RawParameters) -> Result<Self, Problem> {
        let header = given.text("header").map(header).transpose()?;
        let client = given.text("client").map(str::parse::<IpAddr>).transpose();
        let client =
            client.map_err(|_| invalid("client", "must be an IP address, without a port"))?;
        let path = given.text("path").map(path).transpose()?;
        let count = given.text("count").map_or(Some(REQUESTS), whole);
        let requests = count.filter(|count| (1..=REQUESTS_MAX).contains(count));
        let requests = requests.ok_or_else(|| invalid("count", "must be from 1 to 1000"))?;
        let time = given.duration("for")?.unwrap_or(TIME);
        if time.is_zero() || time > TIME_MAX {
            return Err(invalid("for", "must be greater than 0 and at most 10m"));
        }
        Ok(Self { filter: TraceFilter { header, client, path, requests }, time })
    }
}

fn header(text: &str) -> Result<(String, String), Problem> {
    let is_token = |name: &str| {
        let others = b"!#$%&'*+-.^_`|~";
        !name.is_empty() && name.bytes().all(|c| c.is_ascii_alphanumeric() || others.contains(&c))
    };
    let pair =
        text.split_once('=').filter(|(name, value)| is_token(name) && value.len() <= TEXT_MAX);
    let (name, value) = pair.ok_or_else(|| {
        invalid(
            "header",
            "must be NAME=VALUE: the name of a header field and its exact value of at most 1 KiB",
        )
    })?;
    Ok((name.to_owned(), value.to_owned()))
}

fn path(text: &str) -> Result<String, Problem> {
    if !text.starts_with('/') || text.contains('?') || text.len() > TEXT_MAX {
        return Err(invalid("path", "must begin with /, have no query, and be at most 1 KiB long"));
    }
    Ok(text.to_owned())
}
