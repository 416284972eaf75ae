//! Several operators at once, and one that disconnects in the middle.

use std::collections::BTreeSet;
use std::thread;

use testkit::{Client, wait_until};

use crate::stage::{SOON, Stage};

fn switch_request(stage: &Stage, color: &str, further: &str) -> String {
    let (admin, token) = (stage.teal.admin(), stage.teal.token());
    format!(
        "POST /admin/switch?to={color} HTTP/1.1\r\nHost: {admin}\r\nAuthorization: Bearer \
         {token}\r\n{further}Content-Length: 0\r\n\r\n"
    )
}

#[test]
fn of_many_switches_from_the_same_generation_one_wins() {
    // A7
    let stage = Stage::new();
    let generation = stage.teal.service()["generation"].as_u64().expect("a generation");
    let request = switch_request(&stage, "green", &format!("If-Match: \"{generation}\"\r\n"));
    let admin = stage.teal.admin();
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
    assert_eq!(stage.teal.service()["generation"], generation + 1);
    assert_eq!(stage.who(), "green");
    stage.finish();
}

#[test]
fn switches_in_both_directions_at_once_leave_one_consistent_state() {
    let stage = Stage::new();
    let before = stage.teal.generation();
    let admin = stage.teal.admin();
    let operators = ["green", "blue"].into_iter().cycle().take(12).map(|color| {
        let request = switch_request(&stage, color, "");
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
    assert_eq!(stage.teal.generation(), before + changes);
    let generations = (before + 1..=before + changes).map(|generation| {
        stage.teal.receipt(generation)["generation"].as_u64().expect("a generation")
    });
    assert_eq!(generations.collect::<BTreeSet<_>>().len() as u64, changes);
    assert_eq!(stage.who(), stage.teal.active());
    stage.finish();
}

#[test]
fn a_caller_that_disconnects_in_the_middle_cancels_nothing() {
    let stage = Stage::new();
    let (mut held, gate) = stage.held_on_blue();
    let mut caller = Client::connect(stage.teal.admin());
    caller.send(switch_request(&stage, "green", ""));
    wait_until(SOON, "traffic is on green", || stage.who() == "green");
    caller.reset();
    assert_eq!(stage.teal.color("blue")["role"], "draining");
    gate.open();
    assert_eq!(held.answer().fields.get("x-target"), Some("blue"));
    wait_until(SOON, "blue is drained", || stage.teal.color("blue")["drained"] == true);
    let receipt = stage.teal.receipt(stage.teal.generation()).to_string();
    assert!(receipt.contains("drained"), "{receipt}");
    stage.finish();
}

#[test]
fn a_caller_that_disconnects_at_once_cancels_nothing() {
    let stage = Stage::new();
    let mut caller = Client::connect(stage.teal.admin());
    caller.send(switch_request(&stage, "green", ""));
    wait_until(SOON, "the switch has begun", || stage.teal.active() == "green");
    drop(caller);
    wait_until(SOON, "blue is drained", || stage.teal.color("blue")["drained"] == true);
    stage.finish();
}
