//! A deploy whose command line is gone, or that was paused: going on, and putting back.

use contract::wire::{Color, DeployResult, DeployStep};
use deploy::Verdict;

use crate::script::{Fault, Setup};

#[tokio::test]
async fn a_deploy_goes_on_from_every_step() {
    for step in DeployStep::ALL {
        let setup = Setup::of("keep = \"no\"\nsmoke = [{ exec = [\"true\"] }]").left_at(step);
        let ended = setup.resume().await;
        let words = format!("{step}: {ended:?} {:?}", setup.asked());
        assert_eq!(
            (ended.verdict, ended.result),
            (Verdict::Done, Some(DeployResult::Succeeded)),
            "{words}"
        );
        assert_eq!(setup.active(), Color::Green, "{words}");
        assert!(setup.runs("web.green") && !setup.runs("web.blue"), "{words}");
        let switches = setup.asked().iter().filter(|asked| *asked == "switch green").count();
        assert_eq!(switches, usize::from(step <= DeployStep::Switch), "{words}");
    }
}

#[tokio::test]
async fn a_deploy_is_put_back_from_every_step() {
    for step in DeployStep::ALL {
        let setup = Setup::of("").left_at(step);
        let ended = setup.abandon().await;
        let words = format!("{step}: {ended:?} {:?}", setup.asked());
        assert_eq!(
            (ended.verdict, ended.result),
            (Verdict::Done, Some(DeployResult::Abandoned)),
            "{words}"
        );
        assert_eq!(setup.active(), Color::Blue, "{words}");
        assert!(!setup.runs("web.green") && setup.runs("web.blue"), "{words}");
        assert_eq!(setup.has("switch blue"), step > DeployStep::Switch, "{words}");
    }
}

#[tokio::test]
async fn what_an_earlier_deploy_has_left_is_not_stopped_by_giving_up_before_the_start() {
    let setup = Setup::of("").left_at(DeployStep::Before);
    setup.program.lock().running.push("web.green".to_owned());
    assert_eq!(setup.abandon().await.verdict, Verdict::Done);
    assert!(setup.runs("web.green"));
}

#[tokio::test]
async fn a_deploy_can_pause_before_its_switch_and_go_on() {
    let setup = Setup::of("");
    let mut request = Setup::request();
    request.options.no_switch = true;
    let ended = setup.deploy_as(&request).await;
    assert_eq!((ended.verdict, ended.result), (Verdict::Done, None));
    assert!(setup.has("pause") && setup.active() == Color::Blue && setup.runs("web.green"));
    assert!(setup.printed.borrow().iter().any(|line| line.contains("teal deploy --resume 5")));
    let ended = setup.resume().await;
    assert_eq!((ended.verdict, ended.result), (Verdict::Done, Some(DeployResult::Succeeded)));
    assert_eq!(setup.asked().iter().filter(|asked| *asked == "gate green").count(), 1);
}

#[tokio::test]
async fn a_command_line_that_is_alive_is_not_replaced() {
    for resume in [true, false] {
        let setup = Setup::of("")
            .left_at(DeployStep::Gate)
            .fault("take", Fault::Refused(409, "client_alive", "Its command line is alive"));
        let ended = if resume { setup.resume().await } else { setup.abandon().await };
        assert_eq!((ended.verdict, ended.result), (Verdict::Refused, None));
        assert!(ended.message.contains("Its command line is alive"), "{ended:?}");
        assert_eq!(setup.asked(), ["take"]);
    }
}

#[tokio::test]
async fn a_deploy_that_has_ended_or_does_not_exist_is_not_resumed() {
    let setup = Setup::of("");
    assert_eq!(setup.resume().await.verdict, Verdict::Usage);
    let setup = Setup::of("").left_at(DeployStep::Gate);
    if let Some(record) = setup.teal.record.borrow_mut().as_mut() {
        record.result = Some(DeployResult::Failed);
    }
    let ended = setup.resume().await;
    assert_eq!(ended.verdict, Verdict::Refused);
    assert!(ended.message.contains("deploy 5 has ended: failed"), "{ended:?}");
}

#[tokio::test]
async fn a_deploy_that_was_switched_back_meanwhile_can_only_be_put_back() {
    let setup = Setup::of("").left_at(DeployStep::Drain);
    if let Some(service) = setup.teal.services.borrow_mut().get_mut("web") {
        service.active = Color::Blue;
        service.generation = 9;
    }
    let ended = setup.resume().await;
    assert_eq!((ended.verdict, ended.result), (Verdict::Refused, None));
    assert!(ended.message.contains("teal deploy --abandon 5"), "{ended:?}");
    let ended = setup.abandon().await;
    assert_eq!((ended.verdict, ended.result), (Verdict::Done, Some(DeployResult::Abandoned)));
    assert!(!setup.runs("web.green"));
}

#[tokio::test]
async fn a_deploy_whose_old_environment_is_gone_is_not_put_back() {
    let setup = Setup::of("")
        .left_at(DeployStep::Keep)
        .fault("gate blue", Fault::Refused(412, "unhealthy", "Target blue is not healthy"));
    let ended = setup.abandon().await;
    assert_eq!((ended.verdict, ended.result), (Verdict::Refused, None));
    assert!(ended.message.contains("cannot be put back"), "{ended:?}");
    assert!(setup.active() == Color::Green && setup.runs("web.green"));
}
