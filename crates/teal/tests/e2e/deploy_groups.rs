//! Deploys of a group under load: all of its services start, prove themselves and move together.

use testkit::{Load, LoadOptions, Settings, Teal, free_port};

use crate::TEAL;
use crate::deploying::application_command;

/// A Teal with the services `web` and `api` in the group `shop`, of which nothing runs yet.
fn shop() -> Teal {
    let url = || format!("http://127.0.0.1:{}", free_port());
    let command: Vec<String> =
        application_command().iter().map(|word| format!("{word:?}")).collect();
    let deploy = format!("{{ runner = \"command\", command = [{}] }}", command.join(", "));
    let api = format!(
        "[[service]]\nname = \"api\"\nhosts = [\"api.test\"]\ninitial = \"green\"\n\
         blue.targets = [\"{}\"]\ngreen.targets = [\"{}\"]\n\
         health = {{ interval = \"200ms\", fast_interval = \"50ms\" }}\ndeploy = {deploy}\n\
         [[group]]\nname = \"shop\"\nservices = [\"web\", \"api\"]\n",
        url(),
        url()
    );
    let settings = Settings::of_urls(&[&url()], &[&url()])
        .service("initial", "\"green\"")
        .service("deploy", &deploy)
        .extra(&api);
    Teal::start(TEAL, &settings)
}

/// `teal deploy --group shop --version VERSION`, which must end with this code, and its output.
fn deploy(teal: &Teal, version: &str, code: i32) -> String {
    let config = teal.config().display().to_string();
    let arguments = [
        "deploy",
        "--group",
        "shop",
        "--version",
        version,
        "--wait-healthy",
        "5s",
        "--config",
        &config,
    ];
    let deployed = teal.cli(&arguments);
    deployed.assert_code(code);
    deployed.all()
}

/// The active color and the generation of both services.
fn both(teal: &Teal) -> Vec<(String, u64)> {
    let status = teal.status();
    let services = status["services"].as_array().expect("a list").iter();
    let shown = services.map(|service| {
        let active = service["active"].as_str().expect("a color").to_owned();
        (active, service["generation"].as_u64().expect("a number"))
    });
    shown.collect()
}

#[test]
fn the_services_of_a_group_are_deployed_in_one_switch_without_loss() {
    // L1 L2 L3 L4
    let teal = shop();
    deploy(&teal, "v1", 0);
    let load = Load::start(teal.listener(), LoadOptions::default());
    load.expect_anyone();
    let said = deploy(&teal, "v2", 0);
    load.expect_only("green");
    assert!(said.starts_with("deploy shop: v1 (blue, active) -> v2 (green)"), "{said}");
    assert_eq!(both(&teal), [("green".to_owned(), 2), ("green".to_owned(), 2)]);
    load.wait_for_more(50);

    let said = deploy(&teal, "sick", 3);
    assert!(said.contains("last lines of web (blue)") && said.contains("last lines of api (blue)"));
    assert_eq!(both(&teal), [("green".to_owned(), 2), ("green".to_owned(), 2)]);
    load.wait_for_more(50);
    load.stop().assert_nothing_lost();
    teal.assert_books_balance();
}
