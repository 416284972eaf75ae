//! Dry runs of calls that need no gate.

use std::time::Duration;

use control::{DryRunOutcome, Switched};
use rules::{Color, Generation, Refusal};

use crate::fixture::Fixture;
use crate::sample::web;

fn hold() -> DryRunOutcome {
    DryRunOutcome::Hold {
        service: web(),
        generation: Generation(7),
        color: Color::Blue,
        max_wait: Duration::from_secs(30),
        requests_per_second: 412.3,
        in_flight: 3,
        streams: 1,
        drain: Duration::from_secs(10),
    }
}

#[tokio::test]
async fn a_dry_run_is_told_in_words_and_asks_for_no_change() {
    let fixture = Fixture::new().await;
    fixture.script(|script| script.on_dry_run = Ok(hold()));
    let headers = [("If-Match", "\"7\"")];
    let reply = fixture.ask("POST", "/admin/hold?max_wait=30s&dry_run=true", &headers).await;
    let text = "Dry run: nothing was changed\n\
                412 requests per second wait at Teal, each at most 30s\n\
                3 requests and 1 stream stay on blue for up to 10s\n\
                A request that has waited for that long is answered 503\n";
    assert_eq!((reply.status, &*reply.body), (200, text));
    let asked = fixture.asked();
    assert!(asked[0].starts_with("Hold(HoldRequest"), "as a dry run: {asked:?}");
    assert!(asked[0].contains("if_generation: Some(Generation(7))"), "{asked:?}");
    let (_, json) = fixture.json("POST", "/admin/hold?dry_run=true").await;
    assert_eq!((&json["dry_run"], &json["generation"]), (&true.into(), &7.into()));
    assert_eq!((&json["services"][0], &json["color"]), (&"web".into(), &"blue".into()));
    fixture.stop().await;
}

#[tokio::test]
async fn each_call_has_sentences_of_its_own_and_is_refused_as_itself() {
    let fixture = Fixture::new().await;
    let resume = DryRunOutcome::Resume {
        service: web(),
        generation: Generation(7),
        color: Color::Green,
        waiting: 7,
        unhealthy: Some("connection refused".to_owned()),
    };
    fixture.script(|script| script.on_dry_run = Ok(resume));
    let reply = fixture.ask("POST", "/admin/resume?dry_run=true", &[]).await;
    assert!(reply.body.contains("7 waiting requests go to green"), "{}", reply.body);
    assert!(reply.body.contains("Green is not healthy: connection refused"), "{}", reply.body);
    let retire = DryRunOutcome::Retire {
        service: web(),
        generation: Generation(7),
        color: Color::Blue,
        is_retired: false,
    };
    fixture.script(|script| script.on_dry_run = Ok(retire));
    let reply = fixture.ask("POST", "/admin/retire?color=blue&dry_run=true", &[]).await;
    assert!(reply.body.contains("not even a probe"), "{}", reply.body);
    let (expected, actual) = (Generation(6), Generation(7));
    let stale = Refusal::GenerationMismatch { service: web(), expected, actual };
    fixture.script(|script| script.on_dry_run = Err(stale));
    for call in ["hold?", "resume?", "retire?color=blue&"] {
        let path = format!("/admin/{call}dry_run=true");
        assert_eq!(fixture.ask("POST", &path, &[("If-Match", "\"6\"")]).await.status, 412);
    }
    let wrong = fixture.ask("POST", "/admin/resume?dry-run=true", &[]).await;
    assert!(
        wrong.status == 400 && wrong.body.contains("Did you mean 'dry_run'?"),
        "{}",
        wrong.body
    );
    fixture.stop().await;
}

#[tokio::test]
async fn a_closer_deadline_is_told_before_it_is_set() {
    let fixture = Fixture::new().await;
    let shortened = control::Shortened {
        in_flight: 2,
        streams: 0,
        left: Duration::from_secs(28),
        within: Duration::from_secs(5),
    };
    let already = Switched::AlreadyOn {
        service: web(),
        color: Color::Green,
        generation: Generation(8),
        drain: None,
        unhealthy: None,
        shortened: Some(shortened),
    };
    fixture.script(|script| {
        script.on_switch = Box::new(move |_| Ok(vec![already.clone()]));
    });
    let reply = fixture.ask("POST", "/admin/switch?to=green&drain=5s&dry_run=true", &[]).await;
    let text = "Already on green\n2 requests on blue have 5s instead of 28s\n\
                What is left then is cut, counted, and listed in the receipt\n";
    assert_eq!(&*reply.body, text);
    fixture.stop().await;
}
