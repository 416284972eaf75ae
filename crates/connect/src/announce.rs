//! The PROXY protocol to a target: the client's address, sent before anything else on a connection
//! (versions 1 and 2 of HAProxy's `proxy-protocol.txt`).

use std::net::{IpAddr, SocketAddr};

/// The signature at the start of each version 2 header.
const SIGNATURE: &[u8; 12] = b"\r\n\r\n\0\r\nQUIT\n";

/// Version 2, with the command: LOCAL or PROXY.
const LOCAL: u8 = 0x20;
const PROXY: u8 = 0x21;

/// The address families of version 2, over TCP.
const UNSPEC: u8 = 0x00;
const TCP4: u8 = 0x11;
const TCP6: u8 = 0x21;

/// The client that a connection is made for, and the address it connected to. `None`: none, as for a
/// probe.
pub type Origin = Option<(SocketAddr, SocketAddr)>;

/// The header of version 1.
pub fn announce_v1(origin: Origin) -> Vec<u8> {
    let Some((client, here)) = origin.map(same_family) else {
        return b"PROXY UNKNOWN\r\n".to_vec();
    };
    let family = if client.is_ipv4() { "TCP4" } else { "TCP6" };
    let (from, to) = (client.ip(), here.ip());
    format!("PROXY {family} {from} {to} {} {}\r\n", client.port(), here.port()).into_bytes()
}

/// The header of version 2.
pub fn announce_v2(origin: Origin) -> Vec<u8> {
    let mut header = SIGNATURE.to_vec();
    let Some((client, here)) = origin.map(same_family) else {
        header.extend([LOCAL, UNSPEC, 0, 0]);
        return header;
    };
    let family = if client.is_ipv4() { TCP4 } else { TCP6 };
    let mut addresses = Vec::new();
    for ip in [client.ip(), here.ip()] {
        match ip {
            IpAddr::V4(ip) => addresses.extend(ip.octets()),
            IpAddr::V6(ip) => addresses.extend(ip.octets()),
        }
    }
    addresses.extend([client.port(), here.port()].map(u16::to_be_bytes).concat());
    header.extend([PROXY, family, 0, addresses.len() as u8]); // 12 or 36
    header.extend(addresses);
    header
}

/// Both addresses as IPv6, unless both are IPv4: a header has one family.
fn same_family((client, here): (SocketAddr, SocketAddr)) -> (SocketAddr, SocketAddr) {
    let plain = |at: SocketAddr| SocketAddr::new(at.ip().to_canonical(), at.port());
    let (client, here) = (plain(client), plain(here));
    if client.is_ipv4() == here.is_ipv4() {
        return (client, here);
    }
    let mapped = |at: SocketAddr| match at.ip() {
        IpAddr::V4(ip) => SocketAddr::new(ip.to_ipv6_mapped().into(), at.port()),
        IpAddr::V6(_) => at,
    };
    (mapped(client), mapped(here))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> SocketAddr {
        text.parse().unwrap()
    }

    #[test]
    fn the_line_is_that_of_the_protocol() {
        let origin = Some((at("192.0.2.1:4000"), at("198.51.100.7:80")));
        assert_eq!(announce_v1(origin), b"PROXY TCP4 192.0.2.1 198.51.100.7 4000 80\r\n");
        let origin = Some((at("[2001:db8::1]:4000"), at("198.51.100.7:80")));
        let line = b"PROXY TCP6 2001:db8::1 ::ffff:198.51.100.7 4000 80\r\n";
        assert_eq!(announce_v1(origin), line);
        assert_eq!(announce_v1(None), b"PROXY UNKNOWN\r\n");
    }

    #[test]
    fn r57_ports_stay_mapped_addresses_are_ipv4_and_zones_are_left_out() {
        for (client, here, line) in [
            ("192.0.2.1:65535", "198.51.100.7:0", "TCP4 192.0.2.1 198.51.100.7 65535 0"),
            ("[::ffff:192.0.2.1]:1", "198.51.100.7:2", "TCP4 192.0.2.1 198.51.100.7 1 2"),
            ("[::ffff:192.0.2.1]:1", "[::ffff:198.51.100.7]:2", "TCP4 192.0.2.1 198.51.100.7 1 2"),
            ("[::ffff:192.0.2.1]:1", "[2001:db8::2]:2", "TCP6 ::ffff:192.0.2.1 2001:db8::2 1 2"),
            ("[2001:db8::1]:1", "192.0.2.1:2", "TCP6 2001:db8::1 ::ffff:192.0.2.1 1 2"),
            ("[fe80::1%2]:1", "[fe80::2%2]:2", "TCP6 fe80::1 fe80::2 1 2"),
            ("[::1]:1", "[::1]:2", "TCP6 ::1 ::1 1 2"),
        ] {
            let origin = Some((at(client), at(here)));
            let said = String::from_utf8(announce_v1(origin)).unwrap();
            assert_eq!(said, format!("PROXY {line}\r\n"), "{client} {here}");
            let binary = announce_v2(origin);
            let four = line.starts_with("TCP4");
            assert_eq!((binary[13], binary.len()), if four { (TCP4, 28) } else { (TCP6, 52) });
        }
    }

    #[test]
    fn the_binary_is_that_of_the_protocol() {
        let header = announce_v2(Some((at("[::ffff:192.0.2.1]:4000"), at("198.51.100.7:80"))));
        assert_eq!(header[..12], *SIGNATURE);
        let rest = [0x21, 0x11, 0, 12, 192, 0, 2, 1, 198, 51, 100, 7, 15, 160, 0, 80];
        assert_eq!(header[12..], rest);
        let header = announce_v2(Some((at("[2001:db8::1]:1"), at("[2001:db8::2]:2"))));
        assert_eq!(header[12..16], [0x21, 0x21, 0, 36]);
        assert_eq!(header.len(), 16 + 36);
        assert_eq!(announce_v2(None)[12..], [0x20, 0, 0, 0]);
    }
}
