//! Reload: all or nothing, with connections open, and gated where it moves traffic.

use rustix::process::Signal;
use testkit::{Behavior, Client, Gate, Load, LoadOptions, Settings, Target, wait_until};

use crate::stage::{SOON, Stage};

#[test]
fn a_reload_keeps_connections_and_requests_that_are_open() {
    let stage = Stage::new();
    let (mut held, gate) = stage.held_on_blue();
    let mut idle = stage.client();
    assert_eq!(idle.get("/").status, 200);
    let load = Load::start(stage.teal.listener(), LoadOptions::default());
    stage.teal.write_settings(&stage.settings().drain("7s").timeouts("idle = \"30s\""));
    stage.teal.cli(&["reload"]).assert_code(0);
    stage.teal.signal(Signal::HUP);
    load.wait_for_more(100);
    load.stop().assert_nothing_lost();
    assert_eq!(idle.get("/again").status, 200);
    gate.open();
    assert_eq!(held.answer().status, 200);
    stage.finish();
}

#[test]
fn a_faulty_file_changes_nothing_and_every_problem_is_listed() {
    let stage = Stage::new();
    let before = stage.teal.status();
    let good = stage.settings().to_toml(&stage.teal.state_dir());
    let faulty = good
        .replace("initial", "inital")
        .replace("[limits]", "[limits]\nheadbytes = 5\nfields = \"many\"")
        .replace("drain = { timeout = \"5s\" }", "drain = { timeout = \"5 parsecs\" }");
    stage.teal.write_config(&faulty);
    let result = stage.teal.cli(&["reload"]);
    assert!(matches!(result.code, Some(1 | 2)), "{}", result.all());
    for word in ["headbytes", "head_bytes", "fields", "parsecs"] {
        assert!(result.all().contains(word), "{word} is missing in {}", result.all());
    }
    assert_eq!(stage.teal.status()["generation"], before["generation"]);
    stage.teal.signal(Signal::HUP);
    stage.teal.log_has(&["parsecs"]);
    assert_eq!(stage.who(), "blue");
    stage.finish();
}

#[test]
fn a_repointed_active_color_must_pass_the_gate() {
    // L9
    let stage = Stage::new();
    let before = stage.teal.generation();
    let third = Target::stopped("third");
    stage.teal.write_settings(&Settings::new(&third, &stage.green));
    let refused = stage.teal.ask("POST", "/admin/reload", &[]);
    assert_eq!(refused.status, 412, "{}", refused.text());
    assert!(refused.text().contains("connection refused"), "{}", refused.text());
    assert_eq!((stage.who(), stage.teal.generation()), ("blue".to_owned(), before));

    third.restart();
    let load = Load::start(stage.teal.listener(), LoadOptions::default());
    load.expect_anyone();
    stage.teal.cli(&["reload"]).assert_code(0);
    load.expect_only("third");
    wait_until(SOON, "the removed target is drained", || stage.blue.seen().open_connections() == 0);
    load.wait_for_more(100);
    load.stop().assert_nothing_lost();
    assert_eq!(stage.teal.generation(), before + 1);
    stage.finish();
}

