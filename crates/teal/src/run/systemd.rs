//! Listening sockets from a service manager (`sd_listen_fds(3)`), which keeps the queue of new connections
//! across a restart. The parent process has received them.

use std::net::TcpListener;
use std::os::fd::OwnedFd;

use ::parent::KeptDescriptors;
use proxy::HandedOver;
use rustix::io::Errno;
use rustix::net::sockopt::{socket_acceptconn, socket_domain, socket_type};
use rustix::net::{AddressFamily, SocketType};

/// Returns the listening sockets among the descriptors handed over, and logs any others.
pub(super) fn handed_over(activated: KeptDescriptors) -> Vec<HandedOver> {
    let names = String::from_utf8_lossy(&activated.label).into_owned();
    let named = activated.descriptors.into_iter().zip(names.lines());
    let listening = named.filter_map(|(descriptor, name)| match unusable(&descriptor) {
        None => Some(TcpListener::from(descriptor)),
        Some(why) => {
            tracing::warn!(
                "descriptor {name} of the service manager is not used: it {why}; a socket unit for \
                 Teal has ListenStream=ADDRESS:PORT as in [[listener]] address, and Accept=no"
            );
            None
        }
    });
    let placed = listening.filter_map(|socket| Some((socket.local_addr().ok()?, socket)));
    placed.map(|(at, socket)| HandedOver { configured: at, sockets: vec![socket] }).collect()
}

/// Returns the reason why a descriptor is not a listening TCP socket.
fn unusable(descriptor: &OwnedFd) -> Option<String> {
    let asked = || {
        let kind = (socket_domain(descriptor)?, socket_type(descriptor)?);
        Ok::<_, Errno>((kind, socket_acceptconn(descriptor)?))
    };
    match asked() {
        Err(Errno::NOTSOCK) => Some("is not a socket".to_owned()),
        Err(error) => Some(format!("cannot be identified: {error}")),
        Ok(((AddressFamily::UNIX, _), _)) => Some("is a Unix socket".to_owned()),
        Ok(((_, kind), _)) if kind != SocketType::STREAM => Some("is not a TCP socket".to_owned()),
        Ok((_, false)) => Some("does not listen".to_owned()),
        Ok((_, true)) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::File;
    use std::net::{TcpStream, UdpSocket};
    use std::os::unix::net::UnixListener;

    #[test]
    fn r63_only_sockets_for_clients_are_used() {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("bound");
        let stream = TcpStream::connect(address).expect("connected");
        let udp = UdpSocket::bind("127.0.0.1:0").expect("a port");
        let directory = tempfile::tempdir().expect("a directory");
        let unix = UnixListener::bind(directory.path().join("s")).expect("a socket");
        let file = File::open("/dev/null").expect("it is there");
        let all: [(OwnedFd, &str); 5] = [
            (file.into(), "is not a socket"),
            (unix.into(), "is a Unix socket"),
            (udp.into(), "is not a TCP socket"),
            (stream.into(), "does not listen"),
            (listener.into(), ""),
        ];
        for (descriptor, why) in &all {
            assert_eq!(unusable(descriptor).unwrap_or_default(), *why);
        }
        let label =
            ["3", "4", "5", "6", "7"].map(|number| format!("{number} (web.socket)\n")).concat();
        let descriptors = all.into_iter().map(|(descriptor, _)| descriptor).collect();
        let used = handed_over(KeptDescriptors { label: label.into_bytes(), descriptors });
        assert_eq!(used.iter().map(|one| one.configured).collect::<Vec<_>>(), [address]);
    }
}
