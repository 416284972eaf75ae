//! Previews: testers see the idle color by a link, a cookie, a field or a listener of its own, in every protocol, while
//! everybody else stays on the active one and loses nothing.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use serde_json::Value;
use testkit::http2::{END_STREAM, Frame, Http2, kind, request};
use testkit::{
    Behavior, Client, GrpcTarget, Load, LoadOptions, Response, Settings, Target, Teal, wait_until,
};

use crate::TEAL;
use crate::grpc::GRPC_HEALTH;
use crate::setup::{SOON, Setup};

pub(crate) const TOKEN: &str = "{ token = true }";

/// The usual setup with these previews.
pub(crate) fn with(preview: &str) -> Setup {
    Setup::with(|settings| settings.service("preview", preview).listener_key("http2", "true"))
}

/// A preview as the API makes it.
pub(crate) fn make(teal: &Teal, further: &str) -> Value {
    let (status, preview) = teal.ask_json("POST", &format!("/admin/previews{further}"));
    assert_eq!(status, 200, "{preview}");
    preview
}

pub(crate) fn token(teal: &Teal) -> String {
    make(teal, "")["token"].as_str().expect("a token").to_owned()
}

/// A request with these further fields.
pub(crate) fn ask(client: &mut Client, target: &str, fields: &str) -> Response {
    client.send(format!("GET {target} HTTP/1.1\r\nHost: test\r\n{fields}\r\n"));
    client.answer()
}

pub(crate) fn by_field(token: &str) -> String {
    format!("Teal-Preview: {token}\r\n")
}

pub(crate) fn by_cookie(token: &str) -> String {
    format!("Cookie: a=1; teal-preview={token}; b=2\r\n")
}

pub(crate) fn field<'r>(answer: &'r Response, name: &str) -> &'r str {
    answer.fields.get(name).unwrap_or_default()
}

/// Panics unless this is an answer of a preview of the color.
#[track_caller]
pub(crate) fn shows(answer: &Response, color: &str) {
    let seen = (answer.status, field(answer, "x-target"), field(answer, "teal-color"));
    assert_eq!(seen, (200, color, color), "{}", answer.text());
    assert_eq!(answer.fields.all("cache-control"), ["no-store"]);
}

/// Panics unless this is the answer to everybody, by the active color.
#[track_caller]
pub(crate) fn usual(answer: &Response, color: &str) {
    let seen = (answer.status, field(answer, "x-target"), field(answer, "teal-color"));
    assert_eq!(seen, (200, color, ""), "{}", answer.text());
}

/// The address in the first URL under this key.
fn address(preview: &Value, key: &str) -> std::net::SocketAddr {
    let url = preview[key][0].as_str().expect("a URL");
    let rest = url.strip_prefix("http://").expect("without TLS");
    rest.split('/').next().and_then(|at| at.parse().ok()).expect("an address")
}

#[test]
fn a_link_becomes_a_cookie_and_shows_the_idle_color_to_its_tester_alone() {
    // L8
    let setup = with(TOKEN);
    let printed = setup.teal.cli(&["preview", "web", "--for", "2h"]);
    printed.assert_code(0);
    let link = printed.stdout.lines().find_map(|line| line.strip_prefix("Open ")).expect("a link");
    let listener = format!("http://{}", setup.teal.listener());
    let token = link.strip_prefix(&format!("{listener}/?teal-preview=")).expect("a token");
    assert!(printed.stdout.starts_with("Preview of web: green\n"), "{}", printed.stdout);
    let mut client = setup.client();
    for method in ["GET", "HEAD"] {
        let target = format!("/a/b?x=%20&teal-preview={token}&y=2");
        client.send(format!("{method} {target} HTTP/1.1\r\nHost: test\r\n\r\n"));
        let answer = client.read_answer(method == "HEAD").expect("an answer");
        assert_eq!((answer.status, field(&answer, "location")), (303, "/a/b?x=%20&y=2"));
        assert_eq!(field(&answer, "cache-control"), "no-store");
        let cookie = field(&answer, "set-cookie");
        let age = cookie
            .strip_prefix(&format!("teal-preview={token}; Path=/; Max-Age="))
            .and_then(|rest| rest.strip_suffix("; HttpOnly; SameSite=Lax"))
            .and_then(|age| age.parse::<u64>().ok());
        assert!(age.is_some_and(|age| (7100..=7200).contains(&age)), "{cookie}");
    }
    assert_eq!(setup.green.seen().count() + setup.blue.seen().count(), 0);

    shows(&ask(&mut client, "/cookie", &by_cookie(token)), "green");
    shows(&ask(&mut client, "/field", &by_field(token)), "green");
    usual(&ask(&mut client, "/", ""), "blue");
    usual(&ask(&mut client, "/", "Cookie: a=1; b=2\r\n"), "blue");
    let seen = setup.green.seen().requests();
    let cookies: Vec<_> = seen.iter().map(|request| request.fields.get("cookie")).collect();
    assert_eq!(cookies, [Some("a=1; b=2"), None]);
    assert!(seen.iter().all(|request| !String::from_utf8_lossy(&request.raw).contains("v1.")));

    let metrics = setup.teal.metrics();
    let of_green = [("service", "web"), ("color", "green")];
    assert_eq!(metrics.count("teal_preview_requests_total", &of_green), 2);
    assert!(!metrics.has("teal_target_requests_total", &of_green), "a class of their own");
    let generation = setup.teal.service()["generation"].as_u64().expect("a generation");
    assert_eq!(make(&setup.teal, "")["generation"], generation);
    setup.finish();
}

