//! What a target answers to a probe, and whether it is good: understood by the parser of traffic,
//! within the limits of traffic.

use http::HeaderMap;
use http1::{Asked, BadResponse, BodyError, BodyLength, BodyReader, FieldSlots, HeadScan, Limits};
use http1::{MAX_INTERIM, Response, reason_phrase};
use rules::{Expected, Health, ProbeKind};

use super::grpc;
use super::probe::{Conclusion, Failure, Fault};

/// How a record of TLS begins that refuses what was sent (RFC 8446, section 5.1).
const TLS_ALERT: &[u8] = &[21, 3];

/// The most that is read of an answer's body.
const BODY: usize = 64 * 1024;

/// An answer as far as it has come.
#[derive(Debug, Default)]
pub(super) struct Answer {
    /// Once its head is here.
    pub(super) status: Option<u16>,
    interims: usize,
    /// What is wrong with its identity, as far as the head shows.
    stranger: Option<String>,
    body: Vec<u8>,
    /// Fields of head and trailers of an answer over HTTP/2.
    pub(super) head: HeaderMap,
    pub(super) trailers: Option<HeaderMap>,
}

/// What came of a head.
pub(super) enum Headed {
    /// There is another one to come.
    Interim,
    /// It is the last, and this follows.
    Final(BodyReader),
}

/// Why an answer is refused.
fn failed(status: Option<u16>, reason: impl Into<String>) -> Failure {
    Failure { status, ..Failure::new(reason.into()) }
}

/// Why traffic could not pass an answer on.
fn refused(status: Option<u16>, reason: &str) -> Failure {
    failed(status, format!("traffic refuses such an answer: {reason}"))
}

impl Answer {
    /// How much of `bytes` is a whole head; `None` while there is none.
    pub(super) fn scan(
        &self,
        scan: &mut HeadScan,
        bytes: &[u8],
        limits: &Limits,
    ) -> Result<Option<usize>, Failure> {
        if bytes.starts_with(TLS_ALERT) {
            let reason = "the target answered in TLS; write https://HOST:PORT";
            return Err(failed(self.status, reason));
        }
        let found = scan.scan_response(bytes, limits);
        found.map_err(|BadResponse { reason }| refused(self.status, reason))
    }

    /// Understands a whole head, as traffic would; a final one with a status that is not expected
    /// ends the probe.
    pub(super) fn take_head(
        &mut self,
        head: &[u8],
        settings: &Health,
        limits: &Limits,
    ) -> Result<Headed, Failure> {
        let mut slots = FieldSlots::new();
        let response = Response::parse(head, &mut slots, &Asked::default(), limits);
        let response = response.map_err(|BadResponse { reason }| refused(None, reason))?;
        if response.status < 200 {
            self.interims += 1;
            if self.interims > MAX_INTERIM {
                return Err(refused(None, "The target sent too many interim answers."));
            }
            return Ok(Headed::Interim);
        }
        self.status = Some(response.status);
        if !settings.expects(response.status) {
            return Err(failed(self.status, unexpected(&response, settings)));
        }
        self.stranger = settings.identity.header.as_ref().and_then(|wanted| {
            let found = response.fields(&wanted.name).any(|value| wanted.matches(value));
            (!found).then(|| format!("the answer has no field {wanted}: another service is there"))
        });
        Ok(Headed::Final(BodyReader::new(response.body)))
    }

    /// Takes a part of the body.
    pub(super) fn take_body(&mut self, data: &[u8]) -> Result<(), Failure> {
        self.body.extend_from_slice(data);
        if self.body.len() > BODY {
            return Err(failed(self.status, "the response body is over 64 KiB"));
        }
        Ok(())
    }

    /// What the body is not, as traffic would see it.
    pub(super) fn broken_body(&self, BodyError { reason }: BodyError) -> Failure {
        refused(self.status, reason)
    }

    /// The connection has ended or broken in the middle.
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

    /// Whether traffic would pass the trailers on.
    pub(super) fn check_trailers(&self, lines: &[u8], limits: Limits) -> Result<(), Failure> {
        let mut section = Vec::new();
        http1::write_last_chunk(&mut section, lines);
        let mut reader = BodyReader::new(BodyLength::Chunked);
        reader.limit_trailers(limits);
        let decoded = reader.decode(&mut section);
        decoded.map(drop).map_err(|error| self.broken_body(error))
    }

    /// What a whole answer comes to.
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
            (!found)
                .then(|| format!("the answer does not hold {wanted:?}: another service is there"))
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

fn memmem(text: &[u8], wanted: &[u8]) -> bool {
    text.windows(wanted.len().max(1)).any(|window| window == wanted)
}

fn unexpected(response: &Response<'_>, settings: &Health) -> String {
    let status = response.status;
    let said = format!("{status} {}", reason_phrase(status));
    let said = said.trim_end();
    if (200..300).contains(&status) {
        // Without this it would read like a success.
        let expected: Vec<_> = settings.expect.iter().map(ToString::to_string).collect();
        return format!("{said} is not expected: health.expect has {}", expected.join(", "));
    }
    if status == 421 {
        return format!(
            "{said}: the target wants a Host that matches the server name (SNI) of TLS; write \
             tls = {{ server_name = \"host\" }}, or host = \"target\", for the color"
        );
    }
    let location = response.field("location").filter(|_| (300..400).contains(&status));
    match location {
        Some(to) => format!("{status} to {}", to.escape_ascii()),
        None => said.to_owned(),
    }
}
