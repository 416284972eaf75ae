//! A second Teal on the same port, or on the same state: refused in clear words, and the first one
//! does not notice.

use testkit::Teal;

use crate::TEAL;
use crate::setup::{SOON, Setup};

fn refused(second: &mut Teal) -> String {
    second.spawn(&[]);
    let code = second.wait_exit(SOON);
    assert!(matches!(code, Some(1 | 2)), "{code:?}: {}", second.log());
    second.log()
}

#[test]
fn the_same_port_is_refused() {
    let setup = Setup::new();
    let address = setup.teal.listener().to_string();
    let mut second = Teal::prepare(TEAL, &setup.settings().listener(&address));
    let said = refused(&mut second);
    assert!(said.contains(&address) && said.contains("another program is using it"), "{said}");
    // Nothing half started: no connection of ours may go to the second one.
    for _ in 0..20 {
        assert_eq!(setup.who(), "blue");
    }
    setup.finish();
}

#[test]
fn the_same_admin_port_is_refused() {
    let setup = Setup::new();
    let address = setup.teal.admin().to_string();
    let settings = setup.settings().admin("listen", &format!("\"{address}\""));
    let said = refused(&mut Teal::prepare(TEAL, &settings));
    assert!(said.contains(&address) && said.contains("another program is using it"), "{said}");
    setup.teal.switch_to("green");
    setup.finish();
}

#[test]
fn the_same_state_directory_is_refused() {
    // L6
    let setup = Setup::new();
    let mut second = Teal::prepare(TEAL, &setup.settings());
    second.write_config(&setup.settings().to_toml(&setup.teal.state_dir()));
    let said = refused(&mut second);
    let pid = setup.teal.pid().to_string();
    assert!(said.contains(&pid), "it names the process that holds it: {said}");
    assert!(said.contains(&setup.teal.state_dir().display().to_string()), "{said}");
    setup.teal.switch_to("green");
    assert_eq!(setup.who(), "green");
    // The socket of the first one was not taken away either.
    let socket = format!("unix:{}", setup.teal.state_dir().join("admin.sock").display());
    setup.teal.cli_bare(&["status", "--admin", &socket], &[]).assert_code(0);
    setup.finish();
}
