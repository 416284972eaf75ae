//! TLS in front of a target: after the handshake, everything is forwarded to the target byte for
//! byte.

use std::io;
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::{self, JoinHandle};

use rustls::crypto::aws_lc_rs;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{HandshakeKind, RootCertStore, ServerConfig};
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Builder;
use tokio::sync::{oneshot, watch};
use tokio_rustls::TlsAcceptor;

use crate::pki::Pair;
use crate::target::Target;

/// Any free port on loopback.
const LOOPBACK: SocketAddr = SocketAddr::V4(SocketAddrV4::new(Ipv4Addr::LOCALHOST, 0));

/// The TLS listener; it closes when this is dropped.
#[derive(Debug)]
pub struct SecureTarget {
    address: SocketAddr,
    shaken: Arc<AtomicUsize>,
    resumed: Arc<AtomicUsize>,
    config: watch::Sender<Arc<ServerConfig>>,
    stop: Option<oneshot::Sender<()>>,
    serving: Option<JoinHandle<()>>,
}

impl SecureTarget {
    /// Listens for a target with this certificate. With `clients`, every client must have a certificate
    /// signed by a CA in that file.
    #[track_caller]
    pub fn start(target: &Target, pair: &Pair, clients: Option<&Path>) -> Self {
        Self::serve(LOOPBACK, target.address(), Arc::new(config(pair, clients)))
    }

    /// Listens for a target at this address.
    #[track_caller]
    pub fn start_at(address: SocketAddr, target: &Target, pair: &Pair) -> Self {
        Self::serve(address, target.address(), Arc::new(config(pair, None)))
    }

    /// Listens for a target with TLS 1.2 only.
    #[track_caller]
    pub fn start_tls12(target: &Target, pair: &Pair) -> Self {
        let versions = &[&rustls::version::TLS12];
        let config = config_of(pair, None, versions);
        Self::serve(LOOPBACK, target.address(), Arc::new(config))
    }

    /// Listens for an HTTP/2 server, and negotiates that (ALPN).
    #[track_caller]
    pub fn start_http2(target: SocketAddr, pair: &Pair) -> Self {
        Self::start_offering(target, pair, None, &["h2"])
    }

    /// Listens for a server of these protocols, and negotiates them (ALPN). `clients`: as above.
    #[track_caller]
    pub fn start_offering(
        target: SocketAddr,
        pair: &Pair,
        clients: Option<&Path>,
        protocols: &[&str],
    ) -> Self {
        let mut config = config(pair, clients);
        config.alpn_protocols =
            protocols.iter().map(|protocol| protocol.as_bytes().to_vec()).collect();
        Self::serve(LOOPBACK, target, Arc::new(config))
    }

    #[track_caller]
    fn serve(address: SocketAddr, target: SocketAddr, config: Arc<ServerConfig>) -> Self {
        let listener = std::net::TcpListener::bind(address).expect("a port");
        listener.set_nonblocking(true).expect("a socket");
        let address = listener.local_addr().expect("bound");
        let (config, shown) = watch::channel(config);
        let (shaken, resumed) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let (stop, stopped) = oneshot::channel::<()>();
        let counted = (Arc::clone(&shaken), Arc::clone(&resumed));
        let serving = thread::spawn(move || {
            let runtime = Builder::new_current_thread().enable_all().build().expect("a runtime");
            runtime.block_on(async {
                let listener = TcpListener::from_std(listener).expect("a listener");
                tokio::select! {
                    () = accept(listener, target, shown, counted) => {}
                    _ = stopped => {}
                }
            });
        });
        Self { address, shaken, resumed, config, stop: Some(stop), serving: Some(serving) }
    }

    /// Its URL for a configuration, with a host name.
    pub fn url(&self) -> String {
        format!("https://localhost:{}", self.address.port())
    }

    /// Its address.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The number of completed handshakes.
    pub fn handshakes(&self) -> usize {
        self.shaken.load(Ordering::SeqCst)
    }

    /// The number of resumed sessions among them.
    pub fn resumptions(&self) -> usize {
        self.resumed.load(Ordering::SeqCst)
    }

    /// Uses another certificate from now on.
    pub fn show(&self, pair: &Pair) {
        self.config.send_replace(Arc::new(config(pair, None)));
    }
}

impl Drop for SecureTarget {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(serving) = self.serving.take() {
            let _ended = serving.join();
        }
    }
}

async fn accept(
    listener: TcpListener,
    target: SocketAddr,
    config: watch::Receiver<Arc<ServerConfig>>,
    counted: (Arc<AtomicUsize>, Arc<AtomicUsize>),
) {
    while let Ok((client, _)) = listener.accept().await {
        let acceptor = TlsAcceptor::from(config.borrow().clone());
        let (shaken, resumed) = counted.clone();
        tokio::spawn(async move {
            let mut client = acceptor.accept(client).await?;
            if client.get_ref().1.handshake_kind() == Some(HandshakeKind::Resumed) {
                resumed.fetch_add(1, Ordering::SeqCst);
            }
            shaken.fetch_add(1, Ordering::SeqCst);
            let mut target = TcpStream::connect(target).await?;
            copy_bidirectional(&mut client, &mut target).await?;
            io::Result::Ok(())
        });
    }
}

#[track_caller]
fn config(pair: &Pair, clients: Option<&Path>) -> ServerConfig {
    config_of(pair, clients, rustls::DEFAULT_VERSIONS)
}

#[track_caller]
fn config_of(
    pair: &Pair,
    clients: Option<&Path>,
    versions: &[&'static rustls::SupportedProtocolVersion],
) -> ServerConfig {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider));
    let builder = builder.with_protocol_versions(versions).expect("versions");
    let builder = match clients {
        None => builder.with_no_client_auth(),
        Some(ca) => {
            let mut roots = RootCertStore::empty();
            let ca = CertificateDer::from_pem_file(ca).expect("a certificate");
            roots.add(ca).expect("a CA");
            let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
            builder.with_client_cert_verifier(verifier.build().expect("a verifier"))
        }
    };
    let cert = CertificateDer::from_pem_file(&pair.cert).expect("a certificate");
    let key = PrivateKeyDer::from_pem_file(&pair.key).expect("a key");
    builder.with_single_cert(vec![cert], key).expect("both fit")
}
