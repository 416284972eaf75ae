//! A server of HTTP/1.1 over TLS that answers every request with the same bytes.

use std::net::SocketAddr;
use std::sync::Arc;

use drill::load::Trust;
use rustls::ServerConfig;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::PrivatePkcs8KeyDer;
use tempfile::TempDir;
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

/// The name that its certificate is for.
pub(crate) const HOST: &str = "drill.test";

/// The server's action after its bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Then {
    /// Waits for the next request.
    Keep,
    /// Sends close_notify and closes.
    Close,
    /// Closes without close_notify, as an attacker who cuts a connection would.
    HangUp,
}

/// Serves until the runtime ends; the CA to trust is in a file that lives as long as the directory.
pub(crate) async fn start(bytes: &'static str, then: Then) -> (SocketAddr, Trust, TempDir) {
    let made = rcgen::generate_simple_self_signed([HOST.to_owned()]).unwrap();
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("ca.pem");
    std::fs::write(&path, made.cert.pem()).unwrap();
    let key = PrivatePkcs8KeyDer::from(made.signing_key.serialize_der());
    let config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key.into())
        .unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                if let Ok(stream) = acceptor.accept(stream).await {
                    serve(stream, bytes, then).await;
                }
            });
        }
    });
    (address, Trust::File(path), directory)
}

async fn serve(mut stream: TlsStream<TcpStream>, bytes: &'static str, then: Then) {
    while super::is_asked(&mut stream).await {
        let written = stream.write_all(bytes.as_bytes()).await;
        if written.is_err() || stream.flush().await.is_err() {
            return;
        }
        match then {
            Then::Keep => {}
            Then::Close => return drop(stream.shutdown().await),
            Then::HangUp => return,
        }
    }
}
