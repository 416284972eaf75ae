//! Certificates for tests: a CA, certificates signed by it, and clients that trust it.

use std::fs;
use std::net::{SocketAddr, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use rcgen::{
    BasicConstraints, CertificateParams, CrlDistributionPoint, DnType, IsCa, Issuer, KeyPair,
    PKCS_RSA_SHA256, date_time_ymd,
};
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

/// A client's TLS session over a blocking socket.
pub type TlsStream = StreamOwned<ClientConnection, TcpStream>;

/// A CA and the directory of its files.
#[derive(Debug)]
pub struct Pki {
    directory: PathBuf,
    issuer: Issuer<'static, KeyPair>,
}

/// The two files of a certificate.
#[derive(Clone, Debug)]
pub struct Pair {
    /// PEM: the certificate.
    pub cert: PathBuf,
    /// PEM: its key.
    pub key: PathBuf,
}

/// A client's trusted CA, expected name, and own certificate.
#[derive(Clone, Debug)]
pub struct Trust {
    config: Arc<ClientConfig>,
    name: Option<String>,
}

impl Pki {
    /// Creates a CA.
    pub fn new(directory: &Path) -> Self {
        let mut parameters = CertificateParams::default();
        parameters.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        parameters.distinguished_name.push(DnType::CommonName, "a CA for tests");
        let key = KeyPair::generate().expect("a key");
        let certificate = parameters.self_signed(&key).expect("a certificate");
        fs::write(directory.join("ca.pem"), certificate.pem()).expect("a file");
        Self { directory: directory.to_owned(), issuer: Issuer::new(parameters, key) }
    }

    /// The file with the CA's certificate.
    pub fn ca(&self) -> PathBuf {
        self.directory.join("ca.pem")
    }

    /// A certificate for these names, in files named after `file`, which it replaces.
    pub fn issue(&self, file: &str, names: &[&str]) -> Pair {
        self.issue_until(file, names, 2100)
    }

    /// The same, valid until the beginning of this year.
    pub fn issue_until(&self, file: &str, names: &[&str], year: i32) -> Pair {
        self.sign(file, names, year, &KeyPair::generate().expect("a key"))
    }

    /// The same, valid for this long from now, to the second.
    pub fn issue_for(&self, file: &str, names: &[&str], time: Duration) -> Pair {
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).expect("after 1970");
        let mut parameters = unsigned(names);
        parameters.not_before = date_time_ymd(2000, 1, 1);
        parameters.not_after = date_time_ymd(1970, 1, 1) + now + time;
        self.write(file, &parameters, &KeyPair::generate().expect("a key"))
    }

    /// The same with an RSA key, valid until 2100.
    pub fn issue_rsa(&self, file: &str, names: &[&str]) -> Pair {
        let key = KeyPair::generate_for(&PKCS_RSA_SHA256).expect("a key");
        self.sign(file, names, 2100, &key)
    }

    /// A certificate as public CAs issue them: valid since yesterday and for 80 days, with the first
    /// name as common name, and with the URL of a revocation list.
    pub fn issue_as_public(&self, file: &str, names: &[&str]) -> Pair {
        const DAY: Duration = Duration::from_secs(24 * 60 * 60);
        let epoch = SystemTime::UNIX_EPOCH;
        let now = SystemTime::now().duration_since(epoch).expect("a time after 1970");
        let mut parameters = unsigned(names);
        parameters.not_before = date_time_ymd(1970, 1, 1) + now - DAY;
        parameters.not_after = date_time_ymd(1970, 1, 1) + now + DAY * 80;
        for name in names.iter().take(1) {
            parameters.distinguished_name.push(DnType::CommonName, *name);
        }
        let uris = vec!["http://localhost/revoked.crl".to_owned()];
        parameters.crl_distribution_points = vec![CrlDistributionPoint { uris }];
        self.write(file, &parameters, &KeyPair::generate().expect("a key"))
    }

    fn sign(&self, file: &str, names: &[&str], year: i32, key: &KeyPair) -> Pair {
        let mut parameters = unsigned(names);
        parameters.not_before = date_time_ymd(2000, 1, 1);
        parameters.not_after = date_time_ymd(year, 1, 1);
        self.write(file, &parameters, key)
    }

    fn write(&self, file: &str, parameters: &CertificateParams, key: &KeyPair) -> Pair {
        let certificate = parameters.signed_by(key, &self.issuer).expect("a certificate");
        let pair = Pair {
            cert: self.directory.join(format!("{file}.pem")),
            key: self.directory.join(format!("{file}.key")),
        };
        fs::write(&pair.cert, certificate.pem()).expect("a file");
        fs::write(&pair.key, key.serialize_pem()).expect("a file");
        let private = fs::Permissions::from_mode(0o600);
        fs::set_permissions(&pair.key, private).expect("a file of ours");
        pair
    }

    /// A client that trusts this CA and asks for the server `name`; without one it sends none, and
    /// expects a certificate for `localhost`.
    pub fn trust(&self, name: Option<&str>) -> Trust {
        let config = self.client().with_no_client_auth();
        Trust { config: Arc::new(config), name: name.map(str::to_owned) }
    }

    /// The same, with a client certificate.
    pub fn trust_showing(&self, name: &str, pair: &Pair) -> Trust {
        let cert = CertificateDer::from_pem_file(&pair.cert).expect("a certificate");
        let key = PrivateKeyDer::from_pem_file(&pair.key).expect("a key");
        let config = self.client().with_client_auth_cert(vec![cert], key).expect("both fit");
        Trust { config: Arc::new(config), name: Some(name.to_owned()) }
    }

    fn client(&self) -> rustls::ConfigBuilder<ClientConfig, rustls::client::WantsClientCert> {
        client(&self.ca())
    }
}

