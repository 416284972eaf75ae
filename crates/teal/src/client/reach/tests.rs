//! Tests of reaching a Teal: the order of addresses, and the recipients of a token.

use super::*;
use crate::client::block_on;

fn found(args: &ReachArgs, intent: Intent, around: &Environment) -> Result<Teal, Failure> {
    block_on(Teal::find_in(args, intent, around)).expect("a runtime")
}

fn at(admin: &str) -> ReachArgs {
    ReachArgs { admin: Some(admin.to_owned()), ..ReachArgs::default() }
}

#[test]
fn r64_the_directories_of_a_second_teal_come_before_those_of_the_first() {
    let dirs = |names: [&str; 2]| names.map(PathBuf::from).to_vec();
    let around = Environment {
        state_dirs: dirs(["/var/lib/teal2", "/var/lib/teal"]),
        runtime_dirs: dirs(["/run/teal2", "/run/teal"]),
        ..Environment::default()
    };
    let order: Vec<_> = around.places().map(|dir| dir.to_string_lossy()).collect();
    assert_eq!(order, ["/var/lib/teal2", "/run/teal2", "/var/lib/teal", "/run/teal"]);
}

#[test]
fn addresses_are_urls_or_sockets() {
    for (text, shown) in [
        ("http://127.0.0.1:9900", "http://127.0.0.1:9900"),
        ("http://localhost:9900/", "http://localhost:9900"),
        ("127.0.0.1:1", "http://127.0.0.1:1"),
        ("http://[::1]:9900", "http://[::1]:9900"),
        ("https://teal.test:9900", "https://teal.test:9900"),
        ("unix:/run/teal/admin.sock", "unix:/run/teal/admin.sock"),
        ("unix:///run/teal/admin.sock", "unix:/run/teal/admin.sock"),
    ] {
        let address = parse("--admin", text, None).unwrap_or_else(|f| panic!("{}", f.message));
        assert_eq!(address.to_string(), shown);
    }
    for text in [
        "",
        "unix:",
        "ftp://here",
        "http://here",
        "http://here:x",
        "http://here:0",
        "http://here:99999",
        "http://a b:1",
        "http://user@here:1",
        "http://here:1/path",
        "::1:9900",
    ] {
        let failure = parse("--admin", text, None).expect_err(text);
        assert_eq!(failure.exit, Exit::Usage);
        assert!(failure.message.contains("unix:PATH"), "{}", failure.message);
    }
}

#[test]
fn the_flag_wins_over_the_environment_and_that_over_the_socket() {
    let dir = tempfile::tempdir().expect("a directory");
    let socket = dir.path().join("admin.sock");
    let _listener = std::os::unix::net::UnixListener::bind(&socket).expect("a socket");
    let mut around = Environment {
        state_dirs: vec![dir.path().join("absent"), dir.path().to_owned()],
        ..Environment::default()
    };
    let nothing = ReachArgs::default();
    let teal = found(&nothing, Intent::Read, &around).expect("found");
    assert_eq!(teal.address, Address::Unix(socket));
    assert_eq!(teal.tried.len(), 1);
    around.admin = Some("http://127.0.0.1:2".to_owned());
    let teal = found(&nothing, Intent::Read, &around).expect("found");
    assert_eq!(teal.address.to_string(), "http://127.0.0.1:2");
    let teal = found(&at("127.0.0.1:3"), Intent::Read, &around).expect("found");
    assert_eq!(teal.address.to_string(), "http://127.0.0.1:3");
    let empty = Environment::default();
    let teal = found(&nothing, Intent::Read, &empty).expect("found");
    assert_eq!(teal.address.to_string(), "http://127.0.0.1:9900");
}

#[test]
fn the_token_of_this_machine_is_never_sent_to_another_or_without_need() {
    let dir = tempfile::tempdir().expect("a directory");
    std::fs::write(dir.path().join("admin.token"), "secret\n").expect("written");
    let state_dirs = vec![dir.path().to_owned()];
    let around = Environment { state_dirs, ..Environment::default() };
    let token = |admin: &str, intent| found(&at(admin), intent, &around).expect("found").token;
    assert_eq!(token("127.0.0.1:9", Intent::Change).as_deref(), Some("secret"));
    assert_eq!(token("[::1]:9", Intent::Change).as_deref(), Some("secret"));
    assert_eq!(token("127.0.0.1:9", Intent::Read), None);
    assert_eq!(token("192.0.2.1:9", Intent::Change), None);
    assert_eq!(token("teal.example:9", Intent::Change), None);
    assert_eq!(token("unix:/run/admin.sock", Intent::Change), None);
}

#[test]
fn r8_an_address_or_a_token_that_was_guessed_must_prove_itself() {
    let dir = tempfile::tempdir().expect("a directory");
    std::fs::write(dir.path().join("admin.token"), "secret\n").expect("written");
    let state_dirs = vec![dir.path().to_owned()];
    let stored = Environment { state_dirs, ..Environment::default() };
    let own = Environment { token: Some("own".to_owned()), ..Environment::default() };
    let nothing = ReachArgs::default();
    let trust = |args: &ReachArgs, around: &Environment| {
        let teal = found(args, Intent::Change, around).expect("found");
        (teal.token, teal.trust.map(|trust| trust.advice))
    };
    let (token, advice) = trust(&nothing, &stored);
    assert_eq!(token.as_deref(), Some("secret"));
    assert!(advice.is_some_and(|advice| advice.contains("--token-file")));
    let (token, advice) = trust(&at("127.0.0.1:9"), &stored);
    assert_eq!(token.as_deref(), Some("secret"));
    assert!(advice.is_some());
    let (token, advice) = trust(&nothing, &own);
    assert_eq!(token.as_deref(), Some("own"));
    assert!(advice.is_some_and(|a| a.contains("--admin http://127.0.0.1:9900")));
    assert_eq!(trust(&at("127.0.0.1:9"), &own), (Some("own".to_owned()), None));
    assert_eq!(trust(&at("https://127.0.0.1:9"), &stored), (Some("secret".to_owned()), None));
}

#[test]
fn a_token_that_was_given_but_can_not_be_used_is_an_error() {
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("token");
    let mut args = at("127.0.0.1:9");
    args.token_file = Some(path.clone());
    for content in [None, Some(""), Some("two words"), Some("ctl\u{7}")] {
        if let Some(content) = content {
            std::fs::write(&path, content).expect("written");
        }
        let failure = found(&args, Intent::Read, &Environment::default()).expect_err("wrong");
        assert_eq!(failure.exit, Exit::Usage);
        assert!(failure.message.contains(&*path.display().to_string()), "{}", failure.message);
        assert!(!failure.message.contains("two words"), "{}", failure.message);
    }
    std::fs::write(&path, "right\n").expect("written");
    let teal = found(&args, Intent::Read, &Environment::default()).expect("found");
    assert_eq!(teal.token.as_deref(), Some("right"));
}
