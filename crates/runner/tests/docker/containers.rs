//! Containers of a real Engine.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use runner::{Docker, Exit, FailureKind, Port, Pull, Runner as _, State};

use crate::daemon::{Daemon, wait_until, with_daemon};
use crate::green;

/// A program that answers with its variables on its port.
const SERVER: &str = "busybox mkdir /www; said=$(busybox cat /data/said); \
                      echo \"$TEAL_COLOR $TEAL_VERSION $SECRET $said\" >/www/index.html; \
                      echo serving; echo late >&2; exec busybox httpd -f -p \"$TEAL_PORT\" -h /www";

/// A runner of an image of BusyBox, which runs a script; `None` if there is no BusyBox.
fn runner_of(daemon: &Daemon, script: &str) -> Option<Docker> {
    daemon.import("app", "v42").then(|| Docker {
        command: ["/bin/sh", "-c", script].map(str::to_owned).to_vec(),
        pull: Pull::Never,
        stop_timeout: Duration::from_secs(1),
        ..crate::runner(&daemon.socket())
    })
}

/// Returns a server's answer at an address, once there is one.
fn said_at(address: &str) -> String {
    let ask = || {
        let mut stream = TcpStream::connect(address).ok()?;
        stream.set_read_timeout(Some(Duration::from_secs(5))).ok()?;
        stream.write_all(b"GET / HTTP/1.0\r\n\r\n").ok()?;
        let mut said = String::new();
        stream.read_to_string(&mut said).ok()?;
        said.split_once("\r\n\r\n").map(|(_, body)| body.trim().to_owned())
    };
    let said = std::cell::RefCell::new(None);
    wait_until("a server answers", || {
        *said.borrow_mut() = ask();
        said.borrow().is_some()
    });
    said.into_inner().expect("it has answered")
}

#[test]
fn a_container_is_started_described_and_stopped() {
    with_daemon("a_container_is_started_described_and_stopped", |daemon| async move {
        let Some(mut runner) = runner_of(&daemon, SERVER) else { return };
        let place = |name: &str| daemon.folder().join(name);
        fs::write(place("secrets"), "SECRET=it is\n").expect("ours");
        fs::create_dir(place("green")).expect("ours");
        fs::write(place("green/said"), "mounted\n").expect("ours");
        runner.env_file = Some(place("secrets"));
        runner.mounts = vec![format!("{}/{{color}}:/data:ro", daemon.folder().display())];
        let green = green(Port::Fixed(8082));
        runner.check(&green).await.expect("all is there");
        assert_eq!(runner.status(&green).await.expect("it answers").state, State::Stopped);
        assert!(runner.logs(&green, 5).await.expect("it was never started").is_empty());

        assert_eq!(runner.start(&green).await.expect("it starts").target, None);
        assert_eq!(said_at("127.0.0.1:8082"), "green v42 it is mounted");
        let status = runner.status(&green).await.expect("it answers");
        assert_eq!((status.state, status.restarts, status.exit), (State::Running, 0, None));
        assert_eq!(status.version, green.version);
        let detail = status.detail.expect("there is more to know");
        assert_eq!(detail, "the container web-green is running");
        let mut lines = runner.logs(&green, 5).await.expect("it answers");
        lines.sort();
        assert_eq!(lines, ["late", "serving"]);

        let twice = runner.start(&green).await.expect_err("it runs");
        assert_eq!(twice.kind, FailureKind::NotStarted);
        assert!(twice.message.contains("the container web-green is running; stop it"), "{twice}");

        runner.stop(&green).await.expect("it stops");
        assert_eq!(runner.status(&green).await.expect("it answers").state, State::Stopped);
        runner.stop(&green).await.expect("it is stopped already");
        assert!(TcpStream::connect("127.0.0.1:8082").is_err(), "nothing of it is left");
    });
}

#[test]
fn a_target_is_told_and_stays() {
    with_daemon("a_target_is_told_and_stays", |daemon| async move {
        let Some(mut runner) = runner_of(&daemon, SERVER) else { return };
        let target = runner.start(&green(Port::Auto)).await.expect("it starts").target;
        let target = target.expect("a chosen port").to_string();
        let address = target.strip_prefix("http://").expect("plain HTTP").to_owned();
        assert!(said_at(&address).starts_with("green v42"));
        daemon.order("POST", "/containers/web-green/restart?t=0", "");
        assert!(said_at(&address).starts_with("green v42"), "at the same address");
        let status = runner.status(&green(Port::Auto)).await.expect("it answers");
        assert!(address.ends_with(&format!(":{}", status.port.expect("a chosen port"))));
        runner.stop(&green(Port::Auto)).await.expect("it stops");

        runner.port = Some(3000);
        runner.network = Some("app".to_owned());
        let failure = runner.start(&green(Port::None)).await.expect_err("no network");
        assert!(failure.message.contains("docker network create app"), "{failure}");
        daemon.order("POST", "/networks/create", "{\"Name\": \"app\"}");
        let target = runner.start(&green(Port::None)).await.expect("it starts").target;
        let target = target.expect("its own address").to_string();
        let address = target.strip_prefix("http://").expect("plain HTTP").to_owned();
        assert!(address.ends_with(":3000") && !address.starts_with("127."), "{address}");
        assert!(said_at(&address).starts_with("green v42"));
        runner.stop(&green(Port::None)).await.expect("it stops");
    });
}

