//! What operators see and do: a bad URL, a reload, a test, the status, and no secret anywhere.

use std::fs;
use std::time::Duration;

use testkit::{CliResult, Pki, SecureTarget, Settings, Target, Teal, free_port, run, wait_until};

use crate::{Endpoint, SECRETS, TEAL, service, table};

/// Checks the configuration of a Teal.
fn check(teal: &Teal) -> CliResult {
    let config = teal.config().display().to_string();
    run(TEAL.as_ref(), ["check", "--config", &config], &[], Duration::from_secs(30))
}

#[test]
fn endpoints_come_and_go_by_a_reload_and_a_test_says_what_they_answer() {
    let (_blue, _green, settings) = service("");
    let teal = Teal::start_healthy(TEAL, &settings);
    let none = teal.cli(&["notify"]);
    assert!(none.assert_code(0).stdout.contains("Nobody is notified"), "{}", none.all());
    let (endpoint, dead) = (Endpoint::start(), free_port());
    let tables = [table("ops", endpoint.port()), table("dead", dead)].concat();
    teal.write_settings(&settings.clone().extra(&tables));
    let reloaded = teal.cli(&["reload"]);
    assert!(reloaded.assert_code(0).stdout.contains("notifications changed"), "{}", reloaded.all());
    shows(&teal, "dead: http://127.0.0.1:");
    let tested = teal.cli(&["notify", "test", "ops"]);
    assert!(tested.assert_code(0).stdout.starts_with("Delivered to ops: answered 204 in "));
    assert_eq!(endpoint.of("test").len(), 1);
    let tested = teal.cli(&["notify", "test", "dead"]);
    assert!(tested.assert_code(1).stdout.starts_with("Not delivered to dead: connection refused"));
    let unknown = teal.cli(&["notify", "test", "opps"]);
    assert!(unknown.assert_code(1).all().contains("there are: ops, dead"), "{}", unknown.all());
    teal.cli(&["notify", "test", "../switch"]).assert_code(2);
    teal.switch_to("green");
    endpoint.has("switch", 1);
    let (status, json) = teal.ask_json("GET", "/admin/notify");
    assert_eq!((status, &json["endpoints"][0]["name"]), (200, &"ops".into()));
    teal.write_settings(&settings);
    teal.cli(&["reload"]).assert_code(0);
    shows(&teal, "Nobody is notified");
}

/// Waits until `teal notify` shows this: the thread of notifications takes a moment for a reload.
#[track_caller]
fn shows(teal: &Teal, text: &str) {
    wait_until(Duration::from_secs(10), text, || {
        teal.cli(&["notify"]).assert_code(0).stdout.contains(text)
    });
}

#[test]
fn a_certificate_that_ends_soon_is_told_once_also_over_a_restart() {
    let endpoint = Endpoint::start();
    let directory = tempfile::tempdir().expect("a directory");
    let pki = Pki::new(directory.path());
    let soon = pki.issue_for("soon", &["soon.test"], Duration::from_secs(10 * 86_400 + 3600));
    let (blue, green) = (Target::start("blue"), Target::start("green"));
    let sooner = pki.issue_for("target", &["localhost"], Duration::from_secs(2 * 86_400 + 3600));
    let front = SecureTarget::start(&blue, &sooner, None);
    let (url, ca) = (front.url(), pki.ca());
    let secured = format!("{{ targets = [\"{url}\"], tls = {{ ca = '{}' }} }}", ca.display());
    let listener = format!(
        "[[certificate]]\ncert = '{}'\nkey = '{}'\n",
        soon.cert.display(),
        soon.key.display()
    );
    let settings = Settings::of_urls(&[&url], &[&format!("http://{}", green.address())])
        .service("blue", &secured)
        .listener_key("tls", "true")
        .extra(&[listener, table("ops", endpoint.port())].concat());
    let mut teal = Teal::start_healthy(TEAL, &settings);
    let told = endpoint.has("certificate", 2);
    let of = |part: &str| told.iter().filter(|(_, text)| text.contains(part)).count();
    assert_eq!(of("soon.pem for soon.test ends in 10 days: it should have been renewed"), 1);
    assert_eq!(of("(web blue) ends in 2 days: renew it now"), 1, "{told:?}");
    teal.stop(Duration::from_secs(20));
    teal.start_again();
    teal.wait_healthy("green", true);
    teal.switch_to("green"); // comes after what the start has told
    endpoint.has("switch", 1);
    assert_eq!(endpoint.of("certificate").len(), 2, "told once");
}

