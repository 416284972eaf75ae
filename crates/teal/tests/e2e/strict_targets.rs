//! Targets that answer only where the Host matches the server name (SNI) of TLS, as another Teal does: by
//! the name of each request, or by a Host of their own.

use std::path::Path;

use testkit::http2::{Http2, fields};
use testkit::{Client, Pki, SecureTarget, Settings, Target, Teal, wait_until};

use crate::TEAL;
use crate::setup::SOON;

/// The hosts of the service.
pub(crate) const HOSTS: [&str; 2] = ["a.test", "b.test"];

/// The same as clients may write them.
pub(crate) const WRITTEN: [&str; 4] = ["a.test", "B.Test.", "a.test:80", "b.test"];

/// A request for this host on a connection of its own: the status and the body.
pub(crate) fn ask(teal: &Teal, host: &str) -> (u16, String) {
    let mut client = Client::connect(teal.listener());
    client.send(format!("GET / HTTP/1.1\r\nHost: {host}\r\n\r\n"));
    let answer = client.answer();
    (answer.status, answer.text())
}

/// The settings of a Teal in front of these two `https` targets, with this TLS and further keys of the color.
pub(crate) fn in_front(urls: [&str; 2], ca: &Path, tls: &str, further: &str) -> Settings {
    let [blue, green] = urls.map(|url| {
        format!("{{ targets = [\"{url}\"], tls = {{ ca = '{}'{tls} }}{further} }}", ca.display())
    });
    Settings::of_urls(&["http://127.0.0.1:1"], &["http://127.0.0.1:2"])
        .service("blue", &blue)
        .service("green", &green)
        .service("hosts", "[\"a.test\", \"b.test\"]")
}

/// Both hosts are answered by both colors across a switch, by clients of HTTP/1.1 and of HTTP/2.
pub(crate) fn both_hosts_across_a_switch(
    settings: Settings,
    hosts: &[&str],
    expected: impl Fn(&str, &str) -> String,
) {
    let teal = Teal::start(TEAL, &settings.listener_key("http2", "true").top("workers", "1"));
    teal.wait_healthy("blue", true);
    teal.wait_healthy("green", true);
    for color in ["blue", "green"] {
        if color == "green" {
            teal.switch_to("green");
        }
        let mut newer = Http2::connect(teal.listener());
        for _ in 0..10 {
            for host in hosts {
                let name = &host[..6].to_ascii_lowercase();
                assert_eq!(ask(&teal, host), (200, expected(color, name)), "{color} {host}");
                let head = [(":method", "GET"), (":scheme", "http"), (":path", "/")];
                let answer = newer.ask(fields(&[&head[..], &[(":authority", name)]].concat()));
                let body = String::from_utf8_lossy(&answer.body).into_owned();
                assert_eq!((answer.status, body), (200, expected(color, name)), "{color} {host}");
            }
        }
    }
    teal.assert_books_balance();
}

/// A Teal with TLS for both hosts, in front of a target of its own.
fn inner(pki: &Pki, name: &str) -> (Teal, Target, String) {
    let target = Target::start(name);
    let pairs = HOSTS.map(|host| pki.issue(host, &[host]));
    let certificates = pairs.map(|pair| {
        format!(
            "[[certificate]]\ncert = '{}'\nkey = '{}'\n",
            pair.cert.display(),
            pair.key.display()
        )
    });
    let settings = Settings::of_urls(&[&target.url()], &["http://127.0.0.1:1"])
        .listener_key("tls", "true")
        .extra(&certificates.concat());
    let teal = Teal::start(TEAL, &settings);
    teal.wait_healthy("blue", true);
    let url = format!("https://{}", teal.listener());
    (teal, target, url)
}

#[test]
fn r49_two_teals_in_a_row_serve_two_hosts_over_tls() {
    // L9
    let directory = tempfile::tempdir().expect("a directory");
    let pki = Pki::new(directory.path());
    let [blue, green] = ["blue", "green"].map(|name| inner(&pki, name));
    for protocol in ["", ", http2 = false"] {
        let tls = format!(", server_name = \"host\"{protocol}");
        let settings = in_front([&blue.2, &green.2], &pki.ca(), &tls, "");
        both_hosts_across_a_switch(settings, &WRITTEN, |color, _| {
            format!("{color} GET / 0 0000000000000000\n")
        });
    }
    for target in [&blue.1, &green.1] {
        let requests = target.seen().requests();
        assert!(requests.iter().any(|request| request.fields.get("host") == Some("B.Test.")));
    }
}

