//! Several services that are switched together: all or none, in one generation.

use std::time::Duration;

use control::{Answer, Destination, Scope, SwitchRequest, Switched};
use rules::{
    Color, DrainEnd, Generation, GroupName, GroupSpec, Progress, Receipt, Refusal, ServiceName,
};
use testkit::{Target, wait_until};
use traffic::SwitchEnd;

use crate::world::{Fixture, SOON, World, name, service, to};

/// Web, api and mail; web and api are the group `shop`. Api has a green of its own.
struct Shop {
    fixture: Fixture,
    green: Target,
}

impl Shop {
    fn new() -> Self {
        let (fixture, green) = (Fixture::new(), Target::start("api-green"));
        let spec = |text: &str, green| {
            let mut spec = service(text, &fixture.blue, green);
            spec.hosts = vec![format!("{text}.test")];
            spec
        };
        let all =
            vec![spec("web", &fixture.green), spec("api", &green), spec("mail", &fixture.green)];
        *fixture.config.lock().unwrap() = Ok(all);
        *fixture.groups.lock().unwrap() = vec![group("shop", &["web", "api"])];
        Self { fixture, green }
    }

    fn start(&self) -> World {
        let world = self.fixture.start();
        wait_until(SOON, "all colors are healthy", || {
            let status = world.wait(world.handle.status()).unwrap();
            status.services.iter().all(|one| one.colors.iter().all(|color| color.healthy))
        });
        world
    }
}

fn group(text: &str, services: &[&str]) -> GroupSpec {
    let services = services.iter().map(|text| name(text)).collect();
    GroupSpec { name: GroupName::new(text).unwrap(), services }
}

fn shop(color: Color) -> SwitchRequest {
    SwitchRequest { scope: Scope::Group(GroupName::new("shop").unwrap()), ..to(color) }
}

fn single(text: &str, color: Color) -> SwitchRequest {
    SwitchRequest { scope: Scope::Service(name(text)), ..to(color) }
}

fn back() -> SwitchRequest {
    SwitchRequest { to: Destination::Previous, ..shop(Color::Blue) }
}

fn ask(world: &World, ask: SwitchRequest) -> Answer<Vec<Switched>> {
    world.wait(world.handle.switch(ask))
}

/// Color and generation of web, api and mail.
fn now(world: &World) -> [(Color, u64); 3] {
    let status = world.wait(world.handle.status()).unwrap();
    let all = status.services.iter().map(|one| (one.split.stable(), one.generation.0));
    all.collect::<Vec<_>>().try_into().unwrap()
}

fn receipts(world: &World, generation: u64) -> Vec<Receipt> {
    world.wait(world.handle.receipts(Some(Generation(generation)))).unwrap()
}

/// The end of each service's drain, in a word.
fn ends(world: &World, switched: Vec<Switched>) -> Vec<String> {
    let one = |switched| match switched {
        Switched::Published { service, to, mut drain, .. } => {
            format!("{service} to {to}: {}", world.wait(drain.end()))
        }
        Switched::AlreadyOn { service, color, .. } => format!("{service} was on {color}"),
        Switched::DryRun { service, to, evidence, .. } => {
            format!("{service} would go to {to}: {} probes", evidence.len())
        }
    };
    switched.into_iter().map(one).collect()
}

#[test]
fn a_group_moves_in_one_generation_and_each_service_has_its_drain_and_receipt() {
    // L2 L4
    let cast = Shop::new();
    let world = cast.start();
    let switched = ask(&world, shop(Color::Green)).unwrap();
    let table = world.publisher.table();
    let there = table.services.iter().map(|one| (one.split.stable(), one.generation.0));
    let green = (Color::Green, 1);
    assert_eq!(there.collect::<Vec<_>>(), [green, green, (Color::Blue, 0)]);
    assert_eq!(ends(&world, switched), ["web to green: drained", "api to green: drained"]);
    wait_until(SOON, "both receipts are complete", || {
        let receipts = receipts(&world, 1);
        assert_eq!(receipts.len(), 2);
        receipts.iter().all(|one| one.end() == Some(DrainEnd::Drained) && one.figures.is_some())
    });
    let again = ask(&world, shop(Color::Green)).unwrap();
    assert_eq!(ends(&world, again), ["web was on green", "api was on green"]);
    assert_eq!(now(&world)[0], green, "and no generation was used up");
}

