//! The runner `hooks`: real scripts, real processes, real sockets.

mod application;

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

use rules::{Color, ServiceName, Version};
use runner::{Deadlines, Environment, Exit, Failure, FailureKind, Hooks, Port, Runner as _, State};
use tempfile::TempDir;

use application::{eventually, runs, version_at};

/// A function of the scripts: true if a process runs and is not just left unreaped.
const ALIVE: &str = r#"alive() { grep -qs '^State:[[:space:]]*[^ZX]' "/proc/$1/status"; }"#;

/// Makes a hook unusable.
type Spoil = fn(&Scripts);

/// A folder of scripts.
struct Scripts {
    folder: TempDir,
    hooks: Hooks,
}

impl Scripts {
    /// Hooks that start, stop and describe the application, with what `TEAL_…` tells them.
    fn of_the_application() -> Self {
        let program = application::executable();
        let arguments = application::ARGUMENTS.join(" ");
        let scripts = Self::new();
        scripts.write(
            "start",
            &format!(
                "setsid '{}' {arguments} >log 2>&1 </dev/null & echo $! >pid\n\
                 until grep -q listening log; do alive $(cat pid) || exit 1; sleep 0.02; done",
                program.display()
            ),
        );
        scripts.write(
            "stop",
            "test -e pid || exit 0; kill $(cat pid)\n\
             while alive $(cat pid); do sleep 0.02; done; rm pid",
        );
        scripts.write("status", "test -e pid && alive $(cat pid) || exit 3");
        scripts.write("logs", "tail -n 50 log");
        scripts
    }

    /// Hooks that do nothing and say that nothing runs.
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder can be made");
        let path = |name: &str| folder.path().join(name);
        let deadlines = Deadlines {
            start: Duration::from_secs(20),
            stop: Duration::from_secs(20),
            status: Duration::from_secs(20),
            logs: Duration::from_secs(20),
        };
        let hooks = Hooks {
            start: path("start"),
            stop: path("stop"),
            status: path("status"),
            logs: Some(path("logs")),
            deadlines,
        };
        let scripts = Self { folder, hooks };
        scripts.write("start", "exit 0");
        scripts.write("stop", "touch stop-was-called");
        scripts.write("status", "exit 3");
        scripts.write("logs", "exit 0");
        scripts
    }

    fn write(&self, name: &str, body: &str) {
        let text = format!("#!/bin/sh\ncd '{}'\n{ALIVE}\n{body}\n", self.folder.path().display());
        fs::write(self.path(name), text).expect("a script can be written");
        self.set_mode(name, 0o755);
    }

    fn set_mode(&self, name: &str, mode: u32) {
        let permissions = fs::Permissions::from_mode(mode);
        fs::set_permissions(self.path(name), permissions).expect("it is ours");
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap_or_default()
    }

    /// The failure of a start.
    async fn refused(&self) -> Failure {
        self.hooks.start(&green(Port::Fixed(1))).await.expect_err("a start that fails")
    }
}

fn green(port: Port) -> Environment {
    Environment {
        service: ServiceName::new("web").expect("a name"),
        color: Color::Green,
        version: Some(Version::new("v42").expect("a version")),
        port,
    }
}

/// The application of these tests, and of no other run.
#[test]
#[ignore = "is the application that the other tests start"]
fn application() {
    application::serve();
}

#[tokio::test]
async fn an_environment_is_started_described_and_stopped() {
    let scripts = Scripts::of_the_application();
    let (hooks, green) = (&scripts.hooks, green(Port::Auto));
    hooks.check(&green).await.expect("all hooks are there");
    assert_eq!(hooks.status(&green).await.expect("it answers").state, State::Stopped);

    let started = hooks.start(&green).await.expect("it starts");
    let target = started.target.expect("the chosen port is told").to_string();
    let port: u16 = target.rsplit(':').next().and_then(|port| port.parse().ok()).expect(&target);
    assert_eq!(target, format!("http://127.0.0.1:{port}"));
    assert_eq!(version_at(port).as_deref(), Some("v42"));
    assert_eq!(hooks.status(&green).await.expect("it answers").state, State::Running);
    let lines = hooks.logs(&green, 1).await.expect("it answers");
    assert_eq!(lines, [format!("listening on {port} as v42")]);

    let pid = scripts.read("pid");
    let twice = hooks.start(&green).await.expect_err("it runs already");
    assert_eq!(twice.kind, FailureKind::NotStarted);
    assert!(twice.message.contains("web (green) is running already"), "{twice}");
    assert!(runs(&pid) && scripts.read("pid") == pid, "the first one still runs, alone");

    hooks.stop(&green).await.expect("it stops");
    assert_eq!(hooks.status(&green).await.expect("it answers").state, State::Stopped);
    assert!(version_at(port).is_none() && !runs(&pid));
    hooks.stop(&green).await.expect("one that is stopped stays so");
}

