//! The usual cast of a deploy: a Teal whose environments are started by `teal deploy`, and the application that they
//! run, which is this test executable started again.

use std::fs;
use std::io::Write as _;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::process::Command;
use std::thread;
use std::time::Duration;

use testkit::{
    Behavior, CliResult, Health, Load, LoadOptions, Settings, Target, Teal, free_address,
    free_port, wait_until,
};

use crate::TEAL;

/// The longest life of an application that a test has lost.
const LIFE: Duration = Duration::from_secs(180);

/// Probes that a busy machine with many applications of tests answers in time.
const HEALTH: &str =
    "{ path = \"/health\", interval = \"200ms\", timeout = \"5s\", fast_interval = \"50ms\" }";

/// A Teal and a configuration for deploys, with version v1 in blue, which is active.
pub(crate) struct Deploying {
    pub(crate) teal: Teal,
    pub(crate) ports: [u16; 2],
    pub(crate) listener: SocketAddr,
}

impl Deploying {
    /// The runner `command` with the application, and further keys of `deploy`.
    pub(crate) fn new(further: &str) -> Self {
        let command = format!("runner = \"command\", command = {}", words(&application_command()));
        Self::with(&command, further)
    }

    /// A runner, and further keys. `LISTENER` stands for the address of the public listener.
    pub(crate) fn with(runner: &str, further: &str) -> Self {
        let setup = Self::unstarted(runner, further);
        setup.deploy("v1").assert_code(0);
        assert_eq!(setup.teal.active(), "blue");
        setup
    }

    /// The same without the first deploy.
    pub(crate) fn unstarted(runner: &str, further: &str) -> Self {
        let ports = [free_port(), free_port()];
        let urls = ports.map(|port| format!("http://127.0.0.1:{port}"));
        Self::of(&Settings::of_urls(&[&urls[0]], &[&urls[1]]), ports, runner, further)
    }

    /// A command whose ports nobody chooses, without the first deploy.
    pub(crate) fn told(command: &[String], further: &str) -> Self {
        let command = words(command);
        let runner = format!("runner = \"command\", command = {command}, port = \"auto\"");
        Self::told_by(&runner, further)
    }

    /// The same with another runner.
    pub(crate) fn told_by(runner: &str, further: &str) -> Self {
        let left = "{ targets = \"runner\" }";
        let settings = Settings::of_urls(&[], &[]).service("blue", left).service("green", left);
        Self::of(&settings, [0, 0], runner, further)
    }

    fn of(settings: &Settings, ports: [u16; 2], runner: &str, further: &str) -> Self {
        let listener = free_address();
        let further = further.replace("LISTENER", &listener.to_string());
        let settings = settings
            .clone()
            .listener(&listener.to_string())
            .service("initial", "\"green\"")
            .service("health", HEALTH)
            .service("deploy", &format!("{{ {runner}, stop_timeout = \"5s\", {further} }}"));
        let mut teal = Teal::prepare(TEAL, &settings);
        teal.start_again();
        Self { teal, ports, listener }
    }

    /// `teal deploy web --version VERSION`, to its end.
    pub(crate) fn deploy(&self, version: &str) -> CliResult {
        self.deploy_with(&["web", "--version", version])
    }

    /// `teal deploy` with these arguments, to its end.
    pub(crate) fn deploy_with(&self, arguments: &[&str]) -> CliResult {
        let config = self.teal.config().display().to_string();
        let mut all = vec!["deploy", "--config", &config];
        all.extend(arguments);
        self.teal.cli(&all)
    }

    /// `teal deploy` with these arguments, to be started by the test.
    pub(crate) fn deploy_command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(TEAL);
        command.arg("deploy").arg("--config").arg(self.teal.config()).args(arguments);
        command.arg("--admin").arg(format!("http://{}", self.teal.admin()));
        command.arg("--token-file").arg(self.teal.state_dir().join("admin.token"));
        command
    }

    /// A strict load on the public listener.
    pub(crate) fn load(&self) -> Load {
        Load::start(self.listener, LoadOptions::default())
    }

    /// Returns true if something listens on the port of a color.
    pub(crate) fn runs(&self, color: &str) -> bool {
        let port = self.ports[usize::from(color == "green")];
        std::net::TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_ok()
    }

    /// The newest deploy, as the admin API shows it.
    pub(crate) fn newest(&self) -> serde_json::Value {
        let (status, json) = self.teal.ask_json("GET", "/admin/deploys");
        assert_eq!(status, 200, "{json}");
        json["deploys"][0].clone()
    }

    /// The end of a test: the books balance.
    pub(crate) fn finish(&self) {
        self.teal.assert_books_balance();
    }
}

/// The command that starts the application.
pub(crate) fn application_command() -> Vec<String> {
    let program = std::env::current_exe().expect("a process has a program").display().to_string();
    let arguments = ["deploying::application", "--exact", "--ignored", "--nocapture"];
    std::iter::once(program).chain(arguments.map(str::to_owned)).collect()
}

pub(crate) fn words(command: &[String]) -> String {
    let words: Vec<String> = command.iter().map(|word| format!("{word:?}")).collect();
    format!("[{}]", words.join(", "))
}

/// The directory of a test's own scripts, which are gone with the setup.
pub(crate) fn script(stage_directory: &std::path::Path, name: &str, text: &str) -> PathBuf {
    use std::os::unix::fs::PermissionsExt as _;
    let path = stage_directory.join(name);
    fs::write(&path, text).expect("a script can be written");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).expect("it is ours");
    path
}

/// The application of these tests, and of no other run: a target with the name of its color, whose faults are in its
/// version.
#[test]
#[ignore = "is the application that the other tests deploy"]
fn application() {
    let variable = |name: &str| std::env::var(name).unwrap_or_default();
    // A unit of systemd reads the names without "TEAL_" from its file.
    let told = |name: &str| match variable(&format!("TEAL_{name}")) {
        value if value.is_empty() => variable(name),
        value => value,
    };
    let Ok(port) = told("PORT").parse::<u16>() else { return };
    let (color, version) = (told("COLOR"), told("VERSION"));
    // In a container, which has a network of its own, it is reached from outside of that.
    let host = variable("APPLICATION_HOST").parse().unwrap_or(Ipv4Addr::LOCALHOST);
    let target = Target::start_at(&color, (host, port).into());
    let wrong = "HTTP/1.1 500 Internal Server Error\r\nContent-Length: 3\r\n\r\nno\n";
    writeln!(std::io::stderr(), "{version} listens on {port}").expect("there is a log");
    match &*version {
        "sick" | "crash" => target.health(Health::Status(503)),
        "wrong-inside" => target.behave_at("/who", Behavior::raw(wrong)),
        "wrong-outside" => target.behave_at("/outside", Behavior::raw(wrong)),
        "mayfly" => target.behave(Behavior::Hang),
        _ => {}
    }
    if version == "mayfly" {
        wait_until(LIFE, "the first request", || target.seen().count() > 0);
        writeln!(std::io::stderr(), "its first request was its last").expect("there is a log");
        std::process::abort();
    }
    if version == "crash" {
        thread::sleep(Duration::from_millis(300)); // not a wait for luck: the life of this version
        writeln!(std::io::stderr(), "out of luck").expect("there is a log");
        std::process::abort();
    }
    thread::sleep(LIFE); // not a wait for luck: the end of an application that a test has lost
}
