//! A target's response to a probe, and its verdict: parsed by the parser of traffic, within the limits
//! of traffic.

use std::time::Duration;

use http::HeaderMap;
use http1::{
    BadResponse, BodyError, BodyLength, BodyReader, FieldSlots, HeadScan, Limits, RequestContext,
};
use http1::{MAX_INTERIM, Response, reason_phrase};
use rules::{Expected, Health, ProbeKind};
use tokio::time::Instant;

use super::grpc;
use super::probe::{Conclusion, Failure, Fault, Purpose};

/// The first bytes of a TLS alert record (RFC 8446, section 5.1).
const TLS_ALERT: &[u8] = &[21, 3];

/// The maximum bytes read of a response body.
const BODY: usize = 64 * 1024;

/// The bytes read of a body whose status has failed the probe, and the time for them after the head.
const EXCERPT: usize = 512;
const MOMENT: Duration = Duration::from_millis(50);

/// The characters of it that are shown.
const SHOWN: usize = 120;

/// A response as received so far.
#[derive(Debug)]
pub(super) struct ProbeResponse {
    purpose: Purpose,
    /// The status, once the head is complete.
    pub(super) status: Option<u16>,
    interims: usize,
    /// The reason why its status fails the probe, and the end of the time for its body.
    unexpected: Option<(String, Instant)>,
    /// The problem with its identity, as far as the head shows.
    stranger: Option<String>,
    body: Vec<u8>,
    /// Header and trailer fields of an HTTP/2 response.
    pub(super) head: HeaderMap,
    pub(super) trailers: Option<HeaderMap>,
}

/// The result of a head.
pub(super) enum ParsedHead {
    /// An interim response; another head follows.
    Interim,
    /// The final head, with the reader of its body.
    Final(BodyReader),
}

/// Creates the failure of a refused response.
fn failed(status: Option<u16>, reason: impl Into<String>) -> Failure {
    Failure { status, ..Failure::new(reason.into()) }
}

/// Creates the failure of a response that traffic could not relay.
fn refused(status: Option<u16>, reason: &str) -> Failure {
    failed(status, format!("traffic refuses such a response: {reason}"))
}

impl ProbeResponse {
    /// Creates the response to a request of which nothing has arrived yet.
    pub(super) fn new(purpose: Purpose) -> Self {
        Self {
            purpose,
            status: None,
            interims: 0,
            unexpected: None,
            stranger: None,
            body: Vec::new(),
            head: HeaderMap::new(),
            trailers: None,
        }
    }

    /// Returns the length of the complete head in `bytes`; `None` while there is none.
    pub(super) fn scan(
        &self,
        scan: &mut HeadScan,
        bytes: &[u8],
        limits: &Limits,
    ) -> Result<Option<usize>, Failure> {
        if bytes.starts_with(TLS_ALERT) {
            let reason = "the target answered with TLS; write https://HOST:PORT";
            return Err(failed(self.status, reason));
        }
        let found = scan.scan_response(bytes, limits);
        found.map_err(|BadResponse { reason }| refused(self.status, reason))
    }

    /// Parses a complete head as traffic would. A final head with an unexpected status fails the probe; of its body only
    /// what comes at once is read, for people.
    pub(super) fn take_head(
        &mut self,
        head: &[u8],
        settings: &Health,
        limits: &Limits,
    ) -> Result<ParsedHead, Failure> {
        let mut slots = FieldSlots::new();
        let response = Response::parse(head, &mut slots, &RequestContext::default(), limits);
        let response = response.map_err(|BadResponse { reason }| refused(None, reason))?;
        if response.status < 200 {
            self.interims += 1;
            if self.interims > MAX_INTERIM {
                return Err(refused(None, "The target sent too many interim answers."));
            }
            return Ok(ParsedHead::Interim);
        }
        self.status = Some(response.status);
        if !settings.expects(response.status) {
            let reason = unexpected(&response, settings);
            if self.purpose == Purpose::WarmUp {
                return Err(failed(self.status, reason));
            }
            self.unexpected = Some((reason, Instant::now() + MOMENT));
        }
        self.stranger = settings.identity.header.as_ref().and_then(|wanted| {
            let found = response.fields(&wanted.name).any(|value| wanted.matches(value));
            (!found).then(|| {
                format!("the response has no header {wanted}: another service answers there")
            })
        });
        Ok(ParsedHead::Final(BodyReader::new(response.body)))
    }

    /// Takes a part of the body.
    pub(super) fn take_body(&mut self, data: &[u8]) -> Result<(), Failure> {
        if self.purpose == Purpose::WarmUp {
            return Ok(());
        }
        self.body.extend_from_slice(data);
        if self.unexpected.is_some() && self.body.len() >= EXCERPT {
            return Err(failed(self.status, "")); // enough is known
        }
        if self.body.len() > BODY {
            return Err(failed(self.status, "the response body is over 64 KiB"));
        }
        Ok(())
    }

    /// Returns the end of the time for its body; `None`: its status has not failed the probe, whose deadline holds.
    pub(super) fn reads_until(&self) -> Option<Instant> {
        self.unexpected.as_ref().map(|(_, end)| *end)
    }

