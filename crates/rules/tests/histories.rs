//! Random histories: whatever is asked in whatever order, the state stays sound, and replaying
//! the events gives the same state.

#![allow(clippy::unwrap_used, reason = "a test that can't go on should stop")]

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use proptest::prelude::*;
use rules::{
    Actor, Bake, Baseline, BeginDeploy, Cause, Claim, Color, Command, ConfiguredService, Cut,
    DeployId, DeployResult, DeployStep, Direction, DrainEnd, EndRollout, Event, Figures,
    Generation, Move, MoveRequest, OnFail, Proof, ProvenColor, Refusal, ReportDeploy, RolloutEvent,
    RolloutId, RolloutResult, ServiceName, State, TargetUrl, Tell, Time, Told, Verdict, Version,
    Watched, apply, check, decide,
};

const NAMES: [&str; 3] = ["web", "api", "mail"];

fn name(index: usize) -> ServiceName {
    ServiceName::new(NAMES[index]).unwrap()
}

fn proof() -> Proof {
    Proof {
        target: TargetUrl::parse("http://127.0.0.1:1").unwrap().into(),
        at: Time(1),
        status: 200,
        latency: Duration::from_millis(3),
    }
}

fn color() -> impl Strategy<Value = Color> {
    prop_oneof![Just(Color::Blue), Just(Color::Green)]
}

fn direction() -> impl Strategy<Value = Direction> {
    prop_oneof![
        4 => color().prop_map(Direction::To),
        2 => Just(Direction::Back),
        1 => color().prop_map(Direction::AwayFrom),
    ]
}

/// One service or a group of them; failovers are of one.
fn services() -> impl Strategy<Value = Vec<ServiceName>> {
    let several = proptest::sample::subsequence(vec![0, 1, 2], 1..=3);
    several.prop_map(|indexes| indexes.into_iter().map(name).collect())
}

fn moves() -> impl Strategy<Value = Command> {
    let generation = proptest::option::weighted(0.2, 0..12u64);
    let release = (any::<bool>(), any::<bool>(), proptest::option::weighted(0.2, 0..8u64));
    let parts = (services(), direction(), generation, 0..10u8, release);
    parts.prop_map(|(mut services, direction, if_generation, evidence, release)| {
        let (supersede, is_watched, verdict) = release;
        let verdict = verdict.map(|id| Verdict { rollout: RolloutId(id), detail: "bad".into() });
        if matches!(direction, Direction::AwayFrom(_)) {
            services.truncate(1);
        }
        let mut proven = proven(&services);
        match evidence {
            0 => proven.iter_mut().for_each(|one| one.evidence.clear()),
            1 => drop(proven.pop()),
            _ => {}
        }
        let if_generation = if_generation.map(Generation);
        Command::Move(Move {
            watched: is_watched.then(|| watched(&services)),
            request: MoveRequest {
                if_generation,
                supersede,
                verdict,
                ..MoveRequest::new(services, direction)
            },
            actor: Actor::Uid(1),
            proven,
            remarks: rules::Remarks::default(),
        })
    })
}

fn watched(services: &[ServiceName]) -> Watched {
    let baseline =
        |service: &ServiceName| Baseline { service: service.clone(), requests: 1000, failed: 3 };
    let bake = Bake { duration: Duration::from_secs(600), on_fail: OnFail::Rollback };
    Watched { bake, baselines: services.iter().map(baseline).collect() }
}

fn end_rollout() -> impl Strategy<Value = Command> {
    let result = proptest::sample::select(RolloutResult::ALL.to_vec());
    (0..8u64, result).prop_map(|(id, result)| {
        Command::EndRollout(EndRollout { id: RolloutId(id), result, detail: String::new() })
    })
}

/// Both colors of all of them.
fn proven(services: &[ServiceName]) -> Vec<ProvenColor> {
    let one = |service: &ServiceName, color| ProvenColor {
        service: service.clone(),
        color,
        evidence: vec![proof()],
        unfinished: Some(Figures::default()),
    };
    services.iter().flat_map(|service| Color::BOTH.map(|color| one(service, color))).collect()
}

fn reload() -> impl Strategy<Value = Command> {
    let one = (any::<bool>(), color(), any::<bool>());
    proptest::array::uniform3(one).prop_map(|services| {
        let configured = services.into_iter().enumerate().filter(|(_, (is_there, ..))| *is_there);
        let configured = configured.map(|(index, (_, initial, moved))| ConfiguredService {
            name: name(index),
            initial,
            moved,
            told: [Vec::new(), Vec::new()],
        });
        Command::Reload { configured: configured.collect(), actor: Actor::Teal }
    })
}

