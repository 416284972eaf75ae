//! `docs/guide/moving`: the configuration of another proxy and ours beside it answer the same requests the same way, and send
//! targets the same.

use std::fs;
use std::process::Child;
use std::time::Duration;

use testkit::{Client, Target, signal_process, wait_until};

use crate::ground::{self, at, daemon, install};
use crate::tools;

const SOON: Duration = Duration::from_secs(20);

/// Each case: its name, and the request.
fn cases() -> Vec<(&'static str, Vec<u8>)> {
    let head = |line: &str, host: &str, fields: &str| {
        format!("{line} HTTP/1.1\r\nHost: {host}\r\n{fields}\r\n").into_bytes()
    };
    let large =
        [head("POST /large", "example.com", "Content-Length: 2097152\r\n"), vec![b'x'; 2_097_152]]
            .concat();
    let form =
        [head("POST /form", "example.com", "Content-Length: 1000\r\n"), vec![b'x'; 1000]].concat();
    let chunked = "Transfer-Encoding: chunked\r\n";
    vec![
        ("a page", head("GET /page?of=one", "example.com", "")),
        ("another host", head("GET /", "www.example.com", "")),
        ("a head", head("HEAD /page", "example.com", "")),
        ("a form", form),
        (
            "chunks",
            [head("PUT /file", "example.com", chunked), b"3\r\nabc\r\n0\r\n\r\n".to_vec()].concat(),
        ),
        ("the API", head("GET /api/orders?of=one", "example.com", "")),
        ("a path that only begins alike", head("GET /apis", "example.com", "")),
        (
            "a claim",
            head(
                "GET /claim",
                "example.com",
                "X-Forwarded-For: 203.0.113.9\r\nX-Forwarded-Proto: https\r\n",
            ),
        ),
        ("a host of nobody", head("GET /", "example.net", "")),
        ("too large a body", large),
    ]
}

/// What the client was answered, and what the target was sent, in words.
fn play(targets: &[Target]) -> Vec<(&'static str, u16, String)> {
    cases()
        .into_iter()
        .map(|(name, request)| {
            for target in targets {
                target.seen().forget();
            }
            let mut client = Client::connect(at(8080)).patience(SOON);
            let _ = client.try_send(&request); // it may be refused before its end
            let answer = client.read_answer(request.starts_with(b"HEAD"));
            let status = answer.unwrap_or_else(|error| unreachable!("{name}: {error:?}")).status;
            let sent = targets.iter().flat_map(|target| target.seen().requests());
            let sent: Vec<String> = sent
                .map(|request| {
                    let field = |name: &str| request.fields.get(name).unwrap_or("none").to_owned();
                    let [host, client, proto] =
                        ["host", "x-forwarded-for", "x-forwarded-proto"].map(field);
                    let (method, uri, length) =
                        (&request.method, &request.target, request.body_length);
                    format!("{method} {uri} {length} host {host} for {client} by {proto}")
                })
                .collect();
            (name, status, if status < 400 { sent.join(", ") } else { String::new() })
        })
        .collect()
}

/// Plays the cases to another proxy, which is started by this command, then to Teal with the configuration beside.
fn compare(directory: &str, command: &[&str]) {
    let targets = [("app", 8081), ("app-green", 8082), ("api", 8083), ("api-green", 8084)]
        .map(|(name, port)| Target::start_at(name, at(port)));
    let mut peer = Peer::start(command);
    let theirs = play(&targets);
    peer.end();
    ground::start_teal(&format!("examples/moving/{directory}/teal.toml"));
    let ours = play(&targets);
    assert_eq!(ours, theirs, "ours, and what {directory} does");
}

/// Another proxy at port 8080.
struct Peer(Child);

impl Peer {
    fn start(command: &[&str]) -> Self {
        let peer = Self(daemon(command));
        // Traefik listens before it has read its routes.
        wait_until(SOON, "it passes requests on", || {
            let Ok(mut client) = Client::try_connect(at(8080)) else { return false };
            client.try_send("GET / HTTP/1.1\r\nHost: example.com\r\n\r\n").is_ok()
                && client.read_answer(false).is_ok_and(|answer| answer.status == 200)
        });
        peer
    }

    fn end(&mut self) {
        signal_process(self.0.id(), rustix::process::Signal::TERM);
        self.0.wait().expect("it ends");
        wait_until(SOON, "its port is free", || {
            std::net::TcpListener::bind(("0.0.0.0", 8080)).is_ok()
        });
    }
}

#[test]
fn a_configuration_of_nginx_and_ours_beside_it_do_the_same() {
    let test = "moving::a_configuration_of_nginx_and_ours_beside_it_do_the_same";
    if ground::is_ready(test, &["/usr/sbin/nginx"]) {
        fs::create_dir_all("/var/lib/nginx").expect("a directory");
        install("examples/moving/nginx/nginx.conf", "/etc/nginx/nginx.conf");
        compare("nginx", &["/usr/sbin/nginx", "-g", "daemon off;"]);
    }
}

#[test]
fn a_configuration_of_haproxy_and_ours_beside_it_do_the_same() {
    let test = "moving::a_configuration_of_haproxy_and_ours_beside_it_do_the_same";
    if ground::is_ready(test, &["/usr/sbin/haproxy"]) {
        install("examples/moving/haproxy/haproxy.cfg", "/etc/haproxy/haproxy.cfg");
        compare("haproxy", &["/usr/sbin/haproxy", "-f", "/etc/haproxy/haproxy.cfg"]);
    }
}

#[test]
fn a_configuration_of_caddy_and_ours_beside_it_do_the_same() {
    let caddy = tools("python/bin/caddy").display().to_string();
    let test = "moving::a_configuration_of_caddy_and_ours_beside_it_do_the_same";
    if ground::is_ready(test, &[&caddy]) {
        install("examples/moving/caddy/Caddyfile", "/etc/caddy/Caddyfile");
        compare("caddy", &[&caddy, "run", "--config", "/etc/caddy/Caddyfile"]);
    }
}

#[test]
fn a_configuration_of_traefik_and_ours_beside_it_do_the_same() {
    let traefik = tools("python/bin/traefik").display().to_string();
    let test = "moving::a_configuration_of_traefik_and_ours_beside_it_do_the_same";
    if ground::is_ready(test, &[&traefik]) {
        for name in ["traefik.yml", "dynamic.yml"] {
            install(&format!("examples/moving/traefik/{name}"), &format!("/etc/traefik/{name}"));
        }
        compare("traefik", &[&traefik, "--configFile=/etc/traefik/traefik.yml"]);
    }
}
