//! A deploy whose command line is gone, or that was paused: going on, and putting back.

use contract::wire::{Color, DeployResult, DeployStep};
use deploy::Verdict;

use crate::script::{Fault, Stage};

#[tokio::test]
async fn a_deploy_goes_on_from_every_step() {
    for step in DeployStep::ALL {
        let stage = Stage::of("keep = \"no\"\nsmoke = [{ exec = [\"true\"] }]").left_at(step);
        let ended = stage.resume().await;
        let words = format!("{step}: {ended:?} {:?}", stage.asked());
        assert_eq!(
            (ended.verdict, ended.result),
            (Verdict::Done, Some(DeployResult::Succeeded)),
            "{words}"
        );
        assert_eq!(stage.active(), Color::Green, "{words}");
        assert!(stage.runs("web.green") && !stage.runs("web.blue"), "{words}");
        let switches = stage.asked().iter().filter(|asked| *asked == "switch green").count();
        assert_eq!(switches, usize::from(step <= DeployStep::Switch), "{words}");
    }
}

#[tokio::test]
async fn a_deploy_is_put_back_from_every_step() {
    for step in DeployStep::ALL {
        let stage = Stage::of("").left_at(step);
        let ended = stage.abandon().await;
        let words = format!("{step}: {ended:?} {:?}", stage.asked());
        assert_eq!(
            (ended.verdict, ended.result),
            (Verdict::Done, Some(DeployResult::Abandoned)),
            "{words}"
        );
        assert_eq!(stage.active(), Color::Blue, "{words}");
        assert!(!stage.runs("web.green") && stage.runs("web.blue"), "{words}");
        assert_eq!(stage.has("switch blue"), step > DeployStep::Switch, "{words}");
    }
}

#[tokio::test]
async fn what_an_earlier_deploy_has_left_is_not_stopped_by_giving_up_before_the_start() {
    let stage = Stage::of("").left_at(DeployStep::Before);
    stage.program.lock().running.push("web.green".to_owned());
    assert_eq!(stage.abandon().await.verdict, Verdict::Done);
    assert!(stage.runs("web.green"));
}

#[tokio::test]
async fn a_deploy_can_pause_before_its_switch_and_go_on() {
    let stage = Stage::of("");
    let mut request = Stage::request();
    request.options.no_switch = true;
    let ended = stage.deploy_as(&request).await;
    assert_eq!((ended.verdict, ended.result), (Verdict::Done, None));
    assert!(stage.has("pause") && stage.active() == Color::Blue && stage.runs("web.green"));
    assert!(stage.printed.borrow().iter().any(|line| line.contains("teal deploy --resume 5")));
    let ended = stage.resume().await;
    assert_eq!((ended.verdict, ended.result), (Verdict::Done, Some(DeployResult::Succeeded)));
    assert_eq!(stage.asked().iter().filter(|asked| *asked == "gate green").count(), 1);
}

#[tokio::test]
async fn a_command_line_that_is_alive_is_not_replaced() {
    for resume in [true, false] {
        let stage = Stage::of("")
            .left_at(DeployStep::Gate)
            .fault("take", Fault::Refused(409, "client_alive", "Its command line is alive"));
        let ended = if resume { stage.resume().await } else { stage.abandon().await };
        assert_eq!((ended.verdict, ended.result), (Verdict::Refused, None));
        assert!(ended.message.contains("Its command line is alive"), "{ended:?}");
        assert_eq!(stage.asked(), ["take"]);
    }
}

#[tokio::test]
async fn a_deploy_that_has_ended_or_does_not_exist_is_not_resumed() {
    let stage = Stage::of("");
    assert_eq!(stage.resume().await.verdict, Verdict::Usage);
    let stage = Stage::of("").left_at(DeployStep::Gate);
    if let Some(record) = stage.teal.record.borrow_mut().as_mut() {
        record.result = Some(DeployResult::Failed);
    }
    let ended = stage.resume().await;
    assert_eq!(ended.verdict, Verdict::Refused);
    assert!(ended.message.contains("deploy 5 has ended: failed"), "{ended:?}");
}

#[tokio::test]
async fn a_deploy_that_was_switched_back_meanwhile_can_only_be_put_back() {
    let stage = Stage::of("").left_at(DeployStep::Drain);
    if let Some(service) = stage.teal.services.borrow_mut().get_mut("web") {
        service.active = Color::Blue;
        service.generation = 9;
    }
    let ended = stage.resume().await;
    assert_eq!((ended.verdict, ended.result), (Verdict::Refused, None));
    assert!(ended.message.contains("teal deploy --abandon 5"), "{ended:?}");
    let ended = stage.abandon().await;
    assert_eq!((ended.verdict, ended.result), (Verdict::Done, Some(DeployResult::Abandoned)));
    assert!(!stage.runs("web.green"));
}

#[tokio::test]
async fn a_deploy_whose_old_environment_is_gone_is_not_put_back() {
    let stage = Stage::of("")
        .left_at(DeployStep::Keep)
        .fault("gate blue", Fault::Refused(412, "unhealthy", "Target blue is not healthy"));
    let ended = stage.abandon().await;
    assert_eq!((ended.verdict, ended.result), (Verdict::Refused, None));
    assert!(ended.message.contains("cannot be put back"), "{ended:?}");
    assert!(stage.active() == Color::Green && stage.runs("web.green"));
}
