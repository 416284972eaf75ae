//! The runner `systemd` against a `systemctl` of the tests, which does what real ones do only on bad days.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use rules::{Color, ServiceName, Version};
use runner::{
    Deadlines, Environment, Exit, Failure, FailureKind, Port, Runner as _, State, Systemd,
};
use tempfile::TempDir;

/// The output of `systemctl show` for a stopped unit.
const STOPPED: &str = "LoadState=loaded\nActiveState=inactive\nSubState=dead\nResult=success\n\
                       ExecMainCode=0\nExecMainStatus=0\nNRestarts=0\nInvocationID=";

/// A `systemctl` and a `journalctl`. Each property is a file, and each verb a script.
struct Stage {
    folder: TempDir,
    runner: Systemd,
}

impl Stage {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder can be made");
        let path = |name: &str| folder.path().join(name);
        let runner = Systemd {
            unit: "app@{color}.service".to_owned(),
            user: false,
            env_file: Some(path("run/{service}/{color}.env")),
            systemctl: path("systemctl"),
            journalctl: path("journalctl"),
            deadlines: Deadlines {
                start: Duration::from_secs(20),
                stop: Duration::from_secs(20),
                status: Duration::from_secs(20),
                logs: Duration::from_secs(20),
            },
        };
        let stage = Self { folder, runner };
        stage.write(
            "systemctl",
            "echo \"$@\" >>calls; shift 3; verb=$1; shift; unit=$2\n\
             case $verb in show) . ./on-show; cat unit;; *) . ./on-$verb;; esac",
        );
        stage.write("journalctl", "echo \"$@\" >>calls; echo 'panicked at main.rs'");
        stage.unit(STOPPED);
        stage.write("on-show", "");
        stage.write("on-reset-failed", "sed -i s/=failed/=inactive/ unit");
        stage.write("on-start", &becomes("active", "running", "InvocationID=ab12"));
        stage.write("on-stop", &becomes("inactive", "dead", ""));
        stage
    }

    fn write(&self, name: &str, body: &str) {
        let text = format!("#!/bin/sh\ncd '{}'\n{body}\n", self.folder.path().display());
        fs::write(self.path(name), text).expect("a script can be written");
        let permissions = fs::Permissions::from_mode(0o755);
        fs::set_permissions(self.path(name), permissions).expect("it is ours");
    }

    fn unit(&self, properties: &str) {
        fs::write(self.path("unit"), properties).expect("it is ours");
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap_or_default()
    }

    async fn refused(&self) -> Failure {
        self.runner.start(&green(Port::Auto)).await.expect_err("a start that fails")
    }
}

/// A script after which the unit has these properties.
fn becomes(active: &str, sub: &str, others: &str) -> String {
    format!(
        "cat >unit <<'UNIT'\nLoadState=loaded\nActiveState={active}\nSubState={sub}\n\
         Result=success\n{others}\nUNIT"
    )
}

fn green(port: Port) -> Environment {
    Environment {
        service: ServiceName::new("web").expect("a name"),
        color: Color::Green,
        version: Some(Version::new("v42").expect("a version")),
        port,
    }
}

#[tokio::test]
async fn a_unit_is_started_described_and_stopped() {
    let stage = Stage::new();
    let (runner, green) = (&stage.runner, green(Port::Auto));
    runner.check(&green).await.expect("the unit exists");
    assert_eq!(runner.status(&green).await.expect("it answers").state, State::Stopped);
    assert!(runner.logs(&green, 5).await.expect("it was never started").is_empty());

    let target = runner.start(&green).await.expect("it starts").target.expect("a chosen port");
    let port: u16 = target.to_string().rsplit(':').next().expect("a port").parse().expect("one");
    let told = stage.read("run/web/green.env");
    let expected = format!("# Written by teal deploy.\nCOLOR=green\nVERSION=v42\nPORT={port}\n");
    assert_eq!(told, expected);
    let status = runner.status(&green).await.expect("it answers");
    assert_eq!((status.state, status.restarts, status.exit), (State::Running, 0, None));
    assert_eq!((status.version, status.port), (green.version.clone(), Some(port)));
    let lines = runner.logs(&green, 5).await.expect("it answers");
    assert_eq!(lines, ["panicked at main.rs"]);

    let twice = runner.start(&green).await.expect_err("it is active");
    assert_eq!(twice.kind, FailureKind::NotStarted);
    let words = "is running already, says systemd of app@green.service; stop it first";
    assert!(twice.message.contains(words), "{twice}");
    assert_eq!(stage.read("run/web/green.env"), expected, "what runs is described as it is");

    runner.stop(&green).await.expect("it stops");
    assert_eq!(runner.status(&green).await.expect("it answers").state, State::Stopped);
    let calls = stage.read("calls");
    for call in [
        "--system --no-ask-password --no-pager start --no-block -- app@green.service\n",
        "--system --no-ask-password --no-pager stop --no-block -- app@green.service\n",
        "--system --boot --no-pager --output=cat --lines=5 _SYSTEMD_INVOCATION_ID=ab12 + INVOCATION_ID=ab12\n",
    ] {
        assert_eq!(calls.matches(call).count(), 1, "{call}{calls}");
    }
}

