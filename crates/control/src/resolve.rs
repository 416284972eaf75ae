//! Lookup of the addresses of a target's name, which distinguishes a name that is gone from a resolver
//! that does not answer.

use std::fmt;
use std::io::{self, ErrorKind};
use std::net::{SocketAddr, UdpSocket};
use std::sync::Arc;

use dns_lookup::{AddrInfoHints, LookupErrorKind, SockType};
use rules::TargetUrl;
use tokio::sync::Semaphore;
use tokio::task::{JoinHandle, spawn_blocking};
use tokio::time::{Instant, timeout_at};

/// Looks up the addresses of a name and a port. May block.
#[derive(Clone)]
pub struct Resolver {
    lookup: Arc<Lookup>,
    /// The addresses on which Teal itself listens.
    own: Arc<[SocketAddr]>,
    /// Permits for lookups: hanging ones must not take all the threads that others need, such as the
    /// journal.
    turns: Arc<Semaphore>,
}

/// The maximum number of concurrent lookups.
const AT_ONCE: usize = 64;

/// A lookup without an answer yet.
pub(crate) type PendingLookup = JoinHandle<io::Result<Vec<SocketAddr>>>;

type Lookup = dyn Fn(&str, u16) -> io::Result<Vec<SocketAddr>> + Send + Sync;

/// The outcome of one lookup.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum LookupOutcome {
    /// The addresses of the name, sorted and unique; never empty except for a Unix socket.
    Found(Vec<SocketAddr>),
    /// A resolver says that there is no such name, or that it has no address.
    Gone,
    /// There was no answer about the name; the reason.
    Unanswered(String),
    /// It resolves only to an address of Teal itself.
    Own(SocketAddr),
}

impl Resolver {
    /// Wraps a lookup. Its error has the kind [`ErrorKind::NotFound`] if there is no such name, and any
    /// other if there was no answer.
    pub fn new(
        lookup: impl Fn(&str, u16) -> io::Result<Vec<SocketAddr>> + Send + Sync + 'static,
    ) -> Self {
        let turns = Arc::new(Semaphore::new(AT_ONCE));
        Self { lookup: Arc::new(lookup), own: Arc::new([]), turns }
    }

    /// Excludes these addresses from all results: Teal's own listeners and admin API.
    #[must_use]
    pub fn without(self, own: impl IntoIterator<Item = SocketAddr>) -> Self {
        Self { own: own.into_iter().collect(), ..self }
    }

    /// Looks up the addresses of a target. An address needs no lookup, a socket has none.
    // lossless: L10
    pub(crate) async fn resolve(&self, target: &TargetUrl, deadline: Instant) -> LookupOutcome {
        self.resolve_on(target, deadline, &mut None).await
    }

    /// The same, but continues a previous lookup that still has no answer, so that an unanswered name has
    /// only one lookup in progress.
    // lossless: L10
    pub(crate) async fn resolve_on(
        &self,
        target: &TargetUrl,
        deadline: Instant,
        pending: &mut Option<PendingLookup>,
    ) -> LookupOutcome {
        if let Some(address) = target.literal() {
            return self.without_own(vec![address]);
        }
        let Some((host, port)) = target.host_and_port() else {
            return LookupOutcome::Found(Vec::new());
        };
        let mut looking_up = if let Some(pending) = pending.take() {
            pending
        } else {
            let turn = timeout_at(deadline, self.turns.clone().acquire_owned()).await;
            let Ok(Ok(turn)) = turn else {
                return LookupOutcome::Unanswered(format!(
                    "{AT_ONCE} other lookups have no answer"
                ));
            };
            let (lookup, host) = (self.lookup.clone(), host.to_owned());
            spawn_blocking(move || {
                let _until_it_ends = turn;
                lookup(&host, port)
            })
        };
        let mut addresses = match timeout_at(deadline, &mut looking_up).await {
            Ok(Ok(Ok(addresses))) => addresses,
            Ok(Ok(Err(error))) if error.kind() == ErrorKind::NotFound => {
                return LookupOutcome::Gone;
            }
            Ok(Ok(Err(error))) => return LookupOutcome::Unanswered(error.to_string()),
            Ok(Err(_)) => return LookupOutcome::Unanswered("the lookup panicked".to_owned()),
            Err(_) => {
                *pending = Some(looking_up);
                return LookupOutcome::Unanswered("the resolver did not answer in time".to_owned());
            }
        };
        // Resolvers rotate: without sorting, every probe would look like a change.
        addresses.sort_unstable();
        addresses.dedup();
        self.without_own(addresses)
    }

    /// Removes addresses on which Teal itself listens: clients would reach its admin API as a target, or
    /// their requests would loop.
    fn without_own(&self, mut addresses: Vec<SocketAddr>) -> LookupOutcome {
        let Some(&first) = addresses.first() else { return LookupOutcome::Gone };
        addresses.retain(|to| !self.own.iter().any(|own| is_own(*to, *own)));
        if addresses.is_empty() {
            LookupOutcome::Own(first)
        } else {
            LookupOutcome::Found(addresses)
        }
    }
}

impl LookupOutcome {
    /// Returns the addresses found.
    pub(crate) fn found(&self) -> Vec<SocketAddr> {
        match self {
            Self::Found(found) => found.clone(),
            Self::Gone | Self::Unanswered(_) | Self::Own(_) => Vec::new(),
        }
    }
}

impl Default for Resolver {
    /// Creates the system's resolver: `getaddrinfo`, with /etc/hosts, nsswitch.conf and resolv.conf.
    fn default() -> Self {
        Self::new(system)
    }
}

