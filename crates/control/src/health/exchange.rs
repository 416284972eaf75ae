//! A probe's request on a connection, over HTTP/1.1 or HTTP/2, and its response. The heads of both are
//! parsed by the parser of traffic, in the form that traffic gives them.

use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::task::Poll;

use bytes::Bytes;
use connect::Stream;
use connect::http2::{StreamEnd, answer_head, builder, interim_head, trailer_lines};
use h2::client::ResponseFuture;
use h2::{Reason, RecvStream, SendStream};
use http::header::{CONTENT_TYPE, TE};
use http::{Request, Response, StatusCode};
use http1::{BodyReader, HeadScan, Limits};
use rules::ProbeKind;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::task::JoinSet;
use tokio::time::timeout_at;

use super::grpc;
use super::probe::{Failure, Plan, Purpose};
use super::response::{ParsedHead, ProbeResponse};

/// Returns the `User-Agent` of a request.
fn agent(purpose: Purpose) -> &'static str {
    match purpose {
        Purpose::Probe => "teal-probe",
        Purpose::WarmUp => "teal-warm-up",
    }
}

/// The minimum read size: most responses are small, and one of thousands per second should
/// not cost a large allocation.
const READ: usize = 960;

/// The header fields of a probe besides Host: what traffic says about its client, and the configured ones,
/// which replace ours.
fn fields<'f>(plan: &'f Plan, host: &'f str) -> impl Iterator<Item = (&'f str, &'f str)> {
    let settings = &plan.settings;
    let proto = if settings.https { "https" } else { "http" };
    let ours = [
        ("user-agent", agent(plan.purpose)),
        ("x-forwarded-for", "127.0.0.1"),
        ("x-forwarded-proto", proto),
        ("x-forwarded-host", host),
    ];
    let own = |name: &str| settings.headers.iter().any(|(other, _)| other == name);
    let ours = ours.into_iter().filter(move |(name, _)| !own(name));
    ours.chain(settings.headers.iter().map(|(name, value)| (name.as_str(), value.as_str())))
}

// === HTTP/1.1 ===

/// Sends the request over HTTP/1.1 and reads the complete response.
pub(super) async fn over_http1(
    plan: &Plan,
    mut stream: Stream,
    answer: &mut ProbeResponse,
) -> Result<(), Failure> {
    let (host, settings) = (plan.sent_host(), &plan.settings);
    let mut request = format!("GET {} HTTP/1.1\r\nhost: {host}\r\n", settings.path);
    for (name, value) in fields(plan, &plan.client_host()) {
        request.extend([name, ": ", value, "\r\n"]);
    }
    request.push_str("connection: close\r\n\r\n");
    let sent = async {
        stream.write_all(request.as_bytes()).await?;
        stream.flush().await
    };
    // A target that responded before the request was sent may have closed: its response decides.
    let unsent = sent.await.err();
    let mut buffer = Vec::new();
    let mut body = read_head(plan, &mut stream, &mut buffer, answer, unsent.as_ref()).await?;
    loop {
        let decoded = body.decode(&mut buffer).map_err(|error| answer.broken_body(error))?;
        answer.take_body(buffer.get(decoded.data).unwrap_or_default())?;
        buffer.drain(..decoded.consumed);
        if body.is_done() {
            return Ok(());
        }
        let Some(received) = more(answer, read(&mut stream, &mut buffer)).await else {
            return Ok(());
        };
        match received {
            Err(error) => return Err(answer.broken(Some(&error))),
            Ok(0) => return body.eof().map_err(|_| answer.broken(None)),
            Ok(_) => {}
        }
    }
}

