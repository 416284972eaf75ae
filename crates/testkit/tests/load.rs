//! The load and the books detect the faults that they are meant to detect.

use std::time::Duration;

use testkit::{Behavior, Load, LoadOptions, LoadReport, Metrics, Step, Target};

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

/// A load of two connections on a target that behaves like this.
fn load_on(behavior: &Behavior) -> LoadReport {
    let target = Target::start("blue");
    target.behave(behavior.clone());
    let options = LoadOptions { connections: 2, pause: Duration::from_millis(1) };
    let load = Load::start(target.address(), options);
    load.wait_for_more(10);
    load.stop()
}

#[test]
fn every_kind_of_loss_is_counted() {
    let chunked = |body: &str| {
        Behavior::raw(format!("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n{body}"))
    };
    for (lossy, words) in [
        (Behavior::close(), "closed without an answer"),
        (Behavior::reset(), "closed without an answer"),
        (Behavior::raw("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nwrong"), "200 \"wrong\""),
        (
            Behavior::raw_then_close("HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nshort"),
            "cut during the answer",
        ),
        (Behavior::raw("HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n"), "502"),
        (Behavior::raw("HTTP/1.1 200 OK\nContent-Length: 0\r\n\r\n"), "broken framing"),
        // What is allowed, but what Teal does not send.
        (Behavior::raw("HTTP/1.1 204 X\r\nContent-Length: 0\r\n\r\n"), "broken framing"),
        (chunked("1;x=y\r\na\r\n0\r\n\r\n"), "broken framing"),
    ] {
        let report = load_on(&lossy);
        assert_eq!(report.lost, report.sent, "{lossy:?}: {report:?}");
        assert!(report.evidence.iter().any(|why| why.contains(words)), "{lossy:?}: {report:?}");
    }
}

#[test]
fn faults_behind_a_whole_answer_are_losses_too() {
    let moment = Duration::from_millis(30);
    for (steps, words) in [
        (vec![Step::Echo, Step::Send(b"x".to_vec())], "bytes after the answer"),
        (
            vec![Step::Echo, Step::Pause(moment), Step::Send(b"x".to_vec())],
            "bytes after the answer",
        ),
        (vec![Step::Echo, Step::Echo], "bytes after the answer"),
        (vec![Step::Echo, Step::Close], "an idle connection was closed"),
        (vec![Step::Echo, Step::Pause(moment / 3), Step::Reset], "an idle connection was closed"),
    ] {
        let target = Target::start("blue");
        target.behave(Behavior::Script(steps.clone()));
        let options = LoadOptions { connections: 2, pause: 2 * moment };
        let load = Load::start(target.address(), options);
        load.wait_for_more(20);
        let report = load.stop();
        assert!(report.lost > 0, "{steps:?}: {report:?}");
        let found = report.evidence.iter().any(|why| why.contains(words));
        assert!(found, "{steps:?}: {report:?}");
    }
}

#[test]
fn only_an_expected_end_excuses_a_connection_that_is_not_accepted() {
    for expected in [true, false] {
        let target = Target::start("blue");
        let load = Load::start(target.address(), LoadOptions::default());
        if expected {
            load.expect_end();
        }
        target.stop();
        if !expected {
            load.wait_for_more(20);
        }
        let report = load.stop();
        let refused = report.evidence.iter().any(|why| why.contains("no connection"));
        assert_eq!(refused, !expected, "{report:?}");
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
