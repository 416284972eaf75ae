//! The runner `command`: real supervisors, real processes, real sockets.

mod application;

use std::collections::BTreeMap;
use std::fs;
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use rules::{Color, ServiceName, Version};
use runner::{Deadlines, Environment, Exit, FailureKind, Port, Processes, Runner as _, State};
use rustix::process::{Pid, Signal, getpid, getsid, kill_process, kill_process_group};
use tempfile::TempDir;

use application::{eventually, runs, version_at};

/// Makes a runner unusable.
type Spoil = fn(&mut Processes);

/// The environment of one test: a state directory, and whatever it leaves running is ended with it.
struct Stage {
    folder: TempDir,
    runner: Processes,
}

impl Stage {
    /// A runner of a shell command.
    fn of(script: &str) -> Self {
        Self::of_command(&["sh", "-c", script])
    }

    /// A runner of the application.
    fn of_the_application() -> Self {
        let program = application::executable().display().to_string();
        let mut command = vec![&*program];
        command.extend(application::ARGUMENTS);
        Self::of_command(&command)
    }

    fn of_command(command: &[&str]) -> Self {
        let folder = tempfile::tempdir().expect("a folder can be made");
        let arguments = ["supervisor", "--exact", "--ignored", "--nocapture"];
        let runner = Processes {
            supervisor: (application::executable(), arguments.map(Into::into).to_vec()),
            systemd_run: None,
            state_dir: folder.path().to_owned(),
            command: command.iter().map(|part| (*part).to_owned()).collect(),
            variables: BTreeMap::new(),
            directory: Some(folder.path().to_owned()),
            log: None,
            log_bytes: 1 << 20,
            stop_timeout: Duration::from_secs(10),
            deadlines: Deadlines {
                start: Duration::from_secs(20),
                stop: Duration::from_secs(20),
                status: Duration::from_secs(10),
                logs: Duration::from_secs(10),
            },
        };
        Self { folder, runner }
    }

    fn place(&self, name: &str) -> PathBuf {
        self.folder.path().join("runner/web.green").join(name)
    }

    fn read(&self, name: &str) -> String {
        fs::read_to_string(self.folder.path().join(name)).unwrap_or_default()
    }

    fn record(&self) -> String {
        fs::read_to_string(self.place("process")).unwrap_or_default()
    }

    /// The process id of the program.
    fn pid(&self) -> Pid {
        self.recorded_pid().expect("the program has been started")
    }

    /// The process id of its supervisor.
    fn supervisor(&self) -> Pid {
        session_of(self.pid()).expect("the program runs")
    }

    fn recorded_pid(&self) -> Option<Pid> {
        let record = self.record();
        Pid::from_raw(record.split("\"pid\":").nth(1)?.split(',').next()?.parse().ok()?)
    }

    async fn state(&self) -> State {
        self.runner.status(&green(Port::Auto)).await.expect("it answers").state
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        // Those that are stopped, as most tests end, have no record.
        let Some(program) = self.recorded_pid() else { return };
        // A stranger that a test has put into the record is in the session of the test.
        if let Some(supervisor) =
            session_of(program).filter(|own| Some(*own) != session_of(getpid()))
        {
            let _ = kill_process(supervisor, Signal::KILL);
            let _ = kill_process_group(program, Signal::KILL);
        }
    }
}

/// The session of a process: that of a program is its supervisor.
fn session_of(process: Pid) -> Option<Pid> {
    getsid(Some(process)).ok()
}

fn green(port: Port) -> Environment {
    Environment {
        service: ServiceName::new("web").expect("a name"),
        color: Color::Green,
        version: Some(Version::new("v42").expect("a version")),
        port,
    }
}

fn is_gone(pid: Pid) -> bool {
    !runs(&pid.as_raw_nonzero().to_string())
}

/// Returns true if every thread of a process is stopped.
fn is_frozen(pid: Pid) -> bool {
    let threads = fs::read_dir(format!("/proc/{}/task", pid.as_raw_nonzero()));
    threads.into_iter().flatten().flatten().all(|thread| {
        let status = fs::read_to_string(thread.path().join("status"));
        status.is_ok_and(|status| status.contains("\nState:\tT"))
    })
}

/// The application of these tests, and of no other run.
#[test]
#[ignore = "is the application that the other tests start"]
fn application() {
    application::serve();
}

