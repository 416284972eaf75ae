//! A rollback to a version that was stopped: it is started again, as a deploy of its own.

use contract::wire::{Color, DeployResult};
use deploy::{Request, Verdict};

use crate::script::{Fault, Setup};

fn back() -> Request {
    Request { version: None, rollback: true, ..Setup::request() }
}

/// A setup in which green is active, and blue was retired and stopped.
fn stopped() -> Setup {
    let setup =
        Setup::of("freeze = [\"Mon 00:00 - Thu 00:00 UTC\", \"Thu 00:00 - Mon 00:00 UTC\"]");
    setup.teal.moved("web", Color::Green);
    setup.program.lock().running = vec!["web.green".to_owned()];
    if let Some(service) = setup.teal.services.borrow_mut().get_mut("web") {
        service.retired.push(Color::Blue);
    }
    setup
}

#[tokio::test]
async fn the_stopped_version_is_started_proven_and_rolled_back_to() {
    let setup = stopped();
    let ended = setup.deploy_as(&back()).await;
    assert_eq!((ended.verdict, ended.result), (Verdict::Done, Some(DeployResult::Succeeded)));
    assert_eq!(
        setup.asked(),
        [
            "begin",
            "step start",
            "start web.blue v41",
            "step gate",
            "gate blue",
            "step switch",
            "rollback blue",
            "step drain",
            "step keep",
            "result succeeded",
        ]
    );
    assert!(setup.active() == Color::Blue && setup.runs("web.green"));
    let printed = setup.printed.borrow();
    assert!(
        printed[0].starts_with("roll back web: v40 (green, active) -> v41 (blue)"),
        "{printed:#?}"
    );
}

#[tokio::test]
async fn a_version_that_does_not_come_back_changes_nothing() {
    let setup = stopped()
        .fault("gate blue", Fault::Refused(412, "unhealthy", "Target blue is not healthy"));
    let ended = setup.deploy_as(&back()).await;
    assert_eq!((ended.verdict, ended.result), (Verdict::Refused, Some(DeployResult::Failed)));
    assert!(ended.message.contains("Nothing has changed: green stays active"), "{ended:?}");
    assert!(setup.active() == Color::Green && !setup.runs("web.blue"));
}

#[tokio::test]
async fn a_version_that_is_not_known_is_asked_for() {
    let setup = stopped();
    if let Some(service) = setup.teal.services.borrow_mut().get_mut("web") {
        service.unknown = true;
    }
    let ended = setup.deploy_as(&back()).await;
    assert_eq!((ended.verdict, ended.id), (Verdict::Refused, None));
    assert!(
        ended.message.contains("deploy it: teal deploy web --supersede --version"),
        "{ended:?}"
    );
    assert_eq!(setup.asked(), [""; 0]);
}