#[tokio::test]
async fn a_unit_of_the_user_is_asked_of_the_users_manager() {
    let mut stage = Stage::new();
    stage.runner.user = true;
    stage.runner.env_file = None;
    let environment = green(Port::Fixed(8082));
    assert_eq!(stage.runner.start(&environment).await.expect("it starts").target, None);
    stage.runner.logs(&environment, 5).await.expect("it answers");
    let calls = stage.read("calls");
    assert!(calls.lines().all(|call| call.starts_with("--user ")), "{calls}");
    assert!(calls.contains(" + USER_INVOCATION_ID=ab12\n"), "{calls}");
    let failure = stage.refused().await;
    assert_eq!(failure.kind, FailureKind::Usage);
    assert!(failure.message.contains("port = \"auto\" needs env_file"), "{failure}");
}

/// A start job that systemd has not finished, as with `Type=notify`.
#[tokio::test]
async fn a_start_waits_until_the_unit_is_ready() {
    let stage = Stage::new();
    stage.write("on-start", &becomes("activating", "start", "InvocationID=ab12\nJob=7"));
    let ready = becomes("active", "running", "InvocationID=ab12");
    let counting = format!("echo x >>shown; if test $(wc -l <shown) -ge 5; then\n{ready}\nfi");
    stage.write("on-show", &counting);
    stage.runner.start(&green(Port::None)).await.expect("it becomes ready");
    assert_eq!(stage.read("shown").lines().count(), 5);
}

#[tokio::test]
async fn a_crash_loop_ends_the_start_at_once() {
    let stage = Stage::new();
    let crashing = "InvocationID=ab12\nNRestarts=1\nResult=exit-code\nExecMainCode=1\n\
                    ExecMainStatus=3\nJob=7";
    stage.write("on-start", &becomes("activating", "auto-restart", crashing));
    let began = Instant::now();
    let failure = stage.refused().await;
    assert!(began.elapsed() < stage.runner.deadlines.start, "{:?}", began.elapsed());
    let exit = Some(Exit::Code(3));
    assert_eq!(failure.kind, FailureKind::Failed { state: State::Starting, exit });
    let words = "app@green.service is activating (auto-restart): result exit-code, exit code 3, \
                 1 restarts";
    assert!(failure.message.ends_with(words), "{failure}");
    assert_eq!(failure.lines, ["panicked at main.rs"]);
    let status = stage.runner.status(&green(Port::Auto)).await.expect("it answers");
    assert_eq!((status.state, status.restarts, status.exit), (State::Starting, 1, exit));
    assert!(status.detail.is_some_and(|detail| detail.ends_with(words)));
    assert!(!stage.read("calls").contains(" stop "), "that is for the deploy to decide");
}

#[tokio::test]
async fn a_unit_that_fails_or_never_runs_is_told() {
    let stage = Stage::new();
    let killed = "InvocationID=ab12\nResult=signal\nExecMainCode=2\nExecMainStatus=9";
    stage.write("on-start", &becomes("failed", "failed", killed));
    let failure = stage.refused().await;
    let exit = Some(Exit::Signal(9));
    assert_eq!(failure.kind, FailureKind::Failed { state: State::Failed, exit });
    assert!(failure.message.contains("result signal, signal 9"), "{failure}");

    // The unit has failed before: its old failure says nothing about the next start.
    stage.write("on-start", &becomes("active", "running", "InvocationID=cd34"));
    stage.runner.start(&green(Port::Auto)).await.expect("it starts");
    assert!(stage.read("calls").contains(" reset-failed --no-block -- app@green.service\n"));

    // A condition that does not hold: the job ends without a start.
    stage.unit(STOPPED);
    stage.write("on-start", "");
    let failure = stage.refused().await;
    assert_eq!(failure.kind, FailureKind::Failed { state: State::Stopped, exit: None });
    assert!(
        failure.message.contains("did not come up: app@green.service is inactive"),
        "{failure}"
    );
}

