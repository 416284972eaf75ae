//! Teal's own answers: status, a short body in the form that the client prefers, and `Proxy-Status` (RFC 9209),
//! which names Teal and the reason.

mod body;

use std::fmt::Write as _;
use std::future::poll_fn;
use std::rc::Rc;
use std::sync::Arc;
use std::task::Poll;

use http1::{Reject, Version};
use rules::{ErrorPage, Notice};
use traffic::{AbortCause, AnsweredBy, OwnReason, PreviewClaim};

use crate::buffer::Buffer;
use crate::client::Client;
use crate::frame::Frame;
use crate::http::Unread;
use crate::parts::{After, Facts, Marks, PreviewLink, Refused, RequestEnd, Why};
use crate::worker::Worker;

/// The time after which clients of a service in maintenance are asked to try again, in seconds.
const MAINTENANCE_SECONDS: &str = "60";

/// Answers input that could not be parsed as a request, and closes the connection.
pub(crate) async fn refuse(worker: &Rc<Worker>, client: &mut Client, reject: Reject) -> After {
    let refused = Refused::malformed(worker, client, reject);
    answer(worker, client, refused).await
}

/// Answers a head that did not arrive in time, and closes the connection.
pub(crate) async fn too_late(worker: &Rc<Worker>, client: &mut Client) -> After {
    let end = RequestEnd::unrouted(worker, worker.access_record(&client.info))
        .followed(worker.listening.followers.begin(&client.info, None));
    let why = Why::Own(OwnReason::RequestTimeout);
    answer(worker, client, Refused { end, facts: Facts::UNKNOWN, why }).await
}

/// Writes the answer and ends the request in the books.
pub(crate) async fn answer(worker: &Rc<Worker>, client: &mut Client, refused: Refused) -> After {
    let Refused { mut end, facts, why } = refused;
    let rejected = matches!(why, Why::Reject(_));
    // A client that was too slow already gets little more time.
    let too_slow = matches!(why, Why::Own(OwnReason::RequestTimeout));
    let page = Page::of(why).of_service(&end);
    let marks: Vec<_> = end.marks().into_iter().flat_map(Marks::fields).collect();
    let unread = facts.body || !client.rx.is_empty() && rejected;
    // No keep-alive is announced to an HTTP/1.0 client, so its connection closes.
    let close = !facts.persistent
        || unread
        || facts.version == Version::Http10
        || (worker.stop.is_leaving() && client.is_quiet());
    let mut frame = Frame::default();
    let body = page.write(&mut frame.lead, worker, facts, (&marks, close));
    end.responded(page.status, if facts.head { 0 } else { body as u64 }, None);
    if let Err(cause) = write(worker, client, &mut frame).await {
        end.aborted(client.blame(cause));
        return After::Drop;
    }
    end.answered(AnsweredBy::Teal(page.reason));
    client.last_io = worker.now();
    match (close, (facts.body || rejected) && !too_slow) {
        (true, true) => After::Close(Unread::Request),
        (true, false) => After::Close(Unread::Nothing),
        (false, _) => After::Next,
    }
}

// lossless: L10 - `write_stall`
async fn write(worker: &Worker, client: &mut Client, frame: &mut Frame) -> Result<(), AbortCause> {
    client.deadline.set(worker.now() + worker.front().write_stall);
    let none = Buffer::default();
    poll_fn(|cx| {
        let mut sent = 0;
        match frame.poll_write(&none, &mut client.stream, &mut sent, cx) {
            Poll::Ready(Ok(())) => Poll::Ready(Ok(())),
            Poll::Ready(Err(_)) => Poll::Ready(Err(AbortCause::Client)),
            Poll::Pending if worker.stop.is_cut() => Poll::Ready(Err(AbortCause::Shutdown)),
            Poll::Pending => client.deadline.poll(cx).map(|()| Err(AbortCause::Deadline)),
        }
    })
    .await
}

/// One of Teal's own answers.
struct Page {
    status: u16,
    reason: OwnReason,
    /// The text of the body.
    text: &'static str,
    /// The sentence used instead of the text, with parts of the request; not yet escaped for the form of the body.
    detail: Option<String>,
    /// The exact body, whatever the client prefers.
    exactly: Option<String>,
    /// The service's own page, used as the body for clients that accept HTML.
    own: Option<Arc<str>>,
    /// The error type of RFC 9209 section 2.3.
    proxy_error: &'static str,
    retry_after: Option<&'static str>,
    location: Option<String>,
    /// The cookie that is set.
    cookie: Option<String>,
}

