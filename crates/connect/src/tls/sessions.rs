//! TLS sessions of connections to targets, kept to be resumed.
//!
//! A resumed handshake shows no certificate, so what was proven by one must not outlive it. Guaranteed: a
//! session is resumed only before the first of the certificates ends that targets of its name have shown.
//! Sessions of other CAs, or of another identity of ours, are in another store.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use rustls::NamedGroup;
use rustls::client::{
    ClientSessionMemoryCache, ClientSessionStore, Tls12ClientSessionValue, Tls13ClientSessionValue,
};
use rustls::pki_types::ServerName;

/// Names of targets whose sessions are kept.
const NAMES: usize = 256;

/// The sessions that one configuration of TLS to targets may resume.
#[derive(Debug)]
pub(crate) struct Sessions {
    kept: ClientSessionMemoryCache,
    /// When the first certificate ends that was shown for a name.
    ends: Mutex<HashMap<ServerName<'static>, SystemTime>>,
}

impl Sessions {
    pub(crate) fn new() -> Self {
        Self { kept: ClientSessionMemoryCache::new(NAMES), ends: Mutex::default() }
    }

    /// A certificate that ends then was verified for this name.
    pub(crate) fn verified(&self, name: &ServerName<'_>, end: SystemTime) {
        let name = name.to_owned();
        if !self.is_current(&name) {
            self.forget(&name);
        }
        let mut ends = self.ends();
        if ends.len() >= NAMES && !ends.contains_key(&name) {
            // Any other: what is asked for often is soon known again.
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

    /// Whether all certificates that were shown for a name are still valid.
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
