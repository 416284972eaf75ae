//! From the name of a target to its addresses.

use std::fmt;
use std::io;
use std::net::{SocketAddr, ToSocketAddrs};
use std::sync::Arc;

use rules::TargetUrl;
use tokio::task::spawn_blocking;
use tokio::time::{Instant, timeout_at};

use crate::swap::literal_address;

/// Knows the addresses of a name and a port. May block.
#[derive(Clone)]
pub struct Resolver(Arc<Lookup>);

type Lookup = dyn Fn(&str, u16) -> io::Result<Vec<SocketAddr>> + Send + Sync;

impl Resolver {
    /// Wraps the function that knows.
    pub fn new(
        lookup: impl Fn(&str, u16) -> io::Result<Vec<SocketAddr>> + Send + Sync + 'static,
    ) -> Self {
        Self(Arc::new(lookup))
    }

    /// The addresses of a target now; empty if its name has none, or nobody answered in time.
    /// An address needs no resolving, a socket has none.
    // lossless: L10
    pub(crate) async fn resolve(&self, target: &TargetUrl, deadline: Instant) -> Vec<SocketAddr> {
        if let Some(address) = literal_address(target) {
            return vec![address];
        }
        let Some((host, port)) = target.host_and_port() else { return Vec::new() };
        let (lookup, host) = (self.0.clone(), host.to_owned());
        let looking_up = spawn_blocking(move || lookup(&host, port));
        let mut addresses = match timeout_at(deadline, looking_up).await {
            Ok(Ok(Ok(addresses))) => addresses,
            Ok(Ok(Err(error))) => {
                tracing::debug!(%target, %error, "the name was not resolved");
                Vec::new()
            }
            Ok(Err(_)) | Err(_) => Vec::new(),
        };
        // Resolvers rotate: without an order of our own every probe would look like a change.
        addresses.sort_unstable();
        addresses.dedup();
        addresses
    }
}

impl Default for Resolver {
    /// The system's.
    fn default() -> Self {
        Self::new(|host, port| Ok((host, port).to_socket_addrs()?.collect()))
    }
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
        assert_eq!(rotating.resolve(&target("http://app.test:80"), soon()).await, [one, two]);
        let literal = rotating.resolve(&target("http://127.0.0.1:80"), soon()).await;
        assert_eq!(literal, [one]);
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
        assert_eq!(found.expect("it does not wait for ever"), []);
        drop(give_up);
    }
}