#[test]
fn r49_a_421_of_a_target_is_passed_on_and_the_log_names_the_key_that_helps() {
    let directory = tempfile::tempdir().expect("a directory");
    let pki = Pki::new(directory.path());
    let [blue, green] = ["blue", "green"].map(|name| inner(&pki, name));
    let settings = in_front([&blue.2, &green.2], &pki.ca(), ", server_name = \"a.test\"", "");
    let teal = Teal::start(TEAL, &settings);
    teal.wait_healthy("blue", true);
    assert_eq!(ask(&teal, "a.test").0, 200);
    assert_eq!(ask(&teal, "b.test").0, 421);
    teal.log_has(&["target answered 421", "server_name = \"host\"", "host = \"target\""]);
    // Said beforehand, too.
    let checked = teal.cli_bare(&["check", "--config", &teal.config().display().to_string()], &[]);
    checked.assert_code(0);
    let said = checked.all();
    let words = ["gets the server name (SNI) a.test", "Hosts of a.test, b.test", "421"];
    assert!(words.iter().all(|words| said.contains(words)), "{said}");
    // And by a probe, whose Host is another.
    let settings = settings.service("health", "{ interval = \"50ms\", host = \"b.test\" }");
    teal.write_settings(&settings);
    assert_eq!(teal.ask("POST", "/admin/reload", &[]).status, 200);
    let refused = || teal.switch("green", "").text();
    wait_until(SOON, "the probe says so", || {
        refused().contains("421 Misdirected Request: the target requires a Host that matches")
    });
    teal.assert_books_balance();
}

#[test]
fn r49_a_target_can_have_a_host_of_its_own() {
    // L5 L9
    let directory = tempfile::tempdir().expect("a directory");
    let pki = Pki::new(directory.path());
    let pair = pki.issue("target", &["localhost", "app.internal"]);
    let (blue, green) = (Target::start("blue"), Target::start("green"));
    let fronts = [&blue, &green].map(|target| SecureTarget::start(target, &pair, None));
    let urls = fronts.each_ref().map(SecureTarget::url);
    let ports = fronts.each_ref().map(|front| front.address().port());
    for (tls, host) in [
        ("", format!("localhost:{}", ports[0])),
        (", server_name = \"app.internal\"", "app.internal".to_owned()),
    ] {
        let settings = in_front([&urls[0], &urls[1]], &pki.ca(), tls, ", host = \"target\"");
        let mut teal = Teal::start_healthy(TEAL, &settings);
        blue.seen().forget();
        for upgraded in [false, true] {
            if upgraded {
                teal.upgrade();
            }
            let mut client = Client::connect(teal.listener());
            client.send("POST /p HTTP/1.1\r\nHost: b.test\r\nContent-Length: 4\r\n\r\nbody");
            assert_eq!(
                client.answer().text(),
                format!("blue POST /p 4 {:016x}\n", testkit::checksum(0, b"body"))
            );
            let requests = blue.seen().requests_to("/p");
            let got = &requests.last().expect("a request").fields;
            assert_eq!(
                (got.get("host"), got.get("x-forwarded-host")),
                (Some(&*host), Some("b.test"))
            );
        }
        for probe in blue.seen().probes() {
            let got = (probe.fields.get("host"), probe.fields.get("x-forwarded-host"));
            assert_eq!(got, (Some(&*host), Some("a.test")));
        }
        teal.assert_books_balance();
    }
    blue.assert_well_formed();
}

