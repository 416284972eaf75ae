//! Ports for servers that must know their port before they bind it.
//!
//! A free port from the system may be handed to another test before this one's server binds it, and then two
//! servers answer at one address. Ports from here are below the system's ephemeral range, and no two tests of a
//! process get the same one.
//!
//! A server that can bind port 0, or take a socket over, never needs one.

use std::net::{Ipv4Addr, SocketAddr, TcpListener, UdpSocket};
use std::sync::atomic::{AtomicU16, Ordering};

static NEXT: AtomicU16 = AtomicU16::new(0);
const FIRST: u16 = 20_000;
const LAST: u16 = 31_999;

/// A port that is free at all IPv4 addresses, for TCP and UDP, and that this process hands out only once.
pub fn free_port() -> u16 {
    let begin = (std::process::id() % u32::from(LAST - FIRST)) as u16; // other processes start elsewhere
    let is_free = |port: &u16| {
        let place = (Ipv4Addr::UNSPECIFIED, *port);
        TcpListener::bind(place).is_ok() && UdpSocket::bind(place).is_ok()
    };
    (FIRST..LAST)
        .map(|_| FIRST + begin.wrapping_add(NEXT.fetch_add(1, Ordering::Relaxed)) % (LAST - FIRST))
        .find(is_free)
        .expect("a port is free")
}

/// Such a port at 127.0.0.1.
pub fn free_address() -> SocketAddr {
    (Ipv4Addr::LOCALHOST, free_port()).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_port_is_given_twice() {
        let mut ports: Vec<u16> = (0..100).map(|_| free_port()).collect();
        ports.sort_unstable();
        ports.dedup();
        assert_eq!(ports.len(), 100);
        assert!(ports.iter().all(|port| (FIRST..LAST).contains(port)));
    }
}