#[test]
fn one_service_that_is_not_healthy_refuses_all_and_is_named() {
    // L9
    let cast = Shop::new();
    let world = cast.start();
    cast.green.stop();
    let refusal = ask(&world, shop(Color::Green)).unwrap_err();
    let Refusal::Unhealthy { service, reason, .. } = &refusal else { panic!("{refusal}") };
    assert_eq!(*service, name("api"));
    assert!(reason.starts_with("api: http://"), "{reason}");
    assert_eq!(now(&world), [(Color::Blue, 0); 3]);
    let counts = world.wait(world.handle.metrics()).unwrap();
    let refused: Vec<_> =
        counts.services.iter().map(|one| one.sum.switches[SwitchEnd::Refused as usize]).collect();
    assert_eq!(refused, [1, 1, 0], "each service of the group was not switched");
}

#[test]
fn the_evidence_for_all_is_good_at_one_moment() {
    // L9
    let cast = Shop::new();
    let world = cast.start();
    cast.green.stop();
    let wait_healthy = Some(SOON);
    let handle = world.handle.clone();
    let patient = std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(handle.switch(SwitchRequest { wait_healthy, ..shop(Color::Green) }))
    });
    let interval = Duration::from_millis(400);
    // Web and mail are probed once an interval each, since nothing changes for them.
    let seen = cast.fixture.green.seen().probes().len();
    wait_until(SOON, "what web was proven by is old", || {
        cast.fixture.green.seen().probes().len() > seen + 10
    });
    cast.green.restart();
    patient.join().unwrap().unwrap();
    for receipt in receipts(&world, 1) {
        let last = receipt.evidence.iter().map(|proof| proof.at).max().unwrap();
        let age = receipt.decided.since(last);
        assert!(age < interval * 2, "the evidence for {} is {age:?} old", receipt.service);
    }
}

#[test]
fn services_already_there_are_left_alone_and_a_dry_run_names_those_that_would_move() {
    let cast = Shop::new();
    let world = cast.start();
    ask(&world, single("api", Color::Green)).unwrap();
    let dry = SwitchRequest { dry_run: true, ..shop(Color::Green) };
    let would = ends(&world, ask(&world, dry).unwrap());
    assert!(would[0].starts_with("web would go to green"), "{would:?}");
    assert_eq!(would[1], "api was on green");
    assert_eq!(now(&world)[..2], [(Color::Blue, 0), (Color::Green, 1)]);
    let switched = ends(&world, ask(&world, shop(Color::Green)).unwrap());
    assert_eq!(switched, ["web to green: drained", "api was on green"]);
    assert_eq!(now(&world)[..2], [(Color::Green, 2), (Color::Green, 1)]);
    let stale = SwitchRequest { if_generation: Some(Generation(1)), ..shop(Color::Blue) };
    assert_eq!(ask(&world, stale).unwrap_err().code(), "generation_mismatch");
    let fresh = SwitchRequest { if_generation: Some(Generation(2)), ..shop(Color::Blue) };
    ask(&world, fresh).unwrap();
    assert_eq!(now(&world), [(Color::Blue, 3), (Color::Blue, 3), (Color::Blue, 0)]);
}

#[test]
fn a_rollback_moves_back_the_services_of_the_newest_switch() {
    let cast = Shop::new();
    let world = cast.start();
    let refusal = ask(&world, back()).unwrap_err();
    let services = vec![name("web"), name("api")];
    assert_eq!(refusal, Refusal::NothingToRollBack { services });
    ask(&world, shop(Color::Green)).unwrap();
    ask(&world, back()).unwrap();
    assert_eq!(now(&world)[..2], [(Color::Blue, 2), (Color::Blue, 2)]);
    ask(&world, single("web", Color::Green)).unwrap();
    ask(&world, back()).unwrap();
    assert_eq!(now(&world)[..2], [(Color::Blue, 4), (Color::Blue, 2)]);
}

#[test]
fn a_crash_right_after_the_answer_finds_all_of_the_group_on_the_new_color() {
    // L6
    let cast = Shop::new();
    let world = cast.start();
    ask(&world, shop(Color::Green)).unwrap();
    world.crash();
    let world = cast.fixture.start();
    assert_eq!(now(&world), [(Color::Green, 1), (Color::Green, 1), (Color::Blue, 0)]);
    assert_eq!(receipts(&world, 1).len(), 2);
}

