//! Several operators at once, and one that disconnects in the middle.

use std::collections::BTreeSet;
use std::thread;

use testkit::{Client, wait_until};

use crate::setup::{SOON, Setup};

fn switch_request(setup: &Setup, color: &str, further: &str) -> String {
    let (admin, token) = (setup.teal.admin(), setup.teal.token());
    format!(
        "POST /admin/switch?to={color} HTTP/1.1\r\nHost: {admin}\r\nAuthorization: Bearer \
         {token}\r\n{further}Content-Length: 0\r\n\r\n"
    )
}

#[test]
fn of_many_switches_from_the_same_generation_one_wins() {
    // A7
    let setup = Setup::new();
    let generation = setup.teal.service()["generation"].as_u64().expect("a generation");
    let request = switch_request(&setup, "green", &format!("If-Match: \"{generation}\"\r\n"));
    let admin = setup.teal.admin();
    let operators = (0..16).map(|_| {
        let request = request.clone();
        thread::spawn(move || {
            let mut client = Client::connect(admin);
            client.send(request);
            client.answer()
        })
    });
    let operators = operators.collect::<Vec<_>>();
    let mut switched = 0;
    for operator in operators {
        let answer = operator.join().expect("the client does not panic");
        let text = answer.text();
        // A later caller finds it done, or under way.
        assert!(matches!(answer.status, 200 | 409 | 412), "{}: {text}", answer.status);
        switched += u32::from(text.starts_with("Switched from blue to green"));
    }
    assert_eq!(switched, 1);
    assert_eq!(setup.teal.service()["generation"], generation + 1);
    assert_eq!(setup.who(), "green");
    setup.finish();
}

#[test]
fn switches_in_both_directions_at_once_leave_one_consistent_state() {
    let setup = Setup::new();
    let before = setup.teal.generation();
    let admin = setup.teal.admin();
    let operators = ["green", "blue"].into_iter().cycle().take(12).map(|color| {
        let request = switch_request(&setup, color, "");
        thread::spawn(move || {
            let mut client = Client::connect(admin);
            client.send(request);
            client.answer()
        })
    });
    let operators = operators.collect::<Vec<_>>();
    let mut changes = 0;
    for operator in operators {
        let answer = operator.join().expect("the client does not panic");
        assert!(matches!(answer.status, 200 | 409 | 412), "{}", answer.text());
        changes += u64::from(answer.text().starts_with("Switched from"));
    }
    assert_eq!(setup.teal.generation(), before + changes);
    let generations = (before + 1..=before + changes).map(|generation| {
        setup.teal.receipt(generation)["generation"].as_u64().expect("a generation")
    });
    assert_eq!(generations.collect::<BTreeSet<_>>().len() as u64, changes);
    assert_eq!(setup.who(), setup.teal.active());
    setup.finish();
}

#[test]
fn a_caller_that_disconnects_in_the_middle_cancels_nothing() {
    let setup = Setup::new();
    let (mut held, gate) = setup.held_on_blue();
    let mut caller = Client::connect(setup.teal.admin());
    caller.send(switch_request(&setup, "green", ""));
    wait_until(SOON, "traffic is on green", || setup.who() == "green");
    caller.reset();
    assert_eq!(setup.teal.color("blue")["role"], "draining");
    gate.open();
    assert_eq!(held.answer().fields.get("x-target"), Some("blue"));
    wait_until(SOON, "blue is drained", || setup.teal.color("blue")["drained"] == true);
    let receipt = setup.teal.receipt(setup.teal.generation()).to_string();
    assert!(receipt.contains("drained"), "{receipt}");
    setup.finish();
}

#[test]
fn a_caller_that_disconnects_at_once_cancels_nothing() {
    let setup = Setup::new();
    let mut caller = Client::connect(setup.teal.admin());
    caller.send(switch_request(&setup, "green", ""));
    wait_until(SOON, "the switch has begun", || setup.teal.active() == "green");
    drop(caller);
    wait_until(SOON, "blue is drained", || setup.teal.color("blue")["drained"] == true);
    setup.finish();
}
