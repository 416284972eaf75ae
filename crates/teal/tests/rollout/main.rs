//! Rollouts of a real Teal: a switch that is watched, judged by the requests of real clients, and taken back.

mod bake;

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use serde_json::Value;
use testkit::{Client, Settings, Target, Teal};

/// The program under test.
const TEAL: &str = env!("CARGO_BIN_EXE_teal");

/// Longer than a second on a busy machine.
const SOON: Duration = Duration::from_secs(10);

/// Clients of different networks, each with one request at a time.
const CLIENTS: u8 = 6;

/// The answers to a load.
#[derive(Debug, Default)]
struct Answers {
    stop: AtomicBool,
    good: AtomicU64,
    failed: AtomicU64,
}

impl Answers {
    fn good(&self) -> u64 {
        self.good.load(Ordering::Relaxed)
    }

    fn failed(&self) -> u64 {
        self.failed.load(Ordering::Relaxed)
    }
}

/// Runs `work` under a load on `/`, and on `/broken` every other time.
fn under_load<T>(address: SocketAddr, work: impl FnOnce(&Answers) -> T) -> (T, Answers) {
    let answers = Answers::default();
    let result = thread::scope(|scope| {
        for client in 1..=CLIENTS {
            let answers = &answers;
            scope.spawn(move || ask(client, address, answers));
        }
        let _stop = StopOnDrop(&answers.stop);
        work(&answers)
    });
    (result, answers)
}

/// Ends the load also when `work` panics, which the scope would wait for otherwise.
struct StopOnDrop<'s>(&'s AtomicBool);

impl Drop for StopOnDrop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

fn ask(client: u8, address: SocketAddr, answers: &Answers) {
    let mut connection = Client::connect_from([127, 0, client, 1].into(), address);
    let paths = ["/", "/broken"];
    for path in paths.iter().cycle() {
        if answers.stop.load(Ordering::Relaxed) {
            return;
        }
        let count = match connection.get(path).status {
            200 => &answers.good,
            _ => &answers.failed,
        };
        count.fetch_add(1, Ordering::Relaxed);
    }
}

/// Two healthy colors, with a watched switch.
fn settings(blue: &Target, green: &Target, rollout: &str) -> Settings {
    Settings::new(blue, green).service("rollout", rollout)
}

/// The newest rollout.
fn newest(teal: &Teal) -> Value {
    let (status, json) = teal.ask_json("GET", "/admin/rollouts");
    assert_eq!(status, 200, "{json}");
    json["rollouts"][0].clone()
}
