//! nginx and HAProxy beside, with the same files in the same roles: `make differential` writes
//! `docs/certificates.md`.

use std::fmt::Write as _;
use std::fs;
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use testkit::{free_port, wait_until};

use super::rows::{ROWS, Row, Verdict};
use super::{Made, Served, Version, curl};
use crate::setup::SOON;

/// A role of a certificate.
type Role = fn(&Row) -> Verdict;

/// The results of the peers in one role: for each row nginx, then HAProxy.
type Said = Vec<Option<[bool; 2]>>;

const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/certificates.md");

const HEAD: &str = "# Certificates as people make them\n\n\
    Made with the commands that tutorials give \
    ([make.sh](../crates/teal/tests/e2e/certificates/make.sh)) and tried in three roles: the \
    server's own certificate, that of a target, and that of a client. Each is checked against the CA \
    that signed it, or against itself where it has signed itself. \"own\" means for nginx 1.22 and HAProxy 2.6 that \
    they start with it (`nginx -t`, `haproxy -c`), for Teal that `teal check` takes it and that curl gets an \
    answer. This page is written by `make differential`; the \
    columns of Teal are checked by `make test`, over TLS 1.2 and 1.3. A target with a key of P-521 \
    needs TLS 1.3.\n\n";

/// A proxy that runs.
struct Peer(Child);

impl Peer {
    /// Starts a program and waits until it listens at these ports.
    fn start(program: &str, arguments: &[&str], ports: &[u16]) -> Self {
        let mut command = Command::new(program);
        command.args(arguments).stdout(Stdio::null()).stderr(Stdio::null());
        let peer = Self(command.spawn().expect("nginx and HAProxy are installed"));
        for port in ports {
            wait_until(SOON, "the peer listens", || TcpStream::connect(local(*port)).is_ok());
        }
        peer
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        let _ = self.0.kill(); // it may have ended
        let _ = self.0.wait();
    }
}

fn local(port: u16) -> SocketAddr {
    (Ipv4Addr::LOCALHOST, port).into()
}

fn ports(count: usize) -> Vec<u16> {
    (0..count).map(|_| free_port()).collect()
}

fn nginx(work: &Path, servers: &str) -> String {
    let work = work.display();
    let mut paths = String::new();
    for name in ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"] {
        let _ = writeln!(paths, "{name}_temp_path {work}/{name};");
    }
    let text = format!(
        "daemon off;\nmaster_process off;\npid {work}/nginx.pid;\nerror_log {work}/nginx.log;\n\
         events {{}}\nhttp {{\naccess_log off;\n{paths}{servers}}}\n"
    );
    let path = format!("{work}/nginx.conf");
    fs::write(&path, text).expect("a file");
    path
}

fn haproxy(work: &Path, sections: &str) -> String {
    let text = format!(
        "global\n  ssl-default-bind-ciphers DEFAULT\ndefaults\n  mode http\n  timeout connect 2s\n  \
         timeout client 5s\n  timeout server 5s\n{sections}"
    );
    let path = format!("{}/haproxy.cfg", work.display());
    fs::write(&path, text).expect("a file");
    path
}

fn succeeds(program: &str, arguments: &[&str]) -> bool {
    let mut command = Command::new(program);
    command.args(arguments).stdout(Stdio::null()).stderr(Stdio::null());
    command.status().expect("it is installed").success()
}

/// The certificate and its key in one file, as HAProxy has them.
fn combined(made: &Made, row: &Row) -> String {
    let path = made.path(&format!("{}.both", row.name));
    let parts = [made.cert(row), made.key(row)].map(|path| fs::read(path).expect("a file"));
    fs::write(&path, parts.join(&b'\n')).expect("a file");
    path.display().to_string()
}

fn own(made: &Made) -> Said {
    let said = |row: &Row| {
        let work = tempfile::tempdir().expect("a directory");
        let (cert, key) = (made.cert(row), made.key(row));
        let server = format!(
            "server {{ listen unix:{}/s ssl; ssl_certificate {}; ssl_certificate_key {}; }}\n",
            work.path().display(),
            cert.display(),
            key.display()
        );
        let nginx = nginx(work.path(), &server);
        let bind = format!(
            "frontend f\n  bind unix@{}/h ssl crt {}\n  http-request return status 200\n",
            work.path().display(),
            combined(made, row)
        );
        let haproxy = haproxy(work.path(), &bind);
        [succeeds("nginx", &["-t", "-c", &nginx]), succeeds("haproxy", &["-c", "-f", &haproxy])]
    };
    ROWS.iter().map(|row| Some(said(row))).collect()
}

/// The rows that are tried in a role, each with its number.
fn tried(role: Role) -> impl Iterator<Item = (usize, &'static Row)> {
    ROWS.iter().enumerate().filter(move |(_, row)| !matches!(role(row), Verdict::Untried))
}

