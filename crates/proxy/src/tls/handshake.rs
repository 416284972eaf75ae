//! TLS at a listener: its settings, and the handshake that enforces them.

use std::io;
use std::net::IpAddr;
use std::rc::Rc;
use std::sync::{Arc, Mutex, PoisonError};

use certificate::{ACME, CertificateStore, ClientAuth, ClientCa};
use connect::{Stream, TlsError};
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::CertificateDer;
use rustls::server::{Acceptor, NoServerSessionStorage, ServerSessionMemoryCache};
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::version::{TLS12, TLS13};
use rustls::{
    CertificateError, CipherSuite, ProtocolVersion, ServerConfig, ServerConnection,
    SupportedProtocolVersion,
};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio_rustls::server::TlsStream as ServerStream;
use tokio_rustls::{LazyConfigAcceptor, StartHandshake, TlsStream};
use traffic::HandshakeFailure;

use super::offer::{self, Offer};
use super::plain;
use super::presented::Presented;
use crate::carried::Protocol;

/// A listener's TLS, ready for use. Clones share their configurations.
///
/// AES with 128-bit keys comes first: no other part of a handshake is stronger than that, and most processors
/// have instructions for its SHA-256, which they lack for SHA-384. A client that puts ChaCha20 first has no AES
/// instructions, and gets what it asks for.
#[derive(Clone, Debug)]
pub struct TlsAcceptor {
    settings: Settings,
    store: Arc<CertificateStore>,
    made: Arc<Mutex<Arc<Made>>>,
}

/// The settings of a listener.
#[derive(Clone, Debug)]
struct Settings {
    only_tls13: bool,
    http2: bool,
    client_auth: Option<ClientAuth>,
}

/// The library's configurations. Rebuilt when the client CAs change.
#[derive(Debug)]
struct Made {
    /// The verifier of client certificates; `None`: clients are not asked for one.
    ca: Option<Arc<ClientCa>>,
    ours_first: Arc<ServerConfig>,
    theirs_first: Arc<ServerConfig>,
}

/// A client after its handshake, if there was one.
#[derive(Debug)]
pub(crate) struct Arrived {
    pub(crate) stream: Stream,
    /// The server name (SNI) that the client asked for, lower case.
    pub(crate) name: Option<Rc<str>>,
    pub(crate) protocol: Protocol,
    /// The TLS version; `None`: plain.
    pub(crate) tls: Option<TlsVersion>,
    /// The client's certificate.
    pub(crate) certificate: Option<Rc<Presented>>,
}

/// The supported TLS versions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TlsVersion {
    Tls12,
    Tls13,
}

/// The most bytes written but not yet sent that a session may hold: one record.
const SESSION_BYTES: usize = 16 * 1024;

/// Session tickets sent to a TLS 1.3 client. Most use one, and each costs a record.
const TICKETS: usize = 1;

/// TLS 1.2 sessions that are remembered, for clients without tickets.
const SESSIONS: usize = 1024;

/// HTTP/2 over TLS (RFC 9113 section 3.2).
const H2: &[u8] = b"h2";

/// A record that holds an alert, and the alerts sent (RFC 8446 section 6, RFC 6066 section 3). rustls sends
/// `access_denied` where no certificate is found, which has another meaning.
const ALERT: u8 = 21;
const FATAL: u8 = 2;
const HANDSHAKE_FAILURE: u8 = 40;
const UNRECOGNIZED_NAME: u8 = 112;

const NO_SUCH_NAME: &str = "no certificate has the server name (SNI) that the client asked for";
const NONE: &str = "there is no certificate yet";

const NO_CA: &str = "the client_auth.ca file has not been read";

impl TlsAcceptor {
    /// Makes a listener's TLS from the certificates and CAs of the certificate store.
    ///
    /// # Errors
    /// If the `client_auth` CA file was not read.
    pub fn new(
        store: Arc<CertificateStore>,
        only_tls13: bool,
        http2: bool,
        client_auth: Option<&ClientAuth>,
    ) -> Result<Self, TlsError> {
        let settings = Settings { only_tls13, http2, client_auth: client_auth.cloned() };
        let made = settings.make(&store)?;
        Ok(Self { settings, store, made: Arc::new(Mutex::new(Arc::new(made))) })
    }

    /// Returns the turn (the version) of the client CAs.
    pub(crate) fn turn(&self) -> u64 {
        self.store.turn()
    }

