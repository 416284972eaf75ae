//! Fifteen hundred services: known within seconds, each as quick to reach and to switch as one alone.

use std::fmt::Write as _;
use std::time::{Duration, Instant};

use testkit::{Settings, Target, Teal, wait_until};

use crate::TEAL;

const SERVICES: usize = 1_500;

/// For what takes a moment with one service.
const SOON: Duration = Duration::from_secs(10);

#[test]
fn many_services_are_known_switched_and_stopped_as_soon_as_one() {
    let (blue, green) = (Target::start("blue"), Target::start("green"));
    let mut services = String::new();
    for number in 0..SERVICES {
        let (blue, green) = (blue.url(), green.url());
        write!(
            services,
            "[[service]]\nname = \"s{number}\"\nhosts = [\"s{number}.test\"]\n\
             blue = {{ targets = [\"{blue}\"] }}\ngreen = {{ targets = [\"{green}\"] }}\n"
        )
        .expect("a string takes all");
    }
    let settings = Settings::new(&blue, &green).extra(&services);
    let mut teal = Teal::start(TEAL, &settings);
    let known = || {
        let status = teal.status();
        let services = status["services"].as_array().expect("a list");
        services.len() == SERVICES + 1
            && services.iter().all(|s| {
                s["colors"]["blue"]["healthy"] == true && s["colors"]["green"]["healthy"] == true
            })
    };
    wait_until(SOON, "every target to be known", known);

    let who = |number: usize| {
        let mut client = testkit::Client::connect(teal.listener());
        client.send(format!("GET /who HTTP/1.1\r\nHost: s{number}.test\r\n\r\n"));
        client.answer().fields.get("x-target").map(ToOwned::to_owned)
    };
    let began = Instant::now();
    for number in [0, 700, SERVICES - 1] {
        let answer = teal.switch("green", &format!("&service=s{number}"));
        assert_eq!(answer.status, 200, "{}", answer.text());
        assert_eq!(who(number).as_deref(), Some("green"));
        assert_eq!(who(number / 2 + 1).as_deref(), Some("blue"), "others stay where they are");
    }
    assert!(began.elapsed() < SOON, "three switches took {:?}", began.elapsed());

    // All of green's targets fall at once: one table says so, not fifteen hundred.
    green.stop();
    let fallen = || {
        let status = teal.status();
        let services = status["services"].as_array().expect("a list");
        services.iter().all(|service| service["colors"]["green"]["healthy"] == false)
    };
    wait_until(SOON * 2, "every target of green to be down", fallen);
    assert_eq!(who(1).as_deref(), Some("blue"));
    teal.assert_books_balance();
    let began = Instant::now();
    assert_eq!(teal.stop(SOON), Some(0), "a stop takes its time: {:?}", began.elapsed());
}
