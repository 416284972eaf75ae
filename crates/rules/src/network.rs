//! A range of addresses, such as those of the proxies in front of Teal.

use std::fmt;
use std::net::{IpAddr, SocketAddr};

/// The addresses that share their first bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Network {
    address: IpAddr,
    bits: u8,
}

impl Network {
    /// Reads `10.0.0.0/8`, `2001:db8::/32` or one address (RFC 4632 section 3.1).
    ///
    /// # Errors
    /// The problem, and what to write instead.
    pub fn parse(text: &str) -> Result<Self, String> {
        let (address, bits) = match text.split_once('/') {
            Some((address, bits)) => (address, Some(bits)),
            None => (text, None),
        };
        let address: IpAddr = address.parse().map_err(|_| {
            format!("{text:?} is not a range of addresses; write one such as \"10.0.0.0/8\"")
        })?;
        let most = width(address);
        let bits = match bits {
            None => most,
            Some(bits) => bits.parse().ok().filter(|bits| *bits <= most).ok_or_else(|| {
                format!("{text:?} has no number from 0 to {most} after the slash")
            })?,
        };
        let network = Self { address, bits };
        if network.masked(number(address)) != number(address) {
            let first = network.first();
            return Err(format!("{text:?} does not begin a range; write \"{first}/{bits}\""));
        }
        Ok(network)
    }

    /// Returns true if it has this address. An IPv4 address mapped into IPv6 is the IPv4 address.
    pub fn contains(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        width(address) == width(self.address)
            && self.masked(number(address)) == number(self.address)
    }

    fn masked(&self, number: u128) -> u128 {
        let host = u32::from(width(self.address) - self.bits);
        number.checked_shr(host).unwrap_or(0).checked_shl(host).unwrap_or(0)
    }

    fn first(&self) -> IpAddr {
        let first = self.masked(number(self.address));
        match self.address {
            IpAddr::V4(_) => IpAddr::V4((first as u32).into()),
            IpAddr::V6(_) => IpAddr::V6(first.into()),
        }
    }
}

fn width(address: IpAddr) -> u8 {
    if address.is_ipv4() { 32 } else { 128 }
}

fn number(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(address) => u128::from(u32::from(address)),
        IpAddr::V6(address) => u128::from(address),
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.bits)
    }
}

/// Returns true if a connect to `to` reaches the listener at `own`, as far as the two addresses show.
pub fn reaches(to: SocketAddr, own: SocketAddr) -> bool {
    let (ip, own_ip) = (to.ip().to_canonical(), own.ip().to_canonical());
    // A connect to "any address" goes to this machine itself.
    let here = |ip: IpAddr| ip.is_loopback() || ip.is_unspecified();
    let same =
        ip == own_ip || own_ip.is_unspecified() && here(ip) || ip.is_unspecified() && here(own_ip);
    same && to.port() == own.port()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn has(network: &str, address: &str) -> bool {
        Network::parse(network).unwrap().contains(address.parse().unwrap())
    }

    #[test]
    fn a_range_has_the_addresses_with_its_first_bits() {
        for (network, address, expected) in [
            ("10.0.0.0/8", "10.255.0.1", true),
            ("10.0.0.0/8", "11.0.0.0", false),
            ("192.0.2.7", "192.0.2.7", true),
            ("192.0.2.7", "192.0.2.6", false),
            ("0.0.0.0/0", "203.0.113.9", true),
            ("0.0.0.0/0", "::1", false),
            ("::/0", "2001:db8::1", true),
            ("::/0", "10.0.0.1", false),
            ("2001:db8::/32", "2001:db8:ffff::1", true),
            ("2001:db8::/32", "2001:db9::1", false),
            ("10.0.0.0/8", "::ffff:10.1.2.3", true),
        ] {
            assert_eq!(has(network, address), expected, "{network} {address}");
        }
    }

    #[test]
    fn an_invalid_range_is_reported_with_a_valid_one() {
        for (text, said) in [
            ("", "write one such as"),
            ("10.0.0.0/33", "from 0 to 32"),
            ("::/129", "from 0 to 128"),
            ("10.0.0.0/", "from 0 to 32"),
            ("10.1.0.0/8", "write \"10.0.0.0/8\""),
            ("example.com", "write one such as"),
        ] {
            let error = Network::parse(text).unwrap_err();
            assert!(error.contains(said), "{text}: {error}");
        }
        assert_eq!(Network::parse("10.0.0.0/8").unwrap().to_string(), "10.0.0.0/8");
    }
}