#[tokio::test]
async fn a_hook_reads_a_document_and_variables() {
    let scripts = Scripts::new();
    scripts.write("start", "cat >document; env | grep ^TEAL_ | sort >variables");
    scripts.write("logs", "cat; echo second");
    scripts.hooks.start(&green(Port::Fixed(8082))).await.expect("it starts");
    let document = scripts.read("document");
    let left = document.split("\"deadline_ms\":").nth(1).and_then(|rest| rest.split(',').next());
    let left: u64 = left.and_then(|left| left.parse().ok()).expect(&document);
    assert!((1..=20_000).contains(&left), "{left}");
    assert_eq!(
        document,
        format!(
            "{{\"action\":\"start\",\"service\":\"web\",\"color\":\"green\",\"version\":\"v42\",\
             \"port\":8082,\"deadline_ms\":{left},\"lines\":null}}\n"
        )
    );
    assert_eq!(
        scripts.read("variables"),
        "TEAL_COLOR=green\nTEAL_PORT=8082\nTEAL_SERVICE=web\nTEAL_VERSION=v42\n"
    );
    let nameless = Environment { version: None, ..green(Port::None) };
    scripts.hooks.start(&nameless).await.expect("it starts");
    assert!(scripts.read("document").contains("\"version\":null,\"port\":null"));
    let told = "TEAL_COLOR=green\nTEAL_PORT=\nTEAL_SERVICE=web\nTEAL_VERSION=\n";
    assert_eq!(scripts.read("variables"), told);
    let lines = scripts.hooks.logs(&nameless, 7).await.expect("it answers");
    assert!(lines[0].ends_with("\"lines\":7}") && lines[1] == "second", "{lines:?}");
}

/// The operator's token may open the admin API; what a deploy starts has no use for it.
#[test]
fn no_hook_inherits_the_token() {
    let scripts = Scripts::new();
    let output = Command::new(application::executable())
        .args(["inherited", "--exact", "--ignored"])
        .env("TEAL_TOKEN", "secret")
        .env("FOLDER", scripts.folder.path())
        .output()
        .expect("it can be started");
    assert!(output.status.success(), "{output:?}");
    let variables = scripts.read("variables");
    assert!(variables.contains("TEAL_COLOR=green") && variables.contains("FOLDER="));
    assert!(!variables.contains("secret"), "{variables}");
}

#[tokio::test]
#[ignore = "is the process with a token that another test starts"]
async fn inherited() {
    let Some(folder) = std::env::var_os("FOLDER") else { return };
    let mut scripts = Scripts::new();
    scripts.write("start", &format!("env >'{}/variables'", PathBuf::from(folder).display()));
    scripts.hooks.logs = None;
    scripts.hooks.start(&green(Port::None)).await.expect("it starts");
    assert!(scripts.hooks.logs(&green(Port::None), 9).await.expect("it has none").is_empty());
}

#[tokio::test]
async fn a_hook_that_says_wait_is_asked_again() {
    let scripts = Scripts::new();
    let counting = "echo x >>calls; test $(wc -l <calls) -ge 3 || exit 75";
    scripts.write("start", counting);
    scripts.hooks.start(&green(Port::None)).await.expect("the third call starts it");
    assert_eq!(scripts.read("calls"), "x\nx\nx\n");
    fs::remove_file(scripts.path("calls")).expect("it is there");
    scripts.write("stop", counting);
    scripts.hooks.stop(&green(Port::None)).await.expect("the third call stops it");
    assert_eq!(scripts.read("calls"), "x\nx\nx\n");
}

