//! A deploy that fails before its switch changes nothing, and the new environment is stopped.

use std::time::Duration;

use contract::wire::{Color, DeployResult};
use deploy::Verdict;
use runner::{FailureKind, State};

use crate::script::{Fault, Setup};

const FAILED: FailureKind = FailureKind::Failed { state: State::Failed, exit: None };

/// Asserts that nothing has changed, and that nothing of the new environment runs.
fn assert_put_back(setup: &Setup) {
    assert_eq!(setup.active(), Color::Blue);
    assert!(!setup.has("switch green") && setup.runs("web.blue"), "{:?}", setup.asked());
    assert!(!setup.runs("web.green"), "{:?}", setup.asked());
    assert_eq!(setup.result(), Some(DeployResult::Failed));
}

#[tokio::test]
async fn a_start_that_fails_is_stopped_and_told_with_its_lines() {
    let setup = Setup::of("").failing("start", FAILED);
    let ended = setup.deploy().await;
    assert_eq!((ended.verdict, ended.result), (Verdict::Refused, Some(DeployResult::Failed)));
    assert!(ended.message.contains("start does not work\nits last lines:\n  a line"), "{ended:?}");
    assert!(ended.message.contains("Nothing has changed: blue stays active"), "{ended:?}");
    assert!(setup.has("stop web.green v42"));
    assert_put_back(&setup);
}

#[tokio::test]
async fn a_start_that_has_started_nothing_stops_nothing() {
    let setup = Setup::of("").failing("start", FailureKind::NotStarted);
    let ended = setup.deploy().await;
    assert_eq!(ended.verdict, Verdict::Refused);
    assert!(!setup.has("stop web.green v42"), "{:?}", setup.asked());
    assert_put_back(&setup);
}

#[tokio::test]
async fn a_color_that_never_becomes_healthy_is_told_with_the_last_probe_and_the_last_lines() {
    let setup = Setup::of("")
        .fault("gate green", Fault::Refused(412, "unhealthy", "Target green is not healthy"));
    let ended = setup.deploy().await;
    assert_eq!(ended.verdict, Verdict::Refused);
    for words in [
        "Target green is not healthy",
        "runner: web (green) is running",
        "last lines of web (green):\n  no database",
        "the new environment was stopped",
    ] {
        assert!(ended.message.contains(words), "{words}: {ended:?}");
    }
    assert_put_back(&setup);
}

#[tokio::test]
async fn a_crash_loop_ends_the_gate_before_its_time() {
    let setup = Setup::of("");
    setup.teal.gate.set(None);
    setup.program.lock().restarts = 2;
    let ended = setup.deploy().await;
    assert_eq!(ended.verdict, Verdict::Refused);
    let words = "is in a crash loop: it ended with exit code 1 and was started again, 2 times";
    assert!(ended.message.contains(words), "{ended:?}");
    assert_put_back(&setup);
}

#[tokio::test]
async fn a_command_before_the_start_that_fails_starts_nothing() {
    let setup = Setup::of("before = [[\"true\"], [\"sh\", \"-c\", \"echo no table >&2; exit 4\"]]");
    let ended = setup.deploy().await;
    assert_eq!(ended.verdict, Verdict::Refused);
    let words = "web: sh ended with exit code 4\nits last lines:\n  no table";
    assert!(ended.message.contains(words), "{ended:?}");
    assert!(!setup.asked().iter().any(|asked| asked.starts_with("start")));
    assert_put_back(&setup);
}

#[tokio::test]
async fn a_smoke_check_that_fails_ends_the_deploy() {
    for (smoke, words) in [
        (
            "{ path = \"/login\", within = \"2s\" }",
            "smoke check /login of http://127.0.0.1:2 failed",
        ),
        ("{ exec = [\"false\"] }", "false ended with exit code 1"),
    ] {
        let setup = Setup::of(&format!("smoke = [{smoke}]"));
        let ended = setup.deploy().await;
        assert_eq!(ended.verdict, Verdict::Refused);
        assert!(ended.message.contains(words), "{ended:?}");
        assert!(ended.message.contains("last lines of web (green)"), "{ended:?}");
        assert!(setup.has("gate green") && setup.has("step smoke"));
        assert_put_back(&setup);
    }
}

#[tokio::test]
async fn a_switch_that_is_refused_puts_everything_back() {
    let setup = Setup::of("")
        .fault("switch green", Fault::Refused(412, "generation_mismatch", "It is at generation 9"));
    let ended = setup.deploy().await;
    assert_eq!(ended.verdict, Verdict::Refused);
    assert!(ended.message.contains("It is at generation 9"), "{ended:?}");
    assert_eq!((setup.active(), setup.result()), (Color::Blue, Some(DeployResult::Failed)));
    assert!(!setup.runs("web.green"));
}

