//! The PROXY protocol: the client's addresses as announced by a load balancer in front, before the client's
//! first byte (versions 1 and 2 of HAProxy's `proxy-protocol.txt`).
//!
//! Read only from a listed source, which must send it. Nothing after the header is read here.

use std::io;
use std::net::{IpAddr, SocketAddr};

use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;

use crate::listener_options::{Addresses, Announced};

/// The first bytes of every header of version 2.
const SIGNATURE: &[u8; 12] = b"\r\n\r\n\0\r\nQUIT\n";

/// Version 2, on behalf of a client.
const PROXY: u8 = 0x21;

/// A TLV after the addresses: the client came over TLS if this bit of its first byte is set.
const TYPE_SSL: u8 = 0x20;
const CLIENT_SSL: u8 = 0x01;

/// The longest header of version 1, with its line end.
const LINE: usize = 107;

/// The longest header of version 2 that is accepted: addresses and a few kilobytes of TLVs.
const LONGEST: usize = 4096;

/// Reads the header.
pub(crate) async fn read(stream: &mut TcpStream) -> io::Result<Announced> {
    let mut start = [0; SIGNATURE.len()];
    stream.read_exact(&mut start).await?;
    if start == *SIGNATURE {
        return read_binary(stream).await;
    }
    let line = read_line(stream, start.to_vec()).await?;
    Ok(Announced { addresses: line_addresses(&line)?, tls: false })
}

async fn read_binary(stream: &mut TcpStream) -> io::Result<Announced> {
    let mut head = [0; 4];
    stream.read_exact(&mut head).await?;
    let [command, family, high, low] = head;
    let length = usize::from(u16::from_be_bytes([high, low]));
    if length > LONGEST {
        return Err(bad("the header is too long"));
    }
    let mut body = vec![0; length];
    stream.read_exact(&mut body).await?;
    let addresses = binary_addresses(command, family, &body)?;
    Ok(Announced { addresses, tls: command == PROXY && has_tls(family, &body) })
}

/// Reads to the end of the line, and not a byte further: the rest is the client's.
async fn read_line(stream: &mut TcpStream, mut line: Vec<u8>) -> io::Result<Vec<u8>> {
    while !line.ends_with(b"\r\n") {
        let mut ahead = [0; LINE];
        let room = LINE.saturating_sub(line.len());
        let seen = stream.peek(&mut ahead[..room]).await?;
        if seen == 0 {
            return Err(bad("the line does not end"));
        }
        let end = ahead[..seen].iter().position(|byte| *byte == b'\n').map_or(seen, |at| at + 1);
        let from = line.len();
        line.resize(from + end, 0);
        stream.read_exact(&mut line[from..]).await?;
    }
    Ok(line)
}

/// Parses the addresses in `PROXY TCP4 SOURCE DESTINATION PORT PORT`.
fn line_addresses(line: &[u8]) -> io::Result<Option<Addresses>> {
    let text = std::str::from_utf8(line).ok().and_then(|text| text.strip_suffix("\r\n"));
    let mut words = text.ok_or_else(|| bad("the line is not text"))?.split(' ');
    if words.next() != Some("PROXY") {
        return Err(bad("it does not begin with a header"));
    }
    let family = words.next();
    if family == Some("UNKNOWN") {
        return Ok(None);
    }
    let wrong = || bad("the line does not have two addresses and ports");
    let address = |word: Option<&str>| word.and_then(|word| word.parse::<IpAddr>().ok());
    let digits = |word: &&str| word.bytes().all(|byte| byte.is_ascii_digit());
    let port = |word: Option<&str>| word.filter(digits).and_then(|word| word.parse::<u16>().ok());
    let (source, destination) = (address(words.next()), address(words.next()));
    let ports = (port(words.next()), port(words.next()));
    let (Some(source), Some(destination), (Some(from), Some(to)), None) =
        (source, destination, ports, words.next())
    else {
        return Err(wrong());
    };
    let fits = match family {
        Some("TCP4") => source.is_ipv4() && destination.is_ipv4(),
        Some("TCP6") => source.is_ipv6() && destination.is_ipv6(),
        _ => false,
    };
    let addresses = (SocketAddr::new(source, from), SocketAddr::new(destination, to));
    if fits { Ok(Some(addresses)) } else { Err(wrong()) }
}

