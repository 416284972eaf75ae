//! A group of services, switched in one step: all of them or none, and nothing is lost.

use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;
use testkit::{Behavior, Client, Gate, Load, LoadOptions, Settings, Target, Teal, wait_until};

use crate::TEAL;
use crate::setup::SOON;

const SHOP: &str = "[[group]]\nname = \"shop\"\nservices = [\"web\", \"api\"]\n";

/// Two services, `web` and `api`, each with targets of its own, and the group `shop` of both.
struct Shop {
    web: [Target; 2],
    api: [Target; 2],
    teal: Teal,
}

impl Shop {
    fn new() -> Self {
        Self::with(SHOP)
    }

    fn with(groups: &str) -> Self {
        let web = ["blue", "green"].map(Target::start);
        let api = ["api-blue", "api-green"].map(Target::start);
        let teal = Teal::start(TEAL, &settings(&web, &api, groups));
        let shop = Self { web, api, teal };
        shop.wait_healthy();
        shop
    }

    fn wait_healthy(&self) {
        wait_until(SOON, "all colors are healthy", || {
            let status = self.teal.status();
            let services = status["services"].as_array().expect("a list").iter();
            let healthy = |service: &Value, color| service["colors"][color]["healthy"] == true;
            services.clone().all(|one| healthy(one, "blue") && healthy(one, "green"))
        });
    }

    /// Active color and generation of web and of api.
    fn now(&self) -> [(String, u64); 2] {
        let status = self.teal.status();
        [0, 1].map(|place| {
            let service = &status["services"][place];
            let active = service["active"].as_str().expect("a color").to_owned();
            (active, service["generation"].as_u64().expect("a generation"))
        })
    }

    /// The targets that answer new clients of web and of api.
    fn who(&self) -> [String; 2] {
        ["web.test", "api.test"].map(|host| who(&mut Client::connect(self.teal.listener()), host))
    }

    fn switch(&self, to: &str, further: &str) -> (u16, String) {
        let answer = self.teal.switch(to, &format!("&group=shop{further}"));
        (answer.status, answer.text())
    }

    fn finish(self) {
        self.teal.assert_books_balance();
        self.web.iter().chain(&self.api).for_each(Target::assert_well_formed);
    }
}

fn settings(web: &[Target; 2], api: &[Target; 2], groups: &str) -> Settings {
    let [blue, green] = api;
    Settings::new(&web[0], &web[1]).extra(&format!(
        "[[service]]\nname = \"api\"\nhosts = [\"api.test\"]\n\
         blue = {{ targets = [{:?}] }}\ngreen = {{ targets = [{:?}] }}\n\
         health = {{ interval = \"200ms\", timeout = \"500ms\", fast_interval = \"50ms\" }}\n\
         drain = {{ timeout = \"5s\" }}\n{groups}",
        blue.url(),
        green.url()
    ))
}

fn who(client: &mut Client, host: &str) -> String {
    client.send(format!("GET /who HTTP/1.1\r\nHost: {host}\r\n\r\n"));
    let answer = client.answer();
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.fields.get("x-target").expect("a target answered").to_owned()
}

/// A client that asks for one service of the group and then for the other, for as long as it may.
/// Whatever was answered by the new color before, nothing of the old color answers after.
fn alternate(teal: &Teal, until: Instant) -> thread::JoinHandle<Vec<[String; 2]>> {
    let listener = teal.listener();
    thread::spawn(move || {
        let mut client = Client::connect(listener);
        let mut pairs = Vec::new();
        while Instant::now() < until {
            pairs.push(["web.test", "api.test"].map(|host| who(&mut client, host)));
        }
        pairs
    })
}

#[test]
fn a_group_is_switched_under_load_and_nothing_is_lost_or_late() {
    // L2 L4
    let shop = Shop::new();
    let load = Load::start(shop.teal.listener(), LoadOptions::default());
    let both = alternate(&shop.teal, Instant::now() + Duration::from_secs(2));
    load.wait_for_more(100);
    for (round, to) in ["green", "blue", "green", "blue"].into_iter().enumerate() {
        load.expect_anyone();
        let (status, text) = shop.switch(to, "");
        // From this answer on, each service is on the new color: not one of them and one not.
        load.expect_only(to);
        assert_eq!(shop.who(), [to.to_owned(), format!("api-{to}")]);
        assert_eq!(status, 200, "{text}");
        assert_eq!(shop.teal.generation(), round as u64 + 1, "one generation for both");
        load.wait_for_more(100);
    }
    load.stop().assert_nothing_lost();
    let pairs = both.join().expect("every request to either service was answered");
    assert!(pairs.len() > 100, "only {} pairs", pairs.len());
    shop.finish();
}

