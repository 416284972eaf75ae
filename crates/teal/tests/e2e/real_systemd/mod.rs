//! The shipped units below a real systemd, which is the first process of namespaces of its own:
//! stops and reloads after upgrades, and deaths of each process of Teal.
//!
//! Each test runs itself again inside, which needs root; without it, it says that it was skipped.

mod boot;
mod deploys;
mod filters;
mod guides;
mod journal;
mod logs;
mod migration;
mod operators;
mod shipped;
mod watchdog;

use std::fs;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use testkit::{
    Behavior, Client, Gate, Load, LoadOptions, LoadReport, Target, wait_for, wait_until,
};

use crate::setup::SOON;
use crate::upgrade::LEFT;

use boot::{boot, install, is_inside, systemctl};

/// The unit as it is shipped.
const SHIPPED: &str = include_str!("../../../../../packaging/teal.service");

/// A request that a stop has to wait for.
const SLOW: Duration = Duration::from_secs(4);

const CONNECTIONS: usize = 4;

/// The description of each unit: its name, its type, its port, and true if systemd listens for it.
const UNITS: [(&str, &str, u16, bool); 3] = [
    ("teal-notify", "notify", 8080, false),
    ("teal-simple", "simple", 8180, false),
    ("teal-socket", "notify", 8280, true),
];

/// A Teal that systemd runs, and the target behind it.
struct Service {
    name: &'static str,
    port: u16,
    blue: Target,
    _green: Target,
}

/// The shipped unit for each of [`UNITS`].
fn units() -> Vec<(String, String)> {
    let mut units = Vec::new();
    for (name, kind, port, listens) in UNITS {
        let unit = SHIPPED
            .replace("Type=notify", &format!("Type={kind}"))
            .replace("/etc/teal/teal.toml", &format!("/etc/teal/{name}.toml"))
            .replace("Directory=teal", &format!("Directory={name}"))
            .replace("[Service]", "[Service]\nStandardError=append:/run/test/log");
        units.push((format!("{name}.service"), unit));
        if listens {
            let socket = include_str!("../../../../../packaging/teal.socket");
            let socket = socket.replace("0.0.0.0:8080", &format!("127.0.0.1:{port}"));
            units.push((format!("{name}.socket"), socket));
        }
    }
    units
}

/// Runs this for each unit at the same time, inside; boots what is around it, outside.
fn with_each_unit(test: &str, scenario: fn(&Service)) {
    if !is_inside() {
        return boot(&format!("real_systemd::{test}"), &units());
    }
    install();
    let all = UNITS.map(|unit| thread::spawn(move || scenario(&Service::start(unit))));
    let ended = all.map(thread::JoinHandle::join);
    let log = fs::read_to_string("/run/test/log").unwrap_or_default();
    assert!(ended.iter().all(Result::is_ok), "{log}");
}

