//! Interrupts: before the switch everything is put back, later the deploy stays open.

use contract::wire::{Color, DeployResult};
use deploy::Verdict;

use crate::script::Setup;

#[tokio::test]
async fn an_interrupt_before_the_switch_puts_everything_back() {
    for call in ["step start", "gate green", "step smoke"] {
        let setup = Setup::of("smoke = [{ exec = [\"sleep\", \"60\"] }]").interrupted_at(call);
        let ended = setup.deploy().await;
        assert_eq!(
            (ended.verdict, ended.result),
            (Verdict::Interrupted, Some(DeployResult::Failed))
        );
        assert!(setup.active() == Color::Blue && !setup.runs("web.green"), "{:?}", setup.asked());
    }
}

#[tokio::test]
async fn a_second_interrupt_leaves_everything_as_it_is() {
    let setup = Setup::of("").interrupted_at("gate green").late_interrupt("gate green", "status");
    let ended = setup.deploy().await;
    assert_eq!((ended.verdict, ended.result), (Verdict::Interrupted, None));
    assert!(ended.message.contains("teal deploy --resume 5"), "{ended:?}");
    assert!(ended.message.contains("teal deploy --abandon 5"), "{ended:?}");
    assert!(setup.result().is_none() && setup.runs("web.green"));
}

#[tokio::test]
async fn an_interrupt_after_the_switch_leaves_the_deploy_open() {
    let setup = Setup::of("keep = \"no\"").interrupted_at("switch green");
    let ended = setup.deploy().await;
    assert_eq!((ended.verdict, ended.result), (Verdict::Interrupted, None));
    assert!(ended.message.contains("v42 is active in green"), "{ended:?}");
    assert_eq!(setup.active(), Color::Green);
    assert!(setup.runs("web.blue") && setup.runs("web.green") && setup.result().is_none());
}