#[test]
fn no_cache_keeps_an_answer_of_the_idle_color() {
    let setup = with(TOKEN);
    setup.green.behave_at(
        "/cached",
        Behavior::raw(
            "HTTP/1.1 200 OK\r\nCache-Control: public, max-age=60\r\nExpires: Thu, 01 Jan 2099 00:00:00 GMT\r\n\
             CDN-Cache-Control: max-age=60\r\nAcme-CDN-Cache-Control: max-age=60\r\nSurrogate-Control: max-age=60\r\n\
             Teal-Color: blue\r\nX-Other: kept\r\nContent-Length: 2\r\n\r\nok",
        ),
    );
    let answer = ask(&mut setup.client(), "/cached", &by_field(&token(&setup.teal)));
    assert_eq!((answer.status, answer.text().as_str()), (200, "ok"));
    assert_eq!(answer.fields.all("cache-control"), ["no-store"]);
    assert_eq!(answer.fields.all("teal-color"), ["green"]);
    assert_eq!(field(&answer, "x-other"), "kept");
    for name in ["expires", "cdn-cache-control", "acme-cdn-cache-control", "surrogate-control"] {
        assert_eq!(answer.fields.get(name), None, "{name}");
    }
    setup.finish();
}

#[test]
fn streams_tunnels_and_http2_are_previewed_too() {
    // L8
    let setup = with(TOKEN);
    let token = token(&setup.teal);
    for target in [&setup.blue, &setup.green] {
        target.behave_at("/tunnel", Behavior::Tunnel);
        target.behave_at("/events", Behavior::Events { every: Duration::from_millis(5) });
    }
    let mut tunnel = setup.client();
    let upgrade = "Connection: upgrade\r\nUpgrade: echo\r\n";
    let cookie = by_cookie(&token);
    tunnel.send(format!("GET /tunnel HTTP/1.1\r\nHost: test\r\n{upgrade}{cookie}\r\n"));
    let head = tunnel.read_any_head().expect("a head");
    assert_eq!((head.status, field(&head, "teal-color")), (101, "green"));
    assert_eq!(field(&head, "cache-control"), "no-store");
    tunnel.send("hello");
    assert_eq!(tunnel.read_bytes(5), b"hello");
    let mut events = setup.client();
    events.send(format!("GET /events HTTP/1.1\r\nHost: test\r\n{}\r\n", by_field(&token)));
    let head = events.read_head(false).expect("a head");
    assert_eq!((head.status, field(&head, "teal-color")), (200, "green"));
    events.read_body_until("data: green 3\n\n");
    drop((tunnel, events));
    let mut http2 = Http2::connect(setup.teal.listener());
    let answer = http2.ask(request("GET", "/who", &[("teal-preview", &token)]));
    assert_eq!(answer.status, 200);
    assert!(String::from_utf8_lossy(&answer.body).contains("green"), "{answer:?}");
    let crumb = format!("teal-preview={token}");
    let answer = http2.ask(request("GET", "/who", &[("cookie", "a=1"), ("cookie", &crumb)]));
    assert!(String::from_utf8_lossy(&answer.body).contains("green"), "{answer:?}");
    let answer = http2.ask(request("GET", "/who", &[]));
    assert!(String::from_utf8_lossy(&answer.body).contains("blue"), "{answer:?}");
    assert_eq!(http2.ask(request("GET", "/?teal-preview=x", &[])).status, 403);
    setup.finish();
}

