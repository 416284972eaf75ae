//! The routes of the demo target.
//!
//! Guarantees: a request with an id is in the ledger before any byte of its
//! answer exists, and each answer names the version and echoes the id.

use std::convert::Infallible;
use std::sync::atomic::Ordering;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Channel, Either, Full};
use hyper::body::Incoming;
use hyper::header::{ALLOW, CONTENT_TYPE, HeaderValue};
use hyper::{Method, Request, Response, StatusCode};

use super::{Shared, Tasks, socket, stream};
use crate::protocol::{BROKEN_FIELD, ID_FIELD, Summary, VERSION_FIELD, is_id};

/// A body that is known in advance, or generated while it is sent.
pub(super) type Body = Either<Full<Bytes>, Channel<Bytes, Infallible>>;

/// The longest delay of `/slow`.
const SLOW_MS_MAX: u64 = 60_000;

/// An error answer: the status and a message of one line.
#[derive(Debug)]
pub(super) struct Rejection(pub(super) StatusCode, pub(super) String);

/// Answers one request. An error closes the connection: the client stopped sending.
pub(super) async fn answer(
    shared: &Shared,
    tasks: &Tasks,
    request: Request<Incoming>,
) -> Result<Response<Body>, hyper::Error> {
    let id = match request.headers().get(ID_FIELD).map(HeaderValue::to_str) {
        None => None,
        Some(Ok(id)) if is_id(id) => Some(id.to_owned()),
        Some(_) => {
            let text = format!("{ID_FIELD} must be 1 to 64 letters, digits and hyphens\n");
            let rejection = Rejection(StatusCode::BAD_REQUEST, text);
            return Ok(label(rejection.into_response(), &shared.version, None));
        }
    };
    if let Some(id) = &id
        && let Err(error) = shared.record.write(id, request.method().as_str())
    {
        let text = format!("cannot write the ledger: {error}\n");
        let rejection = Rejection(StatusCode::INTERNAL_SERVER_ERROR, text);
        return Ok(label(rejection.into_response(), &shared.version, Some(id)));
    }
    let response = match dispatch(shared, tasks, id.as_deref().unwrap_or("-"), request).await? {
        Ok(response) if id.is_some() => broken(shared, response),
        Ok(response) => response,
        Err(rejection) => rejection.into_response(),
    };
    Ok(label(response, &shared.version, id.as_deref()))
}

/// The routing table of the demo target.
async fn dispatch(
    shared: &Shared,
    tasks: &Tasks,
    id: &str,
    request: Request<Incoming>,
) -> Result<Result<Response<Body>, Rejection>, hyper::Error> {
    let version = shared.version.as_str();
    Ok(match request.uri().path() {
        "/" => Ok(text(format!("Teal demo target, version {version}\n"))),
        "/version" => Ok(text(format!("{version}\n"))),
        "/health" => health(shared),
        "/ready" if shared.faulty => {
            Err(Rejection(StatusCode::INTERNAL_SERVER_ERROR, format!("{version} does not work\n")))
        }
        "/ready" => Ok(text("ready\n".to_owned())),
        "/ail" => number(&request, "times", 1).map(|times| {
            shared.ailing.store(times, Ordering::Relaxed);
            text(format!("the next {times} health checks fail\n"))
        }),
        "/upload" if request.method() == Method::GET => Err(Rejection(
            StatusCode::METHOD_NOT_ALLOWED,
            "/upload takes POST or PUT with a body\n".to_owned(),
        )),
        "/echo" | "/upload" => Ok(echo(version, id, request).await?),
        "/slow" => match number(&request, "ms", 1_000) {
            Ok(ms) => {
                tokio::time::sleep(Duration::from_millis(ms.min(SLOW_MS_MAX))).await;
                Ok(echo(version, id, request).await?)
            }
            Err(rejection) => Err(rejection),
        },
        "/download" => stream::download(tasks, &request),
        "/events" => stream::events(tasks, version, &request),
        "/ws" => socket::upgrade(tasks, request),
        path => Err(Rejection(
            StatusCode::NOT_FOUND,
            format!(
                "no route {path:?}; routes are / /version /health /ready /ail /echo /slow /upload /download \
                 /events /ws\n"
            ),
        )),
    })
}