#[test]
fn a_target_that_a_reload_takes_from_a_color_drains_and_is_cut_at_the_deadline() {
    // L3 L4
    let stage = Stage::new();
    let third = Target::start("third");
    let (blue, green) = (stage.blue.url(), stage.green.url());
    stage.teal.write_settings(&Settings::of_urls(&[&blue, &third.url()], &[&green]));
    stage.teal.cli(&["reload"]).assert_code(0);
    let gate = Gate::new();
    let (mut kept, mut gone) = (Vec::new(), Vec::new());
    let held = |target: &Target| target.seen().requests_to("/held").len();
    for target in [&stage.blue, &third] {
        target.behave_at("/held", Behavior::Held(gate.clone()));
    }
    wait_until(SOON, "requests are in flight on both targets", || {
        let mut client = stage.client();
        client.send("GET /held HTTP/1.1\r\nHost: test\r\n\r\n");
        let count = kept.len() + gone.len();
        let arrived = || held(&stage.blue) + held(&third) > count;
        wait_until(SOON, "the request is in flight", arrived);
        if held(&third) > gone.len() {
            gone.push(client);
        } else {
            kept.push(client);
        }
        !kept.is_empty() && !gone.is_empty()
    });
    wait_until(SOON, "an idle connection to the target", || {
        stage.who();
        third.seen().open_connections() > gone.len()
    });

    stage.teal.write_settings(&stage.settings().drain("2s"));
    stage.teal.cli(&["reload"]).assert_code(0);
    wait_until(SOON, "only connections in use are left", || {
        third.seen().open_connections() == gone.len()
    });
    for client in &mut gone {
        let answer = client.answer();
        assert_eq!((answer.status, answer.closes()), (504, true));
    }
    let ended = "the drain of a removed color or target has ended";
    stage.teal.log_has(&[ended]);
    let log = stage.teal.log();
    let line = log.lines().find(|line| line.contains(ended)).expect("the line");
    assert!(line.contains(&third.url()) && line.contains("cut"), "{line}");
    let cut = stage.teal.metrics().count("teal_drain_cut_total", &[("what", "unanswered")]);
    assert_eq!(cut, gone.len() as u64);
    gate.open();
    for client in &mut kept {
        let answer = client.answer();
        assert_eq!((answer.status, answer.fields.get("x-target")), (200, Some("blue")));
    }
    third.assert_well_formed();
    stage.finish();
}

#[test]
fn new_targets_of_the_idle_color_start_unknown_and_are_proven() {
    // L9
    let stage = Stage::new();
    let third = Target::start("third");
    stage.teal.write_settings(&Settings::new(&stage.blue, &third));
    stage.teal.cli(&["reload"]).assert_code(0);
    stage.teal.wait_healthy("green", true);
    stage.teal.switch_to("green");
    assert_eq!(stage.who(), "third");
    assert_eq!(stage.green.seen().count(), 0);
    stage.finish();
}

#[test]
fn keys_that_need_an_upgrade_are_refused_by_name() {
    let stage = Stage::new();
    for (settings, name) in [
        (stage.settings().top("workers", "1"), "workers"),
        (stage.settings().admin("listen", "\"127.0.0.1:1\""), "admin.listen"),
        (stage.settings().extra("[otel]\nendpoint = 'http://127.0.0.1:1'"), "otel.endpoint"),
    ] {
        stage.teal.write_settings(&settings.drain("9s"));
        let result = stage.teal.cli(&["reload"]);
        assert!(matches!(result.code, Some(1..=3)), "{}", result.all());
        assert!(result.all().contains(name), "{}", result.all());
        stage.teal.log_has(&["the configuration is invalid: ", name]);
    }
    stage.finish();
}

#[test]
fn tokens_change_with_a_reload_and_a_revoked_one_is_of_no_use() {
    let stage = Stage::new();
    let made = stage.teal.cli_bare(&["token", "new", "--name", "ci"], &[]).assert_code(0).all();
    let line = made.lines().find(|line| line.contains("sha256")).expect("a line for the file");
    let entry = &line[line.find('{').expect("a table")..=line.rfind('}').expect("its end")];
    let token = made.split_whitespace().find(|word| word.starts_with("teal_")).expect("a token");
    let old = stage.teal.token();
    let answer = |token: &str| {
        let admin = stage.teal.admin();
        let mut client = Client::connect(admin);
        client.send(format!(
            "POST /admin/switch?to=blue HTTP/1.1\r\nHost: {admin}\r\n\
             Authorization: Bearer {token}\r\nContent-Length: 0\r\n\r\n"
        ));
        client.answer().status
    };
    assert_eq!((answer(&old), answer(token)), (200, 401));
    stage.teal.write_settings(&stage.settings().admin("tokens", &format!("[{entry}]")));
    stage.teal.signal(Signal::HUP);
    wait_until(SOON, "the new token to be accepted", || answer(token) == 200);
    assert_eq!(answer(&old), 401, "the old token is revoked");
    stage.teal.write_settings(&stage.settings());
    stage.teal.signal(Signal::HUP);
    wait_until(SOON, "the made token to count again", || answer(&old) == 200);
    assert_eq!(answer(token), 401);
    stage.finish();
}

