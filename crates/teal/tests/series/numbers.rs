//! The numbers of a series, and the books.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use testkit::{Behavior, Client, Load, LoadOptions, Settings, Step, Target, Teal, wait_until};

use crate::{SOON, Sums, TEAL, assert_same_as_metrics, series, total};

/// A target that answers these paths with errors.
fn target(name: &str) -> Target {
    let target = Target::start(name);
    let answer = |line: &str| {
        let answer = format!("HTTP/1.1 {line}\r\nContent-Length: 0\r\n\r\n");
        Behavior::Script(vec![Step::ReadBody, Step::Send(answer.into_bytes())])
    };
    target.behave_at("/gone", answer("410 Gone"));
    target.behave_at("/broken", answer("500 Internal Server Error"));
    target.behave_at("/cut", Behavior::Script(vec![Step::ReadBody, Step::Reset]));
    target
}

#[test]
fn a_series_adds_up_to_the_metrics_and_no_book_shows_a_loss_under_load() {
    // L8
    let (blue, green) = (target("blue"), target("green"));
    let teal = Teal::start_healthy(TEAL, &Settings::new(&blue, &green));
    assert_eq!(Sums::of_series(&series(&teal, "")), Sums::default(), "probes are not traffic");
    let load = Load::start(teal.listener(), LoadOptions::default());
    let reads = AtomicBool::new(true);
    thread::scope(|scope| {
        scope.spawn(|| {
            while reads.load(Ordering::Relaxed) {
                let service = teal.service();
                let books = &service["books"];
                let of = |key: &str| books[key].as_u64().expect("a count");
                let answered =
                    ["blue", "green", "teal"].map(|by| books["answered"][by].as_u64().unwrap_or(0));
                assert_eq!(of("lost"), 0, "{books}");
                let known = answered.iter().sum::<u64>() + of("aborted") + of("in_flight");
                assert_eq!(of("accepted"), known, "{books}");
            }
        });
        let mut client = Client::connect(teal.listener());
        for (path, status) in [("/gone", 410), ("/broken", 500), ("/cut", 502)] {
            for _ in 0..3 {
                assert_eq!(client.get(path).status, status, "{path}");
            }
        }
        load.wait_for_more(200);
        load.expect_anyone();
        teal.switch_to("green");
        load.expect_only("green");
        load.wait_for_more(200);
        reads.store(false, Ordering::Relaxed);
    });
    let report = load.stop();
    report.assert_nothing_lost();
    let sums = assert_same_as_metrics(&teal);
    let [of_blue, of_green] = sums.colors;
    let [_, gone, broken, failed] = of_blue;
    assert_eq!((gone, broken, sums.teal), (3, 3, 3), "410, 500, and 502 of Teal: {sums:?}");
    assert!(failed >= 3, "one for each attempt: {sums:?}");
    assert_eq!(of_green[0], report.answered["green"], "{sums:?}");
    assert_eq!(of_blue[0], report.answered["blue"] + 6 + failed, "{sums:?}");

    let all = series(&teal, "");
    let service = &all["services"][0];
    let steps = service["teal"].as_array().map(Vec::len);
    for color in ["blue", "green"] {
        let arrays = service[color].as_object().expect("arrays by name");
        assert_eq!(arrays.len(), 8);
        for (name, array) in arrays {
            assert_eq!(array.as_array().map(Vec::len), steps, "{color} {name}");
        }
        let requests = service[color]["requests"].as_array().expect("counts");
        for (requests, p99) in
            requests.iter().zip(service[color]["p99_ms"].as_array().expect("times"))
        {
            assert_eq!(*requests == 0, p99.is_null(), "a latency where there are requests");
        }
    }
    teal.assert_books_balance();
}

#[test]
fn a_client_that_has_a_series_asks_only_for_what_is_new() {
    let (blue, green) = (Target::start("blue"), Target::start("green"));
    let teal = Teal::start_healthy(TEAL, &Settings::new(&blue, &green));
    let mut client = Client::connect(teal.listener());
    assert_eq!(client.get("/").status, 200);
    assert_same_as_metrics(&teal);
    let end = series(&teal, "")["end"].as_u64().expect("a second");
    assert_eq!(client.get("/").status, 200);
    let mut newer = 0;
    wait_until(SOON, "the second request is in a newer step", || {
        let next = series(&teal, &format!("?after={end}"));
        newer = next["end"].as_u64().expect("a second") - end;
        let requests = &next["services"][0]["blue"]["requests"];
        assert_eq!(requests.as_array().map(Vec::len), usize::try_from(newer).ok());
        total(requests) == 1
    });
    assert!(newer >= 1);
    let last = series(&teal, "?service=web&last=1");
    assert_eq!(last["services"][0]["teal"].as_array().map(Vec::len), Some(1));
    let (status, json) = teal.ask_json("GET", "/admin/series?service=other");
    assert_eq!((status, &json["code"]), (404, &"unknown_service".into()), "{json}");
}
