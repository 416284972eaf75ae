//! The life of the Debian package: installed, upgraded and downgraded under load, removed, purged.

use std::path::Path;

use testkit::systemd::{run, systemctl};

use crate::machine::{dpkg, install, is, on_a_machine, serving, show, teal};

#[test]
fn an_installed_teal_serves_and_is_restarted_upgraded_and_downgraded_without_loss() {
    // L7
    on_a_machine(
        concat!(
            module_path!(),
            "::an_installed_teal_serves_and_is_restarted_upgraded_and_downgraded_without_loss"
        ),
        |machine| {
            let said = install("older");
            assert!(said.contains("Teal serves as /etc/teal/teal.toml says"), "{said}");
            assert!(is("is-active") && is("is-enabled"));
            machine.wait_healthy();
            let switched = teal(&["switch", "green", "--wait-healthy", "20s"]);
            assert!(switched.stdout.contains("Switched from blue to green"), "{}", switched.all());
            assert_eq!(machine.who(), "green");

            // The older one under load, with the socket that systemd keeps open.
            systemctl(&["stop", "teal"]);
            systemctl(&["start", "teal.socket", "teal.service"]);
            machine.wait_healthy();
            let load = machine.load();
            systemctl(&["restart", "teal"]);
            load.wait_for_more(50);

            for age in ["newer", "older"] {
                let (parent, before) = (show("MainPID"), serving().0);
                let said = install(age);
                assert!(said.contains("teal: Upgraded: Teal"), "{said}");
                let (process, program) = serving();
                assert_ne!(process, before);
                assert_eq!(program, "/usr/bin/teal", "it is the file of the package");
                assert_eq!((show("MainPID"), show("NRestarts")), (parent, "0".to_owned()));
                load.wait_for_more(50);
            }
            load.stop().assert_nothing_lost();
            assert_eq!(machine.who(), "green");
        },
    );
}

#[test]
fn a_removal_keeps_state_and_configuration_and_a_purge_removes_both() {
    on_a_machine(
        concat!(
            module_path!(),
            "::a_removal_keeps_state_and_configuration_and_a_purge_removes_both"
        ),
        |machine| {
            install("newer");
            machine.wait_healthy();
            teal(&["switch", "green", "--wait-healthy", "20s"]).assert_code(0);
            dpkg(&["--remove", "teal"]).assert_code(0);
            assert!(!is("is-active"));
            for kept in ["/etc/teal/teal.toml", "/var/lib/teal", "/var/log/teal"] {
                assert!(Path::new(kept).exists(), "{kept}");
            }
            assert!(!Path::new("/usr/bin/teal").exists());

            install("newer");
            assert!(is("is-active") && is("is-enabled"));
            assert_eq!(machine.who(), "green", "the decision was kept");
            dpkg(&["--purge", "teal"]).assert_code(0);
            assert_eq!(left(), "");
            run("id", &["teal"]); // files elsewhere may belong to it
        },
    );
}

/// The files of Teal that are in the layers over this machine; what was only removed there is a device.
fn left() -> String {
    let top = ["etc", "usr", "var"].map(|top| format!("/run/test/{top}/upper"));
    let places = ["/usr/lib/systemd/system", "/run/systemd/system", "/run/teal"];
    let mut words: Vec<&str> = top.iter().map(String::as_str).collect();
    words.extend(places.into_iter().filter(|place| Path::new(place).exists()));
    words.extend(["-iname", "*teal*", "!", "-type", "c"]);
    run("find", &words)
}
