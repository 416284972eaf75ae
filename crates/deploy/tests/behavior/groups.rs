//! A group takes every step together, and its switch is one.

use contract::wire::Color;
use deploy::{Request, Verdict};

use crate::script::{Fault, Setup};

fn shop() -> Request {
    Request { service: None, group: Some("shop".to_owned()), ..Setup::request() }
}

#[tokio::test]
async fn all_services_of_a_group_take_each_step_together() {
    let setup = Setup::of("keep = \"no\"");
    let ended = setup.deploy_as(&shop()).await;
    assert_eq!(ended.verdict, Verdict::Done, "{ended:?}");
    let asked = setup.asked();
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
        "retire web.blue",
        "stop web.blue v41",
        "retire api.blue",
        "stop api.blue v41",
        "result succeeded",
    ];
    assert_eq!(asked, expected);
}

#[tokio::test]
async fn one_service_that_fails_puts_all_of_the_group_back() {
    let setup = Setup::of("")
        .fault("gate green shop", Fault::Refused(412, "unhealthy", "Target green is not healthy"));
    let ended = setup.deploy_as(&shop()).await;
    assert_eq!(ended.verdict, Verdict::Refused);
    assert!(setup.has("stop web.green v42") && setup.has("stop api.green v42"));
    assert_eq!(setup.active(), Color::Blue);
}

#[tokio::test]
async fn services_on_different_colors_are_not_deployed_as_a_group() {
    let setup = Setup::of("");
    if let Some(service) = setup.teal.services.borrow_mut().get_mut("api") {
        service.active = Color::Green;
    }
    let ended = setup.deploy_as(&shop()).await;
    assert_eq!(ended.verdict, Verdict::Refused);
    assert!(ended.message.contains("web is on blue, but api is on green"), "{ended:?}");
    assert_eq!(setup.asked(), [""; 0]);
}

#[tokio::test]
async fn a_name_that_does_not_exist_is_refused() {
    for (request, words) in [
        (
            Request { service: Some("wbe".to_owned()), ..Setup::request() },
            "no service is called wbe",
        ),
        (Request { group: Some("shp".to_owned()), ..shop() }, "no group is called shp"),
        (Request { service: None, ..Setup::request() }, "there are several services; name one of"),
    ] {
        let setup = Setup::of("");
        let ended = setup.deploy_as(&request).await;
        assert_eq!(ended.verdict, Verdict::Usage);
        assert!(ended.message.contains(words), "{ended:?}");
    }
    let mut setup = Setup::of("");
    setup.config.deploys.remove(1);
    let ended = setup.deploy_as(&shop()).await;
    assert_eq!(ended.verdict, Verdict::Usage);
    assert!(
        ended.message.contains("service api has no deploy table in /tmp/teal.toml"),
        "{ended:?}"
    );
}