#[test]
fn r49_a_probe_asks_for_each_host_and_names_the_one_that_fails() {
    // L9
    let directory = tempfile::tempdir().expect("a directory");
    let pki = Pki::new(directory.path());
    let (blue, green) = (Target::start("blue"), Target::start("green"));
    let both = pki.issue("both", &HOSTS);
    let fronts =
        [SecureTarget::start(&blue, &both, None), SecureTarget::start(&green, &both, None)];
    let urls = fronts.each_ref().map(SecureTarget::url);
    let tls = ", server_name = \"host\"";
    let teal = Teal::start(TEAL, &in_front([&urls[0], &urls[1]], &pki.ca(), tls, ""));
    teal.wait_healthy("green", true);
    assert_eq!(ask(&teal, "b.test").0, 200);
    let asked =
        |host| green.seen().probes().iter().any(|probe| probe.fields.get("host") == Some(host));
    assert!(HOSTS.into_iter().all(asked));
    fronts[1].show(&pki.issue("one", &["a.test"]));
    teal.wait_healthy("green", false);
    let refused = teal.switch("green", "");
    let said = "for host b.test: TLS: its certificate is for a.test, not for b.test";
    assert!(refused.status == 412 && refused.text().contains(said), "{}", refused.text());
    fronts[1].show(&both);
    teal.wait_healthy("green", true);
    teal.switch_to("green");
    teal.assert_books_balance();
}

#[test]
fn r49_names_without_end_keep_a_bounded_number_of_connections() {
    let directory = tempfile::tempdir().expect("a directory");
    let pki = Pki::new(directory.path());
    let pair = pki.issue("any", &["*.any.test", "a.test"]);
    let (blue, green) = (Target::start("blue"), Target::start("green"));
    let front = SecureTarget::start(&blue, &pair, None);
    let settings = in_front(
        [&front.url(), &green.url().replace("http", "https")],
        &pki.ca(),
        ", server_name = \"host\"",
        "",
    )
    .service("hosts", "[\"*.any.test\", \"a.test\"]")
    .service("health", "{ interval = \"60s\" }")
    .top("workers", "1");
    let teal = Teal::start(TEAL, &settings);
    teal.wait_healthy("blue", true);
    let mut client = Client::connect(teal.listener());
    let mut get = |host: &str| {
        client.send(format!("GET / HTTP/1.1\r\nHost: {host}\r\n\r\n"));
        client.answer().status
    };
    let reused = || {
        teal.metrics().count("teal_target_connects_total", &[("color", "blue"), ("result", "ok")])
    };
    for count in 0..400 {
        assert_eq!(get(&format!("x{count}.any.test")), 200);
        assert_eq!(get("a.test"), 200);
    }
    assert_eq!(reused(), 401, "one for each name, and that of one that is asked for often stays");
    wait_until(SOON, "few are open", || blue.seen().open_connections() <= 256);
    teal.assert_books_balance();
}

#[test]
fn r49_an_address_is_verified_as_an_address() {
    let directory = tempfile::tempdir().expect("a directory");
    let pki = Pki::new(directory.path());
    let pair = pki.issue("address", &["127.0.0.1", "a.test"]);
    let (blue, green) = (Target::start("blue"), Target::start("green"));
    let front = SecureTarget::start(&blue, &pair, None);
    let settings = in_front(
        [&front.url(), &green.url().replace("http", "https")],
        &pki.ca(),
        ", server_name = \"host\"",
        "",
    )
    .service("hosts", "[]")
    .service("health", "{ interval = \"50ms\", host = \"a.test\" }");
    let teal = Teal::start(TEAL, &settings);
    teal.wait_healthy("blue", true);
    assert_eq!(ask(&teal, "127.0.0.1:8443").0, 200);
    for host in ["127.0.0.2", "other.test"] {
        assert_eq!(ask(&teal, host).0, 502, "the certificate is for another");
    }
    assert_eq!(ask(&teal, "a..b").0, 400, "no certificate can be for it");
    let mut oldest = Client::connect(teal.listener());
    oldest.send("GET / HTTP/1.0\r\n\r\n");
    assert_eq!(oldest.answer().status, 502, "localhost, by the address of the target");
    // Which is the client's choice: the target is as good as before.
    teal.log_has(&["has no certificate for the host of a request"]);
    assert_eq!(teal.metrics().count("teal_retries_total", &[]), 0);
    teal.assert_books_balance();
}
