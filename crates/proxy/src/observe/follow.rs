//! Following single requests through their steps while Teal runs.
//!
//! Guarantees: a request costs one look at a flag while there are no followers; followers, the requests of each and the
//! steps queued for one are bounded; a follower that reads too slowly misses steps and gets their number.
//!
//! Never here: a body, the value of a field, the part of a target after the `?`, a wait for a follower.

use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use http1::{Request, Version};
use rules::Color;
use tokio::sync::mpsc;

use crate::carried::Protocol;
use crate::client::{ClientAddress, ConnectionInfo};
use crate::tls::TlsVersion;

/// The most followers at once.
const FOLLOWERS_MAX: usize = 4;

/// The most steps queued for each follower.
const UNREAD_MAX: usize = 4096;

/// The longest part of a path that is shown, in characters.
const PATH_MAX: usize = 2048;

/// The requests that a follower wants to see: those that match all of this.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FollowFilter {
    /// A header field and its value.
    pub header: Option<(String, String)>,
    /// The client's address, as in the access log.
    pub client: Option<IpAddr>,
    /// The prefix of the path.
    pub path: Option<String>,
    /// The number of requests to follow: the first ones that match.
    pub requests: u64,
}

/// A step of a followed request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FollowedStep {
    /// The number of the request, from 1 for each follower.
    pub request: u64,
    /// The time since the request's head was read.
    pub after: Duration,
    /// The number of steps before this one that were not read in time and are lost.
    pub missed: u64,
    /// The step.
    pub step: Step,
}

/// A step of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// The head was read.
    Accepted {
        /// The client's address.
        client: IpAddr,
        /// The client's port, if known.
        port: Option<u16>,
        /// The listener.
        listener: Option<SocketAddr>,
        /// The TLS version; `None`: plain.
        tls: Option<&'static str>,
        /// The head; `None`: it could not be parsed.
        head: Option<FollowedHead>,
    },
    /// It was routed to this service.
    Routed(String),
    /// It waits, because the service is held or for a target.
    Waits(&'static str),
    /// It waits no longer.
    Goes,
    /// It took a lease.
    Leased {
        /// The color.
        color: Color,
        /// The target.
        target: String,
        /// The address of the target, where its name has several.
        address: Option<SocketAddr>,
    },
    /// It got a connection.
    Connected(ConnectionSource),
    /// It was sent whole, with this many bytes of body.
    Sent(u64),
    /// The head of an answer arrived, with this status.
    Answers(u16),
    /// An attempt failed.
    Failed {
        /// The reason, in words.
        why: String,
        /// True if it is retried.
        again: bool,
    },
    /// It ended.
    Ended {
        /// The status sent to the client; `None`: none.
        status: Option<u16>,
        /// Bytes of the body sent to the client.
        bytes: u64,
        /// True if it was answered in full.
        whole: bool,
        /// The reason why Teal answered itself, or why it was aborted; empty: neither.
        reason: &'static str,
    },
}

/// The connection used by an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConnectionSource {
    /// A new one.
    New,
    /// An idle one from the pool, and its idle time.
    Pooled(Duration),
    /// One shared with other requests.
    Shared,
    /// The one that its client has logged in on.
    Pinned,
}

/// A request head, without what may be secret in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FollowedHead {
    /// The method.
    pub method: String,
    /// The host.
    pub host: String,
    /// The path, without a query.
    pub path: String,
    /// The HTTP version.
    pub version: &'static str,
    /// The request id.
    pub request_id: String,
}

/// All followers of requests of this process.
#[derive(Clone, Debug, Default)]
pub struct Followers(Arc<Shared>);

/// A follower of requests, until dropped.
#[derive(Debug)]
pub struct Follower {
    of: Followers,
    number: u64,
    steps: mpsc::Receiver<FollowedStep>,
}

/// The steps of one request, reported to each of its followers.
#[derive(Debug)]
pub(crate) struct Steps {
    began: Instant,
    channels: Vec<(u64, FollowerChannel)>,
    sent: bool,
    status: Option<u16>,
    bytes: u64,
}

#[derive(Debug, Default)]
struct Shared {
    /// True while there are followers.
    any: AtomicBool,
    /// Locked by workers only while there are followers.
    list: Mutex<List>,
}

#[derive(Debug, Default)]
struct List {
    last: u64,
    followed: Vec<Followed>,
}

#[derive(Debug)]
struct Followed {
    number: u64,
    filter: FollowFilter,
    begun: u64,
    channel: FollowerChannel,
}

/// The channel to one follower.
#[derive(Clone, Debug)]
struct FollowerChannel {
    to: mpsc::Sender<FollowedStep>,
    missed: Arc<AtomicU64>,
}

// === impl Followers ===

impl Followers {
    /// Follows requests from now on. `None`: there are too many followers.
    pub fn follow(&self, filter: FollowFilter) -> Option<Follower> {
        let (to, steps) = mpsc::channel(UNREAD_MAX);
        let mut list = self.list();
        if list.followed.len() >= FOLLOWERS_MAX {
            return None;
        }
        list.last += 1;
        let number = list.last;
        let channel = FollowerChannel { to, missed: Arc::default() };
        list.followed.push(Followed { number, filter, begun: 0, channel });
        self.0.any.store(true, Ordering::Relaxed);
        drop(list);
        Some(Follower { of: self.clone(), number, steps })
    }