impl Page {
    fn of(why: Why) -> Self {
        match why {
            Why::Reject(reject) => {
                let mut page = Self::of_reason(reason_of(reject.status));
                page.status = reject.status;
                page.text = reject.reason;
                page
            }
            Why::Moved(location) => {
                let page = Self::of_reason(OwnReason::RedirectedToHttps);
                Self { location: Some(location), ..page }
            }
            Why::PreviewBegins(link) => {
                let page = Self::of_reason(OwnReason::PreviewBegins);
                let PreviewLink { location, cookie } = *link;
                Self { location: Some(location), cookie: Some(cookie), ..page }
            }
            Why::Challenge(proof) => {
                let page = Self::of_reason(OwnReason::AcmeChallenge);
                Self { exactly: Some(proof), ..page }
            }
            Why::Explained(reason, detail) => {
                Self { detail: Some(detail), ..Self::of_reason(reason) }
            }
            Why::Health(true) => {
                let page = Self::of_reason(OwnReason::HealthCheck);
                Self { exactly: Some("ok\n".to_owned()), ..page }
            }
            Why::Health(false) => {
                let page = Self::of_reason(OwnReason::Stopping);
                Self { reason: OwnReason::HealthCheck, ..page }
            }
            Why::Maintenance(notice) => Self::of_notice(&notice),
            Why::Own(reason) => Self::of_reason(reason),
        }
    }

    /// The answer to clients of a service in maintenance.
    fn of_notice(notice: &Notice) -> Self {
        let page = Self::of_reason(OwnReason::Maintenance);
        let own = notice.page.clone();
        Self { detail: notice.message.clone(), own, retry_after: Some(MAINTENANCE_SECONDS), ..page }
    }

    /// Takes the page that the request's service has for this answer, unless it has one of its own. In the page
    /// of a maintenance the place for its message is filled. Testers are told what fails instead.
    fn of_service(mut self, end: &RequestEnd) -> Self {
        if let Some(PreviewClaim { color, .. }) = end.preview() {
            let text = self.text;
            let said = || format!("{text}: this is a preview of {color}");
            self.detail = Some(self.detail.take().unwrap_or_else(said));
            return self;
        }
        let is_maintenance = self.reason == OwnReason::Maintenance;
        let page = if is_maintenance {
            Some(ErrorPage::Maintenance)
        } else {
            ErrorPage::of_status(self.status)
        };
        let configured = |page| end.service()?.policy.error_pages.get(page).cloned();
        self.own = self.own.or_else(|| page.and_then(configured));
        if is_maintenance {
            let message = self.detail.as_deref().unwrap_or(self.text);
            self.own = self.own.map(|own| body::with_message(own, message));
        }
        self
    }