fn targets(made: &Made) -> Said {
    let work = tempfile::tempdir().expect("a directory");
    let served: Vec<_> = tried(|row| row.target)
        .map(|(at, row)| (at, row, Served::start(made, row, Version::Tls13)))
        .collect();
    let ports = ports(2);
    let (mut locations, mut uses, mut backends) = (String::new(), String::new(), String::new());
    for (_, row, front) in &served {
        let (name, host, port, ca) = (row.name, row.host, front.port, made.ca(row));
        let ca = ca.display();
        let _ = writeln!(
            locations,
            "location = /{name} {{ proxy_pass https://{host}:{port}/; proxy_ssl_verify on; \
             proxy_ssl_verify_depth 5; proxy_ssl_trusted_certificate {ca}; proxy_ssl_name {host}; \
             proxy_ssl_server_name on; }}"
        );
        let _ = writeln!(uses, "  use_backend {name} if {{ path /{name} }}");
        let _ = writeln!(
            backends,
            "backend {name}\n  http-request set-path /\n  server s 127.0.0.1:{port} ssl verify required ca-file {ca} \
             verifyhost {host}"
        );
    }
    let server = format!("server {{ listen 127.0.0.1:{};\n{locations}}}\n", ports[0]);
    let nginx = nginx(work.path(), &server);
    let frontend = format!("frontend f\n  bind 127.0.0.1:{}\n{uses}{backends}", ports[1]);
    let haproxy = haproxy(work.path(), &frontend);
    let _peers = [
        Peer::start("nginx", &["-c", &nginx], &ports[..1]),
        Peer::start("haproxy", &["-f", &haproxy], &ports[1..]),
    ];
    let mut said = vec![None; ROWS.len()];
    for (at, row, _) in &served {
        let ask = |port: &u16| {
            let url = format!("http://127.0.0.1:{port}/{}", row.name);
            succeeds("curl", &["--silent", "--fail", "--max-time", "8", &url])
        };
        said[*at] = Some([ask(&ports[0]), ask(&ports[1])]);
    }
    said
}

fn clients(made: &Made) -> Said {
    let work = tempfile::tempdir().expect("a directory");
    let rows: Vec<_> = tried(|row| row.client).collect();
    let ports = ports(2 * rows.len());
    let (of_nginx, of_haproxy) = ports.split_at(rows.len());
    let first = &ROWS[0];
    let (cert, key) = (made.cert(first), made.key(first));
    let (cert, key, both) = (cert.display(), key.display(), combined(made, first));
    let (mut servers, mut binds) = (String::new(), String::new());
    for (((_, row), port), other) in rows.iter().zip(of_nginx).zip(of_haproxy) {
        let ca = made.ca(row);
        let ca = ca.display();
        let _ = writeln!(
            servers,
            "server {{ listen 127.0.0.1:{port} ssl; ssl_certificate {cert}; ssl_certificate_key {key}; \
             ssl_client_certificate {ca}; ssl_verify_client on; ssl_verify_depth 5; return 204; }}"
        );
        let _ =
            writeln!(binds, "  bind 127.0.0.1:{other} ssl crt {both} ca-file {ca} verify required");
    }
    let nginx = nginx(work.path(), &servers);
    let frontend = format!("frontend f\n{binds}  http-request return status 204\n");
    let haproxy = haproxy(work.path(), &frontend);
    let _peers = [
        Peer::start("nginx", &["-c", &nginx], of_nginx),
        Peer::start("haproxy", &["-f", &haproxy], of_haproxy),
    ];
    let mut said = vec![None; ROWS.len()];
    for (((at, row), port), other) in rows.iter().zip(of_nginx).zip(of_haproxy) {
        let shown = (made.cert(row), made.key(row));
        let ask = |port: u16| {
            let shown = Some((&*shown.0, &*shown.1));
            curl(local(port), "localhost", Version::Tls13, shown)
        };
        said[*at] = Some([ask(*port), ask(*other)]);
    }
    said
}

fn cell(taken: Option<bool>) -> &'static str {
    match taken {
        Some(true) => "yes",
        Some(false) => "**no**",
        None => "–",
    }
}

fn page(roles: &[(&str, Role, Said); 3]) -> String {
    let mut page = String::from(HEAD);
    page.push_str("| certificate |");
    for (role, _, _) in roles {
        let _ = write!(page, " {role}: Teal | nginx | HAProxy |");
    }
    page.push_str("\n|---|---|---|---|---|---|---|---|---|---|\n");
    let mut words = String::new();
    for (at, row) in ROWS.iter().enumerate() {
        let _ = write!(page, "| {} |", row.what);
        for (role, verdict, said) in roles {
            let teal = match verdict(row) {
                Verdict::Taken => Some(true),
                Verdict::Refused(_) => Some(false),
                Verdict::Untried => None,
            };
            let peers = said[at].map_or([None; 2], |said| said.map(Some));
            let _ = write!(page, " {} | {} | {} |", cell(teal), cell(peers[0]), cell(peers[1]));
            if let Verdict::Refused(why) = verdict(row) {
                let _ = writeln!(words, "| {} | {role} | {why} |", row.what);
            }
        }
        page.push('\n');
    }
    page.push_str("\n## What Teal says of those that it refuses\n\n| certificate | as | words |\n|---|---|---|\n");
    page + &words
}

#[test]
#[ignore = "needs nginx and HAProxy; `make differential` runs it"]
fn certificates_beside_nginx_and_haproxy_make_the_page() {
    let made = Made::make();
    let roles: [(&str, Role, Said); 3] = [
        ("own", |row| row.own, own(&made)),
        ("target", |row| row.target, targets(&made)),
        ("client", |row| row.client, clients(&made)),
    ];
    fs::write(PAGE, page(&roles)).expect("docs");
}