    /// Starts to report a request to the followers that want it. `None`: none does.
    #[inline]
    pub(crate) fn begin(
        &self,
        info: &ConnectionInfo,
        request: Option<(&Request<'_>, &[u8])>,
    ) -> Option<Box<Steps>> {
        if !self.0.any.load(Ordering::Relaxed) {
            return None;
        }
        self.find(info, request)
    }

    #[cold]
    fn find(
        &self,
        info: &ConnectionInfo,
        request: Option<(&Request<'_>, &[u8])>,
    ) -> Option<Box<Steps>> {
        let parsed = request.map(|(request, _)| request);
        let ClientAddress { ip, port, .. } = match parsed {
            Some(request) => info.client_of(request),
            None => info.connected(),
        };
        let mut list = self.list();
        let mut channels = Vec::new();
        for followed in &mut list.followed {
            if followed.filter.has(ip, parsed) {
                followed.begun += 1;
                channels.push((followed.begun, followed.channel.clone()));
            }
        }
        // The last of its requests has begun: the follower learns that all have ended when the channel closes.
        list.followed.retain(|followed| followed.begun < followed.filter.requests);
        self.0.any.store(!list.followed.is_empty(), Ordering::Relaxed);
        drop(list);
        if channels.is_empty() {
            return None;
        }
        let steps = Steps { began: Instant::now(), channels, sent: false, status: None, bytes: 0 };
        steps.tell(&Step::Accepted {
            client: ip,
            port,
            listener: info.listener.at,
            tls: info.tls.map(TlsVersion::as_str),
            head: request.map(|(request, id)| FollowedHead::of(request, id, info.protocol)),
        });
        Some(Box::new(steps))
    }

    fn list(&self) -> MutexGuard<'_, List> {
        self.0.list.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

// === impl Follower ===

impl Follower {
    /// Returns the next step; `None`: all requests that match have ended.
    pub async fn next(&mut self) -> Option<FollowedStep> {
        self.steps.recv().await
    }
}

impl Drop for Follower {
    fn drop(&mut self) {
        let mut list = self.of.list();
        list.followed.retain(|followed| followed.number != self.number);
        self.of.0.any.store(!list.followed.is_empty(), Ordering::Relaxed);
    }
}

// === impl Steps ===

impl Steps {
    pub(crate) fn tell(&self, step: &Step) {
        let after = self.began.elapsed();
        for (request, channel) in &self.channels {
            let missed = channel.missed.swap(0, Ordering::Relaxed);
            let followed_step =
                FollowedStep { request: *request, after, missed, step: step.clone() };
            if channel.to.try_send(followed_step).is_err() {
                channel.missed.fetch_add(missed + 1, Ordering::Relaxed);
            }
        }
    }

    /// It was sent whole, with this many bytes of body. Reported once for each attempt.
    pub(crate) fn sent(&mut self, bytes: u64) {
        if !std::mem::replace(&mut self.sent, true) {
            self.tell(&Step::Sent(bytes));
        }
    }

    /// Begins another attempt.
    pub(crate) fn leased(&mut self, step: &Step) {
        self.sent = false;
        self.tell(step);
    }

    /// The client was sent an answer with this status and this many bytes of body.
    pub(crate) fn answered(&mut self, status: u16, bytes: u64) {
        (self.status, self.bytes) = (Some(status), bytes);
    }

    /// It has ended.
    pub(crate) fn end(&self, whole: bool, reason: &'static str) {
        let (status, bytes) = (self.status, self.bytes);
        self.tell(&Step::Ended { status, bytes, whole, reason });
    }
}

// === impl FollowFilter ===

impl FollowFilter {
    fn has(&self, client: IpAddr, request: Option<&Request<'_>>) -> bool {
        let header = self.header.as_ref().is_none_or(|(name, value)| {
            let is_host = name.eq_ignore_ascii_case("host");
            let shown = request.and_then(|request| {
                if is_host { Some(request.host.as_bytes()) } else { request.field(name) }
            });
            shown == Some(value.as_bytes())
        });
        let path = self.path.as_ref().is_none_or(|path| {
            request.is_some_and(|request| request.path.starts_with(path.as_str()))
        });
        header && path && self.client.is_none_or(|wanted| wanted == client)
    }
}

// === impl FollowedHead ===

impl FollowedHead {
    fn of(request: &Request<'_>, id: &[u8], protocol: Protocol) -> Self {
        Self {
            method: request.method.as_str().to_owned(),
            host: request.host.to_owned(),
            path: request.path.chars().take(PATH_MAX).collect(),
            version: match (protocol, request.version) {
                (Protocol::Http2, _) => "HTTP/2.0",
                (Protocol::Http1, Version::Http10) => "HTTP/1.0",
                (Protocol::Http1, Version::Http11) => "HTTP/1.1",
            },
            request_id: String::from_utf8_lossy(id).into_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_slow_reader_misses_is_counted_and_told() {
        let (to, mut read) = mpsc::channel(1);
        let channels = vec![(1, FollowerChannel { to, missed: Arc::default() })];
        let began = Instant::now();
        let steps = Steps { began, channels, sent: false, status: None, bytes: 0 };
        let mut told = |count: usize| {
            (0..count).for_each(|_| steps.tell(&Step::Goes));
            read.try_recv().expect("the first one").missed
        };
        assert_eq!((told(3), told(1), told(1)), (0, 2, 0));
    }
}
