//! TLS in the file: what it means, and what its keys need of each other.

use std::path::Path;

use config::{ClientAuth, Redirect, Tls};
use rules::Network;

use crate::spoiled::{FILE, TLS, parse, problems};

#[test]
fn tls_keys_are_read_and_paths_are_relative_to_the_file() {
    let text = format!("{TLS}{FILE}");
    let text = text.replacen("tls = true", "tls = true\nmin_tls = \"1.3\"\nhsts = 31536000", 1);
    let text = text.replacen(":8080\"", ":8080\"\nredirect_https = true", 1);
    let config = parse(&text).unwrap();
    let ca = Path::new("/etc/teal/clients.pem").to_owned();
    let client_auth = Some(ClientAuth { ca, required: true, chain: false });
    let tls = Tls { only_tls13: true, client_auth };
    assert_eq!(
        (&config.listeners[0].tls, config.listeners[0].hsts),
        (&Some(tls), Some(31_536_000))
    );
    assert_eq!(config.listeners[0].redirect_https, None);
    assert_eq!(
        (config.listeners[1].tls.as_ref(), config.listeners[1].redirect_https),
        (None, Some(Redirect::Listener))
    );
    assert_eq!(config.certificates[0].cert, Path::new("/etc/teal/a.pem"));
    assert_eq!(config.certificates[0].key, Path::new("/keys/a.key"));
}

#[test]
fn r55_a_redirect_to_a_port_needs_no_listener_with_tls() {
    let text = FILE.replacen(
        ":8080\"",
        ":8080\"\nredirect_https = 443\nhsts = 60\ntrusted = [\"10.0.0.0/8\"]",
        1,
    );
    let config = parse(&text).unwrap();
    assert_eq!(config.listeners[0].redirect_https, Some(Redirect::Port(443)));
    assert_eq!(config.listeners[0].hsts, Some(60));
    assert!(config.services.iter().all(|service| service.health.https), "as all that is served");
}

#[test]
fn missing_tls_keys_and_keys_that_need_tls_are_reported() {
    let certificate = &TLS[TLS.find("[[certificate]]").unwrap()..];
    let listener = |keys: &str| FILE.replacen(":8080\"", &format!(":8080\"\n{keys}"), 1);
    for (text, expected) in [
        (
            listener("tls = true"),
            "2:11: listener.tls needs a certificate; write [[certificate]] with cert and key, or [acme] to get \
             them from a CA",
        ),
        (
            format!("certificate = []\n{}", listener("tls = true")),
            "3:11: listener.tls needs a certificate; write [[certificate]] with cert and key, or [acme] to get \
             them from a CA",
        ),
        (
            format!("{certificate}{FILE}"),
            "1:1: there is a certificate but no listener has TLS; write tls = true in a [[listener]]",
        ),
        (
            listener("redirect_https = true"),
            "2:11: listener.redirect_https needs a listener with TLS to redirect to; write tls = true in another \
             [[listener]], or redirect_https = 443 if a proxy in front terminates TLS",
        ),
        (
            format!("{certificate}{}", listener("tls = true\nredirect_https = true")),
            "7:18: listener.redirect_https is for a listener without TLS; leave it out here",
        ),
        (
            listener("hsts = 1"),
            "3:8: listener.hsts is for a listener with TLS, or behind a proxy that terminates it; write tls = true, \
             or trusted with the addresses of the proxy",
        ),
        (
            listener("redirect_https = 0"),
            "3:18: listener.redirect_https is 0; write a number from 1 to 65535",
        ),
        (
            listener("redirect_https = \"443\""),
            "3:18: listener.redirect_https is text but must be a port, or true or false; write \
             redirect_https = 443",
        ),
        (
            listener("min_tls = \"1.2\""),
            "3:11: listener.min_tls is for a listener with TLS; write tls = true",
        ),
        (
            format!("{certificate}{}", listener("tls = true\nmin_tls = \"1.1\"")),
            "7:11: listener.min_tls is \"1.1\"; write \"1.2\" or \"1.3\"",
        ),
        (
            listener("tls = \"yes\""),
            "3:7: listener.tls is text but must be true or false; write tls = true or tls = false",
        ),
        (
            format!("[[certificate]]\ncert = \"\"\nkey = \"x\"\n{}", listener("tls = true")),
            "2:8: certificate.cert is not a path; write cert = \"/etc/teal/example.com.pem\"",
        ),
        (
            format!("[[certificate]]\ncert = \"x\"\n{}", listener("tls = true")),
            "1:1: certificate needs \"key\"; write key = \"/etc/teal/example.com.key\"",
        ),
        (
            format!("{certificate}{}", listener("tls = true\nclient_auth = {}")),
            "7:15: listener.client_auth needs \"ca\"; write ca = \"/etc/teal/clients.pem\"",
        ),
    ] {
        assert_eq!(problems(&text), [expected], "{text}");
    }
}

