//! Requests passed to the controller: their parameters, and errors in them.

use std::time::Duration;

use control::{Destination, Scope, SwitchRequest};
use rules::{Actor, Color, Generation, Remarks, Version};

use crate::fixture::Fixture;
use crate::sample::web;

#[tokio::test]
async fn every_parameter_of_a_switch_reaches_the_controller() {
    let fixture = Fixture::new().await;
    let path = "/admin/switch?to=green&service=web&wait=published&wait_healthy=1m30s&drain=500ms&\
                dry_run=true&version=v42&reason=the+fix%0Afor%20orders";
    assert_eq!(fixture.ask("POST", path, &[("If-Match", "\"6\"")]).await.status, 200);
    let ask = SwitchRequest {
        scope: Scope::Service(web()),
        to: Destination::Color(Color::Green),
        actor: Actor::Token("ci".into()),
        if_generation: Some(Generation(6)),
        wait_healthy: Some(Duration::from_secs(90)),
        drain: Some(Duration::from_millis(500)),
        dry_run: true,
        supersede: false,
        remarks: Remarks {
            version: Version::new("v42").ok(),
            reason: Some("the fix for orders".to_owned()),
        },
    };
    assert_eq!(fixture.asked(), [format!("{ask:?}")]);
    assert_eq!(fixture.ask("POST", "/admin/rollback?reason=it%20is%20slow", &[]).await.status, 200);
    let ask = SwitchRequest {
        scope: Scope::Only,
        to: Destination::Previous,
        actor: Actor::Token("ci".into()),
        if_generation: None,
        wait_healthy: None,
        drain: None,
        dry_run: false,
        supersede: false,
        remarks: Remarks { version: None, reason: Some("it is slow".to_owned()) },
    };
    assert_eq!(fixture.asked()[1], format!("{ask:?}"));
    fixture.stop().await;
}

#[tokio::test]
async fn a_parameter_that_is_not_understood_is_never_ignored() {
    let fixture = Fixture::new().await;
    for (path, code, words) in [
        ("/admin/switch", "invalid_target", "must be 'blue' or 'green'"),
        ("/admin/switch?to=", "invalid_target", "must be 'blue' or 'green'"),
        ("/admin/switch?to=Green", "invalid_target", "must be 'blue' or 'green'"),
        ("/admin/switch?to=green&to=green", "duplicate_parameter", "to is given twice"),
        ("/admin/switch?to=green&dryrun=true", "unknown_parameter", "Did you mean 'dry_run'?"),
        ("/admin/switch?to=green&force=1", "unknown_parameter", "Allowed: to, service"),
        ("/admin/switch?to=green&dry_run=1", "invalid_parameter", "must be true or false"),
        ("/admin/switch?to=green&dry_run", "invalid_parameter", "must be true or false"),
        ("/admin/switch?to=green&wait=later", "invalid_parameter", "drained or published"),
        ("/admin/switch?to=green&drain=30", "invalid_parameter", "such as 500ms"),
        ("/admin/switch?to=green&drain=0s", "invalid_parameter", "from 1ms to 720h"),
        ("/admin/switch?to=green&wait_healthy=721h", "invalid_parameter", "from 1ms to 720h"),
        ("/admin/hold?max_wait=721h", "invalid_parameter", "from 1ms to 720h"),
        ("/admin/hold?drain=720h1ms", "invalid_parameter", "from 1ms to 720h"),
        ("/admin/switch?to=green&service=WEB", "invalid_parameter", "1 to 63 of a-z"),
        ("/admin/rollback?to=green", "unknown_parameter", "Allowed: service, group"),
        ("/admin/hold?max-wait=1s", "unknown_parameter", "Did you mean 'max_wait'?"),
        ("/admin/resume?drain=1s", "unknown_parameter", "Allowed: service"),
        ("/admin/reload?service=web", "unknown_parameter", "This call takes no parameters"),
    ] {
        let (status, problem) = fixture.json("POST", path).await;
        assert_eq!((status, &problem["code"]), (400, &code.into()), "{path}");
        assert!(problem.to_string().contains(words), "{path}: {problem}");
    }
    assert_eq!(fixture.bare("GET", "/admin/status?color=blue", &[]).await.status, 400);
    assert_eq!(fixture.asked(), [""; 0]);
    fixture.stop().await;
}

// A7
#[tokio::test]
async fn the_expected_generation_is_one_number_in_quotes() {
    let fixture = Fixture::new().await;
    let path = "/admin/switch?to=green";
    for value in ["7", "\"x\"", "\"\"", "*", "W/\"7\"", "\"7\", \"8\"", "\"-7\"", "\"+7\"", "\""] {
        let reply = fixture.ask("POST", path, &[("If-Match", value)]).await;
        assert_eq!(reply.status, 400, "{value}");
        assert!(reply.body.starts_with("If-Match must be"), "{}", reply.body);
    }
    let twice = [("If-Match", "\"7\""), ("If-Match", "\"7\"")];
    assert_eq!(fixture.ask("POST", path, &twice).await.status, 400);
    assert_eq!(fixture.asked(), [""; 0]);
    fixture.stop().await;
}

#[tokio::test]
async fn a_caller_that_goes_away_cancels_nothing() {
    let fixture = Fixture::new().await;
    let (reporter, drain) = control::DrainWatch::pair();
    fixture.script(|script| {
        script.on_switch = Box::new(move |ask| {
            let control::Switched::Published { service, from, to, cause, generation, .. } =
                crate::fixture::published(ask)
            else {
                panic!("it is published")
            };
            let drain = drain.clone();
            Ok(vec![control::Switched::Published {
                service,
                from,
                to,
                cause,
                generation,
                drain,
                warm_up: None,
            }])
        });
    });
    let call = fixture.ask("POST", "/admin/switch?to=green", &[]);
    let gone = tokio::time::timeout(Duration::from_millis(200), call).await;
    assert!(gone.is_err(), "it waits for the drain");
    assert_eq!(fixture.asked().len(), 1, "the switch was asked for once");
    // The controller owns the drain: telling its end finds nobody and harms nothing.
    reporter.report_end(rules::DrainEnd::Drained);
    let again = fixture.ask("POST", "/admin/switch?to=green", &[]).await;
    assert_eq!(again.status, 200);
    fixture.stop().await;
}
