//! The access log: a line for each request that has ended.
//!
//! A worker only gathers what the line says and hands it over; one thread writes for all of them.
//! If that thread can't keep up, lines are dropped and counted: a request never waits for a disk.
//! Without an access log nothing is gathered.

mod line;
mod writer;

use std::net::IpAddr;
use std::sync::mpsc::{SyncSender, TrySendError};
use std::time::{Instant, SystemTime};

use http1::{Request, Version};
use traffic::{AbortCause, AnsweredBy, TargetEntry};

use crate::client::Client;

pub use line::Format;
pub use writer::{Destination, LogWriter};

/// The workers' end of the access log.
#[derive(Clone, Debug)]
pub struct AccessLog {
    lines: SyncSender<Box<Story>>,
}

/// What a line says of a request, gathered from its head to its end.
#[derive(Debug)]
pub(crate) struct Story {
    at: SystemTime,
    began: Instant,
    client: IpAddr,
    secure: bool,
    asked: Option<Asked>, // none: it could not be understood
    service: Option<String>,
    told: Told,
    end: &'static str,
    reason: &'static str,
    took_micros: u64,
}

/// What the head of a request says.
#[derive(Debug)]
struct Asked {
    method: String,
    host: String,
    target: String,
    version: &'static str,
    request_id: String,
    referer: String,
    user_agent: String,
}

/// What became of a request.
#[derive(Debug, Default)]
struct Told {
    status: Option<u16>,
    /// Bytes of the body that the client was sent.
    bytes: u64,
    color: Option<rules::Color>,
    target: Option<String>,
}

impl AccessLog {
    /// Hands a line over; false if it had to be dropped.
    fn tell(&self, story: Box<Story>) -> bool {
        match self.lines.try_send(story) {
            Ok(()) => true,
            Err(TrySendError::Full(_) | TrySendError::Disconnected(_)) => false,
        }
    }
}

// === impl Story ===

impl Story {
    /// Of a request from this client, that began just now.
    pub(crate) fn begin(client: &Client, now: Instant) -> Box<Self> {
        Box::new(Self {
            at: SystemTime::now(),
            began: now,
            client: client.address.to_canonical(),
            secure: !client.stream.is_plain(),
            asked: None,
            service: None,
            told: Told::default(),
            end: "",
            reason: "",
            took_micros: 0,
        })
    }

    /// What its head says, and which service it is for.
    pub(crate) fn asks(&mut self, request: &Request<'_>, request_id: &[u8], service: Option<&str>) {
        let field = |name| {
            let value = request.field(name).unwrap_or_default();
            String::from_utf8_lossy(value).into_owned()
        };
        self.asked = Some(Asked {
            method: request.method.as_str().to_owned(),
            host: request.host.to_owned(),
            target: request.target.to_owned(),
            version: match request.version {
                Version::Http10 => "HTTP/1.0",
                Version::Http11 => "HTTP/1.1",
            },
            request_id: String::from_utf8_lossy(request_id).into_owned(),
            referer: field("referer"),
            user_agent: field("user-agent"),
        });
        self.service = service.map(str::to_owned);
    }

    /// What the client was sent; without a target it was Teal that answered.
    pub(crate) fn told(
        &mut self,
        status: u16,
        bytes: u64,
        target: Option<(rules::Color, &TargetEntry)>,
    ) {
        self.told = Told {
            status: Some(status),
            bytes,
            color: target.map(|(color, _)| color),
            target: target.map(|(_, entry)| entry.url.to_string()),
        };
    }

    /// It was answered in full. Returns false if the line had to be dropped.
    pub(crate) fn answered(self: Box<Self>, by: AnsweredBy, log: &AccessLog) -> bool {
        let reason = match by {
            AnsweredBy::Color(_) => "",
            AnsweredBy::Teal(reason) => reason.as_str(),
        };
        self.finish("answered", reason, log)
    }

    /// It ended without a whole answer. Returns false if the line had to be dropped.
    pub(crate) fn aborted(self: Box<Self>, cause: AbortCause, log: &AccessLog) -> bool {
        self.finish("aborted", cause.as_str(), log)
    }

    fn finish(
        mut self: Box<Self>,
        end: &'static str,
        reason: &'static str,
        log: &AccessLog,
    ) -> bool {
        (self.end, self.reason) = (end, reason);
        let took = self.began.elapsed().as_micros();
        self.took_micros = u64::try_from(took).unwrap_or(u64::MAX);
        log.tell(self)
    }
}
