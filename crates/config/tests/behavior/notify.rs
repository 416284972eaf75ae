//! The endpoints that are notified of events: their meaning, and messages that repeat no secret.

use std::path::Path;

use crate::spoiled::{FILE, parse, problems};
use config::{Config, NotifyFormat, SecretSource, immovable};
use rules::NotifiedEvent;

/// A secret of 24 bytes.
const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

/// The file with an endpoint of these lines.
fn with(lines: &str) -> String {
    format!("{FILE}[[notify]]\n{lines}\n")
}

fn good(lines: &str) -> Config {
    parse(&with(lines)).expect(lines)
}

fn all_of(lines: &str) -> String {
    problems(&with(lines)).join("\n")
}

#[test]
fn an_endpoint_has_defaults_for_all_but_its_url_and_its_secret() {
    let config =
        good(&format!("url = \"https://Hooks.Example.com/T/x?y=z\"\nsecret = \"{SECRET}\""));
    let [endpoint] = &config.notify[..] else { panic!("{:?}", config.notify) };
    assert_eq!(endpoint.name, "hooks.example.com");
    assert_eq!(endpoint.url.shown(), "https://hooks.example.com");
    assert_eq!(endpoint.url.path(), "/T/x?y=z");
    assert_eq!(endpoint.events, NotifiedEvent::DEFAULT);
    assert_eq!(endpoint.format, NotifyFormat::Json);
    let Some(SecretSource::Written(secrets)) = &endpoint.secret else { panic!("{endpoint:?}") };
    assert_eq!(secrets[0].bytes().len(), 24);
    let keys = &config::schema()["properties"]["notify"]["items"]["properties"];
    assert_eq!(keys["format"]["default"], "json", "the only default that is the same everywhere");
    assert_eq!(good("url = \"http://[::1]:80\"\nformat = \"slack\"").notify[0].name, "__1");
}

#[test]
fn a_secret_is_written_or_in_the_environment_a_file_or_a_credential() {
    let of =
        |lines: &str| good(&format!("url = \"http://a.test\"\n{lines}")).notify[0].secret.clone();
    assert_eq!(of("secret = \"env:HOOK_1\""), Some(SecretSource::Variable("HOOK_1".to_owned())));
    let file = |path: &str| Some(SecretSource::File(Path::new(path).to_owned()));
    assert_eq!(of("secret_file = \"hook.secret\""), file("/etc/teal/hook.secret"));
    let credential = file("/run/credentials/teal.service/hook");
    assert_eq!(of("secret_file = \"credential:hook\""), credential);
    assert_eq!(of("format = \"slack\""), None);
    let two = of(&format!("secret = \"{SECRET} whsec_{}\"", "A".repeat(32)));
    assert!(matches!(two, Some(SecretSource::Written(secrets)) if secrets.len() == 2));
}

#[test]
fn events_are_a_list_of_known_names() {
    let events = |list: &str| {
        good(&format!("url = \"http://a.test\"\nsecret = \"env:A\"\nevents = [{list}]")).notify[0]
            .events
            .clone()
    };
    let both = [NotifiedEvent::Switch, NotifiedEvent::Failover];
    assert_eq!(events("\"failover\", \"switch\", \"failover\""), both);
    let said = |list: &str| {
        all_of(&format!("url = \"http://a.test\"\nsecret = \"env:A\"\nevents = {list}"))
    };
    assert_eq!(said("[\"swich\"]"), "10:11: notify.events is \"swich\"; did you mean \"switch\"?");
    assert_eq!(said("[\"Switch\"]"), "10:11: notify.events is \"Switch\"; write \"switch\"");
    assert!(said("[\"everything\"]").contains("write \"switch\" or \"rollback\" or "));
    assert!(said("[]").contains("notify.events is empty; name at least one event"));
}

#[test]
fn bad_urls_are_refused_at_their_place_and_not_repeated() {
    for (url, why) in [
        ("ftp://a.test/SECRET", "is not an http or https URL; write it as \"https://HOST/PATH\""),
        ("a.test/SECRET", "is not an http or https URL"),
        ("unix:/SECRET", "is not an http or https URL"),
        ("https:///SECRET", "has no valid host and port"),
        ("https://a.test:0/SECRET", "has no valid host and port"),
        ("https://SECRET@a.test/", "has a user name or password"),
        ("https://u:SECRET@a.test/", "has a user name or password"),
        ("https://a.test/x#SECRET", "has a fragment"),
        ("https://a.test/SECRET x", "has a path that is not valid in a URL"),
        ("https://a.test/SECRET\\r\\nx: y", "has a path that is not valid in a URL"),
    ] {
        let said = all_of(&format!("url = \"{url}\"\nsecret = \"env:A\""));
        assert!(said.starts_with("8:7: notify.url ") && said.contains(why), "{url}: {said}");
        assert!(!said.contains("SECRET"), "{said}");
    }
    assert!(all_of("secret = \"env:A\"").contains("notify needs \"url\""));
}

#[test]
fn bad_secrets_and_names_are_refused_and_secrets_are_not_repeated() {
    let said = |lines: &str| all_of(&format!("url = \"http://a.test/\"\n{lines}"));
    for (lines, why) in [
        ("", "notify needs a secret to sign messages with; write secret_file"),
        ("secret = \"hunter2hunter2\"", "notify.secret is neither \"whsec_…\" nor \"env:NAME\""),
        ("secret = \"whsec_hunter2=\"", "notify.secret is not base64 after \"whsec_\""),
        ("secret = \"whsec_hunter2h\"", "notify.secret has 6 bytes; write \"whsec_\" and 24 to 64"),
        ("secret = [\"whsec_hunter2\"]", "notify.secret is a list but must be text in quotes"),
        ("secret = \"env:a b\"", "notify.secret does not name a variable"),
        ("secret = \"env:A\"\nsecret_file = \"x\"", "there is also notify.secret; leave one out"),
        ("secret = \"env:A\"\nname = \"a/b\"", "notify.name: \"a/b\" is not a name"),
        ("secret = \"env:A\"\nforma = \"slack\"", "did you mean \"format\"?"),
    ] {
        let said = said(lines);
        assert!(said.contains(why), "{lines}: {said}");
        assert!(!said.contains("hunter2"), "{said}");
    }
    let twice = "secret = \"env:A\"\n[[notify]]\nurl = \"https://a.test/2\"\nsecret = \"env:B\"";
    assert!(said(twice).contains("there are two endpoints named \"a.test\"; write a name"));
}

#[test]
fn a_configuration_in_a_log_shows_no_secret_and_no_path() {
    let config =
        good(&format!("url = \"https://a.test/hunter2?x=hunter2\"\nsecret = \"{SECRET}\""));
    let shown = format!("{config:?}");
    assert!(shown.contains("https://a.test/…"), "{shown}");
    assert!(!shown.contains("hunter2") && !shown.contains("MfKQ"), "{shown}");
    let bytes = format!("{:?}", &b"1\xf2\x90\xf6"[..]);
    assert!(!shown.contains(bytes.trim_matches(['[', ']'])), "not as bytes either: {shown}");
}

#[test]
fn endpoints_are_changed_by_a_reload() {
    let one = good("url = \"http://a.test\"\nsecret = \"env:A\"");
    assert_eq!(immovable(&one, &parse(FILE).expect("good")), [""; 0]);
}
