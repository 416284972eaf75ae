//! Real servers that answer 421 where Host and server name (SNI) differ: Apache since 2.4.64, and Caddy.

use std::fmt::Write as _;
use std::fs;
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use testkit::{Pki, Settings, Teal, free_address, wait_until};

use crate::TEAL;
use crate::setup::SOON;
use crate::strict_targets::{HOSTS, WRITTEN, ask, both_hosts_across_a_switch, in_front};

/// A server that is stopped when this is dropped.
struct Server {
    child: Child,
    address: SocketAddr,
}

impl Server {
    fn start(mut command: Command, address: SocketAddr) -> Self {
        let child = command.stdin(Stdio::null()).spawn().expect("the server is installed");
        wait_until(2 * SOON, "the server listens", || TcpStream::connect(address).is_ok());
        Self { child, address }
    }

    fn url(&self) -> String {
        format!("https://{}", self.address)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Apache and Caddy have no children here: one process is all of it.
        let _ = self.child.kill();
        // Ignored: it may have ended by itself.
        let _ = self.child.wait();
    }
}

/// The program, unless it is missing and this is not the CI, whose tools bring it.
#[expect(clippy::print_stderr, reason = "whoever runs the tests has to see what was left out")]
fn program(path: PathBuf) -> Option<PathBuf> {
    if path.exists() {
        return Some(path);
    }
    assert!(std::env::var_os("CI").is_none(), "{} is missing", path.display());
    eprintln!("skipped: {} is missing; .ci/tools test installs it", path.display());
    None
}

fn apache(program: &Path, directory: &Path, pki: &Pki, color: &str) -> Server {
    let (address, root) = (free_address(), directory.join(color));
    let mut config = format!(
        "ServerRoot {root}\nPidFile {root}/pid\nErrorLog {root}/log\nListen {address}\n\
         ServerName strict.test\nProtocols h2 http/1.1\nMutex file:{root}\n",
        root = root.display()
    );
    for module in ["mpm_event", "authz_core", "dir", "ssl", "http2"] {
        let modules = "/usr/lib/apache2/modules";
        let _ = writeln!(config, "LoadModule {module}_module {modules}/mod_{module}.so");
    }
    for host in HOSTS {
        let (pair, site) = (pki.issue(&format!("{color}-{host}"), &[host]), root.join(host));
        fs::create_dir_all(&site).expect("a directory");
        fs::write(site.join("health"), "fine").expect("a file");
        fs::write(site.join("index.html"), format!("{color} {host}")).expect("a file");
        let _ = write!(
            config,
            "<VirtualHost {address}>\nServerName {host}\nDocumentRoot {}\nSSLEngine on\n\
             SSLCertificateFile {}\nSSLCertificateKeyFile {}\n</VirtualHost>\n",
            site.display(),
            pair.cert.display(),
            pair.key.display()
        );
    }
    let file = root.join("conf");
    fs::write(&file, config).expect("a file");
    let mut command = Command::new(program);
    command.arg("-f").arg(&file).args(["-X"]);
    Server::start(command, address)
}

fn caddy(program: &Path, directory: &Path, pki: &Pki, color: &str) -> Server {
    let (address, root) = (free_address(), directory.join(color));
    fs::create_dir_all(&root).expect("a directory");
    let mut config =
        "{\nadmin off\nauto_https off\npersist_config off\nservers {\nstrict_sni_host on\n}\n}\n"
            .to_owned();
    for host in HOSTS {
        let pair = pki.issue(&format!("{color}-{host}"), &[host]);
        let _ = write!(
            config,
            "https://{host}:{} {{\nbind 127.0.0.1\ntls {} {}\nrespond \"{color} {host}\"\n}}\n",
            address.port(),
            pair.cert.display(),
            pair.key.display()
        );
    }
    let file = root.join("Caddyfile");
    fs::write(&file, config).expect("a file");
    let mut command = Command::new(program);
    command.args(["run", "--adapter", "caddyfile", "--config"]).arg(&file);
    command.env("HOME", &root).env("XDG_DATA_HOME", &root).env("XDG_CONFIG_HOME", &root);
    Server::start(command.stderr_to(&root.join("log")), address)
}

/// Sends the standard error to a file.
trait StderrTo {
    fn stderr_to(self, file: &Path) -> Self;
}

impl StderrTo for Command {
    fn stderr_to(mut self, file: &Path) -> Self {
        self.stderr(fs::File::create(file).expect("a file"));
        self
    }
}

/// Tries a server: with the keys there is no 421, over HTTP/2 and over HTTP/1.1; without them there is.
fn strict(hosts: &[&str], start: impl Fn(&Path, &Pki, &str) -> Server) {
    let directory = tempfile::tempdir().expect("a directory");
    let pki = Pki::new(directory.path());
    let servers = ["blue", "green"].map(|color| start(directory.path(), &pki, color));
    let urls = servers.each_ref().map(Server::url);
    let settings = |tls: &str, further: &str| -> Settings {
        in_front([&urls[0], &urls[1]], &pki.ca(), tls, further)
    };
    for protocol in ["", ", http2 = false"] {
        let by_request = settings(&format!(", server_name = \"host\"{protocol}"), "");
        both_hosts_across_a_switch(by_request, hosts, |color, host| format!("{color} {host}"));
        let fixed = format!(", server_name = \"b.test\"{protocol}");
        let own = settings(&fixed, ", host = \"target\"");
        both_hosts_across_a_switch(own, hosts, |color, _| format!("{color} b.test"));
        let teal =
            Teal::start(TEAL, &settings(&format!(", server_name = \"a.test\"{protocol}"), ""));
        teal.wait_healthy("blue", true);
        assert_eq!(ask(&teal, "a.test"), (200, "blue a.test".to_owned()));
        assert_eq!(ask(&teal, "b.test").0, 421, "it is strict");
    }
}

#[test]
fn r49_a_strict_apache_serves_two_hosts() {
    // L9
    if let Some(program) = program("/usr/sbin/apache2".into()) {
        strict(&WRITTEN, |directory, pki, color| apache(&program, directory, pki, color));
    }
}

#[test]
fn r49_a_strict_caddy_serves_two_hosts() {
    // L9
    let python = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("../python");
    if let Some(program) = program(python.join("bin/caddy")) {
        // It takes a name with a dot at its end, which has none in TLS (RFC 6066 section 3), for another.
        strict(&["A.Test", "a.test:80", "b.test"], |directory, pki, color| {
            caddy(&program, directory, pki, color)
        });
    }
}
