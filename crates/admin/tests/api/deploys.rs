//! Calls about deploys: their bodies, who may make them, and what they are answered.

use std::time::Duration;

use control::{BeginDeployRequest, DeployProgress, DeployStatus, LiveEvent, RetireRequest, Scope};
use rules::{
    Actor, Color, Deploy, DeployEnd, DeployId, DeployRefusal, DeployResult, DeployStep, Generation,
    Refusal, Time, Version,
};
use serde_json::json;

use crate::fixture::{DEPLOYER, Fixture, OPERATOR, Reply, VIEWER};
use crate::sample::web;

/// A deploy that waits for the gate.
pub(crate) fn deploy() -> Deploy {
    Deploy {
        id: DeployId(3),
        services: vec![web()],
        group: None,
        color: Color::Green,
        version: Version::new("v42").ok(),
        from_version: Version::new("v41").ok(),
        actor: Actor::Token("cd".into()),
        by: Some("ci@runner-3".to_owned()),
        reason: None,
        emergency: false,
        sweep: false,
        claim: 1,
        steps: vec![(DeployStep::Lock, Time(1_000)), (DeployStep::Gate, Time(3_000))],
        paused: false,
        generation: None,
        ended: None,
    }
}

fn status(deploy: Deploy) -> DeployStatus {
    DeployStatus { deploy, silent: Some(Duration::from_secs(90)), at: Time(15_000) }
}

pub(crate) async fn call(
    fixture: &Fixture,
    token: &str,
    method: &str,
    path: &str,
    body: &str,
) -> Reply {
    call_with(fixture, token, method, path, body, "").await
}

pub(crate) async fn call_with(
    fixture: &Fixture,
    token: &str,
    method: &str,
    path: &str,
    body: &str,
    fields: &str,
) -> Reply {
    let length = body.len();
    let text = format!(
        "{method} {path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {token}\r\nContent-Length: {length}\
         \r\nAccept: application/json\r\n{fields}Connection: close\r\n\r\n{body}"
    );
    fixture.raw(text.as_bytes()).await
}

// A5
#[tokio::test]
async fn a_deployer_and_an_operator_may_deploy_and_a_viewer_may_read() {
    let fixture = Fixture::new().await;
    fixture.script(|script| {
        script.on_deploy = Ok(status(deploy()));
        script.deploys = vec![status(deploy())];
    });
    for (token, expected) in [(DEPLOYER, 200), (OPERATOR, 200), (VIEWER, 403), ("wrong", 401)] {
        let begun = call(&fixture, token, "POST", "/admin/deploys", "{}").await;
        assert_eq!(begun.status, expected, "{token}: {}", begun.body);
        let report = call(&fixture, token, "PATCH", "/admin/deploys/3", "{\"claim\":1}").await;
        assert_eq!(report.status, expected, "{token}");
    }
    for (method, path) in [
        ("POST", "/admin/switch?to=green"),
        ("POST", "/admin/rollback"),
        ("GET", "/admin/deploys"),
        ("GET", "/admin/deploys/3"),
    ] {
        assert_eq!(call(&fixture, DEPLOYER, method, path, "").await.status, 200, "{path}");
    }
    for path in ["/admin/reload", "/admin/upgrade"] {
        let refused = call(&fixture, DEPLOYER, "POST", path, "").await;
        assert_eq!((refused.status, &refused.json()["code"]), (403, &json!("operator_required")));
    }
    fixture.stop().await;
}

#[tokio::test]
async fn every_field_of_a_deploy_reaches_the_controller() {
    let fixture = Fixture::new().await;
    fixture.script(|script| script.on_deploy = Ok(status(deploy())));
    let body = json!({
        "service": "web", "version": "v42", "by": "ci@runner-3\n", "reason": "a fix",
        "supersede": true, "emergency": true,
    });
    let (body, fields) = (body.to_string(), "If-Match: \"6\"\r\n");
    let begun = call_with(&fixture, DEPLOYER, "POST", "/admin/deploys", &body, fields).await;
    assert_eq!(begun.status, 200);
    let ask = BeginDeployRequest {
        scope: Scope::Service(web()),
        version: Version::new("v42").ok(),
        actor: Actor::Token("cd".into()),
        by: Some("ci@runner-3".to_owned()),
        reason: Some("a fix".to_owned()),
        emergency: true,
        supersede: true,
        sweep: false,
        if_generation: Some(Generation(6)),
    };
    assert_eq!(fixture.asked(), [format!("{ask:?}")]);
    let answer = begun.json();
    assert_eq!(
        (&answer["id"], &answer["step"], &answer["claim"]),
        (&json!(3), &json!("gate"), &json!(1))
    );
    assert_eq!((&answer["step_seconds"], &answer["silent_seconds"]), (&json!(12), &json!(90)));
    assert_eq!((&answer["client_gone"], &answer["result"]), (&json!(true), &json!(null)));
    assert_eq!(answer["actor"], json!({ "token": "cd" }));
    fixture.stop().await;
}

