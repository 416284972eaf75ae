//! TLS sessions with targets, stored for resumption.
//!
//! A resumed handshake carries no certificate, so a session must not outlive the one that proved it.
//! Guaranteed: a session is resumed only until the first certificate expires that targets of its name have
//! sent. Sessions with other CAs, or another client certificate, are in another store.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use rustls::NamedGroup;
use rustls::client::{
    ClientSessionMemoryCache, ClientSessionStore, Tls12ClientSessionValue, Tls13ClientSessionValue,
};
use rustls::pki_types::ServerName;

/// The most target names whose sessions are stored.
const NAMES: usize = 256;

/// The sessions that one TLS configuration may resume.
#[derive(Debug)]
pub(crate) struct Sessions {
    kept: ClientSessionMemoryCache,
    /// The first expiry among the certificates seen for each name.
    ends: Mutex<HashMap<ServerName<'static>, SystemTime>>,
}

impl Sessions {
    pub(crate) fn new() -> Self {
        Self { kept: ClientSessionMemoryCache::new(NAMES), ends: Mutex::default() }
    }

    /// Records that a certificate with this expiry was verified for this name.
    pub(crate) fn verified(&self, name: &ServerName<'_>, end: SystemTime) {
        let name = name.to_owned();
        if !self.is_current(&name) {
            self.forget(&name);
        }
        let mut ends = self.ends();
        if ends.len() >= NAMES && !ends.contains_key(&name) {
            // Any other one: a name in frequent use is soon stored again.
            let other = ends.keys().next().cloned();
            other.map(|other| ends.remove(&other));
        }
        let known = ends.entry(name).or_insert(end);
        *known = end.min(*known);
    }

    /// Forgets the sessions of a name.
    pub(crate) fn forget(&self, name: &ServerName<'static>) {
        self.ends().remove(name);
        self.kept.remove_tls12_session(name);
        while self.kept.take_tls13_ticket(name).is_some() {}
    }

    /// Returns true if all certificates seen for a name are still valid.
    fn is_current(&self, name: &ServerName<'_>) -> bool {
        self.ends().get(&name.to_owned()).is_some_and(|end| SystemTime::now() < *end)
    }

    fn ends(&self) -> MutexGuard<'_, HashMap<ServerName<'static>, SystemTime>> {
        self.ends.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

// lossless: L9 - what a certificate has proven ends with it.
impl ClientSessionStore for Sessions {
    fn set_kx_hint(&self, server_name: ServerName<'static>, group: NamedGroup) {
        self.kept.set_kx_hint(server_name, group);
    }

    fn kx_hint(&self, server_name: &ServerName<'_>) -> Option<NamedGroup> {
        self.kept.kx_hint(server_name)
    }

    fn set_tls12_session(&self, name: ServerName<'static>, value: Tls12ClientSessionValue) {
        if self.is_current(&name) {
            self.kept.set_tls12_session(name, value);
        }
    }

    fn tls12_session(&self, name: &ServerName<'_>) -> Option<Tls12ClientSessionValue> {
        if !self.is_current(name) {
            self.forget(&name.to_owned());
        }
        self.kept.tls12_session(name)
    }

    fn remove_tls12_session(&self, name: &ServerName<'static>) {
        self.kept.remove_tls12_session(name);
    }

    fn insert_tls13_ticket(&self, name: ServerName<'static>, value: Tls13ClientSessionValue) {
        if self.is_current(&name) {
            self.kept.insert_tls13_ticket(name, value);
        }
    }

    fn take_tls13_ticket(&self, name: &ServerName<'static>) -> Option<Tls13ClientSessionValue> {
        if !self.is_current(name) {
            self.forget(name);
        }
        self.kept.take_tls13_ticket(name)
    }
}
