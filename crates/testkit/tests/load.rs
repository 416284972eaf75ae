//! The load and the books detect the faults that they are meant to detect.

use std::time::Duration;

use testkit::{Behavior, Load, LoadOptions, Metrics, Target};

#[test]
fn a_faithful_target_loses_nothing() {
    let target = Target::start("blue");
    let load = Load::start(target.address(), LoadOptions::default());
    load.expect_only("blue");
    load.wait_for_more(500);
    let report = load.stop();
    report.assert_nothing_lost();
    assert_eq!(report.sent, target.seen().count() as u64);
    assert!(target.seen().times_by("x-id").values().all(|times| *times == 1));
}

#[test]
fn every_kind_of_loss_is_counted() {
    for lossy in [
        Behavior::close(),
        Behavior::reset(),
        Behavior::raw("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nwrong"),
        Behavior::raw_then_close("HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nshort"),
        Behavior::raw("HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n"),
    ] {
        let target = Target::start("blue");
        target.behave(lossy.clone());
        let options = LoadOptions { connections: 2, pause: Duration::from_millis(1) };
        let load = Load::start(target.address(), options);
        load.wait_for_more(10);
        let report = load.stop();
        assert_eq!(report.lost, report.sent, "{lossy:?}: {report:?}");
    }
}

#[test]
fn an_answer_of_the_wrong_target_after_the_switch_is_late() {
    let target = Target::start("blue");
    let load = Load::start(target.address(), LoadOptions::default());
    load.expect_only("green");
    load.wait_for_more(50);
    let report = load.stop();
    assert!(report.late > 0 && report.lost == 0, "{report:?}");
}

#[test]
fn books_that_do_not_balance_are_found() {
    let balanced = "# TYPE x counter\nteal_requests_accepted_total{service=\"web\"} 5\n\
         teal_requests_answered_total{service=\"web\",by=\"blue\"} 3\n\
         teal_requests_answered_total{service=\"\",by=\"teal\",reason=\"a \\\"b\\\", c\"} 1\n\
         teal_requests_aborted_total{service=\"web\",cause=\"client\"} 1\n\
         teal_requests_in_flight{service=\"web\",color=\"blue\"} 0\nteal_books_difference 0\n";
    assert_eq!(Metrics::parse(balanced).imbalance(), None);
    let reason = Metrics::parse(balanced).label_values("teal_requests_answered_total", "reason");
    assert_eq!(reason, ["a \"b\", c"]);
    for (from, to) in [
        ("cause=\"client\"} 1", "cause=\"client\"} 2"),
        ("difference 0", "difference 1"),
        ("accepted_total{service=\"web\"} 5", "accepted_total{service=\"web\"} 6"),
        ("color=\"blue\"} 0", "color=\"blue\"} 1"),
        ("teal_books_difference 0\n", ""),
    ] {
        let off = balanced.replace(from, to);
        assert!(Metrics::parse(&off).imbalance().is_some(), "{to}");
    }
}
