//! Targets that a runner tells: who may, what follows, and what a reload leaves of them.

#![allow(clippy::unwrap_used, reason = "a test that can't go on should stop")]

mod support;

use rules::{
    Actor, BeginDeploy, Color, Command, ConfiguredService, DeployId, Event, Generation,
    HistoryEntry, ProbeKind, Refusal, ServiceSpec, State, TargetSettings, TargetTls, TargetUrl,
    Tell, Told,
};
use support::{name, publish, run};

const NONE: [Vec<TargetUrl>; 2] = [Vec::new(), Vec::new()];

fn url(text: &str) -> TargetUrl {
    TargetUrl::parse(text).unwrap()
}

fn reload(state: &mut State, told: &[Vec<TargetUrl>; 2]) -> Vec<Event> {
    let one = |text: &str| ConfiguredService {
        name: name(text),
        initial: Color::Blue,
        moved: false,
        told: if text == "web" { told.clone() } else { NONE },
    };
    let configured = ["web", "api"].map(one).into();
    let events = run(state, Command::Reload { configured, actor: Actor::Teal }).unwrap();
    publish(state);
    events
}

/// A Teal with the services `web` and `api`, on blue, and without any target.
fn started() -> State {
    let mut state = State::default();
    reload(&mut state, &NONE);
    state
}

fn told(color: Color, urls: &[&str]) -> Tell {
    Tell {
        service: name("web"),
        color,
        targets: urls.iter().map(|text| url(text)).collect(),
        deploy: None,
        if_generation: None,
        actor: Actor::Uid(7),
    }
}

fn tell(state: &mut State, tell: Tell) -> Result<Vec<Event>, Refusal> {
    let events = run(state, Command::Tell(tell))?;
    assert!(events.iter().all(Event::is_decision), "durable before it is answered (L6)");
    publish(state);
    Ok(events)
}

fn deploy(state: &mut State, services: &[&str]) -> DeployId {
    let begin = BeginDeploy {
        services: services.iter().map(|text| name(text)).collect(),
        group: None,
        version: None,
        actor: Actor::Uid(7),
        by: None,
        reason: None,
        emergency: false,
        supersede: false,
        sweep: false,
        if_generation: None,
    };
    run(state, Command::BeginDeploy(begin)).unwrap();
    state.deploys().last()
}

const ONE: &str = "http://127.0.0.1:4001";
const TWO: &str = "http://127.0.0.1:4002";

#[test]
fn idle_targets_are_told_without_a_generation_and_active_ones_with_one() {
    let mut state = started();
    tell(&mut state, told(Color::Green, &[ONE])).unwrap();
    assert_eq!(state.told(&name("web"), Color::Green), [url(ONE)]);
    assert_eq!(state.generation(), Generation(0), "green receives nothing");
    tell(&mut state, told(Color::Blue, &[TWO])).unwrap();
    assert_eq!(state.generation(), Generation(1));
    let (service, _) = state.serving(&name("web")).unwrap();
    assert_eq!((service.generation, service.split.stable()), (Generation(1), Color::Blue));
    let last = state.history().iter().next_back().unwrap();
    let is_it = |told: &Told| told.color == Color::Blue && told.generation == Some(Generation(1));
    assert!(matches!(last, HistoryEntry::Told(told) if is_it(told)), "{last:?}");
    assert_eq!(tell(&mut state, told(Color::Blue, &[TWO])).unwrap(), [], "they are there already");
}

#[test]
fn an_active_color_keeps_its_targets_until_others_take_their_place() {
    let mut state = started();
    assert_eq!(tell(&mut state, told(Color::Green, &[])).unwrap(), []);
    tell(&mut state, told(Color::Blue, &[ONE])).unwrap();
    assert_eq!(tell(&mut state, told(Color::Blue, &[])).unwrap_err().code(), "unhealthy");
    tell(&mut state, told(Color::Green, &[TWO])).unwrap();
    tell(&mut state, told(Color::Green, &[])).unwrap();
    assert_eq!(state.told(&name("web"), Color::Green), []);
}

#[test]
fn active_targets_wait_for_what_is_being_published_and_idle_ones_do_not() {
    let mut state = started();
    run(&mut state, Command::Tell(told(Color::Blue, &[ONE]))).unwrap();
    assert_eq!(state.publishing(), Some(Generation(1)));
    let refused = run(&mut state, Command::Tell(told(Color::Blue, &[TWO]))).unwrap_err();
    assert_eq!(refused.code(), "switch_in_progress");
    run(&mut state, Command::Tell(told(Color::Green, &[TWO]))).unwrap();
}

