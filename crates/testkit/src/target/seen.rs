//! The record of a target: every connection, every byte, every request.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::message::Request;

const BYTES_MAX: usize = 1024 * 1024;

/// Everything that a target has received so far, apart from health checks.
#[derive(Debug, Default)]
pub struct Seen {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    requests: Vec<Arc<Request>>,
    probes: Vec<Arc<Request>>,
    connections: Vec<Connection>,
    malformed: Vec<String>,
}

#[derive(Debug, Default)]
struct Connection {
    bytes: Vec<u8>,
    requests: usize,
    probes: usize,
    open: bool,
}

/// The position of a recorded request.
#[derive(Clone, Copy)]
pub(super) struct Place {
    probe: bool,
    index: usize,
}

impl Seen {
    /// The requests, in the order in which their heads were complete.
    pub fn requests(&self) -> Vec<Arc<Request>> {
        self.lock().requests.clone()
    }

    /// The requests for `path`, with any query.
    pub fn requests_to(&self, path: &str) -> Vec<Arc<Request>> {
        let mut requests = self.requests();
        requests.retain(|request| request.target.split('?').next() == Some(path));
        requests
    }

    /// The number of requests.
    pub fn count(&self) -> usize {
        self.lock().requests.len()
    }

    /// The health checks.
    pub fn probes(&self) -> Vec<Arc<Request>> {
        self.lock().probes.clone()
    }

    /// The number of accepted connections, whatever they carried.
    pub fn accepted(&self) -> usize {
        self.lock().connections.len()
    }

    /// The number of connections with at least one request other than health checks.
    pub fn connections(&self) -> usize {
        self.lock().connections.iter().filter(|connection| connection.requests > 0).count()
    }

    /// The number of these that are open.
    pub fn open_connections(&self) -> usize {
        let state = self.lock();
        state
            .connections
            .iter()
            .filter(|connection| connection.open && connection.requests > 0)
            .count()
    }

    /// Every byte received on connections that carried no health check (at most 1 MiB of each).
    pub fn bytes(&self) -> Vec<Vec<u8>> {
        let state = self.lock();
        let carried = state
            .connections
            .iter()
            .filter(|connection| connection.probes == 0 && !connection.bytes.is_empty());
        carried.map(|connection| connection.bytes.clone()).collect()
    }

    /// The errors of bytes that were not a well-formed request.
    pub fn malformed(&self) -> Vec<String> {
        self.lock().malformed.clone()
    }

    /// The number of times that each value of the field `name` was seen.
    pub fn times_by(&self, name: &str) -> HashMap<String, usize> {
        let mut times = HashMap::new();
        for request in &self.lock().requests {
            if let Some(value) = request.fields.get(name) {
                *times.entry(value.to_owned()).or_default() += 1;
            }
        }
        times
    }

    /// Forgets requests, malformed bytes and closed connections' bytes.
    pub fn forget(&self) {
        let mut state = self.lock();
        state.requests.clear();
        state.probes.clear();
        state.malformed.clear();
        for connection in &mut state.connections {
            connection.bytes.clear();
        }
    }

    pub(super) fn connected(&self) -> usize {
        let mut state = self.lock();
        state.connections.push(Connection { open: true, ..Connection::default() });
        state.connections.len() - 1
    }

    pub(super) fn disconnected(&self, connection: usize) {
        self.lock().connections[connection].open = false;
    }

    pub(super) fn received(&self, connection: usize, bytes: &[u8]) {
        let recorded = &mut self.lock().connections[connection].bytes;
        let room = BYTES_MAX.saturating_sub(recorded.len());
        recorded.extend_from_slice(&bytes[..bytes.len().min(room)]);
    }

    pub(super) fn malformed_on(&self, connection: usize, what: &str) {
        self.lock().malformed.push(format!("connection {connection}: {what}"));
    }

    pub(super) fn begun(&self, request: Request, probe: bool) -> Place {
        let mut state = self.lock();
        let connection = &mut state.connections[request.connection];
        if probe {
            connection.probes += 1;
        } else {
            connection.requests += 1;
        }
        let list = if probe { &mut state.probes } else { &mut state.requests };
        list.push(Arc::new(request));
        Place { probe, index: list.len() - 1 }
    }

    /// Changes a recorded request, unless it was forgotten meanwhile.
    pub(super) fn amend(&self, place: Place, change: impl FnOnce(&mut Request)) {
        let mut state = self.lock();
        let list = if place.probe { &mut state.probes } else { &mut state.requests };
        if let Some(request) = list.get_mut(place.index) {
            change(Arc::make_mut(request));
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
