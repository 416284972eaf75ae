//! A group takes every step together, and its switch is one.

use contract::wire::Color;
use deploy::{Request, Verdict};

use crate::script::{Fault, Stage};

fn shop() -> Request {
    Request { service: None, group: Some("shop".to_owned()), ..Stage::request() }
}

#[tokio::test]
async fn all_services_of_a_group_take_each_step_together() {
    let stage = Stage::of("keep = \"no\"");
    let ended = stage.deploy_as(&shop()).await;
    assert_eq!(ended.verdict, Verdict::Done, "{ended:?}");
    let asked = stage.asked();
    let expected = [
        "begin",
        "step start",
        "start web.green v42",
        "start api.green v42",
        "step gate",
        "gate green shop",
        "step switch",
        "switch green shop",
        "step drain",
        "step keep",
        "stop web.blue v41",
        "stop api.blue v41",
        "result succeeded",
    ];
    assert_eq!(asked, expected);
}

#[tokio::test]
async fn one_service_that_fails_puts_all_of_the_group_back() {
    let stage = Stage::of("")
        .fault("gate green shop", Fault::Refused(412, "unhealthy", "Target green is not healthy"));
    let ended = stage.deploy_as(&shop()).await;
    assert_eq!(ended.verdict, Verdict::Refused);
    assert!(stage.has("stop web.green v42") && stage.has("stop api.green v42"));
    assert_eq!(stage.active(), Color::Blue);
}

#[tokio::test]
async fn services_on_different_colors_are_not_deployed_as_a_group() {
    let stage = Stage::of("");
    if let Some(service) = stage.teal.services.borrow_mut().get_mut("api") {
        service.active = Color::Green;
    }
    let ended = stage.deploy_as(&shop()).await;
    assert_eq!(ended.verdict, Verdict::Refused);
    assert!(ended.message.contains("web is on blue, but api is on green"), "{ended:?}");
    assert_eq!(stage.asked(), [""; 0]);
}

#[tokio::test]
async fn a_name_that_does_not_exist_is_refused() {
    for (request, words) in [
        (
            Request { service: Some("wbe".to_owned()), ..Stage::request() },
            "no service is called wbe",
        ),
        (Request { group: Some("shp".to_owned()), ..shop() }, "no group is called shp"),
        (Request { service: None, ..Stage::request() }, "there are several services; name one of"),
    ] {
        let stage = Stage::of("");
        let ended = stage.deploy_as(&request).await;
        assert_eq!(ended.verdict, Verdict::Usage);
        assert!(ended.message.contains(words), "{ended:?}");
    }
    let mut stage = Stage::of("");
    stage.config.deploys.remove(1);
    let ended = stage.deploy_as(&shop()).await;
    assert_eq!(ended.verdict, Verdict::Usage);
    assert!(
        ended.message.contains("service api has no deploy table in /tmp/teal.toml"),
        "{ended:?}"
    );
}