fn begin_deploy() -> impl Strategy<Value = Command> {
    let generation = proptest::option::of(0..12u64);
    let parts = (services(), any::<bool>(), generation, any::<bool>(), any::<bool>());
    parts.prop_map(|(services, supersede, if_generation, has_version, sweep)| {
        Command::BeginDeploy(BeginDeploy {
            services,
            group: None,
            version: has_version.then(|| Version::new("v42").unwrap()),
            actor: Actor::Uid(1),
            by: None,
            reason: None,
            emergency: false,
            supersede,
            sweep,
            if_generation: if_generation.map(Generation),
        })
    })
}

fn report_deploy() -> impl Strategy<Value = Command> {
    let steps = [DeployStep::Before, DeployStep::Start, DeployStep::Switch, DeployStep::Keep];
    let step = proptest::option::of(proptest::sample::select(steps.to_vec()));
    let result = proptest::option::of(proptest::sample::select(DeployResult::ALL.to_vec()));
    let claim = prop_oneof![
        3 => (1..3u32).prop_map(Claim::Held),
        1 => (0..60u64).prop_map(|silent| Claim::Take {
            actor: Actor::Teal,
            by: Some("ci@host".to_owned()),
            silent: Duration::from_secs(silent),
        }),
    ];
    (0..6u64, claim, step, any::<bool>(), result).prop_map(|(id, claim, step, pause, result)| {
        let id = DeployId(id);
        let keep = pause.then_some(Duration::from_secs(60));
        Command::ReportDeploy(ReportDeploy { id, claim, step, pause, result, detail: None, keep })
    })
}

/// One target at one of three ports, or none.
fn tell() -> impl Strategy<Value = Command> {
    let claim = proptest::option::of((1..6u64, 1..3u32));
    (0..3usize, color(), 0..4u16, claim).prop_map(|(service, color, port, deploy)| {
        let url = |port: u16| TargetUrl::parse(&format!("http://127.0.0.1:{port}")).unwrap();
        Command::Tell(Tell {
            service: name(service),
            color,
            targets: (port > 0).then(|| url(port)).into_iter().collect(),
            deploy: deploy.map(|(id, claim)| (DeployId(id), claim)),
            if_generation: None,
            actor: Actor::Teal,
        })
    })
}

fn command() -> impl Strategy<Value = Command> {
    let end = prop_oneof![
        Just(DrainEnd::Drained),
        Just(DrainEnd::Cut(Cut { unanswered: 1, answering: 2, tunnels: 3 })),
    ];
    prop_oneof![
        8 => moves(),
        8 => (0..40u64).prop_map(|g| Command::Published { generation: Generation(g) }),
        4 => (0..40u64, 0..3usize, end).prop_map(|(g, service, end)| Command::EndDrain {
            generation: Generation(g),
            service: name(service),
            end,
            figures: Figures::default(),
        }),
        1 => (0..3usize).prop_map(|service| Command::Hold {
            service: name(service),
            actor: Actor::Teal,
            max_wait: Duration::from_secs(30),
        }),
        1 => (0..3usize)
            .prop_map(|service| Command::Resume { service: name(service), actor: Actor::Teal }),
        1 => (services(), any::<bool>()).prop_map(|(services, on)| if on {
            let notice = Arc::default();
            Command::BeginMaintenance { services, actor: Actor::Teal, notice }
        } else {
            Command::EndMaintenance { services, actor: Actor::Teal }
        }),
        2 => reload(),
        2 => (0..3usize, color()).prop_map(|(service, color)| Command::Retire {
            service: name(service),
            color,
            actor: Actor::Teal,
        }),
        3 => tell(),
        1 => (0..3usize).prop_map(|service| Command::RevokePreviews {
            service: name(service),
            actor: Actor::Teal,
        }),
        3 => begin_deploy(),
        6 => report_deploy(),
        2 => end_rollout(),
        1 => Just(Command::Restart),
    ]
}

/// Invariants that hold after every command.
fn check_step(before: &State, after: &State, events: &[Event]) {
    check(after).unwrap();
    let grown = after.generation().0 - before.generation().0;
    assert!(grown <= 1, "a generation was skipped");
    let change = |event: &Event| match event {
        Event::Moved { generation, .. } | Event::Reloaded { generation, .. } => Some(*generation),
        Event::Told(Told { generation, .. }) => *generation,
        _ => None,
    };
    let changes: BTreeSet<_> = events.iter().filter_map(change).collect();
    let as_many = changes.len() as u64 == grown;
    assert!(as_many || before.is_new(), "a generation is one change of traffic");
    check_together(before, events);
    check_rollouts(before, events);
    for (name, service) in before.services() {
        let now = after.services().find(|(other, _)| *other == name);
        let (_, now) = now.expect("a service is never forgotten");
        let moved = events
            .iter()
            .any(|event| matches!(event, Event::Moved { service, .. } if service == name));
        assert_eq!(now.split != service.split, moved, "only a switch changes the color");
    }
}