/// The supervisor, as `teal` calls it.
#[test]
#[ignore = "is the supervisor that the other tests start"]
fn supervisor() {
    if let Err(why) = runner::supervise() {
        eprintln!("{why}");
    }
}

#[tokio::test]
async fn an_environment_runs_until_it_is_stopped() {
    let stage = Stage::of_the_application();
    let (runner, green) = (&stage.runner, green(Port::Auto));
    runner.check(&green).await.expect("everything is there");
    assert_eq!(stage.state().await, State::Stopped);

    let started = runner.start(&green).await.expect("it starts");
    let target = started.target.expect("the chosen port is told").to_string();
    let port: u16 = target.rsplit(':').next().and_then(|port| port.parse().ok()).expect(&target);
    assert_eq!(version_at(port).as_deref(), Some("v42"));
    let status = runner.status(&green).await.expect("it answers");
    assert_eq!((status.state, status.restarts, status.exit), (State::Running, 0, None));
    assert_eq!((status.version, status.port), (green.version.clone(), Some(port)));
    let lines = runner.logs(&green, 50).await.expect("there is a log");
    assert_eq!(lines[0], "teal: starting v42");
    assert!(lines.contains(&format!("listening on {port} as v42")), "{lines:?}");

    let pid = stage.pid();
    let twice = runner.start(&green).await.expect_err("it runs already");
    assert_eq!(twice.kind, FailureKind::NotStarted);
    assert_eq!(twice.message, "web (green) is running as v42 already; stop it first");
    assert!(stage.pid() == pid && version_at(port).is_some());

    runner.stop(&green).await.expect("it stops");
    assert_eq!(stage.state().await, State::Stopped);
    assert!(version_at(port).is_none() && is_gone(pid));
    runner.stop(&green).await.expect("one that is stopped stays so");
    let fixed = Environment { port: Port::Fixed(port), ..green };
    assert!(runner.start(&fixed).await.expect("it starts again").target.is_none());
    assert_eq!(version_at(port).as_deref(), Some("v42"));
    runner.stop(&fixed).await.expect("it stops");
}

/// Another command line, which has started nothing and ends at once, is as good as the first.
#[tokio::test]
async fn a_supervisor_outlives_the_command_line_that_has_started_it() {
    let stage = Stage::of("echo $$ >pid; exec sleep 60");
    let first = Command::new(application::executable())
        .args(["command_line", "--exact", "--ignored"])
        .env("FOLDER", stage.folder.path())
        .env("TEAL_TOKEN", "secret")
        .stdout(Stdio::null())
        .status();
    assert!(first.is_ok_and(|status| status.success()));
    assert_eq!(stage.state().await, State::Running);
    let program = stage.pid();
    assert_eq!(stage.read("pid").trim(), program.as_raw_nonzero().to_string());
    let supervisor = stage.supervisor();
    let stat = fs::read_to_string(format!("/proc/{}/stat", program.as_raw_nonzero()));
    let stat = stat.expect("it runs");
    let parent = stat.rsplit(") ").next().and_then(|fields| fields.split(' ').nth(1));
    let leader = supervisor.as_raw_nonzero().to_string();
    assert_eq!(parent, Some(&*leader), "it leads a session of its own, without a terminal");
    let environ = fs::read(format!("/proc/{}/environ", program.as_raw_nonzero()));
    let environ = String::from_utf8_lossy(&environ.expect("it runs")).into_owned();
    assert!(environ.contains("TEAL_COLOR=green") && !environ.contains("secret"), "{environ}");
    stage.runner.stop(&green(Port::None)).await.expect("it stops");
    eventually("the supervisor is gone", || is_gone(supervisor) && is_gone(program));
}

#[tokio::test]
#[ignore = "is the command line that another test starts"]
async fn command_line() {
    let Some(folder) = std::env::var_os("FOLDER") else { return };
    let mut stage = Stage::of("echo $$ >pid; exec sleep 60");
    stage.runner.state_dir = PathBuf::from(&folder);
    stage.runner.directory = Some(PathBuf::from(folder));
    stage.runner.start(&green(Port::None)).await.expect("it starts");
}

