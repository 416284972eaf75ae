//! The contents of the outbox, as its records say.
//!
//! Guaranteed: it is what the records say in their order, so that the file is its whole memory; a record that makes no
//! sense changes nothing. Never here: a file, a clock.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use super::record::{Record, VERSION};
use crate::message::Message;

/// The most ids of decisions that are remembered; the history of Teal has fewer decisions.
const SEEN_MAX: usize = 512;

/// Messages that wait for endpoints.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Queue {
    pub(super) seed: String,
    endpoints: BTreeMap<String, Waiting>,
    /// The ids of decisions, newest last.
    seen: VecDeque<String>,
    /// The number of messages so far, for their order.
    count: u64,
    /// The bytes of all messages that wait, as often as they do.
    bytes: usize,
}

/// The messages that wait for one endpoint.
#[derive(Clone, Debug, Default, PartialEq)]
struct Waiting {
    /// Milliseconds since 1970.
    since: u64,
    /// Oldest first, each with its place among all messages.
    messages: VecDeque<(u64, Arc<Message>)>,
}

impl Queue {
    /// Applies a record.
    pub(super) fn apply(&mut self, record: &Record) {
        match record {
            Record::Outbox { seed, .. } => self.seed.clone_from(seed),
            Record::Endpoint { name, since } => {
                self.endpoints.entry(name.clone()).or_default().since = *since;
            }
            Record::Removed { name } => {
                let removed = self.endpoints.remove(name).unwrap_or_default();
                self.bytes -= removed.messages.iter().map(|(_, one)| one.size()).sum::<usize>();
            }
            Record::Message { message, to } => self.add(message, to),
            Record::Ended { id, endpoint } => self.remove(endpoint, id),
            Record::Seen { id } => {
                if self.seen.len() >= SEEN_MAX {
                    self.seen.pop_front();
                }
                self.seen.push_back(id.clone());
            }
        }
    }

    fn add(&mut self, message: &Message, to: &[String]) {
        self.count += 1;
        let (size, message) = (message.size(), Arc::new(message.clone()));
        for name in to {
            let Some(waiting) = self.endpoints.get_mut(name) else { continue };
            if waiting.messages.iter().all(|(_, known)| known.id != message.id) {
                waiting.messages.push_back((self.count, message.clone()));
                self.bytes += size;
            }
        }
    }

    fn remove(&mut self, endpoint: &str, id: &str) {
        let Some(waiting) = self.endpoints.get_mut(endpoint) else { return };
        let at = waiting.messages.iter().position(|(_, message)| message.id == id);
        let removed = at.and_then(|at| waiting.messages.remove(at));
        self.bytes -= removed.map_or(0, |(_, message)| message.size());
    }

    /// Returns the records of a new file with the same contents.
    pub(super) fn records(&self) -> Vec<Record> {
        let mut records = vec![Record::Outbox { version: VERSION, seed: self.seed.clone() }];
        let endpoints = self.endpoints.iter();
        records.extend(endpoints.map(|(name, waiting)| {
            let (name, since) = (name.clone(), waiting.since);
            Record::Endpoint { name, since }
        }));
        records.extend(self.seen.iter().map(|id| Record::Seen { id: id.clone() }));
        let mut messages: BTreeMap<u64, (&Message, Vec<String>)> = BTreeMap::new();
        for (name, waiting) in &self.endpoints {
            for (place, message) in &waiting.messages {
                let to = &mut messages.entry(*place).or_insert((message, Vec::new())).1;
                to.push(name.clone());
            }
        }
        let messages = messages.into_values();
        records
            .extend(messages.map(|(message, to)| Record::Message { message: message.clone(), to }));
        records
    }

    /// Returns true if this decision is known.
    pub(super) fn has_seen(&self, id: &str) -> bool {
        self.seen.iter().any(|seen| seen == id)
    }

    /// Returns the names of the endpoints.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.endpoints.keys().map(String::as_str)
    }

    /// Returns the time since when there is an endpoint, in milliseconds since 1970; `None`: there is none.
    pub(super) fn since(&self, endpoint: &str) -> Option<u64> {
        self.endpoints.get(endpoint).map(|waiting| waiting.since)
    }

    /// Returns the oldest message that waits for an endpoint.
    pub(super) fn first(&self, endpoint: &str) -> Option<&Arc<Message>> {
        self.endpoints.get(endpoint)?.messages.front().map(|(_, message)| message)
    }

    /// Returns the number of messages that wait for an endpoint.
    pub(super) fn count(&self, endpoint: &str) -> usize {
        self.endpoints.get(endpoint).map_or(0, |waiting| waiting.messages.len())
    }

    /// Returns the bytes of all messages that wait, as often as they do.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Returns the endpoint for which most messages wait.
    pub(super) fn fullest(&self) -> Option<&str> {
        let fullest = self.endpoints.iter().max_by_key(|(_, waiting)| waiting.messages.len());
        fullest.map(|(name, _)| name.as_str())
    }
}
