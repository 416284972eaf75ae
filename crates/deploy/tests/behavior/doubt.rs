//! In doubt nothing is stopped and nothing is switched.

use contract::wire::{Color, DeployResult};
use deploy::Verdict;
use runner::FailureKind;

use crate::script::{Fault, Stage};

fn assert_untouched(stage: &Stage) {
    assert!(!stage.asked().iter().any(|asked| asked.starts_with("stop")), "{:?}", stage.asked());
    assert!(stage.runs("web.blue"));
}

#[tokio::test]
async fn a_runner_that_does_not_answer_stops_nothing() {
    for call in ["start", "status"] {
        let stage = Stage::of("").failing(call, FailureKind::InDoubt);
        let ended = stage.deploy().await;
        assert_eq!((ended.verdict, ended.result), (Verdict::Unknown, Some(DeployResult::Unknown)));
        assert!(ended.message.contains("it is not known what runs"), "{ended:?}");
        assert_untouched(&stage);
    }
}

#[tokio::test]
async fn a_stop_that_is_not_answered_is_not_a_put_back_environment() {
    let stage = Stage::of("smoke = [{ exec = [\"false\"] }]").failing("stop", FailureKind::InDoubt);
    let ended = stage.deploy().await;
    assert_eq!((ended.verdict, ended.result), (Verdict::Unknown, Some(DeployResult::Unknown)));
    assert!(ended.message.contains("The new environment was not stopped: stop does not work"));
    assert!(stage.active() == Color::Blue && stage.runs("web.green"));
}

#[tokio::test]
async fn a_teal_that_cannot_be_asked_after_the_switch_was_sent_leaves_doubt() {
    let silent = vec![("status".to_owned(), Fault::Unreachable); 1000];
    let stage = Stage::of("").fault("switch green", Fault::LostAnswer);
    let stage = stage.late_faults("step switch", silent);
    let ended = stage.deploy().await;
    assert_eq!((ended.verdict, ended.result), (Verdict::Unknown, Some(DeployResult::Unknown)));
    assert!(ended.message.contains("It is not known whether traffic was switched"), "{ended:?}");
    assert_untouched(&stage);
    assert!(stage.runs("web.green"));
}

#[tokio::test]
async fn a_command_line_that_was_replaced_changes_nothing_more() {
    let stage =
        Stage::of("").fault("alive", Fault::Refused(409, "deploy_taken_over", "Taken over"));
    stage.teal.gate.set(None);
    let ended = stage.deploy().await;
    assert_eq!((ended.verdict, ended.result), (Verdict::Unknown, None));
    assert!(ended.message.contains("deploy 5 is no longer this command's"), "{ended:?}");
    assert_untouched(&stage);
    assert!(stage.result().is_none() && stage.runs("web.green"));

    let stage =
        Stage::of("").fault("step switch", Fault::Refused(409, "deploy_ended", "It has ended"));
    assert_eq!(stage.deploy().await.verdict, Verdict::Unknown);
    assert!(!stage.has("switch green"));
    assert_untouched(&stage);
}

#[tokio::test]
async fn another_change_during_the_drain_ends_the_deploy_and_stops_nothing() {
    let stage = Stage::of("keep = \"no\"");
    let stage = stage.late_faults("step drain", vec![("status".to_owned(), Fault::Overtaken)]);
    let ended = stage.deploy().await;
    assert_eq!((ended.verdict, ended.result), (Verdict::Unknown, Some(DeployResult::Unknown)));
    assert!(ended.message.contains("another change took over: web is on blue"), "{ended:?}");
    assert_untouched(&stage);
    assert!(stage.runs("web.green"));
}
