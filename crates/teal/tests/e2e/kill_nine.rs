//! Killed with -9 at random points of switches, again and again: it comes back with the old state
//! or with the new one, and with the new one if it had answered so.

use std::thread;
use std::time::Duration;

use testkit::{Client, Settings, Target, Teal};

use crate::TEAL;

const ROUNDS: u64 = 250;
const DELAY_MAX_MICROSECONDS: u64 = 12_000;

/// The state that a client of the admin API has read before Teal was killed.
fn ask_for_a_switch(teal: &Teal, color: &str) -> thread::JoinHandle<Option<u16>> {
    let (admin, token) = (teal.admin(), teal.token());
    let request = format!(
        "POST /admin/switch?to={color} HTTP/1.1\r\nHost: {admin}\r\nAuthorization: Bearer \
         {token}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
    );
    thread::spawn(move || {
        let mut client = Client::try_connect(admin).ok()?;
        client.try_send(request).ok()?;
        client.read_answer(false).ok().map(|answer| answer.status)
    })
}

fn survive_kills(seed: u64) {
    let (blue, green) = (Target::start("blue"), Target::start("green"));
    let mut teal = Teal::start_healthy(TEAL, &Settings::new(&blue, &green));
    let (mut color, mut generation) = (teal.active(), teal.generation());
    let mut random = seed;
    let mut switched = 0;
    for round in 0..ROUNDS {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        let delay = Duration::from_micros((random >> 33) % DELAY_MAX_MICROSECONDS);
        let other = if color == "blue" { "green" } else { "blue" };
        let serving = teal.serving_pids();
        let asked = ask_for_a_switch(&teal, other);
        // A random point of the switch is the point of the test.
        thread::sleep(delay);
        teal.kill_at_once(&serving);
        let answer = asked.join().expect("the client does not panic");
        teal.start_again();
        let now = (teal.active(), teal.generation());
        let old = (color.clone(), generation);
        let new = (other.to_owned(), generation + 1);
        let context = format!("seed {seed}, round {round}, killed after {delay:?}");
        assert!(now == old || now == new, "{now:?} after {old:?}: {context}");
        assert!(answer != Some(200) || now == new, "a switch was forgotten: {context}");
        switched += u64::from(now == new);
        (color, generation) = now;
    }
    assert!(switched > 0 && switched < ROUNDS, "{switched} of {ROUNDS} kills were after a switch");
    assert_eq!(Client::connect(teal.listener()).get("/").fields.get("x-target"), Some(&*color));
    teal.assert_books_balance();
}

#[test]
fn the_first_250_kills_find_the_old_state_or_the_new_one() {
    // L6
    survive_kills(1);
}

#[test]
fn the_second_250_kills_find_the_old_state_or_the_new_one() {
    // L6
    survive_kills(2);
}
