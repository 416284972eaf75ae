//! Ports for servers that must be told theirs before they bind it.
//!
//! A port that the system gave and that was closed again may be given to another test before its server binds
//! it, and then two servers answer at one address. Ports from here are below those that systems give to
//! whoever asks for any, and no two tests of a process are given the same one.
//!
//! A server that can bind port 0, or take a socket over, never needs one.

use std::net::{Ipv4Addr, SocketAddr, TcpListener, UdpSocket};
use std::sync::atomic::{AtomicU16, Ordering};

static NEXT: AtomicU16 = AtomicU16::new(0);
const FIRST: u16 = 20_000;
const LAST: u16 = 31_999;

/// A port that nobody has at any IPv4 address, for TCP and UDP, and that nobody else is given by this process.
pub fn free_port() -> u16 {
    let begin = (std::process::id() % u32::from(LAST - FIRST)) as u16; // other processes begin elsewhere
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
