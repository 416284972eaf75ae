//! Redirection to https where clients know the port by another number, and where something in front of Teal
//! ends TLS.

use std::net::{IpAddr, Ipv4Addr};

use testkit::{Client, Pki, Settings};

use crate::setup::{SOON, Setup};

/// The address of a proxy in front.
const PROXY: IpAddr = IpAddr::V4(Ipv4Addr::new(127, 0, 0, 2));

/// Status, Location and HSTS of an answer to a request from this address with these fields.
fn ask(setup: &Setup, source: IpAddr, first: &[u8], fields: &str) -> (u16, String, String) {
    let mut client = Client::connect_from(source, setup.teal.listener()).patience(SOON);
    let request = format!("GET /x?y=1 HTTP/1.1\r\nHost: shop.test:8080\r\n{fields}\r\n");
    client.send([first, request.as_bytes()].concat());
    let answer = client.answer();
    let field = |name| answer.fields.get(name).unwrap_or_default().to_owned();
    (answer.status, field("location"), field("strict-transport-security"))
}

fn behind(settings: Settings, sources: &str) -> Settings {
    settings.listener_key("redirect_https", "443").listener_key(sources, "[\"127.0.0.2\"]")
}

#[test]
fn r55_a_redirect_names_the_configured_port_unless_it_is_443() {
    for (port, location) in
        [("443", "https://shop.test/x?y=1"), ("8443", "https://shop.test:8443/x?y=1")]
    {
        let setup = Setup::with(|settings| settings.listener_key("redirect_https", port));
        let answer = ask(&setup, PROXY, b"", "X-Forwarded-Proto: https\r\n");
        assert_eq!((answer.0, &*answer.1), (308, location), "nobody is trusted here");
        setup.finish();
    }
}

#[test]
fn r55_requests_that_a_trusted_proxy_got_by_https_are_served_and_not_redirected_in_a_loop() {
    let setup = Setup::with(|settings| behind(settings, "trusted").listener_key("hsts", "60"));
    let other = IpAddr::V4(Ipv4Addr::LOCALHOST);
    for fields in [
        "X-Forwarded-Proto: https\r\n",
        "x-forwarded-proto: HTTPS, http\r\n",
        "Forwarded: for=192.0.2.1;proto=https\r\n",
    ] {
        let served = (200, String::new(), "max-age=60".to_owned());
        assert_eq!(ask(&setup, PROXY, b"", fields), served, "{fields}");
        let forged = ask(&setup, other, b"", fields);
        assert_eq!((forged.0, &*forged.2), (308, ""), "{fields}");
    }
    for fields in ["", "X-Forwarded-Proto: http\r\n", "X-Forwarded-Proto: http, https\r\n"] {
        let answer = ask(&setup, PROXY, b"", fields);
        assert_eq!((answer.0, &*answer.1), (308, "https://shop.test/x?y=1"), "{fields}");
    }
    let seen = setup.blue.seen().requests_to("/x");
    assert_eq!(seen.len(), 3);
    for request in &seen {
        let proto = request.fields.get("x-forwarded-proto").unwrap_or_default();
        assert!(proto.to_lowercase().starts_with("https"), "the target hears the same: {proto}");
    }
    setup.finish();
}

#[test]
fn r55_a_proxy_protocol_header_says_that_its_client_came_by_tls() {
    let setup =
        Setup::with(|settings| behind(settings, "proxy_protocol").listener_key("hsts", "60"));
    let header = |further: &[u8]| {
        let four = [192, 0, 2, 9, 192, 0, 2, 2, 0, 5, 0, 80];
        let length = u16::try_from(four.len() + further.len()).expect("short").to_be_bytes();
        [b"\r\n\r\n\0\r\nQUIT\n", &[0x21, 0x11][..], &length, &four, further].concat()
    };
    let by_tls = ask(&setup, PROXY, &header(&[0x20, 0, 5, 1, 0, 0, 0, 0]), "");
    assert_eq!(by_tls, (200, String::new(), "max-age=60".to_owned()));
    assert_eq!(ask(&setup, PROXY, &header(&[]), "").0, 308);
    assert_eq!(ask(&setup, PROXY, b"PROXY TCP4 192.0.2.7 192.0.2.1 1 443\r\n", "").0, 308);
    let seen = setup.blue.seen().requests_to("/x");
    assert_eq!(seen[0].fields.get("x-forwarded-proto"), Some("https"));
    setup.finish();
}

#[test]
fn r55_check_warns_of_a_port_that_clients_may_not_know() {
    let directory = tempfile::tempdir().expect("a directory");
    let pair = Pki::new(directory.path()).issue("a", &["a.test"]);
    let (cert, key) = (pair.cert.display(), pair.key.display());
    let config = directory.path().join("teal.toml");
    let check = |redirect: &str| {
        let text = format!(
            "state_dir = '{}'\n[[listener]]\naddress = \"127.0.0.1:8443\"\ntls = true\n\
             [[listener]]\naddress = \"127.0.0.1:0\"\nredirect_https = {redirect}\n\
             [[certificate]]\ncert = '{cert}'\nkey = '{key}'\n[[service]]\nname = \"web\"\n\
             blue = {{ targets = [\"http://127.0.0.1:8081\"] }}\n\
             green = {{ targets = [\"http://127.0.0.1:8082\"] }}\n",
            directory.path().join("state").display()
        );
        std::fs::write(&config, text).expect("a file");
        let arguments = ["check".to_owned(), "--config".to_owned(), config.display().to_string()];
        testkit::run(std::path::Path::new(crate::TEAL), arguments.to_vec(), &[], SOON).all()
    };
    let warned = check("true");
    assert!(
        warned.contains("port 8443") && warned.contains("write redirect_https = 443"),
        "{warned}"
    );
    assert!(!check("443").contains("redirect_https"));
}