/// Parses the addresses in a header of version 2.
fn binary_addresses(command: u8, family: u8, body: &[u8]) -> io::Result<Option<Addresses>> {
    match command {
        0x20 => return Ok(None), // LOCAL
        PROXY => {}
        _ => return Err(bad("the header has an unknown version or command")),
    }
    let addresses = match family {
        0x11 => addresses::<4>(body).map(|(ips, ports)| (ips.map(IpAddr::from), ports)),
        0x21 => addresses::<16>(body).map(|(ips, ports)| (ips.map(IpAddr::from), ports)),
        _ => return Ok(None),
    };
    let ([source, destination], [from, to]) =
        addresses.ok_or_else(|| bad("the header has no addresses"))?;
    Ok(Some((SocketAddr::new(source, from), SocketAddr::new(destination, to))))
}

/// Parses two addresses and their ports, in the order of the protocol.
fn addresses<const N: usize>(body: &[u8]) -> Option<([[u8; N]; 2], [u16; 2])> {
    let (source, rest) = body.split_first_chunk::<N>()?;
    let (destination, rest) = rest.split_first_chunk::<N>()?;
    let [a, b, c, d] = *rest.first_chunk::<4>()?;
    Some(([*source, *destination], [u16::from_be_bytes([a, b]), u16::from_be_bytes([c, d])]))
}

/// Returns true if the TLVs say that the client came over TLS.
fn has_tls(family: u8, body: &[u8]) -> bool {
    let addresses = match family >> 4 {
        1 => 12,
        2 => 36,
        3 => 216,
        _ => 0,
    };
    let mut rest = body.get(addresses..).unwrap_or_default();
    while let [kind, high, low, after @ ..] = rest {
        let length = usize::from(u16::from_be_bytes([*high, *low]));
        let Some((value, further)) = after.split_at_checked(length) else { return false };
        if *kind == TYPE_SSL {
            return value.first().is_some_and(|client| client & CLIENT_SSL != 0);
        }
        rest = further;
    }
    false
}

