//! Reload: all or nothing, with connections open, and gated where it moves traffic.

use rustix::process::Signal;
use testkit::{Behavior, Client, Gate, Load, LoadOptions, Settings, Target, wait_until};

use crate::setup::{SOON, Setup};

#[test]
fn a_reload_keeps_connections_and_requests_that_are_open() {
    let setup = Setup::new();
    let (mut held, gate) = setup.held_on_blue();
    let mut idle = setup.client();
    assert_eq!(idle.get("/").status, 200);
    let load = Load::start(setup.teal.listener(), LoadOptions::default());
    setup.teal.write_settings(&setup.settings().drain("7s").timeouts("idle = \"30s\""));
    setup.teal.cli(&["reload"]).assert_code(0);
    setup.teal.signal(Signal::HUP);
    load.wait_for_more(100);
    load.stop().assert_nothing_lost();
    assert_eq!(idle.get("/again").status, 200);
    gate.open();
    assert_eq!(held.answer().status, 200);
    setup.finish();
}

#[test]
fn a_faulty_file_changes_nothing_and_every_problem_is_listed() {
    let setup = Setup::new();
    let before = setup.teal.status();
    let good = setup.settings().to_toml(&setup.teal.state_dir());
    let faulty = good
        .replace("initial", "inital")
        .replace("[limits]", "[limits]\nheadbytes = 5\nfields = \"many\"")
        .replace("drain = { timeout = \"5s\" }", "drain = { timeout = \"5 parsecs\" }");
    setup.teal.write_config(&faulty);
    let result = setup.teal.cli(&["reload"]);
    assert!(matches!(result.code, Some(1 | 2)), "{}", result.all());
    for word in ["headbytes", "head_bytes", "fields", "parsecs"] {
        assert!(result.all().contains(word), "{word} is missing in {}", result.all());
    }
    assert_eq!(setup.teal.status()["generation"], before["generation"]);
    setup.teal.signal(Signal::HUP);
    setup.teal.log_has(&["parsecs"]);
    assert_eq!(setup.who(), "blue");
    setup.finish();
}

#[test]
fn a_repointed_active_color_must_pass_the_gate() {
    // L9
    let setup = Setup::new();
    let before = setup.teal.generation();
    let third = Target::stopped("third");
    setup.teal.write_settings(&Settings::new(&third, &setup.green));
    let refused = setup.teal.ask("POST", "/admin/reload", &[]);
    assert_eq!(refused.status, 412, "{}", refused.text());
    assert!(refused.text().contains("connection refused"), "{}", refused.text());
    assert_eq!((setup.who(), setup.teal.generation()), ("blue".to_owned(), before));

    third.restart();
    let load = Load::start(setup.teal.listener(), LoadOptions::default());
    load.expect_anyone();
    setup.teal.cli(&["reload"]).assert_code(0);
    load.expect_only("third");
    wait_until(SOON, "the removed target is drained", || setup.blue.seen().open_connections() == 0);
    load.wait_for_more(100);
    load.stop().assert_nothing_lost();
    assert_eq!(setup.teal.generation(), before + 1);
    setup.finish();
}