#[tokio::test]
async fn a_program_that_ends_before_it_is_up_fails_with_its_last_lines() {
    let stage = Stage::of("echo line; echo 'no database' >&2; exit 7");
    let failure = stage.runner.start(&green(Port::Auto)).await.expect_err("it ends");
    let exit = Some(Exit::Code(7));
    // It may have been started again since.
    assert!(matches!(failure.kind, FailureKind::Failed { exit: seen, .. } if seen == exit));
    assert_eq!(failure.message, "web (green) ended with exit code 7 before it was up");
    assert!(failure.lines.contains(&"no database".to_owned()), "{:?}", failure.lines);
    stage.runner.stop(&green(Port::Auto)).await.expect("it stops");
    assert_eq!(stage.state().await, State::Stopped);
}

#[tokio::test]
async fn a_program_that_ends_is_started_again_a_little_later_each_time() {
    let stage = Stage::of("echo x >>starts; test $(wc -l <starts) -lt 4 && exit 3; exec sleep 60");
    let green = green(Port::None);
    // Its first end may be seen by the start, which is not what is tested here.
    let _ = stage.runner.start(&green).await;
    eventually("it is started a fourth time", || stage.read("starts").lines().count() == 4);
    let status = stage.runner.status(&green).await.expect("it answers");
    assert_eq!((status.state, status.restarts), (State::Running, 3));
    assert_eq!(status.exit, Some(Exit::Code(3)));
    let lines = stage.runner.logs(&green, 50).await.expect("there is a log");
    for pause in ["200ms", "400ms", "800ms"] {
        let line = format!("teal: it ended with exit code 3; next start in {pause}");
        assert!(lines.contains(&line), "{lines:?}");
    }
    stage.runner.stop(&green).await.expect("it stops");
}

// L10
#[tokio::test]
async fn a_program_that_ignores_sigterm_is_killed_with_its_whole_group() {
    let mut stage = Stage::of("trap '' TERM; sleep 60 & echo $! >child; while :; do wait; done");
    stage.runner.stop_timeout = Duration::from_millis(300);
    stage.runner.start(&green(Port::None)).await.expect("it starts");
    eventually("it has a child", || !stage.read("child").trim().is_empty());
    let (program, began) = (stage.pid(), Instant::now());
    stage.runner.stop(&green(Port::None)).await.expect("it stops");
    assert!(began.elapsed() >= Duration::from_millis(300), "{:?}", began.elapsed());
    assert!(is_gone(program) && !runs(&stage.read("child")));
    let lines = stage.runner.logs(&green(Port::None), 1).await.expect("there is a log");
    assert_eq!(lines, ["teal: killed after 300ms"]);
}

#[tokio::test]
async fn a_stop_waits_for_a_program_that_ends_in_order() {
    let stage =
        Stage::of("trap 'echo bye; exit 0' TERM; echo up >up; while :; do sleep 0.05; done");
    stage.runner.start(&green(Port::None)).await.expect("it starts");
    eventually("it is up", || !stage.read("up").is_empty());
    stage.runner.stop(&green(Port::None)).await.expect("it stops");
    let lines = stage.runner.logs(&green(Port::None), 9).await.expect("there is a log");
    assert!(lines.contains(&"bye".to_owned()), "{lines:?}");
    assert_eq!(lines.last().map(String::as_str), Some("teal: stopped"));
}