#[test]
fn a_program_that_ends_and_one_that_does_not_are_told() {
    with_daemon("a_program_that_ends_and_one_that_does_not_are_told", |daemon| async move {
        let script = "echo starting; echo 'no database' >&2; exit 3";
        let Some(mut runner) = runner_of(&daemon, script) else { return };
        let green = green(Port::None);
        let (settle, limit) = (runner.settle, runner.deadlines.start);
        runner.settle = limit; // a busy machine takes its time to end it
        let failure = runner.start(&green).await.expect_err("it ends");
        assert!(matches!(failure.kind, FailureKind::Failed { .. }), "{failure:?}");
        assert!(failure.message.contains("ended before it was up: web-green is "), "{failure}");
        assert!(failure.lines.iter().any(|line| line == "no database"), "{failure:?}");
        runner.port = Some(3000); // its own address is told, so Docker does not start it again
        runner.stop(&green).await.expect("it stops");
        let failure = runner.start(&green).await.expect_err("it ends");
        let exit = Some(Exit::Code(3));
        assert_eq!(failure.kind, FailureKind::Failed { state: State::Failed, exit });
        runner.settle = settle;
        assert_eq!(runner.status(&green).await.expect("it answers").exit, exit);

        // What has ended is replaced, and what does not obey is killed.
        runner.command[2] = "trap '' TERM; while :; do busybox sleep 1; done".to_owned();
        runner.start(&green).await.expect("it starts");
        let began = Instant::now();
        runner.stop(&green).await.expect("it is killed");
        assert!(began.elapsed() >= runner.stop_timeout, "{:?}", began.elapsed());
        assert_eq!(runner.status(&green).await.expect("it answers").state, State::Stopped);

        runner.command = vec!["/no/such/program".to_owned()];
        let failure = runner.start(&green).await.expect_err("no such program");
        assert!(failure.message.contains("/no/such/program"), "{failure}");
        runner.stop(&green).await.expect("what was made is removed");
        assert!(!daemon.order("GET", "/containers/json?all=1", "").contains("web-green"));
    });
}

#[test]
fn containers_and_images_of_others_are_left_alone() {
    with_daemon("containers_and_images_of_others_are_left_alone", |daemon| async move {
        let Some(mut runner) = runner_of(&daemon, SERVER) else { return };
        let body = "{\"Image\": \"app:v42\", \"Cmd\": [\"busybox\", \"sleep\", \"100\"]}";
        daemon.order("POST", "/containers/create?name=web-green", body);
        daemon.order("POST", "/containers/web-green/start", "");
        let green = green(Port::Fixed(8082));
        for failure in [
            runner.check(&green).await.expect_err("another's"),
            runner.start(&green).await.expect_err("another's"),
            runner.stop(&green).await.expect_err("another's"),
        ] {
            assert_eq!(failure.kind, FailureKind::Usage);
            assert!(
                failure.message.starts_with("the container web-green is not Teal's"),
                "{failure}"
            );
        }
        assert!(daemon.order("GET", "/containers/web-green/json", "").contains("\"Running\":true"));

        runner.container = "{service}.{color}".to_owned();
        let taken = body.replacen(
            '{',
            "{\"ExposedPorts\": {\"80/tcp\": {}}, \
             \"HostConfig\": {\"PortBindings\": {\"80/tcp\": [{\"HostPort\": \"8082\"}]}}, ",
            1,
        );
        daemon.order("POST", "/containers/create?name=other", &taken);
        daemon.order("POST", "/containers/other/start", "");
        let failure = runner.start(&green).await.expect_err("the port is taken");
        assert_eq!(failure.kind, FailureKind::NotStarted);
        assert!(
            failure.message.contains("port 8082 on loopback is in use by another"),
            "{failure}"
        );

        runner.image = "127.0.0.1:1/app:{version}".to_owned();
        let failure = runner.check(&green).await.expect_err("no such image");
        assert_eq!(failure.kind, FailureKind::Usage);
        runner.pull = Pull::Missing;
        let failure = runner.start(&green).await.expect_err("no such registry");
        assert_eq!(failure.kind, FailureKind::NotStarted);
        assert!(failure.message.contains("connection refused"), "{failure}");
    });
}
