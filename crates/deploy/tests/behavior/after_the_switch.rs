//! The steps after a switch: success, a failed check from outside, and failures without harm.

use contract::wire::{Color, DeployResult};
use deploy::Verdict;
use runner::FailureKind;

use crate::script::{Fault, Setup};

/// A check from outside that cannot pass: nothing listens on port 9.
const OUTSIDE: &str = "outside = [{ url = \"http://127.0.0.1:9/\", within = \"600ms\" }]";

#[tokio::test]
async fn a_good_deploy_takes_its_steps_in_order_and_keeps_the_old_environment() {
    let setup =
        Setup::of("before = [[\"true\"]]\nafter = [[\"true\"]]\nsmoke = [{ exec = [\"true\"] }]");
    let ended = setup.deploy().await;
    assert_eq!((ended.verdict, ended.result), (Verdict::Done, Some(DeployResult::Succeeded)));
    assert_eq!(
        setup.asked(),
        [
            "begin",
            "step before",
            "step start",
            "start web.green v42",
            "step gate",
            "gate green",
            "step smoke",
            "step switch",
            "switch green",
            "step drain",
            "step after",
            "step keep",
            "result succeeded",
        ]
    );
    assert!(setup.active() == Color::Green && setup.runs("web.blue") && setup.runs("web.green"));
    let printed = setup.printed.borrow();
    let begins = [
        "deploy web: v41 (blue, active) -> v42 (green)",
        "plan: before, start, gate, smoke, switch, drain, after, keep",
        " 1 lock     deploy 5 by ci@host",
        " 2 before   true",
        " 3 start    web (green) is up",
        " 4 gate     healthy: ",
        " 5 smoke    true ok",
        " 6 switch   generation 8, green is active",
        " 7 drain    blue is drained, 0 cut",
        " 8 after    true",
        " 9 keep     blue of web stays up until the next deploy; undo: teal rollback --service web",
        "succeeded (",
    ];
    for (line, begin) in printed.iter().zip(begins) {
        assert!(line.starts_with(begin), "{begin} in {printed:#?}");
    }
    assert_eq!(printed.len(), begins.len(), "{printed:#?}");
}

#[tokio::test]
async fn the_old_environment_is_stopped_if_it_is_not_kept() {
    let setup = Setup::of("keep = \"no\"");
    assert_eq!(setup.deploy().await.verdict, Verdict::Done);
    assert!(!setup.runs("web.blue") && setup.runs("web.green"));

    let setup = Setup::of("keep = \"no\"").failing("stop", FailureKind::InDoubt);
    let ended = setup.deploy().await;
    assert_eq!((ended.verdict, ended.result), (Verdict::Failed, Some(DeployResult::Succeeded)));
    assert!(
        ended.message.contains("blue of web could not be stopped: stop does not work"),
        "{ended:?}"
    );
}

#[tokio::test]
async fn a_check_from_outside_that_fails_switches_back_and_stops_the_new_environment() {
    let setup = Setup::of(OUTSIDE);
    let ended = setup.deploy().await;
    assert_eq!((ended.verdict, ended.result), (Verdict::Reverted, Some(DeployResult::Reverted)));
    assert!(ended.message.contains("check from outside http://127.0.0.1:9/ failed"), "{ended:?}");
    assert!(ended.message.contains("Switched back: blue is active at generation 9"), "{ended:?}");
    assert!(setup.active() == Color::Blue && setup.runs("web.blue") && !setup.runs("web.green"));
    let asked = setup.asked();
    let place = |call: &str| asked.iter().position(|asked| asked == call);
    assert!(place("switch blue") < place("stop web.green v42"), "{asked:?}");
}

#[tokio::test]
async fn a_version_that_teal_takes_back_is_a_reverted_deploy_in_whatever_step() {
    for (settings, step) in
        [("", "step drain"), ("after = [[\"true\"]]", "step after"), ("", "step keep")]
    {
        let late = vec![("status".to_owned(), Fault::TakenBack)];
        let setup = Setup::of(settings).late_faults(step, late);
        let ended = setup.deploy().await;
        let reverted = (Verdict::Reverted, Some(DeployResult::Reverted));
        assert_eq!((ended.verdict, ended.result), reverted, "{step}: {ended:?}");
        let says = "Teal took v42 back: web: 20 of 40 requests failed";
        assert!(ended.message.contains(says), "{ended:?}");
        let rest = "blue is active again at generation 9; the new environment was stopped.";
        assert!(ended.message.ends_with(rest), "{ended:?}");
        assert!(setup.active() == Color::Blue && setup.runs("web.blue"));
        assert!(!setup.runs("web.green") && !setup.has("switch blue"));
    }
}

