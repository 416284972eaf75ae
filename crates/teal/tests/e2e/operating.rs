//! Operating besides switching: holds that drain, logs for programs, a drill, receipts.

use testkit::http2::request;
use testkit::{Client, Load, LoadOptions, Settings, Target, Teal, wait_until};

use crate::TEAL;
use crate::http2::connect;
use crate::setup::{SOON, Setup};

#[test]
fn a_hold_drains_the_active_color_and_reports_the_requests_that_it_cut() {
    // L3
    let setup = Setup::new();
    let (mut held, _gate) = setup.held_on_blue();
    let cut = setup.teal.cli(&["hold", "--drain", "300ms"]);
    assert_eq!(cut.code, Some(5), "{}", cut.all());
    assert_eq!(held.answer().status, 504);
    setup.teal.cli(&["resume"]).assert_code(0);
    setup.teal.cli(&["hold", "--no-wait"]).assert_code(0);
    setup.teal.cli(&["resume"]).assert_code(0);
    assert_eq!(setup.who(), "blue");
    setup.finish();
}

#[test]
fn a_receipt_has_the_figures_of_both_colors() {
    let setup = Setup::new();
    let load = Load::start(setup.teal.listener(), LoadOptions::default());
    load.wait_for_more(200);
    load.expect_anyone();
    setup.teal.switch_to("green");
    load.expect_only("green");
    load.wait_for_more(50);
    load.stop().assert_nothing_lost();
    let receipt = setup.teal.receipt(setup.teal.generation()).to_string();
    let text = setup.teal.cli(&["receipt"]).assert_code(0).all();
    let line = text.lines().find(|line| line.starts_with("Blue: ")).expect("blue's figures");
    assert!(!line.starts_with("Blue: 0 requests") && line.contains("p99"), "{text}");
    for word in ["retries", "stale_lost", "parked", "p50", "p99"] {
        assert!(receipt.contains(word), "{word} is missing in {receipt}");
    }
    setup.finish();
}

#[test]
fn logs_for_programs_are_one_json_object_per_line() {
    let (blue, green) = (Target::start("blue"), Target::start("green"));
    let mut teal = Teal::prepare(TEAL, &Settings::new(&blue, &green));
    teal.spawn(&["--log", "json"]);
    teal.log_has(&["listening on"]);
    for line in teal.log().lines() {
        let event: serde_json::Value = serde_json::from_str(line).expect(line);
        assert!(event["message"].is_string() && event["level"].is_string(), "{line}");
    }
}

#[test]
fn a_drill_reports_losses_and_exits_with_1_if_there_are_any() {
    let setup = Setup::new();
    let url = format!("http://{}/page", setup.teal.listener());
    let clean = setup.teal.cli_bare(&["drill", &url, "--time", "1s", "--connections", "4"], &[]);
    assert_eq!(clean.code, Some(0), "{}", clean.all());
    setup.blue.stop();
    let lossy = setup.teal.cli_bare(&["drill", &url, "--time", "1s", "--connections", "4"], &[]);
    assert_eq!(lossy.code, Some(1), "{}", lossy.all());
    setup.finish();
}

#[test]
fn a_target_by_name_is_resolved_and_reached() {
    let (blue, green) = (Target::start("blue"), Target::start("green"));
    let named = |target: &Target| format!("http://localhost:{}", target.address().port());
    let settings = Settings::of_urls(&[&named(&blue)], &[&named(&green)]);
    let teal = Teal::start_healthy(TEAL, &settings);
    assert_eq!(Client::connect(teal.listener()).get("/").status, 200);
    teal.switch_to("green");
    assert_eq!(Client::connect(teal.listener()).get("/").status, 200);
    assert_eq!((blue.seen().count(), green.seen().count()), (1, 1));
    teal.assert_books_balance();
}

