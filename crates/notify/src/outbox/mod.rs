//! The durable outbox: messages that endpoints have not got yet.
//!
//! Guaranteed: what [`Outbox::put`] has taken is on the disk when it returns, survives a crash and a restart, and keeps
//! its id; at most [`COUNT_MAX`] messages wait for an endpoint and [`BYTES_MAX`] bytes for all, beyond which the oldest
//! is dropped, counted and logged; a decision is taken once, however often it is reported. Damage costs the damaged lines
//! and no other. If the disk refuses, messages are kept in memory, and are written when it takes them again.

mod file;
mod queue;
mod record;
#[cfg(test)]
mod tests;

use std::fmt::Write as _;
use std::path::Path;
use std::sync::Arc;
use std::time::SystemTime;

use aws_lc_rs::digest;
use rules::Time;

use crate::message::Message;
use crate::notice::Notice;
use file::{NotOpened, OutboxFile};
use queue::Queue;
use record::{Record, VERSION};

/// The most messages that wait for one endpoint.
pub(crate) const COUNT_MAX: usize = 1000;

/// The most bytes of all messages that wait.
pub(crate) const BYTES_MAX: usize = 8 << 20;

/// The size of the file in bytes from which it is written anew, if it has outgrown its contents.
const FILE_MAX: u64 = 1 << 20;

/// The outbox of a Teal.
#[derive(Debug)]
pub(crate) struct Outbox {
    queue: Queue,
    /// `None`: messages are only in memory.
    file: Option<OutboxFile>,
    /// The reason why the file lacks something.
    problem: Option<String>,
}

/// Another Teal has the outbox.
#[derive(Debug)]
pub(crate) struct Locked;

/// A message that was dropped for an endpoint.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct DroppedMessage {
    pub(crate) endpoint: String,
}

impl Outbox {
    /// Opens the outbox in this directory. Without a disk that works it is only in memory.
    pub(crate) fn open(directory: &Path) -> Result<Self, Locked> {
        let shown = directory.display();
        let (file, bytes) = match OutboxFile::open(directory) {
            Ok((file, bytes)) => (Some(file), bytes),
            Err(NotOpened::Locked) => return Err(Locked),
            Err(NotOpened::Failed(error)) => {
                tracing::error!(
                    "cannot open the outbox in {shown}: {error}; notifications are kept in memory until Teal is restarted"
                );
                (None, Vec::new())
            }
        };
        let (records, damaged) = Record::read_all(&bytes);
        let mut queue = Queue::default();
        for record in &records {
            queue.apply(record);
        }
        if damaged > 0 {
            tracing::warn!(damaged, "the outbox in {shown} has damaged lines, which are dropped");
        }
        let problem = file.is_none().then(|| format!("the outbox in {shown} cannot be opened"));
        let mut outbox = Self { queue, file, problem };
        if outbox.queue.seed.is_empty() {
            let seed = random();
            outbox.write(&[Record::Outbox { version: VERSION, seed }], true);
        }
        if damaged > 0 {
            outbox.rewrite();
        }
        Ok(outbox)
    }

    /// Sets the endpoints. A new one gets what happens from now on; what waits for one that is gone is forgotten.
    pub(crate) fn set_endpoints(&mut self, names: &[&str], now: Time) {
        let gone = self.queue.names().filter(|known| !names.contains(known));
        let mut records: Vec<_> =
            gone.map(|name| Record::Removed { name: name.to_owned() }).collect();
        let new = names.iter().filter(|name| self.queue.since(name).is_none());
        records.extend(new.map(|name| Record::Endpoint { name: (*name).to_owned(), since: now.0 }));
        if !records.is_empty() {
            self.write(&records, true);
        }
    }

    /// Takes notices, each with the names of its endpoints, and returns what was dropped for them.
    pub(crate) fn put(&mut self, notices: Vec<(Notice, Vec<String>)>) -> Vec<DroppedMessage> {
        let now = Time::of(SystemTime::now()).0;
        for (notice, mut to) in notices {
            let id = self.id(notice.key.as_deref());
            if notice.key.is_some() && self.queue.has_seen(&id) {
                continue;
            }
            let known_since = |name: &str| self.queue.since(name);
            // Else it was not there then. A clock that was set back says nothing about it.
            to.retain(|name| {
                let since = known_since(name);
                since.is_some_and(|since| since <= notice.at.0 || now < since)
            });
            let mut records = Vec::new();
            if notice.key.is_some() {
                records.push(Record::Seen { id: id.clone() });
            }
            if !to.is_empty() {
                records.push(Record::Message { message: Message::new(id, notice), to });
            }
            self.write(&records, false);
        }
        let dropped = self.drop_surplus();
        self.sync();
        dropped
    }

