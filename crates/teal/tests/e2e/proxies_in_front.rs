//! Proxies in front of Teal: what they say of their clients counts if they are listed, and else not.

use std::io::{Read, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use testkit::{Client, Pki, Settings, Target, Teal, wait_until};

use crate::TEAL;
use crate::setup::{SOON, Setup};

const LISTED: IpAddr = IpAddr::V4(Ipv4Addr::new(127, 0, 0, 2));
const SIGNATURE: &[u8] = b"\r\n\r\n\0\r\nQUIT\n";

/// A header of version 2 with this command and family.
fn binary(command: u8, family: u8, body: &[u8]) -> Vec<u8> {
    let length = u16::try_from(body.len()).expect("a short body").to_be_bytes();
    [SIGNATURE, &[command, family], &length, body].concat()
}

/// The client address that the target receives, if the client sends `first` at the beginning.
fn forwarded_for(setup: &Setup, source: IpAddr, first: &[u8]) -> Option<String> {
    let mut client = Client::connect_from(source, setup.teal.listener()).patience(SOON);
    let request = b"GET /who HTTP/1.1\r\nHost: test\r\n\r\n";
    client.try_send([first, request].concat()).ok()?;
    let answer = client.read_answer(false).ok()?;
    assert_eq!(answer.status, 200, "{}", answer.text());
    let requests = setup.blue.seen().requests_to("/who");
    requests.last().and_then(|seen| seen.fields.get("x-forwarded-for")).map(str::to_owned)
}

fn setup(adjust: impl FnOnce(Settings) -> Settings) -> Setup {
    Setup::with(|settings| {
        adjust(settings.listener_key("proxy_protocol", "[\"127.0.0.2\"]"))
            .timeouts("tls_hello = \"300ms\"")
    })
}

#[test]
fn a_listed_source_announces_the_client_in_both_versions() {
    let setup = setup(|settings| settings);
    let four = [192, 0, 2, 9, 192, 0, 2, 2, 0, 5, 0, 80];
    let mut six = [0; 36];
    six[..2].copy_from_slice(&[0x20, 0x01]);
    six[15] = 9;
    for (header, client) in [
        (b"PROXY TCP4 192.0.2.7 192.0.2.1 1234 80\r\n".to_vec(), "192.0.2.7"),
        (b"PROXY TCP6 2001:db8::7 ::1 1234 80\r\n".to_vec(), "2001:db8::7"),
        (b"PROXY UNKNOWN\r\n".to_vec(), "127.0.0.2"),
        (binary(0x21, 0x11, &four), "192.0.2.9"),
        (binary(0x21, 0x11, &[&four[..], &[0x20, 0, 1, 7]].concat()), "192.0.2.9"),
        (binary(0x21, 0x21, &six), "2001::9"),
        (binary(0x20, 0, &[]), "127.0.0.2"),
    ] {
        assert_eq!(forwarded_for(&setup, LISTED, &header).as_deref(), Some(client));
    }
    setup.finish();
}

#[test]
fn a_listed_source_without_a_valid_header_is_closed_and_no_other_source_needs_one() {
    // L10
    let setup = setup(|settings| settings);
    let long = binary(0x21, 0x11, &[0; 5000]);
    let endless = [b"PROXY TCP4 ".to_vec(), vec![b'1'; 200]].concat();
    for first in
        [&b""[..], b"PROXY TCP4 192.0.2.7\r\n", &endless, &long, &binary(0x31, 0x11, &[0; 12])]
    {
        assert_eq!(forwarded_for(&setup, LISTED, first), None, "{first:?}");
    }
    assert!(setup.blue.seen().requests_to("/who").is_empty());
    setup.teal.log_has(&["closed a connection without a valid PROXY header"]);
    let mut dripping = Client::connect_from(LISTED, setup.teal.listener());
    dripping.drip("PROXY TCP4 192.0.2.7 192.0.2.1 1234 80", Duration::from_millis(50));
    assert!(dripping.ending(SOON).ended(), "at its deadline");
    let here = IpAddr::V4(Ipv4Addr::LOCALHOST);
    assert_eq!(forwarded_for(&setup, here, b"").as_deref(), Some("127.0.0.1"));
    let mut stranger = Client::connect_from(here, setup.teal.listener());
    stranger.send("PROXY TCP4 192.0.2.7 192.0.2.1 1234 80\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_eq!(
        stranger.answer().status,
        400,
        "a PROXY header that was not configured is not a request"
    );
    setup.finish();
}

#[test]
fn the_header_comes_before_the_handshake() {
    let directory = tempfile::tempdir().expect("a directory");
    let pki = Pki::new(directory.path());
    let pair = pki.issue("a", &["test"]);
    let certificate = format!(
        "[[certificate]]\ncert = '{}'\nkey = '{}'\n",
        pair.cert.display(),
        pair.key.display()
    );
    let setup = setup(|settings| settings.listener_key("tls", "true").extra(&certificate));
    let trust = pki.trust(Some("test"));
    let header = b"PROXY TCP4 192.0.2.7 192.0.2.1 1234 443\r\n";
    let mut client = Client::try_connect_tls_after(LISTED, setup.teal.listener(), header, &trust)
        .expect("a handshake");
    assert_eq!(client.get("/who").status, 200);
    let seen = setup.blue.seen().requests_to("/who");
    assert_eq!(seen[0].fields.get("x-forwarded-for"), Some("192.0.2.7"));
    assert_eq!(seen[0].fields.get("x-forwarded-proto"), Some("https"));
    setup.finish();
}

#[test]
fn the_word_of_a_trusted_forwarder_is_kept_and_added_to_that_of_others_is_replaced() {
    let setup = Setup::with(|settings| settings.listener_key("trusted", "[\"127.0.0.2/32\"]"));
    let ask = |source: IpAddr| {
        let mut client = Client::connect_from(source, setup.teal.listener());
        client.send(
            "GET /who HTTP/1.1\r\nHost: test\r\nX-Forwarded-For: 192.0.2.7\r\n\
             X-Forwarded-Proto: https\r\nX-Forwarded-Host: shop.test\r\n\r\n",
        );
        assert_eq!(client.answer().status, 200);
        let seen = setup.blue.seen().requests_to("/who");
        let fields = &seen.last().expect("it came").fields;
        ["x-forwarded-for", "x-forwarded-proto", "x-forwarded-host"]
            .map(|name| fields.get(name).unwrap_or_default().to_owned())
    };
    assert_eq!(ask(LISTED), ["192.0.2.7, 127.0.0.2", "https", "shop.test"]);
    assert_eq!(ask(Ipv4Addr::LOCALHOST.into()), ["127.0.0.1", "http", "test"]);
    setup.finish();
}

#[test]
fn a_target_gets_the_client_of_each_connection() {
    // L4 L5
    for version in ["v1", "v2"] {
        // Behind it another Teal, which takes the header and reports its contents.
        let behind =
            Setup::with(|settings| settings.listener_key("proxy_protocol", "[\"127.0.0.1\"]"));
        let url = format!("http://{}", behind.teal.listener());
        let blue = format!("{{ targets = [\"{url}\"], proxy_protocol = \"{version}\" }}");
        let spare = Target::start("spare");
        let settings = Settings::of_urls(&[&url], &[&spare.url()]).service("blue", &blue);
        let front = Teal::start_healthy(TEAL, &settings);
        for source in [2, 3] {
            let source = IpAddr::V4(Ipv4Addr::new(127, 0, 0, source));
            let mut client = Client::connect_from(source, front.listener());
            for _ in 0..3 {
                assert_eq!(client.get("/who").status, 200);
                let requests = behind.blue.seen().requests_to("/who");
                let told = requests.last().and_then(|seen| seen.fields.get("x-forwarded-for"));
                assert_eq!(told, Some(source.to_string().as_str()), "{version}");
            }
        }
        // Each request had a connection of its own, and none is kept.
        wait_until(SOON, "no connection is left", || front.color("blue")["connections"] == 0);
        front.assert_books_balance();
        behind.finish();
    }
}

/// A target that keeps what comes before the heads of requests other than probes.
struct Listening {
    address: SocketAddr,
    told: Arc<Mutex<Vec<Vec<u8>>>>,
}

impl Listening {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("bound");
        let told = Arc::new(Mutex::new(Vec::new()));
        let kept = told.clone();
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let kept = kept.clone();
                thread::spawn(move || Self::serve(client, &kept));
            }
        });
        Self { address, told }
    }

    fn serve(mut client: TcpStream, told: &Mutex<Vec<Vec<u8>>>) {
        let (mut all, mut buffer) = (Vec::new(), [0; 4096]);
        client.set_read_timeout(Some(SOON)).expect("a timeout");
        let find = |all: &[u8], what: &[u8]| all.windows(what.len()).position(|at| at == what);
        while !(all.ends_with(b"\r\n\r\n") && find(&all, b" HTTP/1.1\r\n").is_some()) {
            match client.read(&mut buffer) {
                Ok(read) if read > 0 => all.extend_from_slice(&buffer[..read]),
                _ => return,
            }
        }
        if let Some(at) = find(&all, b"GET /who") {
            told.lock().expect("no thread panics with it").push(all[..at].to_vec());
        }
        let _ = client.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    }

    fn last(&self) -> Vec<u8> {
        self.told.lock().expect("no thread panics with it").pop().expect("a request came")
    }
}