#[test]
fn proxies_in_front_are_written_as_ranges() {
    let keys = ":8080\"\nproxy_protocol = [\"10.0.0.0/8\"]\ntrusted = [\"::1\", \"192.0.2.0/24\"]";
    let config = parse(&FILE.replacen(":8080\"", keys, 1)).unwrap();
    let ranges = |texts: &[&str]| -> Vec<Network> {
        texts.iter().map(|text| Network::parse(text).unwrap()).collect()
    };
    assert_eq!(config.listeners[0].proxy_protocol, ranges(&["10.0.0.0/8"]));
    assert_eq!(config.listeners[0].trusted, ranges(&["::1/128", "192.0.2.0/24"]));
    let bad = FILE.replacen(":8080\"", ":8080\"\ntrusted = [\"10.1.0.0/8\", \"lb\"]", 1);
    assert_eq!(
        problems(&bad),
        [
            "3:12: listener.trusted: \"10.1.0.0/8\" does not begin a range; write \"10.0.0.0/8\"",
            "3:26: listener.trusted: \"lb\" is not a range of addresses; write one such as \"10.0.0.0/8\"",
        ]
    );
}

/// The usual file with other targets of green.
fn green(keys: &str) -> String {
    FILE.replace("green = { targets = [\"http://10.0.0.2:82\"] }", &format!("green = {{ {keys} }}"))
}

#[test]
fn tls_and_proxy_protocol_are_part_of_a_target() {
    let keys = "targets = [\"https://app.test\"], proxy_protocol = \"v2\", \
                tls = { ca = \"ca.pem\", server_name = \"In.Test\", cert = \"t.pem\", key = \"/k\" }";
    let config = parse(&green(keys)).unwrap();
    let target = &config.services[0].color(rules::Color::Green).targets[0];
    assert_eq!(target.to_string(), "https://app.test:443");
    let tls = target.tls().unwrap();
    assert_eq!(tls.ca.as_deref(), Some(Path::new("/etc/teal/ca.pem")));
    assert_eq!(tls.identity, Some(("/etc/teal/t.pem".into(), "/k".into())));
    assert_eq!(target.tls_name(), Some("in.test"));
    assert_eq!(target.announce(), Some(rules::ProxyHeader::V2));
    let bare = parse(&green("targets = [\"https://app.test:1\"]")).unwrap();
    let bare = &bare.services[0].color(rules::Color::Green).targets[0];
    assert_eq!((bare.tls_name(), bare.announce()), (Some("app.test"), None));
    assert_ne!(bare, target, "asked for something else, it is another target");
}

#[test]
fn r49_the_server_name_and_the_host_of_a_target_can_be_chosen() {
    let hosted = |keys: &str| {
        green(keys).replace("name = \"web\"", "name = \"web\"\nhosts = [\"*.b.test\", \"a.test\"]")
    };
    let read = |keys: &str| {
        let config = parse(&hosted(keys)).unwrap();
        config.services[0].color(rules::Color::Green).targets[0].clone()
    };
    let https = "targets = [\"https://app.test\"]";
    let named = read(&format!("{https}, tls = {{ server_name = \"host\" }}"));
    assert!(named.is_named_by_request() && named.own_host().is_none());
    let both = hosted(&format!("{https}, host = \"target\", tls = {{ server_name = \"host\" }}"));
    let said = problems(&both);
    let expected = "service.green.host is \"target\", but tls.server_name takes the host of each request; leave one out";
    assert!(said.len() == 1 && said[0].contains(expected), "{said:?}");
    for (keys, host) in [
        (https.to_owned(), "app.test"),
        ("targets = [\"https://app.test:8443\"]".to_owned(), "app.test:8443"),
        ("targets = [\"http://app.test\"]".to_owned(), "app.test"),
        ("targets = [\"http://app.test:443\"]".to_owned(), "app.test:443"),
        ("targets = [\"unix:/run/app\"]".to_owned(), "localhost"),
        (format!("{https}, tls = {{ server_name = \"in.test\" }}"), "in.test"),
    ] {
        let target = read(&format!("{keys}, host = \"target\""));
        assert_eq!(target.own_host(), Some(host), "{keys}");
        assert_ne!(target, read(&keys), "it is another target");
        assert_eq!(read(&format!("{keys}, host = \"client\"")), read(&keys));
    }
}

#[test]
fn impossible_settings_of_targets_are_reported() {
    let https = "targets = [\"https://app.test\"]";
    for (keys, expected) in [
        (
            "targets = [\"http://x\"], tls = { ca = \"a\" }".to_owned(),
            "service.green.tls is for https://HOST:PORT targets, and there are none",
        ),
        (
            format!("{https}, tls = {{ cert = \"a\" }}"),
            "service.green.tls needs key too: a certificate and its key",
        ),
        (
            format!("{https}, tls = {{ key = \"a\" }}"),
            "service.green.tls needs cert too: a certificate and its key",
        ),
        (
            format!("{https}, tls = {{ server_name = \"host\" }}"),
            "service.green.tls.server_name is \"host\", but probes have no host to use",
        ),
        (
            format!("{https}, tls = {{ server_name = \"*.x\" }}"),
            "service.green.tls.server_name is \"*.x\"; write a name such as app.internal",
        ),
        (
            format!("{https}, tls = {{ ca = \"\" }}"),
            "service.green.tls.ca is not a path; write ca = \"ca.pem\"",
        ),
        (
            "targets = [\"http://x\", \"https://x:80\"]".to_owned(),
            "service.green.targets has https://x:80 twice; leave one out",
        ),
        (
            "targets = [\"https://10.0.0.1:81\"]".to_owned(),
            "https://10.0.0.1:81 is also a target of blue",
        ),
    ] {
        let said = problems(&green(&keys));
        assert!(said.len() == 1 && said[0].contains(expected), "{keys}: {said:?}");
    }
}