#[test]
fn a_service_added_by_a_reload_must_pass_the_gate() {
    // L9
    let stage = Stage::new();
    let (third, fourth) = (Target::stopped("third"), Target::stopped("fourth"));
    let second = format!(
        "[[service]]\nname = \"second\"\nhosts = [\"second.test\"]\n\
         blue = {{ targets = [\"{}\"] }}\ngreen = {{ targets = [\"{}\"] }}\n\
         health = {{ interval = \"200ms\", fast_interval = \"50ms\" }}\n",
        third.url(),
        fourth.url()
    );
    stage.teal.write_settings(&stage.settings().extra(&second));
    let refused = stage.teal.ask("POST", "/admin/reload", &[]);
    assert_eq!(refused.status, 412, "{}", refused.text());
    assert_eq!(stage.teal.status()["services"].as_array().map(Vec::len), Some(1));
    third.restart();
    let accepted = stage.teal.ask("POST", "/admin/reload", &[]);
    assert_eq!(accepted.status, 200, "{}", accepted.text());
    assert_eq!(stage.teal.status()["services"].as_array().map(Vec::len), Some(2));
    assert_eq!(stage.who(), "blue");
    stage.finish();
}

#[test]
fn a_removed_service_comes_back_with_the_color_it_had() {
    // L6
    let stage = Stage::new();
    let (blue, green) = (stage.blue.url(), stage.green.url());
    let second = format!(
        "[[service]]\nname = \"second\"\nhosts = [\"second.test\"]\n\
         blue = {{ targets = [\"{blue}\"] }}\ngreen = {{ targets = [\"{green}\"] }}\n\
         health = {{ interval = \"200ms\", fast_interval = \"50ms\" }}\n"
    );
    let both = stage.settings().extra(&second);
    stage.teal.write_settings(&both);
    stage.teal.cli(&["reload"]).assert_code(0);
    let unnamed = stage.teal.ask("POST", "/admin/switch?to=green", &[]);
    assert_eq!(unnamed.status, 400, "{}", unnamed.text());
    assert!(unnamed.text().contains("second") && unnamed.text().contains("web"));
    stage
        .teal
        .cli(&["switch", "green", "--service", "second", "--wait-healthy", "5s"])
        .assert_code(0);

    stage.teal.write_settings(&stage.settings());
    stage.teal.cli(&["reload"]).assert_code(0);
    stage.teal.write_settings(&both);
    stage.teal.cli(&["reload"]).assert_code(0);
    let status = stage.teal.status();
    let services = status["services"].as_array().expect("services").clone();
    let second = services.iter().find(|service| service["name"] == "second");
    assert_eq!(second.expect("the second service")["active"], "green");
    stage.finish();
}

#[test]
fn r65_status_tells_of_a_refused_reload_until_a_good_one() {
    // L10
    let stage = Stage::new();
    let status = || stage.teal.cli(&["status"]).assert_code(0).all();
    assert!(stage.teal.status()["last_reload"].is_null());
    let good = stage.settings().to_toml(&stage.teal.state_dir());
    stage.teal.write_config(
        &good.replace("initial", "inital").replace("[limits]", "[limits]\nfields = 0"),
    );
    stage.teal.cli(&["reload"]).assert_code(2);
    let told = status();
    let line =
        told.lines().find(|line| line.starts_with("Reload: refused ")).expect("a line of it");
    for word in ["by token admin", "stays in force: ", "teal.toml:", "fields"] {
        assert!(line.contains(word), "{word} is missing in {line}");
    }
    let last = stage.teal.status()["last_reload"].clone();
    assert_eq!(last["actor"]["token"], "admin", "{last}");
    assert!(last["problem"].as_str().is_some_and(|problem| problem.contains("fields")), "{last}");

    // The same by a signal; an upgrade to it is refused, and the line stays.
    stage.teal.signal(Signal::HUP);
    wait_until(SOON, "a reload by the signal", || {
        stage.teal.status()["last_reload"]["actor"] != last["actor"]
    });
    assert_eq!(stage.teal.cli(&["upgrade"]).code, Some(1));
    assert!(status().contains("Reload: refused "));

    stage.teal.write_config(&good);
    stage.teal.cli(&["reload"]).assert_code(0);
    assert!(!status().contains("Reload: "), "{}", status());
    assert!(stage.teal.status()["last_reload"]["problem"].is_null());
    assert!(!stage.teal.status()["last_reload"]["at"].is_null());
    stage.finish();
}