    /// Ends the wait of an endpoint for a message.
    pub(crate) fn end(&mut self, endpoint: &str, id: &str) {
        let (endpoint, id) = (endpoint.to_owned(), id.to_owned());
        // After a power failure the endpoint may get the message again, with the same id.
        self.write(&[Record::Ended { id, endpoint }], false);
    }

    /// Returns the oldest message that waits for an endpoint.
    pub(crate) fn first(&self, endpoint: &str) -> Option<&Arc<Message>> {
        self.queue.first(endpoint)
    }

    /// Returns the number of messages that wait for an endpoint.
    pub(crate) fn count(&self, endpoint: &str) -> usize {
        self.queue.count(endpoint)
    }

    /// Returns the reason why messages may be lost by a crash.
    pub(crate) fn problem(&self) -> Option<&str> {
        self.problem.as_deref()
    }

    /// Writes again what the disk has refused.
    pub(crate) fn retry(&mut self) {
        if self.problem.is_some() && self.file.is_some() {
            self.rewrite();
        }
    }

    /// Returns the id of a message: that of its decision, or a random one.
    fn id(&self, key: Option<&str>) -> String {
        let Some(key) = key else { return format!("msg_{}", random()) };
        let text = format!("{}\0{key}", self.queue.seed);
        let digest = digest::digest(&digest::SHA256, text.as_bytes());
        format!("msg_{}", hex(digest.as_ref().get(..16).unwrap_or_default()))
    }

    fn drop_surplus(&mut self) -> Vec<DroppedMessage> {
        let mut dropped = Vec::new();
        loop {
            let full = self.queue.names().find(|name| self.queue.count(name) > COUNT_MAX);
            let fullest = || self.queue.fullest().filter(|_| self.queue.bytes() > BYTES_MAX);
            let Some(name) = full.or_else(fullest).map(str::to_owned) else { return dropped };
            let Some(oldest) = self.queue.first(&name).map(|first| first.id.clone()) else {
                return dropped;
            };
            self.end(&name, &oldest);
            dropped.push(DroppedMessage { endpoint: name });
        }
    }

    fn write(&mut self, records: &[Record], durable: bool) {
        for record in records {
            self.queue.apply(record);
        }
        let Some(file) = &mut self.file else { return };
        if self.problem.is_some() {
            return; // it is written anew, with all of this
        }
        let written = file.append(records, durable);
        let outgrown = file.size() > FILE_MAX && file.size() > 4 * self.queue.bytes() as u64;
        match written {
            Err(error) => self.failed(&error.to_string()),
            Ok(()) if outgrown => self.rewrite(),
            Ok(()) => {}
        }
    }

    fn sync(&mut self) {
        match &mut self.file {
            Some(file) if self.problem.is_none() => {
                if let Err(error) = file.append(&[], true) {
                    self.failed(&error.to_string());
                }
            }
            Some(_) => self.rewrite(),
            None => {}
        }
    }

    fn rewrite(&mut self) {
        let Some(file) = &mut self.file else { return };
        match file.rewrite(&self.queue.records()) {
            Ok(()) => {
                if self.problem.take().is_some() {
                    tracing::info!("the outbox is on the disk again");
                }
            }
            Err(error) => self.failed(&error.to_string()),
        }
    }

    fn failed(&mut self, error: &str) {
        if self.problem.is_none() {
            tracing::error!(
                "cannot write the outbox: {error}; notifications are in memory until the disk takes them"
            );
        }
        self.problem = Some(format!("the outbox cannot be written: {error}"));
    }
}

/// Returns 128 random bits in hexadecimal.
fn random() -> String {
    let mut random = [0; 16];
    getrandom::fill(&mut random).expect("the system has a source of randomness");
    hex(&random)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut hex, byte| {
        let _ = write!(hex, "{byte:02x}"); // ignored: writing to a string can't fail
        hex
    })
}

/// Returns the id of a message that is not kept.
pub(crate) fn unkept_id() -> String {
    format!("msg_{}", random())
}
