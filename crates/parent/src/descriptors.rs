//! Descriptors kept for the next serving Teal, with a label that describes them.

use std::ffi::OsStr;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;

use crate::wire::{DESCRIPTORS, Message};

/// The bytes of a label per message.
const LABEL: usize = 16 << 10;

/// A set of descriptors, and their owner's description of them, which the parent does not interpret.
#[derive(Debug, Default)]
pub struct KeptDescriptors {
    /// The serving Teal's description of the descriptors.
    pub label: Vec<u8>,
    /// The descriptors, in the order of the label.
    pub descriptors: Vec<OwnedFd>,
}

/// A set that arrives in parts.
#[derive(Debug, Default)]
pub(crate) struct ArrivingDescriptors(KeptDescriptors);

/// Sends a set in as many messages as it takes: none if it is empty.
pub(crate) fn say(
    verb: &str,
    label: &[u8],
    descriptors: &[BorrowedFd<'_>],
    mut send: impl FnMut(&Message, &[BorrowedFd<'_>]) -> io::Result<()>,
) -> io::Result<()> {
    let mut labels = label.chunks(LABEL);
    let mut parts = descriptors.chunks(DESCRIPTORS);
    let count = labels.len().max(parts.len());
    for number in 0..count {
        let message = Message::new(verb)
            .with("label", OsStr::from_bytes(labels.next().unwrap_or_default()))
            .number("last", i32::from(number + 1 == count));
        send(&message, parts.next().unwrap_or_default())?;
    }
    Ok(())
}

// === impl KeptDescriptors, ArrivingDescriptors ===

impl KeptDescriptors {
    pub(crate) fn say(
        &self,
        verb: &str,
        send: impl FnMut(&Message, &[BorrowedFd<'_>]) -> io::Result<()>,
    ) -> io::Result<()> {
        let descriptors: Vec<BorrowedFd<'_>> = self.descriptors.iter().map(AsFd::as_fd).collect();
        say(verb, &self.label, &descriptors, send)
    }

    /// Returns true if there are no descriptors in it.
    pub fn is_empty(&self) -> bool {
        self.descriptors.is_empty()
    }
}

impl ArrivingDescriptors {
    /// Takes a part; returns the set if that was the last one.
    pub(crate) fn take(&mut self, message: Message) -> Option<KeptDescriptors> {
        self.0.label.extend_from_slice(message.get("label").as_bytes());
        let last = message.count("last") == 1;
        self.0.descriptors.extend(message.descriptors);
        last.then(|| std::mem::take(&mut self.0))
    }
}

#[cfg(test)]
mod tests {
    use rustix::net::RecvFlags;

    use super::*;
    use crate::wire::{pair, receive, send};

    #[test]
    fn a_set_of_any_size_arrives_whole() {
        for (length, count) in [(2, 1), (40_000, 3), (10, 300), (0, 1)] {
            let (here, there) = pair().expect("a pair");
            let label = vec![b'x'; length];
            let descriptors = vec![there.as_fd(); count];
            let mut arriving = ArrivingDescriptors::default();
            let mut whole = None;
            say("keep", &label, &descriptors, |message, descriptors| {
                send(&here, message, descriptors)?;
                let part = receive(&there, RecvFlags::empty())?.expect("a part");
                assert!(whole.is_none() && part.verb() == b"keep");
                whole = arriving.take(part);
                Ok(())
            })
            .expect("said");
            let whole = whole.expect("all of it");
            assert_eq!((whole.label, whole.descriptors.len()), (label, count));
        }
    }
}
