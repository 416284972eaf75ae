//! From the name of a target to its addresses.

use std::net::SocketAddr;

use rules::TargetUrl;
use tokio::net::lookup_host;
use tokio::time::{Instant, timeout_at};

use crate::swap::literal_address;

/// The addresses of a target now; empty if its name has none, or nobody answered in time. An
/// address needs no resolving.
// lossless: L10
pub(crate) async fn resolve(target: &TargetUrl, deadline: Instant) -> Vec<SocketAddr> {
    if let Some(address) = literal_address(target) {
        return vec![address];
    }
    let found = timeout_at(deadline, lookup_host((target.host(), target.port()))).await;
    let mut addresses: Vec<SocketAddr> = match found {
        Ok(Ok(addresses)) => addresses.collect(),
        Ok(Err(error)) => {
            tracing::debug!(%target, %error, "the name was not resolved");
            Vec::new()
        }
        Err(_) => Vec::new(),
    };
    // Resolvers rotate: without an order of our own every probe would look like a change.
    addresses.sort_unstable();
    addresses.dedup();
    addresses
}
