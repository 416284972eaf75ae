//! Groups: what is asked of the controller, and what is answered.

use control::{Destination, DrainWatch, Scope, SwitchRequest, Switched};
use rules::{
    Actor, Color, DrainEnd, Generation, GroupName, GroupSpec, Receipt, Refusal, ServiceName,
};

use crate::fixture::Fixture;
use crate::sample::{receipt, web};

fn api() -> ServiceName {
    ServiceName::new("api").expect("a name")
}

fn shop() -> GroupName {
    GroupName::new("shop").expect("a name")
}

fn moved(service: ServiceName, generation: u64, drain: DrainWatch) -> Switched {
    let (from, to, cause) = (Color::Blue, Color::Green, rules::Cause::Switch);
    Switched::Published {
        service,
        from,
        to,
        cause,
        generation: Generation(generation),
        drain,
        warm_up: None,
    }
}

fn answer_with(fixture: &Fixture, services: Vec<Switched>) {
    fixture.script(|script| script.on_switch = Box::new(move |_| Ok(services.clone())));
}

#[tokio::test]
async fn a_group_is_asked_for_by_name_and_never_beside_a_service() {
    let fixture = Fixture::new().await;
    for (path, to) in [
        ("/admin/switch?to=green&group=shop", Destination::Color(Color::Green)),
        ("/admin/rollback?group=shop", Destination::Previous),
    ] {
        assert_eq!(fixture.ask("POST", path, &[]).await.status, 200);
        let ask = SwitchRequest {
            scope: Scope::Group(shop()),
            to,
            actor: Actor::Token("ci".into()),
            if_generation: None,
            wait_healthy: None,
            drain: None,
            dry_run: false,
            supersede: false,
            remarks: rules::Remarks::default(),
        };
        assert_eq!(fixture.asked().last(), Some(&format!("{ask:?}")));
    }
    for path in ["/admin/switch?to=green&group=shop&service=web", "/admin/rollback?group=-"] {
        let (status, problem) = fixture.json("POST", path).await;
        assert_eq!((status, &problem["code"]), (400, &"invalid_parameter".into()), "{problem}");
        assert_eq!(problem["parameter"], "group");
    }
    assert_eq!(fixture.asked().len(), 2);
    fixture.stop().await;
}

#[tokio::test]
async fn the_answer_begins_as_for_a_service_and_has_a_block_for_each() {
    let fixture = Fixture::new().await;
    let cut = rules::Cut { unanswered: 1, answering: 0, tunnels: 0 };
    let services = vec![
        moved(web(), 8, DrainWatch::ended(DrainEnd::Cut(cut))),
        Switched::AlreadyOn {
            service: api(),
            color: Color::Green,
            generation: Generation(5),
            drain: None,
            unhealthy: None,
            shortened: None,
        },
    ];
    answer_with(&fixture, services);
    let path = "/admin/switch?to=green&group=shop";
    let text = fixture.ask("POST", path, &[]).await.body;
    let expected = "Switched from blue to green\nGeneration: 8\n\n\
                    Service: web\nSwitched from blue to green\n\
                    blue is drained: the deadline cut 1 (1 without an answer, 0 while answering, \
                    0 tunnels); safe to stop\n\nService: api\nAlready on green\n";
    assert_eq!(text, expected);
    let (status, json) = fixture.json("POST", path).await;
    assert_eq!((status, &json["result"]), (200, &"switched".into()));
    assert_eq!((&json["group"], &json["generation"]), (&"shop".into(), &8.into()));
    assert_eq!((&json["from"], &json["to"]), (&"blue".into(), &"green".into()));
    let states: Vec<_> = (0..2).map(|at| json["services"][at]["result"].clone()).collect();
    assert_eq!(states, ["switched", "already"]);
    assert_eq!(json["services"][0]["drain"]["cut"]["total"], 1);
    fixture.stop().await;
}

