//! Checks which user listens at an address before a token is sent there.
//!
//! Any user may take a free port of this machine, so a loopback address proves nothing. The kernel
//! knows which user owns the other end of a connection: of a Unix socket by its credentials, of a
//! loopback connection by `/proc/net/tcp`. A socket that is not accepted yet has no owner
//! there, so it is checked again until it is accepted.

use std::fmt;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use tokio::net::{TcpStream, UnixStream};
use tokio::time::{Instant, sleep};

/// The time limit for the other side to accept.
const PATIENCE: Duration = Duration::from_secs(2);
const POLL_INTERVAL: Duration = Duration::from_millis(5);

/// The users a token may be sent to, where the address or the token was only guessed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct TrustedUsers {
    /// User ids that may listen there; root always may.
    pub(super) owners: Vec<u32>,
    /// The owner of the token, in words.
    pub(super) whose: String,
    /// Advice on how to send the token anyway.
    pub(super) advice: String,
}

/// The reason why the token was not sent.
#[derive(Debug)]
pub(super) struct NotTrusted {
    listener: Listener,
    trusted: TrustedUsers,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Listener {
    Uid(u32),
    Unknown,
}

// === impl TrustedUsers ===

impl TrustedUsers {
    /// Asks the kernel which user owns the other end.
    pub(super) async fn of_tcp(&self, stream: &TcpStream) -> Result<(), NotTrusted> {
        let ends = stream.local_addr().and_then(|ours| Ok((stream.peer_addr()?, ours)));
        let listener = match ends {
            Ok((theirs, ours)) => accepted_by(theirs, ours).await,
            Err(_) => Listener::Unknown,
        };
        self.check(listener)
    }

    /// Asks the kernel which user created the socket.
    pub(super) fn of_unix(&self, stream: &UnixStream) -> Result<(), NotTrusted> {
        self.check(stream.peer_cred().map_or(Listener::Unknown, |who| Listener::Uid(who.uid())))
    }

    fn check(&self, listener: Listener) -> Result<(), NotTrusted> {
        match listener {
            Listener::Uid(uid) if uid == 0 || self.owners.contains(&uid) => Ok(()),
            listener => Err(NotTrusted { listener, trusted: self.clone() }),
        }
    }
}

impl fmt::Display for NotTrusted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let TrustedUsers { whose, advice, .. } = &self.trusted;
        match self.listener {
            Listener::Uid(uid) => write!(f, "its listener belongs to uid {uid}, not to {whose}")?,
            Listener::Unknown => write!(f, "cannot tell if its listener belongs to {whose}")?,
        }
        write!(f, ", so the token was not sent\n{advice}")
    }
}

/// The owner of the socket that has accepted our connection.
async fn accepted_by(theirs: SocketAddr, ours: SocketAddr) -> Listener {
    let limit = Instant::now() + PATIENCE;
    loop {
        match owner(theirs, ours) {
            Ok(Some(uid)) => return Listener::Uid(uid),
            Ok(None) if Instant::now() < limit => sleep(POLL_INTERVAL).await,
            Ok(None) | Err(_) => return Listener::Unknown,
        }
    }
}

/// Returns the owner of a socket; `None` if it is not accepted yet, or ends elsewhere.
fn owner(theirs: SocketAddr, ours: SocketAddr) -> io::Result<Option<u32>> {
    let four = std::fs::read_to_string("/proc/net/tcp")?;
    let six = std::fs::read_to_string("/proc/net/tcp6").unwrap_or_default(); // IPv6 may be off
    let lines = four.lines().chain(six.lines());
    Ok(lines.filter_map(TcpEntry::read).find_map(|line| line.owner_of(theirs, ours)))
}

/// One line of `/proc/net/tcp`.
#[derive(Debug)]
struct TcpEntry {
    local: (IpAddr, u16),
    remote: (IpAddr, u16),
    uid: u32,
    inode: u64,
}

impl TcpEntry {
    fn read(line: &str) -> Option<Self> {
        let mut fields = line.split_ascii_whitespace();
        let local = address(fields.nth(1)?)?;
        let remote = address(fields.next()?)?;
        // State, queues, timer, retransmissions; then the user.
        let uid = fields.nth(4)?.parse().ok()?;
        let inode = fields.nth(1)?.parse().ok()?;
        Some(Self { local, remote, uid, inode })
    }

    /// Returns the owner. A socket without an inode has none, and its user reads as root.
    fn owner_of(&self, local: SocketAddr, remote: SocketAddr) -> Option<u32> {
        let end = |address: SocketAddr| (address.ip().to_canonical(), address.port());
        let same = self.local == end(local) && self.remote == end(remote);
        (same && self.inode != 0).then_some(self.uid)
    }
}

/// Parses words of 32 bits in the byte order of the machine, then the port.
fn address(text: &str) -> Option<(IpAddr, u16)> {
    let (ip, port) = text.split_once(':')?;
    let port = u16::from_str_radix(port, 16).ok()?;
    let word = |at: usize| {
        let digits = ip.get(at * 8..at * 8 + 8)?;
        Some(u32::from_str_radix(digits, 16).ok()?.to_ne_bytes())
    };
    let ip = match ip.len() {
        8 => IpAddr::from(Ipv4Addr::from(word(0)?)),
        32 => {
            let mut bytes = [0; 16];
            for (at, four) in bytes.chunks_exact_mut(4).enumerate() {
                four.copy_from_slice(&word(at)?);
            }
            IpAddr::from(Ipv6Addr::from(bytes)).to_canonical()
        }
        _ => return None,
    };
    Some((ip, port))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::block_on;
    use tokio::net::TcpListener;

    #[test]
    fn r8_a_line_of_the_kernel_names_the_owner_of_an_accepted_socket() {
        let line = |inode: u64| {
            format!(
                "   1: 0100007F:26AC 0100007F:C350 01 00000000:00000000 00:00000000 00000000  1001        0 {inode} 1 0"
            )
        };
        if cfg!(target_endian = "little") {
            let (local, remote) = (([127, 0, 0, 1], 9900).into(), ([127, 0, 0, 1], 50000).into());
            let owner =
                |inode| TcpEntry::read(&line(inode)).expect("a line").owner_of(local, remote);
            assert_eq!(owner(77), Some(1001));
            assert_eq!(owner(0), None, "not accepted yet: the user would read as root");
        }
        assert!(TcpEntry::read("  sl  local_address rem_address   st").is_none());
    }

    #[test]
    fn r8_a_token_goes_to_an_owner_that_is_trusted_and_to_no_other() {
        block_on(async {
            for at in ["127.0.0.1:0", "[::1]:0", "[::]:0"] {
                let Ok(listener) = TcpListener::bind(at).await else { continue };
                let port = listener.local_addr().expect("bound").port();
                let host = if at.starts_with('[') { "::1" } else { "127.0.0.1" };
                let ours = TcpStream::connect((host, port)).await.expect("connected");
                let _accepted = listener.accept().await.expect("accepted");
                let uid = rustix::process::getuid().as_raw();
                let trusted =
                    |owners| TrustedUsers { owners, whose: String::new(), advice: String::new() };
                assert!(trusted(vec![uid]).of_tcp(&ours).await.is_ok(), "{at}");
                let other = trusted(vec![uid + 1]).of_tcp(&ours).await;
                assert_eq!(other.is_ok(), uid == 0, "{at}");
            }
        })
        .expect("a runtime");
    }
}