#[test]
fn the_answer_reports_the_end_for_each_service() {
    let shop = Shop::new();
    let from = "Switched from blue to green";
    let drained = "blue is drained: safe to stop";
    let (_, text) = shop.switch("green", "");
    assert_eq!(
        text,
        format!(
            "{from}\nGeneration: 1\n\nService: web\n{from}\n{drained}\n\nService: api\n{from}\n\
             {drained}\n"
        )
    );
    let (status, json) = shop.teal.ask_json("POST", "/admin/switch?to=green&group=shop");
    assert_eq!((status, &json["result"], &json["generation"]), (200, &"already".into(), &1.into()));
    let services = json["services"].as_array().expect("a list");
    let names: Vec<_> = services.iter().map(|one| &one["service"]).collect();
    assert_eq!(names, ["web", "api"]);
    assert_eq!((&json["group"], &json["to"]), (&"shop".into(), &"green".into()));
    let (_, text) = shop.switch("green", "");
    assert!(text.starts_with("Already on green\n\nService: web\nAlready on green\n"), "{text}");
    let (_, text) = shop.switch("blue", "&dry_run=true");
    assert!(text.starts_with("Would switch from green to blue\nDry run: "), "{text}");
    assert!(text.contains("\n\nService: api\nWould switch from green to blue\nProbe: "), "{text}");
    let back = shop.teal.ask("POST", "/admin/rollback?group=shop", &[]);
    assert!(back.text().starts_with("Switched from green to blue\nGeneration: 2\n"), "{back:?}");
    assert_eq!(shop.now(), [("blue".to_owned(), 2), ("blue".to_owned(), 2)]);
    let status = shop.teal.ask("GET", "/admin/status", &[]).text();
    assert!(status.contains("\nGroup: shop (web, api)\n"), "{status}");
    assert_eq!(shop.teal.status()["groups"][0]["services"], serde_json::json!(["web", "api"]));
    shop.finish();
}

#[test]
fn an_invalid_call_for_a_group_is_refused_with_the_known_groups() {
    let shop = Shop::new();
    for (path, status, code, words) in [
        (
            "switch?to=green&group=shop&service=web",
            400,
            "invalid_parameter",
            "combined with service",
        ),
        ("switch?to=green&group=Shop", 400, "invalid_parameter", "1 to 63 of a-z"),
        ("switch?to=green&group=shp", 404, "unknown_group", "there are: shop"),
        ("rollback?group=shop", 409, "nothing_to_roll_back", "web, api were never switched"),
        ("rollback?group=none", 404, "unknown_group", "there are: shop"),
        ("hold?group=shop", 400, "unknown_parameter", "Allowed: service"),
    ] {
        let (was, problem) = shop.teal.ask_json("POST", &format!("/admin/{path}"));
        assert_eq!((was, &problem["code"]), (status, &code.into()), "{path}: {problem}");
        assert!(problem.to_string().contains(words), "{path}: {problem}");
    }
    let (_, problem) = shop.teal.ask_json("POST", "/admin/switch?to=green&group=shp");
    assert_eq!(problem["groups"], serde_json::json!(["shop"]));
    assert_eq!(shop.teal.generation(), 0);
    shop.finish();
}

#[test]
fn one_service_that_is_not_healthy_keeps_all_where_they_are() {
    // L9
    let shop = Shop::new();
    let load = Load::start(shop.teal.listener(), LoadOptions::default());
    shop.api[1].stop();
    let result = shop.teal.cli(&["switch", "green", "--group", "shop"]);
    result.assert_code(3);
    let words = ["Target green is not healthy", "api: http://"];
    assert!(words.iter().all(|word| result.all().contains(word)), "{}", result.all());
    let (status, problem) = shop.teal.ask_json("POST", "/admin/switch?to=green&group=shop");
    assert_eq!((status, &problem["service"]), (412, &"api".into()), "{problem}");
    assert_eq!(shop.now(), [("blue".to_owned(), 0), ("blue".to_owned(), 0)]);
    assert_eq!(shop.who(), ["blue", "api-blue"]);
    load.wait_for_more(100);
    load.stop().assert_nothing_lost();
    shop.finish();
}