// L10
#[tokio::test]
async fn a_unit_that_is_slow_is_waited_for_until_the_deadline() {
    let mut stage = Stage::new();
    stage.runner.deadlines.start = Duration::from_millis(500);
    stage.runner.deadlines.stop = Duration::from_millis(500);
    stage.write("on-start", &becomes("activating", "start", "InvocationID=ab12\nJob=7"));
    let failure = stage.refused().await;
    assert_eq!(failure.kind, FailureKind::Failed { state: State::Starting, exit: None });
    assert!(failure.message.contains("is not up after 500ms"), "{failure}");
    stage.write("on-stop", &becomes("deactivating", "stop-sigterm", "InvocationID=ab12\nJob=8"));
    let failure = stage.runner.stop(&green(Port::Auto)).await.expect_err("it goes on");
    assert_eq!(failure.kind, FailureKind::Failed { state: State::Stopping, exit: None });
    assert!(failure.message.contains("is not stopped after 500ms"), "{failure}");
}

// L10
#[tokio::test]
async fn a_manager_that_hangs_leaves_doubt() {
    let mut stage = Stage::new();
    stage.runner.deadlines.status = Duration::from_millis(300);
    stage.runner.deadlines.start = Duration::from_millis(900);
    stage.write("on-start", "touch started");
    stage.write("on-show", "if test -e started; then exec sleep 60; fi");
    let failure = stage.refused().await;
    assert_eq!(failure.kind, FailureKind::InDoubt, "{failure}");
    assert!(failure.message.contains("show did not answer within"), "{failure}");
    let failure = stage.runner.stop(&green(Port::Auto)).await.expect_err("it hangs");
    assert_eq!(failure.kind, FailureKind::InDoubt, "{failure}");
    assert!(!stage.read("calls").contains(" stop "), "nothing is stopped in doubt");
    // Asked before anything was started, there is no doubt about that.
    let failure = stage.refused().await;
    assert_eq!(failure.kind, FailureKind::NotStarted, "{failure}");
}

/// `systemctl` fails for a moment while the manager is executed again.
#[tokio::test]
async fn a_manager_that_is_reloaded_meanwhile_is_asked_again() {
    let stage = Stage::new();
    let once = "test -e started && ! test -e failed && touch failed && \
                { echo 'Failed to connect to bus' >&2; exit 1; }";
    stage.write("on-show", once);
    let start = becomes("active", "running", "InvocationID=ab12");
    stage.write("on-start", &format!("touch started\n{start}"));
    stage.runner.start(&green(Port::Auto)).await.expect("it starts");
    assert!(stage.path("failed").exists());
}

#[tokio::test]
async fn what_systemd_refuses_is_told_with_what_to_do() {
    let stage = Stage::new();
    let refusal = "echo 'Failed to start app@green.service: Access denied' >&2; exit 4";
    stage.write("on-start", refusal);
    let failure = stage.refused().await;
    assert_eq!(failure.kind, FailureKind::NotStarted);
    assert!(failure.message.ends_with("Access denied"), "{failure}");
    for (load, words) in [
        ("not-found", "does not exist: create /etc/systemd/system/app@.service, then systemctl"),
        ("masked", "is masked: systemctl unmask app@green.service"),
        ("bad-setting", "cannot load the unit app@green.service (bad-setting): no ExecStart"),
    ] {
        stage.unit(&format!("LoadState={load}\nLoadError=no ExecStart\nActiveState=inactive\n"));
        let checked = stage.runner.check(&green(Port::Auto)).await.expect_err(load);
        let failure = stage.refused().await;
        assert_eq!((failure.kind, &failure), (FailureKind::Usage, &checked));
        assert!(failure.message.contains(words), "{failure}");
    }
    let mut stage = Stage::new();
    stage.write("journalctl", "echo 'No journal files were found.' >&2; exit 1");
    stage.unit("LoadState=loaded\nActiveState=active\nInvocationID=ab12\n");
    let failure = stage.runner.logs(&green(Port::Auto), 5).await.expect_err("there is no journal");
    assert!(failure.message.ends_with("No journal files were found."), "{failure}");
    stage.runner.systemctl = stage.path("no-such-systemctl");
    let failure = stage.refused().await;
    assert_eq!(failure.kind, FailureKind::Usage);
    assert!(failure.message.contains("use the runner hooks or command"), "{failure}");
    stage.runner.unit = "--force".to_owned();
    assert_eq!(stage.refused().await.kind, FailureKind::Usage);
}
