//! `packaging/teal.service` with the real Teal: what the unit starts, reloads and stops.
//!
//! systemd itself is played by the test: it runs the commands of the unit with the
//! environment that the unit asks for.

use std::fs::{self, File};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use testkit::{Client, Target, wait_for, wait_until};

use crate::{TEAL, read};

const SOON: Duration = Duration::from_secs(10);

/// Ends the service if a test fails in between.
struct Service(Child);

impl Drop for Service {
    fn drop(&mut self) {
        let _ = self.0.kill(); // ignored: it has ended already
        let _ = self.0.wait();
    }
}

fn setting<'u>(unit: &'u str, key: &str) -> Vec<&'u str> {
    let line = unit.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix('='));
    line.expect(key).split_whitespace().collect()
}

#[test]
fn the_unit_starts_a_teal_that_serves_reloads_and_stops() {
    let unit = read("packaging/teal.service");
    let directory = tempfile::tempdir().expect("a directory");
    let (state, config, log) = (
        directory.path().join("state"),
        directory.path().join("teal.toml"),
        directory.path().join("log"),
    );
    let (blue, green) = (Target::start("blue"), Target::start("green"));
    let text = read("examples/teal.toml")
        .replace("0.0.0.0:8080", "127.0.0.1:0")
        .replace("http://127.0.0.1:8081", &blue.url())
        .replace("http://127.0.0.1:8082", &green.url());
    fs::write(&config, format!("{text}\n[admin]\nlisten = \"127.0.0.1:0\"\n")).expect("written");
    fs::create_dir(&state).expect("systemd makes the state directory");

    let start = setting(&unit, "ExecStart");
    assert_eq!(start, ["/usr/local/bin/teal", "run", "--config", "/etc/teal/teal.toml"]);
    assert_eq!(setting(&unit, "StateDirectory"), ["teal"]);
    let child = Command::new(TEAL)
        .args(["run", "--config"])
        .arg(&config)
        .env_clear()
        .env("STATE_DIRECTORY", &state)
        .stdin(Stdio::null())
        .stderr(File::create(&log).expect("a log"))
        .spawn()
        .expect("teal starts");
    let mut service = Service(child);
    let said = || fs::read_to_string(&log).unwrap_or_default();
    let listener = wait_for(SOON, "the service says where it listens", || {
        let said = said();
        let address = said.split("listening on ").nth(1)?;
        let address = address.trim_start_matches("http://").split_whitespace().next()?.to_owned();
        address.parse().ok()
    });
    let mut client = Client::connect(listener);
    client.send("GET / HTTP/1.1\r\nHost: example.com\r\n\r\n");
    assert_eq!(client.answer().status, 200);
    assert!(state.join("admin.sock").exists(), "{}", said());

    let pid = service.0.id().to_string();
    assert_eq!(setting(&unit, "ExecReload"), ["/usr/local/bin/teal", "reload"]);
    fs::write(&config, "this is not a configuration").expect("written");
    let reload =
        Command::new(TEAL).arg("reload").env_clear().env("STATE_DIRECTORY", &state).output();
    let reload = reload.expect("teal can be started");
    let refused = String::from_utf8_lossy(&reload.stderr).into_owned();
    assert!(!reload.status.success() && refused.contains("this is not TOML"), "{refused}");
    wait_until(SOON, "the faulty file is reported", || said().contains("this is not TOML"));
    client.send("GET / HTTP/1.1\r\nHost: example.com\r\n\r\n");
    assert_eq!(client.answer().status, 200, "a faulty file changes nothing");

    drop(client);
    let stopped = Command::new("/bin/kill").args(["-TERM", &pid]).status().expect("kill runs");
    assert!(stopped.success());
    let exit = wait_for(SOON, "the service has ended", || service.0.try_wait().ok().flatten());
    assert_eq!(exit.code(), Some(0), "{}", said());
}
