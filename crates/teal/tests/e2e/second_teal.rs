//! A second Teal on the same port, or on the same state: refused in clear words, and the first one
//! does not notice.

use testkit::Teal;

use crate::TEAL;
use crate::stage::{SOON, Stage};

fn refused(second: &mut Teal) -> String {
    second.spawn(&[]);
    let code = second.wait_exit(SOON);
    assert!(matches!(code, Some(1 | 2)), "{code:?}: {}", second.log());
    second.log()
}

#[test]
fn the_same_port_is_refused() {
    let stage = Stage::new();
    let address = stage.teal.listener().to_string();
    let mut second = Teal::prepare(TEAL, &stage.settings().listener(&address));
    let said = refused(&mut second);
    assert!(said.contains(&address) && said.contains("another program is using it"), "{said}");
    // Nothing half started: no connection of ours may go to the second one.
    for _ in 0..20 {
        assert_eq!(stage.who(), "blue");
    }
    stage.finish();
}

#[test]
fn the_same_admin_port_is_refused() {
    let stage = Stage::new();
    let address = stage.teal.admin().to_string();
    let settings = stage.settings().admin("listen", &format!("\"{address}\""));
    let said = refused(&mut Teal::prepare(TEAL, &settings));
    assert!(said.contains(&address) && said.contains("another program is using it"), "{said}");
    stage.teal.switch_to("green");
    stage.finish();
}

#[test]
fn the_same_state_directory_is_refused() {
    // L6
    let stage = Stage::new();
    let mut second = Teal::prepare(TEAL, &stage.settings());
    second.write_config(&stage.settings().to_toml(&stage.teal.state_dir()));
    let said = refused(&mut second);
    let pid = stage.teal.pid().to_string();
    assert!(said.contains(&pid), "it names the process that holds it: {said}");
    assert!(said.contains(&stage.teal.state_dir().display().to_string()), "{said}");
    stage.teal.switch_to("green");
    assert_eq!(stage.who(), "green");
    // The socket of the first one was not taken away either.
    let socket = format!("unix:{}", stage.teal.state_dir().join("admin.sock").display());
    stage.teal.cli_bare(&["status", "--admin", &socket], &[]).assert_code(0);
    stage.finish();
}
