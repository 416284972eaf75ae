//! `GET /admin/events`: what happens, live, as server-sent events.
//!
//! A reader that lost the connection goes on where it stopped by `Last-Event-ID`; what is no
//! longer kept is announced as an event `missed`, never skipped in silence. A reader that
//! takes nothing is let go by the deadline of the connection; it never slows anybody down.

use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use http_body_util::channel::{Channel, Sender};
use tokio::sync::{OwnedSemaphorePermit, watch};

use super::answer::body;
use super::auth::Viewer;
use super::door::stopped;
use super::problem::Problem;
use super::query::{NoBody, Query, invalid, whole};
use super::settings::Api;
use super::wire::{Event, ProblemDocument};
use crate::news::{NewsReader, Read};

/// A comment in this rhythm keeps middleboxes and readers from giving up.
const HEARTBEAT: Duration = Duration::from_secs(10);

/// What happens, live. Each event has an `id`, the `kind` as its name, and JSON as its data.
#[utoipa::path(
    get,
    path = "/admin/events",
    tag = "read",
    params(
        ("Last-Event-ID" = Option<u64>, Header, description = "Go on after this event; else from now on"),
    ),
    responses(
        (status = 200, description = "A stream without end", body = Event, content_type = "text/event-stream"),
        (status = "4XX", description = "Refused", body = ProblemDocument),
        (status = 503, description = "Too many streams are open", body = ProblemDocument),
    ),
)]
pub(crate) async fn events(
    State(api): State<Arc<Api>>,
    _: Viewer,
    Query(()): Query<()>,
    headers: HeaderMap,
    _: NoBody,
) -> Result<Response, Problem> {
    let after = match headers.get("last-event-id") {
        None => None,
        Some(id) => {
            let id = id.to_str().ok().and_then(whole);
            Some(id.ok_or_else(|| invalid("Last-Event-ID", "must be the id of an event"))?)
        }
    };
    let Ok(seat) = Arc::clone(&api.streams).try_acquire_owned() else {
        let status = StatusCode::SERVICE_UNAVAILABLE;
        return Err(Problem::new(status, "too_many_streams", "Too many event streams are open")
            .because("Close one and try again")
            .retry_after(5));
    };
    let (sender, channel) = Channel::<Bytes>::new(16);
    tokio::spawn(feed(api.handle.news(after), sender, api.stopping.clone(), seat));
    Ok(body("text/event-stream", Body::new(channel)))
}

/// Writes until the reader goes away or Teal stops.
async fn feed(
    mut news: NewsReader,
    mut to: Sender<Bytes>,
    mut stopping: watch::Receiver<bool>,
    seat: OwnedSemaphorePermit,
) {
    let mut text = "retry: 1000\n\n".to_owned();
    while to.send_data(Bytes::from(text)).await.is_ok() {
        text = tokio::select! {
            () = stopped(&mut stopping) => break,
            read = news.next() => frame(&read),
            () = tokio::time::sleep(HEARTBEAT) => ": still here\n\n".to_owned(),
        };
    }
    drop(seat);
}

fn frame(read: &Read) -> String {
    match read {
        Read::Missed(count) => format!("event: missed\ndata: {{\"missed\":{count}}}\n\n"),
        Read::Item(item) => {
            let event = Event::from(item);
            // JSON has no line break, so one data line is enough.
            let data = serde_json::to_string(&event).unwrap_or_default();
            format!("id: {}\nevent: {}\ndata: {data}\n\n", event.id, event.kind)
        }
    }
}
