//! The bytes under a connection: TCP, or TLS over it.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use rustix::net::RecvFlags;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;

use super::tls::Tls;
use crate::endpoint::Endpoint;
use crate::ledger::{Fault, Loss};

/// One connection's bytes, both ways.
#[derive(Debug)]
pub(super) enum Stream {
    /// Plain.
    Plain(TcpStream),
    /// Encrypted.
    Secure(Box<TlsStream<TcpStream>>),
}

impl Stream {
    /// Connects and does the TLS handshake; a refusal is the loss of the request to be sent.
    pub(super) async fn open(endpoint: Endpoint, tls: Option<&Tls>) -> Result<Self, Fault> {
        let refused = |what, error| Fault::lost(Loss::Connect, format!("{what}: {error}"));
        let stream = TcpStream::connect(endpoint.address)
            .await
            .map_err(|error| refused("connecting", error))?;
        // ignored: without TCP_NODELAY requests are slow, not wrong
        let _ = stream.set_nodelay(true);
        match tls.filter(|_| endpoint.over.is_secure()) {
            None => Ok(Self::Plain(stream)),
            Some(tls) => {
                let secure = tls.shake_hands(endpoint.over, stream).await;
                secure
                    .map(|secure| Self::Secure(Box::new(secure)))
                    .map_err(|error| refused("the TLS handshake", error))
            }
        }
    }

    /// Returns true if the socket is readable, even if only at its end. Asks the socket itself: the
    /// runtime may not know yet.
    pub(super) fn has_something(&self) -> io::Result<bool> {
        let mut byte = [0_u8; 1];
        match rustix::net::recv(self.tcp(), &mut byte, RecvFlags::PEEK | RecvFlags::DONTWAIT) {
            Ok(_) => Ok(true),
            Err(rustix::io::Errno::AGAIN | rustix::io::Errno::INTR) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    /// Returns true if written bytes must be flushed to reach the socket.
    pub(super) fn is_secure(&self) -> bool {
        matches!(self, Self::Secure(_))
    }

    pub(super) fn tcp(&self) -> &TcpStream {
        match self {
            Self::Plain(stream) => stream,
            Self::Secure(stream) => stream.get_ref().0,
        }
    }
}

impl AsyncRead for Stream {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_read(cx, buffer),
            Self::Secure(stream) => Pin::new(stream).poll_read(cx, buffer),
        }
    }
}

impl AsyncWrite for Stream {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        data: &[u8],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_write(cx, data),
            Self::Secure(stream) => Pin::new(stream).poll_write(cx, data),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_flush(cx),
            Self::Secure(stream) => Pin::new(stream).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_shutdown(cx),
            Self::Secure(stream) => Pin::new(stream).poll_shutdown(cx),
        }
    }
}