#[test]
fn the_log_level_is_chosen_at_the_start_by_flag_or_environment() {
    let (blue, green) = (Target::start("blue"), Target::start("green"));
    let mut teal = Teal::prepare(TEAL, &Settings::new(&blue, &green));
    let refused = |teal: &mut Teal, whose: &str| {
        assert_eq!(teal.wait_exit(SOON), Some(2), "{}", teal.log());
        for words in [whose, "\"loud\"", "off, error, warn, info, debug, trace", "control, journal"]
        {
            assert!(teal.log().contains(words), "{words}: {}", teal.log());
        }
    };
    teal.spawn(&["--log-level", "loud"]);
    refused(&mut teal, "--log-level");
    teal.spawn_as_service(&[("TEAL_LOG", "proxy=loud,info")], None);
    assert_eq!(teal.wait_exit(SOON), Some(2), "{}", teal.log());
    assert!(teal.log().contains("TEAL_LOG: \"proxy=loud\" is not a log level"), "{}", teal.log());
    teal.spawn_as_service(&[("TEAL_LOG", "info,control::health=debug")], None);
    teal.log_has(&["DEBUG", "probe", "passed=true"]);
    assert!(!teal.log().contains("publishing a table"), "that is of another module");
    assert_eq!(teal.stop(SOON), Some(0));
}

#[test]
fn the_log_level_changes_while_teal_runs_and_shows_no_secrets() {
    let setup = Setup::with(|settings| settings.listener_key("http2", "true"));
    let level = || setup.teal.cli(&["log-level"]).assert_code(0).stdout.clone();
    assert_eq!(level(), "Log level: info\n");
    assert!(!setup.teal.log().contains("DEBUG"), "{}", setup.teal.log());
    // An invalid level changes nothing, and is not repeated in the answer.
    let nonsense = setup.teal.cli(&["log-level", "h2=trace"]);
    assert_eq!(nonsense.code, Some(2), "{}", nonsense.all());
    assert!(nonsense.all().contains("off, error, warn, info, debug, trace"), "{}", nonsense.all());
    let answer = setup.teal.ask("PUT", "/admin/log-level?level=h2%3Dtrace", &[]);
    assert_eq!(answer.status, 400);
    assert!(answer.text().contains("modules begin with acme"), "{}", answer.text());
    assert!(!answer.text().contains("h2=trace"), "{}", answer.text());
    assert_eq!(setup.teal.ask("POST", "/admin/log-level?level=debug", &[]).status, 405);
    let mut stranger = Client::connect(setup.teal.admin());
    let admin = setup.teal.admin();
    stranger.send(format!(
        "PUT /admin/log-level?level=debug HTTP/1.1\r\nHost: {admin}\r\nContent-Length: 0\r\n\r\n"
    ));
    assert_eq!(stranger.answer().status, 401);
    assert_eq!(level(), "Log level: info\n");

    let changed = setup.teal.cli(&["log-level", "trace", "--json"]).assert_code(0).stdout.clone();
    assert_eq!(changed.trim(), "{\"level\":\"trace\"}");
    let secrets = "Authorization: Bearer sesame\r\nCookie: id=sesame";
    let mut client = setup.client();
    client.send(format!("GET /?key=sesame HTTP/1.1\r\nHost: test\r\n{secrets}\r\n\r\n"));
    assert_eq!(client.answer().status, 200);
    let mut http2 = connect(&setup);
    let head = [("authorization", "Bearer sesame"), ("cookie", "id=sesame")];
    assert_eq!(http2.ask(request("GET", "/?key=sesame", &head)).status, 200);
    setup.teal.log_has(&[
        "INFO",
        "the log level was changed",
        "before=\"info\"",
        "level=\"trace\"",
    ]);
    setup.teal.log_has(&["DEBUG", "connected to the target", "color=blue"]);
    setup.teal.log_has(&["DEBUG", "probe", "service=web"]);
    assert!(!setup.teal.log().contains("sesame"), "{}", setup.teal.log());

    setup.teal.cli(&["log-level", "info"]).assert_code(0);
    let before = setup.teal.log().matches("DEBUG").count();
    let probes = setup.blue.seen().probes().len();
    wait_until(SOON, "it is probed", || setup.blue.seen().probes().len() > probes + 2);
    assert_eq!(setup.teal.log().matches("DEBUG").count(), before);
    setup.finish();
}
