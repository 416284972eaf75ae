//! A deploy of a service whose targets are left to the runner: Teal is told where each environment is, and when it is
//! gone.

use std::time::Duration;

use contract::wire::{Color, DeployResult, DeployStep};
use deploy::Verdict;
use runner::FailureKind;

use crate::script::{Fault, Setup};

const TOLD: &str = "targets web.green http://127.0.0.1:4002";
const FORGOTTEN: &str = "targets web.green";

fn told(setup: &Setup, color: Color) -> Vec<String> {
    let told = setup.teal.told.borrow();
    told.as_ref().expect("they are told")["web"][usize::from(color == Color::Green)].clone()
}

fn assert_order(setup: &Setup, calls: &[&str]) {
    let asked = setup.asked();
    let mut rest = asked.iter();
    for call in calls {
        assert!(rest.any(|asked| asked == call), "{call} in its place: {asked:?}");
    }
}

#[tokio::test]
async fn the_target_is_told_after_the_start_and_before_the_gate() {
    // L9
    let setup = Setup::told("");
    let ended = setup.deploy().await;
    assert_eq!(ended.verdict, Verdict::Done, "{ended:?}");
    assert_order(&setup, &["step start", "start web.green v42", TOLD, "step gate", "switch green"]);
    assert_eq!(told(&setup, Color::Green), ["http://127.0.0.1:4002"]);
    assert_eq!(told(&setup, Color::Blue), ["http://127.0.0.1:4001"], "it stays warm");
    let printed = setup.printed.borrow().join("\n");
    assert!(printed.contains("web (green) is up at http://127.0.0.1:4002"), "{printed}");
}

#[tokio::test]
async fn a_smoke_check_asks_the_target_that_was_told() {
    let setup = Setup::told("smoke = [{ path = \"/login\", within = \"2s\" }]");
    let ended = setup.deploy().await;
    assert_eq!(ended.verdict, Verdict::Refused);
    let words = "smoke check /login of http://127.0.0.1:4002 failed";
    assert!(ended.message.contains(words), "{ended:?}");
    assert_order(&setup, &["step smoke", "stop web.green v42", FORGOTTEN, "result failed"]);
    assert_eq!(told(&setup, Color::Green), [""; 0]);
}

#[tokio::test]
async fn an_environment_that_is_stopped_is_forgotten() {
    for fault in ["gate green", "switch green"] {
        let refused = Fault::Refused(412, "unhealthy", "Target green is not healthy");
        let setup = Setup::told("").fault(fault, refused);
        assert_eq!(setup.deploy().await.verdict, Verdict::Refused);
        assert_order(&setup, &[TOLD, "stop web.green v42", FORGOTTEN, "result failed"]);
    }
    let setup = Setup::told("keep = \"no\"");
    assert_eq!(setup.deploy().await.verdict, Verdict::Done);
    assert_order(&setup, &["step keep", "stop web.blue v41", "targets web.blue"]);
    assert_eq!(told(&setup, Color::Blue), [""; 0], "another program may get its port");
}

#[tokio::test]
async fn a_start_that_fails_tells_nothing() {
    let setup = Setup::told("").failing("start", FailureKind::NotStarted);
    assert_eq!(setup.deploy().await.verdict, Verdict::Refused);
    assert!(!setup.asked().iter().any(|asked| asked.starts_with("targets")), "{:?}", setup.asked());
}

#[tokio::test]
async fn a_teal_that_does_not_take_the_target_gets_no_deploy() {
    let configured = Fault::Refused(409, "targets_configured", "The configuration names them");
    let setup = Setup::told("").fault(TOLD, configured);
    let ended = setup.deploy().await;
    assert_eq!((ended.verdict, setup.result()), (Verdict::Refused, Some(DeployResult::Failed)));
    for words in ["Teal was not told the targets of green of web", "Nothing has changed"] {
        assert!(ended.message.contains(words), "{ended:?}");
    }
    assert!(!setup.runs("web.green"), "it was stopped");
}

// L10
#[tokio::test]
async fn a_teal_that_is_busy_or_restarted_is_told_again() {
    let busy = Fault::Refused(409, "switch_in_progress", "Another change is being decided");
    let setup = Setup::told("")
        .fault(TOLD, busy)
        .fault(TOLD, Fault::LostAnswer)
        .fault(TOLD, Fault::Unreachable);
    let ended = setup.deploy().await;
    assert_eq!(ended.verdict, Verdict::Done, "{ended:?}");
    assert_eq!(setup.asked().iter().filter(|asked| *asked == TOLD).count(), 4);
}

#[tokio::test]
async fn a_deploy_that_was_left_after_its_start_goes_on_with_the_target_that_was_told() {
    let setup = Setup::told("").left_at(DeployStep::Gate);
    let mine = vec!["http://127.0.0.1:4002".to_owned()];
    setup.teal.told.borrow_mut().as_mut().expect("they are told").get_mut("web").expect("web")[1] =
        mine;
    setup.teal.gate.set(Some(Duration::ZERO));
    assert_eq!(setup.resume().await.verdict, Verdict::Done);
    assert!(!setup.has("start web.green v42") && !setup.has(TOLD), "{:?}", setup.asked());
    let setup = Setup::told("").left_at(DeployStep::Start);
    assert_eq!(setup.resume().await.verdict, Verdict::Done);
    assert_order(&setup, &["stop web.green v40", "start web.green v42", TOLD, "switch green"]);
}

#[tokio::test]
async fn an_abandoned_deploy_leaves_no_target_behind() {
    let setup = Setup::told("").left_at(DeployStep::Gate);
    let mine = vec!["http://127.0.0.1:4002".to_owned()];
    setup.teal.told.borrow_mut().as_mut().expect("they are told").get_mut("web").expect("web")[1] =
        mine;
    assert_eq!(setup.abandon().await.verdict, Verdict::Done);
    assert_order(&setup, &["stop web.green v42", FORGOTTEN, "result abandoned"]);
    assert_eq!(told(&setup, Color::Green), [""; 0]);
}

#[tokio::test]
async fn a_dry_run_says_that_the_port_is_chosen_at_the_start() {
    let setup = Setup::told("");
    let request = Setup::request();
    let ended = setup.with(async |context| deploy::dry_run(context, &request).await).await;
    assert_eq!(ended.verdict, Verdict::Done);
    let printed = setup.printed.borrow().join("\n");
    assert!(printed.contains("systemd unit a@{color}, port chosen at start"), "{printed}");
}

#[tokio::test]
async fn a_teal_that_names_the_targets_itself_is_not_deployed_to() {
    let setup = Setup::told("");
    *setup.teal.told.borrow_mut() = None;
    let ended = setup.deploy().await;
    assert_eq!(ended.verdict, Verdict::Usage);
    assert!(ended.message.contains("the running Teal has its own targets for web"), "{ended:?}");
    assert_eq!(setup.asked(), [""; 0]);
}
