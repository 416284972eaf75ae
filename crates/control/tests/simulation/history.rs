//! One history: a seed, and everything that follows from it.

use std::rc::Rc;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use control::{Destination, Scope, SwitchRequest};
use rules::{Actor, Color, Failover, Generation, ServiceName, ServiceSpec};
use tokio::runtime::Builder;
use tokio::task::LocalSet;
use tokio::time::{sleep, timeout};

use crate::fault_storage::{Disk, Fault, Random};
use crate::life::{Ask, Fixture, Life};
use crate::targets::{Mood, Targets, urls};
use crate::witness::Witness;
use crate::workers::Manner;

const LIVES: usize = 3;
const STEPS: usize = 12;

/// Plays the history of this seed: a few lives, each ended by a crash.
pub(crate) fn play(seed: u64) {
    let mut random = Random::new(seed);
    let mut disk = Disk::new(random.next());
    let orderly = random.percent(50);
    let spec = spec(!orderly && random.percent(50));
    let fixture = Rc::new(Fixture {
        targets: Targets::default(),
        config: Arc::new(Mutex::new(spec)),
        witness: Rc::new(Witness::new(disk.clone(), random.next())),
        orderly,
    });
    for _ in 0..LIVES {
        let runtime = Builder::new_current_thread().enable_all().start_paused(true).build();
        let life = live(fixture.clone(), disk.clone(), &mut random);
        disk = LocalSet::new().block_on(&runtime.unwrap(), life);
    }
}

fn spec(failover: bool) -> ServiceSpec {
    let one = |color| vec![urls(color)[0].clone()];
    let name = ServiceName::new("web").unwrap();
    let mut spec = ServiceSpec::new(name, one(Color::Blue), one(Color::Green));
    spec.policy_mut().drain.timeout = Duration::from_secs(6);
    spec.policy_mut().failover = if failover { Failover::Auto } else { Failover::Off };
    spec
}

/// One life. Returns what the crash leaves of the disk.
async fn live(fixture: Rc<Fixture>, disk: Disk, random: &mut Random) -> Disk {
    let witness = fixture.witness.clone();
    let life = Life::start(fixture.clone(), &disk).await;
    for _ in 0..=random.below(STEPS) {
        life.look().await;
        step(&life, &fixture, &disk, random).await;
    }
    life.look().await;
    // The power fails at some operation of the disk within what comes now.
    let known = witness.newest();
    disk.record();
    life.clone().in_background(|life| life.ask(any_ask(random)));
    // On the virtual clock: a part of the history, not a wait for luck.
    sleep(Duration::from_millis(random.below(1_500) as u64)).await;
    life.look().await;
    let mut instants = disk.recorded();
    let at = random.below(instants.len() + 1);
    let now = at == instants.len();
    let left = if now { disk } else { instants.swap_remove(at) };
    let left = left.after_power_loss(random.next());
    witness.reborn(left.clone(), (!now).then_some(known));
    left
}

async fn step(life: &Rc<Life>, fixture: &Fixture, disk: &Disk, random: &mut Random) {
    let color = any_color(random);
    let worker = &life.workers[random.below(2)];
    match random.below(100) {
        0..40 => put(life, fixture, random).await,
        // On the virtual clock: a part of the history.
        40..55 => sleep(Duration::from_millis(random.below(8_000) as u64)).await,
        55..65 => {
            let moods = [Mood::Well, Mood::Well, Mood::Failing, Mood::Hanging, Mood::Refusing];
            let url = &urls(color)[random.below(2)];
            fixture.targets.set(url, moods[random.below(moods.len())]);
        }
        65..73 => {
            let late = Duration::from_millis(random.below(1_700) as u64 + 100);
            let manners = [Manner::Prompt, Manner::Prompt, Manner::Late(late), Manner::Silent];
            worker.behave(manners[random.below(manners.len())]);
        }
        73..83 => worker.claim(random.percent(50)),
        83..89 => worker.release(),
        89..91 => worker.report_refused(),
        91..96 => {
            let fault = if random.percent(50) { Fault::Broken } else { Fault::Full };
            disk.fail(random.below(6) as u64, [1, 2, 5, 1_000][random.below(4)], fault);
        }
        _ => disk.heal(),
    }
}

/// A caller, who may wait for the answer, go away, or be one of several.
async fn put(life: &Rc<Life>, fixture: &Fixture, random: &mut Random) {
    let ask = any_ask(random);
    if matches!(ask, Ask::Reload) {
        // One target more or less, on one color.
        let color = any_color(random);
        let [first, second] = urls(color);
        let mut spec = fixture.config.lock().unwrap();
        let targets = &mut spec.colors[color.index()].targets;
        *targets = if targets.len() == 1 { vec![first, second] } else { vec![first] };
    }
    let asking = life.clone().ask(ask);
    match random.below(4) {
        _ if fixture.orderly => asking.await,
        0 => drop(timeout(Duration::from_millis(random.below(900) as u64), asking).await),
        1 => life.clone().in_background(|_| asking),
        _ => asking.await,
    }
}

fn any_ask(random: &mut Random) -> Ask {
    let color = any_color(random);
    let seconds = Duration::from_secs(random.below(5) as u64 + 1);
    let to = match random.below(100) {
        0..50 => Destination::Color(color),
        50..65 => Destination::Previous,
        65..73 => return Ask::Hold,
        73..82 => return Ask::Resume,
        82..91 => return Ask::Reload,
        _ => return Ask::Drained(color, seconds),
    };
    Ask::Switch(SwitchRequest {
        scope: Scope::Only,
        to,
        actor: Actor::Uid(0),
        if_generation: random.percent(10).then(|| Generation(random.below(4) as u64)),
        wait_healthy: random.percent(20).then_some(seconds),
        drain: random.percent(30).then_some(seconds),
        dry_run: random.percent(5),
        supersede: false,
        remarks: rules::Remarks::default(),
    })
}

fn any_color(random: &mut Random) -> Color {
    Color::BOTH[random.below(2)]
}
