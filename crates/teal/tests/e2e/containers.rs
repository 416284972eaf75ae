//! Teal as the first process of a container, and below whatever else is the first: an upgrade ends
//! nothing, and a stop waits.

use std::process::Command;
use std::thread;

use rustix::process::Signal;
use testkit::{Behavior, Load, LoadOptions, wait_until};

use crate::setup::{SOON, Setup};
use crate::upgrade::LEFT;

/// A namespace of processes of its own, as a container's runtime makes it.
const CONTAINER: [&str; 4] = ["unshare", "--pid", "--fork", "--mount-proc"];

/// Returns true if this machine allows it: only root may make such a namespace.
fn allowed() -> bool {
    let tried = Command::new(CONTAINER[0]).args(&CONTAINER[1..]).arg("true").output();
    let allowed = tried.is_ok_and(|tried| tried.status.success());
    if !allowed {
        #[expect(clippy::print_stderr, reason = "a test that is left out says so")]
        {
            eprintln!("left out: only root can make a namespace of processes");
        }
    }
    allowed
}

/// Upgrades, kills and stops a Teal below these words.
fn lives_below(words: &[&str], first_forwards: bool) {
    let words = [&CONTAINER[..], words].concat();
    let mut setup = Setup::new();
    assert_eq!(setup.teal.stop(SOON), Some(0));
    setup.teal.spawn_below(&words);
    setup.teal.wait_ready();
    setup.teal.wait_healthy("blue", true);
    let parent = setup.teal.parent_pid();
    let load = Load::start(
        setup.teal.listener(),
        LoadOptions { connections: 4, ..LoadOptions::default() },
    );
    setup.teal.upgrade();
    wait_until(LEFT, "the older one has left", || setup.teal.log().contains("older Teal has left"));
    load.wait_for_more(50);
    load.stop().assert_nothing_lost();
    // A newer one that dies within its trial, and one that dies when it is over.
    setup.teal.upgrade();
    setup.teal.kill_serving();
    assert_eq!(setup.who(), "blue");
    setup.teal.wait_alone(LEFT);
    let killed = setup.teal.kill_serving();
    assert_eq!(setup.who(), "blue");
    setup.teal.wait_revived(killed);
    assert_eq!(setup.teal.parent_pid(), parent);
    setup.teal.signal(Signal::HUP);
    setup.teal.log_has(&["SIGHUP: nothing has changed"]);

    setup.blue.behave_at("/slow", Behavior::Slow(std::time::Duration::from_millis(1_500)));
    let mut client = setup.client();
    client.send("GET /slow HTTP/1.1\r\nHost: test\r\n\r\n");
    wait_until(SOON, "it is in flight", || !setup.blue.seen().requests_to("/slow").is_empty());
    if first_forwards {
        setup.teal.signal_first(Signal::TERM);
    } else {
        setup.teal.signal(Signal::TERM);
    }
    assert_eq!(client.answer().status, 200, "a stop after an upgrade waits");
    assert_eq!(setup.teal.wait_exit(SOON), Some(0), "{}", setup.teal.log());
}

#[test]
fn r6_an_upgrade_ends_no_container_whatever_its_first_process_is() {
    // L7
    if !allowed() {
        return;
    }
    let below: [(&[&str], bool); 3] = [
        (&[], true),
        (&["tini", "--"], true),
        (&["sh", "-c", "\"$@\"; exit $?", "sh"], false), // a shell forwards no signal
    ];
    let all = below.map(|(words, forwards)| thread::spawn(move || lives_below(words, forwards)));
    for one in all {
        one.join().expect("no panic");
    }
}