fn unsigned(names: &[&str]) -> CertificateParams {
    let names: Vec<String> = names.iter().map(ToString::to_string).collect();
    CertificateParams::new(names).expect("names")
}

/// A client that trusts the CA in this file.
fn client(ca: &Path) -> rustls::ConfigBuilder<ClientConfig, rustls::client::WantsClientCert> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(ca).expect("a certificate")).expect("a CA");
    ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_root_certificates(roots)
}

impl Trust {
    /// A client that trusts the CA in this PEM file, and asks for the server `name`.
    pub fn of_file(ca: &Path, name: &str) -> Self {
        let config = Arc::new(client(ca).with_no_client_auth());
        Self { config, name: Some(name.to_owned()) }
    }

    /// The same, offering these protocols (ALPN).
    #[must_use]
    pub fn offering(&self, protocols: &[&str]) -> Self {
        let mut config = (*self.config).clone();
        config.alpn_protocols = protocols.iter().map(|name| name.as_bytes().to_vec()).collect();
        Self { config: Arc::new(config), name: self.name.clone() }
    }

    /// The name that it expects.
    pub fn name(&self) -> &str {
        self.name.as_deref().unwrap_or("localhost")
    }

    fn config(&self) -> Arc<ClientConfig> {
        let mut config = (*self.config).clone();
        config.enable_sni = self.name.is_some();
        Arc::new(config)
    }

    /// Connects and does the TLS handshake.
    pub fn connect(&self, address: SocketAddr) -> std::io::Result<TlsStream> {
        self.shake_hands(TcpStream::connect(address)?)
    }

    /// Does the TLS handshake on a connection.
    pub fn shake_hands(&self, mut socket: TcpStream) -> std::io::Result<TlsStream> {
        let config = self.config();
        let name = ServerName::try_from(self.name().to_owned()).expect("a name");
        let mut session = ClientConnection::new(config, name).map_err(std::io::Error::other)?;
        while session.is_handshaking() {
            session.complete_io(&mut socket)?;
        }
        Ok(StreamOwned::new(session, socket))
    }
}

impl From<Trust> for drill::load::Trust {
    fn from(trust: Trust) -> Self {
        Self::Client { config: trust.config(), name: trust.name().to_owned() }
    }
}
