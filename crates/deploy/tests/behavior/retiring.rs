//! An environment is stopped only once Teal has retired its color, so that no traffic can come back meanwhile.

use contract::wire::{Color, DeployResult, DeployStep};
use deploy::Verdict;

use crate::script::{Fault, Setup};

/// Asserts that something was stopped, and that a retirement of its color is the last word of Teal before that.
fn assert_retired_first(setup: &Setup) {
    let asked = setup.asked();
    let mut stopped = 0;
    for (index, call) in asked.iter().enumerate() {
        let Some(of) = call.strip_prefix("stop ").and_then(|rest| rest.split(' ').next()) else {
            continue;
        };
        let before = index.checked_sub(1).map(|before| &*asked[before]);
        assert_eq!(before, Some(&*format!("retire {of}")), "{asked:?}");
        stopped += 1;
    }
    assert!(stopped > 0, "{asked:?}");
}

// L4
#[tokio::test]
async fn every_environment_is_retired_just_before_it_is_stopped() {
    let kept = Setup::of("keep = \"no\"");
    assert_eq!(kept.deploy().await.verdict, Verdict::Done);
    assert_retired_first(&kept);
    let replaced = Setup::of("");
    replaced.program.lock().running.push("web.green".to_owned());
    assert_eq!(replaced.deploy().await.verdict, Verdict::Done, "green is ready for its gate");
    assert_retired_first(&replaced);
    let failed = Setup::of("smoke = [{ exec = [\"false\"] }]");
    assert_eq!(failed.deploy().await.verdict, Verdict::Refused);
    assert_retired_first(&failed);
    let outside = "outside = [{ url = \"http://127.0.0.1:9/\", within = \"600ms\" }]";
    let reverted = Setup::of(outside);
    assert_eq!(reverted.deploy().await.verdict, Verdict::Reverted);
    assert_retired_first(&reverted);
    let abandoned = Setup::of("").left_at(DeployStep::Gate);
    assert_eq!(abandoned.abandon().await.verdict, Verdict::Done);
    assert_retired_first(&abandoned);
}

#[tokio::test]
async fn a_color_that_was_retired_is_deployed_to_and_kept_and_stopped_again() {
    let setup = Setup::of("keep = \"no\"");
    assert_eq!(setup.deploy().await.verdict, Verdict::Done);
    assert!(setup.active() == Color::Green && !setup.runs("web.blue"));
    assert_eq!(setup.deploy().await.verdict, Verdict::Done);
    assert!(setup.active() == Color::Blue && setup.runs("web.blue") && !setup.runs("web.green"));
    assert_retired_first(&setup);
}

// L4
#[tokio::test]
async fn traffic_that_comes_back_after_the_look_keeps_the_environment_up() {
    let setup = Setup::of("keep = \"no\"").fault("retire web.blue", Fault::Overtaken);
    let ended = setup.deploy().await;
    assert!(ended.message.contains("blue could not be retired: The color is active"), "{ended:?}");
    assert!(setup.active() == Color::Blue && setup.runs("web.blue") && setup.runs("web.green"));
}

#[tokio::test]
async fn a_color_that_is_in_use_again_is_waited_for() {
    let setup = Setup::of("keep = \"no\"")
        .fault("retire web.blue", Fault::Refused(409, "color_draining", "blue is not drained"))
        .fault("retire web.blue", Fault::Unreachable)
        .fault("retire web.blue", Fault::LostAnswer);
    assert_eq!(setup.deploy().await.verdict, Verdict::Done);
    assert!(!setup.runs("web.blue"));
    assert_eq!(setup.asked().iter().filter(|asked| *asked == "retire web.blue").count(), 4);
    assert_retired_first(&setup);
}

#[tokio::test]
async fn a_color_that_cannot_be_retired_is_not_stopped() {
    let refused = Fault::Refused(503, "journal_unavailable", "The disk is full");
    let setup = Setup::of("smoke = [{ exec = [\"false\"] }]");
    for _ in 0..1000 {
        setup.teal.faults.borrow_mut().push(("retire web.green".to_owned(), refused.clone()));
    }
    let ended = setup.deploy().await;
    assert_eq!((ended.verdict, ended.result), (Verdict::Unknown, Some(DeployResult::Unknown)));
    assert!(ended.message.contains("green could not be retired: The disk is full"), "{ended:?}");
    assert!(setup.runs("web.green") && !setup.asked().iter().any(|call| call.starts_with("stop")));
}
