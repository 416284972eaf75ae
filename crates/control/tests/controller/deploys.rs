//! The record of a deploy: durable, locked, reported by one command line at a time.

use std::time::Duration;

use control::{
    BeginDeployRequest, DeploySelection, DeployStatus, ReportDeployRequest, Scope, SwitchRequest,
};
use rules::{Actor, Color, DeployId, DeployResult, DeployStep, Refusal, Version};
use testkit::{Health, wait_until};

use crate::world::{Fixture, SOON, World, name, to};

fn begin(world: &World) -> Result<DeployStatus, Refusal> {
    let request = BeginDeployRequest {
        scope: Scope::Only,
        version: Some(Version::new("v42").unwrap()),
        actor: Actor::Token("ci".into()),
        by: Some("ci@runner-3".to_owned()),
        reason: None,
        emergency: false,
        supersede: false,
        sweep: false,
        if_generation: None,
    };
    world.wait(world.handle.begin_deploy(request))
}

fn report(id: u64) -> ReportDeployRequest {
    ReportDeployRequest {
        id: DeployId(id),
        actor: Actor::Uid(7),
        claim: Some(1),
        by: Some("ops@desk".to_owned()),
        step: None,
        pause: false,
        result: None,
        detail: None,
        keep: None,
    }
}

fn tell(world: &World, report: ReportDeployRequest) -> Result<DeployStatus, Refusal> {
    world.wait(world.handle.report_deploy(report))
}

fn step(world: &World, step: DeployStep) -> Result<DeployStatus, Refusal> {
    tell(world, ReportDeployRequest { step: Some(step), ..report(1) })
}

fn read(world: &World) -> Vec<DeployStatus> {
    world.wait(world.handle.deploys(DeploySelection::default())).unwrap()
}

#[test]
fn a_crash_after_any_answer_keeps_what_was_answered() {
    // L6
    let fixture = Fixture::new();
    let mut world = fixture.start_healthy();
    let mut last = begin(&world).unwrap().deploy;
    let reports = [
        ReportDeployRequest { step: Some(DeployStep::Start), ..report(1) },
        ReportDeployRequest { pause: true, ..report(1) },
        ReportDeployRequest { claim: None, ..report(1) },
        ReportDeployRequest {
            claim: Some(2),
            result: Some(DeployResult::Failed),
            detail: Some("the gate was not passed".to_owned()),
            ..report(1)
        },
    ];
    for report in reports {
        world.crash();
        world = fixture.start();
        let deploys = read(&world);
        assert_eq!(deploys.len(), 1);
        assert_eq!(deploys[0].deploy, last);
        assert_eq!(begin(&world).unwrap_err().code(), "deploy_in_progress");
        last = tell(&world, report).unwrap().deploy;
    }
    world.crash();
    let world = fixture.start();
    assert_eq!(read(&world)[0].deploy, last);
    assert_eq!(begin(&world).unwrap().deploy.id, DeployId(2), "it is free again");
}

#[test]
fn what_the_disk_does_not_take_is_neither_answered_nor_shown() {
    // L6
    let fixture = Fixture::new();
    let world = fixture.start_healthy();
    fixture.disk.break_down(true);
    assert_eq!(begin(&world).unwrap_err().code(), "journal_unavailable");
    assert!(read(&world).is_empty());
    fixture.disk.break_down(false);
    begin(&world).unwrap();
    fixture.disk.break_down(true);
    assert_eq!(step(&world, DeployStep::Start).unwrap_err().code(), "journal_unavailable");
    assert_eq!(read(&world)[0].deploy.step().0, DeployStep::Lock);
    tell(&world, report(1)).expect("a sign of life needs no disk");
    assert_eq!(world.color(Color::Green).version, None);
}

#[test]
fn a_command_line_is_replaced_once_it_is_silent_and_not_before() {
    let fixture = Fixture::new();
    let world = fixture.start_healthy();
    let begun = begin(&world).unwrap();
    assert!(begun.silent.unwrap() < Duration::from_secs(5));
    let take = ReportDeployRequest { claim: None, ..report(1) };
    assert_eq!(tell(&world, take.clone()).unwrap_err().code(), "client_alive");
    world.skip(Duration::from_secs(16));
    wait_until(SOON, "it is silent for long enough", || {
        read(&world)[0].silent.unwrap() >= Duration::from_secs(15)
    });
    let taken = tell(&world, take.clone()).unwrap();
    assert_eq!((taken.deploy.claim, taken.deploy.by().as_str()), (2, "ops@desk"));
    assert!(taken.silent.unwrap() < Duration::from_secs(5), "the new one was just heard");
    assert_eq!(step(&world, DeployStep::Gate).unwrap_err().code(), "deploy_taken_over");
    assert_eq!(tell(&world, take).unwrap_err().code(), "client_alive");
}