#[test]
fn the_command_line_waits_for_all_drains_and_says_the_worst_of_them() {
    // L3 L4
    let shop = Shop::new();
    let gate = Gate::new();
    shop.api[0].behave_at("/held", Behavior::Held(gate.clone()));
    let mut held = Client::connect(shop.teal.listener());
    held.send("GET /held HTTP/1.1\r\nHost: api.test\r\n\r\n");
    wait_until(SOON, "the request is in flight", || {
        !shop.api[0].seen().requests_to("/held").is_empty()
    });
    let result = shop.teal.cli(&["switch", "green", "--group", "shop", "--drain", "300ms"]);
    result.assert_code(5);
    assert!(
        result
            .stdout
            .contains("Service: web\nSwitched from blue to green\nblue is drained: safe to stop\n"),
        "{}",
        result.all()
    );
    assert!(result.stdout.contains("the deadline cut 1"), "{}", result.all());
    gate.open();
    shop.teal.cli(&["wait", "drained", "blue", "--group", "shop"]).assert_code(0);
    shop.teal.cli(&["wait", "drained", "green", "--group", "shop"]).assert_code(3);
    shop.teal.cli(&["rollback", "--group", "shop"]).assert_code(0);
    assert_eq!(shop.now(), [("blue".to_owned(), 2), ("blue".to_owned(), 2)]);
    shop.teal.cli(&["switch", "green", "--group", "shop", "--service", "web"]).assert_code(2);
    shop.teal.cli(&["switch", "green", "--group", "shp"]).assert_code(2);
    shop.finish();
}

#[test]
fn a_generation_of_a_group_has_a_receipt_for_each_service() {
    let shop = Shop::new();
    shop.switch("green", "");
    let text = shop.teal.ask("GET", "/admin/receipts/1", &[]).text();
    for words in ["Generation 1: switch of web from", "\n\nGeneration 1: switch of api from"] {
        assert!(text.contains(words), "{text}");
    }
    let printed = shop.teal.cli(&["receipt", "1"]);
    printed.assert_code(0);
    assert_eq!(printed.stdout, text, "the command line says what the API says");
    let (status, problem) = shop.teal.ask_json("GET", "/admin/receipts/latest");
    assert_eq!((status, &problem["code"]), (400, &"service_required".into()));
    assert_eq!(problem["services"], serde_json::json!(["web", "api"]));
    let (status, one) = shop.teal.ask_json("GET", "/admin/receipts/1?service=api");
    assert_eq!((status, &one["service"], &one["generation"]), (200, &"api".into(), &1.into()));
    assert_eq!(shop.teal.ask("GET", "/admin/receipts/1?service=mail", &[]).status, 404);
    let one = shop.teal.cli(&["receipt", "--json", "--service", "web"]);
    one.assert_code(0);
    assert!(one.stdout.contains("\"service\":\"web\""), "{}", one.all());
    let history = shop.teal.ask("GET", "/admin/history", &[]).text();
    let of_it = history.lines().filter(|line| line.contains("    1  switch of "));
    assert_eq!(of_it.count(), 2, "{history}");
    shop.finish();
}

#[test]
fn groups_come_and_go_by_reload_and_traffic_goes_on() {
    let shop = Shop::with("");
    let load = Load::start(shop.teal.listener(), LoadOptions::default());
    assert_eq!(shop.switch("green", "").0, 404);
    let reload = |groups: &str, said: &str| {
        shop.teal.write_settings(&settings(&shop.web, &shop.api, groups));
        let result = shop.teal.cli(&["reload"]);
        result.assert_code(0);
        assert!(result.stdout.contains(said), "{}", result.all());
    };
    reload(SHOP, "group shop added");
    assert_eq!(shop.teal.generation(), 0, "where traffic goes has not changed");
    load.expect_anyone();
    assert_eq!(shop.switch("green", "").0, 200);
    load.expect_only("green");
    reload("", "group shop removed");
    assert_eq!(shop.switch("blue", "").0, 404);
    assert_eq!(shop.now(), [("green".to_owned(), 1), ("green".to_owned(), 1)]);
    load.wait_for_more(100);
    load.stop().assert_nothing_lost();
    shop.finish();
}

#[test]
fn no_client_sees_the_old_color_of_one_service_after_the_new_one_of_another() {
    // L2
    let shop = Shop::new();
    // One after the other on one connection: its worker has one table at a time, for both services.
    let asking = alternate(&shop.teal, Instant::now() + Duration::from_secs(2));
    let mut to = ["green", "blue"].into_iter().cycle();
    let mut switches = 0;
    while !asking.is_finished() {
        let to = to.next().expect("it never ends");
        assert_eq!(shop.switch(to, "&wait=published").0, 200);
        switches += 1;
    }
    let pairs = asking.join().expect("every request was answered");
    let colors = pairs.iter().flatten().map(|who| who.trim_start_matches("api-"));
    let colors: Vec<_> = colors.collect();
    let changes = colors.windows(2).filter(|pair| pair[0] != pair[1]).count();
    assert!(changes > 0 && changes <= switches, "{changes} changes in {switches} switches");
    shop.finish();
}

