//! Targets that a runner tells: who may, what is checked before the controller is asked, and the answers.

use control::{LiveEvent, TargetsInForce};
use rules::{Actor, Color, DeployId, DeployRefusal, Generation, Refusal, TargetUrl, Time, Told};
use serde_json::json;

use crate::deploys::{call, call_with};
use crate::fixture::{DEPLOYER, Fixture, OPERATOR, VIEWER};
use crate::sample::web;

const GREEN: &str = "/admin/services/web/green/targets";
const BODY: &str = "{\"targets\":[\"http://127.0.0.1:41234\"]}";

fn url() -> TargetUrl {
    TargetUrl::parse("http://127.0.0.1:41234").expect("a target")
}

fn in_force(generation: Option<Generation>) -> TargetsInForce {
    TargetsInForce { service: web(), color: Color::Green, targets: vec![url()], generation }
}

// A5
#[tokio::test]
async fn a_deployer_and_an_operator_tell_targets_and_nobody_else() {
    let fixture = Fixture::new().await;
    fixture.script(|script| script.on_targets = Ok(in_force(None)));
    for (token, expected) in [(DEPLOYER, 200), (OPERATOR, 200), (VIEWER, 403), ("wrong", 401)] {
        let told = call(&fixture, token, "PUT", GREEN, BODY).await;
        assert_eq!(told.status, expected, "{token}: {}", told.body);
    }
    let other = call(&fixture, OPERATOR, "POST", GREEN, BODY).await;
    assert_eq!((other.status, other.head.contains("allow: put")), (405, true), "{}", other.head);
    fixture.stop().await;
}

#[tokio::test]
async fn everything_that_was_told_reaches_the_controller() {
    let fixture = Fixture::new().await;
    fixture.script(|script| script.on_targets = Ok(in_force(Some(Generation(8)))));
    let body = json!({ "targets": ["http://127.0.0.1:41234"], "deploy": 3, "claim": 2 });
    let (body, fields) = (body.to_string(), "If-Match: \"6\"\r\n");
    let told = call_with(&fixture, DEPLOYER, "PUT", GREEN, &body, fields).await;
    let ask = rules::Tell {
        service: web(),
        color: Color::Green,
        targets: vec![url()],
        deploy: Some((DeployId(3), 2)),
        if_generation: Some(Generation(6)),
        actor: Actor::Token("cd".into()),
    };
    assert_eq!(fixture.asked(), [format!("{ask:?}")]);
    assert_eq!(
        (told.status, told.json()),
        (
            200,
            json!({ "service": "web", "color": "green", "targets": [url().to_string()], "generation": 8 })
        )
    );
    fixture.stop().await;
}

#[tokio::test]
async fn what_can_be_no_target_asks_the_controller_for_nothing() {
    let fixture = Fixture::new().await;
    let many = json!({ "targets": vec!["http://127.0.0.1:1"; 65] }).to_string();
    for (path, body, status, code) in [
        (GREEN, "", 400, "invalid_body"),
        (GREEN, "{}", 400, "invalid_body"),
        (GREEN, "{\"targets\":\"http://127.0.0.1:1\"}", 400, "invalid_body"),
        (GREEN, "{\"target\":[]}", 400, "unknown_field"),
        (GREEN, "{\"targets\":[],\"deploy\":1}", 400, "invalid_body"),
        (GREEN, "{\"targets\":[],\"claim\":1}", 400, "invalid_body"),
        (GREEN, &many, 400, "invalid_body"),
        (GREEN, "{\"targets\":[\"127.0.0.1:1\"]}", 400, "invalid_targets"),
        (GREEN, "{\"targets\":[\"http://localhost:8080\"]}", 400, "invalid_targets"),
        ("/admin/services/web/red/targets", BODY, 404, "not_found"),
        ("/admin/services/Web!/green/targets", BODY, 404, "not_found"),
        ("/admin/services/web/green/targets?x=1", BODY, 400, "unknown_parameter"),
    ] {
        let reply = call(&fixture, OPERATOR, "PUT", path, body).await;
        let problem = reply.json();
        assert_eq!((reply.status, &problem["code"]), (status, &json!(code)), "{path} {body}");
    }
    let own = json!({ "targets": [format!("http://{}", fixture.address)] }).to_string();
    let reply = call(&fixture, OPERATOR, "PUT", GREEN, &own).await;
    assert!(reply.body.contains("Teal's own admin API"), "{}", reply.body);
    let own = json!({ "targets": [format!("unix:{}", fixture.socket.display())] }).to_string();
    let reply = call(&fixture, OPERATOR, "PUT", GREEN, &own).await;
    assert!(reply.body.contains("Teal's own admin API"), "{}", reply.body);
    assert_eq!(fixture.asked(), [""; 0]);
    fixture.stop().await;
}