#[tokio::test]
async fn the_answer_comes_when_the_last_drain_has_ended() {
    // L4
    let fixture = Fixture::new().await;
    let (reporter, drain) = DrainWatch::pair();
    let done = || DrainWatch::ended(DrainEnd::Drained);
    answer_with(&fixture, vec![moved(web(), 8, drain), moved(api(), 8, done())]);
    let early = fixture.ask("POST", "/admin/switch?to=green&group=shop&wait=published", &[]).await;
    assert!(early.body.contains("blue is still draining: do not stop blue"), "{}", early.body);
    let mut late = Box::pin(fixture.ask("POST", "/admin/switch?to=green&group=shop", &[]));
    let waited = tokio::time::timeout(std::time::Duration::from_millis(200), &mut late).await;
    assert!(waited.is_err(), "web is not drained");
    reporter.report_end(DrainEnd::Drained);
    let late = late.await;
    assert_eq!(late.body.matches("blue is drained: safe to stop").count(), 2, "{}", late.body);
    fixture.stop().await;
}

#[tokio::test]
async fn a_refusal_lists_the_groups_or_the_services() {
    let fixture = Fixture::new().await;
    let unknown = |groups: &[GroupName]| Refusal::UnknownGroup {
        name: GroupName::new("shp").expect("a name"),
        groups: groups.to_vec(),
    };
    let services = vec![web(), api()];
    for (refusal, status, member, listed) in [
        (unknown(&[shop()]), 404, "groups", &["shop"][..]),
        (unknown(&[]), 404, "groups", &[]),
        (Refusal::NothingToRollBack { services }, 409, "services", &["web", "api"]),
    ] {
        let code = refusal.code();
        fixture.script(|script| script.on_switch = Box::new(move |_| Err(refusal.clone())));
        let (was, problem) = fixture.json("POST", "/admin/rollback?group=shp").await;
        assert_eq!((was, &problem["code"]), (status, &code.into()), "{problem}");
        assert_eq!(problem[member], serde_json::json!(listed));
    }
    fixture.stop().await;
}

#[tokio::test]
async fn receipts_of_one_generation_are_all_shown_and_in_json_one_is_named() {
    let fixture = Fixture::new().await;
    let both = vec![receipt(), Receipt { service: api(), ..receipt() }];
    fixture.script(|script| script.receipts = Ok(both));
    let text = fixture.ask("GET", "/admin/receipts/7", &[]).await.body;
    assert!(text.starts_with("Generation 7: rollback of web from blue to green\n"), "{text}");
    assert!(text.contains("\n\nGeneration 7: rollback of api from blue to green\n"), "{text}");
    let (status, problem) = fixture.json("GET", "/admin/receipts/7").await;
    assert_eq!((status, &problem["code"]), (400, &"service_required".into()));
    assert_eq!(problem["services"], serde_json::json!(["web", "api"]));
    let (status, one) = fixture.json("GET", "/admin/receipts/latest?service=api").await;
    assert_eq!((status, &one["service"]), (200, &"api".into()));
    let (status, problem) = fixture.json("GET", "/admin/receipts/7?service=mail").await;
    assert_eq!((status, &problem["code"]), (404, &"no_receipt".into()));
    fixture.stop().await;
}

#[tokio::test]
async fn status_tells_the_groups_if_there_are_any() {
    let fixture = Fixture::new().await;
    let text = fixture.ask("GET", "/admin/status", &[]).await.body;
    assert!(!text.contains("Group"), "{text}");
    let group = GroupSpec { name: shop(), services: vec![web(), api()] };
    fixture.script(|script| script.status.groups = vec![group]);
    let text = fixture.ask("GET", "/admin/status", &[]).await.body;
    assert!(text.contains("\nGroup: shop (web, api)\n"), "{text}");
    let (_, json) = fixture.json("GET", "/admin/status").await;
    let groups = serde_json::json!([{ "name": "shop", "services": ["web", "api"] }]);
    assert_eq!(json["groups"], groups);
    fixture.stop().await;
}
