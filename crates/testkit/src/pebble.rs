//! Pebble, an ACME CA for tests, with its own DNS server in which every name is this machine.

use std::collections::HashMap;
use std::fs;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use crate::pki::Pki;
use crate::port::free_port;
use crate::wait::wait_until;

/// The time limit of its start.
const SOON: Duration = Duration::from_secs(20);

/// The ports and files of a CA that is not started yet.
#[derive(Debug)]
pub struct PebblePlace {
    directory: PathBuf,
    pki: Pki,
    api: u16,
    management: u16,
    dns: u16,
    dns_management: u16,
}

/// A running CA. Its processes end when it is dropped.
#[derive(Debug)]
pub struct Pebble {
    place: PebblePlace,
    processes: [Child; 2],
}

/// The options of the CA.
#[derive(Clone, Debug)]
pub struct PebbleOptions<'a> {
    /// The port for `http-01` validation.
    pub http: u16,
    /// The port for `tls-alpn-01` validation.
    pub tls: u16,
    /// The validity of its certificates.
    pub validity: Duration,
    /// Names that it refuses.
    pub refused: &'a [&'a str],
    /// The id and key (base64url) of the external account that it requires; `None`: it requires none.
    pub external: Option<(&'a str, &'a str)>,
}

impl PebblePlace {
    /// Reserves ports for a CA that is not started yet; its files are in `directory`.
    pub fn new(directory: &Path) -> Self {
        fs::create_dir_all(directory).expect("a directory");
        let pki = Pki::new(directory);
        let [api, management, dns, dns_management] = [(); 4].map(|()| free_port());
        Self { directory: directory.to_owned(), pki, api, management, dns, dns_management }
    }

    /// The URL of its ACME directory.
    pub fn url(&self) -> String {
        format!("https://localhost:{}/dir", self.api)
    }

    /// The CA of its server's certificate; not of the certificates that it issues.
    pub fn pki(&self) -> &Pki {
        &self.pki
    }

    /// Starts it.
    #[track_caller]
    pub fn start(self, options: &PebbleOptions<'_>) -> Pebble {
        let pair = self.pki.issue("pebble", &["localhost"]);
        let at = |port: u16| format!("127.0.0.1:{port}");
        let config = serde_json::json!({ "pebble": {
            "listenAddress": at(self.api),
            "managementListenAddress": at(self.management),
            "certificate": pair.cert,
            "privateKey": pair.key,
            "httpPort": options.http,
            "tlsPort": options.tls,
            "certificateValidityPeriod": options.validity.as_secs(),
            "domainBlocklist": options.refused,
            "externalAccountBindingRequired": options.external.is_some(),
            "externalAccountMACKeys": options.external.into_iter().collect::<HashMap<_, _>>(),
        }});
        let file = self.directory.join("pebble.json");
        fs::write(&file, config.to_string()).expect("a file");
        let dns = Command::new("pebble-challtestsrv")
            .args(["-http01", "", "-https01", "", "-tlsalpn01", "", "-defaultIPv6", ""])
            .args(["-dns01", &at(self.dns), "-management", &at(self.dns_management)])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("pebble-challtestsrv is installed");
        let ca = self.spawn();
        let pebble = Pebble { place: self, processes: [ca, dns] };
        wait_until(SOON, "pebble answers", || pebble.fetch("roots/0").is_some());
        pebble
    }

    fn spawn(&self) -> Child {
        let log = fs::File::create(self.directory.join("pebble.log")).expect("a file");
        Command::new("pebble")
            .arg("-config")
            .arg(self.directory.join("pebble.json"))
            .args(["-dnsserver", &format!("127.0.0.1:{}", self.dns)])
            .envs([("PEBBLE_VA_NOSLEEP", "1"), ("PEBBLE_AUTHZREUSE", "0")])
            .stdin(Stdio::null())
            .stdout(log.try_clone().expect("a file"))
            .stderr(log)
            .spawn()
            .expect("pebble is installed")
    }
}

impl Pebble {
    /// The URL of its ACME directory.
    pub fn url(&self) -> String {
        self.place.url()
    }

    /// The CA of its server's certificate; not of the certificates that it issues.
    pub fn pki(&self) -> &Pki {
        &self.place.pki
    }

    /// A file with the root certificate of the certificates that it issues.
    pub fn root(&self) -> PathBuf {
        let file = self.place.directory.join("root.pem");
        fs::write(&file, self.fetch("roots/0").expect("pebble answers")).expect("a file");
        file
    }

    /// Restarts it on the same ports: it has forgotten all accounts and certificates, and has another
    /// root.
    #[track_caller]
    pub fn restart(&mut self) {
        let [ca, _] = &mut self.processes;
        ca.kill().expect("it runs");
        ca.wait().expect("it has ended");
        *ca = self.place.spawn();
        wait_until(SOON, "pebble answers", || self.fetch("roots/0").is_some());
    }

    /// Points this name to this address from now on.
    #[track_caller]
    pub fn point(&self, name: &str, to: Ipv4Addr) {
        let record = serde_json::json!({ "host": format!("{name}."), "addresses": [to] });
        let status = Command::new("curl")
            .args(["-sSf", "--max-time", "5", "-d", &record.to_string()])
            .arg(format!("http://127.0.0.1:{}/add-a", self.place.dns_management))
            .status()
            .expect("curl is installed");
        assert!(status.success(), "{name} can't be pointed to {to}");
    }

    /// Its log.
    pub fn log(&self) -> String {
        fs::read_to_string(self.place.directory.join("pebble.log")).unwrap_or_default()
    }

    /// The number of certificates it has issued.
    pub fn issued(&self) -> usize {
        self.log().matches("Issued certificate serial").count()
    }

    fn fetch(&self, path: &str) -> Option<Vec<u8>> {
        let output = Command::new("curl")
            .args(["-sSf", "--max-time", "5", "--resolve"])
            .arg(format!("localhost:{}:127.0.0.1", self.place.management))
            .arg("--cacert")
            .arg(self.place.pki.ca())
            .arg(format!("https://localhost:{}/{path}", self.place.management))
            .output()
            .expect("curl is installed");
        output.status.success().then_some(output.stdout)
    }
}

impl Drop for Pebble {
    fn drop(&mut self) {
        for process in &mut self.processes {
            let _ended_already = process.kill();
            let _ = process.wait();
        }
    }
}