    /// Returns true if a client with this certificate would be admitted now.
    pub(super) fn trusts(&self, chain: &[CertificateDer<'static>]) -> bool {
        self.settings.ca(&self.store).is_some_and(|ca| ca.trusts(chain))
    }

    /// Returns the configuration for the next handshake.
    fn current(&self) -> Result<Arc<Made>, TlsError> {
        let mut made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        if self.settings.client_auth.is_some() {
            let now = self.settings.ca(&self.store);
            let same = now.as_ref().zip(made.ca.as_ref()).is_some_and(|(a, b)| Arc::ptr_eq(a, b));
            if !same {
                *made = Arc::new(self.settings.make(&self.store)?);
            }
        }
        Ok(made.clone())
    }

    /// Does the handshake with a client, without a deadline.
    async fn accept(
        &self,
        stream: TcpStream,
        reached: Option<IpAddr>,
    ) -> io::Result<ServerStream<TcpStream>> {
        if let Some(plain) = plain::look(&stream).await? {
            Box::pin(plain::answer(stream, plain)).await?; // boxed: rare, and it has a buffer
            return Err(io::Error::new(io::ErrorKind::InvalidData, plain::WORDS));
        }
        let begun = LazyConfigAcceptor::new(Acceptor::default(), stream).await;
        let mut begun = begun.map_err(offer::explain_hello)?;
        let (known, named) = {
            let hello = begun.client_hello();
            (self.store.choose(&hello).is_some(), hello.server_name().is_some())
        };
        if !known {
            let (alert, why) =
                if named { (UNRECOGNIZED_NAME, NO_SUCH_NAME) } else { (HANDSHAKE_FAILURE, NONE) };
            begun.io.write_all(&[ALERT, 3, 3, 0, 2, FATAL, alert]).await?;
            return Err(io::Error::new(io::ErrorKind::NotFound, why));
        }
        let chacha = puts_chacha_first(begun.client_hello().cipher_suites());
        let made = self.current().map_err(io::Error::other)?;
        let mut config = if chacha { &made.theirs_first } else { &made.ours_first }.clone();
        if !named && let Some(shown) = self.shown_by_address(&begun, reached) {
            let mut own = ServerConfig::clone(&config);
            own.cert_resolver = Arc::new(SingleCertAndKey::from(shown));
            config = Arc::new(own);
        }
        let offer = Offer::of(&begun.client_hello());
        let bounded =
            |session: &mut ServerConnection| session.set_buffer_limit(Some(SESSION_BYTES));
        let done = begun.into_stream_with(config.clone(), bounded).await;
        done.map_err(|error| offer.explain(error, &config))
    }

    /// Returns the certificate for the address that a client without a server name has reached, here or at a proxy.
    fn shown_by_address(
        &self,
        begun: &StartHandshake<TcpStream>,
        reached: Option<IpAddr>,
    ) -> Option<CertifiedKey> {
        let hello = begun.client_hello();
        if hello.alpn().is_some_and(|mut spoken| spoken.any(|protocol| protocol == ACME)) {
            return None;
        }
        let here = || begun.io.local_addr().ok().map(|address| address.ip());
        let address = reached.or_else(here)?;
        self.store.choose_by_address(&hello, address).map(|key| CertifiedKey::clone(&key))
    }
}

// === impl TlsVersion ===

impl TlsVersion {
    /// Returns it as written, such as `1.3`.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Tls12 => "1.2",
            Self::Tls13 => "1.3",
        }
    }

    fn of(session: &ServerConnection) -> Self {
        match session.protocol_version() {
            Some(ProtocolVersion::TLSv1_2) => Self::Tls12,
            _ => Self::Tls13,
        }
    }
}

// === impl Settings ===

impl Settings {
    /// Builds the configurations with the current client CAs.
    fn ca(&self, store: &CertificateStore) -> Option<Arc<ClientCa>> {
        store.client_ca(&self.client_auth.as_ref()?.ca)
    }

    fn make(&self, store: &Arc<CertificateStore>) -> Result<Made, TlsError> {
        const BOTH: &[&SupportedProtocolVersion] = &[&TLS13, &TLS12];
        let versions = if self.only_tls13 { &BOTH[..1] } else { BOTH };
        let mut provider = aws_lc_rs::default_provider();
        provider.cipher_suites.sort_by_key(|suite| !name(suite.suite()).contains("AES_128"));
        let builder = ServerConfig::builder_with_provider(Arc::new(provider));
        let builder = builder.with_protocol_versions(versions);
        let builder = builder.map_err(|error| wrong("TLS", &error))?;
        let ca = self.ca(store);
        let builder = match (&self.client_auth, &ca) {
            (None, _) => builder.with_no_client_auth(),
            (Some(auth), Some(ca)) => builder.with_client_cert_verifier(ca.verifier(auth.required)),
            (Some(auth), None) => {
                return Err(TlsError { path: auth.ca.clone(), problem: NO_CA.to_owned() });
            }
        };
        let mut config = builder.with_cert_resolver(store.clone());
        let spoken: &[&[u8]] =
            if self.http2 { &[H2, b"http/1.1", ACME] } else { &[b"http/1.1", ACME] };
        config.alpn_protocols = spoken.iter().map(|protocol| protocol.to_vec()).collect();
        // The ticket keys outlive every reload, since the acceptor does. Clients that must send a certificate send
        // it on every connection.
        if ca.is_some() {
            config.session_storage = Arc::new(NoServerSessionStorage {});
            config.send_tls13_tickets = 0;
        } else {
            config.session_storage = ServerSessionMemoryCache::new(SESSIONS);
            config.send_tls13_tickets = TICKETS;
            config.ticketer =
                aws_lc_rs::Ticketer::new().map_err(|error| wrong("session tickets", &error))?;
        }
        let theirs_first = Arc::new(config.clone());
        config.ignore_client_order = true;
        Ok(Made { ca, ours_first: Arc::new(config), theirs_first })
    }
}