async fn read_head(
    plan: &Plan,
    stream: &mut Stream,
    buffer: &mut Vec<u8>,
    answer: &mut ProbeResponse,
    unsent: Option<&io::Error>,
) -> Result<BodyReader, Failure> {
    let limits = Limits::of_responses(plan.head_bytes);
    let mut scan = HeadScan::new();
    loop {
        if !buffer.is_empty()
            && let Some(length) = answer.scan(&mut scan, buffer, &limits)?
        {
            let head: Vec<u8> = buffer.drain(..length).collect();
            scan.reset();
            match answer.take_head(&head, &plan.settings, &limits)? {
                ParsedHead::Interim => continue,
                ParsedHead::Final(mut body) => {
                    body.limit_trailers(limits);
                    return Ok(body);
                }
            }
        }
        match read(stream, buffer).await {
            Err(error) => return Err(answer.broken(Some(unsent.unwrap_or(&error)))),
            Ok(0) => return Err(answer.broken(unsent)),
            Ok(_) => {}
        }
    }
}

/// Waits for the next part of a body; `None`: its status has failed the probe, and the time to read on is over.
// lossless: L10
async fn more<T>(answer: &ProbeResponse, next: impl Future<Output = T>) -> Option<T> {
    match answer.reads_until() {
        None => Some(next.await),
        Some(end) => timeout_at(end, next).await.ok(),
    }
}

async fn read(stream: &mut Stream, buffer: &mut Vec<u8>) -> io::Result<usize> {
    buffer.reserve(buffer.len().max(READ)); // a long body in ever larger parts
    stream.read_buf(buffer).await
}

// === HTTP/2 ===

/// Sends the request over HTTP/2 and reads the complete response.
pub(super) async fn over_http2(
    plan: &Plan,
    stream: Stream,
    answer: &mut ProbeResponse,
) -> Result<(), Failure> {
    let mut driver = JoinSet::new(); // ends with this function, whatever happens
    let asked = ask_over_http2(plan, stream, answer, &mut driver).await;
    let Err(Http2Error::Library(error)) = asked else {
        return asked.map_err(|broken| match broken {
            Http2Error::Library(error) => broken_off(plan, answer, &error),
            Http2Error::Response(failure) => failure,
        });
    };
    // Only the connection's driver knows why it has ended.
    let ended = if error.is_io() { driver.join_next().await } else { None };
    let ended = ended.and_then(Result::ok).and_then(Result::err).filter(h2::Error::is_go_away);
    Err(broken_off(plan, answer, &ended.unwrap_or(error)))
}

/// The hint for a target that does not speak HTTP/2 without TLS.
const OR_HTTP1: &str = " (does it speak HTTP/1.1? then write http://HOST:PORT)";

/// The end of a request over HTTP/2.
enum Http2Error {
    Library(h2::Error),
    Response(Failure),
}

impl From<h2::Error> for Http2Error {
    fn from(error: h2::Error) -> Self {
        Self::Library(error)
    }
}

impl From<Failure> for Http2Error {
    fn from(failure: Failure) -> Self {
        Self::Response(failure)
    }
}

async fn ask_over_http2(
    plan: &Plan,
    stream: Stream,
    answer: &mut ProbeResponse,
    driver: &mut JoinSet<Result<(), h2::Error>>,
) -> Result<(), Http2Error> {
    let response = open(plan, stream, driver).await?;
    let limits = Limits::of_responses(plan.head_bytes);
    let (mut body, Some(mut reader)) = read_answer(plan, response, answer, &limits).await? else {
        return Ok(());
    };
    let chunked = reader.remaining().is_none();
    while let Some(Some(data)) = more(answer, body.data()).await {
        let data = data?;
        // It fails if the stream is gone, which the next read reports.
        let _ = body.flow_control().release_capacity(data.len());
        answer.take_body(&data)?;
        if !chunked {
            reader.pass(data.len() as u64);
        }
    }
    if answer.reads_until().is_some() {
        return Ok(());
    }
    if !chunked {
        reader.eof().map_err(|_| answer.broken(None))?;
    }
    let trailers = body.trailers().await?;
    if chunked {
        answer.check_trailers(&trailer_lines(trailers.as_ref()), limits)?;
    }
    answer.trailers = trailers;
    Ok(())
}

