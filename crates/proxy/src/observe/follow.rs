//! Single requests followed through their steps while Teal runs, for whoever asks.
//!
//! Guarantees: a request costs one look at a flag while nobody follows; followers, the requests of each and
//! the steps that wait for one are bounded; a follower that reads too slowly misses steps and is told how many.
//!
//! Never here: a body, the value of a field, what stands behind the `?` of a target, a wait for a follower.

use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use http1::{Request, Version};
use rules::Color;
use tokio::sync::mpsc;

use crate::client::{ClientAddress, Entrance};
use crate::tls::TlsVersion;

/// Followers at once.
const FOLLOWERS_MAX: usize = 4;

/// Steps that may wait to be read, for each follower.
const UNREAD_MAX: usize = 4096;

/// The requests that one follower wants to see: those that have all of this.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wanted {
    /// A field of the head and its value.
    pub header: Option<(String, String)>,
    /// The address of the client, as the access log has it.
    pub client: Option<IpAddr>,
    /// The beginning of the path.
    pub path: Option<String>,
    /// The number of requests, the first ones that come.
    pub requests: u64,
}

/// A step of a request that is followed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Told {
    /// The number of the request, from 1 for each follower.
    pub request: u64,
    /// The time since its head was read.
    pub after: Duration,
    /// Steps before this one that were not read in time and are lost.
    pub missed: u64,
    /// The step.
    pub step: Step,
}

/// A step of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// Its head was read.
    Accepted {
        /// The client.
        client: IpAddr,
        /// Its port, if it is known.
        port: Option<u16>,
        /// The listener.
        listener: Option<SocketAddr>,
        /// The version of TLS; `None`: plain.
        tls: Option<&'static str>,
        /// The head; `None`: it could not be understood.
        head: Option<Head>,
    },
    /// It is for this service.
    Routed(String),
    /// It waits: the service is held, or a target is awaited.
    Waits(&'static str),
    /// It waits no longer.
    Goes,
    /// It has a lease.
    Leased {
        /// The color.
        color: Color,
        /// The target.
        target: String,
        /// The address of the target, where its name has several.
        address: Option<SocketAddr>,
    },
    /// It has a connection.
    Connected(Way),
    /// It was sent whole, with so many bytes of body.
    Sent(u64),
    /// The head of an answer has come, with this status.
    Answers(u16),
    /// An attempt has failed.
    Failed {
        /// Why, in words.
        why: String,
        /// It is tried again.
        again: bool,
    },
    /// It has ended.
    Ended {
        /// The status that the client was sent; `None`: none.
        status: Option<u16>,
        /// Bytes of the body that the client was sent.
        bytes: u64,
        /// It was answered in full.
        whole: bool,
        /// Why it was Teal that answered, or why it was broken off; empty: neither.
        reason: &'static str,
    },
}

/// The connection that an attempt goes by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// A new one.
    New,
    /// A kept one, idle for so long.
    Kept(Duration),
    /// One that it shares with other requests.
    Shared,
}

/// A head, without what may be secret in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Head {
    /// The method.
    pub method: String,
    /// The host.
    pub host: String,
    /// The path, without a query.
    pub path: String,
    /// The version of HTTP.
    pub version: &'static str,
    /// The id.
    pub request_id: String,
}

/// Everybody who follows requests of this process.
#[derive(Clone, Debug, Default)]
pub struct Followers(Arc<Shared>);

/// One who follows requests, until this is dropped.
#[derive(Debug)]
pub struct Follower {
    of: Followers,
    number: u64,
    steps: mpsc::Receiver<Told>,
    missed: Arc<AtomicU64>,
}

/// The steps of one request, told to each of its followers.
#[derive(Debug)]
pub(crate) struct Steps {
    began: Instant,
    seats: Vec<(u64, Line)>,
    sent: bool,
    status: Option<u16>,
    bytes: u64,
}

#[derive(Debug, Default)]
struct Shared {
    /// Somebody follows.
    any: AtomicBool,
    /// Locked by workers only while somebody follows.
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
    wanted: Wanted,
    begun: u64,
    line: Line,
}

/// The way to one follower.
#[derive(Clone, Debug)]
struct Line {
    to: mpsc::Sender<Told>,
    missed: Arc<AtomicU64>,
}

// === impl Followers ===

impl Followers {
    /// Follows requests from now on. `None`: too many follow already.
    pub fn follow(&self, wanted: Wanted) -> Option<Follower> {
        let (to, steps) = mpsc::channel(UNREAD_MAX);
        let missed = Arc::<AtomicU64>::default();
        let mut list = self.list();
        if list.followed.len() >= FOLLOWERS_MAX {
            return None;
        }
        list.last += 1;
        let number = list.last;
        let line = Line { to, missed: missed.clone() };
        list.followed.push(Followed { number, wanted, begun: 0, line });
        self.0.any.store(true, Ordering::Relaxed);
        drop(list);
        Some(Follower { of: self.clone(), number, steps, missed })
    }

