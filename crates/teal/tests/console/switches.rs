//! Switches as the console shows and makes them.

use testkit::{Behavior, Client, Health, Load, LoadOptions, websocket};

use crate::{Scenario, Setup, done};

#[test]
fn a_switch_of_somebody_else_is_seen_under_load_with_the_numbers_of_metrics() {
    // L8
    let setup = Setup::new();
    let mut load = None;
    let load = std::cell::RefCell::new(&mut load);
    Scenario::start("watch", &setup.teal, &Setup::viewer()).passes(&mut [
        ("load", &mut || {
            **load.borrow_mut() = Some(Load::start(setup.teal.listener(), LoadOptions::default()));
            done()
        }),
        ("switch", &mut || {
            setup.teal.switch_to("green");
            "green".to_owned()
        }),
        ("stop", &mut || {
            let load = load.borrow_mut().take().expect("it was started");
            load.stop().assert_nothing_lost();
            done()
        }),
    ]);
    setup.finish();
}

#[test]
fn the_keyboard_alone_switches_after_the_dry_run() {
    let setup = Setup::new();
    let load = Load::start(setup.teal.listener(), LoadOptions::default());
    Scenario::start("keyboard", &setup.teal, &Setup::viewer()).passes(&mut []);
    load.stop().assert_nothing_lost();
    assert!(setup.teal.generation() > 0, "nothing was switched");
    let receipt = setup.teal.receipt(setup.teal.generation());
    assert!(receipt.to_string().contains("\"mia\""), "who switched is in the receipt: {receipt}");
    setup.finish();
}

#[test]
fn a_rollback_goes_back_and_says_so() {
    let setup = Setup::new();
    Scenario::start("rollback", &setup.teal, &Setup::viewer()).passes(&mut []);
    let receipt = setup.teal.receipt(setup.teal.generation());
    assert_eq!((&receipt["cause"], setup.teal.active()), (&"rollback".into(), "blue".to_owned()));
    setup.finish();
}

#[test]
fn a_refused_switch_says_why_and_changes_nothing() {
    // L9
    let setup = Setup::new();
    Scenario::start("refused", &setup.teal, &Setup::viewer()).passes(&mut [
        ("fail-idle", &mut || {
            setup.green.health(Health::Status(503));
            setup.teal.wait_healthy("green", false);
            done()
        }),
        ("heal-idle", &mut || {
            assert_eq!(setup.teal.active(), "blue");
            setup.green.health(Health::Healthy);
            setup.teal.wait_healthy("green", true);
            done()
        }),
        ("switch-elsewhere", &mut || {
            let sam = format!("Bearer {}", Setup::token_of("sam"));
            for color in ["green", "blue"] {
                let head = format!(
                    "POST /admin/switch?to={color} HTTP/1.1\r\nHost: {}\r\nAuthorization: {sam}\r\n\
                     Content-Length: 0\r\n\r\n",
                    setup.teal.admin()
                );
                let mut client = Client::connect(setup.teal.admin());
                client.send(head);
                let answer = client.answer();
                assert_eq!(answer.status, 200, "{}", answer.text());
            }
            "sam".to_owned()
        }),
    ]);
    setup.finish();
}

#[test]
fn a_drain_with_a_websocket_is_counted_down_until_it_is_safe_to_stop() {
    // L4
    let setup = Setup::with(|settings| settings.drain("60s"));
    setup.blue.behave_at("/ws", Behavior::WebSocket);
    let socket = std::cell::RefCell::new(None);
    Scenario::start("drain", &setup.teal, &Setup::viewer()).passes(&mut [
        ("websocket", &mut || {
            *socket.borrow_mut() = Some(websocket(setup.teal.listener(), "/ws"));
            done()
        }),
        ("close", &mut || {
            let mut socket = socket.borrow_mut().take().expect("it was opened");
            socket.close(None).expect("a Close frame is sent");
            while socket.read().is_ok() {}
            done()
        }),
    ]);
    setup.finish();
}

#[test]
fn hold_resume_retire_a_paused_deploy_and_a_receipt_are_acted_on() {
    let setup = Setup::new();
    Scenario::start("actions", &setup.teal, &Setup::viewer()).passes(&mut []);
    setup.finish();
}