#[test]
fn during_a_deploy_only_its_command_line_tells_targets() {
    let mut state = started();
    let mut of = |deploy| {
        let tell = Tell { deploy, ..told(Color::Green, &[ONE]) };
        run(&mut state, Command::Tell(tell)).map(|events| events.len()).map_err(|no| no.code())
    };
    assert_eq!(of(Some((DeployId(1), 1))), Err("unknown_deploy"));
    let id = deploy(&mut state, &["web"]);
    let mut of = |deploy| {
        let tell = Tell { deploy, ..told(Color::Green, &[ONE]) };
        run(&mut state, Command::Tell(tell)).map(|events| events.len()).map_err(|no| no.code())
    };
    assert_eq!(of(None), Err("deploy_in_progress"));
    assert_eq!(of(Some((id, 2))), Err("deploy_taken_over"));
    assert_eq!(of(Some((id, 1))), Ok(1));
    let of_another =
        Tell { service: name("api"), deploy: Some((id, 1)), ..told(Color::Green, &[TWO]) };
    assert_eq!(tell(&mut state, of_another).unwrap_err().code(), "deploy_step");
}

#[test]
fn another_generation_and_an_unknown_service_are_refused() {
    let mut state = started();
    let stale = Tell { if_generation: Some(Generation(5)), ..told(Color::Green, &[ONE]) };
    assert_eq!(tell(&mut state, stale).unwrap_err().code(), "generation_mismatch");
    let unknown = Tell { service: name("mail"), ..told(Color::Green, &[ONE]) };
    assert_eq!(tell(&mut state, unknown).unwrap_err().code(), "unknown_service");
}

#[test]
fn a_reload_keeps_told_targets_takes_configured_ones_over_and_drops_those_that_are_configured_now()
{
    let mut state = started();
    tell(&mut state, told(Color::Green, &[ONE])).unwrap();
    let kept = [vec![], vec![url(ONE)]];
    assert_eq!(reload(&mut state, &kept), [], "nothing has changed");
    // Blue was configured with this target, and is left to a runner now.
    let taken = reload(&mut state, &[vec![url(TWO)], vec![url(ONE)]]);
    assert_eq!(taken.len(), 1);
    assert_eq!(state.told(&name("web"), Color::Blue), [url(TWO)]);
    assert_eq!(reload(&mut state, &NONE).len(), 2);
    assert_eq!(state.told(&name("web"), Color::Green), []);
    assert_eq!(
        state.generation(),
        Generation(0),
        "what traffic sees is the configuration's matter"
    );
}

#[test]
fn told_targets_get_the_settings_of_their_color_and_are_checked_like_configured_ones() {
    let mut spec = ServiceSpec::new(name("web"), vec![url(TWO)], Vec::new());
    let tls = TargetTls { only_http1: true, ..TargetTls::default() };
    let settings =
        TargetSettings { tls: Some(tls.clone()), own_host: true, ..TargetSettings::default() };
    spec.colors[1].told = Some(settings);
    spec.set_told(Color::Green, &[url("https://app:4001")]);
    spec.set_told(Color::Blue, &[]);
    assert_eq!(spec.colors[0].targets, [url(TWO)], "the configuration names them");
    let target = &spec.colors[1].targets[0];
    assert_eq!((target.tls(), target.own_host()), (Some(&tls), Some("app:4001")));
    assert_eq!(target.clone().bare(), url("https://app:4001"));
    assert_eq!(spec.color(Color::Green).tls(), Some(&tls));
    let secure = |port: u16| url(&format!("https://127.0.0.1:{port}"));
    assert_eq!(spec.check_told(Color::Green, &[secure(1), secure(2)]), Ok(()));
    for (targets, says) in [
        (vec![secure(1), secure(1)], "have https://127.0.0.1:1 twice"),
        (vec![secure(4002)], "is also a target of blue"),
        (vec![url(ONE)], "write it as https://HOST:PORT"),
    ] {
        let problem = spec.check_told(Color::Green, &targets).unwrap_err();
        assert!(problem.contains(says), "{problem}");
    }
    spec.health.kind = ProbeKind::Grpc;
    spec.colors[1].told = Some(TargetSettings::default());
    assert!(spec.check_told(Color::Green, &[url(ONE)]).unwrap_err().contains("write it as h2c://"));
}
