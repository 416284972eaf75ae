//! The questions with people who answer them, and without.

use super::*;
use crate::answer::{Runner, Tls};
use crate::given::Given;

/// A person who writes these lines, one after the other, and then leaves.
#[derive(Default)]
struct Script {
    lines: Vec<&'static str>,
    asked: Vec<String>,
    heard: Vec<String>,
}

impl Person for Script {
    fn answer(&mut self, question: &str, default: &str) -> Option<String> {
        self.asked.push(format!("{question} [{default}]"));
        (!self.lines.is_empty()).then(|| self.lines.remove(0).to_owned())
    }

    fn hear(&mut self, text: &str) {
        self.heard.push(text.to_owned());
    }
}

fn place() -> Place {
    Place { directory: "/srv/web".into(), environment: config::Environment::default() }
}

fn answered(lines: &[&'static str]) -> (Result<Answers, Unanswered>, Script) {
    let mut script = Script { lines: lines.to_vec(), ..Script::default() };
    let answers = ask(&Given::default(), Some(&mut script), false, RunnerKind::Command, &place());
    (answers, script)
}

fn by_flags(given: &Given) -> Result<Answers, Unanswered> {
    ask(given, None, true, RunnerKind::Command, &place())
}

#[test]
fn enter_takes_every_default() {
    let (answers, script) = answered(&["", "", "", "", "", ""]);
    assert_eq!(answers, Ok(Answers::default_for(RunnerKind::Command)));
    assert_eq!(script.asked.len(), 6, "{:?}", script.asked);
    assert!(script.asked[2].ends_with("[8081 8082]"), "{:?}", script.asked);
    assert!(script.asked[5].ends_with("[./web --port {port}]"), "{:?}", script.asked);
}

#[test]
fn a_wrong_answer_is_explained_as_teal_check_does_and_asked_again() {
    let (answers, script) = answered(&[
        "My App",
        "shop", // a name
        "example.com:80",
        "shop.example.com *.example.com", // hosts
        "8081",
        "8081 8081",
        "99999 1",
        "9001 9002", // targets
        "yes",
        "acme", // TLS
        "nobody",
        "ops@example.com", // its email address
        "podman",
        "systemd", // the runner
        "./shop",
        "/opt/shop/shop --port {prot}",
        "/opt/shop/shop 'x",
        "/opt/shop/shop --port {port}",
    ]);
    let answers = answers.expect("answers");
    assert_eq!(answers.hosts, ["shop.example.com", "*.example.com"]);
    assert_eq!(answers.targets, ["http://127.0.0.1:9001", "http://127.0.0.1:9002"]);
    assert_eq!(answers.tls, Tls::Acme { email: Some("ops@example.com".to_owned()) });
    assert_eq!(answers.runner, Runner::Systemd("/opt/shop/shop --port {port}".to_owned()));
    let expected = [
        "service.name: service name \"My App\" must be 1 to 63",
        "service.hosts: \"example.com:80\" is not a host name",
        "\"8081\" is not two targets",
        "also a target of blue",
        "99999",
        "\"yes\" is not a kind of TLS",
        "acme.email is \"nobody\", not an email address",
        "\"podman\" is not a runner",
        "not an absolute path",
        "{prot}",
        "quote without its end",
    ];
    let heard: Vec<&String> =
        script.heard.iter().filter(|heard| !heard.contains("in use")).collect();
    assert_eq!(heard.len(), expected.len(), "{heard:#?}");
    for (heard, words) in heard.iter().zip(expected) {
        assert!(heard.contains(words), "{words:?} is missing in {heard:?}");
    }
}

#[test]
fn acme_without_a_name_and_a_target_that_is_teal_itself_are_refused() {
    let (answers, script) = answered(&["", "", "9900 8081", "8091 8092", "acme", "none", "", ""]);
    let answers = answers.expect("answers");
    assert_eq!(answers.tls, Tls::None);
    assert!(script.heard[0].contains("admin"), "{:?}", script.heard);
    assert!(script.heard[1].contains("acme has no name"), "{:?}", script.heard);
}

#[test]
fn a_listener_moves_away_from_a_color_that_has_its_port() {
    let given = Given { blue: Some("8080".to_owned()), ..Given::default() };
    let answers = by_flags(&given).expect("answers");
    assert_eq!(answers.listener(), "127.0.0.1:8000");
    let listen = Some("127.0.0.1:8080".to_owned());
    let said = by_flags(&Given { listen, ..given });
    let Err(Unanswered::Wrong(said)) = said else { panic!("{said:?}") };
    assert!(said.contains("8080"), "{said}");
}

#[test]
fn somebody_who_leaves_has_answered_nothing() {
    for lines in [&[][..], &["web"], &["web", "", "", "files", "/a.pem"]] {
        let (answers, _) = answered(lines);
        assert_eq!(answers, Err(Unanswered::Left));
    }
}

#[test]
fn without_a_person_flags_or_consent_to_defaults_are_needed() {
    let some =
        Given { service: Some("web".to_owned()), tls: Some(TlsKind::None), ..Given::default() };
    let said = ask(&some, None, false, RunnerKind::Command, &place()).expect_err("missing");
    assert_eq!(said, Unanswered::Missing(vec!["--host", "--blue", "--green", "--runner"]));
    let words = said.to_string();
    assert!(
        words.contains("--host, --blue, --green, --runner") && words.contains("--yes"),
        "{words}"
    );
    assert_eq!(by_flags(&some), Ok(Answers::default_for(RunnerKind::Command)));
}

#[test]
fn only_what_flags_leave_open_is_asked() {
    let given = Given {
        service: Some("api".to_owned()),
        hosts: Some(vec!["api.example.com".to_owned()]),
        tls: Some(TlsKind::Files),
        ..Given::default()
    };
    let mut script = Script { lines: vec!["", "", "", "docker", ""], ..Script::default() };
    let answers = ask(&given, Some(&mut script), false, RunnerKind::Command, &place());
    let answers = answers.expect("answers");
    assert_eq!(script.asked.len(), 5, "{:?}", script.asked);
    let (cert, key) = ("/etc/teal/api.example.com.pem", "/etc/teal/api.example.com.key");
    assert_eq!(answers.tls, Tls::Files { cert: cert.to_owned(), key: key.to_owned() });
    assert_eq!(answers.runner, Runner::Docker("api:{version}".to_owned()));
}

#[test]
fn flags_that_do_not_fit_the_answers_are_refused() {
    let text = || Some("x".to_owned());
    for (given, words) in [
        (Given { cert: text(), ..Given::default() }, "--tls files"),
        (Given { email: text(), ..Given::default() }, "--tls acme"),
        (Given { image: text(), ..Given::default() }, "--command"),
        (
            Given { command: text(), runner: Some(RunnerKind::Compose), ..Given::default() },
            "--image",
        ),
        (
            Given {
                blue: Some("http://10.0.0.1:80".to_owned()),
                runner: Some(RunnerKind::Compose),
                ..Given::default()
            },
            "loopback",
        ),
        (Given { hosts: Some(vec!["a_b..c".to_owned()]), ..Given::default() }, "not a host name"),
    ] {
        let said = by_flags(&given);
        let Err(Unanswered::Wrong(said)) = said else { panic!("{given:?}: {said:?}") };
        assert!(said.contains(words), "{words:?} is missing in {said}");
    }
}
