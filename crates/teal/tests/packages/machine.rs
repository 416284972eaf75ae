//! A machine with a real systemd, on which the Debian package is installed: a layer over the files of this one.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use testkit::systemd::{boot_for_packages, is_inside, run, systemctl};
use testkit::{CliResult, Client, Load, LoadOptions, Places, Target, wait_for};

use crate::made;

/// The address of the packaged configuration.
pub(crate) const ADDRESS: ([u8; 4], u16) = ([127, 0, 0, 1], 8080);

/// The packaged configuration.
pub(crate) const CONFIGURATION: &str = "/etc/teal/teal.toml";

/// The time limit for a command of a package manager, which waits for a drain.
const WITHIN: Duration = Duration::from_secs(90);

/// The application, where the packaged configuration expects it.
pub(crate) struct Machine {
    pub(crate) blue: Target,
    pub(crate) green: Target,
}

/// The machines at once: each writes thousands of files, and all of them wait for one disk.
static MACHINES: Places = Places::new(3);

/// Runs a scenario on such a machine. `test` is the whole name of the test.
pub(crate) fn on_a_machine(test: &str, scenario: fn(&Machine)) {
    if !is_inside() {
        made::packages();
        let _place = MACHINES.take();
        return boot_for_packages(test.split_once("::").expect("the name of the crate").1);
    }
    let at = |port| ([127, 0, 0, 1], port).into();
    let blue = Target::start_at("blue", at(8081));
    scenario(&Machine { blue, green: Target::start_at("green", at(8082)) });
}

#[expect(clippy::unused_self, reason = "there is one, and what is asked is asked of it")]
impl Machine {
    /// Waits until both colors are healthy.
    pub(crate) fn wait_healthy(&self) {
        let lines = ["Blue healthy: true", "Green healthy: true"];
        wait_for(Duration::from_secs(20), "both colors are healthy", || {
            let status = teal(&["status"]).stdout;
            lines.iter().all(|line| status.contains(line)).then_some(())
        });
    }

    /// Starts a strict load.
    pub(crate) fn load(&self) -> Load {
        Load::start(ADDRESS.into(), LoadOptions { connections: 4, ..LoadOptions::default() })
    }

    /// The application that answers a request.
    pub(crate) fn who(&self) -> String {
        let text = Client::connect(ADDRESS.into()).get("/").text();
        let names = [("blue", &self.blue), ("green", &self.green)];
        let named = names.iter().find(|(name, _)| text.contains(name));
        named.map_or(text.clone(), |(name, _)| (*name).to_owned())
    }
}

/// Installs a package, and returns what it says.
#[track_caller]
pub(crate) fn install(age: &str) -> String {
    let said = dpkg(&["--install", &made::deb(age)]);
    said.assert_code(0);
    said.all()
}

/// Runs dpkg, which asks nobody anything.
pub(crate) fn dpkg(words: &[&str]) -> CliResult {
    let quick = ["--force-unsafe-io", "--force-confold"];
    let environment = [("DEBIAN_FRONTEND", "noninteractive")];
    testkit::run(Path::new("dpkg"), quick.iter().chain(words), &environment, WITHIN)
}

/// Runs the installed program.
pub(crate) fn teal(words: &[&str]) -> CliResult {
    testkit::run(Path::new("/usr/bin/teal"), words, &[], WITHIN)
}

/// A property of the service.
pub(crate) fn show(property: &str) -> String {
    systemctl(&["show", "--value", "--property", property, "teal"])
}

/// The process that serves, and the file that it runs.
pub(crate) fn serving() -> (u64, String) {
    let status = teal(&["status", "--json"]);
    let status: serde_json::Value = serde_json::from_str(&status.stdout).expect("JSON");
    let process = status["teal"]["pid"].as_u64().expect("a number");
    (process, run("readlink", &[&format!("/proc/{process}/exe")]))
}

/// Returns true if systemd says this of the service, whatever its exit code.
pub(crate) fn is(state: &str) -> bool {
    let asked = Command::new("systemctl").args([state, "--quiet", "teal"]).status();
    asked.expect("systemctl can be started").success()
}

/// Replaces text of the packaged configuration.
#[track_caller]
pub(crate) fn reconfigure(from: &str, to: &str) {
    let text = fs::read_to_string(CONFIGURATION).expect("it is installed");
    assert!(text.contains(from), "{from} in {text}");
    fs::write(CONFIGURATION, text.replace(from, to)).expect("a file");
}
