//! Every crash point of a thousand histories.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

use journal::Journal;

use crate::fault_storage::{Disk, Fault, Random};
use crate::model::{Append, Run, any_step, expect_one_of, expect_usable};

const STEPS: usize = 8;

/// Plays the history of this seed. At every operation of every step the power fails, and
/// separately the process is killed: what is then found must be the state before or after.
fn play(seed: u64) -> u64 {
    let mut random = Random::new(seed);
    let mut run = Run::start(Disk::new(random.next()));
    let mut points = 0;
    for step in 0..STEPS {
        if random.percent(25) {
            let fault = if random.percent(50) { Fault::Broken } else { Fault::Full };
            let count = [1, 2, 5, 1_000][random.below(4)];
            run.disk.fail(random.below(8) as u64, count, fault);
        } else if random.percent(50) {
            run.disk.heal();
        }
        let action = any_step(&mut random, run.generation());
        let outcome = catch_unwind(AssertUnwindSafe(|| {
            run.take(&action, &mut |disk, allowed| {
                points += 1;
                crash_at(disk, allowed, &mut random);
            });
        }));
        if let Err(failed) = outcome {
            eprintln!("failing seed {seed}, step {step}: {action:?}");
            resume_unwind(failed);
        }
        if random.percent(15) {
            run.crash(run.disk.after_power_loss(random.next()));
        }
    }
    points
}

fn crash_at(disk: &Disk, allowed: &[&[Append]], random: &mut Random) {
    let crashed = disk.after_power_loss(random.next());
    expect_one_of(&crashed, allowed);
    if random.percent(10) {
        expect_usable(&crashed);
    }

    // Killed, and later the power fails: what a start has read, it has made durable.
    let killed = disk.after_kill();
    let found = expect_one_of(&killed, allowed);
    let kept = expect_one_of(&killed.after_power_loss(random.next()), &[&found]);
    assert_eq!(kept, found, "another state after a crash of a Teal that did nothing");

    // Killed, and the power fails while the next Teal starts.
    if random.percent(4) {
        let killed = disk.after_kill();
        killed.record();
        drop(Journal::open(killed.storage(), None).expect("it opened before"));
        for starting in killed.recorded() {
            expect_one_of(&starting.after_power_loss(random.next()), allowed);
        }
    }
}

fn play_all(seeds: std::ops::Range<u64>) {
    let points: u64 = seeds.map(play).sum();
    assert!(points > 20_000, "only {points} crash points: the histories do too little");
}

// L6
#[test]
fn every_crash_point_of_histories_0_to_499_leaves_the_old_or_the_new_state() {
    play_all(0..500);
}

// L6
#[test]
fn every_crash_point_of_histories_500_to_999_leaves_the_old_or_the_new_state() {
    play_all(500..1_000);
}
