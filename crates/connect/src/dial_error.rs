//! The reasons why a target cannot be reached.

use std::fmt;
use std::io;

use rustix::io::Errno;

/// The reason for which no connection was made. Nothing was sent in any of these cases.
#[derive(Debug)]
pub enum DialError {
    /// The name of the target has no address.
    NoAddress,
    /// Nothing listens there.
    Refused,
    /// The deadline passed first.
    TimedOut,
    /// Connected, but the deadline passed during the TLS handshake.
    HandshakeTimedOut,
    /// The TLS handshake failed, with the reason.
    Tls(String),
    /// The TLS handshake failed for the server name alone, with the reason.
    TlsName(String),
    /// Any other error, such as an unreachable network or no free descriptor.
    Other(io::Error),
}

impl DialError {
    /// Returns true if this machine lacks something, which says nothing of the target.
    pub fn is_local(&self) -> bool {
        let no_port = matches!(self, Self::Other(error)
            if error.kind() == io::ErrorKind::AddrNotAvailable);
        no_port || self.is_exhaustion()
    }

    /// Returns true if this machine has no descriptor or no memory left.
    pub(crate) fn is_exhaustion(&self) -> bool {
        let Self::Other(error) = self else { return false };
        let lacks = [Errno::MFILE, Errno::NFILE, Errno::NOBUFS, Errno::NOMEM];
        Errno::from_io_error(error).is_some_and(|code| lacks.contains(&code))
    }

    /// Its rank among the errors of several addresses: higher if something answered there.
    pub(crate) fn weight(&self) -> u8 {
        match self {
            Self::NoAddress => 0,
            Self::Other(_) => 1,
            Self::TimedOut => 2,
            Self::Refused => 3,
            Self::HandshakeTimedOut => 4,
            Self::Tls(_) | Self::TlsName(_) => 5,
        }
    }
}

impl From<io::Error> for DialError {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::ConnectionRefused | io::ErrorKind::ConnectionReset => Self::Refused,
            io::ErrorKind::TimedOut => Self::TimedOut,
            _ => Self::Other(error),
        }
    }
}

impl fmt::Display for DialError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoAddress => f.write_str("no address"),
            Self::Refused => f.write_str("connection refused"),
            Self::TimedOut => f.write_str("timed out while connecting"),
            Self::HandshakeTimedOut => f.write_str("timed out in the TLS handshake"),
            Self::Tls(why) | Self::TlsName(why) => write!(f, "TLS: {why}"),
            Self::Other(error) => write!(f, "cannot connect: {error}"),
        }
    }
}

impl std::error::Error for DialError {}
