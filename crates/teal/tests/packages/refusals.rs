//! What the package cannot or must not do: it says so with what to do, and leaves running what runs.

use std::fs;
use std::path::Path;
use std::time::Duration;

use testkit::systemd::{run, systemctl};
use testkit::{Target, wait_until};

use crate::machine::{
    ADDRESS, CONFIGURATION, dpkg, install, is, on_a_machine, reconfigure, serving, show, teal,
};
use crate::made;

#[track_caller]
fn says(said: &str, all: &[&str]) {
    for words in all {
        assert!(said.contains(words), "{words:?} in {said}");
    }
}

#[test]
fn a_taken_address_or_a_refused_configuration_changes_nothing_that_runs() {
    on_a_machine(
        concat!(
            module_path!(),
            "::a_taken_address_or_a_refused_configuration_changes_nothing_that_runs"
        ),
        |machine| {
            let other = Target::start_at("other", ADDRESS.into());
            let said = install("older");
            let why = ["not started, because an address is in use:", "127.0.0.1:8080"];
            says(&said, &why);
            says(&said, &["then run: systemctl start teal"]);
            assert!(!is("is-active") && is("is-enabled"));
            other.stop();
            systemctl(&["start", "teal"]);
            machine.wait_healthy();

            // An upgrade whose configuration is refused, under load.
            let load = machine.load();
            let before = serving().0;
            reconfigure("health = ", "heatlh = ");
            let said = install("newer");
            says(&said, &["so the older Teal keeps running:", "heatlh", "then run: teal upgrade"]);
            assert_eq!(serving().0, before);
            reconfigure("heatlh = ", "health = ");
            teal(&["upgrade"]).assert_code(0);
            assert_eq!(serving().1, "/usr/bin/teal");
            load.wait_for_more(50);
            load.stop().assert_nothing_lost();

            // Nothing that was stopped on purpose is started by an upgrade.
            systemctl(&["stop", "teal"]);
            install("older");
            assert!(!is("is-active"));

            // An installation over a configuration that is refused.
            dpkg(&["--remove", "teal"]).assert_code(0);
            reconfigure("health = ", "heatlh = ");
            let said = install("newer");
            says(&said, &["not started, because the configuration is refused:", "heatlh"]);
            assert!(!is("is-active"));
        },
    );
}

/// A unit that somebody has written before there was a package.
const BY_HAND: &str = "[Service]\nType=notify\nExecStart=/usr/local/bin/teal run --config /etc/teal/own.toml\n\
                       StateDirectory=teal\nRuntimeDirectory=teal\n";

#[test]
fn a_unit_and_a_teal_that_are_not_of_the_package_are_named_and_left_alone() {
    on_a_machine(
        concat!(
            module_path!(),
            "::a_unit_and_a_teal_that_are_not_of_the_package_are_named_and_left_alone"
        ),
        |machine| {
            run("dpkg-deb", &["--extract", &made::deb("older"), "/run/test/older"]);
            fs::copy("/run/test/older/usr/bin/teal", "/usr/local/bin/teal").expect("a copy");
            fs::create_dir_all("/etc/teal").expect("a directory");
            fs::copy(format!("/run/test/older{CONFIGURATION}"), "/etc/teal/own.toml")
                .expect("a copy");
            fs::write("/etc/systemd/system/teal.service", BY_HAND).expect("a file");
            systemctl(&["daemon-reload"]);
            systemctl(&["start", "teal"]);
            let main = show("MainPID");

            let said = install("newer");
            says(&said, &["/etc/systemd/system/teal.service hides the unit of this package"]);
            says(&said, &["systemctl edit teal"]);
            assert_eq!(show("MainPID"), main);
            machine.wait_healthy();
            assert_eq!(serving().1, "/usr/local/bin/teal");

            let purged = dpkg(&["--purge", "teal"]);
            purged.assert_code(0);
            says(&purged.all(), &["is not of this package, so what it runs was not stopped"]);
            says(&purged.all(), &["a Teal still runs with /var/lib/teal (process "]);
            assert_eq!(show("MainPID"), main);
            assert!(has_files("/var/lib/teal"));
            assert_eq!(machine.who(), "blue");

            // Once it has ended, a purge removes what is left.
            systemctl(&["stop", "teal"]);
            wait_until(Duration::from_secs(10), "it has ended", || !is("is-active"));
            fs::remove_file("/etc/systemd/system/teal.service").expect("it is there");
            systemctl(&["daemon-reload"]);
            install("newer");
            assert!(is("is-active"));
            dpkg(&["--purge", "teal"]).assert_code(0);
            assert!(!Path::new("/var/lib/teal").exists());
        },
    );
}

fn has_files(directory: &str) -> bool {
    fs::read_dir(directory).is_ok_and(|entries| entries.count() > 0)
}