#[test]
fn a_group_is_switched_before_and_right_after_an_upgrade() {
    // L6 L7
    let mut shop = Shop::new();
    assert_eq!(shop.switch("green", "").0, 200);
    shop.teal.upgrade();
    assert_eq!(shop.who(), ["green", "api-green"]);
    let (status, text) = shop.switch("blue", "");
    assert_eq!(status, 200, "{text}");
    assert_eq!(shop.who(), ["blue", "api-blue"]);
    assert_eq!(shop.now().map(|(_, generation)| generation), [2, 2]);
    shop.teal.wait_alone(Duration::from_secs(20));
    shop.finish();
}

#[test]
fn a_kill_at_any_point_of_a_switch_finds_all_of_the_group_moved_or_none() {
    // L6
    const ROUNDS: u64 = 60;
    let mut shop = Shop::new();
    let mut before = shop.now();
    let (mut random, mut moved) = (7u64, 0);
    for round in 0..ROUNDS {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        let delay = Duration::from_micros((random >> 33) % 12_000);
        let to = if before[0].0 == "blue" { "green" } else { "blue" };
        let serving = shop.teal.serving_pids();
        let asked = ask_beside(&shop.teal, to);
        // A random point of the switch is the point of the test.
        thread::sleep(delay);
        shop.teal.kill_at_once(&serving);
        let answer = asked.join().expect("the client does not panic");
        shop.teal.start_again();
        let now = shop.now();
        let generation = before[0].1.max(before[1].1) + 1;
        let after = [(to.to_owned(), generation), (to.to_owned(), generation)];
        let context = format!("round {round}, killed after {delay:?}: {before:?}");
        assert!(now == before || now == after, "{now:?} in {context}");
        assert!(answer != Some(200) || now == after, "a switch was forgotten in {context}");
        moved += u64::from(now == after);
        before = now;
    }
    assert!(moved > 0 && moved < ROUNDS, "{moved} of {ROUNDS} kills were after a switch");
    let color = &before[0].0;
    assert_eq!(shop.who(), [color.clone(), format!("api-{color}")]);
    shop.finish();
}

/// The state that a client of the admin API has read before Teal was killed.
fn ask_beside(teal: &Teal, to: &str) -> thread::JoinHandle<Option<u16>> {
    let (admin, token) = (teal.admin(), teal.token());
    let request = format!(
        "POST /admin/switch?to={to}&group=shop HTTP/1.1\r\nHost: {admin}\r\nAuthorization: Bearer \
         {token}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
    );
    thread::spawn(move || {
        let mut client = Client::try_connect(admin).ok()?;
        client.try_send(request).ok()?;
        client.read_answer(false).ok().map(|answer| answer.status)
    })
}

#[test]
fn groups_and_services_switched_at_once_end_in_a_state_that_was_asked_for() {
    // L2 L10
    let shop = Shop::new();
    let load = Load::start(shop.teal.listener(), LoadOptions::default());
    load.expect_anyone();
    thread::scope(|scope| {
        for (caller, what) in
            ["group=shop", "service=web", "service=api", "group=shop"].into_iter().enumerate()
        {
            let teal = &shop.teal;
            scope.spawn(move || {
                for round in 0..15 {
                    let to = if (caller + round) % 2 == 0 { "green" } else { "blue" };
                    let answer = teal.switch(to, &format!("&{what}&wait=published"));
                    assert!(matches!(answer.status, 200 | 409), "{what}: {}", answer.text());
                }
            });
        }
    });
    // On a slow machine each call may have been superseded by the next: this one is not.
    let last = shop.teal.switch("green", "&group=shop&wait=published");
    assert_eq!(last.status, 200, "{}", last.text());
    load.wait_for_more(50);
    load.stop().assert_nothing_lost();
    let (_, history) = shop.teal.ask_json("GET", "/admin/history");
    let changes = history["changes"].as_array().expect("a list");
    let newest = |service: &str| {
        let found = changes.iter().find(|change| change["service"] == service);
        found.map(|change| {
            (
                change["to"].as_str().expect("a color").to_owned(),
                change["generation"].as_u64().expect("a number"),
            )
        })
    };
    let now = shop.now();
    assert_eq!([newest("web"), newest("api")], now.map(Some), "what was noted is what is");
    shop.finish();
}
