//! The connection between the two: JSON messages, each preceded by its length; descriptors only before
//! the hand-over.

use std::io::{self, IoSlice, IoSliceMut, Read, Write};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream as StdUnixStream;
use std::time::Duration;

use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer,
    SendAncillaryMessage, SendFlags, recvmsg, sendmsg,
};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::sync::mpsc;

use crate::wire::ToOlder;

/// The maximum size of a message, in bytes: a table of a hundred thousand services fits.
const MESSAGE_MAX: usize = 256 << 20;

/// The time limit for the other side to read a message.
// lossless: L10
const WRITE_WITHIN: Duration = Duration::from_secs(10);

/// The number of messages read ahead.
const AHEAD: usize = 16;

/// The number of descriptors per message; the kernel accepts at most 253 (`SCM_MAX_FD`).
const DESCRIPTORS: usize = 128;

/// One end of the connection, once the hand-over has begun.
#[derive(Debug)]
pub struct PeerConnection(UnixStream);

/// Incoming messages.
#[derive(Debug)]
pub struct Incoming<T>(mpsc::Receiver<T>);

/// Outgoing messages.
#[derive(Debug)]
pub struct Outgoing(OwnedWriteHalf);

/// Sends a message, blocking.
///
/// # Errors
/// Errors of the socket.
pub fn send(mut to: &StdUnixStream, message: &impl Serialize) -> io::Result<()> {
    to.write_all(&encode(message)?)
}

/// Tells the other side, blocking, that the hand-over has failed, and why.
pub fn give_up(to: &StdUnixStream, reason: &str) {
    // Ignored: if the other side has gone, it needs no reason.
    let _ = send(to, &ToOlder::Failed { reason: reason.to_owned() });
}

/// Receives a message, blocking. The end of the connection is [`io::ErrorKind::UnexpectedEof`].
///
/// # Errors
/// Errors of the socket, and for data that is not a message.
pub fn receive<T: DeserializeOwned>(mut from: &StdUnixStream) -> io::Result<T> {
    let mut length = [0; 4];
    from.read_exact(&mut length)?;
    let mut bytes = vec![0; length_of(length)?];
    from.read_exact(&mut bytes)?;
    decode(&bytes)
}

/// Sends descriptors, blocking.
///
/// # Errors
/// Errors of the socket.
pub fn send_descriptors(to: &StdUnixStream, descriptors: &[BorrowedFd<'_>]) -> io::Result<()> {
    for part in descriptors.chunks(DESCRIPTORS) {
        let mut room = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(DESCRIPTORS))];
        let mut ancillary = SendAncillaryBuffer::new(&mut room);
        if !ancillary.push(SendAncillaryMessage::ScmRights(part)) {
            return Err(io::ErrorKind::OutOfMemory.into());
        }
        // A descriptor needs a byte to travel with.
        sendmsg(to, &[IoSlice::new(b"d")], &mut ancillary, SendFlags::empty())?;
    }
    Ok(())
}

/// Receives this many descriptors, blocking.
///
/// # Errors
/// Errors of the socket, and for a byte without a descriptor.
pub fn receive_descriptors(from: &StdUnixStream, count: usize) -> io::Result<Vec<OwnedFd>> {
    let mut descriptors = Vec::new();
    while descriptors.len() < count {
        let before = descriptors.len();
        let mut room = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(DESCRIPTORS))];
        let mut ancillary = RecvAncillaryBuffer::new(&mut room);
        let mut byte = [0];
        let mut into = [IoSliceMut::new(&mut byte)];
        recvmsg(from.as_fd(), &mut into, &mut ancillary, RecvFlags::CMSG_CLOEXEC)?;
        for message in ancillary.drain() {
            if let RecvAncillaryMessage::ScmRights(received) = message {
                descriptors.extend(received);
            }
        }
        if descriptors.len() == before {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    }
    Ok(descriptors)
}

// === impl PeerConnection ===

impl PeerConnection {
    /// Creates the end of a connection on which the hand-over is agreed, on the current runtime.
    ///
    /// # Errors
    /// Returns an error if the runtime cannot use the socket.
    pub fn new(socket: StdUnixStream) -> io::Result<Self> {
        socket.set_read_timeout(None)?;
        socket.set_write_timeout(None)?;
        socket.set_nonblocking(true)?;
        UnixStream::from_std(socket).map(Self)
    }

    /// Splits the connection. Incoming messages are read by their own task, so that waiting for them
    /// is cancel-safe.
    pub fn split<T: DeserializeOwned + Send + 'static>(self) -> (Incoming<T>, Outgoing) {
        let (read, write) = self.0.into_split();
        let (messages, incoming) = mpsc::channel(AHEAD);
        tokio::spawn(read_all(read, messages));
        (Incoming(incoming), Outgoing(write))
    }
}

async fn read_all<T: DeserializeOwned>(mut from: OwnedReadHalf, messages: mpsc::Sender<T>) {
    loop {
        match read_one(&mut from).await {
            Ok(message) => {
                if messages.send(message).await.is_err() {
                    return;
                }
            }
            Err(error) => {
                if error.kind() != io::ErrorKind::UnexpectedEof {
                    tracing::warn!(%error, "the connection to the other Teal failed");
                }
                return;
            }
        }
    }
}

async fn read_one<T: DeserializeOwned>(from: &mut OwnedReadHalf) -> io::Result<T> {
    let mut length = [0; 4];
    from.read_exact(&mut length).await?;
    let mut bytes = vec![0; length_of(length)?];
    from.read_exact(&mut bytes).await?;
    decode(&bytes)
}

// === impl Incoming, Outgoing ===

impl<T> Incoming<T> {
    /// Waits for the next message; `None` when the other side has gone.
    pub async fn next(&mut self) -> Option<T> {
        self.0.recv().await
    }
}

impl Outgoing {
    /// Closes the outgoing direction, which the other side notices.
    pub async fn end(&mut self) {
        let _ = self.0.shutdown().await; // an error means that it has gone
    }

    /// Sends a message; the other side has to read it in time.
    ///
    /// # Errors
    /// Errors of the socket, and if the message is not read in time.
    pub async fn send(&mut self, message: &impl Serialize) -> io::Result<()> {
        let bytes = encode(message)?;
        let sent = tokio::time::timeout(WRITE_WITHIN, self.0.write_all(&bytes)).await;
        sent.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
    }
}

fn encode(message: &impl Serialize) -> io::Result<Vec<u8>> {
    let mut bytes = vec![0; 4];
    serde_json::to_writer(&mut bytes, message)?;
    let length = u32::try_from(bytes.len() - 4).map_err(io::Error::other)?;
    bytes[..4].copy_from_slice(&length.to_le_bytes());
    Ok(bytes)
}

fn decode<T: DeserializeOwned>(bytes: &[u8]) -> io::Result<T> {
    serde_json::from_slice(bytes).map_err(io::Error::from)
}

fn length_of(bytes: [u8; 4]) -> io::Result<usize> {
    let length = u32::from_le_bytes(bytes) as usize;
    let told =
        || io::Error::new(io::ErrorKind::InvalidData, "a message of a hand-over is too long");
    (length <= MESSAGE_MAX).then_some(length).ok_or_else(told)
}