#[test]
fn a_bad_url_is_refused_with_its_position_by_check_and_by_a_reload() {
    let (_blue, _green, settings) = service("");
    let teal = Teal::start_healthy(TEAL, &settings);
    let bad = table("ops", 1).replace("http://", "ftp://");
    teal.write_settings(&settings.extra(&bad));
    let config = teal.config().display().to_string();
    let text = fs::read_to_string(teal.config()).expect("written");
    let line = text.lines().position(|line| line.starts_with("url = ")).expect("there") + 1;
    let expected = format!("{config}:{line}:7: notify.url is not an http or https URL");
    let checked = check(&teal);
    let reloaded = teal.cli(&["reload"]);
    for refused in [checked.assert_code(2), reloaded.assert_code(2)] {
        assert!(refused.all().contains(&expected), "{}", refused.all());
        assert!(SECRETS.iter().all(|secret| !refused.all().contains(secret)), "{}", refused.all());
    }
    assert!(teal.cli(&["notify"]).stdout.contains("Nobody is notified"));
}

#[test]
fn no_output_of_teal_shows_a_secret_or_the_path_of_a_url() {
    let dead = free_port();
    let (_blue, _green, settings) = service(&table("ops", dead));
    let mut teal = Teal::start_healthy(TEAL, &settings);
    teal.cli(&["log-level", "debug"]).assert_code(0);
    teal.switch_to("green");
    teal.log_has(&["a notification was not delivered", "endpoint=\"ops\""]);
    teal.cli(&["notify", "test", "ops"]).assert_code(1);
    let mut shown = Vec::new();
    for arguments in
        [&["notify"][..], &["notify", "--json"], &["status"], &["status", "--json"], &["history"]]
    {
        shown.push(teal.cli(arguments).assert_code(0).all());
    }
    for path in ["/metrics", "/openapi.json", "/admin/history"] {
        shown.push(teal.ask("GET", path, &[]).text());
    }
    let text = &shown[2];
    assert!(text.contains("Notifications of ops: "), "{text}");
    assert!(shown[5].contains("teal_notifications_total{endpoint=\"ops\",result=\"failed\"}"));
    shown.push(check(&teal).all());
    teal.stop(Duration::from_secs(20));
    shown.push(teal.log());
    let outbox = teal.state_dir().join("notifications/outbox");
    shown.push(fs::read_to_string(outbox).expect("it is there"));
    for text in shown {
        assert!(SECRETS.iter().all(|secret| !text.contains(secret)), "{text}");
    }
}

#[test]
fn an_https_endpoint_is_verified_by_the_cas_of_this_machine_and_its_secret_is_in_the_environment() {
    let directory = tempfile::tempdir().expect("a directory");
    let pki = Pki::new(directory.path());
    let pair = pki.issue("hook", &["localhost", "127.0.0.1"]);
    let hook = Target::start("hook");
    let front = SecureTarget::start(&hook, &pair, None);
    let table = format!(
        "[[notify]]\nname = \"ops\"\nurl = \"{}/hook\"\nsecret = \"env:HOOK_SECRET\"\n",
        front.url()
    );
    let (_blue, _green, settings) = service(&table);
    let mut teal = Teal::prepare(TEAL, &settings);
    let secret = format!("whsec_{}", SECRETS[0]);
    let (secret, ca) = (("HOOK_SECRET", &*secret), pki.ca().display().to_string());
    for (variables, code, expected) in [
        (&[][..], 1, "the environment variable HOOK_SECRET is not set"),
        (&[secret], 1, "TLS: "),
        (&[secret, ("SSL_CERT_FILE", &ca)], 0, "Delivered to ops: answered 200"),
    ] {
        teal.spawn_as_service(variables, None);
        teal.wait_ready();
        let tested = teal.cli(&["notify", "test", "ops"]);
        assert!(tested.assert_code(code).stdout.contains(expected), "{}", tested.all());
        assert_eq!(teal.stop(Duration::from_secs(20)), Some(0));
    }
}