#[tokio::test]
async fn what_is_left_in_the_color_is_stopped_first_if_it_is_drained() {
    let setup = Setup::of("");
    setup.program.lock().running.push("web.green".to_owned());
    let ended = setup.deploy().await;
    assert_eq!(ended.verdict, Verdict::Done, "{ended:?}");
    let asked = setup.asked();
    let place = |call: &str| asked.iter().position(|asked| asked == call);
    assert!(place("stop web.green v40") < place("start web.green v42"), "{asked:?}");
}

// L4
#[tokio::test]
async fn what_is_left_in_a_color_that_is_not_drained_is_never_stopped() {
    let setup = Setup::of("");
    setup.program.lock().running.push("web.green".to_owned());
    if let Some(service) = setup.teal.services.borrow_mut().get_mut("web") {
        service.undrained = Some(Color::Green);
    }
    let ended = setup.deploy().await;
    assert_eq!((ended.verdict, ended.result), (Verdict::Unknown, Some(DeployResult::Unknown)));
    assert!(ended.message.contains("since it is not drained"), "{ended:?}");
    assert!(setup.runs("web.green") && !setup.asked().iter().any(|asked| asked.contains("stop")));
}

#[tokio::test]
async fn a_deploy_that_is_refused_begins_nothing() {
    for (fault, verdict) in [
        (Fault::Refused(409, "deploy_in_progress", "Deploy 4 is in progress"), Verdict::Refused),
        (Fault::Refused(409, "rolled_back", "It was rolled back"), Verdict::Refused),
        (Fault::Refused(404, "unknown_service", "No such service"), Verdict::Usage),
        (Fault::Refused(403, "forbidden", "Not allowed"), Verdict::Failed),
        (Fault::Unreachable, Verdict::Unreachable),
    ] {
        let setup = Setup::of("").fault("begin", fault.clone());
        let ended = setup.deploy().await;
        assert_eq!((ended.verdict, ended.id), (verdict, None), "{fault:?}");
        assert_eq!(setup.asked(), ["begin"], "{fault:?}");
    }
}

#[tokio::test]
async fn a_deploy_in_a_freeze_window_is_refused_but_for_an_emergency() {
    let always = "freeze = [\"Mon 00:00 - Thu 00:00 UTC\", \"Thu 00:00 - Mon 00:00 UTC\"]";
    let setup = Setup::of(always);
    let ended = setup.deploy().await;
    assert_eq!(ended.verdict, Verdict::Refused);
    assert!(ended.message.contains("deploys of web are frozen now ("), "{ended:?}");
    assert_eq!(setup.asked(), [""; 0]);
    let mut request = Setup::request();
    request.emergency = true;
    assert_eq!(setup.deploy_as(&request).await.verdict, Verdict::Done);
}

#[tokio::test]
async fn a_dry_run_asks_for_nothing() {
    let setup = Setup::of("before = [[\"./migrate\", \"up\"]]\nsmoke = [{ path = \"/login\" }]");
    let request = Setup::request();
    let ended = setup.with(async |context| deploy::dry_run(context, &request).await).await;
    assert_eq!((ended.verdict, ended.id), (Verdict::Done, None));
    assert_eq!(setup.asked(), [""; 0]);
    let printed = setup.printed.borrow().join("\n");
    for words in [
        "deploy web: v41 (blue, active) -> v42 (green)",
        "plan: before, start, gate, smoke, switch, drain, keep",
        "before   ./migrate up",
        "start    web green: systemd unit a@{color}, port 2",
        "smoke    GET /login",
        "Dry run: nothing was changed.",
    ] {
        assert!(printed.contains(words), "{words} in {printed}");
    }
}

#[tokio::test]
async fn a_teal_with_other_targets_is_not_deployed_to() {
    let mut setup = Setup::of("");
    setup.config.services[0].colors[1].targets =
        vec![rules::TargetUrl::parse("http://127.0.0.1:99").expect("a target")];
    let ended = setup.deploy().await;
    assert_eq!(ended.verdict, Verdict::Usage);
    assert!(
        ended.message.contains("has no target http://127.0.0.1:99 in green of web"),
        "{ended:?}"
    );
    assert_eq!(setup.asked(), [""; 0]);
}

// L10
#[tokio::test]
async fn a_teal_that_is_restarted_during_the_gate_is_asked_again() {
    let setup = Setup::of("")
        .fault("gate green", Fault::LostAnswer)
        .fault("gate green", Fault::Unreachable)
        .fault("step smoke", Fault::Unreachable);
    setup.teal.gate.set(Some(Duration::from_millis(50)));
    let ended = setup.deploy().await;
    assert_eq!(ended.verdict, Verdict::Done, "{ended:?}");
    assert_eq!(setup.asked().iter().filter(|asked| *asked == "gate green").count(), 3);
}