#[test]
fn signs_of_life_are_counted_from_the_start_of_teal() {
    let fixture = Fixture::new();
    let world = fixture.start_healthy();
    begin(&world).unwrap();
    world.skip(Duration::from_secs(60));
    wait_until(SOON, "it is silent", || read(&world)[0].silent.unwrap() >= rules::GONE_AFTER);
    world.crash();
    let world = fixture.start();
    assert!(read(&world)[0].silent.unwrap() < Duration::from_secs(15));
    let take = ReportDeployRequest { claim: None, ..report(1) };
    assert_eq!(tell(&world, take).unwrap_err().code(), "client_alive");
}

#[test]
fn a_deploy_is_in_status_and_its_version_is_that_of_the_color() {
    let fixture = Fixture::new();
    let world = fixture.start_healthy();
    begin(&world).unwrap();
    let status = world.wait(world.handle.status()).unwrap();
    assert_eq!(status.deploys.len(), 1);
    step(&world, DeployStep::Start).unwrap();
    let version = world.color(Color::Green).version;
    assert_eq!(version.unwrap().as_str(), "v42");
    step(&world, DeployStep::Switch).unwrap();
    world.switch_fully(Color::Green);
    assert_eq!(world.receipt().version.unwrap().as_str(), "v42");
    let done = ReportDeployRequest { result: Some(DeployResult::Succeeded), ..report(1) };
    let done = tell(&world, done).unwrap();
    assert_eq!((done.deploy.generation.map(|one| one.0), done.silent), (Some(1), None));
    assert!(world.wait(world.handle.status()).unwrap().deploys.is_empty());
    world.switch(to(Color::Blue)).expect("a switch needs no deploy");
}

#[test]
fn probes_of_what_ran_in_the_color_before_are_no_evidence() {
    // L9
    let fixture = Fixture::new();
    fixture.spec(|spec| spec.health.interval = Duration::from_secs(600));
    let world = fixture.start_healthy();
    begin(&world).unwrap();
    step(&world, DeployStep::Start).unwrap();
    fixture.green.health(Health::Status(503));
    let dry_run = SwitchRequest { dry_run: true, ..to(Color::Green) };
    world.switch(dry_run.clone()).expect("the probes of the old environment still count");
    step(&world, DeployStep::Gate).unwrap();
    assert_eq!(world.switch(dry_run).unwrap_err().code(), "unhealthy");
    fixture.green.health(Health::Healthy);
    let failed = ReportDeployRequest { result: Some(DeployResult::Failed), ..report(1) };
    world.switch(to(Color::Green)).expect("the new environment has recovered");
    world.switch_fully(Color::Blue);
    fixture.green.health(Health::Status(503));
    tell(&world, failed).unwrap();
    assert_eq!(world.switch(to(Color::Green)).unwrap_err().code(), "unhealthy");
}

#[test]
fn a_color_that_has_traffic_keeps_its_health() {
    let fixture = Fixture::new();
    fixture.spec(|spec| spec.health.interval = Duration::from_secs(600));
    let world = fixture.start_healthy();
    begin(&world).unwrap();
    world.switch_fully(Color::Green);
    step(&world, DeployStep::Gate).unwrap();
    assert!(world.color(Color::Green).healthy);
}

#[test]
fn deploys_are_read_by_number_and_by_service() {
    let fixture = Fixture::new();
    let world = fixture.start_healthy();
    begin(&world).unwrap();
    let of = |id: Option<u64>, service: Option<&str>| {
        let (id, service) = (id.map(DeployId), service.map(name));
        world.wait(world.handle.deploys(DeploySelection { id, service }))
    };
    assert_eq!(of(Some(1), None).unwrap().len(), 1);
    assert_eq!(of(None, Some("web")).unwrap().len(), 1);
    assert_eq!(of(Some(2), None).unwrap_err().code(), "unknown_deploy");
    assert_eq!(of(None, Some("mail")).unwrap_err().code(), "unknown_service");
}