#[test]
fn grpc_calls_of_testers_go_to_the_idle_color_and_leave_no_connection_there() {
    // L4
    let (blue, green) = (GrpcTarget::start("blue"), GrpcTarget::start("green"));
    let settings = Settings::of_urls(&[&blue.url()], &[&green.url()])
        .listener_key("http2", "true")
        .service("health", GRPC_HEALTH)
        .service("preview", TOKEN);
    let teal = Teal::start_healthy(TEAL, &settings);
    let token = token(&teal);
    let mut client = Http2::connect(teal.listener());
    let grpc = [("content-type", "application/grpc"), ("te", "trailers")];
    let mut call = |further: &[(&str, &str)]| {
        let fields = [&grpc[..], further].concat();
        let stream = client.open(request("POST", "/test.Echo/One", &fields), 0);
        client.send(&Frame::new(kind::DATA, END_STREAM, stream, b"\0\0\0\0\x02hi"));
        let answer = client.answer(stream);
        assert!(answer.trailers, "{answer:?}");
        String::from_utf8_lossy(answer.body.get(5..).unwrap_or_default()).into_owned()
    };
    assert_eq!(call(&[]), "blue:hi");
    assert_eq!(call(&[("teal-preview", &token)]), "green:hi");
    assert_eq!(call(&[]), "blue:hi");
    wait_until(SOON, "green is free again", || teal.color("green")["drained"] == true);
    teal.cli(&["retire", "green"]).assert_code(0);
    teal.assert_books_balance();
}

#[test]
fn a_listener_of_its_own_shows_the_color_that_is_idle_now_and_only_its_services() {
    // L2
    let mail = Target::start("mail");
    let listen = "{ listen = \"127.0.0.1:0\", token = false }";
    let further = format!(
        "[[service]]\nname = \"mail\"\nhosts = [\"mail.test\"]\nblue.targets = [\"{}\"]\n\
         green.targets = [\"http://127.0.0.1:1\"]\n",
        mail.url()
    );
    let setup = Setup::with(|settings| settings.service("preview", listen).extra(&further));
    let preview = make(&setup.teal, "?service=web");
    assert_eq!((&preview["token"], &preview["urls"][0]), (&Value::Null, &Value::Null));
    let address = address(&preview, "listener_urls");
    let mut testers = Client::connect(address);
    shows(&ask(&mut testers, "/", ""), "green");
    usual(&ask(&mut setup.client(), "/", ""), "blue");
    testers.send("GET / HTTP/1.1\r\nHost: mail.test\r\n\r\n");
    let answer = testers.answer();
    assert_eq!(answer.status, 404);
    assert_eq!(answer.text(), "mail has no previews at this address\n");
    assert_eq!(mail.seen().count(), 0);
    let mut http2 = Http2::connect(address);
    assert_eq!(http2.ask(request("GET", "/", &[])).status, 200, "without TLS, too");
    setup.teal.cli(&["switch", "green", "--service", "web"]).assert_code(0);
    shows(&ask(&mut testers, "/", ""), "blue");
    usual(&ask(&mut setup.client(), "/", ""), "green");
    setup.finish();
}

