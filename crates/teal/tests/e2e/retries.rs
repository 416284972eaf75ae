//! Retries: the requests that may be sent again, those that may not, and how often.

use testkit::{Behavior, Settings, Target, Teal};

use crate::TEAL;
use crate::setup::Setup;

#[test]
fn an_idempotent_request_cut_before_any_answer_is_sent_again() {
    // L5
    let setup = Setup::new();
    for (behavior, path) in [(Behavior::reset(), "/reset"), (Behavior::close(), "/close")] {
        setup.blue.behave_next(path, behavior);
        let answer = setup.client().get(path);
        assert_eq!(answer.status, 200, "{path}: {}", answer.text());
        assert_eq!(setup.blue.seen().requests_to(path).len(), 2);
    }
    assert_eq!(setup.teal.metrics().count("teal_retries_total", &[]), 2);
    setup.finish();
}

#[test]
fn a_small_retained_body_is_sent_again_whole_and_a_large_one_is_not() {
    // L5
    let setup = Setup::new();
    let put = |path: &str, length: usize| {
        let mut client = setup.client();
        client
            .send(format!("PUT {path} HTTP/1.1\r\nHost: test\r\nContent-Length: {length}\r\n\r\n"));
        client.send("p".repeat(length));
        client.answer().status
    };
    setup.blue.behave_next("/small", Behavior::reset());
    assert_eq!(put("/small", 40_000), 200);
    let seen = setup.blue.seen().requests_to("/small");
    assert_eq!(seen.iter().map(|request| request.body_length).collect::<Vec<_>>(), [40_000; 2]);
    setup.blue.behave_next("/large", Behavior::reset());
    assert_eq!(put("/large", 200_000), 502);
    assert_eq!(setup.blue.seen().requests_to("/large").len(), 1);
    setup.finish();
}

#[test]
fn a_request_that_may_have_been_acted_on_is_never_sent_again() {
    // L5
    let setup = Setup::new();
    for behavior in [Behavior::reset(), Behavior::close()] {
        setup.blue.behave_next("/post", behavior.clone());
        let before = setup.blue.seen().requests_to("/post").len();
        let answer = setup.client().post("/post", b"once");
        assert_eq!(answer.status, 502);
        assert!(answer.fields.get("proxy-status").is_some());
        assert_eq!(setup.blue.seen().requests_to("/post").len(), before + 1);
        // A body that needs no retaining makes it no safer.
        setup.blue.behave_next("/empty", behavior);
        let before = setup.blue.seen().requests_to("/empty").len();
        assert_eq!(setup.client().post("/empty", b"").status, 502);
        assert_eq!(setup.blue.seen().requests_to("/empty").len(), before + 1);
    }
    setup.finish();
}

#[test]
fn nothing_is_sent_again_after_the_first_byte_of_an_answer() {
    // L5
    let setup = Setup::new();
    setup.blue.behave_next("/begun", Behavior::raw_then_close("HTTP/1.1 200 OK\r\nContent-"));
    let answer = setup.client().get("/begun");
    assert_eq!(answer.status, 502, "{}", answer.text());
    assert_eq!(setup.blue.seen().requests_to("/begun").len(), 1);
    setup.finish();
}

#[test]
fn at_most_two_retries_and_a_budget_of_a_fifth() {
    // L5
    let setup = Setup::new();
    setup.blue.behave_at("/never", Behavior::reset());
    assert_eq!(setup.client().get("/never").status, 502);
    assert!(setup.blue.seen().requests_to("/never").len() <= 3);
    for _ in 0..200 {
        assert_eq!(setup.client().get("/never").status, 502);
    }
    let attempts = setup.blue.seen().requests_to("/never").len();
    // 201 requests, a fifth more, and what a budget may hold at its start.
    assert!(attempts <= 201 + 41 + 30, "{attempts} attempts");
    setup.finish();
}

#[test]
fn a_refused_connection_is_tried_at_another_target_whatever_the_method() {
    // L5
    let (first, second) = (Target::start("first"), Target::start("second"));
    let green = Target::start("green");
    let settings = Settings::of_urls(&[&first.url(), &second.url()], &[&green.url()]);
    let teal = Teal::start_healthy(TEAL, &settings);
    first.stop();
    for number in 0..20 {
        let path = format!("/p{number}");
        let answer = testkit::Client::connect(teal.listener()).post(&path, b"body");
        assert_eq!((answer.status, answer.fields.get("x-target")), (200, Some("second")));
        assert_eq!(second.seen().requests_to(&path).len(), 1);
    }
    teal.assert_books_balance();
}

#[test]
fn several_targets_of_a_color_share_its_traffic() {
    let (first, second) = (Target::start("first"), Target::start("second"));
    let green = Target::start("green");
    let settings = Settings::of_urls(&[&first.url(), &second.url()], &[&green.url()]);
    let teal = Teal::start_healthy(TEAL, &settings);
    for _ in 0..100 {
        assert_eq!(testkit::Client::connect(teal.listener()).get("/").status, 200);
    }
    let counts = (first.seen().count(), second.seen().count());
    assert!(counts.0 >= 10 && counts.1 >= 10 && counts.0 + counts.1 == 100, "{counts:?}");
    // One of several targets is down: the color is not healthy, and traffic avoids the dead one.
    second.stop();
    teal.wait_healthy("blue", false);
    for _ in 0..20 {
        let answer = testkit::Client::connect(teal.listener()).get("/");
        assert_eq!(answer.fields.get("x-target"), Some("first"));
    }
    teal.assert_books_balance();
}