#[tokio::test]
async fn a_deploy_that_is_watched_says_so() {
    let setup = Setup::of("");
    setup.teal.watched.set(true);
    assert_eq!(setup.deploy().await.verdict, Verdict::Done);
    let printed = setup.printed.borrow().join("\n");
    let says = "v42 is watched for 9m59s more: if it fails, Teal switches back to blue by itself; see: teal rollout \
                status 3";
    assert!(printed.contains(says), "{printed}");
}

#[tokio::test]
async fn a_switch_back_that_is_refused_leaves_both_running() {
    let setup = Setup::of(OUTSIDE)
        .fault("switch blue", Fault::Refused(412, "unhealthy", "Target blue is not healthy"));
    let ended = setup.deploy().await;
    assert_eq!((ended.verdict, ended.result), (Verdict::Unknown, Some(DeployResult::Unknown)));
    assert!(ended.message.contains("was not switched back to blue: Target blue is not healthy"));
    assert!(setup.active() == Color::Green && setup.runs("web.blue") && setup.runs("web.green"));
}

#[tokio::test]
async fn a_new_environment_that_is_not_drained_is_left_running_after_the_switch_back() {
    let setup = Setup::of(&format!("{OUTSIDE}\nstop_timeout = \"1s\""));
    setup.program.lock().failures.insert("stop", FailureKind::InDoubt);
    let ended = setup.deploy().await;
    assert_eq!((ended.verdict, ended.result), (Verdict::Reverted, Some(DeployResult::Reverted)));
    assert!(ended.message.contains("was left running: stop does not work"), "{ended:?}");
    assert!(setup.active() == Color::Blue && setup.runs("web.green"));
}

#[tokio::test]
async fn a_command_after_the_switch_that_fails_is_told_and_changes_nothing() {
    let setup = Setup::of("after = [[\"false\"]]");
    let ended = setup.deploy().await;
    assert_eq!((ended.verdict, ended.result), (Verdict::Failed, Some(DeployResult::Succeeded)));
    assert!(ended.message.contains("web: false ended with exit code 1"), "{ended:?}");
    assert!(ended.message.contains("v42 is active in green"), "{ended:?}");
    assert!(setup.active() == Color::Green && setup.has("step keep"));
}

#[tokio::test]
async fn requests_that_the_drain_deadline_cuts_are_told() {
    let setup = Setup::of("");
    setup.teal.cut.set(3);
    let ended = setup.deploy().await;
    assert_eq!((ended.verdict, ended.result), (Verdict::Cut, Some(DeployResult::Succeeded)));
    assert!(ended.message.contains("the drain deadline cut 3"), "{ended:?}");
}

#[tokio::test]
async fn a_switch_whose_answer_is_lost_is_found_in_the_status() {
    let setup = Setup::of("").fault("switch green", Fault::LostAnswer);
    let ended = setup.deploy().await;
    assert_eq!((ended.verdict, ended.result), (Verdict::Done, Some(DeployResult::Succeeded)));
    assert_eq!(setup.asked().iter().filter(|asked| *asked == "switch green").count(), 1);

    let setup = Setup::of("").fault("switch green", Fault::LostCall);
    assert_eq!(setup.deploy().await.verdict, Verdict::Done);
    assert_eq!(setup.asked().iter().filter(|asked| *asked == "switch green").count(), 2);
}

#[tokio::test]
async fn a_result_whose_answer_is_lost_counts_once() {
    let setup = Setup::of("").fault("result succeeded", Fault::LostAnswer);
    let ended = setup.deploy().await;
    assert_eq!((ended.verdict, ended.result), (Verdict::Done, Some(DeployResult::Succeeded)));
}

#[tokio::test]
async fn json_has_an_object_for_each_step_and_one_for_the_end() {
    let setup = Setup::of("after = [[\"false\"]]").with_json();
    let ended = setup.deploy().await;
    let printed = setup.printed.borrow();
    let objects: Vec<serde_json::Value> =
        printed.iter().map(|line| serde_json::from_str(line).expect(line)).collect();
    assert_eq!(objects[0]["plan"][0]["step"], "start");
    let steps: Vec<&str> = objects.iter().filter_map(|one| one["step"].as_str()).collect();
    assert_eq!(steps, ["lock", "start", "gate", "switch", "drain", "after", "keep"]);
    let end = objects.last().expect("there is an end");
    assert_eq!(
        (&end["deploy"], &end["result"], &end["exit"]),
        (&5.into(), &"succeeded".into(), &1.into())
    );
    assert_eq!(end["message"], ended.message);
}

#[tokio::test]
async fn a_failure_is_an_annotation_in_github_actions() {
    let setup = Setup::of("after = [[\"false\"]]").with_annotations();
    setup.deploy().await;
    let printed = setup.printed.borrow();
    let annotation = printed.last().expect("there is output");
    assert!(annotation.starts_with("::error title=teal deploy::web: false ended"), "{annotation}");
    assert!(!annotation.contains('\n') && annotation.contains("%0A"), "{annotation}");
}