    /// Begins to tell of a request that came in so, to those who want to see it. `None`: nobody does.
    #[inline]
    pub(crate) fn begin(
        &self,
        entrance: &Entrance,
        request: Option<(&Request<'_>, &[u8])>,
    ) -> Option<Box<Steps>> {
        if !self.0.any.load(Ordering::Relaxed) {
            return None;
        }
        self.find(entrance, request)
    }

    #[cold]
    fn find(
        &self,
        entrance: &Entrance,
        request: Option<(&Request<'_>, &[u8])>,
    ) -> Option<Box<Steps>> {
        let parsed = request.map(|(request, _)| request);
        let ClientAddress { ip, port, .. } = match parsed {
            Some(request) => entrance.client_of(request),
            None => entrance.connected(),
        };
        let mut list = self.list();
        let mut seats = Vec::new();
        for followed in &mut list.followed {
            if followed.wanted.has(ip, parsed) {
                followed.begun += 1;
                seats.push((followed.begun, followed.line.clone()));
            }
        }
        // The last of its requests has begun: it hears of the end of all by the end of their lines.
        list.followed.retain(|followed| followed.begun < followed.wanted.requests);
        self.0.any.store(!list.followed.is_empty(), Ordering::Relaxed);
        drop(list);
        if seats.is_empty() {
            return None;
        }
        let steps = Steps { began: Instant::now(), seats, sent: false, status: None, bytes: 0 };
        steps.tell(Step::Accepted {
            client: ip,
            port,
            listener: entrance.door.at,
            tls: entrance.tls.map(TlsVersion::as_str),
            head: request.map(|(request, id)| Head::of(request, id, entrance.http2)),
        });
        Some(Box::new(steps))
    }

    fn list(&self) -> MutexGuard<'_, List> {
        self.0.list.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

// === impl Follower ===

impl Follower {
    /// Returns the next step; `None`: all requests that were wanted have ended.
    pub async fn next(&mut self) -> Option<Told> {
        let told = self.steps.recv().await?;
        Some(Told { missed: self.missed.swap(0, Ordering::Relaxed), ..told })
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
    pub(crate) fn tell(&self, step: Step) {
        let after = self.began.elapsed();
        for (request, line) in &self.seats {
            let told = Told { request: *request, after, missed: 0, step: step.clone() };
            if line.to.try_send(told).is_err() {
                line.missed.fetch_add(1, Ordering::Relaxed);
            }
        }
    }

    /// It was sent whole, with so many bytes of body. Told once for each attempt.
    pub(crate) fn sent(&mut self, bytes: u64) {
        if !std::mem::replace(&mut self.sent, true) {
            self.tell(Step::Sent(bytes));
        }
    }

    /// Begins another attempt.
    pub(crate) fn leased(&mut self, step: Step) {
        self.sent = false;
        self.tell(step);
    }

    /// The client was sent an answer of this status, with so many bytes of body.
    pub(crate) fn answered(&mut self, status: u16, bytes: u64) {
        (self.status, self.bytes) = (Some(status), bytes);
    }

    /// It has ended.
    pub(crate) fn end(&self, whole: bool, reason: &'static str) {
        let (status, bytes) = (self.status, self.bytes);
        self.tell(Step::Ended { status, bytes, whole, reason });
    }
}

// === impl Wanted ===

impl Wanted {
    fn has(&self, client: IpAddr, request: Option<&Request<'_>>) -> bool {
        let header = self.header.as_ref().is_none_or(|(name, value)| {
            let is_host = name.eq_ignore_ascii_case("host");
            let shown = request.and_then(|request| match is_host {
                true => Some(request.host.as_bytes()),
                false => request.field(name),
            });
            shown == Some(value.as_bytes())
        });
        let path = self.path.as_ref().is_none_or(|path| {
            request.is_some_and(|request| request.path.starts_with(path.as_str()))
        });
        header && path && self.client.is_none_or(|wanted| wanted == client)
    }
}

// === impl Head ===

impl Head {
    fn of(request: &Request<'_>, id: &[u8], http2: bool) -> Self {
        Self {
            method: request.method.as_str().to_owned(),
            host: request.host.to_owned(),
            path: request.path.to_owned(),
            version: match request.version {
                _ if http2 => "HTTP/2",
                Version::Http10 => "HTTP/1.0",
                Version::Http11 => "HTTP/1.1",
            },
            request_id: String::from_utf8_lossy(id).into_owned(),
        }
    }
}