#[test]
fn traffic_loses_nothing_beside_previews_while_it_moves_back_and_forth() {
    // L1 L2 L3 L4 L8
    let setup = with("{ listen = \"127.0.0.1:0\" }");
    let address = address(&make(&setup.teal, ""), "listener_urls");
    let load = Load::start(setup.teal.listener(), LoadOptions::default());
    let stop = AtomicBool::new(false);
    let previews = thread::scope(|scope| {
        let tester = scope.spawn(|| {
            let (mut by_listener, mut by_token) = (Client::connect(address), setup.client());
            let mut shown = 0_u64;
            let mut current = token(&setup.teal);
            while !stop.load(Ordering::Relaxed) {
                // While a color drains it is not shown, which the answer says.
                let answer = ask(&mut by_listener, "/preview", "");
                assert!([200, 503].contains(&answer.status), "{}", answer.text());
                shown += u64::from(answer.status == 200);
                let answer = ask(&mut by_token, "/preview", &by_field(&current));
                match answer.status {
                    200 => shown += 1,
                    403 => current = token(&setup.teal),
                    status => assert_eq!(status, 503, "{}", answer.text()),
                }
            }
            shown
        });
        for to in ["green", "blue"].into_iter().cycle().take(6) {
            load.expect_anyone();
            setup.teal.switch_to(to);
            load.expect_only(to);
            load.wait_for_more(100);
        }
        stop.store(true, Ordering::Relaxed);
        tester.join().expect("every preview is answered")
    });
    load.stop().assert_nothing_lost();
    assert!(previews > 0);
    let metrics = setup.teal.metrics();
    assert_eq!(metrics.count("teal_preview_requests_total", &[("class", "2xx")]), previews);
    let of_class = |class: &[_]| metrics.count("teal_target_requests_total", class);
    let answered = of_class(&[]) - of_class(&[("class", "failed")]);
    let by_colors = ["blue", "green"]
        .map(|by| metrics.count("teal_requests_answered_total", &[("service", "web"), ("by", by)]));
    assert_eq!(by_colors.iter().sum::<u64>(), answered + previews, "each is in one class");
    setup.finish();
}

#[test]
fn a_color_is_drained_and_retired_only_when_its_last_preview_has_ended() {
    // L3 L4
    let setup = with(TOKEN);
    setup.green.behave_at("/tunnel", Behavior::Tunnel);
    let open = |token: &str| {
        let mut tunnel = setup.client();
        let fields = format!("Connection: upgrade\r\nUpgrade: echo\r\n{}", by_field(token));
        tunnel.send(format!("GET /tunnel HTTP/1.1\r\nHost: test\r\n{fields}\r\n"));
        assert_eq!(tunnel.read_any_head().expect("a head").status, 101);
        tunnel
    };
    let tunnel = open(&token(&setup.teal));
    assert_eq!(setup.teal.color("green")["drained"], false);
    let refused = setup.teal.cli(&["retire", "green"]);
    refused.assert_code(3);
    assert!(refused.stderr.contains("1 leases"), "{}", refused.stderr);
    // A refused retirement leaves previews as they were.
    let shown = || ask(&mut setup.client(), "/", &by_field(&token(&setup.teal))).status == 200;
    wait_until(SOON, "green is shown again", shown);
    drop(tunnel);
    wait_until(SOON, "green is free", || setup.teal.color("green")["drained"] == true);

    let mut tunnel = open(&token(&setup.teal));
    setup.teal.switch_to("green");
    let answer = setup.teal.switch("blue", "&wait=published");
    assert!(answer.text().contains("still draining: do not stop green"), "{}", answer.text());
    tunnel.send("still here");
    assert_eq!(tunnel.read_bytes(10), b"still here");
    // Nothing new goes to a color that drains.
    let answer = ask(&mut setup.client(), "/", &by_field(&token(&setup.teal)));
    assert_eq!(answer.status, 503);
    assert!(answer.text().contains("green of web is being drained"), "{}", answer.text());
    assert_eq!(setup.teal.color("green")["drained"], false);
    drop(tunnel);
    setup.teal.cli(&["wait", "drained", "green"]).assert_code(0);
    wait_until(SOON, "green is shown again", shown);
    setup.finish();
}

#[test]
fn previews_go_on_while_everybody_else_waits_or_is_turned_away() {
    let setup = with(TOKEN);
    let token = token(&setup.teal);
    setup.teal.cli(&["maintenance", "on"]).assert_code(0);
    assert_eq!(ask(&mut setup.client(), "/", "").status, 503);
    shows(&ask(&mut setup.client(), "/", &by_cookie(&token)), "green");
    setup.teal.cli(&["maintenance", "off"]).assert_code(0);
    setup.teal.cli(&["hold"]).assert_code(0);
    shows(&ask(&mut setup.client(), "/", &by_cookie(&token)), "green");
    setup.teal.cli(&["resume"]).assert_code(0);
    usual(&ask(&mut setup.client(), "/", ""), "blue");
    setup.finish();
}