/// Traffic goes back by itself at most once for each version, and only while its rollout is open.
fn check_rollouts(before: &State, events: &[Event]) {
    // L12
    for event in events {
        let Event::Rollout(RolloutEvent::Ended { id, end }) = event else { continue };
        let rollout = before.rollouts().get(*id).expect("it has begun");
        assert!(rollout.is_open(), "it ends once");
        let is_back = |name: &ServiceName| {
            events.iter().any(|event| {
                matches!(event, Event::Moved { service, from, cause: Cause::Rollback, .. }
                    if service == name && *from == rollout.candidate)
            })
        };
        if end.result == RolloutResult::RolledBack {
            assert!(rollout.names().all(is_back), "its services go back together");
        }
    }
}

/// Services that move together leave one color for the other, and each has a receipt of its own.
fn check_together(before: &State, events: &[Event]) {
    let mut colors = BTreeMap::new();
    for event in events {
        if let Event::Moved { service, from, .. } = event {
            assert_eq!(before.serving(service).unwrap().0.split.stable(), *from);
            assert_eq!(colors.insert(service, *from), None, "{service} moves twice");
        }
    }
    assert!(colors.values().collect::<BTreeSet<_>>().len() <= 1, "they go to different colors");
}

/// Publishes what is under way, so that random commands get further than "in progress".
fn acknowledge(command: Command, state: &State) -> Command {
    match (command, state.publishing()) {
        (Command::Published { generation }, Some(publishing)) if generation.0 % 4 != 0 => {
            Command::Published { generation: publishing }
        }
        (command, _) => command,
    }
}

proptest! {
    #[test]
    fn whatever_is_asked_the_state_stays_sound_and_its_events_replay_to_it(
        commands in proptest::collection::vec(command(), 1..60),
        pauses in proptest::collection::vec(0..40_000u64, 60),
    ) {
        // L6 L9
        let mut state = State::default();
        let mut journal = Vec::new();
        let mut now = Time(1_000_000);
        let all = NAMES.iter().enumerate().map(|(index, _)| ConfiguredService {
            name: name(index),
            initial: Color::Blue,
            moved: false,
            told: [Vec::new(), Vec::new()],
        });
        let first = Command::Reload { configured: all.collect(), actor: Actor::Teal };
        for (command, pause) in std::iter::once(first).chain(commands).zip([0].iter().chain(&pauses)) {
            now = now.plus(Duration::from_millis(*pause));
            let before = state.clone();
            let Ok(events) = decide(&state, acknowledge(command, &state), now) else {
                prop_assert_eq!(&before, &state);
                continue;
            };
            for event in &events {
                journal.push(event.clone());
                apply(&mut state, event.clone());
            }
            check_step(&before, &state, &events);
        }
        let mut replayed = State::default();
        for event in journal {
            apply(&mut replayed, event);
        }
        prop_assert_eq!(replayed, state);
    }

    #[test]
    fn no_service_fails_over_twice_within_a_minute_without_an_operator(
        pauses in proptest::collection::vec(1..50_000u64, 1..40),
    ) {
        let mut state = State::default();
        let configured = vec![ConfiguredService { name: name(0), initial: Color::Blue, moved: false, told: [Vec::new(), Vec::new()] }];
        run(&mut state, Command::Reload { configured, actor: Actor::Teal }, Time(0)).unwrap();
        let mut last: Option<Time> = None;
        let mut now = Time(1_000_000);
        for pause in pauses {
            now = now.plus(Duration::from_millis(pause));
            let dead = state.serving(&name(0)).unwrap().0.split.stable();
            let result = run(&mut state, go(Direction::AwayFrom(dead), None), now);
            let too_early = last.is_some_and(|last| now.since(last) < Duration::from_secs(60));
            match result {
                Ok(()) => {
                    prop_assert!(!too_early);
                    last = Some(now);
                    publish(&mut state, now);
                }
                Err(Refusal::FailoverCooling { .. }) => prop_assert!(too_early),
                Err(other) => prop_assert!(false, "{other}"),
            }
        }
    }
}

fn run(state: &mut State, command: Command, now: Time) -> Result<(), Refusal> {
    let events = decide(state, command, now)?;
    for event in events {
        apply(state, event);
    }
    check(state).unwrap();
    Ok(())
}

fn publish(state: &mut State, now: Time) {
    if let Some(generation) = state.publishing() {
        run(state, Command::Published { generation }, now).unwrap();
    }
}

fn go(direction: Direction, if_generation: Option<u64>) -> Command {
    Command::Move(Move {
        request: MoveRequest {
            if_generation: if_generation.map(Generation),
            ..MoveRequest::new(vec![name(0)], direction)
        },
        actor: Actor::Uid(1),
        proven: proven(&[name(0)]),
        remarks: rules::Remarks::default(),
        watched: None,
    })
}
