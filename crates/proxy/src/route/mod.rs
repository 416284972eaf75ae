//! From the bytes of a head to a request with a service. Parsing, routing and writing the head for the target
//! happen in one go, while the head is in the buffer; after that only [`Ask`] is left of it.

mod explained;
mod grpc;
mod https;
mod preview;

use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;

use http1::{BodyLength, FieldSlots, Forwarding, Method, Request, Trace};
use rules::Color;
use traffic::{LocalService, OwnReason, TargetEntry, Unrouted};

use crate::client::{Client, ConnectionInfo};
use crate::http;
use crate::observe::follow::Step;
use crate::parts::{Ask, Facts, Marks, Refused, RequestEnd, RequestId, Upload, Why};
use crate::websocket;
use crate::worker::Worker;

/// Parses the head of `length` bytes at the front of the client's buffer and takes it out.
pub(crate) fn admit<'r>(
    worker: &Rc<Worker>,
    client: &mut Client,
    upload: &'r mut Upload,
    length: usize,
) -> Result<Ask<'r>, Refused> {
    let admitted = understand(worker, client, upload, length);
    client.rx.consume(length);
    client.rx.strip(&worker.buffers);
    admitted
}

fn understand<'r>(
    worker: &Rc<Worker>,
    client: &mut Client,
    upload: &'r mut Upload,
    length: usize,
) -> Result<Ask<'r>, Refused> {
    client.spoken_for = None;
    let table = worker.reader.table();
    let head = client.rx.filled().get(..length).unwrap_or_default();
    let mut slots = FieldSlots::new();
    let request = match Request::parse(head, &mut slots, &http::limits(&table.limits)) {
        Ok(request) => request,
        Err(reject) => return Err(Refused::malformed(worker, client, reject)),
    };
    let by_https = https::is_used(&request, &client.info);
    let facts = Facts::of(&request, client, by_https);
    let request_id = RequestId::of(&request, || worker.reader.random());
    let trace = worker.trace(&request);
    let parent = trace.as_ref().map(|trace| (trace.header(), trace.goes_on()));
    let record = |service| {
        let mut record = worker.access_record(&client.info)?;
        record.requested(&client.info, &request, request_id.as_bytes(), service, trace);
        Some(record)
    };
    let own = of_no_service(worker, client, &request);
    let is_check = matches!(own, Some(Why::Health(_))); // not reported: every few seconds, forever
    let begin = |known| worker.listening.followers.begin(&client.info, Some(known));
    let steps = (!is_check).then_some((&request, request_id.as_bytes())).and_then(begin);
    if let Some(why) = own {
        let end = RequestEnd::unrouted(worker, record(None).filter(|_| !is_check)).followed(steps);
        let persistent = facts.persistent && !matches!(why, Why::Own(_));
        return Err(Refused { end, facts: Facts { persistent, ..facts }, why });
    }
    let (index, service) = match routed(worker, &request) {
        Ok(routed) => routed,
        Err(why) => {
            let end = RequestEnd::unrouted(worker, record(None)).followed(steps);
            return Err(Refused { end, facts, why });
        }
    };
    let end = RequestEnd::of_service(worker, &service, record(Some(service.name.as_str())))
        .followed(steps);
    end.step(|| Step::Routed(service.name.to_string()));
    let end = match sent_on(worker, client, &request, &service, by_https) {
        Ok(marks) => end.marked(marks),
        Err(why) => return Err(Refused { end, facts, why }),
    };
    client.spoken_for = spoken_for(&client.info, &request, &service);
    let mut lead = worker.buffers.lead();
    let forwarding = Forwarding {
        client: client.info.address,
        proto: if by_https { "https" } else { "http" },
        request_id: request_id.as_bytes(),
        via: &worker.via,
        strip: service.strip(),
        trusted: client.info.trusted,
        underscores: service.keeps_underscores(facts.grpc),
        certificate: client.info.certificate_fields(),
        drop: &service.policy.drop_headers,
        own: preview::own_name(&service),
        trace: parent.as_ref().map(|(parent, goes_on)| Trace { parent, goes_on: *goes_on }),
    };
    http1::write_request(&mut lead, &request, &forwarding);
    let idempotent = request.method.is_idempotent();
    let keep = idempotent || may_be_refused(&service);
    let of_many = client.stream.is_multiplexed();
    upload.begin(lead, request.body, keep, of_many, &table.limits);
    upload.filter_trailers(&forwarding);
    if facts.grpc {
        upload.await_answer(grpc::silence(&request, &service.policy.timeouts));
    }
    let upgrade = request.upgrade.map(Box::from);
    let key = request.field("sec-websocket-key").filter(|_| client.info.protocol.carries_many());
    let accept = key.filter(|_| upgrade.is_some()).map(|key| Box::new(websocket::accept(key)));
    let binds = request.binds;
    Ok(Ask { service, index, end, facts, idempotent, upgrade, accept, binds, request_id, upload })
}