#[test]
fn a_target_that_a_reload_takes_from_a_color_drains_and_is_cut_at_the_deadline() {
    // L3 L4
    let setup = Setup::new();
    let third = Target::start("third");
    let (blue, green) = (setup.blue.url(), setup.green.url());
    setup.teal.write_settings(&Settings::of_urls(&[&blue, &third.url()], &[&green]));
    setup.teal.cli(&["reload"]).assert_code(0);
    let gate = Gate::new();
    let (mut kept, mut gone) = (Vec::new(), Vec::new());
    let held = |target: &Target| target.seen().requests_to("/held").len();
    for target in [&setup.blue, &third] {
        target.behave_at("/held", Behavior::Held(gate.clone()));
    }
    wait_until(SOON, "requests are in flight on both targets", || {
        let mut client = setup.client();
        client.send("GET /held HTTP/1.1\r\nHost: test\r\n\r\n");
        let count = kept.len() + gone.len();
        let arrived = || held(&setup.blue) + held(&third) > count;
        wait_until(SOON, "the request is in flight", arrived);
        if held(&third) > gone.len() {
            gone.push(client);
        } else {
            kept.push(client);
        }
        !kept.is_empty() && !gone.is_empty()
    });
    wait_until(SOON, "an idle connection to the target", || {
        setup.who();
        third.seen().open_connections() > gone.len()
    });

    setup.teal.write_settings(&setup.settings().drain("2s"));
    setup.teal.cli(&["reload"]).assert_code(0);
    wait_until(SOON, "only connections in use are left", || {
        third.seen().open_connections() == gone.len()
    });
    for client in &mut gone {
        let answer = client.answer();
        assert_eq!((answer.status, answer.closes()), (504, true));
    }
    let ended = "the drain of a removed color or target has ended";
    setup.teal.log_has(&[ended]);
    let log = setup.teal.log();
    let line = log.lines().find(|line| line.contains(ended)).expect("the line");
    assert!(line.contains(&third.url()) && line.contains("cut"), "{line}");
    let cut = setup.teal.metrics().count("teal_drain_cut_total", &[("what", "unanswered")]);
    assert_eq!(cut, gone.len() as u64);
    gate.open();
    for client in &mut kept {
        let answer = client.answer();
        assert_eq!((answer.status, answer.fields.get("x-target")), (200, Some("blue")));
    }
    third.assert_well_formed();
    setup.finish();
}

#[test]
fn new_targets_of_the_idle_color_start_unknown_and_are_proven() {
    // L9
    let setup = Setup::new();
    let third = Target::start("third");
    setup.teal.write_settings(&Settings::new(&setup.blue, &third));
    setup.teal.cli(&["reload"]).assert_code(0);
    setup.teal.wait_healthy("green", true);
    setup.teal.switch_to("green");
    assert_eq!(setup.who(), "third");
    assert_eq!(setup.green.seen().count(), 0);
    setup.finish();
}

#[test]
fn keys_that_need_an_upgrade_are_refused_by_name() {
    let setup = Setup::new();
    for (settings, name) in [
        (setup.settings().top("workers", "1"), "workers"),
        (setup.settings().admin("listen", "\"127.0.0.1:1\""), "admin.listen"),
        (setup.settings().extra("[otel]\nendpoint = 'http://127.0.0.1:1'"), "otel.endpoint"),
    ] {
        setup.teal.write_settings(&settings.drain("9s"));
        let result = setup.teal.cli(&["reload"]);
        assert!(matches!(result.code, Some(1..=3)), "{}", result.all());
        assert!(result.all().contains(name), "{}", result.all());
        setup.teal.log_has(&["the configuration is invalid: ", name]);
    }
    setup.finish();
}

#[test]
fn tokens_change_with_a_reload_and_a_revoked_one_is_of_no_use() {
    let setup = Setup::new();
    let made = setup.teal.cli_bare(&["token", "new", "--name", "ci"], &[]).assert_code(0).all();
    let line = made.lines().find(|line| line.contains("sha256")).expect("a line for the file");
    let entry = &line[line.find('{').expect("a table")..=line.rfind('}').expect("its end")];
    let token = made.split_whitespace().find(|word| word.starts_with("teal_")).expect("a token");
    let old = setup.teal.token();
    let answer = |token: &str| {
        let admin = setup.teal.admin();
        let mut client = Client::connect(admin);
        client.send(format!(
            "POST /admin/switch?to=blue HTTP/1.1\r\nHost: {admin}\r\n\
             Authorization: Bearer {token}\r\nContent-Length: 0\r\n\r\n"
        ));
        client.answer().status
    };
    assert_eq!((answer(&old), answer(token)), (200, 401));
    setup.teal.write_settings(&setup.settings().admin("tokens", &format!("[{entry}]")));
    setup.teal.signal(Signal::HUP);
    wait_until(SOON, "the new token to be accepted", || answer(token) == 200);
    assert_eq!(answer(&old), 401, "the old token is revoked");
    setup.teal.write_settings(&setup.settings());
    setup.teal.signal(Signal::HUP);
    wait_until(SOON, "the made token to count again", || answer(&old) == 200);
    assert_eq!(answer(token), 401);
    setup.finish();
}

