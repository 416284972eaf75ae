//! A sweep stops old environments whose time is over, and nothing else.

use contract::wire::{Color, DeployResult, DeployStep};
use deploy::{Ended, Verdict};
use runner::FailureKind;

use crate::script::{Fault, Setup};

async fn sweep(setup: &Setup, dry_run: bool) -> Ended {
    setup.with(async |context| deploy::sweep(context, Some("web"), dry_run).await).await
}

/// Asserts that a sweep has nothing to do, for a reason that it prints.
async fn assert_left(setup: &Setup, says: &str) {
    let ended = sweep(setup, false).await;
    assert_eq!(ended.verdict, Verdict::Done, "{ended:?}");
    let printed = setup.printed.borrow().join("\n");
    assert!(printed.starts_with(says), "{says} in {printed}");
    assert!(!setup.has("begin") && !setup.asked().iter().any(|call| call.starts_with("stop")));
}

#[tokio::test]
async fn a_deploy_records_how_long_the_old_environment_stays() {
    for (keep, seconds) in
        [("1h", Some(3600)), ("1500ms", Some(2)), ("until-next", None), ("no", None)]
    {
        let setup = Setup::of(&format!("keep = \"{keep}\""));
        assert_eq!(setup.deploy().await.verdict, Verdict::Done);
        let record = setup.teal.record.borrow().clone().expect("it was begun");
        assert_eq!(record.keep_seconds, seconds, "{keep}");
    }
}

// L4
#[tokio::test]
async fn an_environment_whose_time_is_over_is_retired_and_stopped_under_the_lock() {
    let setup = Setup::of("").kept(Some(0));
    let ended = sweep(&setup, false).await;
    assert_eq!((ended.verdict, setup.result()), (Verdict::Done, Some(DeployResult::Swept)));
    let expected = ["begin", "step keep", "retire web.blue", "stop web.blue v41", "result swept"];
    assert_eq!(setup.asked(), expected);
    assert!(setup.active() == Color::Green && !setup.runs("web.blue") && setup.runs("web.green"));
    let printed = setup.printed.borrow();
    assert_eq!(*printed, ["web blue: stopped (its time was over at 18:31, as deploy 4 says)"]);
}

#[tokio::test]
async fn a_dry_run_stops_nothing() {
    let setup = Setup::of("").kept(Some(0)).with_json();
    assert_eq!(sweep(&setup, true).await.verdict, Verdict::Done);
    assert_eq!(setup.asked(), [""; 0]);
    let printed = setup.printed.borrow();
    let object: serde_json::Value = serde_json::from_str(&printed[0]).expect("it is JSON");
    assert_eq!(
        (&object["outcome"], &object["color"]),
        (&"would_be_stopped".into(), &"blue".into())
    );
}

#[tokio::test]
async fn everything_else_is_left_alone() {
    assert_left(&Setup::of(""), "web green: nothing to do (no deploy has left").await;
    assert_left(&Setup::of("").kept(None), "web blue: kept (until the next deploy)").await;
    assert_left(&Setup::of("").kept(Some(9)), "web blue: kept until 18:31 (as deploy 4 says)")
        .await;

    let stopped = Setup::of("").kept(Some(0));
    stopped.program.lock().running.retain(|running| running != "web.blue");
    assert_left(&stopped, "web blue: nothing to do (nothing runs there)").await;

    let moved = Setup::of("").kept(Some(0));
    moved.teal.moved("web", Color::Blue);
    assert_left(&moved, "web green: kept (traffic has moved since deploy 4)").await;
    moved.teal.moved("web", Color::Green);
    moved.printed.borrow_mut().clear();
    assert_left(&moved, "web blue: kept (traffic has moved since deploy 4)").await;

    let used = Setup::of("").kept(Some(0));
    if let Some(service) = used.teal.services.borrow_mut().get_mut("web") {
        service.undrained = Some(Color::Blue);
    }
    assert_left(&used, "web blue: kept (in use").await;

    let busy = Setup::of("").kept(Some(0)).left_at(DeployStep::Lock);
    assert_left(&busy, "web blue: kept (deploy 5 is in progress)").await;
}

#[tokio::test]
async fn a_deploy_that_begins_meanwhile_wins() {
    let setup = Setup::of("")
        .kept(Some(0))
        .fault("begin", Fault::Refused(409, "deploy_in_progress", "Deploy 5 is in progress"));
    assert_eq!(sweep(&setup, false).await.verdict, Verdict::Done);
    assert_eq!(setup.asked(), ["begin"]);
    assert!(setup.runs("web.blue"));
}

#[tokio::test]
async fn a_sweep_that_was_interrupted_is_gone_on_with_by_the_next_and_never_switches() {
    for resume in [false, true] {
        let setup = Setup::of("").kept(Some(0)).left_at(DeployStep::Lock);
        if let Some(record) = setup.teal.record.borrow_mut().as_mut() {
            (record.sweep, record.color, record.step) = (true, Color::Blue, DeployStep::Keep);
        }
        let ended = if resume { setup.resume().await } else { sweep(&setup, false).await };
        assert_eq!((ended.verdict, setup.result()), (Verdict::Done, Some(DeployResult::Swept)));
        let expected =
            ["take", "step keep", "retire web.blue", "stop web.blue v41", "result swept"];
        assert_eq!(setup.asked(), expected);
        assert_eq!(setup.active(), Color::Green);
    }
}

#[tokio::test]
async fn a_runner_that_does_not_answer_is_told() {
    let setup = Setup::of("").kept(Some(0)).failing("stop", FailureKind::InDoubt);
    let ended = sweep(&setup, false).await;
    assert_eq!((ended.verdict, setup.result()), (Verdict::Unknown, Some(DeployResult::Unknown)));
    assert!(ended.message.contains("web: stop does not work"), "{ended:?}");
}
