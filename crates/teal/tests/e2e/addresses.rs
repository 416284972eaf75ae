//! A listener whose address changes while its port stays.

use std::net::SocketAddr;

use testkit::{Client, Load, LoadOptions, free_port};

use crate::setup::Setup;
use crate::upgrade::LEFT;

fn reaches(address: &str, port: u16) -> bool {
    let address: SocketAddr = format!("{address}:{port}").parse().expect("an address");
    Client::try_connect(address).is_ok_and(|mut client| client.get("/").status == 200)
}

#[test]
fn r29_an_upgrade_changes_the_address_of_a_port_and_loses_nothing() {
    // L7
    let port = free_port();
    let mut setup = Setup::with(|settings| settings.listener(&format!("127.0.0.1:{port}")));
    for (address, all) in
        [("0.0.0.0", true), ("127.0.0.1", false), ("[::]", true), ("127.0.0.1", false)]
    {
        let load = Load::start(setup.teal.listener(), LoadOptions::default());
        load.wait_for_more(20);
        setup.teal.write_settings(&setup.settings().listener(&format!("{address}:{port}")));
        setup.teal.upgrade();
        load.wait_for_more(100);
        assert!(!all || reaches("127.0.0.2", port), "{address}: at once");
        setup.teal.wait_alone(LEFT);
        assert_eq!(reaches("127.0.0.2", port), all, "{address}: for good");
        load.wait_for_more(100);
        load.stop().assert_nothing_lost();
    }
    // And a crash finds them as they are.
    let killed = setup.teal.kill_serving();
    assert!(reaches("127.0.0.1", port));
    assert_ne!(setup.teal.wait_revived(killed), killed);
    setup.finish();
}

#[test]
fn r29_an_address_that_an_upgrade_has_removed_is_served_no_longer() {
    let port = free_port();
    let mut setup = Setup::with(|settings| settings.listener(&format!("127.0.0.1:{port}")));
    // Beside an IPv4 address the one of all takes IPv6 alone.
    let another = format!("[[listener]]\naddress = \"127.0.0.3:{port}\"\n");
    let settings = setup.settings().listener(&format!("[::]:{port}")).extra(&another);
    setup.teal.write_settings(&settings);
    setup.teal.upgrade();
    setup.teal.wait_alone(LEFT);
    let served = ["127.0.0.1", "127.0.0.3", "[::1]"].map(|address| reaches(address, port));
    assert_eq!(served, [false, true, true]);
    setup.teal.assert_books_balance();
}

#[test]
fn r29_a_reload_names_the_listener_that_it_cannot_change() {
    let setup = Setup::new();
    let port = setup.teal.listener().port();
    setup.teal.write_settings(&setup.settings().listener(&format!("0.0.0.0:{port}")));
    let result = setup.teal.cli(&["reload"]);
    assert!(matches!(result.code, Some(1..=3)), "{}", result.all());
    for word in ["listener", "upgrade"] {
        assert!(result.all().contains(word), "{word}: {}", result.all());
    }
    assert_eq!(setup.who(), "blue");
    setup.finish();
}
