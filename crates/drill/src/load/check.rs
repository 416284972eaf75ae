//! Checks that an answer belongs to its request: status, echoed id, and every byte of
//! the body are compared with what the request asked for.

use super::request::{EVENTS, Request};
use crate::kind::Kind;
use crate::ledger::{Fault, Loss};
use crate::message::Head;
use crate::payload;
use crate::protocol::{BROKEN_FIELD, ID_FIELD, Summary, VERSION_FIELD, event};

/// The longest body that is buffered for comparison; downloads are compared as they arrive.
const KEPT_BYTES_MAX: usize = 16 * 1024;

/// Collects an answer's body.
#[derive(Debug)]
pub(super) struct Check<'a> {
    request: &'a Request<'a>,
    length: u64,
    kept: Vec<u8>,
    /// The first position at which a download is wrong.
    mismatch: Option<u64>,
}

/// The server, as far as the answer names it.
#[derive(Debug)]
pub(super) struct Answered {
    /// The version of a demo target.
    pub(super) version: Option<String>,
}

impl<'a> Check<'a> {
    /// A check of the answer to this request.
    pub(super) fn new(request: &'a Request<'a>) -> Self {
        Self { request, length: 0, kept: Vec::new(), mismatch: None }
    }

    /// Takes the next piece of the body.
    pub(super) fn feed(&mut self, data: &[u8]) {
        match self.request.kind {
            Kind::Download | Kind::DownloadChunked | Kind::BigDownload
                if self.mismatch.is_none() =>
            {
                self.mismatch = payload::mismatch(self.request.number, self.length, data);
            }
            Kind::Download | Kind::DownloadChunked | Kind::BigDownload | Kind::Page => {}
            _ => {
                let room = KEPT_BYTES_MAX - self.kept.len().min(KEPT_BYTES_MAX);
                self.kept.extend(data.iter().take(room));
            }
        }
        self.length += data.len() as u64;
    }

    /// Judges the complete answer.
    pub(super) fn finish(self, head: &Head) -> Result<Answered, Fault> {
        if self.request.kind == Kind::Page {
            return page(head);
        }
        if let Some((questions, question)) = &self.request.own {
            if self.length > self.kept.len() as u64 {
                return Err(Fault::Wrong(format!("a body of {} bytes", self.length)));
            }
            let judged = questions.judge(question, head, &self.kept);
            return judged.map(|name| Answered { version: Some(name) }).map_err(Fault::Wrong);
        }
        let version = signature(self.request, head)?;
        match self.request.kind {
            Kind::Download | Kind::DownloadChunked | Kind::BigDownload => self.download()?,
            Kind::Events => {
                let expected: String = (1..=EVENTS).map(|n| event(&version, n)).collect();
                self.same("event stream", expected.as_bytes())?;
            }
            _ => {
                let body = self.request.body();
                let summary = Summary {
                    version: &version,
                    id: &self.request.id,
                    method: self.request.method(),
                    bytes: body.len() as u64,
                    checksum: payload::checksum(&body),
                };
                self.same("summary", summary.to_string().as_bytes())?;
            }
        }
        Ok(Answered { version: Some(version) })
    }

    fn download(&self) -> Result<(), Fault> {
        if let Some(position) = self.mismatch {
            return Err(Fault::Wrong(format!("byte {position} of the download is wrong")));
        }
        let expected = self.request.download_bytes();
        if self.length != expected {
            let text = format!("the download has {} bytes instead of {expected}", self.length);
            return Err(Fault::Wrong(text));
        }
        Ok(())
    }

    fn same(&self, what: &str, expected: &[u8]) -> Result<(), Fault> {
        if self.kept == expected && self.length == expected.len() as u64 {
            return Ok(());
        }
        let found = String::from_utf8_lossy(&self.kept);
        let short: String = found.chars().take(200).collect();
        Err(Fault::Wrong(format!("the {what} does not match the request: {short:?}")))
    }
}

/// Checks status, signature and echoed id; returns who answered.
pub(super) fn signature(request: &Request<'_>, head: &Head) -> Result<String, Fault> {
    let expected = if request.kind == Kind::Tunnel { 101 } else { 200 };
    let Some(version) = head.fields.get(VERSION_FIELD) else {
        let reason = head.fields.get("proxy-status");
        let reason = reason.map(|why| format!(" ({why})")).unwrap_or_default();
        let text = format!("status {} that no target signed{reason}", head.status);
        return Err(Fault::lost(Loss::Refused, text));
    };
    let is_told = head.status == 500 && head.fields.get(BROKEN_FIELD).is_some();
    if head.status != expected && !is_told {
        let text = format!("status {} from {version}", head.status);
        return Err(Fault::lost(Loss::Status, text));
    }
    let id = head.fields.get(ID_FIELD);
    if id != Some(request.id.as_str()) {
        let text = format!("{version} echoed id {id:?} to request {}", request.id);
        return Err(Fault::Wrong(text));
    }
    Ok(version.to_owned())
}

/// Any complete answer of an application counts, unless it is a server error.
fn page(head: &Head) -> Result<Answered, Fault> {
    if head.status >= 500 {
        return Err(Fault::lost(Loss::Refused, format!("status {}", head.status)));
    }
    Ok(Answered { version: head.fields.get(VERSION_FIELD).map(str::to_owned) })
}