/// The header of version 2 for these ends.
fn binary_of(client: SocketAddr, here: SocketAddr) -> Vec<u8> {
    let octets = |at: SocketAddr| match at.ip() {
        IpAddr::V4(ip) => ip.octets().to_vec(),
        IpAddr::V6(ip) => ip.octets().to_vec(),
    };
    let ports = [client.port().to_be_bytes(), here.port().to_be_bytes()].concat();
    let body = [octets(client), octets(here), ports].concat();
    binary(0x21, if client.is_ipv4() { 0x11 } else { 0x21 }, &body)
}

#[test]
fn r57_the_header_of_a_proxy_is_passed_on_whole() {
    for version in ["v1", "v2"] {
        let (target, spare) = (Listening::start(), Target::start("spare"));
        let blue = format!(
            "{{ targets = [\"http://{}\"], proxy_protocol = \"{version}\" }}",
            target.address
        );
        let settings = Settings::of_urls(&[], &[&spare.url()]).service("blue", &blue);
        let settings = settings.listener_key("proxy_protocol", "[\"127.0.0.2\"]");
        let teal = Teal::start_healthy(TEAL, &settings);
        let four = [192, 0, 2, 9, 192, 0, 2, 2, 0, 5, 1, 187];
        let tlv = [1, 0, 2, b'h', b'2'];
        // None: the ends of the connection itself.
        let six_in_four = "PROXY TCP6 ::ffff:192.0.2.7 ::ffff:192.0.2.1 1234 443\r\n";
        for (source, header, ends) in [
            (
                2,
                b"PROXY TCP4 192.0.2.7 192.0.2.1 1234 443\r\n".to_vec(),
                Some(("192.0.2.7:1234", "192.0.2.1:443")),
            ),
            (
                2,
                b"PROXY TCP4 192.0.2.7 192.0.2.1 65535 0\r\n".to_vec(),
                Some(("192.0.2.7:65535", "192.0.2.1:0")),
            ),
            (
                2,
                b"PROXY TCP6 2001:db8::7 2001:db8::1 1234 443\r\n".to_vec(),
                Some(("[2001:db8::7]:1234", "[2001:db8::1]:443")),
            ),
            (2, six_in_four.into(), Some(("192.0.2.7:1234", "192.0.2.1:443"))),
            (2, binary(0x21, 0x11, &four), Some(("192.0.2.9:5", "192.0.2.2:443"))),
            (
                2,
                binary(0x21, 0x11, &[&four[..], &tlv].concat()),
                Some(("192.0.2.9:5", "192.0.2.2:443")),
            ),
            (2, b"PROXY UNKNOWN\r\n".to_vec(), None),
            (2, binary(0x20, 0, &[]), None),
            (2, binary(0x20, 0x11, &four), None),
            (2, binary(0x21, 0x31, &[0; 216]), None),
            (3, Vec::new(), None),
        ] {
            let source = IpAddr::V4(Ipv4Addr::new(127, 0, 0, source));
            let mut client = Client::connect_from(source, teal.listener());
            client.send([&header[..], b"GET /who HTTP/1.1\r\nHost: test\r\n\r\n"].concat());
            assert_eq!(client.answer().status, 200);
            let at = |text: &str| text.parse::<SocketAddr>().expect("an address");
            let own = (client.local(), teal.listener());
            let (from, to) = ends.map_or(own, |(from, to)| (at(from), at(to)));
            let expected = match version {
                "v1" => {
                    let family = if from.is_ipv4() { "TCP4" } else { "TCP6" };
                    let (client, here) = (from.ip(), to.ip());
                    let ports = format!("{} {}", from.port(), to.port());
                    format!("PROXY {family} {client} {here} {ports}\r\n").into_bytes()
                }
                _ => binary_of(from, to),
            };
            assert_eq!(target.last(), expected, "{version}: {}", String::from_utf8_lossy(&header));
        }
        teal.assert_books_balance();
    }
}

#[test]
fn r57_a_mapped_address_is_the_ipv4_one_that_it_stands_for() {
    let setup = setup(|settings| settings.listener_key("trusted", "[\"192.0.2.0/24\"]"));
    let header = b"PROXY TCP6 ::ffff:192.0.2.7 ::ffff:192.0.2.1 1234 80\r\n";
    assert_eq!(forwarded_for(&setup, LISTED, header).as_deref(), Some("192.0.2.7"));
    let mut client = Client::connect_from(LISTED, setup.teal.listener());
    let request = b"GET /who HTTP/1.1\r\nHost: test\r\nX-Forwarded-For: 198.51.100.1\r\n\r\n";
    client.send([&header[..], request].concat());
    assert_eq!(client.answer().status, 200);
    let seen = setup.blue.seen().requests_to("/who");
    let told = seen.last().and_then(|seen| seen.fields.get("x-forwarded-for"));
    assert_eq!(told, Some("198.51.100.1, 192.0.2.7"), "it is trusted by its IPv4 address");
    setup.finish();
}
