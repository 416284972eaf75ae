//! Which service gets a request: hosts, wildcards, prefixes.

use testkit::{Client, Response, Settings, Target, Teal};

use crate::TEAL;

fn ask(teal: &Teal, host: &str, target: &str) -> Response {
    let mut client = Client::connect(teal.listener());
    client.send(format!("GET {target} HTTP/1.1\r\nHost: {host}\r\n\r\n"));
    client.answer()
}

fn service(name: &str, rest: &str, blue: &Target, green: &str) -> String {
    let blue = blue.url();
    format!(
        "[[service]]\nname = \"{name}\"\n{rest}\nblue = {{ targets = [\"{blue}\"] }}\n\
         green = {{ targets = [\"http://127.0.0.1:{green}\"] }}\n\n"
    )
}

#[test]
fn the_most_exact_host_and_the_longest_prefix_win() {
    let any = Target::start("any");
    let exact = Target::start("exact");
    let wild = Target::start("wild");
    let api = Target::start("api");
    let settings = Settings::new(&any, &Target::stopped("green"))
        .service("hosts", "[]")
        .extra(&service("exact", "hosts = [\"shop.test\"]", &exact, "1"))
        .extra(&service("wild", "hosts = [\"*.shop.test\"]", &wild, "2"))
        .extra(&service("api", "hosts = [\"shop.test\"]\npath_prefix = \"/api\"", &api, "3"));
    let teal = Teal::start(TEAL, &settings);
    for (host, target, expected) in [
        ("shop.test", "/", "exact"),
        ("SHOP.test:8080", "/", "exact"),
        ("a.shop.test", "/", "wild"),
        ("a.b.shop.test", "/", "any"),
        ("other.test", "/", "any"),
        ("shop.test", "/api", "api"),
        ("shop.test", "/api/v1?x=/..", "api"),
        ("shop.test", "/api?x", "api"),
        ("shop.test", "/apix", "exact"),
        ("shop.test", "/%61pi", "exact"),
    ] {
        let answer = ask(&teal, host, target);
        assert_eq!(answer.fields.get("x-target"), Some(expected), "{host} {target}");
    }
    // T4: on a host with prefixed services dot segments decide nothing.
    for target in ["/x/../api", "/api/./y", "/x/%2e%2e/api", "/x/.%2E/api", "/..", "/api/.."] {
        assert_eq!(ask(&teal, "shop.test", target).status, 400, "{target}");
        assert_eq!(ask(&teal, "other.test", target).status, 200, "{target}");
    }
    teal.assert_books_balance();
}

#[test]
fn hosts_are_distinguished_however_many_there_are_and_however_they_are_written() {
    // T1
    const HOSTS: usize = 250;
    let names = ["first", "middle", "last", "other"];
    let [first, middle, last, other] = names.map(Target::start);
    let services = (1..HOSTS).map(|number| {
        let target = match number {
            125 => &middle,
            249 => &last,
            _ => &other,
        };
        let hosts = format!("hosts = [\"Host-{number}.test\", \"*.host-{number}.test\"]");
        service(&format!("s{number}"), &hosts, target, "1")
    });
    let settings = Settings::new(&first, &Target::stopped("green"))
        .service("hosts", "[\"host-0.test\"]")
        .extra(&services.collect::<String>());
    let teal = Teal::start(TEAL, &settings);
    for (number, expected) in [(0, "first"), (125, "middle"), (249, "last"), (77, "other")] {
        for host in [format!("host-{number}.test"), format!("HOST-{number}.TEST:8080")] {
            let answer = ask(&teal, &host, "/who");
            assert!(answer.text().starts_with(expected), "{host}: {}", answer.text());
        }
    }
    let answer = ask(&teal, "A.HOST-249.Test", "/who");
    assert!(answer.text().starts_with("last"), "{}", answer.text());
    for host in ["host-250.test", "HOST-250.TEST", "host-24.test.test", "host-0.tes"] {
        assert_eq!(ask(&teal, host, "/who").status, 404, "{host}");
    }
    teal.assert_books_balance();
}

#[test]
fn a_host_without_a_service_is_404() {
    let blue = Target::start("blue");
    let settings =
        Settings::new(&blue, &Target::stopped("green")).service("hosts", "[\"only.test\"]");
    let teal = Teal::start(TEAL, &settings);
    assert_eq!(ask(&teal, "only.test", "/").status, 200);
    assert_eq!(ask(&teal, "else.test", "/").status, 404);
    assert_eq!(blue.seen().count(), 1);
    teal.assert_books_balance();
}

#[test]
fn r74_a_404_and_the_log_name_the_host_and_path_and_nothing_in_them_is_markup() {
    let blue = Target::start("blue");
    let settings =
        Settings::new(&blue, &Target::stopped("green")).service("hosts", "[\"only.test\"]");
    let teal = Teal::start(TEAL, &settings);
    let long = format!("/{}", "x".repeat(3000));
    let get = |host: &str, path: &str, accept: &str| {
        let mut client = Client::connect(teal.listener());
        client.send(format!("GET {path} HTTP/1.1\r\nHost: {host}\r\nAccept: {accept}\r\n\r\n"));
        let answer = client.answer();
        assert_eq!(
            (answer.status, answer.fields.get("x-content-type-options")),
            (404, Some("nosniff"))
        );
        answer.text().clone()
    };
    let sentence = "No service for host \"else.test:8080\" and path \"/a\"\n";
    assert_eq!(get("else.test:8080", "/a?secret=1", "*/*"), sentence);
    // The first is in the log; in the next seconds others are only counted.
    teal.log_has(&["INFO", sentence.trim_end(), "answered 404"]);
    let hostile = "/\"'<script>&\\";
    let html = get("else.test", hostile, "text/html");
    assert!(html.contains("/\\x22&#39;&lt;script&gt;&amp;\\x5C"), "{html}");
    let json = get("else.test", hostile, "application/json");
    let problem: serde_json::Value = serde_json::from_str(&json).expect("JSON");
    assert_eq!(problem["code"], "no_route");
    let detail = problem["detail"].as_str().expect("text");
    assert!(detail.contains("\"/\\x22'<script>&\\x5C\""), "{detail}");
    assert!(get("else.test", &long, "*/*").len() < 300);
    for _ in 0..50 {
        get("else.test", "/flood", "*/*");
    }
    let said = teal.log().lines().filter(|line| line.contains("No service for host")).count();
    assert!(said < 10, "{said} lines"); // one for each worker
    teal.assert_books_balance();
}

#[test]
fn a_path_reaches_the_target_byte_for_byte() {
    // T4
    let blue = Target::start("blue");
    let teal = Teal::start(TEAL, &Settings::new(&blue, &Target::stopped("green")));
    for target in [
        "//admin",
        "/./",
        "/../",
        "/%2e%2e/",
        "/a%2fb",
        "/a%5cb",
        "/a;x=1",
        "/a\\b",
        "/%c0%ae",
        "/%00",
        "/?a=b&c=%20",
        "/a?b?c",
        "/%zz",
        "/*",
    ] {
        assert_eq!(ask(&teal, "test", target).status, 200, "{target}");
        let seen = blue.seen().requests();
        assert_eq!(seen.last().expect("a request").target, target);
    }
    teal.assert_books_balance();
}