#[tokio::test]
async fn a_port_that_another_program_has_is_not_taken_for_the_environment() {
    // Below the ports that the system hands out: another test could get one of those meanwhile.
    let first = 20_000 + (std::process::id() % 10_000) as u16;
    let bound = (first..first + 1000).find_map(|port| TcpListener::bind(("127.0.0.1", port)).ok());
    let other = bound.expect("a port is free");
    let port = other.local_addr().expect("it is bound").port();
    let stage = Stage::of("exec sleep 60");
    let failure = stage.runner.start(&green(Port::Fixed(port))).await.expect_err("it is in use");
    assert_eq!(failure.kind, FailureKind::NotStarted);
    assert!(failure.message.contains(&format!("port {port} on loopback is in use")), "{failure}");
    assert_eq!(stage.state().await, State::Stopped);

    drop(other);
    let listening = async {
        let deadline = Instant::now() + Duration::from_secs(10);
        while stage.state().await != State::Running && Instant::now() < deadline {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        loop {
            // The check of the port, or a copy of its socket in a process that is being started, is over soon.
            match TcpListener::bind(("127.0.0.1", port)) {
                Ok(listener) => return listener,
                Err(error) => assert!(Instant::now() < deadline, "{error}"),
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    let green = green(Port::Fixed(port));
    let (started, _other) = tokio::join!(stage.runner.start(&green), listening);
    let failure = started.expect_err("somebody else listens there");
    let state = State::Running;
    assert_eq!(failure.kind, FailureKind::Failed { state, exit: None });
    assert!(failure.message.contains("another program listens on its port"), "{failure}");
    stage.runner.stop(&green).await.expect("it stops");
}

// L10
#[tokio::test]
async fn a_program_that_never_listens_fails_at_the_deadline() {
    let mut stage = Stage::of("echo thinking; exec sleep 60");
    stage.runner.deadlines.start = Duration::from_secs(3); // the supervisor itself must be up by then
    let failure = stage.runner.start(&green(Port::Auto)).await.expect_err("it does not listen");
    let state = State::Running;
    assert_eq!(failure.kind, FailureKind::Failed { state, exit: None });
    assert!(failure.message.contains("after 3s; does it use TEAL_PORT?"), "{failure}");
    assert_eq!(failure.lines.last().map(String::as_str), Some("thinking"));
    assert_eq!(stage.state().await, State::Running, "that is for the deploy to decide");
    stage.runner.stop(&green(Port::Auto)).await.expect("it stops");
}

#[tokio::test]
async fn a_program_without_its_supervisor_runs_on_and_can_be_stopped() {
    let stage = Stage::of_the_application();
    let green = green(Port::Auto);
    let started = stage.runner.start(&green).await.expect("it starts").target.expect("a port");
    let port: u16 = started.to_string().rsplit(':').next().expect("a port").parse().expect("one");
    let program = stage.pid();
    kill_process(stage.supervisor(), Signal::KILL).expect("it is ours");
    eventually("nobody answers", || {
        std::os::unix::net::UnixStream::connect(stage.place("control")).is_err()
    });
    let status = stage.runner.status(&green).await.expect("it is known");
    assert_eq!((status.state, status.port), (State::Running, Some(port)));
    assert!(status.detail.is_some_and(|detail| detail.contains("its supervisor has ended")));
    assert_eq!(version_at(port).as_deref(), Some("v42"), "it serves, and logs without a pipe");
    let failure = stage.runner.start(&green).await.expect_err("it runs");
    assert_eq!(failure.kind, FailureKind::NotStarted);
    stage.runner.stop(&green).await.expect("it stops");
    assert!(is_gone(program) && version_at(port).is_none());
    assert_eq!(stage.state().await, State::Stopped);
}

/// After a restart of the machine the record is there, and its process id may be anybody's.
#[tokio::test]
async fn a_process_that_has_got_the_id_of_a_lost_one_is_left_alone() {
    let stage = Stage::of("exec sleep 60");
    let green = green(Port::None);
    stage.runner.start(&green).await.expect("it starts");
    let (record, program) = (stage.record(), stage.pid().as_raw_nonzero().to_string());
    stage.runner.stop(&green).await.expect("it stops");

    let mut stranger = Command::new("sleep").arg("60").spawn().expect("it starts");
    let stale = record.replace(&program, &stranger.id().to_string());
    // Another time of its start in any case, even if this test has taken less than one tick of the clock.
    let stale = stale.replace("\"started\":", "\"started\":1");
    fs::write(stage.place("process"), stale).expect("the folder is ours");
    let status = stage.runner.status(&green).await.expect("it is known");
    assert_eq!(status.state, State::Failed);
    assert!(status.detail.is_some_and(|detail| detail.contains("restart of the machine")));
    stage.runner.stop(&green).await.expect("there is nothing to stop");
    assert_eq!(stage.state().await, State::Stopped);
    assert!(stranger.try_wait().expect("it is ours").is_none(), "the stranger still runs");
    stranger.kill().and_then(|()| stranger.wait()).expect("it is ours");
}

// L10
#[tokio::test]
async fn a_supervisor_that_does_not_answer_leaves_doubt_and_everything_running() {
    let mut stage = Stage::of("exec sleep 60");
    stage.runner.deadlines.status = Duration::from_millis(300);
    let green = green(Port::None);
    stage.runner.start(&green).await.expect("it starts");
    let (program, supervisor) = (stage.pid(), stage.supervisor());
    kill_process(supervisor, Signal::STOP).expect("it is ours");
    eventually("it is frozen", || is_frozen(supervisor));
    for failure in [
        stage.runner.status(&green).await.expect_err("it is frozen"),
        stage.runner.stop(&green).await.expect_err("it is frozen"),
    ] {
        assert_eq!(failure.kind, FailureKind::InDoubt);
        assert!(failure.message.contains("has not answered within"), "{failure}");
    }
    let failure = stage.runner.start(&green).await.expect_err("it is frozen");
    assert_eq!(failure.kind, FailureKind::NotStarted);
    assert!(!is_gone(program), "nothing is stopped in doubt");
    kill_process(supervisor, Signal::CONT).expect("it is ours");
    stage.runner.deadlines.status = Duration::from_secs(10);
    stage.runner.stop(&green).await.expect("it stops");
    assert!(is_gone(program));
}

#[tokio::test]
async fn what_cannot_be_run_is_named_before_anything_starts() {
    let spoil: [(&str, Spoil); 7] = [
        ("the command is empty", |runner| runner.command.clear()),
        ("no-such-program is not in PATH", |runner| {
            runner.command[0] = "no-such-program".to_owned();
        }),
        ("/no/such does not exist: create it", |runner| runner.command[0] = "/no/such".to_owned()),
        ("is a directory: name an executable file", |runner| runner.command[0] = "/".to_owned()),
        ("the working directory \"/no/such\" does not exist", |runner| {
            runner.directory = Some("/no/such".into());
        }),
        ("\"A=B\" is not the name of a variable", |runner| {
            runner.variables.insert("A=B".to_owned(), String::new());
        }),
        ("use a state directory with a shorter path", |runner| {
            runner.state_dir.push("x".repeat(100));
        }),
    ];
    for (words, spoil) in spoil {
        let mut stage = Stage::of("exit 0");
        spoil(&mut stage.runner);
        let checked = stage.runner.check(&green(Port::Auto)).await.expect_err(words);
        let failure = stage.runner.start(&green(Port::Auto)).await.expect_err(words);
        assert_eq!((failure.kind, &failure), (FailureKind::Usage, &checked));
        assert!(failure.message.contains(words), "{failure}");
    }
    let nameless = Environment { version: None, ..green(Port::Auto) };
    let stage = Stage::of("echo {version}");
    let failure = stage.runner.start(&nameless).await.expect_err("there is no version");
    assert!(failure.message.contains("{version}"), "{failure}");
}

#[tokio::test]
async fn the_command_is_told_its_environment() {
    let mut stage =
        Stage::of("echo \"$0 ${HOME:+home} $OWN $TEAL_VERSION $TEAL_PORT\" >told; exec sleep 60");
    stage.runner.command.push("{service}-{color}-{version}-{port}".to_owned());
    stage.runner.variables.insert("OWN".to_owned(), "at {port}".to_owned());
    stage.runner.variables.insert("HOME".to_owned(), "/".to_owned());
    stage.runner.variables.insert("TEAL_PORT".to_owned(), "cannot be replaced".to_owned());
    let log = stage.folder.path().join("{color}.log");
    stage.runner.log = Some(log);
    stage.runner.deadlines.start = Duration::from_secs(1);
    let _ = stage.runner.start(&green(Port::Fixed(1))).await; // it does not listen
    eventually("it is told", || !stage.read("told").is_empty());
    assert_eq!(stage.read("told"), "web-green-v42-1 home at 1 v42 1\n");
    assert!(stage.read("green.log").contains("teal: starting v42"));
    stage.runner.stop(&green(Port::Fixed(1))).await.expect("it stops");
}

#[tokio::test]
async fn a_long_log_is_rotated_while_the_program_runs() {
    let mut stage = Stage::of("while :; do echo 0123456789; sleep 0.001; done");
    stage.runner.log_bytes = 2000;
    let green = green(Port::None);
    stage.runner.start(&green).await.expect("it starts");
    let length = |name: &str| fs::metadata(stage.place(name)).map_or(0, |file| file.len());
    eventually("it is rotated", || length("log.1") > 0);
    let lines = stage.runner.logs(&green, 50).await.expect("there is a log");
    assert!(lines.len() == 50 && lines.iter().any(|line| line == "0123456789"), "{lines:?}");
    assert!(length("log.1") <= 2000);
    stage.runner.stop(&green).await.expect("it stops");
}