#[test]
fn a_decision_that_cannot_be_made_durable_moves_no_service() {
    // L6
    let cast = Shop::new();
    let world = cast.start();
    cast.fixture.disk.break_down(true);
    let refusal = ask(&world, shop(Color::Green)).unwrap_err();
    assert_eq!(refusal.code(), "journal_unavailable");
    assert_eq!(now(&world), [(Color::Blue, 0); 3]);
    world.crash();
    cast.fixture.disk.break_down(false);
    assert_eq!(now(&cast.fixture.start()), [(Color::Blue, 0); 3]);
}

#[test]
fn a_silent_worker_is_named_and_when_it_acknowledges_all_receipts_continue() {
    // L2 L4 L10
    let cast = Shop::new();
    let world = cast.start();
    world.workers[1].silence(true);
    let refusal = ask(&world, shop(Color::Green)).unwrap_err();
    let generation = Generation(1);
    assert_eq!(refusal, Refusal::PublishIncomplete { generation, workers: vec![1] });
    assert!(receipts(&world, 1).iter().all(|one| one.progress == Progress::Publishing));
    world.workers[1].silence(false);
    wait_until(SOON, "both drains have ended", || {
        receipts(&world, 1).iter().all(|one| one.end() == Some(DrainEnd::Drained))
    });
    assert_eq!(now(&world)[..2], [(Color::Green, 1), (Color::Green, 1)]);
}

#[test]
fn a_change_of_one_service_and_a_change_of_its_group_are_in_each_others_way_until_published() {
    let cast = Shop::new();
    let world = cast.start();
    let in_the_way = |first: SwitchRequest, others: &[SwitchRequest]| {
        world.workers[1].silence(true);
        let handle = world.handle.clone();
        let first = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
            runtime.block_on(handle.switch(first))
        });
        wait_until(SOON, "the first is being published", || {
            world.wait(world.handle.status()).unwrap().publishing.is_some()
        });
        for other in others {
            let refusal = ask(&world, other.clone()).unwrap_err();
            assert_eq!(refusal.code(), "switch_in_progress", "{other:?}");
        }
        world.workers[1].silence(false);
        drop(first.join().unwrap()); // on a busy machine it may have been late
        wait_until(SOON, "the first is published", || {
            world.wait(world.handle.status()).unwrap().publishing.is_none()
        });
    };
    let (green, blue) = (Color::Green, Color::Blue);
    in_the_way(single("web", green), &[shop(green), shop(blue), back()]);
    in_the_way(shop(green), &[single("api", blue), single("web", blue), shop(green)]);
    assert_eq!(now(&world), [(green, 1), (green, 2), (blue, 0)]);
    world.workers[1].silence(true);
    let first = world.in_background(single("mail", green));
    wait_until(SOON, "mail is being published", || {
        world.wait(world.handle.status()).unwrap().publishing.is_some()
    });
    let handle = world.handle.clone();
    let group = std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(handle.switch(shop(blue)))
    });
    world.workers[1].silence(false);
    drop(first.join().unwrap());
    group.join().unwrap().expect("it waits for its turn: mail is none of its services");
}

#[test]
fn a_group_has_all_of_its_services_in_hand_or_none() {
    let cast = Shop::new();
    let world = cast.start();
    let hold = |text| {
        let (service, actor) = (Some(name(text)), rules::Actor::Teal);
        let ask = control::HoldRequest {
            service,
            actor,
            max_wait: None,
            drain: None,
            if_generation: None,
        };
        world.wait(world.handle.hold(ask)).unwrap_err().code()
    };
    world.workers[1].silence(true);
    let handle = world.handle.clone();
    let group = std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(handle.switch(shop(Color::Green)))
    });
    wait_until(SOON, "the group is being published", || {
        world.wait(world.handle.status()).unwrap().publishing.is_some()
    });
    assert_eq!([hold("web"), hold("api")], ["switch_in_progress"; 2]);
    world.workers[1].silence(false);
    drop(group.join().unwrap()); // on a busy machine it may have been late
}

