//! `GET /metrics`: the counters, for Prometheus.
//!
//! Counters are summed at the moment of the scrape, on a thread of lower priority, off the path of requests
//! and switches. A page is written piece by piece, as fast as it is read, so that its memory is
//! bounded. Labels are names from the configuration, so their number is bounded, and events that
//! never happened have no series (see [`Appears`]).
//!
//! Never here: a scrape that waits forever, or more than [`SCRAPES_MAX`] concurrent scrapes.

mod format;
mod names;
mod own;
mod page;
mod page_writer;
mod process;
mod sending;
mod services;
mod targets;

use std::sync::Arc;
use std::time::Duration;

use axum::Extension;
use axum::body::Body;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use contract::Code;
use contract::wire::ProblemDocument;
use tokio::time::{Instant, sleep, timeout};

use super::auth::Viewer;
use super::problem::Problem;
use super::query::{NoBody, Query};
use super::server::ResponseDeadline;
use crate::form::body;
use crate::settings::{Api, SCRAPES_MAX};
use format::Format;
pub use names::{Appears, Kind, METRICS, Metric};
use own::ProcessValues;
use page::{Exposition, Page};
use sending::Sending;

/// The time for which a scrape waits for its turn, and for the first table.
// lossless: L10
const TURN_WITHIN: Duration = Duration::from_secs(2);

/// The time limit for reading a page: longer than any scraper waits.
// lossless: L10
const READ_WITHIN: Duration = Duration::from_secs(30);

/// The interval at which the first table is awaited; only during an upgrade.
const POLL_INTERVAL: Duration = Duration::from_millis(10);

/// The metrics of all services, colors and targets.
#[utoipa::path(
    get,
    path = "/metrics",
    tag = "read",
    responses(
        (status = 200, description = "The text format of Prometheus or OpenMetrics text", content((String = "text/plain"), (String = "application/openmetrics-text"))),
        (status = "4XX", description = "Refused", body = ProblemDocument),
        (status = 503, description = "Too many scrapes at once, or not ready", body = ProblemDocument),
    ),
)]
pub(crate) async fn metrics(
    State(api): State<Arc<Api>>,
    _: Viewer,
    Query(()): Query<()>,
    headers: HeaderMap,
    Extension(response_deadline): Extension<ResponseDeadline>,
    _: NoBody,
) -> Result<Response, Problem> {
    let format = Format::of(&headers);
    scrape(&api, format, response_deadline).await
}

async fn scrape(
    api: &Api,
    format: Format,
    response_deadline: ResponseDeadline,
) -> Result<Response, Problem> {
    let Ok(Ok(permit)) = timeout(TURN_WITHIN, Arc::clone(&api.scrapes).acquire_owned()).await
    else {
        return Err(busy(Code::TooManyScrapes, "Too many scrapes at once"));
    };
    // Before it, counts of an older Teal are not included yet, and counters would seem to go down.
    let deadline = Instant::now() + TURN_WITHIN;
    while !api.prompt(async { Ok(api.handle.is_ready().await) }).await? {
        if Instant::now() > deadline {
            return Err(busy(Code::NotReady, "Not ready"));
        }
        sleep(POLL_INTERVAL).await;
    }
    let source = api.prompt(api.handle.metrics_source()).await?;
    let (version, instance) = (api.version, api.instance.clone());
    let uptime = api.since.elapsed();
    let live = api.live.borrow().clone();
    let endpoints = api.notify.statuses();
    let connections_limit = api.connections;
    let summed = api.background.run(move || {
        let exposition = Exposition {
            snapshot: source.read(),
            version,
            instance,
            uptime,
            certificates: live.certificates,
            certificate_problem: live.certificate_problem.is_some(),
            orders: live.orders,
            endpoints,
            older_present: live.older_pid.is_some(),
            connections_limit,
            own: ProcessValues::now(),
        };
        let mut page = Page::new(exposition, format);
        let first = page.next_piece().unwrap_or_default();
        (page, first)
    });
    let (page, first) = summed.await.map_err(|error| {
        tracing::error!(%error, "the metrics could not be summed");
        Problem::new(Code::Internal, "The metrics could not be summed")
    })?;
    if page.is_whole() {
        return Ok(body(format.content_type(), first));
    }
    let guard = response_deadline.within(READ_WITHIN);
    let rest = Sending::new(page, first, api.background.clone(), (permit, guard));
    Ok(body(format.content_type(), Body::new(rest)))
}

fn busy(code: Code, title: &'static str) -> Problem {
    Problem::new(code, title)
        .because(format!("At most {SCRAPES_MAX} scrapes run at once"))
        .retry_after(5)
}