#[tokio::test]
async fn every_refusal_has_its_status_and_code() {
    let fixture = Fixture::new().await;
    let deploy = Box::new(crate::deploys::deploy());
    let in_progress = DeployRefusal::InProgress { deploy, age: std::time::Duration::ZERO };
    let (service, color) = (web(), Color::Green);
    for (refusal, status, code) in [
        (Refusal::UnknownService { name: web(), services: Vec::new() }, 404, "unknown_service"),
        (Refusal::TargetsConfigured { service, color }, 409, "targets_configured"),
        (Refusal::InvalidTargets { reason: "no".to_owned() }, 400, "invalid_targets"),
        (Refusal::Deploy(in_progress), 409, "deploy_in_progress"),
        (Refusal::SwitchInProgress { generation: None }, 409, "switch_in_progress"),
        (Refusal::Unhealthy { service: web(), color, reason: "no".to_owned() }, 412, "unhealthy"),
    ] {
        fixture.script(|script| script.on_targets = Err(refusal));
        let reply = call(&fixture, OPERATOR, "PUT", GREEN, BODY).await;
        assert_eq!((reply.status, &reply.json()["code"]), (status, &json!(code)));
    }
    let words = "the configuration names the targets of web green";
    fixture.script(|script| {
        let (service, color) = (web(), Color::Green);
        script.on_targets = Err(Refusal::TargetsConfigured { service, color });
    });
    let reply = call(&fixture, OPERATOR, "PUT", GREEN, BODY).await;
    assert_eq!(reply.json()["title"], words);
    fixture.stop().await;
}

#[tokio::test]
async fn told_targets_are_in_the_history_and_in_events() {
    let fixture = Fixture::new().await;
    let told = |targets, generation| Told {
        service: web(),
        color: Color::Green,
        targets,
        generation,
        actor: Actor::Uid(7),
        at: Time(5_000),
    };
    fixture.script(|script| {
        let one = told(vec![url()], Some(Generation(8)));
        script.history = [one, told(Vec::new(), None)].map(rules::HistoryEntry::Told).into();
    });
    let text = fixture.ask("GET", "/admin/history", &[]).await.body;
    let lines: Vec<_> = text.lines().map(|line| line.split_once("Z  ").expect(line).1).collect();
    let expected = [
        "    -  green of web has no targets, by uid 7",
        "    8  green of web has the target http://127.0.0.1:41234, by uid 7",
    ];
    assert_eq!(lines, expected);
    fixture.events.emit(
        Time(5_000),
        LiveEvent::Targets {
            service: web(),
            color: Color::Green,
            targets: vec![url()],
            generation: None,
            actor: Actor::Teal,
        },
    );
    let mut follower = crate::events::Follower::new(&fixture, "Last-Event-ID: 0\r\n").await;
    follower.until("event: targets\ndata: {").await;
    follower.until("\"color\":\"green\"").await;
    follower.until("\"targets\":[\"http://127.0.0.1:41234\"]").await;
    fixture.stop().await;
}
