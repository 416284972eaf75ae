//! A configuration from flags: the defaults of a bare `teal run`, and its refusals.

use std::path::Path;

use config::{Environment, Flags};
use rules::Color;

fn environment() -> Environment {
    Environment { home: Some("/home/ops".into()), ..Environment::default() }
}

fn said(flags: &Flags) -> String {
    config::from_flags(flags, &environment()).expect_err("refused").to_string()
}

#[test]
fn a_bare_run_is_the_setting_of_the_article() {
    let config = config::from_flags(&Flags::default(), &environment()).expect("good");
    assert_eq!(config.listeners[0].address.to_string(), "127.0.0.1:8080");
    assert_eq!(config.admin.listen.to_string(), "127.0.0.1:9900");
    assert_eq!(config.state_dir, Path::new("/home/ops/.local/state/teal"));
    assert_eq!(config.source, None);
    let service = &config.services[0];
    assert_eq!(service.name.as_str(), "web");
    assert_eq!(service.color(Color::Blue).targets[0].to_string(), "http://127.0.0.1:8081");
    assert_eq!(service.color(Color::Green).targets[0].to_string(), "http://127.0.0.1:8082");
}

#[test]
fn every_flag_is_heard() {
    let flags = Flags {
        listen: Some("[::1]:0".to_owned()),
        blue: Some("http://app-blue:3000".to_owned()),
        green: Some("http://app-green:3000".to_owned()),
        admin: Some("127.0.0.2:0".to_owned()),
        state_dir: Some("state".into()),
    };
    let config = config::from_flags(&flags, &environment()).expect("good");
    assert_eq!(config.listeners[0].address.to_string(), "[::1]:0");
    assert_eq!(config.admin.listen.to_string(), "127.0.0.2:0");
    let service = &config.services[0];
    assert_eq!(service.color(Color::Blue).targets[0].authority(), "app-blue:3000");
    assert_eq!(service.color(Color::Green).targets[0].authority(), "app-green:3000");
    let here = std::env::current_dir().expect("a working directory");
    assert_eq!(config.state_dir, here.join("state"));
}

#[test]
fn all_wrong_flags_are_named_at_once() {
    let flags = Flags {
        listen: Some(":8080".to_owned()),
        blue: Some("127.0.0.1:8081".to_owned()),
        green: Some("http://127.0.0.1:8082/path".to_owned()),
        admin: Some("0.0.0.0:9900".to_owned()),
        state_dir: Some("".into()),
    };
    let said = said(&flags);
    let lines: Vec<&str> = said.lines().collect();
    assert_eq!(lines.len(), 6, "{said}");
    assert_eq!(
        lines[..4],
        [
            "--listen: \":8080\" is not an IP address with a port; write it as \"0.0.0.0:8080\"",
            "--blue: \"127.0.0.1:8081\": a target needs a scheme, write it as http://HOST:PORT",
            "--green: \"http://127.0.0.1:8082/path\": a target is an address and has no path, write it as http://HOST:PORT",
            "--admin: \"0.0.0.0:9900\" is not a loopback address, and beyond loopback the admin API needs TLS; write admin.tls with cert and key, or \"127.0.0.1:9900\" and reach it over SSH",
        ]
    );
    assert!(lines[4].starts_with("--state-dir: "), "{said}");
    assert_eq!(lines[5], "5 problems");
}

#[test]
fn flags_that_contradict_each_other_are_refused() {
    let listen = |text: &str| Flags { listen: Some(text.to_owned()), ..Flags::default() };
    assert_eq!(
        said(&listen("0.0.0.0:9900")),
        "--listen: 0.0.0.0:9900 is taken by --admin; write another port\n1 problem"
    );
    assert_eq!(
        said(&listen("0.0.0.0:8082")),
        "--green: http://127.0.0.1:8082 is Teal's own listener, so requests would loop; write \
         the address of the application\n1 problem"
    );
    let same = Flags { green: Some("http://127.0.0.1:8081".to_owned()), ..Flags::default() };
    assert!(said(&same).starts_with("--green: http://127.0.0.1:8081 is also a target of blue; "));
}

#[test]
fn without_any_place_for_state_the_flag_is_asked_for() {
    let problems = config::from_flags(&Flags::default(), &Environment::default());
    assert_eq!(
        problems.expect_err("refused").to_string(),
        "there is no state directory: STATE_DIRECTORY, XDG_STATE_HOME and HOME are not set; give \
         --state-dir DIR\n1 problem"
    );
}