fn bad(what: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    fn line(text: &str) -> Result<Option<String>, String> {
        let addresses = line_addresses(text.as_bytes()).map_err(|error| error.to_string())?;
        Ok(addresses.map(|(client, here)| format!("{client} to {here}")))
    }

    proptest! {
        #[test]
        fn any_header_is_refused_or_names_the_ends_that_are_in_it(
            source: IpAddr,
            port: u16,
            command: u8,
            family: u8,
            body in vec(any::<u8>(), 0..64),
            cut in 0..110usize,
            noise in vec(any::<u8>(), 0..120),
        ) {
            let _never_panics = (line_addresses(&noise), binary_addresses(command, family, &body));
            let family = if source.is_ipv4() { "TCP4" } else { "TCP6" };
            let whole = format!("PROXY {family} {source} {source} {port} 80\r\n");
            let addresses = Some((SocketAddr::new(source, port), SocketAddr::new(source, 80)));
            prop_assert_eq!(line_addresses(whole.as_bytes()).ok(), Some(addresses));
            if cut < whole.len() {
                prop_assert!(line_addresses(&whole.as_bytes()[..cut]).is_err(), "{whole:?} cut at {cut}");
            }
        }
    }

    #[test]
    fn a_line_names_the_client_or_none() {
        let named = |client: &str| Ok(Some(client.to_owned()));
        assert_eq!(
            line("PROXY TCP4 192.0.2.1 192.0.2.2 5 80\r\n"),
            named("192.0.2.1:5 to 192.0.2.2:80")
        );
        assert_eq!(
            line("PROXY TCP6 2001:db8::1 ::2 5 80\r\n"),
            named("[2001:db8::1]:5 to [::2]:80")
        );
        assert_eq!(line("PROXY UNKNOWN\r\n"), Ok(None));
        assert_eq!(line("PROXY UNKNOWN ffff::1 ffff::2 1 2\r\n"), Ok(None));
    }

    #[test]
    fn a_line_that_is_not_exactly_one_is_refused() {
        for text in [
            "GET / HTTP/1.1\r\n",
            "PROXY TCP4 192.0.2.1 192.0.2.2 5\r\n",
            "PROXY TCP4 192.0.2.1 192.0.2.2 5 80 6\r\n",
            "PROXY TCP4 2001:db8::1 ::2 5 80\r\n",
            "PROXY TCP6 192.0.2.1 192.0.2.2 5 80\r\n",
            "PROXY TCP4 192.0.2.1 192.0.2.2 5 65536\r\n",
            "PROXY TCP4  192.0.2.1 192.0.2.2 5 80\r\n",
            "PROXY TCP4 192.0.2.1 192.0.2.2 +5 80\r\n",
            "PROXY TCP4 192.0.2.1 192.0.2.2 5 \r\n",
            "PROXY TCP4 192.0.2.01 192.0.2.2 5 80\r\n",
            "PROXY TCP6 fe80::1%eth0 fe80::2 5 80\r\n",
            "PROXY TCP6 [2001:db8::1] ::2 5 80\r\n",
            "PROXY TCP5 192.0.2.1 192.0.2.2 5 80\r\n",
            "PROXY\r\n",
            "PROXY TCP4 192.0.2.1 192.0.2.2 5 80\n",
            "\u{e9}\r\n",
        ] {
            assert!(line(text).is_err(), "{text:?}");
        }
        assert!(line_addresses(b"PROXY \xff\r\n").is_err());
    }

    #[test]
    fn r55_a_header_says_whether_the_client_came_by_tls() {
        let four = [192, 0, 2, 1, 192, 0, 2, 2, 0, 5, 0, 80];
        let with = |further: &[u8]| has_tls(0x11, &[&four[..], further].concat());
        assert!(with(&[0x20, 0, 5, 1, 0, 0, 0, 0]));
        assert!(with(&[4, 0, 1, 9, 0x20, 0, 5, 7, 0, 0, 0, 0]), "behind another");
        for further in
            [&[][..], &[0x20, 0, 5, 6, 0, 0, 0, 0], &[0x20, 0, 0], &[0x20, 0, 9, 1], &[0x20]]
        {
            assert!(!with(further), "{further:?}");
        }
        assert!(has_tls(0x00, &[0x20, 0, 1, 1]), "without addresses");
    }

    #[test]
    fn a_binary_header_names_the_client_or_none_and_is_never_accepted_in_part() {
        let four = [192, 0, 2, 1, 192, 0, 2, 2, 0, 5, 0, 80];
        let client = |command, family, body: &[u8]| {
            let addresses =
                binary_addresses(command, family, body).map_err(|error| error.to_string())?;
            Ok::<_, String>(addresses.map(|(client, here)| format!("{client} to {here}")))
        };
        assert_eq!(client(0x21, 0x11, &four), Ok(Some("192.0.2.1:5 to 192.0.2.2:80".to_owned())));
        let mut beside = four.to_vec();
        beside.extend([4, 0, 1, 0]);
        assert_eq!(client(0x21, 0x11, &beside), Ok(Some("192.0.2.1:5 to 192.0.2.2:80".to_owned())));
        let mut six = [0; 36];
        six[15] = 1;
        six[31] = 2;
        (six[33], six[35]) = (7, 80);
        assert_eq!(client(0x21, 0x21, &six), Ok(Some("[::1]:7 to [::2]:80".to_owned())));
        assert_eq!(client(0x20, 0x11, &four), Ok(None), "speaks for itself");
        assert_eq!(client(0x20, 0, &[]), Ok(None));
        assert_eq!(client(0x21, 0x31, &[0; 216]), Ok(None), "a Unix socket has no such address");
        for length in 0..12 {
            assert!(client(0x21, 0x11, &four[..length]).is_err(), "{length}");
        }
        assert!(client(0x21, 0x21, &six[..35]).is_err());
        for command in [0, 0x11, 0x22, 0x31, 0xff] {
            assert!(client(command, 0x11, &four).is_err(), "{command}");
        }
    }
}
