//! Dry runs of hold, resume, retire and of a closer deadline, by the command line.

use testkit::{Behavior, wait_until};

use crate::setup::{SOON, Setup};

#[test]
fn the_command_line_says_what_would_happen_and_changes_nothing() {
    let setup = Setup::new();
    setup.blue.behave_at("/hang", Behavior::Hang);
    let mut hanging = setup.client();
    hanging.send("GET /hang HTTP/1.1\r\nHost: test\r\n\r\n");
    wait_until(SOON, "the request has reached blue", || {
        setup.blue.seen().requests_to("/hang").len() == 1
    });
    let says = |args: &[&str], words: &[&str]| {
        let told = setup.teal.cli(args);
        told.assert_code(0);
        assert!(told.stdout.starts_with("Dry run: nothing was changed\n"), "{told:?}");
        for words in words {
            assert!(told.stdout.contains(words), "{args:?}: {words}: {told:?}");
        }
    };
    says(
        &["hold", "--max-wait", "7s", "--drain", "3s", "--dry-run"],
        &["each at most 7s", "1 request stays on blue for up to 3s"],
    );
    assert!(setup.teal.service()["held"].is_null());
    says(&["retire", "green", "--dry-run", "--if-generation", "0"], &["not even a probe"]);
    assert_ne!(setup.teal.color("green")["retired"], true);
    let refused = setup.teal.cli(&["retire", "blue", "--dry-run"]);
    refused.assert_code(3);
    assert!(refused.stderr.contains("active"), "{refused:?}");
    let stale = setup.teal.cli(&["hold", "--if-generation", "9"]);
    stale.assert_code(3);
    assert!(stale.stderr.contains("generation 0"), "{stale:?}");
    setup.teal.cli(&["hold", "--no-wait"]).assert_code(0);
    let mut waits = setup.client();
    waits.send("GET / HTTP/1.1\r\nHost: test\r\n\r\n");
    wait_until(SOON, "it waits", || setup.teal.service()["held"]["waiting"] == 1);
    says(&["resume", "--dry-run"], &["1 waiting request goes to blue"]);
    assert_eq!(setup.teal.service()["held"]["waiting"], 1);
    let json = setup.teal.cli(&["resume", "--dry-run", "--json"]);
    json.assert_code(0);
    let json: serde_json::Value = serde_json::from_str(&json.stdout).expect("JSON");
    assert_eq!((&json["dry_run"], &json["color"]), (&true.into(), &"blue".into()));
    setup.teal.cli(&["resume", "--if-generation", "0"]).assert_code(0);
    assert_eq!(waits.answer().status, 200);
    setup.teal.switch("green", "&wait=published&drain=60s");
    let closer = ["switch", "green", "--drain", "1s", "--dry-run"];
    let told = setup.teal.cli(&closer);
    told.assert_code(0);
    assert!(told.stdout.contains("1 request on blue has 1s instead of "), "{told:?}");
    let left = setup.teal.color("blue")["deadline_seconds"].as_f64();
    assert!(left > Some(30.0), "{left:?}: nothing was changed");
    setup.teal.cli(&["switch", "green", "--drain", "100ms"]);
    assert_eq!(hanging.answer().status, 504);
    setup.finish();
}