impl Service {
    fn start((name, _, port, listens): (&'static str, &str, u16, bool)) -> Self {
        let (blue, green) = (Target::start("blue"), Target::start("green"));
        blue.behave_at("/slow", Behavior::Slow(SLOW));
        let config = format!(
            "[admin]\nlisten = \"127.0.0.1:{}\"\n[[listener]]\naddress = \"127.0.0.1:{port}\"\n\
             [[service]]\nname = \"web\"\nblue = {{ targets = [{:?}] }}\n\
             green = {{ targets = [{:?}] }}\n",
            port + 1,
            blue.url(),
            green.url()
        );
        fs::write(format!("/etc/teal/{name}.toml"), config).expect("a file");
        if listens {
            systemctl(&["start", &format!("{name}.socket")]);
        }
        let service = Self { name, port, blue, _green: green };
        systemctl(&["start", name]);
        service.wait_serves();
        service
    }

    fn client(&self) -> Client {
        Client::connect(([127, 0, 0, 1], self.port).into()).patience(SLOW * 4)
    }

    /// Sends a request that stays in flight for a while.
    fn ask_slowly(&self, path: &str) -> Client {
        let before = self.blue.seen().requests_to(path).len();
        let mut client = self.client();
        client.send(format!("GET {path} HTTP/1.1\r\nHost: test\r\n\r\n"));
        wait_until(SOON, "it is in flight", || self.blue.seen().requests_to(path).len() > before);
        client
    }

    fn load(&self) -> Load {
        let options = LoadOptions { connections: CONNECTIONS, ..LoadOptions::default() };
        Load::start(([127, 0, 0, 1], self.port).into(), options)
    }

    fn show(&self, property: &str) -> String {
        systemctl(&["show", "--value", "--property", property, self.name])
    }

    fn main_pid(&self) -> u32 {
        self.show("MainPID").parse().expect("a number")
    }

    fn try_status(&self) -> Option<serde_json::Value> {
        let mut client = Client::try_connect(([127, 0, 0, 1], self.port + 1).into()).ok()?;
        let host = format!("127.0.0.1:{}", self.port + 1);
        let head = format!(
            "GET /admin/status HTTP/1.1\r\nHost: {host}\r\nAccept: application/json\r\n\r\n"
        );
        client.try_send(head).ok()?;
        serde_json::from_slice(&client.read_answer(false).ok()?.body).ok()
    }

    /// Waits until it serves; the process that does.
    fn wait_serves(&self) -> u32 {
        let serving = wait_for(LEFT, "it serves", || {
            self.try_status()?["teal"]["pid"].as_u64().and_then(|pid| u32::try_from(pid).ok())
        });
        assert_eq!(self.client().get("/").status, 200);
        serving
    }

    /// Has a newer Teal take over; its process.
    fn upgrade(&self) -> u32 {
        let before = self.wait_serves();
        let upgraded = Command::new("/usr/local/bin/teal")
            .args(["upgrade", "--admin", &format!("http://127.0.0.1:{}", self.port + 1)])
            .args(["--token-file", &format!("/var/lib/{}/admin.token", self.name)])
            .output()
            .expect("teal can be started");
        let said = String::from_utf8_lossy(&upgraded.stderr).into_owned();
        assert!(upgraded.status.success(), "{}: {said}", self.name);
        let newer = self.wait_serves();
        assert_ne!(newer, before);
        newer
    }

    /// Waits until the trial of the newer one is over: the older one ends when it holds nothing, or is
    /// the only thing of it that is left.
    fn wait_trial(&self, newer: u32) {
        let parent = self.main_pid();
        wait_until(LEFT, "the trial is over", || {
            fs::read_to_string("/run/test/log").is_ok_and(|log| {
                log.lines().any(|line| {
                    line.contains("finishing open requests")
                        && line.contains(&format!("newer={newer}"))
                })
            })
        });
        assert_eq!(self.main_pid(), parent);
    }

    fn is_active(&self, parent: u32) {
        let state = (self.show("ActiveState"), self.show("NRestarts"), self.main_pid());
        assert_eq!(state, ("active".to_owned(), "0".to_owned(), parent), "{}", self.name);
    }

    /// Reloads it and looks whether it still serves.
    fn reload(&self, parent: u32) {
        systemctl(&["reload", self.name]);
        self.is_active(parent);
        self.wait_serves();
        self.is_active(parent);
    }

    /// Stops or restarts it with a request in flight, which is waited for.
    fn stop_waits(&self, how: &str) {
        let mut client = self.ask_slowly("/slow");
        let began = Instant::now();
        systemctl(&[how, self.name]);
        assert!(began.elapsed() > SLOW / 2, "{how} took {:?}", began.elapsed());
        assert_eq!(client.answer().status, 200, "{}: {how} cut it", self.name);
        assert_eq!(self.show("Result"), "success");
        let state = if how == "stop" { "inactive" } else { "active" };
        assert_eq!(self.show("ActiveState"), state);
    }
}

/// Checks that no more was lost than the connections that the killed process had, and that nobody was
/// refused.
fn only_in_flight(load: Load) -> LoadReport {
    load.wait_for_more(50);
    let report = load.stop();
    assert!(report.lost <= CONNECTIONS as u64, "{report:?}");
    assert!(!report.evidence.iter().any(|why| why.contains("no connection")), "{report:?}");
    report
}

fn kill(pid: u32) {
    testkit::signal_process(pid, rustix::process::Signal::KILL);
}

#[test]
fn r59_systemd_waits_for_requests_when_it_stops_an_upgraded_teal() {
    // L7
    with_each_unit("r59_systemd_waits_for_requests_when_it_stops_an_upgraded_teal", |service| {
        let parent = service.main_pid();
        service.wait_trial(service.upgrade());
        service.is_active(parent);
        service.stop_waits("restart");
        service.wait_serves();
        service.upgrade(); // and stopped within the trial
        service.stop_waits("stop");
    });
}

#[test]
fn r60_a_newer_teal_that_dies_after_its_trial_is_started_again_below_systemd() {
    // L7
    with_each_unit(
        "r60_a_newer_teal_that_dies_after_its_trial_is_started_again_below_systemd",
        |service| {
            let gate = Gate::new();
            service.blue.behave_at("/held", Behavior::Held(gate.clone()));
            let mut held = service.ask_slowly("/held");
            let parent = service.main_pid();
            let newer = service.upgrade();
            service.wait_trial(newer);
            let load = service.load();
            kill(newer);
            assert_ne!(service.wait_serves(), newer);
            only_in_flight(load);
            service.reload(parent);
            gate.open();
            assert_eq!(held.answer().status, 200);

            // Without the parent all end, and systemd starts the service again.
            kill(parent);
            wait_until(LEFT, "systemd has started it again", || {
                service.show("NRestarts") == "1" && service.show("ActiveState") == "active"
            });
            service.wait_serves();
            assert_ne!(service.main_pid(), parent);
            systemctl(&["stop", service.name]);
            assert_eq!(service.show("Result"), "success");
        },
    );
}

#[test]
fn r61_a_newer_teal_that_dies_within_its_trial_leaves_the_unit_active_and_reloadable() {
    // L7
    with_each_unit(
        "r61_a_newer_teal_that_dies_within_its_trial_leaves_the_unit_active_and_reloadable",
        |service| {
            let (parent, older) = (service.main_pid(), service.wait_serves());
            let newer = service.upgrade();
            let load = service.load();
            kill(newer);
            wait_until(LEFT, "the older one serves again", || {
                service.try_status().is_some_and(|status| status["teal"]["pid"] == older)
            });
            only_in_flight(load);
            service.reload(parent);
            service.wait_trial(service.upgrade());
            service.reload(parent);
            systemctl(&["stop", service.name]);
            assert_eq!(service.show("Result"), "success");
        },
    );
}
