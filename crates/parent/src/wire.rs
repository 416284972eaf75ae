//! Messages between the parent and a serving Teal: a verb, fields and descriptors.
//!
//! The two may be of different versions. An unknown verb or field is ignored, and a missing field is
//! empty. The socket preserves message boundaries (`SOCK_SEQPACKET`), so an unknown message disturbs no
//! other.

use std::ffi::OsStr;
use std::io::{self, ErrorKind, IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;

use rustix::net::{
    AddressFamily, RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, ReturnFlags,
    SendAncillaryBuffer, SendAncillaryMessage, SendFlags, SocketFlags, SocketType, recvmsg,
    sendmsg, socketpair,
};

/// The longest message.
const BYTES: usize = 48 << 10;

/// Descriptors per message. The kernel takes at most 253 (`SCM_MAX_FD`).
pub(crate) const DESCRIPTORS: usize = 128;

/// One message.
#[derive(Debug, Default)]
pub(crate) struct Message {
    /// The verb, then `key=value`, each behind a NUL.
    bytes: Vec<u8>,
    pub(crate) descriptors: Vec<OwnedFd>,
}

/// Both ends of a new connection, closed on exec.
pub(crate) fn pair() -> io::Result<(OwnedFd, OwnedFd)> {
    Ok(socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None)?)
}

/// Sends without waiting: a full queue is [`ErrorKind::WouldBlock`].
pub(crate) fn send(
    to: &OwnedFd,
    message: &Message,
    descriptors: &[BorrowedFd<'_>],
) -> io::Result<()> {
    let mut room = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(DESCRIPTORS))];
    let mut ancillary = SendAncillaryBuffer::new(&mut room);
    if !descriptors.is_empty() && !ancillary.push(SendAncillaryMessage::ScmRights(descriptors)) {
        return Err(ErrorKind::InvalidInput.into());
    }
    let flags = SendFlags::DONTWAIT | SendFlags::NOSIGNAL;
    sendmsg(to, &[IoSlice::new(&message.bytes)], &mut ancillary, flags)?;
    Ok(())
}

/// Receives one message; blocks if the socket does. `None`: the other end has closed.
pub(crate) fn receive(from: impl AsFd, flags: RecvFlags) -> io::Result<Option<Message>> {
    let mut room = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(DESCRIPTORS))];
    let mut ancillary = RecvAncillaryBuffer::new(&mut room);
    let mut bytes = vec![0; BYTES];
    let received = {
        let mut into = [IoSliceMut::new(&mut bytes)];
        recvmsg(from, &mut into, &mut ancillary, flags | RecvFlags::CMSG_CLOEXEC)?
    };
    if received.bytes == 0 {
        return Ok(None);
    }
    bytes.truncate(received.bytes);
    let mut message = Message { bytes, descriptors: Vec::new() };
    for rights in ancillary.drain() {
        if let RecvAncillaryMessage::ScmRights(descriptors) = rights {
            message.descriptors.extend(descriptors);
        }
    }
    if received.flags.intersects(ReturnFlags::TRUNC | ReturnFlags::CTRUNC) {
        return Err(io::Error::new(ErrorKind::InvalidData, "a message was cut short"));
    }
    Ok(Some(message))
}

// === impl Message ===

impl Message {
    pub(crate) fn new(verb: &str) -> Self {
        Self { bytes: verb.as_bytes().to_vec(), descriptors: Vec::new() }
    }

    /// Adds a field. The value must not contain NUL.
    pub(crate) fn with(mut self, key: &str, value: impl AsRef<OsStr>) -> Self {
        self.bytes.push(0);
        self.bytes.extend_from_slice(key.as_bytes());
        self.bytes.push(b'=');
        self.bytes.extend_from_slice(value.as_ref().as_bytes());
        self
    }

    /// Adds a number, or a flag as 1 or 0.
    pub(crate) fn number(self, key: &str, value: impl Into<i64>) -> Self {
        self.with(key, value.into().to_string())
    }

    pub(crate) fn verb(&self) -> &[u8] {
        self.parts().next().unwrap_or_default()
    }

    /// The value of a field; empty if there is none.
    pub(crate) fn get(&self, key: &str) -> &OsStr {
        let named =
            |part: &'_ [u8]| part.starts_with(key.as_bytes()) && part.get(key.len()) == Some(&b'=');
        let part = self.parts().skip(1).find(|part| named(part)).unwrap_or_default();
        OsStr::from_bytes(part.get(key.len() + 1..).unwrap_or_default())
    }

    pub(crate) fn text(&self, key: &str) -> String {
        self.get(key).to_string_lossy().into_owned()
    }

    /// The number in a field; 0 if there is none.
    pub(crate) fn count(&self, key: &str) -> i64 {
        self.get(key).to_str().and_then(|text| text.parse().ok()).unwrap_or_default()
    }

    /// The process in a field; 0 if there is none.
    pub(crate) fn pid(&self) -> u32 {
        u32::try_from(self.count("pid")).unwrap_or_default()
    }

    fn parts(&self) -> impl Iterator<Item = &[u8]> {
        self.bytes.split(|byte| *byte == 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_travels_with_its_fields_and_descriptors() {
        let (here, there) = pair().expect("a pair");
        let message = Message::new("spawn").with("program", "/usr/bin/a=b").number("pid", 7);
        send(&here, &message, &[here.as_fd(), there.as_fd()]).expect("sent");
        send(&here, &Message::new("later"), &[]).expect("sent");
        let received = receive(&there, RecvFlags::empty()).expect("received").expect("one");
        assert_eq!((received.verb(), received.pid()), (&b"spawn"[..], 7));
        assert_eq!(received.get("program"), "/usr/bin/a=b");
        assert_eq!((received.get("prog"), received.count("program")), (OsStr::new(""), 0));
        assert_eq!(received.descriptors.len(), 2);
        let later = receive(&there, RecvFlags::empty()).expect("received").expect("one");
        assert_eq!(later.verb(), b"later");
        drop((here, received));
        assert!(receive(&there, RecvFlags::empty()).expect("the end").is_none());
    }

    #[test]
    fn a_full_queue_is_reported_and_never_waited_for() {
        let (here, _there) = pair().expect("a pair");
        let long = Message::new("keep").with("label", "x".repeat(20_000));
        let full = (0..100).find_map(|_| send(&here, &long, &[]).err());
        assert_eq!(full.map(|error| error.kind()), Some(ErrorKind::WouldBlock));
    }
}