#[tokio::test]
async fn a_body_that_is_not_understood_is_never_ignored() {
    let fixture = Fixture::new().await;
    let long = "x".repeat(129);
    let large = format!("{{\"reason\":\"{}\"}}", "x".repeat(70_000));
    for (path, body, code, words) in [
        ("/admin/deploys", "", "invalid_body", "there is none"),
        ("/admin/deploys", "[]", "invalid_body", "it is not an object"),
        ("/admin/deploys", "service=web", "invalid_body", "Problem: expected value"),
        ("/admin/deploys", "{\"servise\":\"web\"}", "unknown_field", "Did you mean 'service'?"),
        ("/admin/deploys", "{\"service\":1}", "invalid_body", "expected a string"),
        ("/admin/deploys", "{\"service\":\"WEB\"}", "invalid_body", "1 to 63 of a-z"),
        ("/admin/deploys", "{\"service\":\"a\",\"group\":\"b\"}", "invalid_body", "give only one"),
        ("/admin/deploys", "{\"version\":\"-v\"}", "invalid_body", "is not a version"),
        ("/admin/deploys", &format!("{{\"by\":\"{long}\"}}"), "invalid_body", "128 characters"),
        ("/admin/deploys?service=web", "{}", "unknown_parameter", "takes no parameters"),
        ("/admin/deploys", &large, "body_too_large", "64 KiB"),
        ("/admin/deploys/x", "{}", "invalid_parameter", "whole number"),
        ("/admin/deploys/3", "{\"step\":\"gait\"}", "invalid_body", "unknown variant"),
    ] {
        let method =
            if path.ends_with("deploys/x") || path.ends_with('3') { "PATCH" } else { "POST" };
        let reply = call(&fixture, DEPLOYER, method, path, body).await;
        assert_eq!(reply.json()["code"], code, "{path}: {}", reply.body);
        assert!(reply.body.contains(words), "{path}: {}", reply.body);
    }
    assert_eq!(fixture.asked(), [""; 0]);
    let reply = call(&fixture, DEPLOYER, "PUT", "/admin/deploys/3", "").await;
    assert_eq!(reply.status, 405);
    assert!(reply.head.contains("allow: get, head, patch"), "{}", reply.head);
    fixture.stop().await;
}

#[tokio::test]
async fn a_color_is_retired_by_name() {
    let fixture = Fixture::new().await;
    let path = "/admin/retire?color=green&service=web";
    let retired = call(&fixture, DEPLOYER, "POST", path, "").await;
    assert_eq!(
        (retired.status, retired.json()),
        (200, json!({ "service": "web", "color": "green" }))
    );
    let ask = RetireRequest {
        service: Some(web()),
        color: Color::Green,
        actor: Actor::Token("cd".into()),
        if_generation: None,
    };
    assert_eq!(fixture.asked(), [format!("{ask:?}")]);
    for (path, code) in [
        ("/admin/retire", "invalid_target"),
        ("/admin/retire?color=red", "invalid_target"),
        ("/admin/retire?colour=green", "unknown_parameter"),
    ] {
        let reply = call(&fixture, DEPLOYER, "POST", path, "").await;
        assert_eq!((reply.status, &reply.json()["code"]), (400, &json!(code)), "{path}");
    }
    let refused = call(&fixture, VIEWER, "POST", path, "").await;
    assert_eq!(refused.status, 403);
    fixture.stop().await;
}

#[tokio::test]
async fn a_refusal_names_the_deploy_and_what_to_do() {
    let fixture = Fixture::new().await;
    let in_progress =
        DeployRefusal::InProgress { deploy: Box::new(deploy()), age: Duration::from_secs(12) };
    fixture.script(|script| script.on_deploy = Err(Refusal::Deploy(in_progress)));
    let reply = call(&fixture, OPERATOR, "POST", "/admin/deploys", "{}").await;
    let problem = reply.json();
    assert_eq!((reply.status, &problem["code"]), (409, &json!("deploy_in_progress")));
    assert_eq!((&problem["deploy"], &problem["by"]), (&json!(3), &json!("ci@runner-3")));
    assert_eq!(problem["since"], "1970-01-01T00:00:01.000Z");
    assert!(reply.body.contains("teal deploy --resume 3"), "{}", reply.body);
    let refusal = DeployRefusal::ClientAlive {
        id: DeployId(3),
        by: "ci@runner-3".to_owned(),
        silent: Duration::from_secs(5),
    };
    fixture.script(|script| script.on_deploy = Err(Refusal::Deploy(refusal)));
    let reply = call(&fixture, OPERATOR, "PATCH", "/admin/deploys/3", "{\"take\":true}").await;
    assert_eq!((reply.status, &reply.json()["code"]), (409, &json!("client_alive")));
    assert!(reply.head.contains("retry-after: 11"), "{}", reply.head);
    fixture.stop().await;
}

#[tokio::test]
async fn deploys_are_read_as_text_and_as_events() {
    let fixture = Fixture::new().await;
    let end =
        DeployEnd { result: DeployResult::Failed, at: Time(9_000), detail: None, keep_until: None };
    let ended = Deploy { id: DeployId(2), ended: Some(end), ..deploy() };
    fixture.script(|script| script.deploys = vec![status(deploy()), status(ended)]);
    let table = fixture.ask("GET", "/admin/deploys?service=web", &[]).await;
    assert_eq!(table.status, 200);
    let rows: Vec<_> = table.body.lines().map(|row| row.split_whitespace().next()).collect();
    assert_eq!(rows, [Some("ID"), Some("3"), Some("2")], "{}", table.body);
    let one = fixture.ask("GET", "/admin/deploys/3", &[]).await;
    assert!(one.body.starts_with("Deploy 3 of v42: web to green\n"), "{}", one.body);

    let progress = DeployProgress::Ended(DeployResult::Failed, Some("no".to_owned()));
    let event = LiveEvent::Deploy { deploy: Box::new(deploy()), progress };
    fixture.events.emit(Time(5_000), event);
    let mut follower = crate::events::Follower::new(&fixture, "Last-Event-ID: 0\r\n").await;
    follower.until("event: deploy\ndata: {").await;
    follower.until("\"deploy\":3,\"version\":\"v42\",\"step\":\"gate\"").await;
    follower.until("\"result\":\"failed\"").await;
    fixture.stop().await;
}
