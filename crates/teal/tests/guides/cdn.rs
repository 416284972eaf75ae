//! `docs/guide/recipes/cdn.md`: Teal behind a load balancer, which nginx stands for.

use std::fs;
use std::net::{IpAddr, SocketAddr};
use std::process::Child;
use std::time::Duration;

use testkit::systemd::run;
use testkit::{Client, Load, LoadOptions, Target, wait_until};

use crate::ground::{self, at, daemon, install, shell};

const SOON: Duration = Duration::from_secs(20);

/// The load balancer, which ends with the systemd of the test.
fn start_balancer() -> Child {
    fs::create_dir_all("/var/lib/nginx").expect("a directory");
    install("examples/cdn/balancer.conf", "/etc/nginx/nginx.conf");
    let child = daemon(&["/usr/sbin/nginx", "-g", "daemon off;"]);
    wait_until(SOON, "the balancer listens", || std::net::TcpStream::connect(at(80)).is_ok());
    child
}

#[test]
fn behind_a_load_balancer_the_client_is_the_real_one_and_switches_lose_nothing() {
    // L1 L2
    let test = "cdn::behind_a_load_balancer_the_client_is_the_real_one_and_switches_lose_nothing";
    if !ground::is_ready(test, &["/usr/sbin/nginx"]) {
        return;
    }
    for address in ["10.0.0.5/16", "192.0.2.7/24"] {
        run("ip", &["address", "add", address, "dev", "lo"]);
    }
    let (blue, green) = (Target::start_at("blue", at(8081)), Target::start_at("green", at(8082)));
    fs::create_dir_all("/var/log/teal").expect("a directory"); // as the unit makes it
    ground::start_teal("examples/cdn/teal.toml");
    // Its hosts are those of the example; the load asks for one of its own.
    shell("sed -i 's/\"example.com\"/\"example.com\", \"load.test\"/' /etc/teal/teal.toml && teal reload").assert_code(0);
    let balancer = start_balancer();

    let health = shell(
        "curl -sS -o /dev/null -w '%{http_code}' http://192.0.2.1:80/teal/health --connect-to ::127.0.0.1:80",
    );
    assert_eq!(health.stdout, "200", "{}", health.all());
    let real: IpAddr = "192.0.2.7".parse().expect("an address");
    let mut client =
        Client::connect_from(real, SocketAddr::from(([192, 0, 2, 7], 80))).patience(SOON);
    client.send(
        "GET /whose HTTP/1.1\r\nHost: example.com\r\nX-Forwarded-For: 203.0.113.9\r\nCF-Connecting-IP: 203.0.113.9\r\n\r\n",
    );
    assert_eq!(client.answer().status, 200);
    let seen = blue.seen().requests_to("/whose");
    let field = |name: &str| seen[0].fields.get(name).map(str::to_owned);
    assert_eq!(field("x-forwarded-for").as_deref(), Some("203.0.113.9, 192.0.2.7, 10.0.0.5"));
    assert_eq!(field("x-forwarded-proto").as_deref(), Some("https"));
    wait_until(SOON, "the access log has the request", || {
        let log = fs::read_to_string("/var/log/teal/access.log").unwrap_or_default();
        log.lines().any(|line| line.contains("/whose") && line.contains("\"client\":\"192.0.2.7\""))
    });

    // A client that goes around the balancer is believed nothing.
    let mut client = Client::connect(at(8080)).patience(SOON);
    client.send("GET /around HTTP/1.1\r\nHost: example.com\r\nX-Forwarded-For: 10.0.0.9\r\nCF-Connecting-IP: 203.0.113.9\r\n\r\n");
    assert_eq!(client.answer().status, 200);
    let seen = blue.seen().requests_to("/around");
    assert_eq!(seen[0].fields.get("x-forwarded-for"), Some("127.0.0.1"));
    assert_eq!(seen[0].fields.get("cf-connecting-ip"), None);

    let load = Load::start(at(80), LoadOptions::default());
    load.expect_only("blue");
    for color in ["green", "blue"] {
        load.wait_for_more(100);
        load.expect_anyone();
        shell(&format!("teal switch {color} --wait-healthy 20s")).assert_code(0);
        load.expect_only(color);
    }
    load.wait_for_more(100);
    load.stop().assert_nothing_lost();
    drop((balancer, green));
}