#[test]
fn acme_keys_are_read_and_names_are_those_that_the_ca_can_validate() {
    let text = format!("[acme]\nchallenge = \"http-01\"\n{TLS}{FILE}");
    let text = text.replace("client_auth", "# client_auth");
    let text = text.replace(
        "name = \"web\"",
        "name = \"web\"\nhosts = [\"a.org\", \"*.b.org\", \"10.0.0.1\"]",
    );
    let config = parse(&text).unwrap();
    let acme = config.acme.as_ref().unwrap();
    assert_eq!(acme.directory, "https://acme-v02.api.letsencrypt.org/directory");
    assert_eq!((acme.challenge, acme.email.as_deref()), (config::Challenge::Http01, None));
    assert_eq!(config.acme_names().collect::<Vec<_>>(), ["a.org"]);
    let text = format!("[acme]\nemail = \"ops@a.org\"\nca = \"ca.pem\"\n{text}").replacen(
        "[acme]\nchallenge = \"http-01\"\n",
        "",
        1,
    );
    let acme = parse(&text).unwrap().acme.unwrap();
    assert_eq!(acme.ca.as_deref(), Some(Path::new("/etc/teal/ca.pem")));
    assert_eq!(acme.challenge, config::Challenge::TlsAlpn01);
    assert_eq!(acme.eab, None);
    let eab = "eab = { key_id = \" kid-1 \", hmac_key_file = \"eab.key\" }\n";
    let bound = parse(&text.replacen("[acme]\n", &format!("[acme]\n{eab}"), 1)).unwrap();
    let eab = bound.acme.and_then(|acme| acme.eab).unwrap();
    assert_eq!((&*eab.key_id, &*eab.hmac_key_file), ("kid-1", Path::new("/etc/teal/eab.key")));
}

#[test]
fn missing_acme_keys_are_reported() {
    let named = FILE.replace("name = \"web\"", "name = \"web\"\nhosts = [\"a.org\"]");
    let secure = named.replacen(":8080\"", ":8080\"\ntls = true", 1);
    let auth = "tls = true\nclient_auth = { ca = \"c.pem\" }";
    for (text, expected) in [
        (
            format!("[acme]\n{named}"),
            "1:1: acme needs a listener with TLS; write tls = true in a [[listener]]",
        ),
        (
            format!("[acme]\n{}", secure.replace("tls = true", auth)),
            "1:1: acme.challenge \"tls-alpn-01\" needs a listener with TLS that does not require \
             client certificates, since the CA has none; write challenge = \"http-01\"",
        ),
        (
            format!("[acme]\nchallenge = \"http-01\"\n{secure}"),
            "1:1: acme.challenge \"http-01\" needs a listener without TLS; write another \
             [[listener]] for port 80, or challenge = \"tls-alpn-01\"",
        ),
        (
            format!("[acme]\n{}", secure.replace("a.org", "*.a.org")),
            "1:1: acme has no name to order a certificate for: no service has a plain host name; write hosts = \
             [\"example.com\"] in a [[service]] (CAs issue no wildcard certificates by these challenges)",
        ),
        (
            format!("[acme]\n{}", secure.replace("a.org", "a.internal")),
            "1:1: acme has no name to order a certificate for: public CAs issue none for a name that is not in the \
             public DNS (such as \"a.internal\"); set directory in [acme] to that of a CA of your \
             own, or write a [[certificate]] instead",
        ),
        (
            format!("[acme]\neab = {{ key_id = \" \", hmac_key_file = \"eab.key\" }}\n{secure}"),
            "2:7: acme.eab needs both parts that the CA gives; write eab = { key_id = \"…\", \
             hmac_key_file = \"/etc/teal/eab.key\" }",
        ),
        (
            format!("[acme]\nemail = \"mailto:a@b\"\n{secure}"),
            "2:9: acme.email is \"mailto:a@b\", not an email address; write it as \
             \"ops@example.com\"",
        ),
        (
            format!("[acme]\ndirectory = \"http://a.test/dir\"\n{secure}"),
            "2:13: acme.directory is \"http://a.test/dir\", which is not https; write it as \
             \"https://HOST/PATH\", such as \"https://acme-v02.api.letsencrypt.org/directory\"",
        ),
    ] {
        assert_eq!(problems(&text), [expected], "{text}");
    }
}