    /// Returns the failure by its status, with the beginning of its body if that says something to people.
    pub(super) fn failure(&self) -> Option<Failure> {
        let (reason, _) = self.unexpected.as_ref()?;
        let is_told = self.status.is_some_and(|status| status >= 400 && status != 421);
        let excerpt = if is_told { excerpt(&self.body) } else { None };
        Some(failed(
            self.status,
            match excerpt {
                None => reason.clone(),
                Some(excerpt) => format!("{reason}: {excerpt}"),
            },
        ))
    }

    /// Creates the failure of a malformed body, as traffic would see it.
    pub(super) fn broken_body(&self, BodyError { reason }: BodyError) -> Failure {
        refused(self.status, reason)
    }

    /// Creates the failure of a connection that ended or broke before the end of the response.
    pub(super) fn broken(&self, error: Option<&std::io::Error>) -> Failure {
        let place = match self.status {
            Some(_) => "inside the response body",
            None => "before the response head",
        };
        if let Some(why) = error.and_then(connect::refusal) {
            return failed(self.status, why);
        }
        let reason = match error.map(std::io::Error::kind) {
            None | Some(std::io::ErrorKind::UnexpectedEof) => format!("connection closed {place}"),
            Some(std::io::ErrorKind::ConnectionReset) => format!("connection reset {place}"),
            Some(_) => error.map_or_else(String::new, |error| format!("{error} {place}")),
        };
        failed(self.status, reason)
    }

    /// Checks that traffic would relay the trailers.
    pub(super) fn check_trailers(&self, lines: &[u8], limits: Limits) -> Result<(), Failure> {
        let mut section = Vec::new();
        http1::write_last_chunk(&mut section, lines);
        let mut reader = BodyReader::new(BodyLength::Chunked);
        reader.limit_trailers(limits);
        let decoded = reader.decode(&mut section);
        decoded.map(drop).map_err(|error| self.broken_body(error))
    }

    /// Returns the conclusion from a complete response.
    pub(super) fn conclude(self, settings: &Health) -> Conclusion {
        let Some(status) = self.status else { return Err(self.broken(None)) };
        if settings.kind == ProbeKind::Grpc {
            let said = grpc::conclude(&self.head, &self.body, self.trailers.as_ref());
            said.map_err(|reason| failed(self.status, reason))?;
        }
        let stranger = self.stranger.or_else(|| {
            let Expected { body, .. } = &settings.identity;
            let wanted = body.as_ref()?;
            let found = memmem(&self.body, wanted.as_bytes());
            (!found).then(|| {
                format!("the response does not contain {wanted:?}: another service answers there")
            })
        });
        match stranger {
            None => Ok(status),
            Some(reason) => Err(Failure {
                status: Some(status),
                fault: Fault::Stranger,
                ..Failure::new(reason)
            }),
        }
    }
}

/// Returns the beginning of a body in one line; `None`: it has no text, or is a page for browsers.
fn excerpt(body: &[u8]) -> Option<String> {
    let text = String::from_utf8_lossy(body.get(..EXCERPT).unwrap_or(body));
    let plain: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    let words: Vec<&str> = plain.split_whitespace().collect();
    let line = words.join(" ");
    if line.is_empty() || line.starts_with('<') {
        return None;
    }
    let end = line.char_indices().nth(SHOWN).map(|(end, _)| end);
    Some(end.map_or_else(|| line.clone(), |end| format!("{}…", &line[..end])))
}

fn memmem(text: &[u8], wanted: &[u8]) -> bool {
    text.windows(wanted.len().max(1)).any(|window| window == wanted)
}

fn unexpected(response: &Response<'_>, settings: &Health) -> String {
    let status = response.status;
    let said = format!("{status} {}", reason_phrase(status));
    let said = said.trim_end();
    if (200..300).contains(&status) {
        // Without the expected status it would read like a success.
        let expected: Vec<_> = settings.expect.iter().map(ToString::to_string).collect();
        return format!("{said} is not expected: health.expect has {}", expected.join(", "));
    }
    if status == 421 {
        return format!(
            "{said}: the target requires a Host that matches the server name (SNI) of TLS; write \
             tls = {{ server_name = \"host\" }}, or host = \"target\", for the color"
        );
    }
    let location = response.field("location").filter(|_| (300..400).contains(&status));
    match location {
        Some(to) => format!("{status} to {}", to.escape_ascii()),
        None => said.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_excerpt_is_one_short_line_of_text() {
        let shown = |body: &str| excerpt(body.as_bytes());
        assert_eq!(shown("db:\r\n\tdown\x1b[31m\n"), Some("db: down [31m".to_owned()));
        assert_eq!(shown(" \n"), None);
        assert_eq!(shown("<!doctype html><h1>no</h1>"), None, "a page for browsers");
        let long = shown(&"ä".repeat(300)).unwrap_or_default();
        assert_eq!((long.chars().count(), long.ends_with('…')), (SHOWN + 1, true));
        assert_eq!(excerpt(&[0xff, b'a']), Some("\u{fffd}a".to_owned()));
    }
}
