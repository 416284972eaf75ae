//! Without a terminal: flags, defaults, and what is refused.

use std::fs;

use crate::{check, files_below, init};

#[test]
fn without_a_terminal_the_missing_flags_are_named_and_nothing_is_written() {
    let place = tempfile::tempdir().expect("a directory");
    let directory = place.path().join("new");
    let said = init(&directory, &["--service", "web", "--tls", "none"]);
    said.assert_code(2);
    for flag in ["--host", "--blue", "--green", "--runner", "--yes"] {
        assert!(said.stderr.contains(flag), "{}", said.stderr);
    }
    assert!(!directory.exists());
    for (flags, words) in [
        (&["--yes", "--service", "My App"][..], "service.name"),
        (&["--yes", "--host", "a..b"], "is not a host name"),
        (&["--yes", "--blue", "8081", "--green", "8081"], "also a target of blue"),
        (&["--yes", "--tls", "acme"], "acme has no name"),
        (
            &["--yes", "--host", "example.com", "--tls", "acme", "--email", "x"],
            "not an email address",
        ),
        (&["--yes", "--cert", "a.pem"], "--tls files"),
        (&["--yes", "--listen", "8080"], "is not an IP address with a port"),
        (&["--runner", "podman"], "possible values"),
    ] {
        let said = init(&directory, flags);
        said.assert_code(2);
        assert!(said.stderr.contains(words), "{flags:?}: {}", said.stderr);
        assert!(!directory.exists());
    }
}

#[test]
fn defaults_make_files_that_pass_the_check() {
    let place = tempfile::tempdir().expect("a directory");
    for runner in ["hooks", "systemd", "docker", "compose", "command"] {
        let directory = place.path().join(runner);
        let said = init(&directory, &["--yes", "--runner", runner, "--json"]);
        said.assert_code(0);
        let report: serde_json::Value = serde_json::from_str(&said.stdout).expect("JSON");
        let files = report["files"].as_array().expect("a list");
        assert_eq!(files.len(), files_below(&directory).len(), "{report}");
        assert_eq!(files[0]["path"], "teal.toml");
        assert!(report["next"].as_array().is_some_and(|next| next.len() >= 3), "{report}");
        check(&directory).assert_code(0);
    }
}

#[test]
fn certificates_that_are_not_there_yet_are_named_and_the_files_are_written() {
    let place = tempfile::tempdir().expect("a directory");
    let flags = [
        "--yes",
        "--host",
        "example.com",
        "--tls",
        "files",
        "--cert",
        "cert.pem",
        "--key",
        "key.pem",
    ];
    let said = init(place.path(), &flags);
    said.assert_code(0);
    assert!(said.stderr.contains("cert.pem"), "{}", said.stderr);
    assert!(said.stdout.contains("Next, in that directory:"), "{}", said.stdout);
    let checked = check(place.path());
    checked.assert_code(2); // the certificate is all that is missing
    let problems: Vec<&str> =
        checked.stderr.lines().filter(|line| line.contains(".toml:")).collect();
    assert!(
        !problems.is_empty() && problems.iter().all(|line| line.contains(".pem")),
        "{problems:?}"
    );
}

#[test]
fn a_port_that_is_taken_is_a_warning() {
    let place = tempfile::tempdir().expect("a directory");
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = taken.local_addr().expect("an address").port().to_string();
    let said = init(place.path(), &["--yes", "--blue", &port]);
    said.assert_code(0);
    let words = format!("127.0.0.1:{port} is in use");
    assert!(said.stderr.contains(&words), "{}", said.stderr);
}

#[test]
fn nothing_is_ever_overwritten() {
    let place = tempfile::tempdir().expect("a directory");
    for taken in ["teal.toml", "hooks/stop", "deploy.sh"] {
        let directory = place.path().join(taken.replace('/', "-"));
        let path = directory.join(taken);
        fs::create_dir_all(path.parent().expect("a parent")).expect("made");
        fs::write(&path, "mine").expect("written");
        let said = init(&directory, &["--yes", "--runner", "hooks"]);
        said.assert_code(1);
        assert!(
            said.stderr.contains(taken) && said.stderr.contains("overwrites nothing"),
            "{said:?}"
        );
        assert_eq!(files_below(&directory), std::slice::from_ref(&path));
        assert_eq!(fs::read_to_string(path).expect("text"), "mine");
    }
}
