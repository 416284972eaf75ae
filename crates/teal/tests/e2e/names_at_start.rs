//! A start with names that nobody answers for: it waits for those of active colors, for a while, and for no
//! others.

use std::net::UdpSocket;
use std::time::{Duration, Instant};

use testkit::{Client, Settings, Target, Teal, wait_until};

use crate::TEAL;
use crate::own_network;
use crate::stage::SOON;

/// The shortest time in which the resolver gives up (`timeout:1 attempts:1`).
const SILENT: Duration = Duration::from_secs(1);

#[test]
fn r73_a_start_waits_for_no_name_of_an_idle_color() {
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
    // It is looked up all the same, and told.
    let mut room = [0; 512];
    silent.set_read_timeout(Some(SOON)).expect("a timeout");
    assert!(silent.recv(&mut room).is_ok());
    wait_until(SOON * 2, "green is told as down", || teal.color("green")["healthy"] == false);
    teal.assert_books_balance();
}
