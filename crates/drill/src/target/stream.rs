//! Long answers: downloads of any size and endless event streams. Nothing is generated
//! ahead of what the client reads.

use std::time::Duration;

use bytes::Bytes;
use http_body_util::{Channel, Either};
use hyper::body::Incoming;
use hyper::header::{CACHE_CONTROL, CONTENT_LENGTH, CONTENT_TYPE, HeaderValue};
use hyper::{Request, Response};

use super::Tasks;
use super::route::{Body, Rejection, number};
use crate::payload;
use crate::protocol;

/// Size of one piece of a download.
const PIECE: u64 = 16 * 1024;

/// `/download?bytes=N&seed=S&chunked=1`: N bytes of the pattern with that seed,
/// with a Content-Length, or chunked if asked.
pub(super) fn download(
    tasks: &Tasks,
    request: &Request<Incoming>,
) -> Result<Response<Body>, Rejection> {
    let total = number(request, "bytes", 1024)?;
    let seed = number(request, "seed", 0)?;
    let chunked = number(request, "chunked", 0)? != 0;
    let (mut sender, body) = Channel::new(2);
    tasks.spawn(async move {
        let mut offset = 0;
        while offset < total {
            let length = PIECE.min(total - offset);
            let piece = payload::bytes(seed, offset, length as usize);
            if sender.send_data(Bytes::from(piece)).await.is_err() {
                return; // the client is gone
            }
            offset += length;
        }
    });
    let mut response = Response::new(Either::Right(body));
    let fields = response.headers_mut();
    fields.insert(CONTENT_TYPE, HeaderValue::from_static("application/octet-stream"));
    if !chunked {
        fields.insert(CONTENT_LENGTH, HeaderValue::from(total));
    }
    Ok(response)
}

/// `/events?count=N&ms=M`: numbered server-sent events, M milliseconds apart;
/// without a count they never end.
pub(super) fn events(
    tasks: &Tasks,
    version: &str,
    request: &Request<Incoming>,
) -> Result<Response<Body>, Rejection> {
    let count = number(request, "count", u64::MAX)?;
    let pause = Duration::from_millis(number(request, "ms", 1_000)?);
    let version = version.to_owned();
    let (mut sender, body) = Channel::new(2);
    tasks.spawn(async move {
        for number in 1..=count {
            let event = protocol::event(&version, number);
            if sender.send_data(Bytes::from(event)).await.is_err() {
                return; // the client is gone
            }
            if number < count {
                tokio::time::sleep(pause).await;
            }
        }
    });
    let mut response = Response::new(Either::Right(body));
    let fields = response.headers_mut();
    fields.insert(CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
    fields.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(response)
}
