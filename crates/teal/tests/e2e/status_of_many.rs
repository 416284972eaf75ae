//! The status of one of many services, of those with a problem, and in one word for scripts.

use std::fmt::Write as _;

use serde_json::Value;
use testkit::{Health, Settings, Target, Teal, wait_until};

use crate::TEAL;
use crate::setup::{SOON, Setup};

/// Services `shop-0` and on beside `web`, on the same targets.
fn shops(count: usize, blue: &Target, green: &Target) -> String {
    let mut services = String::new();
    for number in 0..count {
        let (blue, green) = (blue.url(), green.url());
        write!(
            services,
            "[[service]]\nname = \"shop-{number}\"\nhosts = [\"shop-{number}.test\"]\n\
             blue = {{ targets = [\"{blue}\"] }}\ngreen = {{ targets = [\"{green}\"] }}\n"
        )
        .expect("a string takes all");
    }
    services
}

fn json(text: &str) -> Value {
    serde_json::from_str(text).expect(text)
}

fn names(status: &Value) -> Vec<&str> {
    let services = status["services"].as_array().expect("a list");
    services.iter().map(|service| service["name"].as_str().expect("a name")).collect()
}

#[test]
fn r69_status_of_one_service_and_of_several_tells_of_no_other() {
    let setup = Setup::with(|settings| {
        let (blue, green) = (Target::start("blue"), Target::stopped("green"));
        settings.extra(&shops(20, &blue, &green))
    });
    let ask = |arguments: &[&str]| {
        let result = setup.teal.cli(arguments);
        result.assert_code(0);
        result.stdout
    };
    let one = ask(&["status", "--service", "web"]);
    assert!(one.starts_with("Service: web\nActive: blue\nBlue healthy: true\n"), "{one}");
    assert!(!one.contains("shop-"), "{one}");
    for several in [
        &["status", "--json", "--service", "shop-3", "--service", "web"][..],
        &["status", "--json", "--service", "web,shop-3"],
    ] {
        let status = json(&ask(several));
        assert_eq!((names(&status), &status["total"]), (vec!["web", "shop-3"], &21.into()));
    }
    let (status, answer) = setup.teal.ask_json("GET", "/admin/status?service=shop-7");
    assert_eq!((status, names(&answer)), (200, vec!["shop-7"]));
    for (wrong, code) in [("service=nobody", 404), ("service=", 400), ("service=web,", 400)] {
        let (status, _) = setup.teal.ask_json("GET", &format!("/admin/status?{wrong}"));
        assert_eq!(status, code, "{wrong}");
    }
    setup.finish();
}

#[test]
fn r69_many_services_are_problems_first_and_a_line_each_or_a_summary() {
    // L9
    let (blue, green, broken) =
        (Target::start("blue"), Target::start("green"), Target::start("broken"));
    broken.health(Health::Status(503));
    let bad = format!(
        "[[service]]\nname = \"bad\"\nhosts = [\"bad.test\"]\nblue = {{ targets = [\"{}\"] }}\n\
         green = {{ targets = [\"{}\"] }}\n",
        broken.url(),
        green.url()
    );
    let extra = format!("{}{bad}", shops(150, &blue, &green));
    let teal = Teal::start_healthy(TEAL, &Settings::new(&blue, &green).extra(&extra));
    wait_until(SOON, "all is known", || {
        let status = teal.status();
        let services = status["services"].as_array().expect("a list");
        let known = |service: &&Value| !service["colors"]["blue"]["healthy"].is_null();
        services.iter().filter(known).count() == 152 && status["total"] == 152
    });
    let ask = |arguments: &[&str]| {
        let result = teal.cli(arguments);
        result.assert_code(0);
        result.stdout
    };
    let problem =
        format!("Problem of bad: the active color blue is down: {}: 503 Said So", broken.url());
    let plain = ask(&["status"]);
    let lines: Vec<&str> = plain.lines().collect();
    assert_eq!(lines[0], "Services: 152, 1 with a problem");
    assert!(lines[1].starts_with(&problem[..problem.len() - 11]), "{plain}");
    assert_eq!(
        lines[2],
        "151 have no problem; see: teal status --all, or --service NAME for one in full"
    );
    assert_eq!(lines.len(), 3, "{plain}");
    let all = ask(&["status", "--all"]);
    assert!(
        all.contains("\nweb: blue is active, 0 in flight; green is drained: safe to stop\n"),
        "{all}"
    );
    assert_eq!(all.lines().count(), 2 + 152, "{all}");
    // Text, JSON and page have the same words.
    let only = json(&ask(&["status", "--problems", "--json"]));
    assert_eq!(names(&only), ["bad"]);
    let told = &only["services"][0]["problems"][0];
    assert_eq!(told["severity"], "outage");
    assert_eq!(lines[1], format!("Problem of bad: {}", told["text"].as_str().expect("text")));
    let page = teal.ask("GET", "/plain", &[]).text().clone();
    assert!(page.contains(lines[1]), "{page}");
    broken.health(Health::Healthy);
    wait_until(SOON * 4, "no problem", || {
        ask(&["status", "--problems"]) == "No problem in 152 services\n"
    });
    teal.assert_books_balance();
}

