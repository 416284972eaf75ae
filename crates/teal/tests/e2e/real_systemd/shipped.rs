//! The shipped unit, installed as the guide says, with changes as `systemctl edit` makes them.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use testkit::{CliResult, Client, Target, wait_for};

use super::SHIPPED;
use super::boot::{boot, install, is_inside, run, systemctl};
use crate::upgrade::LEFT;

const ADDRESS: ([u8; 4], u16) = ([127, 0, 0, 1], 8080);

/// The time limit for a command.
const WITHIN: Duration = Duration::from_secs(60);

/// `teal.service` and the targets of its one service.
pub(super) struct Shipped {
    pub(super) blue: Target,
    pub(super) green: Target,
}

/// Users that run a command, besides root: a member of the group `deploy`, and a stranger.
pub(super) const ANN: &str = "ann";
pub(super) const EVE: &str = "eve";

/// Runs a scenario inside; boots what is around it, outside. `test` is its whole name.
pub(super) fn with_shipped_unit(test: &str, scenario: fn(&Shipped)) {
    if !is_inside() {
        let socket = include_str!("../../../../../packaging/teal.socket");
        let units = [("teal.service", SHIPPED), ("teal.socket", socket)];
        let units = units.map(|(name, text)| (name.to_owned(), text.to_owned()));
        return boot(test.split_once("::").expect("the name of the crate").1, &units);
    }
    install();
    run("groupadd", &["--system", "deploy"]);
    for user in [ANN, EVE] {
        run("useradd", &["--no-create-home", "--user-group", user]);
    }
    run("usermod", &["--append", "--groups", "deploy", ANN]);
    let shipped = Shipped { blue: Target::start("blue"), green: Target::start("green") };
    shipped.configure("", "");
    shipped.change("log", "[Service]\nStandardError=append:/run/test/log\n");
    let ended = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| scenario(&shipped)));
    assert!(
        ended.is_ok(),
        "{}\n{}",
        log(),
        run("sh", &["-c", "systemctl status --no-pager teal || :"])
    );
}

/// The log of Teal, over all starts.
pub(super) fn log() -> String {
    fs::read_to_string("/run/test/log").unwrap_or_default()
}

#[expect(clippy::unused_self, reason = "there is one, and what is done is done to it")]
impl Shipped {
    /// Writes the configuration, with these lines in `[admin]` and these before the services.
    pub(super) fn configure(&self, admin: &str, further: &str) {
        let config = format!(
            "[admin]\nlisten = \"127.0.0.1:9900\"\n{admin}\n[[listener]]\naddress = \"0.0.0.0:8080\"\n\
             {further}\n[[service]]\nname = \"web\"\nblue = {{ targets = [{:?}] }}\n\
             green = {{ targets = [{:?}] }}\nhealth = {{ path = \"/health\", interval = \"200ms\", fast_interval = \"50ms\" }}\n",
            self.blue.url(),
            self.green.url()
        );
        fs::write("/etc/teal/teal.toml", config).expect("a file");
    }

    /// Writes a drop-in, as `systemctl edit teal` does.
    pub(super) fn change(&self, name: &str, text: &str) {
        let directory = Path::new("/etc/systemd/system/teal.service.d");
        fs::create_dir_all(directory).expect("a directory");
        fs::write(directory.join(format!("{name}.conf")), text).expect("a file");
        systemctl(&["daemon-reload"]);
    }

    /// Starts or restarts it, and waits until both colors are healthy.
    pub(super) fn restart(&self) {
        self.tries(&["reset-failed", "teal"]); // fails before the first start
        systemctl(&["restart", "teal"]);
        self.wait_healthy();
    }

    pub(super) fn wait_healthy(&self) {
        wait_for(LEFT, "both colors are healthy", || {
            let status = self.teal(None, &["status"]).stdout;
            let all = ["Blue healthy: true", "Green healthy: true"];
            all.iter().all(|line| status.contains(line)).then_some(())
        });
    }

    /// The command line as a user, without any flags; as root if none is named.
    #[track_caller]
    pub(super) fn teal(&self, user: Option<&str>, words: &[&str]) -> CliResult {
        let Some(user) = user else {
            return testkit::run(Path::new("/usr/local/bin/teal"), words, &[], WITHIN);
        };
        let (uid, gid) = (format!("--reuid={user}"), format!("--regid={user}"));
        let become_it = [&uid, &gid, "--init-groups", "/usr/local/bin/teal"];
        let words = become_it.iter().chain(words);
        testkit::run(Path::new("setpriv"), words, &[], WITHIN)
    }

    pub(super) fn client(&self) -> Client {
        Client::connect(ADDRESS.into())
    }

    pub(super) fn show(&self, property: &str) -> String {
        systemctl(&["show", "--value", "--property", property, "teal"])
    }

    /// The process that serves.
    pub(super) fn serving(&self) -> u32 {
        let status = self.teal(None, &["status", "--json"]);
        let status: serde_json::Value = serde_json::from_str(&status.stdout).expect("JSON");
        u32::try_from(status["teal"]["pid"].as_u64().expect("a number")).expect("a process id")
    }

    /// Runs `systemctl` with these words, whatever comes of it: whether it ended with 0.
    pub(super) fn tries(&self, words: &[&str]) -> bool {
        let ran = Command::new("systemctl").args(words).output().expect("systemctl can be started");
        ran.status.success()
    }
}
