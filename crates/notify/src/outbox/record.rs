//! The records of the outbox, one on a line: the CRC-32 of the rest in eight hexadecimal digits, a space, and JSON.
//!
//! A line that a crash or a disk has damaged is not a record; the lines around it are not affected.

use serde::{Deserialize, Serialize};

use crate::message::Message;

/// The version of the format.
pub(super) const VERSION: u32 = 1;

/// A record.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Record {
    /// The beginning of a file.
    Outbox {
        /// The version of the format.
        version: u32,
        /// The random number from which ids are made.
        seed: String,
    },
    /// An endpoint, which gets what happens from then on.
    Endpoint {
        /// Its name.
        name: String,
        /// Milliseconds since 1970.
        since: u64,
    },
    /// An endpoint is no longer configured.
    Removed {
        /// Its name.
        name: String,
    },
    /// A message, and the endpoints that have not got it yet.
    Message {
        /// The message.
        message: Message,
        /// The names of the endpoints.
        to: Vec<String>,
    },
    /// An endpoint has got a message, or it was given up.
    Ended {
        /// The id of the message.
        id: String,
        /// The name of the endpoint.
        endpoint: String,
    },
    /// The id of a decision that is known, whether or not somebody was notified of it.
    Seen {
        /// The id of its message.
        id: String,
    },
}

impl Record {
    /// Returns the line of this record, with its line break.
    pub(super) fn line(&self) -> String {
        let json = serde_json::to_string(self)
            .expect("records are made of strings, numbers, lists and JSON values");
        format!("{:08x} {json}\n", crc32fast::hash(json.as_bytes()))
    }

    /// Reads the records of a file, and returns the number of damaged lines.
    pub(super) fn read_all(bytes: &[u8]) -> (Vec<Self>, usize) {
        let mut damaged = 0;
        let mut records = Vec::new();
        for line in bytes.split_inclusive(|byte| *byte == b'\n') {
            match Self::read(line) {
                Some(record) => records.push(record),
                None => damaged += 1,
            }
        }
        (records, damaged)
    }

    fn read(line: &[u8]) -> Option<Self> {
        let line = line.strip_suffix(b"\n")?; // a line without its end is torn
        let (crc, json) = line.split_at_checked(8)?;
        let json = json.strip_prefix(b" ")?;
        let crc = u32::from_str_radix(std::str::from_utf8(crc).ok()?, 16).ok()?;
        (crc == crc32fast::hash(json)).then_some(())?;
        serde_json::from_slice(json).ok()
    }
}
