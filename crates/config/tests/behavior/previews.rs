//! The previews of a service, and the listeners that they have.

use std::net::SocketAddr;

use crate::spoiled::{FILE, parse, problems, service_line};
use config::{Config, immovable};
use rules::Preview;

/// The file with this line in its service.
fn with(line: &str) -> String {
    FILE.replace("name = \"web\"\n", &format!("name = \"web\"\n{line}\n"))
}

fn good(line: &str) -> Config {
    parse(&with(line)).expect(line)
}

fn address(text: &str) -> SocketAddr {
    text.parse().expect("an address")
}

#[test]
fn a_service_has_previews_by_token_by_a_listener_or_by_both() {
    assert_eq!(good("").services[0].policy.preview, None);
    let listen = Some(address("127.0.0.1:8090"));
    for (line, expected) in [
        ("preview = {}", Preview { listen: None, token: true }),
        ("preview = { listen = \"127.0.0.1:8090\" }", Preview { listen, token: true }),
        (
            "preview = { listen = \"127.0.0.1:8090\", token = false }",
            Preview { listen, token: false },
        ),
    ] {
        let config = good(line);
        assert_eq!(config.services[0].policy.preview, Some(expected), "{line}");
        let own = config.listeners.iter().filter(|listener| listener.preview);
        let own: Vec<_> = own.map(|listener| Some(listener.address)).collect();
        assert_eq!(own, expected.listen.map_or(vec![], |at| vec![Some(at)]), "{line}");
        assert!(!config.listeners[0].preview, "those of clients are first");
    }
}

#[test]
fn services_may_share_a_listener_for_previews_and_nothing_else_may() {
    let preview = "preview = { listen = \"127.0.0.1:8090\" }";
    let other = "[[service]]\nname = \"api\"\nhosts = [\"api.test\"]\nblue.targets = [\"http://10.0.0.3:1\"]\n\
                 green.targets = [\"http://10.0.0.3:2\"]\n";
    let both = format!("{}{other}{preview}\n", with(preview));
    let config = parse(&both).expect("good");
    assert_eq!(config.listeners.iter().filter(|listener| listener.preview).count(), 1);
    for (taken, by) in [("0.0.0.0:8080", "the listener "), ("127.0.0.1:9900", "admin.listen (")] {
        let line = format!("preview = {{ listen = \"{taken}\" }}");
        let found = problems(&with(&line)).join("\n");
        assert!(
            found.contains(&format!("service.preview.listen: {taken} is taken by {by}")),
            "{found}"
        );
    }
    let circle = with(preview).replace("http://10.0.0.1:81", "http://127.0.0.1:8090");
    let found = problems(&circle).join("\n");
    assert!(found.contains("is Teal's own listener, so requests would loop"), "{found}");
}

#[test]
fn previews_that_lead_nowhere_are_refused() {
    let nowhere =
        "service.preview gives testers no way; write token = true, or listen = \"127.0.0.1:8090\"";
    let found = service_line("preview = { token = false }").join("\n");
    assert!(found.ends_with(nowhere), "{found}");
    let found = service_line("preview = { listen = \"8090\" }").join("\n");
    assert!(found.contains("service.preview.listen: "), "{found}");
    let found = service_line("preview = { tokens = true }").join("\n");
    assert!(found.contains("tokens") && found.contains("token"), "{found}");
}

#[test]
fn a_reload_turns_tokens_on_and_off_and_a_listener_takes_an_upgrade() {
    let (none, token) = (good(""), good("preview = { token = true }"));
    let listen = good("preview = { listen = \"127.0.0.1:8090\" }");
    assert_eq!(immovable(&none, &token), [""; 0]);
    let refused = immovable(&token, &listen);
    assert_eq!(refused.len(), 1);
    let expected =
        "preview.listen cannot be changed by a reload (from none to 127.0.0.1:8090 and HTTP/2)";
    assert!(refused[0].starts_with(expected), "{}", refused[0]);
}