    /// The status, sentence and error type of every reason, in one table.
    fn of_reason(reason: OwnReason) -> Self {
        let (status, text, proxy_error) = match reason {
            OwnReason::BadRequest => (400, "Bad request", "http_request_error"),
            OwnReason::NoRoute => {
                (404, "No service for this host and path", "destination_not_found")
            }
            OwnReason::MethodRefused => (405, "Method not allowed", "http_request_denied"),
            OwnReason::RequestTimeout => {
                (408, "The request did not arrive in time", "http_request_error")
            }
            OwnReason::BodyTooLarge => (413, "The body exceeds the limit", "http_request_error"),
            OwnReason::TargetTooLong => {
                (414, "The request target exceeds the limit", "http_request_error")
            }
            OwnReason::UnknownExpectation => (417, "Unknown expectation", "http_request_error"),
            OwnReason::Misdirected => {
                (421, "This host is not the server name of the TLS handshake", "http_request_error")
            }
            OwnReason::ClientDistrusted => {
                (421, "The client certificate is no longer trusted", "http_request_denied")
            }
            // Sent as a reset of its stream, which has no page.
            OwnReason::Http1Required => (421, "HTTP/1.1 required", "http_request_error"),
            OwnReason::RedirectedToHttps => (308, "This is served over https", ""),
            OwnReason::HeadTooLarge => (431, "The head exceeds the limits", "http_request_error"),
            OwnReason::Unsupported => (501, "Not supported", "http_request_error"),
            OwnReason::Loop => (508, "Request loop detected", "proxy_loop_detected"),
            OwnReason::MaxForwards | OwnReason::AcmeChallenge | OwnReason::HealthCheck => {
                (200, "", "")
            }
            OwnReason::NoTargets => {
                (503, "Nothing is deployed here yet, try again later", "destination_unavailable")
            }
            OwnReason::TargetUnavailable => (502, "Backend unavailable", "destination_unavailable"),
            OwnReason::TargetFailed => (502, "Backend unavailable", "http_protocol_error"),
            OwnReason::StaleLost => (502, "Backend unavailable", "connection_terminated"),
            OwnReason::ResponseTimeout => {
                (504, "Backend did not answer in time", "http_response_timeout")
            }
            OwnReason::DrainDeadline => {
                (504, "Backend was retired before it answered", "http_response_timeout")
            }
            OwnReason::HeldTooLong | OwnReason::HoldFull => {
                (503, "Held for maintenance, try again soon", "destination_unavailable")
            }
            OwnReason::Maintenance => {
                (503, "Down for maintenance, try again later", "destination_unavailable")
            }
            OwnReason::PreviewBegins => {
                (303, "The preview begins at the address without the token", "")
            }
            OwnReason::PreviewRefused => {
                (403, "The preview token is not valid", "http_request_denied")
            }
            OwnReason::PreviewUnavailable => {
                (503, "The idle color cannot be previewed now", "destination_unavailable")
            }
            OwnReason::Stopping => (503, "Stopping", "proxy_internal_response"),
        };
        let retry_after = (status == 503).then_some("1");
        Self {
            status,
            reason,
            text,
            detail: None,
            exactly: None,
            own: None,
            proxy_error,
            retry_after,
            location: None,
            cookie: None,
        }
    }

    /// Returns the length of the body.
    fn write(
        &self,
        out: &mut Vec<u8>,
        worker: &Worker,
        facts: Facts,
        (marks, close): (&[(&str, &str)], bool),
    ) -> usize {
        let date = worker.date();
        let date = std::str::from_utf8(&date).unwrap_or_default();
        let mut proxy_status = worker.via.to_string();
        if !self.proxy_error.is_empty() {
            // Writing to a string can't fail.
            let _ = write!(
                proxy_status,
                "; error={}; details={}",
                self.proxy_error,
                self.reason.as_str()
            );
        }
        let (content_type, body) = self.body(facts.accept);
        let mut fields = vec![
            ("date", date),
            ("content-type", content_type),
            ("cache-control", "no-store"),
            ("proxy-status", proxy_status.as_str()),
        ];
        match self.status {
            405 => fields.push(("allow", "GET, HEAD, POST, PUT, DELETE, OPTIONS, PATCH")),
            200 if self.exactly.is_none() => fields.push(("allow", "OPTIONS")),
            _ => {}
        }
        // Text from a request must not be rendered as a page.
        fields.extend(self.detail.as_ref().map(|_| ("x-content-type-options", "nosniff")));
        fields.extend(self.retry_after.map(|seconds| ("retry-after", seconds)));
        fields.extend(self.location.as_deref().map(|address| ("location", address)));
        fields.extend(self.cookie.as_deref().map(|cookie| ("set-cookie", cookie)));
        fields.extend_from_slice(marks);
        let hsts = facts.hsts.map(|seconds| format!("max-age={seconds}"));
        fields.extend(hsts.as_deref().map(|policy| ("strict-transport-security", policy)));
        http1::write_own(out, self.status, &fields, body.as_bytes(), close, facts.head);
        body.len()
    }
}

/// Returns the reason under which a head that the engine refused with this status is counted.
fn reason_of(status: u16) -> OwnReason {
    match status {
        405 => OwnReason::MethodRefused,
        413 => OwnReason::BodyTooLarge,
        414 => OwnReason::TargetTooLong,
        417 => OwnReason::UnknownExpectation,
        431 => OwnReason::HeadTooLarge,
        501 | 505 => OwnReason::Unsupported,
        _ => OwnReason::BadRequest,
    }
}