#[test]
fn a_service_added_by_a_reload_must_pass_the_gate() {
    // L9
    let setup = Setup::new();
    let (third, fourth) = (Target::stopped("third"), Target::stopped("fourth"));
    let second = format!(
        "[[service]]\nname = \"second\"\nhosts = [\"second.test\"]\n\
         blue = {{ targets = [\"{}\"] }}\ngreen = {{ targets = [\"{}\"] }}\n\
         health = {{ interval = \"200ms\", fast_interval = \"50ms\" }}\n",
        third.url(),
        fourth.url()
    );
    setup.teal.write_settings(&setup.settings().extra(&second));
    let refused = setup.teal.ask("POST", "/admin/reload", &[]);
    assert_eq!(refused.status, 412, "{}", refused.text());
    assert_eq!(setup.teal.status()["services"].as_array().map(Vec::len), Some(1));
    third.restart();
    let accepted = setup.teal.ask("POST", "/admin/reload", &[]);
    assert_eq!(accepted.status, 200, "{}", accepted.text());
    assert_eq!(setup.teal.status()["services"].as_array().map(Vec::len), Some(2));
    assert_eq!(setup.who(), "blue");
    setup.finish();
}

#[test]
fn a_removed_service_comes_back_with_the_color_it_had() {
    // L6
    let setup = Setup::new();
    let (blue, green) = (setup.blue.url(), setup.green.url());
    let second = format!(
        "[[service]]\nname = \"second\"\nhosts = [\"second.test\"]\n\
         blue = {{ targets = [\"{blue}\"] }}\ngreen = {{ targets = [\"{green}\"] }}\n\
         health = {{ interval = \"200ms\", fast_interval = \"50ms\" }}\n"
    );
    let both = setup.settings().extra(&second);
    setup.teal.write_settings(&both);
    setup.teal.cli(&["reload"]).assert_code(0);
    let unnamed = setup.teal.ask("POST", "/admin/switch?to=green", &[]);
    assert_eq!(unnamed.status, 400, "{}", unnamed.text());
    assert!(unnamed.text().contains("second") && unnamed.text().contains("web"));
    setup
        .teal
        .cli(&["switch", "green", "--service", "second", "--wait-healthy", "5s"])
        .assert_code(0);

    setup.teal.write_settings(&setup.settings());
    setup.teal.cli(&["reload"]).assert_code(0);
    setup.teal.write_settings(&both);
    setup.teal.cli(&["reload"]).assert_code(0);
    let status = setup.teal.status();
    let services = status["services"].as_array().expect("services").clone();
    let second = services.iter().find(|service| service["name"] == "second");
    assert_eq!(second.expect("the second service")["active"], "green");
    setup.finish();
}

#[test]
fn r65_status_tells_of_a_refused_reload_until_a_good_one() {
    // L10
    let setup = Setup::new();
    let status = || setup.teal.cli(&["status"]).assert_code(0).all();
    assert!(setup.teal.status()["last_reload"].is_null());
    let good = setup.settings().to_toml(&setup.teal.state_dir());
    setup.teal.write_config(
        &good.replace("initial", "inital").replace("[limits]", "[limits]\nfields = 0"),
    );
    setup.teal.cli(&["reload"]).assert_code(2);
    let told = status();
    let line =
        told.lines().find(|line| line.starts_with("Reload: refused ")).expect("a line of it");
    for word in ["by token admin", "stays in force: ", "teal.toml:", "fields"] {
        assert!(line.contains(word), "{word} is missing in {line}");
    }
    let last = setup.teal.status()["last_reload"].clone();
    assert_eq!(last["actor"]["token"], "admin", "{last}");
    assert!(last["problem"].as_str().is_some_and(|problem| problem.contains("fields")), "{last}");

    // The same by a signal; an upgrade to it is refused, and the line stays.
    setup.teal.signal(Signal::HUP);
    wait_until(SOON, "a reload by the signal", || {
        setup.teal.status()["last_reload"]["actor"] != last["actor"]
    });
    assert_eq!(setup.teal.cli(&["upgrade"]).code, Some(1));
    assert!(status().contains("Reload: refused "));

    setup.teal.write_config(&good);
    setup.teal.cli(&["reload"]).assert_code(0);
    assert!(!status().contains("Reload: "), "{}", status());
    assert!(setup.teal.status()["last_reload"]["problem"].is_null());
    assert!(!setup.teal.status()["last_reload"]["at"].is_null());
    setup.finish();
}