// L10
#[tokio::test]
async fn a_hook_that_says_wait_forever_is_asked_until_the_deadline() {
    let mut scripts = Scripts::new();
    scripts.hooks.deadlines.start = Duration::from_secs(2);
    scripts.hooks.deadlines.stop = Duration::from_secs(2);
    scripts.write("status", "test -e asked && exit 75; exit 3");
    scripts.write("start", "touch asked; echo migrating >&2; exit 75");
    let failure = scripts.refused().await;
    let exit = Some(Exit::Code(75));
    assert_eq!(failure.kind, FailureKind::Failed { state: State::Starting, exit });
    assert!(failure.message.contains("not up after 2s"), "{failure}");
    assert_eq!(failure.lines, ["migrating"]);
    scripts.write("stop", "exit 75");
    let failure = scripts.hooks.stop(&green(Port::None)).await.expect_err("it waits");
    assert_eq!(failure.kind, FailureKind::Failed { state: State::Starting, exit });
    assert!(failure.message.contains("not stopped after 2s"), "{failure}");
}

#[tokio::test]
async fn a_start_that_fails_says_what_is_left_running() {
    let scripts = Scripts::new();
    scripts.write("start", "echo 'no such image' >&2; exit 9");
    let failure = scripts.refused().await;
    assert_eq!(failure.kind, FailureKind::NotStarted);
    assert!(failure.message.ends_with("/start ended with exit code 9"), "{failure}");
    assert_eq!(failure.lines, ["no such image"]);

    scripts.write("status", "test -e begun || exit 3");
    scripts.write("start", "touch begun; echo 'only on standard output'; kill -9 $$");
    let failure = scripts.refused().await;
    let exit = Some(Exit::Signal(9));
    assert_eq!(failure.kind, FailureKind::Failed { state: State::Running, exit });
    assert!(failure.message.ends_with("ended with signal 9; it is running"), "{failure}");
    assert_eq!(failure.lines, ["only on standard output"]);
    assert!(!scripts.path("stop-was-called").exists(), "that is for the deploy to decide");

    fs::remove_file(scripts.path("begun")).expect("it is there");
    scripts.write("status", "test -e begun || exit 3; exit 1");
    let failure = scripts.refused().await;
    assert_eq!(failure.kind, FailureKind::InDoubt, "{failure}");
}

// L10
#[tokio::test]
async fn a_hook_that_hangs_is_killed_with_its_group_and_leaves_doubt() {
    let mut scripts = Scripts::new();
    scripts.hooks.deadlines.start = Duration::from_millis(500);
    let hanging = [
        "sleep 1000 & echo $! >child; echo $$ >pid; echo 'asking the database' >&2; wait",
        "trap '' TERM; sleep 1000 & echo $! >child; echo $$ >pid\n\
         echo 'asking the database' >&2; while :; do wait; done",
    ];
    for hanging in hanging {
        scripts.write("start", hanging);
        let began = Instant::now();
        let failure = scripts.refused().await;
        assert!(began.elapsed() < Duration::from_secs(15), "{:?}", began.elapsed());
        assert_eq!(failure.kind, FailureKind::InDoubt);
        assert!(failure.message.contains("start did not end within 500ms"), "{failure}");
        assert_eq!(failure.lines, ["asking the database"]);
        for process in ["pid", "child"] {
            eventually("it is gone", || !runs(&scripts.read(process)));
        }
    }
    assert!(!scripts.path("stop-was-called").exists(), "nothing is stopped in doubt");
}

