//! The four scenarios of the article, its answers word for word, and its bare command line.

use testkit::{Client, Settings, Target, Teal};

use crate::TEAL;
use crate::setup::Setup;

#[test]
fn traffic_flows_to_blue_when_only_blue_is_up() {
    let stage_green = Target::stopped("green");
    let blue = Target::start("blue");
    let teal = Teal::start(TEAL, &Settings::new(&blue, &stage_green));
    teal.wait_healthy("blue", true);
    teal.wait_healthy("green", false);
    let answer = Client::connect(teal.listener()).get("/");
    assert_eq!((answer.status, answer.fields.get("x-target")), (200, Some("blue")));
    let status = teal.ask("GET", "/admin/status", &[]).text();
    let begins = "Active: blue\nBlue healthy: true\nGreen healthy: false\n";
    assert!(status.starts_with(begins), "{status}");
    teal.assert_books_balance();
}

#[test]
fn switching_moves_traffic_and_says_so_in_the_words_of_the_article() {
    let setup = Setup::new();
    assert_eq!(setup.who(), "blue");
    let answer = setup.teal.switch("green", "");
    assert_eq!(answer.status, 200);
    assert!(answer.text().starts_with("Switched from blue to green"), "{}", answer.text());
    assert_eq!(setup.who(), "green");
    let again = setup.teal.switch("green", "");
    assert_eq!(again.status, 200);
    assert!(again.text().starts_with("Already on green"), "{}", again.text());
    let status = setup.teal.ask("GET", "/admin/status", &[]).text();
    assert!(status.starts_with("Active: green\n"), "{status}");
    setup.finish();
}

#[test]
fn a_killed_color_cannot_be_switched_to_until_it_is_back() {
    let setup = Setup::new();
    setup.green.stop();
    setup.teal.wait_healthy("green", false);
    let refused = setup.teal.switch("green", "");
    assert_eq!(refused.status, 412, "{}", refused.text());
    let text = refused.text();
    let mut lines = text.lines();
    assert_eq!(lines.next(), Some("Target green is not healthy"));
    assert!(lines.next().is_some_and(|line| line.contains("connection refused")), "{text}");
    assert_eq!(setup.who(), "blue");

    setup.green.restart();
    setup.teal.wait_healthy("green", true);
    setup.teal.switch_to("green");
    assert_eq!(setup.who(), "green");
    setup.finish();
}

#[test]
fn invalid_calls_are_refused_in_the_words_of_the_article() {
    let setup = Setup::new();
    let by_get = setup.teal.ask("GET", "/admin/switch?to=green", &[]);
    assert_eq!(by_get.status, 405);
    assert!(by_get.text().starts_with("Method not allowed"), "{}", by_get.text());
    for path in ["/admin/switch?to=purple", "/admin/switch?to=", "/admin/switch"] {
        let answer = setup.teal.ask("POST", path, &[]);
        assert_eq!(answer.status, 400, "{path}");
        let begins = "Invalid target: must be 'blue' or 'green'";
        assert!(answer.text().starts_with(begins), "{path}: {}", answer.text());
    }
    assert_eq!(setup.who(), "blue");
    setup.finish();
}

#[test]
fn a_bare_run_takes_its_addresses_from_flags() {
    let (blue, green) = (Target::start("blue"), Target::start("green"));
    let mut teal = Teal::prepare(TEAL, &Settings::new(&blue, &green));
    let state = teal.state_dir().display().to_string();
    let (blue_url, green_url) = (blue.url(), green.url());
    teal.start_bare(&[
        "--listen",
        "127.0.0.1:0",
        "--admin",
        "127.0.0.1:0",
        "--state-dir",
        &state,
        "--blue",
        &blue_url,
        "--green",
        &green_url,
    ]);
    teal.wait_healthy("green", true);
    assert_eq!(Client::connect(teal.listener()).get("/").fields.get("x-target"), Some("blue"));
    teal.switch_to("green");
    assert_eq!(Client::connect(teal.listener()).get("/").fields.get("x-target"), Some("green"));
    teal.assert_books_balance();
}

#[test]
fn the_public_listener_has_no_admin_route() {
    let setup = Setup::new();
    let answer = setup.client().post("/admin/switch?to=green", b"");
    assert_eq!((answer.status, answer.fields.get("x-target")), (200, Some("blue")));
    assert_eq!(setup.teal.active(), "blue");
    assert_eq!(setup.blue.seen().requests_to("/admin/switch").len(), 1);
    setup.finish();
}