/// Returns true if the first known cipher suite is ChaCha20: made-up ones (GREASE) may come before it.
fn puts_chacha_first(suites: &[CipherSuite]) -> bool {
    let first = suites.iter().map(|suite| name(*suite)).find(|name| !name.is_empty());
    first.is_some_and(|name| name.contains("CHACHA20"))
}

/// Returns the name of a cipher suite; empty for an unknown one.
fn name(suite: CipherSuite) -> &'static str {
    suite.as_str().unwrap_or_default()
}

fn wrong(what: &str, error: &rustls::Error) -> TlsError {
    TlsError { path: what.into(), problem: error.to_string() }
}

/// Does the handshake with a client, without a deadline; `None` if the client came for the handshake alone.
/// `reached`: the address that a proxy has announced.
///
/// # Errors
/// The reason why the client is not admitted.
pub(crate) async fn shake_hands(
    stream: TcpStream,
    acceptor: &TlsAcceptor,
    reached: Option<IpAddr>,
) -> io::Result<Option<Arrived>> {
    let turn = acceptor.turn(); // before the CAs are read: a change after this is noticed later
    let session = acceptor.accept(stream, reached).await?;
    // The CA has seen the certificate it came for (RFC 8737 section 3).
    if session.get_ref().1.alpn_protocol() == Some(ACME) {
        return Ok(None);
    }
    let name = session.get_ref().1.server_name();
    let name = name.map(|name| Rc::from(name.to_ascii_lowercase()));
    let protocol = match session.get_ref().1.alpn_protocol() {
        Some(H2) => Protocol::Http2,
        _ => Protocol::Http1,
    };
    let tls = Some(TlsVersion::of(session.get_ref().1));
    let shown = session.get_ref().1.peer_certificates();
    let above = acceptor.settings.client_auth.as_ref().is_some_and(|auth| auth.chain);
    let certificate = shown.map(|chain| Rc::new(Presented::new(chain, turn, above)));
    let stream = Stream::Tls(Box::new(TlsStream::Server(session)));
    Ok(Some(Arrived { stream, name, protocol, tls, certificate }))
}

/// Returns the reason why a handshake failed, as counted in metrics.
pub(crate) fn reason(error: &io::Error) -> HandshakeFailure {
    use io::ErrorKind::{
        BrokenPipe, ConnectionAborted, ConnectionReset, NotFound, TimedOut, UnexpectedEof,
        Unsupported,
    };
    use rustls::Error::{
        AlertReceived, General, InvalidCertificate, InvalidMessage, NoApplicationProtocol,
        NoCertificatesPresented, PeerIncompatible,
    };
    let inner = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>());
    match (error.kind(), inner) {
        (TimedOut, _) => HandshakeFailure::Timeout,
        (NotFound, _) => HandshakeFailure::UnknownName,
        (Unsupported, _) | (_, Some(PeerIncompatible(_) | NoApplicationProtocol)) => {
            HandshakeFailure::Unsupported
        }
        (UnexpectedEof | ConnectionReset | ConnectionAborted | BrokenPipe, _) => {
            HandshakeFailure::Closed
        }
        (_, Some(AlertReceived(_))) => HandshakeFailure::Refused,
        (_, Some(NoCertificatesPresented | InvalidCertificate(_))) => {
            HandshakeFailure::ClientCertificate
        }
        (_, Some(InvalidMessage(rustls::InvalidMessage::InvalidContentType))) => {
            HandshakeFailure::NotTls
        }
        (_, Some(General(what))) if what.contains("no server certificate chain") => {
            HandshakeFailure::UnknownName
        }
        (io::ErrorKind::InvalidData, None) => HandshakeFailure::NotTls, // see `plain`
        _ => HandshakeFailure::Other,
    }
}

/// Returns the reason why a handshake failed, for an operator.
pub(crate) fn describe(error: &io::Error) -> String {
    use rustls::Error::{
        General, InvalidCertificate, InvalidMessage, NoCertificatesPresented, PeerIncompatible,
    };
    if error.kind() == io::ErrorKind::TimedOut {
        return "it timed out".to_owned();
    }
    let inner = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>());
    match inner {
        // The last certificate was removed in the meantime.
        Some(General(what)) if what.contains("no server certificate chain") => {
            NO_SUCH_NAME.to_owned()
        }
        Some(InvalidMessage(rustls::InvalidMessage::InvalidContentType)) => {
            "the client did not speak TLS (plain HTTP?)".to_owned()
        }
        Some(NoCertificatesPresented) => "the client sent no certificate".to_owned(),
        Some(InvalidCertificate(CertificateError::Other(why))) => format!("the client: {why}"),
        Some(PeerIncompatible(why)) => format!("the client's TLS is incompatible ({why:?})"),
        _ => error.to_string(),
    }
}