#[test]
fn of_groups_and_services_switched_at_once_each_gets_a_true_answer() {
    // L10
    let cast = Shop::new();
    let groups = vec![group("shop", &["web", "api"]), group("all", &["mail", "api", "web"])];
    *cast.fixture.groups.lock().unwrap() = groups;
    let world = cast.start();
    let all =
        |color| SwitchRequest { scope: Scope::Group(GroupName::new("all").unwrap()), ..to(color) };
    let answers = world.wait(async {
        let asks = (0..24).map(|n| {
            let color = Color::BOTH[n / 4 % 2];
            let ask = match n % 4 {
                0 => shop(color),
                1 => single("api", color),
                2 => all(color),
                _ => single("mail", color),
            };
            let handle = world.handle.clone();
            tokio::spawn(async move { handle.switch(ask).await })
        });
        let mut answers = Vec::new();
        for asked in asks.collect::<Vec<_>>() {
            answers.push(asked.await.unwrap());
        }
        answers
    });
    let refused = |answer: &Answer<Vec<Switched>>| {
        let true_answers = ["switch_in_progress", "superseded"];
        answer.as_ref().is_err_and(|refusal| !true_answers.contains(&refusal.code()))
    };
    assert!(!answers.iter().any(refused), "{answers:?}");
    let published = answers.iter().flatten().flatten().filter_map(|one| match one {
        Switched::Published { service, generation, to, .. } => {
            Some((*generation, service.clone(), *to))
        }
        _ => None,
    });
    let mut said: Vec<(Generation, ServiceName, Color)> = published.collect();
    said.sort();
    let history = world.wait(world.handle.history()).unwrap();
    let receipts = history.iter().filter_map(|entry| entry.receipt());
    let mut done: Vec<_> =
        receipts.map(|one| (one.generation, one.service.clone(), one.to)).collect();
    done.sort();
    assert_eq!(said, done, "exactly the reported changes were made");
}

#[test]
fn a_service_that_moves_on_supersedes_its_own_drain_and_not_that_of_the_group() {
    // L3 L4
    let cast = Shop::new();
    let world = cast.start();
    let (lease, _) = world.claim(); // of web
    let mut switched = ask(&world, shop(Color::Green)).unwrap().into_iter();
    let Some(Switched::Published { drain: mut web, .. }) = switched.next() else { panic!("web") };
    let Some(Switched::Published { drain: mut api, .. }) = switched.next() else { panic!("api") };
    assert_eq!(world.wait(api.end()), DrainEnd::Drained);
    assert_eq!(web.now(), None, "a request is still on its old color");
    ask(&world, single("web", Color::Blue)).unwrap();
    assert_eq!(world.wait(web.end()), DrainEnd::Superseded { by: Generation(2) });
    wait_until(SOON, "both receipts are complete", || {
        receipts(&world, 1).iter().all(|one| one.end().is_some())
    });
    let found: Vec<_> = receipts(&world, 1).iter().map(Receipt::end).collect();
    let superseded = DrainEnd::Superseded { by: Generation(2) };
    assert_eq!(found, [Some(superseded), Some(DrainEnd::Drained)]);
    world.workers[0].release(lease);
}

#[test]
fn groups_come_and_go_by_reload_without_a_generation() {
    let cast = Shop::new();
    let world = cast.start();
    let reload =
        || world.wait(world.handle.reload(control::ReloadRequest { actor: rules::Actor::Teal }));
    let with = |groups: Vec<GroupSpec>| {
        *cast.fixture.groups.lock().unwrap() = groups;
        let reloaded = reload().unwrap();
        assert_eq!(reloaded.generation, None, "traffic goes where it went");
        reloaded.changes
    };
    assert_eq!(with(vec![group("shop", &["web", "api"])]), [""; 0]);
    let changes = with(vec![group("shop", &["web"]), group("post", &["mail", "api"])]);
    assert_eq!(changes, ["group shop changed", "group post added"]);
    let switched = ask(&world, shop(Color::Green)).unwrap();
    assert_eq!(ends(&world, switched), ["web to green: drained"]);
    assert_eq!(with(vec![group("post", &["mail", "api"])]), ["group shop removed"]);
    let refusal = ask(&world, shop(Color::Blue)).unwrap_err();
    assert_eq!(refusal.to_string(), "no group is called shop; there are: post");
    let status = world.wait(world.handle.status()).unwrap();
    assert_eq!(status.groups, [group("post", &["mail", "api"])]);
    with(Vec::new());
    let refusal = ask(&world, shop(Color::Blue)).unwrap_err();
    assert_eq!(refusal.to_string(), "no group is called shop; there are: none");
}

#[test]
fn a_group_is_not_switched_while_another_teal_takes_over() {
    let cast = Shop::new();
    let world = cast.start();
    let frozen = world.wait(world.handle.freeze()).unwrap();
    assert_eq!(ask(&world, shop(Color::Green)).unwrap_err(), Refusal::UpgradeInProgress);
    drop(frozen);
    assert_eq!(now(&world), [(Color::Blue, 0); 3]);
}