#[test]
fn r69_a_target_without_a_probe_result_is_unknown_and_not_unhealthy() {
    // L9
    let (blue, green) = (Target::start("blue"), Target::stopped("green"));
    blue.health(Health::Hang);
    let settings = Settings::new(&blue, &green)
        .service("health", "{ interval = \"1s\", timeout = \"60s\", fall = 1 }");
    let teal = Teal::start(TEAL, &settings);
    teal.wait_healthy("green", false);
    let text = teal.cli(&["status"]).stdout;
    assert!(
        text.starts_with("Active: blue\nBlue healthy: unknown\nGreen healthy: false\n"),
        "{text}"
    );
    assert!(text.contains(&format!("  {} unknown, not probed yet\n", blue.url())), "{text}");
    let color = teal.color("blue");
    assert!(color["healthy"].is_null(), "{color}");
    let words = color["health"].as_str().expect("words");
    assert!(words.starts_with("not known to be healthy: "), "{words}");
    assert_eq!(teal.service()["problems"][0]["severity"], "unknown");
    assert!(teal.ask("GET", "/plain", &[]).text().contains("Blue healthy: unknown"));
    teal.assert_books_balance();
}

#[test]
fn r69_idle_and_active_are_one_word_for_scripts() {
    let setup = Setup::new();
    let word = |arguments: &[&str]| {
        let result = setup.teal.cli(arguments);
        result.assert_code(0);
        assert_eq!(result.stderr, "");
        result.stdout
    };
    assert_eq!((word(&["idle"]), word(&["active"])), ("green\n".to_owned(), "blue\n".to_owned()));
    setup.teal.switch_to("green");
    assert_eq!(word(&["idle", "--service", "web"]), "blue\n");
    assert_eq!(word(&["active", "--service", "web"]), "green\n");
    let answer = json(&word(&["idle", "--json"]));
    assert_eq!((&answer["service"], &answer["color"]), (&"web".into(), &"blue".into()));
    setup.teal.cli(&["idle", "--service", "nobody"]).assert_code(2);
    let away = setup.teal.cli_bare(&["idle", "--admin", "http://127.0.0.1:1"], &[]);
    away.assert_code(4);
    assert_eq!(away.stdout, "");
    setup.finish();
}

#[test]
fn r74_a_service_that_is_not_there_is_wrong_usage_and_few_names_are_listed() {
    let setup = Setup::with(|settings| {
        let (blue, green) = (Target::start("blue"), Target::start("green"));
        settings.extra(&shops(300, &blue, &green))
    });
    for verb in [
        &["switch", "green"][..],
        &["rollback"],
        &["hold"],
        &["resume"],
        &["wait", "drained", "blue"],
        &["status"],
        &["idle"],
        &["active"],
    ] {
        let wrong = [verb, &["--service", "shop-29x"]].concat();
        let result = setup.teal.cli(&wrong);
        result.assert_code(2);
        let said = &result.stderr;
        assert!(said.contains("no service is called shop-29x; did you mean shop-29"), "{said}");
        assert!(said.len() < 200, "{said}");
        let result = setup.teal.cli(&[&wrong[..], &["--json"]].concat());
        result.assert_code(2);
        let problem = json(&result.stdout);
        assert_eq!((&problem["code"], &problem["count"]), (&"unknown_service".into(), &301.into()));
        let list = |key: &str| problem[key].as_array().expect("a list").len();
        assert_eq!((list("services"), list("did_you_mean")), (5, 3), "{problem}");
        if verb == ["status"] {
            continue; // it needs no name
        }
        let result = setup.teal.cli(verb);
        result.assert_code(2);
        assert!(result.stderr.contains(" and 296 more"), "{}", result.stderr);
    }
    setup.finish();
}
