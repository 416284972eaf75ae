//! Dry runs of calls that need no gate: refused as the call itself, and without a trace.

use std::time::Duration;

use control::{
    BeginDeployRequest, DryRunOutcome, DryRunRequest, EventRead, HoldRequest, LiveEvent,
    ReportDeployRequest, ResumeRequest, RetireRequest, Scope, SwitchRequest, Switched,
};
use rules::{Actor, Color, DeployId, DeployResult, Generation, Refusal};

use testkit::{wait_for, wait_until};

use crate::world::{Fixture, SOON, World, to};

const ACTOR: Actor = Actor::Uid(7);

fn hold(if_generation: Option<u64>) -> HoldRequest {
    let if_generation = if_generation.map(Generation);
    HoldRequest { service: None, actor: ACTOR, if_generation, max_wait: None, drain: None }
}

fn resume(if_generation: Option<u64>) -> ResumeRequest {
    ResumeRequest { service: None, actor: ACTOR, if_generation: if_generation.map(Generation) }
}

fn retire(color: Color, if_generation: Option<u64>) -> RetireRequest {
    let if_generation = if_generation.map(Generation);
    RetireRequest { service: None, color, actor: ACTOR, if_generation }
}

fn dry(world: &World, request: DryRunRequest) -> Result<DryRunOutcome, Refusal> {
    world.wait(world.handle.dry_run(request))
}

fn code(world: &World, request: DryRunRequest) -> &'static str {
    dry(world, request).unwrap_err().code()
}

#[test]
fn a_dry_run_tells_what_a_call_would_do_and_leaves_no_trace() {
    let fixture = Fixture::new();
    let world = fixture.start_healthy();
    let (lease, _) = world.claim();
    let before = (world.wait(world.handle.history()), world.service().generation);
    let mut events = world.handle.events(None);
    let told = dry(&world, DryRunRequest::Hold(hold(Some(0)))).unwrap();
    let DryRunOutcome::Hold { color, in_flight, max_wait, .. } = told else {
        panic!("not about a hold")
    };
    assert_eq!((color, in_flight, max_wait), (Color::Blue, 1, Duration::from_secs(30)));
    let told = dry(&world, DryRunRequest::Retire(retire(Color::Green, Some(0)))).unwrap();
    assert!(matches!(told, DryRunOutcome::Retire { is_retired: false, .. }));
    assert_eq!(code(&world, DryRunRequest::Hold(hold(Some(5)))), "generation_mismatch");
    assert!(world.service().held.is_none() && !world.color(Color::Green).retired);
    assert_eq!((world.wait(world.handle.history()), world.service().generation), before);
    world.workers[0].release(lease);
    world.wait(world.handle.hold(hold(None))).unwrap();
    let first = wait_for(SOON, "the hold is told", || match world.wait(events.next()) {
        EventRead::Item(item) => Some(item.event)
            .filter(|event| matches!(event, LiveEvent::Refused { .. } | LiveEvent::Held { .. })),
        EventRead::Missed(_) => None,
    });
    assert!(matches!(first, LiveEvent::Held { .. }), "{first:?}: not even a refusal was told");
}

#[test]
fn a_dry_run_is_refused_as_the_call_itself() {
    let fixture = Fixture::new();
    let world = fixture.start_healthy();
    assert_eq!(code(&world, DryRunRequest::Resume(resume(None))), "not_held");
    let active = retire(Color::Blue, None);
    let refused = dry(&world, DryRunRequest::Retire(active.clone())).unwrap_err();
    assert_eq!(refused, world.wait(world.handle.retire(active)).unwrap_err());
    world.wait(world.handle.hold(hold(None))).unwrap();
    assert_eq!(code(&world, DryRunRequest::Hold(hold(None))), "already_held");
    let told = dry(&world, DryRunRequest::Resume(resume(None))).unwrap();
    assert!(matches!(told, DryRunOutcome::Resume { waiting: 0, unhealthy: None, .. }), "{told:?}");
    assert!(world.service().held.is_some());
    let frozen = world.wait(world.handle.freeze()).unwrap();
    assert_eq!(code(&world, DryRunRequest::Resume(resume(None))), "upgrade_in_progress");
    drop(frozen);
}

