//! A start and an upgrade with names that nobody answers for: a start waits for those of active colors, for a
//! while, and for no others; an upgrade goes on with the addresses that are in use.

use std::net::UdpSocket;
use std::time::{Duration, Instant};

use rustix::process::Signal;
use testkit::{Client, Load, LoadOptions, Settings, Target, Teal, wait_until};

use crate::TEAL;
use crate::dnsmasq::Names;
use crate::own_network;
use crate::setup::SOON;

/// The shortest time in which the resolver gives up (`timeout:1 attempts:1`).
const SILENT: Duration = Duration::from_secs(1);

#[test]
fn r73_a_start_waits_for_no_name_of_an_idle_color() {
    // L10
    let test = "r73_a_start_waits_for_no_name_of_an_idle_color";
    let hosts = "127.0.0.1 localhost\n";
    if !own_network::is_inside(module_path!(), test, hosts, "hosts: files dns", "true") {
        return;
    }
    // It hears every question and answers none.
    let silent = UdpSocket::bind("127.0.0.1:53").expect("the namespace has port 53 free");
    let (blue, green) = (Target::start("blue"), Target::start("green"));
    let started = |settings: &Settings| {
        let mut teal = Teal::prepare(TEAL, settings);
        let began = Instant::now();
        teal.start_again();
        assert_eq!(Client::connect(teal.listener()).get("/").status, 200);
        (teal, began.elapsed())
    };
    let (_, usual) = started(&Settings::new(&blue, &green));
    let (teal, took) = started(&Settings::of_urls(&[&blue.url()], &["http://idle.test:8081"]));
    assert!(took < usual + SILENT / 2, "{took:?}, usually {usual:?}");
    // It is looked up all the same, and reported.
    let mut room = [0; 512];
    silent.set_read_timeout(Some(SOON)).expect("a timeout");
    assert!(silent.recv(&mut room).is_ok());
    wait_until(SOON * 2, "green is reported as down", || teal.color("green")["healthy"] == false);
    teal.assert_books_balance();
}

#[test]
fn r67_an_upgrade_while_the_name_server_is_silent_ends_and_goes_on_with_the_addresses_in_use() {
    // L7 L10
    let test =
        "r67_an_upgrade_while_the_name_server_is_silent_ends_and_goes_on_with_the_addresses_in_use";
    let hosts = "127.0.0.1 localhost\n";
    if !own_network::is_inside(module_path!(), test, hosts, "hosts: files dns", "true") {
        return;
    }
    let at = |address: &str| format!("{address}:8081").parse().expect("an address");
    let all = ["127.0.0.11", "127.0.0.12"];
    let names = Names::start(&all.map(|address| ("app.test", address)));
    let apps = all.map(|address| Target::start_at(address, at(address)));
    let green = Target::start("green");
    let health = "{ interval = \"400ms\", fast_interval = \"50ms\", timeout = \"1s\" }";
    let settings = Settings::of_urls(&["http://app.test:8081"], &[&green.url()]);
    let mut teal = Teal::start_healthy(TEAL, &settings.service("health", health));
    let load = Load::start(teal.listener(), LoadOptions::default());
    load.wait_for_more(100);
    names.signal(Signal::STOP);
    let unanswered = |teal: &Teal| teal.color("blue")["names"][0]["problem"].to_string();
    wait_until(SOON, "it is silent", || unanswered(&teal).contains("no answer to lookups"));
    let began = Instant::now();
    teal.upgrade();
    assert!(began.elapsed() < SOON * 2, "the upgrade took {:?}", began.elapsed());
    let before = apps.each_ref().map(|app| app.seen().count());
    load.wait_for_more(300);
    for (app, before) in apps.iter().zip(before) {
        assert!(app.seen().count() > before, "both addresses are used as before");
    }
    // The newer one is not kept from its work either.
    teal.wait_healthy("green", true);
    load.expect_anyone();
    teal.switch_to("green");
    load.expect_only("green");
    load.wait_for_more(100);
    names.signal(Signal::CONT);
    wait_until(SOON * 2, "it answers again", || unanswered(&teal) == "null");
    load.stop().assert_nothing_lost();
    teal.wait_alone(SOON * 3);
    teal.assert_books_balance();
}
