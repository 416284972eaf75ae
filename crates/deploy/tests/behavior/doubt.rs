//! In doubt nothing is stopped and nothing is switched.

use contract::wire::{Color, DeployResult};
use deploy::Verdict;
use runner::FailureKind;

use crate::script::{Fault, Setup};

fn assert_untouched(setup: &Setup) {
    assert!(!setup.asked().iter().any(|asked| asked.starts_with("stop")), "{:?}", setup.asked());
    assert!(setup.runs("web.blue"));
}

#[tokio::test]
async fn a_runner_that_does_not_answer_stops_nothing() {
    for call in ["start", "status"] {
        let setup = Setup::of("").failing(call, FailureKind::InDoubt);
        let ended = setup.deploy().await;
        assert_eq!((ended.verdict, ended.result), (Verdict::Unknown, Some(DeployResult::Unknown)));
        assert!(ended.message.contains("it is not known what runs"), "{ended:?}");
        assert_untouched(&setup);
    }
}

#[tokio::test]
async fn a_runner_that_is_silent_about_what_it_has_started_lets_nothing_through_the_gate() {
    let setup = Setup::of("").failing("status of what runs", FailureKind::InDoubt);
    let ended = setup.deploy().await;
    assert_eq!((ended.verdict, ended.result), (Verdict::Unknown, Some(DeployResult::Unknown)));
    assert_eq!(setup.active(), Color::Blue);
    assert_untouched(&setup);
}

#[tokio::test]
async fn a_stop_that_is_not_answered_is_not_a_put_back_environment() {
    let setup = Setup::of("smoke = [{ exec = [\"false\"] }]").failing("stop", FailureKind::InDoubt);
    let ended = setup.deploy().await;
    assert_eq!((ended.verdict, ended.result), (Verdict::Unknown, Some(DeployResult::Unknown)));
    assert!(ended.message.contains("The new environment was not stopped: stop does not work"));
    assert!(setup.active() == Color::Blue && setup.runs("web.green"));
}

#[tokio::test]
async fn a_switch_that_is_decided_and_slow_is_waited_for() {
    // L4
    for (status, code) in
        [(500, "journal_slow"), (500, "publish_incomplete"), (503, "no_answer"), (500, "internal")]
    {
        for fault in [Fault::Slow(status, code), Fault::Refused(status, code, "It is slow")] {
            let setup = Setup::of("").fault("switch green", fault.clone());
            let ended = setup.deploy().await;
            assert_eq!(ended.verdict, Verdict::Done, "{fault:?}: {ended:?}");
            assert_eq!(setup.active(), Color::Green, "{fault:?}");
            assert!(setup.runs("web.green"), "{fault:?}");
        }
    }
}

#[tokio::test]
async fn a_teal_that_cannot_be_asked_after_the_switch_was_sent_leaves_doubt() {
    let silent = vec![("status".to_owned(), Fault::Unreachable); 1000];
    let setup = Setup::of("").fault("switch green", Fault::LostAnswer);
    let setup = setup.late_faults("step switch", silent);
    let ended = setup.deploy().await;
    assert_eq!((ended.verdict, ended.result), (Verdict::Unknown, Some(DeployResult::Unknown)));
    assert!(ended.message.contains("It is not known whether traffic was switched"), "{ended:?}");
    assert_untouched(&setup);
    assert!(setup.runs("web.green"));
}

#[tokio::test]
async fn a_command_line_that_was_replaced_changes_nothing_more() {
    let setup =
        Setup::of("").fault("alive", Fault::Refused(409, "deploy_taken_over", "Taken over"));
    setup.teal.gate.set(None);
    let ended = setup.deploy().await;
    assert_eq!((ended.verdict, ended.result), (Verdict::Unknown, None));
    assert!(ended.message.contains("deploy 5 is no longer this command's"), "{ended:?}");
    assert_untouched(&setup);
    assert!(setup.result().is_none() && setup.runs("web.green"));

    let setup =
        Setup::of("").fault("step switch", Fault::Refused(409, "deploy_ended", "It has ended"));
    assert_eq!(setup.deploy().await.verdict, Verdict::Unknown);
    assert!(!setup.has("switch green"));
    assert_untouched(&setup);
}

#[tokio::test]
async fn another_change_during_the_drain_ends_the_deploy_and_stops_nothing() {
    let setup = Setup::of("keep = \"no\"");
    let setup = setup.late_faults("step drain", vec![("status".to_owned(), Fault::Overtaken)]);
    let ended = setup.deploy().await;
    assert_eq!((ended.verdict, ended.result), (Verdict::Unknown, Some(DeployResult::Unknown)));
    assert!(ended.message.contains("another change took over: web is on blue"), "{ended:?}");
    assert_untouched(&setup);
    assert!(setup.runs("web.green"));
}