#[test]
fn a_caller_that_has_seen_another_generation_changes_nothing() {
    let fixture = Fixture::new();
    let world = fixture.start_healthy();
    world.switch_fully(Color::Green);
    let stale = Some(0);
    let mismatch = "generation_mismatch";
    assert_eq!(world.wait(world.handle.hold(hold(stale))).unwrap_err().code(), mismatch);
    let retired = world.wait(world.handle.retire(retire(Color::Blue, stale)));
    assert_eq!(retired.unwrap_err().code(), mismatch);
    assert!(world.service().held.is_none() && !world.color(Color::Blue).retired);
    world.wait(world.handle.hold(hold(Some(1)))).unwrap();
    assert_eq!(world.wait(world.handle.resume(resume(stale))).unwrap_err().code(), mismatch);
    assert!(world.service().held.is_some());
    world.wait(world.handle.resume(resume(Some(1)))).unwrap();
    world.wait(world.handle.retire(retire(Color::Blue, Some(1)))).unwrap();
}

#[test]
fn a_deploy_whose_command_line_is_alive_is_not_abandoned_and_that_is_told_before() {
    let fixture = Fixture::new();
    let world = fixture.start_healthy();
    let begin = BeginDeployRequest {
        scope: Scope::Only,
        version: None,
        actor: ACTOR,
        by: Some("ci@runner-3".to_owned()),
        reason: None,
        emergency: false,
        supersede: false,
        sweep: false,
        if_generation: None,
    };
    world.wait(world.handle.begin_deploy(begin)).unwrap();
    let abandon = ReportDeployRequest {
        id: DeployId(1),
        actor: ACTOR,
        claim: None,
        by: None,
        step: None,
        pause: false,
        result: Some(DeployResult::Abandoned),
        detail: None,
        keep: None,
    };
    let refused = dry(&world, DryRunRequest::Report(abandon.clone())).unwrap_err();
    assert!(refused.to_string().contains("ci@runner-3"), "{refused}");
    world.skip(Duration::from_secs(20));
    let told = dry(&world, DryRunRequest::Report(abandon.clone())).unwrap();
    let DryRunOutcome::Report { deploy, .. } = told else { panic!("not about a deploy") };
    assert_eq!((deploy.deploy.id, deploy.deploy.is_open()), (DeployId(1), true));
    let ended = world.wait(world.handle.report_deploy(abandon)).unwrap();
    assert!(!ended.deploy.is_open(), "taken and ended by one call");
}

#[test]
fn a_closer_deadline_is_told_and_not_set() {
    let fixture = Fixture::new();
    let world = fixture.start_healthy();
    let (lease, _) = world.claim();
    world.switch(to(Color::Green)).unwrap();
    let left = || world.color(Color::Blue).drain.unwrap().left;
    let before = left();
    let within = Duration::from_millis(5);
    let ask = SwitchRequest { drain: Some(within), dry_run: true, ..to(Color::Green) };
    let Switched::AlreadyOn { shortened: Some(told), .. } = world.switch(ask.clone()).unwrap()
    else {
        panic!("nothing is told")
    };
    assert_eq!((told.in_flight, told.streams, told.within), (1, 0, within));
    assert!(told.left > Duration::from_secs(1) && told.left <= before, "{told:?}");
    assert!(left() > Duration::from_secs(1), "nothing was changed");
    let stale = SwitchRequest { if_generation: Some(Generation(0)), ..ask };
    let stale = world.switch(stale).unwrap();
    assert!(matches!(stale, Switched::AlreadyOn { shortened: None, .. }), "{stale:?}");
    let mut events = world.handle.events(None);
    let sooner = Duration::from_secs(2);
    world.switch(SwitchRequest { drain: Some(sooner), ..to(Color::Green) }).unwrap();
    assert!(left() <= sooner);
    wait_until(SOON, "others are told", || {
        let EventRead::Item(item) = world.wait(events.next()) else { return false };
        matches!(item.event, LiveEvent::Shortened { color: Color::Blue, within, .. } if within == sooner)
    });
    world.workers[0].release(lease);
}
