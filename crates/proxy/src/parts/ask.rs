//! The part of a request that is kept once its head has left the buffer.

use std::net::IpAddr;
use std::rc::Rc;

use http1::{BodyLength, Method, Request, Version};
use traffic::{Lease, LocalService};

use super::{Accept, RequestEnd, Upload};
use crate::client::Client;
use crate::websocket::Accept as Handshake;

/// A request on its way to a target.
#[derive(Debug)]
pub(crate) struct Ask<'r> {
    pub(crate) service: Rc<LocalService>,
    /// The index of the service in the table that the worker had at that time.
    pub(crate) index: usize,
    pub(crate) end: RequestEnd,
    pub(crate) facts: Facts,
    pub(crate) idempotent: bool,
    /// The protocols that the client asks to upgrade to.
    pub(crate) upgrade: Option<Box<str>>,
    /// The required answer of the target to the key of a WebSocket handshake, where Teal made the key.
    pub(crate) accept: Option<Box<Handshake>>,
    /// True for a request of a login that binds its connection.
    pub(crate) binds: bool,
    pub(crate) request_id: RequestId,
    /// The request as sent to the target, whatever the attempt.
    pub(crate) upload: &'r mut Upload,
}

/// The parts of a request that its answer depends on.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Facts {
    pub(crate) version: Version,
    pub(crate) head: bool,
    /// True if the client will send another request on this connection.
    pub(crate) persistent: bool,
    /// True if the request has a body.
    pub(crate) body: bool,
    pub(crate) accept: Accept,
    /// True for a gRPC call.
    pub(crate) grpc: bool,
    /// The hash of the client that a trusted proxy speaks for.
    pub(crate) client: Option<u8>,
    /// The `max-age` of `Strict-Transport-Security` in its answer (RFC 6797).
    pub(crate) hsts: Option<u32>,
}

/// The id of a request: the client's if it is valid, else a generated one. An id as long as a UUID or shorter
/// needs no allocation.
#[derive(Clone, Debug)]
pub(crate) enum RequestId {
    Short { bytes: [u8; RequestId::SHORT], length: u8 },
    Long(Box<str>),
}

// === impl Facts ===

impl Facts {
    /// Returns the facts of a request that could not be parsed: the connection ends with its answer.
    pub(crate) const UNKNOWN: Self = Self {
        version: Version::Http11,
        head: false,
        persistent: false,
        body: false,
        accept: Accept::Text,
        grpc: false,
        client: None,
        hsts: None,
    };

    pub(crate) fn of(request: &Request<'_>, client: &Client, by_https: bool) -> Self {
        Self {
            hsts: client.info.listener.hsts.filter(|_| by_https),
            version: request.version,
            head: matches!(request.method, Method::Head),
            persistent: request.persistent,
            body: request.body != BodyLength::None,
            accept: Accept::of(request.field("accept")),
            grpc: request.grpc,
            client: client.info.trusted.then(|| client_hash(client.info.client_of(request).ip)),
        }
    }
}

impl Ask<'_> {
    /// Counts that it failed on the color of a lease, as evidence about what runs there.
    #[cold]
    pub(crate) fn count_failure(&self, client: &Client, lease: &Lease) {
        let own = || client_hash(client.info.address);
        lease.count_failure(self.facts.client.unwrap_or_else(own));
    }
}

/// Returns the hash of a client: of the network that one user has, a /24 of IPv4 or a /56 of IPv6. It is the same on
/// all workers.
fn client_hash(ip: IpAddr) -> u8 {
    let network = match ip.to_canonical() {
        IpAddr::V4(ip) => u64::from(ip.to_bits() >> 8),
        IpAddr::V6(ip) => u64::try_from(ip.to_bits() >> 72).unwrap_or_default() | 1 << 63,
    };
    // The finalizer of SplitMix64 (Steele, Lea, Flood, 2014): every bit depends on all bits.
    let mixed = (network ^ network >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    (mixed ^ mixed >> 31) as u8
}

// === impl RequestId ===

impl RequestId {
    const SHORT: usize = 38;
    const MADE: usize = 32;

    pub(crate) fn as_bytes(&self) -> &[u8] {
        match self {
            Self::Short { bytes, length } => bytes.get(..usize::from(*length)).unwrap_or_default(),
            Self::Long(id) => id.as_bytes(),
        }
    }

    pub(crate) fn of(request: &Request<'_>, mut random: impl FnMut() -> u64) -> Self {
        let mut bytes = [0; Self::SHORT];
        let length = match request.request_id {
            Some(given) if given.len() > Self::SHORT => return Self::Long(given.into()),
            Some(given) => {
                bytes[..given.len()].copy_from_slice(given.as_bytes());
                given.len()
            }
            None => {
                for place in bytes[..Self::MADE].chunks_exact_mut(16) {
                    let number = random();
                    place[..8].copy_from_slice(&hex((number >> 32) as u32));
                    place[8..].copy_from_slice(&hex(number as u32));
                }
                Self::MADE
            }
        };
        Self::Short { bytes, length: length as u8 }
    }
}

/// Converts to eight hexadecimal digits, all at once: each byte of a word is one digit.
fn hex(number: u32) -> [u8; 8] {
    const EACH: u64 = 0x0101_0101_0101_0101;
    let mut digits = u64::from(number);
    digits = (digits | digits << 16) & 0x0000_FFFF_0000_FFFF;
    digits = (digits | digits << 8) & 0x00FF_00FF_00FF_00FF;
    digits = (digits | digits << 4) & (0x0F * EACH);
    let letters = ((digits + 6 * EACH) >> 4) & EACH; // 1 where the digit is above 9
    (digits + u64::from(b'0') * EACH + letters * u64::from(b'a' - b'0' - 10)).to_be_bytes()
}

#[cfg(test)]
mod tests {
    use super::{client_hash, hex};

    #[test]
    fn a_network_of_one_user_is_one_client() {
        let of = |text: &str| client_hash(text.parse().expect("it is an address"));
        assert_eq!(of("192.0.2.7"), of("192.0.2.200"));
        assert_eq!(of("192.0.2.7"), of("::ffff:192.0.2.9"));
        assert_eq!(of("2001:db8:1:2::1"), of("2001:db8:1:3::1"));
        assert_ne!(of("2001:db8:1::1"), of("2001:db8:2::1"));
        assert_ne!(of("192.0.2.7"), of("192.0.3.7"));
        let places: std::collections::BTreeSet<_> =
            (0..64).map(|network| of(&format!("10.0.{network}.1")) % 64).collect();
        assert!(places.len() > 32, "{} of 64 places", places.len());
    }

    #[test]
    fn hexadecimal_digits_are_those_of_the_standard_library() {
        for number in [0, 1, 9, 10, 15, 0x1234_5678, 0x9abc_def0, 0xa0a0_a0a0, u32::MAX] {
            assert_eq!(hex(number), *format!("{number:08x}").as_bytes());
        }
    }
}