/// The standard library maps all errors of `getaddrinfo` to one kind, so this uses a crate that keeps
/// the code.
fn system(host: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
    let hints = AddrInfoHints { socktype: SockType::Stream.into(), ..AddrInfoHints::default() };
    let found = dns_lookup::getaddrinfo(Some(host), None, Some(hints)).map_err(|error| {
        let kind = error.kind();
        let error = io::Error::from(error);
        match kind {
            LookupErrorKind::NoName | LookupErrorKind::NoData => {
                io::Error::new(ErrorKind::NotFound, error)
            }
            // Whatever the error, it does not say that the name is gone.
            _ if error.kind() == ErrorKind::NotFound => io::Error::other(error),
            _ => error,
        }
    })?;
    let addresses =
        found.map(|found| found.map(|found| SocketAddr::new(found.sockaddr.ip(), port)));
    addresses.collect()
}

/// Returns true if a connect to `to` reaches Teal's own `own`.
fn is_own(to: SocketAddr, own: SocketAddr) -> bool {
    if rules::reaches(to, own) {
        return true;
    }
    // A wildcard listener listens on all addresses of this machine, which are those that can be bound.
    to.port() == own.port()
        && own.ip().is_unspecified()
        && UdpSocket::bind(SocketAddr::new(to.ip(), 0)).is_ok()
}

impl fmt::Debug for Resolver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Resolver")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Mutex;
    use std::sync::mpsc::channel;
    use std::time::Duration;

    fn target(url: &str) -> TargetUrl {
        TargetUrl::parse(url).expect("a target")
    }

    fn soon() -> Instant {
        Instant::now() + Duration::from_secs(10)
    }

    #[tokio::test]
    async fn the_system_knows_where_localhost_is() {
        let found = Resolver::default().resolve(&target("http://localhost:8081"), soon()).await;
        let LookupOutcome::Found(found) = found else { panic!("{found:?}") };
        assert!(!found.is_empty());
        assert!(found.iter().all(|found| found.ip().is_loopback() && found.port() == 8081));
    }

    #[tokio::test]
    async fn an_address_is_not_looked_up_and_the_order_of_a_resolver_does_not_matter() {
        let [one, two] = [1, 2].map(|last| SocketAddr::from(([127, 0, 0, last], 80)));
        let rotating = Resolver::new(move |host, _| {
            assert_eq!(host, "app.test");
            Ok(vec![two, one, two])
        });
        let found = rotating.resolve(&target("http://app.test:80"), soon()).await;
        assert_eq!(found, LookupOutcome::Found(vec![one, two]));
        let literal = rotating.resolve(&target("http://127.0.0.1:80"), soon()).await;
        assert_eq!(literal, LookupOutcome::Found(vec![one]));
    }

    #[tokio::test]
    async fn a_resolver_that_does_not_answer_runs_into_the_deadline() {
        // L10
        let (give_up, gone) = channel::<()>();
        let gone = Mutex::new(gone);
        let silent = Resolver::new(move |_, _| {
            let _the_test_has_ended = gone.lock().expect("one at a time").recv();
            Ok(Vec::new())
        });
        let url = target("http://app.test:80");
        let resolving = silent.resolve(&url, Instant::now() + Duration::from_millis(20));
        let found = tokio::time::timeout(Duration::from_secs(4), resolving).await;
        let found = found.expect("it does not wait for ever");
        assert!(matches!(found, LookupOutcome::Unanswered(_)), "{found:?}");
        drop(give_up);
    }

    #[tokio::test]
    async fn r67_of_a_name_without_an_answer_one_lookup_is_under_way() {
        // L10
        let (answer, answered) = channel::<()>();
        let (answered, begun) = (Mutex::new(answered), Arc::new(Mutex::new(0)));
        let counted = begun.clone();
        let silent = Resolver::new(move |_, port| {
            *counted.lock().expect("one at a time") += 1;
            let _it_answers_now = answered.lock().expect("one at a time").recv();
            Ok(vec![SocketAddr::from(([127, 0, 0, 1], port))])
        });
        let (url, mut pending) = (target("http://app.test:80"), None);
        for _ in 0..5 {
            let deadline = Instant::now() + Duration::from_millis(5);
            let found = silent.resolve_on(&url, deadline, &mut pending).await;
            assert!(matches!(found, LookupOutcome::Unanswered(_)), "{found:?}");
        }
        answer.send(()).expect("it waits");
        let found = silent.resolve_on(&url, soon(), &mut pending).await;
        assert!(matches!(found, LookupOutcome::Found(_)), "{found:?}");
        assert_eq!(*begun.lock().expect("one at a time"), 1);
        assert!(pending.is_none());
    }

    #[tokio::test]
    async fn r62_no_such_name_and_no_answer_are_distinguished() {
        let says = |kind: ErrorKind| {
            let resolver = Resolver::new(move |_, _| Err(kind.into()));
            async move { resolver.resolve(&target("http://app.test:80"), soon()).await }
        };
        assert_eq!(says(ErrorKind::NotFound).await, LookupOutcome::Gone);
        for kind in [ErrorKind::Other, ErrorKind::TimedOut, ErrorKind::WouldBlock] {
            assert!(matches!(says(kind).await, LookupOutcome::Unanswered(_)), "{kind}");
        }
        let empty = Resolver::new(|_, _| Ok(Vec::new()));
        assert_eq!(empty.resolve(&target("http://app.test:80"), soon()).await, LookupOutcome::Gone);
    }
}
