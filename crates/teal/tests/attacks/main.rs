//! The tables of attacks, played against the real program: what hostile clients send and what hostile
//! targets answer, every case at rest, and every case again while traffic is switched back and forth
//! without a pause (F19, L2).
//!
//! A case that must leave its connection open is followed by an honest request on that very
//! connection, so that nothing of the attack can be left in it.

#![allow(clippy::panic, clippy::expect_used, reason = "a test that can't go on should stop")]

mod case;
mod differential;
mod play;
mod response;

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use testkit::{Settings, Target, Teal};

use case::Case;
use response::ResponseCase;

const TEAL: &str = env!("CARGO_BIN_EXE_teal");

/// For an answer, or the end of a connection.
const PATIENCE: Duration = Duration::from_secs(3);

/// The cases are played again and again until so many switches were made meanwhile.
const SWITCHES: u64 = 100;

/// Plays every case and lists those that came out otherwise.
fn play_all(cases: &[Case], teal: &Teal, targets: [&Target; 2]) -> Vec<String> {
    let wrong = cases.iter().filter_map(|case| {
        let outcome = play::play(case, teal.listener(), targets, PATIENCE);
        let problems = outcome.problems(case);
        (!problems.is_empty()).then(|| {
            let sent: String = case.send.chars().take(160).collect();
            format!(
                "{} {}: {}\n  sent {sent:?}\n  {outcome}",
                case.row,
                case.name,
                problems.join("; ")
            )
        })
    });
    wrong.collect()
}

/// Plays every hostile answer and lists those that came out otherwise.
fn answer_all(cases: &[ResponseCase], teal: &Teal) -> Vec<String> {
    let wrong = cases.iter().enumerate().filter_map(|(number, case)| {
        let problems = response::problems(number, case, teal.listener(), PATIENCE);
        let told = || format!("{} {}: {}", case.row, case.name, problems.join("; "));
        (!problems.is_empty()).then(told)
    });
    wrong.collect()
}

/// Plays cases at rest, then again and again while traffic is switched.
fn at_rest_and_while_switching(teal: &Teal, play: impl Fn() -> Vec<String>) {
    let wrong = play();
    assert!(wrong.is_empty(), "{} at rest:\n{}", wrong.len(), wrong.join("\n"));

    let (over, switches) = (AtomicBool::new(false), AtomicU64::new(0));
    let wrong = thread::scope(|scope| {
        scope.spawn(|| {
            for to in ["green", "blue"].into_iter().cycle() {
                let answer = teal.switch(to, "&wait=published");
                assert_eq!(answer.status, 200, "{}", answer.text());
                switches.fetch_add(1, Ordering::Relaxed);
                if over.load(Ordering::Relaxed) {
                    break;
                }
            }
        });
        let mut wrong = Vec::new();
        while wrong.is_empty() && switches.load(Ordering::Relaxed) < SWITCHES {
            wrong = play();
        }
        over.store(true, Ordering::Relaxed);
        wrong
    });
    assert!(wrong.is_empty(), "{} while switching:\n{}", wrong.len(), wrong.join("\n"));
    teal.assert_books_balance();
}

#[test]
fn every_attack_ends_as_the_table_says_at_rest_and_while_switching() {
    // L2 L8
    let cases = case::all();
    let rows: BTreeSet<&str> = cases.iter().map(|case| &*case.row).collect();
    assert!(cases.len() >= 300 && rows.len() >= 25, "{} cases, rows {rows:?}", cases.len());
    let (blue, green) = (Target::start("blue"), Target::start("green"));
    let teal = Teal::start_healthy(TEAL, &Settings::new(&blue, &green));
    at_rest_and_while_switching(&teal, || play_all(&cases, &teal, [&blue, &green]));
}

#[test]
fn every_hostile_answer_ends_as_the_table_says_at_rest_and_while_switching() {
    // L2 L8
    let cases = response::all();
    assert!(cases.len() >= 70, "{} cases", cases.len());
    let (blue, green) = (Target::start("blue"), Target::start("green"));
    response::prepare(&cases, [&blue, &green]);
    let teal = Teal::start_healthy(TEAL, &Settings::new(&blue, &green));
    at_rest_and_while_switching(&teal, || answer_all(&cases, &teal));
}