/// Returns the answer to a request for Teal itself; `None`: the request is for a service.
fn of_no_service(worker: &Worker, client: &Client, request: &Request<'_>) -> Option<Why> {
    if client.info.is_distrusted() {
        return Some(Why::Own(OwnReason::ClientDistrusted));
    }
    if let Some(path) = &client.info.listener.health
        && **path == *request.path
        && matches!(request.method, Method::Get | Method::Head)
    {
        return Some(Why::Health(!worker.stop.is_closing()));
    }
    worker.challenges.proof(request.path).map(Why::Challenge)
}

/// Returns the service of a request and its index.
fn routed(worker: &Worker, request: &Request<'_>) -> Result<(usize, Rc<LocalService>), Why> {
    let found = worker.reader.table().routes.find(request.host, request.path);
    if let Err(Unrouted::DotSegments) = found {
        return Err(Why::Own(OwnReason::BadRequest));
    }
    let service = found.ok().and_then(|index| Some((index, worker.reader.service(index)?)));
    service.ok_or_else(|| {
        let sentence = explained::unserved(request.host, request.path);
        worker.log.unserved(&sentence);
        Why::Explained(OwnReason::NoRoute, sentence)
    })
}

/// Returns the client that a proxy speaks for, where a target of the service gets it in a PROXY header.
fn spoken_for(
    info: &ConnectionInfo,
    request: &Request<'_>,
    service: &LocalService,
) -> Option<Box<SocketAddr>> {
    if !info.trusted {
        return None;
    }
    let mut targets = Color::BOTH.into_iter().flat_map(|color| &service.color(color).targets);
    targets.find(|target| target.url.announce().is_some())?;
    let client = info.client_of(request);
    // 0: unknown.
    Some(Box::new(SocketAddr::new(client.ip, client.port.unwrap_or_default())))
}

/// Returns true if a target may speak HTTP/2, which can say that nothing was done with a request, so that any request may
/// be sent again.
fn may_be_refused(service: &LocalService) -> bool {
    let may_refuse = |target: &Arc<TargetEntry>| target.url.may_speak_http2();
    service.receivers().flat_map(|color| &color.targets).any(may_refuse)
}

/// Returns the marks of a request that is forwarded, if it has any; else the answer to it.
fn sent_on(
    worker: &Worker,
    client: &Client,
    request: &Request<'_>,
    service: &LocalService,
    by_https: bool,
) -> Result<Option<Box<Marks>>, Why> {
    if let Some(why) = not_sent_on(worker, client, request, by_https) {
        return Err(why);
    }
    let marks = preview::examine(worker, client, request, service, by_https)?;
    let is_preview = marks.as_ref().is_some_and(|marks| marks.claim.is_some());
    if let Some(notice) = &service.maintenance
        && !is_preview
        && !notice.allows(client.info.client_of(request).ip)
    {
        return Err(Why::Maintenance(notice.clone()));
    }
    Ok(marks)
}

/// Returns the refusal of a request that is well-formed and has a service, but is not forwarded, whatever the service is
/// doing.
fn not_sent_on(
    worker: &Worker,
    client: &Client,
    request: &Request<'_>,
    by_https: bool,
) -> Option<Why> {
    let (info, limits) = (&client.info, worker.reader.table().limits);
    if let Some(port) = info.listener.redirect_https.filter(|_| !by_https) {
        let moved = https::address(request.host, port, request.target);
        return Some(moved.map_or(Why::Own(OwnReason::BadRequest), Why::Moved));
    }
    if let Some(name) = info.name.as_deref().filter(|name| !https::is_host(request.host, name)) {
        let sentence = explained::misdirected(request.host, name);
        return Some(Why::Explained(OwnReason::Misdirected, sentence));
    }
    if let Some(reason) = refusal(&worker.via, request, limits.body_bytes) {
        return Some(Why::Own(reason));
    }
    let is_long = info.certificate_fields().len() > limits.head_bytes;
    is_long.then_some(Why::Own(OwnReason::HeadTooLarge))
}

/// Returns the reason why Teal itself refuses a request.
fn refusal(via: &str, request: &Request<'_>, limit: Option<u64>) -> Option<OwnReason> {
    if request.via_contains(via) {
        return Some(OwnReason::Loop);
    }
    if request.max_forwards == Some(0) {
        return Some(OwnReason::MaxForwards);
    }
    match (request.body, limit) {
        (BodyLength::Length(length), Some(limit)) if length > limit => {
            Some(OwnReason::BodyTooLarge)
        }
        _ => None,
    }
}