#[tokio::test]
async fn a_call_that_is_given_up_ends_its_hook_and_what_that_has_started() {
    let scripts = Scripts::new();
    scripts.write("start", "sleep 1000 & echo $! >child; echo $$ >pid; wait");
    let begun = async {
        let deadline = Instant::now() + Duration::from_secs(10);
        while scripts.read("pid").is_empty() && Instant::now() < deadline {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    let green = green(Port::None);
    tokio::select! {
        started = scripts.hooks.start(&green) => panic!("it hangs: {started:?}"),
        () = begun => {}
    }
    for process in ["pid", "child"] {
        eventually("it is gone", || !runs(&scripts.read(process)));
    }
    assert!(!scripts.path("stop-was-called").exists());
}

#[tokio::test]
async fn a_hook_that_cannot_be_executed_is_named_before_anything_starts() {
    let green = green(Port::None);
    let spoil: [(&str, Spoil); 4] = [
        ("does not exist: create it", |scripts| {
            fs::remove_file(scripts.path("stop")).expect("it is there");
        }),
        ("is not executable for this user: chmod +x", |scripts| scripts.set_mode("stop", 0o644)),
        ("is a directory: name an executable file", |scripts| {
            fs::remove_file(scripts.path("stop")).expect("it is there");
            fs::create_dir(scripts.path("stop")).expect("it can be made");
        }),
        ("is not a file: name an executable file", |scripts| {
            fs::remove_file(scripts.path("stop")).expect("it is there");
            let made = Command::new("mkfifo").arg(scripts.path("stop")).status();
            assert!(made.is_ok_and(|status| status.success()));
        }),
    ];
    for (words, spoil) in spoil {
        let scripts = Scripts::new();
        scripts.write("start", "touch begun");
        spoil(&scripts);
        let checked = scripts.hooks.check(&green).await.expect_err(words);
        let failure = scripts.hooks.start(&green).await.expect_err(words);
        assert_eq!((failure.kind, &failure), (FailureKind::Usage, &checked));
        let path = scripts.path("stop").display().to_string();
        let told = failure.message.contains("the hook stop cannot be used:")
            && failure.message.contains(&path)
            && failure.message.contains(words);
        assert!(told, "{failure}");
        assert!(!scripts.path("begun").exists(), "{words}");
    }
    let scripts = Scripts::new();
    fs::write(scripts.path("start"), "#!/nonexistent/sh\n").expect("it is ours");
    let failure = scripts.hooks.start(&green).await.expect_err("no interpreter");
    assert_eq!(failure.kind, FailureKind::Usage);
    assert!(failure.message.contains("the interpreter in its first line"), "{failure}");
}

/// The output of a hook is a pipe; who still writes to it later is ended by SIGPIPE.
#[tokio::test]
async fn an_application_that_keeps_the_output_of_its_hook_is_refused() {
    let scripts = Scripts::new();
    scripts.write("start", "setsid sleep 20 & echo $! >pid");
    scripts.write("stop", "kill $(cat pid)");
    let failure = scripts.refused().await;
    let exit = Some(Exit::Code(0));
    assert_eq!(failure.kind, FailureKind::Failed { state: State::Running, exit });
    assert!(failure.message.contains("redirect its output to a file"), "{failure}");
    assert!(runs(&scripts.read("pid")), "that is for the deploy to decide");
    scripts.hooks.stop(&green(Port::None)).await.expect("it stops");
}

#[tokio::test]
async fn a_target_that_start_tells_is_the_one_to_use() {
    let scripts = Scripts::new();
    scripts.write("start", "echo pulling; echo '{\"target\": \"http://10.0.0.7:3000\"}'");
    for port in [Port::Auto, Port::None, Port::Fixed(8082)] {
        let started = scripts.hooks.start(&green(port)).await.expect("it starts");
        let target = started.target.expect("it is told").to_string();
        assert_eq!(target, "http://10.0.0.7:3000");
    }
    scripts.write("start", "echo '{\"target\": \"10.0.0.7\"}'");
    let failure = scripts.refused().await;
    assert!(matches!(failure.kind, FailureKind::Failed { state: State::Running, .. }));
    assert!(failure.message.contains("write it as http://HOST:PORT"), "{failure}");
}

#[tokio::test]
async fn a_status_that_nobody_understands_starts_nothing_and_stops_nothing() {
    let scripts = Scripts::new();
    scripts.write("start", "touch begun");
    scripts.write("status", "echo 'status: not found' >&2; exit 127");
    let green = green(Port::None);
    let failure = scripts.hooks.status(&green).await.expect_err("127 is not a state");
    assert_eq!(failure.kind, FailureKind::InDoubt);
    assert!(failure.message.contains("exit code 127; it must exit with 0 (running)"), "{failure}");
    let failure = scripts.hooks.start(&green).await.expect_err("127 is not a state");
    assert_eq!(failure.kind, FailureKind::NotStarted);
    assert_eq!(failure.lines, ["status: not found"]);
    assert!(!scripts.path("begun").exists() && !scripts.path("stop-was-called").exists());
}

#[tokio::test]
async fn a_stop_that_fails_or_stops_nothing_is_told() {
    let scripts = Scripts::new();
    scripts.write("status", "exit 0");
    let green = green(Port::None);
    for (stop, exit, words) in [
        ("exit 0", 0, "says that web (green) is stopped, but"),
        ("echo busy >&2; exit 4", 4, "ended with exit code 4; it is running"),
    ] {
        scripts.write("stop", stop);
        let failure = scripts.hooks.stop(&green).await.expect_err(stop);
        let exit = Some(Exit::Code(exit));
        assert_eq!(failure.kind, FailureKind::Failed { state: State::Running, exit });
        assert!(failure.message.contains(words), "{failure}");
    }
    scripts.write("logs", "exit 1");
    let failure = scripts.hooks.logs(&green, 5).await.expect_err("it fails");
    assert!(failure.message.starts_with("no log lines: "), "{failure}");
}