/// Makes an error of every other good answer to a load, if the target was asked to.
fn broken(shared: &Shared, mut response: Response<Body>) -> Response<Body> {
    let number = shared.broken.as_ref().map(|count| count.fetch_add(1, Ordering::Relaxed));
    if response.status() == StatusCode::OK && number.is_some_and(|number| number % 2 == 1) {
        *response.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
        response.headers_mut().insert(BROKEN_FIELD, HeaderValue::from_static("1"));
    }
    response
}

/// Healthy, unless it was asked to fail.
fn health(shared: &Shared) -> Result<Response<Body>, Rejection> {
    let ailing = || Rejection(StatusCode::SERVICE_UNAVAILABLE, "ailing\n".to_owned());
    if shared.unhealthy {
        return Err(ailing());
    }
    let fewer = |left: u64| left.checked_sub(1);
    match shared.ailing.fetch_update(Ordering::Relaxed, Ordering::Relaxed, fewer) {
        Ok(_) => Err(ailing()),
        Err(_) => Ok(text("ok\n".to_owned())),
    }
}

/// Reads the body to its end and answers with a summary of the request.
async fn echo(
    version: &str,
    id: &str,
    request: Request<Incoming>,
) -> Result<Response<Body>, hyper::Error> {
    let (head, mut body) = request.into_parts();
    let (mut bytes, mut checksum) = (0_u64, crc32fast::Hasher::new());
    while let Some(frame) = body.frame().await {
        if let Some(data) = frame?.data_ref() {
            bytes += data.len() as u64;
            checksum.update(data);
        }
    }
    let method = head.method.as_str();
    let summary = Summary { version, id, method, bytes, checksum: checksum.finalize() };
    Ok(text(summary.to_string()))
}

/// A number from the query, or its default.
pub(super) fn number(
    request: &Request<Incoming>,
    name: &str,
    default: u64,
) -> Result<u64, Rejection> {
    let query = request.uri().query().unwrap_or("");
    let pairs = query.split('&').filter_map(|pair| pair.split_once('='));
    match pairs.filter(|(key, _)| *key == name).map(|(_, value)| value).next_back() {
        None => Ok(default),
        Some(value) => value.parse().map_err(|_| {
            let text = format!("{name}={value:?} is not a number; write for example {name}=100\n");
            Rejection(StatusCode::BAD_REQUEST, text)
        }),
    }
}

/// A 200 with a text.
fn text(body: String) -> Response<Body> {
    let mut response = Response::new(Either::Left(Full::new(Bytes::from(body))));
    let plain = HeaderValue::from_static("text/plain; charset=utf-8");
    response.headers_mut().insert(CONTENT_TYPE, plain);
    response
}

/// Adds the version and the request's id to an answer.
fn label(mut response: Response<Body>, version: &str, id: Option<&str>) -> Response<Body> {
    let fields = response.headers_mut();
    if let Ok(version) = HeaderValue::from_str(version) {
        fields.insert(VERSION_FIELD, version);
    }
    if let Some(id) = id.and_then(|id| HeaderValue::from_str(id).ok()) {
        fields.insert(ID_FIELD, id);
    }
    response
}

// === impl Rejection ===

impl Rejection {
    fn into_response(self) -> Response<Body> {
        let mut response = text(self.1);
        *response.status_mut() = self.0;
        if self.0 == StatusCode::METHOD_NOT_ALLOWED {
            response.headers_mut().insert(ALLOW, HeaderValue::from_static("POST, PUT"));
        }
        response
    }
}