/// Opens the connection and its only stream.
async fn open(
    plan: &Plan,
    stream: Stream,
    driver: &mut JoinSet<Result<(), h2::Error>>,
) -> Result<ResponseFuture, h2::Error> {
    let (send, connection) = builder().handshake::<_, Bytes>(stream).await?;
    driver.spawn(connection);
    let mut send = send.ready().await?;
    let (request, message) = request(plan);
    let (response, mut body): (_, SendStream<Bytes>) =
        send.send_request(request, message.is_empty())?;
    if !message.is_empty() {
        body.send_data(message, true)?;
    }
    Ok(response)
}

fn request(plan: &Plan) -> (Request<()>, Bytes) {
    let (host, settings) = (plan.sent_host(), &plan.settings);
    let scheme = if plan.target.tls().is_some() { "https" } else { "http" };
    let (mut request, message) = match settings.kind {
        ProbeKind::Http => {
            (Request::get(format!("{scheme}://{host}{}", settings.path)), Bytes::new())
        }
        ProbeKind::Grpc => {
            let request = Request::post(format!("{scheme}://{host}{}", grpc::METHOD))
                .header(CONTENT_TYPE, "application/grpc")
                .header(TE, "trailers");
            (request, grpc::question(settings.path.trim_start_matches('/')))
        }
    };
    for (name, value) in fields(plan, &plan.client_host()) {
        request = request.header(name, value);
    }
    let request = request.version(http::Version::HTTP_2).body(());
    (request.expect("path, host and headers were checked with the configuration"), message)
}

/// Reads heads up to the final one; no reader: there is no body.
async fn read_answer(
    plan: &Plan,
    mut response: ResponseFuture,
    answer: &mut ProbeResponse,
    limits: &Limits,
) -> Result<(RecvStream, Option<BodyReader>), Http2Error> {
    loop {
        let next = poll_fn(|cx| match response.poll_informational(cx) {
            Poll::Ready(Some(interim)) => Poll::Ready(interim.map(NextHead::Interim)),
            _ => Pin::new(&mut response).poll(cx).map(|found| found.map(NextHead::Final)),
        });
        match next.await? {
            NextHead::Interim(interim) => {
                let mut head = Vec::new();
                interim_head(&mut head, interim.status(), interim.headers());
                understand(plan, &head, answer, limits)?;
            }
            NextHead::Final(found) => {
                let (parts, body) = found.into_parts();
                let (head, _) = answer_head(&parts, false, body.is_end_stream());
                let reader = understand(plan, &head, answer, limits)?;
                answer.head = parts.headers;
                let bare =
                    matches!(parts.status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED);
                return Ok((body, reader.filter(|_| !bare)));
            }
        }
    }
}

enum NextHead {
    Interim(Response<()>),
    Final(Response<RecvStream>),
}

/// Parses a complete head that was converted to the form of HTTP/1.1.
fn understand(
    plan: &Plan,
    head: &[u8],
    answer: &mut ProbeResponse,
    limits: &Limits,
) -> Result<Option<BodyReader>, Failure> {
    match answer.scan(&mut HeadScan::new(), head, limits)? {
        Some(_) => match answer.take_head(head, &plan.settings, limits)? {
            ParsedHead::Interim => Ok(None),
            ParsedHead::Final(reader) => Ok(Some(reader)),
        },
        None => Err(answer.broken(None)),
    }
}

fn broken_off(plan: &Plan, answer: &ProbeResponse, error: &h2::Error) -> Failure {
    let h2c = plan.target.is_http2() && answer.status.is_none();
    if let Some(error) = error.get_io() {
        let mut failure = answer.broken(Some(error));
        if h2c {
            failure.reason.push_str(OR_HTTP1);
        }
        return failure;
    }
    // The first bytes of text would be the length of a frame of megabytes.
    if h2c && error.is_library() && error.reason() == Some(Reason::FRAME_SIZE_ERROR) {
        return Failure::new(format!("the target did not answer in HTTP/2{OR_HTTP1}"));
    }
    let end = StreamEnd::of(error, answer.status.is_some());
    let reason = end.map_or_else(|| format!("HTTP/2: {error}"), |end| format!("the target {end}"));
    let http1_required = end.is_some_and(|end| end.requires_http1());
    Failure { status: answer.status, http1_required, ..Failure::new(reason) }
}
